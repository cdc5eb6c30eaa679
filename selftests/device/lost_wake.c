// SPDX-License-Identifier: GPL-2.0-only
/* rig: smp=2 user=root,plain timeout=300 */
/*
 * The hunt for lost wakes on two processors.
 */
#include "hunt.h"

TEST_HARNESS_MAIN
