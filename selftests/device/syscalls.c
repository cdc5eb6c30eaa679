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
 * struct stage - a publisher and the one who waits for it
 * @ring: the ring
 * @name: NULL: the producer
 * @events: how many
 * @step: so many by one publishing
 * @until: of a sleeper: what it waits for each time
 * @polls: sleeps in poll()
 */
struct stage {
	int ring;
	const char *name;
	unsigned int events;
	unsigned int step;
	unsigned int until;
	bool polls;
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

/* Publish by @step, each time when somebody sleeps for what comes next. */
static int publish_to_sleeper(void *context)
{
	struct stage *stage = context;
	struct role role;

	CHILD_CHECK(!role_take(&role, stage->ring, stage->name));
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	marker();
	while (role.next < stage->events) {
		if (told_wake_at(role.control, role.seat) != NOBODY)
			publish(&role, role.next + stage->step);
	}
	marker();
	return 0;
}

/* Sleep for @until more, again and again, and take them all. */
static int sleep_and_take(void *context)
{
	struct stage *stage = context;
	struct pollfd p = { .events = stage->name ? POLLIN : POLLOUT };
	struct role role;
	int err;

	CHILD_CHECK(!role_take(&role, stage->ring, stage->name));
	p.fd = role.fd;
	while (role.next < stage->events) {
		err = stage->polls ? poll(&p, 1, LONG_MS) != 1 :
			wait_until(role.fd, role.next + stage->until,
				   in_ms(SLEEP_MS), NULL);
		CHILD_CHECK(!err);
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

TEST(publishing_to_a_sleeping_consumer_is_one_wake_per_sleep)
{
	int ring = ring_create(.slots = SLOTS, .graph = "a");
	struct stage producer = { ring, NULL, SLEEPS, 1 };
	struct stage a = { ring, "a", SLEEPS, .until = 1 };
	pid_t consumer = child_start(sleep_and_take, &a);
	struct count count = count_calls(child_start(publish_to_sleeper,
						     &producer));

	ASSERT_EQ(0, count.status);
	EXPECT_EQ(0, child_wait(consumer));
	EXPECT_EQ(SLEEPS, count.wakes);
	EXPECT_EQ(0, count.others) TH_LOG("the last was call %lu", count.last);
	EXPECT_EQ(SLEEPS, seat_stats(ring, 0).wakes);
	EXPECT_EQ(SLEEPS, seat_stats(ring, 1).sleeps);
}

TEST(publishing_to_one_who_sleeps_for_16_is_one_wake_for_16)
{
	int ring = ring_create(.slots = SLOTS, .graph = "a");
	struct stage producer = { ring, NULL, 16 * SLEEPS, 1 };
	struct stage a = { ring, "a", 16 * SLEEPS, .until = 16 };
	pid_t consumer = child_start(sleep_and_take, &a);
	struct count count = count_calls(child_start(publish_to_sleeper,
						     &producer));

	ASSERT_EQ(0, count.status);
	EXPECT_EQ(0, child_wait(consumer));
	EXPECT_EQ(SLEEPS, count.wakes);
	EXPECT_EQ(0, count.others) TH_LOG("the last was call %lu", count.last);
	EXPECT_EQ(SLEEPS, seat_stats(ring, 1).sleeps);
}

TEST(publishing_to_a_consumer_in_poll_is_one_wake_per_sleep)
{
	int ring = ring_create(.slots = SLOTS, .graph = "a");
	struct stage producer = { ring, NULL, SLEEPS, 1 };
	struct stage a = { ring, "a", SLEEPS, .until = 1, .polls = true };
	pid_t consumer = child_start(sleep_and_take, &a);
	struct count count = count_calls(child_start(publish_to_sleeper,
						     &producer));

	ASSERT_EQ(0, count.status);
	EXPECT_EQ(0, child_wait(consumer));
	EXPECT_EQ(SLEEPS, count.wakes);
	EXPECT_EQ(0, count.others) TH_LOG("the last was call %lu", count.last);
}

/* Fill the ring for it, and then sleep for a quarter of room each time. */
static int fill_and_sleep(void *context)
{
	struct stage *stage = context;
	struct role role;

	CHILD_CHECK(!role_take(&role, stage->ring, NULL));
	publish(&role, SLOTS);
	while (role.next < stage->events + SLOTS) {
		CHILD_CHECK(!wait_until(role.fd, role.next + stage->until,
					in_ms(SLEEP_MS), NULL));
		publish(&role, role.next + stage->until);
	}
	return 0;
}

TEST(releasing_to_a_producer_asleep_for_a_quarter_is_one_wake_per_quarter)
{
	int ring = ring_create(.slots = SLOTS, .graph = "a");
	struct stage producer = { ring, NULL, SLOTS / 4 * SLEEPS,
				  .until = SLOTS / 4 };
	struct stage a = { ring, "a", SLOTS / 4 * SLEEPS, 1 };
	pid_t other = child_start(fill_and_sleep, &producer);
	struct count count = count_calls(child_start(publish_to_sleeper, &a));

	ASSERT_EQ(0, count.status);
	EXPECT_EQ(0, child_wait(other));
	EXPECT_EQ(SLEEPS, count.wakes);
	EXPECT_EQ(0, count.others) TH_LOG("the last was call %lu", count.last);
	EXPECT_EQ(SLEEPS, seat_stats(ring, 1).wakes);
	EXPECT_EQ(SLEEPS, seat_stats(ring, 0).sleeps);
}

TEST_HARNESS_MAIN
