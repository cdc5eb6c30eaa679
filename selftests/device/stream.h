/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests with several processes share: events of which every byte is
 * known, seeded chance, stages that run in processes of their own, and memory
 * that survives them.
 */
#ifndef SELFTESTS_DEVICE_STREAM_H
#define SELFTESTS_DEVICE_STREAM_H

#include "ring.h"

#include <sched.h>
#include <sys/prctl.h>

#include <disruptor.h>

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#endif

/* ---- chance ----------------------------------------------------------------- */

/* SEED=... repeats a run, as far as the scheduler lets it. */
static inline uint64_t chosen_seed(void)
{
	const char *given = getenv("SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) :
			     now_ns() ^ ((uint64_t)getpid() << 40);

	printf("# SEED=%#llx\n", (unsigned long long)seed);
	fflush(stdout);
	return seed;
}

/* splitmix64: any seed will do, also 0 and neighbours. */
static inline uint64_t chance(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* 0 to @n - 1. */
static inline uint64_t chance_below(uint64_t *state, uint64_t n)
{
	return chance(state) % n;
}

/* 1 to @n, and often the ends. */
static inline uint64_t chance_part(uint64_t *state, uint64_t n)
{
	switch (chance_below(state, 4)) {
	case 0:
		return 1;
	case 1:
		return n;
	}
	return 1 + chance_below(state, n);
}

/* ---- events ------------------------------------------------------------------ */

/*
 * Word @i of event @seq.  The factors are odd: words of neighbouring events,
 * of laps, and of one event all differ.
 */
static inline __u32 event_word(uint64_t seq, __u32 i)
{
	return ((__u32)seq + 1) * 0x9e3779b1U +
	       (__u32)(seq >> 32) * 0x85ebca6bU + i * 0xc2b2ae35U;
}

/* Fill a slot of @bytes, a multiple of 4; every one of them. */
static inline void event_fill(void *slot, __u32 bytes, uint64_t seq)
{
	__u32 *word = slot;
	__u32 i;

	for (i = 0; i < bytes / 4; i++)
		word[i] = event_word(seq, i);
}

static inline bool event_right(const void *slot, __u32 bytes, uint64_t seq)
{
	const __u32 *word = slot;
	__u32 wrong = 0;
	__u32 i;

	for (i = 0; i < bytes / 4; i++)
		wrong |= word[i] ^ event_word(seq, i);
	return !wrong;
}

/* ---- memory shared with children ------------------------------------------------ */

/* Zeroed; survives whoever dies.  NULL on failure. */
static inline void *shared_alloc(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

#define shared_load(at)		__atomic_load_n(at, __ATOMIC_ACQUIRE)
#define shared_store(at, value)	__atomic_store_n(at, value, __ATOMIC_SEQ_CST)

/* ---- stages: roles in processes of their own ------------------------------------- */

#define STAGE_SECONDS	100	/* a stage that takes longer is killed */

/* Start @fn in a child that dies when its time is over, or its parent. */
static inline pid_t stage_start(child_fn fn, void *context)
{
	pid_t parent = getpid();
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	signal(SIGALRM, SIG_DFL);
	alarm(STAGE_SECONDS);
	_exit(fn(context));
}

/*
 * Until all of @nr stages have ended, of which this process has no others; how many
 * failed.  After the first, the rest would wait in vain, and is killed.
 */
static inline unsigned int stages_wait(pid_t *pids, unsigned int nr)
{
	unsigned int failed = 0;
	unsigned int i, left;
	int status;
	pid_t pid;

	for (left = nr; left; left--) {
		pid = waitpid(-1, &status, 0);
		if (pid < 0)
			return failed + left;
		/* The number may be used again. */
		for (i = 0; i < nr; i++)
			pids[i] = pids[i] == pid ? 0 : pids[i];
		if (!status || failed++)
			continue;
		printf("# a stage failed: status %#x\n", status);
		for (i = 0; i < nr; i++) {
			if (pids[i])
				kill(pids[i], SIGKILL);
		}
	}
	return failed;
}

/* Guests have few processors: spinning for long is of no use there. */
static const struct disruptor_wait_strategy sleeping UNUSED = {
	.kind = DISRUPTOR_WAIT_BLOCK, .spins = 4,
};

static const struct disruptor_wait_strategy yielding UNUSED = {
	.kind = DISRUPTOR_WAIT_YIELD, .spins = 1,
};

/* One in four yields: sleepers and others have to get along. */
static inline const struct disruptor_wait_strategy *chosen_wait(uint64_t *chances)
{
	return chance_below(chances, 4) ? &sleeping : &yielding;
}

/* Of a role fd, which the handle owns if this succeeds. */
static inline int consumer_use(struct disruptor_consumer **consumer, int fd,
			       const struct disruptor_wait_strategy *wait)
{
	int err;

	if (fd < 0)
		return fd;
	err = disruptor_consumer_from_fd(consumer, fd);
	return err ?: disruptor_consumer_set_wait(*consumer, wait);
}

static inline int producer_use(struct disruptor_producer **producer, int fd,
			       const struct disruptor_wait_strategy *wait)
{
	int err;

	if (fd < 0)
		return fd;
	err = disruptor_producer_from_fd(producer, fd);
	return err ?: disruptor_producer_set_wait(*producer, wait);
}

/* As attach(), when the last holder has only just been killed. */
static inline int attach_in_turn(int ring, const char *name, uint64_t *sequence)
{
	__u64 start;
	int fd;

	while ((fd = attach(ring, name, &start)) == -EBUSY)
		sched_yield();
	*sequence = start;
	return fd;
}

/*
 * For how long a producer goes on: tests are not to take for ever on a machine
 * that is busy with others.
 */
struct quota {
	uint64_t least;
	uint64_t most;
	uint64_t end_ns;
};

static inline bool within(const struct quota *quota, uint64_t next)
{
	return next < quota->most &&
	       (next < quota->least || now_ns() < quota->end_ns);
}

#endif /* SELFTESTS_DEVICE_STREAM_H */
