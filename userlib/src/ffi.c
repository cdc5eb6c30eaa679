// SPDX-License-Identifier: MIT
/*
 * The header's inline functions as symbols, for languages that cannot include
 * it: libdisruptor-ffi.so is libdisruptor.so and these.
 */
#define DISRUPTOR_INLINE	__attribute__((visibility("default")))

#include "internal.h"
