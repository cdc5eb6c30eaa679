// SPDX-License-Identifier: GPL-2.0-only
/* rig: user=root,plain */
/*
 * What publishing costs in system calls: none while nobody sleeps, and one WAKE
 * for each sleep.  The publisher runs under ptrace(2), which sees them all.
 */
#include "wait.h"

#include <sys/ptrace.h>

#include "kselftest_harness.h"

#define SLOTS		64
#define BUSY_EVENTS	20000
#define SLEEPS		100

/* The publisher says where counting begins and ends, by calls nobody else makes. */
#define MARKER		SYS_getppid

/**
 * struct count - the calls between the markers
 * @wakes: WAKE
 * @others: all else
 * @last: the last of these
 * @status: as child_wait()
 */
struct count {
	unsigned int wakes;
	unsigned int others;
	unsigned long last;
	int status;
};

static void count_call(struct count *count,
		       const struct __ptrace_syscall_info *info)
{
	if (info->entry.nr == SYS_ioctl &&
	    (unsigned int)info->entry.args[1] == DISRUPTOR_IOC_WAKE) {
		count->wakes++;
		return;
	}
	count->others++;
	count->last = info->entry.nr;
}

/* Let @pid, which has stopped itself, run to its end. */
static struct count count_calls(pid_t pid)
{
	struct __ptrace_syscall_info info;
	struct count count = {};
	int markers = 0;
	int status;

	waitpid(pid, &status, 0);
	ptrace(PTRACE_SETOPTIONS, pid, NULL,
	       PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	for (;;) {
		ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
		if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
			break;
		if (WSTOPSIG(status) != (SIGTRAP | 0x80))
			continue;
		ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info);
		if (info.op != PTRACE_SYSCALL_INFO_ENTRY)
			continue;
		if (info.entry.nr == MARKER)
			markers++;
		else if (markers == 1)
			count_call(&count, &info);
	}
	count.status = WIFEXITED(status) ? WEXITSTATUS(status) :
					   -WTERMSIG(status);
	return markers == 2 ? count : (struct count){ .status = -1000 };
}

static void marker(void)
{
	syscall(MARKER);
}

/**
 * struct turns - whose turn it is; shared
 * @taken: the publisher has its role: nothing else fires a sleeper from now on
 * @begun: how many sleeps the sleeper has begun
 * @asleep: how many of them it was seen in
 */
struct turns {
	unsigned int taken;
	unsigned int begun;
	unsigned int asleep;
};

/**
 * struct stage - a publisher and the one who waits for it
 * @ring: the ring
 * @name: NULL: the producer
 * @events: how many
 * @until: so many for each sleep
 * @polls: sleeps in poll()
 * @turns: which sleep it is
 */
struct stage {
	int ring;
	const char *name;
	unsigned int events;
	unsigned int until;
	bool polls;
	struct turns *turns;
};

static const __u64 *map_sequence(int fd, unsigned int seat)
{
	void *page = mmap(NULL, page_bytes(), PROT_READ, MAP_SHARED, fd,
			  DISRUPTOR_REGION_OFFSET(DISRUPTOR_REGION_SEQUENCES) +
			  seat * page_bytes());

	return page == MAP_FAILED ? NULL : counter_in(page, seat);
}

/* Publish all, as fast as the others' counter permits; calls nothing. */
static int publish_spinning(void *context)
{
	struct stage *stage = context;
	unsigned int ahead = stage->name ? 0 : SLOTS;
	const __u64 *others;
	struct role role;

	CHILD_CHECK(!role_take(&role, stage->ring, stage->name));
	others = map_sequence(stage->ring, !role.seat);
	CHILD_CHECK(others);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	marker();
	while (role.next < stage->events) {
		if (__atomic_load_n(others, __ATOMIC_ACQUIRE) + ahead > role.next)
			publish(&role, role.next + 1);
	}
	marker();
	return 0;
}

/* The same in a process that nobody counts. */
static int work_spinning(void *context)
{
	struct stage *stage = context;
	unsigned int ahead = stage->name ? 0 : SLOTS;
	const __u64 *others;
	struct role role;

	CHILD_CHECK(!role_take(&role, stage->ring, stage->name));
	others = map_sequence(stage->ring, !role.seat);
	CHILD_CHECK(others);
	while (role.next < stage->events) {
		if (__atomic_load_n(others, __ATOMIC_ACQUIRE) + ahead > role.next)
			publish(&role, role.next + 1);
		else
			sched_yield();
	}
	return 0;
}

