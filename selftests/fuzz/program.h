/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a fuzzing process runs: a few calls, each of which is what to call and a
 * number that all of its arguments are drawn from, but for those that are fixed.
 * A program is its bytes: it does the same wherever it runs, but for what others do.
 */
#ifndef SELFTESTS_FUZZ_PROGRAM_H
#define SELFTESTS_FUZZ_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#define MOST_CALLS	24
#define MOST_FIXED	2

enum op {
	IOCTL_SHAPED,	/* one of struct shape's */
	IOCTL_WAKE,
	IOCTL_ANY,
	MMAP,
	MUNMAP,
	MREMAP,
	MPROTECT,
	MADVISE,
	TOUCH,
	PIN,
	ADVANCE,
	POLL,
	EPOLL,
	URING_SUBMIT,
	URING_REGISTER,
	CLOSE,
	DUP,
	FORK,
	SEND_FD,
	RECEIVE_FD,
	FDINFO,
	FILE_CALL,
	UNSHARE,
	NAP,
	DIE,
	NR_OPS
};

/* One value, in place of what would have been drawn as the @nth of the call. */
struct fixed {
	uint8_t nth;		/* 0: none; from 1 on */
	uint64_t value;
} __attribute__((packed));

struct call {
	uint8_t op;
	uint8_t beside;		/* in a thread, while the program goes on */
	uint64_t seed;
	struct fixed fixed[MOST_FIXED];
} __attribute__((packed));

struct program {
	uint8_t nr;
	struct call calls[MOST_CALLS];
} __attribute__((packed));

/* Draws the values of one call, in turn. */
struct draw {
	const struct call *call;
	uint64_t state;
	unsigned int nth;
};

void program_random(struct program *program, uint64_t *chances);
void program_mutate(struct program *program, const struct program *other,
		    uint64_t *chances);
void program_print(const struct program *program);
bool program_parse(struct program *program, const char *text);

struct draw draw_begin(const struct call *call);
uint64_t draw(struct draw *from);
uint64_t draw_below(struct draw *from, uint64_t n);
/* True once in @n times. */
bool draw_rarely(struct draw *from, unsigned int n);

/* ---- calls.c: running one ---------------------------------------------------- */

void run_begin(int mailbox);
void run_program(const struct program *program);

#endif /* SELFTESTS_FUZZ_PROGRAM_H */
