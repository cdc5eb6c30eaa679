/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Included before all else in what is built to tell where it has been: it tells when
 * it exits, and children of tests leave by _exit(), which says nothing.
 */
#ifndef SELFTESTS_COVERAGE_EXIT_H
#define SELFTESTS_COVERAGE_EXIT_H

#ifndef __cplusplus

/* No header yet: which of them say what is the program's to choose. */
void exit_at_once(int status) __asm__("_exit");
void __gcov_dump(void);

static inline void covered_exit(int status)
{
	__gcov_dump();
	exit_at_once(status);
	__builtin_unreachable();
}

#define _exit	covered_exit

#endif

#endif /* SELFTESTS_COVERAGE_EXIT_H */
