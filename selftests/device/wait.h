/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of sleeping share: roles that publish as linux/disruptor.h
 * says, waits that end, threads that wait, and what STATS and the control region
 * tell of them.
 *
 * Functions answer as the kernel does: what the call returned, or -errno.
 */
#ifndef SELFTESTS_DEVICE_WAIT_H
#define SELFTESTS_DEVICE_WAIT_H

#include "ring.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#define NOBODY		DISRUPTOR_NOBODY_SLEEPS
#define FOREVER		(~0ULL)
#define LONG_MS		5000	/* what is to happen has happened by then */
#define SLEEP_MS	(20000 * patience())	/* a deadline is not taken for a wake */
#define LATE_MS		(250 * patience())	/* if emulated, a deadline is kept within */
#define QUIET_MS	60	/* so long we watch that nothing happens */

static inline int run_on_cpu(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

/* ---- roles ------------------------------------------------------------------ */

/**
 * struct role - a role fd and its maps
 * @fd: the fd
 * @seat: its number
 * @next: where it goes on
 * @counter: its own, to write
 * @control: the control region
 * @wakes: how often it called WAKE
 */
struct role {
	int fd;
	unsigned int seat;
	__u64 next;
	__u64 *counter;
	const struct disruptor_control *control;
	unsigned long wakes;
};

/* @name NULL: the producer.  0 or -errno. */
static inline int role_take(struct role *role, int ring, const char *name)
{
	struct disruptor_attach_args args = attach_args(name);

	memset(role, 0, sizeof(*role));
	role->fd = ring_ioctl(ring, DISRUPTOR_IOC_ATTACH, &args);
	if (role->fd < 0)
		return role->fd;
	role->seat = name ? DISRUPTOR_SEAT_CONSUMER(args.index) :
			    DISRUPTOR_SEAT_PRODUCERS;
	role->next = args.sequence;
	role->counter = map_own(role->fd, role->seat);
	role->control = map_control(role->fd);
	if (role->counter && role->control)
		return 0;
	close(role->fd);
	return -ENOMEM;
}

/* The maps go with the fd, as when the process dies. */
static inline void role_drop(struct role *role)
{
	unmap_own(role->counter);
	munmap((void *)role->control, sizeof(*role->control));
	close(role->fd);
}

static inline __u64 told_wake_at(const struct disruptor_control *control,
				 unsigned int seat)
{
	return __atomic_load_n(&control->seat[seat].wake_at, __ATOMIC_RELAXED);
}

static inline __u64 told_look_at(const struct disruptor_control *control,
				 unsigned int seat)
{
	return __atomic_load_n(&control->seat[seat].look_at, __ATOMIC_RELAXED);
}

static inline __u32 told_fence(const struct disruptor_control *control,
			       unsigned int seat)
{
	return __atomic_load_n(&control->seat[seat].fence, __ATOMIC_RELAXED);
}

static inline int wake(int fd, unsigned long flags)
{
	return ioctl(fd, DISRUPTOR_IOC_WAKE, flags) ? -errno : 0;
}

/* Whether publishing @hi must be followed by WAKE. */
static inline bool must_wake(const struct role *role, __u64 hi)
{
	if (hi < told_look_at(role->control, role->seat))
		return false;
	if (told_fence(role->control, role->seat))
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return hi >= told_wake_at(role->control, role->seat);
}

/* Everything below @hi is done. */
static inline void publish(struct role *role, __u64 hi)
{
	__atomic_store_n(role->counter, hi, __ATOMIC_RELEASE);
	role->next = hi;
	/* The module has the processor pass a barrier here; not the compiler. */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (must_wake(role, hi)) {
		role->wakes++;
		wake(role->fd, 0);
	}
}

/* ---- waits -------------------------------------------------------------------- */

/* @reached may be NULL.  An output that the kernel left alone shows as poison. */
static inline int wait_until(int fd, __u64 target, __u64 deadline_ns,
			     __u64 *reached)
{
	struct disruptor_wait_args args = {
		.size = sizeof(args), .target = target,
		.deadline_ns = deadline_ns, .reached = POISON64,
	};
	int ret = ring_ioctl(fd, DISRUPTOR_IOC_WAIT, &args);

	if (reached)
		*reached = args.reached;
	return ret;
}

/* What poll() says within @ms; 0: nothing. */
static inline int polls(int fd, short events, int ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	int ret = poll(&p, 1, ms);

	return ret < 0 ? -errno : p.revents;
}

/* Only look. */
static inline int look(int fd, __u64 target, __u64 *reached)
{
	return wait_until(fd, target, 0, reached);
}

static inline struct disruptor_seat_stats seat_stats(int fd, unsigned int seat)
{
	struct full_stats full;

	stats_of(fd, &full);
	return full.seats[seat];
}

/* ---- threads that wait ---------------------------------------------------------- */

/**
 * struct sleeper - a thread in WAIT, or in whatever @fn does instead
 * @fd: of the role
 * @target: see WAIT
 * @deadline_ns: likewise
 * @fn: NULL: WAIT
 * @context: for @fn
 * @result: what it answered
 * @reached: likewise
 * @back_ns: when it did
 */
struct sleeper {
	int fd;
	__u64 target;
	__u64 deadline_ns;
	int (*fn)(struct sleeper *sleeper);
	void *context;

	int result;
	__u64 reached;
	__u64 back_ns;

	pthread_t thread;
	int tid;
	int entered;
	int back;
};

static inline void *sleeper_main(void *context)
{
	struct sleeper *s = context;

	s->tid = syscall(SYS_gettid);
	__atomic_store_n(&s->entered, 1, __ATOMIC_RELEASE);
	s->result = s->fn ? s->fn(s) :
		wait_until(s->fd, s->target, s->deadline_ns, &s->reached);
	s->back_ns = now_ns();
	__atomic_store_n(&s->back, 1, __ATOMIC_RELEASE);
	return NULL;
}

static inline bool is_back(const struct sleeper *s)
{
	return __atomic_load_n(&s->back, __ATOMIC_ACQUIRE);
}

/* State of the thread @tid of @pid, as /proc has it; '?': gone. */
static inline char thread_state(int pid, int tid)
{
	char path[64], text[512];
	char *end;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	if (read_text(path, text, sizeof(text)) <= 0)
		return '?';
	end = strrchr(text, ')');
	return end ? end[2] : '?';
}

/* The system call that a thread sleeps in; -1: none. */
static inline long thread_syscall(int pid, int tid)
{
	char path[64], text[256];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", pid, tid);
	if (read_text(path, text, sizeof(text)) <= 0 || text[0] == 'r')
		return -1;
	return atol(text);
}

static inline bool sleeps_in(int pid, int tid, long nr)
{
	return thread_state(pid, tid) == 'S' &&
	       (thread_syscall(pid, tid) == nr || nr < 0);
}

static inline bool is_asleep(const struct sleeper *s)
{
	return __atomic_load_n(&s->entered, __ATOMIC_ACQUIRE) && !is_back(s) &&
	       sleeps_in(getpid(), s->tid, s->fn ? -1 : SYS_ioctl);
}

static inline void sleeper_start(struct sleeper *s)
{
	s->entered = 0;
	s->back = 0;
	s->result = POISON32;
	s->reached = POISON64;
	if (pthread_create(&s->thread, NULL, sleeper_main, s))
		abort();
}

/* Start it, and see it fall asleep. */
static inline bool sleeper_sleeps(struct sleeper *s)
{
	sleeper_start(s);
	return BECOMES_TRUE(is_asleep(s), LONG_MS);
}

/* Whether it comes back; then it is joined. */
static inline bool sleeper_returns(struct sleeper *s)
{
	if (!BECOMES_TRUE(is_back(s), LONG_MS))
		return false;
	pthread_join(s->thread, NULL);
	return true;
}

/* Whether it stays asleep while we watch. */
static inline bool sleeper_stays(const struct sleeper *s)
{
	return !BECOMES_TRUE(is_back(s), QUIET_MS) &&
	       BECOMES_TRUE(is_asleep(s) || is_back(s), LONG_MS) && !is_back(s);
}

/* A sleeper in WAIT on @role; its end is bounded. */
static inline struct sleeper sleeper_on(const struct role *role, __u64 target)
{
	return (struct sleeper){
		.fd = role->fd, .target = target,
		.deadline_ns = in_ms(SLEEP_MS),
	};
}

#endif /* SELFTESTS_DEVICE_WAIT_H */
