// SPDX-License-Identifier: GPL-2.0-only
/* rig: smp=4 timeout=300 */
/*
 * The hunt for lost wakes on four processors.
 */
#include "hunt.h"

TEST_HARNESS_MAIN