static struct turns *new_turns(void)
{
	void *turns = mmap(NULL, sizeof(struct turns), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return turns == MAP_FAILED ? NULL : turns;
}

static unsigned int read_turn(const unsigned int *turn)
{
	return __atomic_load_n(turn, __ATOMIC_ACQUIRE);
}

/*
 * Tell the publisher when the sleeper sleeps.  That wake_at is lowered says less:
 * the sleeper looks once more, and if it finds the event, no WAKE is owed.
 */
static void *watch_sleeper(void *context)
{
	struct turns *turns = context;
	unsigned int turn;

	for (;;) {
		turn = read_turn(&turns->begun);
		if (turn != turns->asleep &&
		    thread_state(getpid(), getpid()) == 'S' &&
		    turn == read_turn(&turns->begun))
			__atomic_store_n(&turns->asleep, turn, __ATOMIC_RELEASE);
		else
			sched_yield();
	}
	return NULL;
}

/* Each time that somebody sleeps, publish as much as he sleeps for, by ones. */
static int publish_to_sleeper(void *context)
{
	struct stage *stage = context;
	unsigned int turn = 0;
	struct role role;
	unsigned int i;

	CHILD_CHECK(!role_take(&role, stage->ring, stage->name));
	__atomic_store_n(&stage->turns->taken, 1, __ATOMIC_RELEASE);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	marker();
	while (role.next < stage->events) {
		if (read_turn(&stage->turns->asleep) == turn)
			continue;
		turn++;
		for (i = 0; i < stage->until; i++)
			publish(&role, role.next + 1);
	}
	marker();
	return 0;
}

static int sleep_for(const struct stage *stage, const struct role *role)
{
	struct pollfd p = {
		.fd = role->fd, .events = stage->name ? POLLIN : POLLOUT,
	};
	__u64 deadline = in_ms(LONG_MS);
	int err;

	__atomic_add_fetch(&stage->turns->begun, 1, __ATOMIC_RELEASE);
	if (stage->polls)
		return poll(&p, 1, LONG_MS) == 1 ? 0 : -ETIMEDOUT;
	err = wait_until(role->fd, role->next + stage->until, deadline, NULL);
	/* By the publisher, not by the deadline, which looks, too. */
	return err ?: now_ns() < deadline ? 0 : -ETIMEDOUT;
}

/* Sleep for @until more, again and again, and take them all. */
static int sleep_and_take(void *context)
{
	struct stage *stage = context;
	unsigned int ahead = stage->name ? 0 : SLOTS;
	pthread_t watcher;
	struct role role;

	CHILD_CHECK(!role_take(&role, stage->ring, stage->name));
	if (ahead)
		publish(&role, ahead);	/* a producer has no room from here on */
	/* Who comes fires all sleepers, and a look may then find the event. */
	while (!read_turn(&stage->turns->taken))
		usleep(100);
	CHILD_CHECK(!pthread_create(&watcher, NULL, watch_sleeper, stage->turns));
	while (role.next < stage->events + ahead) {
		CHILD_CHECK(!sleep_for(stage, &role));
		publish(&role, role.next + stage->until);
	}
	return 0;
}

/* ---- nobody sleeps ---------------------------------------------------------- */

TEST(publishing_to_a_busy_consumer_makes_no_calls)
{
	int ring = ring_create(.slots = SLOTS, .graph = "a");
	struct stage producer = { ring, NULL, BUSY_EVENTS };
	struct stage a = { ring, "a", BUSY_EVENTS };
	pid_t consumer = child_start(work_spinning, &a);
	struct count count = count_calls(child_start(publish_spinning,
						     &producer));

	ASSERT_EQ(0, count.status);
	EXPECT_EQ(0, child_wait(consumer));
	EXPECT_EQ(0, count.wakes);
	EXPECT_EQ(0, count.others) TH_LOG("the last was call %lu", count.last);
	EXPECT_EQ(BUSY_EVENTS, counter_of(ring, 0));
	EXPECT_EQ(0, seat_stats(ring, 0).wakes);
	EXPECT_EQ(0, seat_stats(ring, 1).sleeps);
}

TEST(publishing_to_a_busy_consumer_makes_no_calls_under_fences_either)
{
	int ring = ring_create(.slots = SLOTS, .graph = "a");
	struct stage producer = { ring, NULL, BUSY_EVENTS };
	struct stage a = { ring, "a", BUSY_EVENTS };
	struct count count;
	pid_t consumer;
	struct role role;
	int i;

	ASSERT_EQ(0, role_take(&role, ring, "a"));
	for (i = 0; i < 20; i++)
		wait_until(role.fd, 1, in_ms(1), NULL);
	EXPECT_EQ(1, told_fence(role.control, 0));
	role_drop(&role);
	consumer = child_start(work_spinning, &a);
	count = count_calls(child_start(publish_spinning, &producer));
	ASSERT_EQ(0, count.status);
	EXPECT_EQ(0, child_wait(consumer));
	EXPECT_EQ(0, count.wakes);
	EXPECT_EQ(0, count.others) TH_LOG("the last was call %lu", count.last);
	EXPECT_EQ(0, seat_stats(ring, 0).wakes);
}

TEST(releasing_to_a_busy_producer_makes_no_calls)
{
	int ring = ring_create(.slots = SLOTS, .graph = "a");
	struct stage producer = { ring, NULL, BUSY_EVENTS };
	struct stage a = { ring, "a", BUSY_EVENTS };
	pid_t other = child_start(work_spinning, &producer);
	struct count count = count_calls(child_start(publish_spinning, &a));

	ASSERT_EQ(0, count.status);
	EXPECT_EQ(0, child_wait(other));
	EXPECT_EQ(0, count.wakes);
	EXPECT_EQ(0, count.others) TH_LOG("the last was call %lu", count.last);
	EXPECT_EQ(0, seat_stats(ring, 1).wakes);
}

/* ---- somebody sleeps ---------------------------------------------------------- */

/* @publisher, @sleeper: consumers; NULL: the producer. */
static struct count count_sleeps(int ring, const char *publisher,
				 const char *sleeper, unsigned int until,
				 bool polls)
{
	struct stage from = {
		.ring = ring, .name = publisher, .events = until * SLEEPS,
		.until = until, .turns = new_turns(),
	};
	struct stage to = from;
	struct count count;
	pid_t pid;

	to.name = sleeper;
	to.polls = polls;
	pid = child_start(sleep_and_take, &to);
	count = count_calls(child_start(publish_to_sleeper, &from));
	return child_wait(pid) ? (struct count){ .status = -1001 } : count;
}

TEST(publishing_to_a_sleeping_consumer_is_one_wake_per_sleep)
{
	int ring = ring_create(.slots = SLOTS, .graph = "a");
	struct count count = count_sleeps(ring, NULL, "a", 1, false);

	ASSERT_EQ(0, count.status);
	EXPECT_EQ(SLEEPS, count.wakes);
	EXPECT_EQ(0, count.others) TH_LOG("the last was call %lu", count.last);
	EXPECT_EQ(SLEEPS, seat_stats(ring, 0).wakes);
	EXPECT_EQ(SLEEPS, seat_stats(ring, 1).sleeps);
}

TEST(publishing_to_one_who_sleeps_for_16_is_one_wake_for_16)
{
	int ring = ring_create(.slots = SLOTS, .graph = "a");
	struct count count = count_sleeps(ring, NULL, "a", 16, false);

	ASSERT_EQ(0, count.status);
	EXPECT_EQ(SLEEPS, count.wakes);
	EXPECT_EQ(0, count.others) TH_LOG("the last was call %lu", count.last);
	EXPECT_EQ(SLEEPS, seat_stats(ring, 1).sleeps);
	EXPECT_EQ(16 * SLEEPS, counter_of(ring, 0));
}

TEST(publishing_to_a_consumer_in_poll_is_one_wake_per_sleep)
{
	int ring = ring_create(.slots = SLOTS, .graph = "a");
	struct count count = count_sleeps(ring, NULL, "a", 1, true);

	ASSERT_EQ(0, count.status);
	EXPECT_EQ(SLEEPS, count.wakes);
	EXPECT_EQ(0, count.others) TH_LOG("the last was call %lu", count.last);
}

TEST(releasing_to_a_producer_asleep_for_a_quarter_is_one_wake_per_quarter)
{
	int ring = ring_create(.slots = SLOTS, .graph = "a");
	struct count count = count_sleeps(ring, "a", NULL, SLOTS / 4, false);

	ASSERT_EQ(0, count.status);
	EXPECT_EQ(SLEEPS, count.wakes);
	EXPECT_EQ(0, count.others) TH_LOG("the last was call %lu", count.last);
	EXPECT_EQ(SLEEPS, seat_stats(ring, 1).wakes);
	EXPECT_EQ(SLEEPS, seat_stats(ring, 0).sleeps);
}

TEST_HARNESS_MAIN
