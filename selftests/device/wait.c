// SPDX-License-Identifier: GPL-2.0-only
/* rig: user=root,plain timeout=180 */
/*
 * WAIT and WAKE: who is put to sleep, what wakes them and what does not, and with
 * which answer.
 *
 * A deadline is kept when WAIT never returns before it, and at most LATE_MS after
 * it in one of TRIES: the machine may be emulated, and its host busy.
 */
#include "wait.h"

#include "kselftest_harness.h"

#define SLOTS	8
#define TRIES	3

FIXTURE(wait) {
	int ring;
	struct role producer;
	struct role a;
	struct role b;
};

FIXTURE_SETUP(wait)
{
	self->ring = ring_create(.slots = SLOTS, .graph = "a b:a");
	ASSERT_LE(0, self->ring);
	ASSERT_EQ(0, role_take(&self->producer, self->ring, NULL));
	ASSERT_EQ(0, role_take(&self->a, self->ring, "a"));
	ASSERT_EQ(0, role_take(&self->b, self->ring, "b"));
}

FIXTURE_TEARDOWN(wait)
{
	close(self->ring);
}

/* ---- refusals ------------------------------------------------------------ */

TEST_F(wait, refuses_structs_of_a_wrong_size_and_unknown_flags)
{
	struct {
		struct disruptor_wait_args args;
		__u64 tail;
	} longer = { .args = { .size = sizeof(longer), .target = 1 } };
	struct disruptor_wait_args args = {
		.size = sizeof(args), .target = 1, .reached = POISON64,
	};

	EXPECT_EQ(-EFAULT, ring_ioctl(self->a.fd, DISRUPTOR_IOC_WAIT, NULL));
	args.size = sizeof(args) - 1;
	EXPECT_EQ(-EINVAL, ring_ioctl(self->a.fd, DISRUPTOR_IOC_WAIT, &args));
	args.size = 0;
	EXPECT_EQ(-EINVAL, ring_ioctl(self->a.fd, DISRUPTOR_IOC_WAIT, &args));
	args.size = sizeof(args);
	args.flags = 1;
	EXPECT_EQ(-EINVAL, ring_ioctl(self->a.fd, DISRUPTOR_IOC_WAIT, &args));
	args.flags = 1U << 31;
	EXPECT_EQ(-EINVAL, ring_ioctl(self->a.fd, DISRUPTOR_IOC_WAIT, &args));
	EXPECT_EQ(POISON64, args.reached);

	longer.tail = 1;
	EXPECT_EQ(-E2BIG, ring_ioctl(self->a.fd, DISRUPTOR_IOC_WAIT, &longer));
	longer.tail = 0;
	EXPECT_EQ(-ETIMEDOUT,
		  ring_ioctl(self->a.fd, DISRUPTOR_IOC_WAIT, &longer));
}

TEST_F(wait, refuses_a_target_that_could_never_be_met)
{
	__u64 reached;

	EXPECT_EQ(-ETIMEDOUT, look(self->a.fd, SLOTS, NULL));
	EXPECT_EQ(-EINVAL, look(self->a.fd, SLOTS + 1, &reached));
	EXPECT_EQ(POISON64, reached);
	EXPECT_EQ(-EINVAL, look(self->a.fd, FOREVER, NULL));
	EXPECT_EQ(0, look(self->producer.fd, SLOTS, NULL));
	EXPECT_EQ(-EINVAL, look(self->producer.fd, SLOTS + 1, NULL));

	publish(&self->producer, 3);
	EXPECT_EQ(-ETIMEDOUT, look(self->producer.fd, SLOTS + 3, NULL));
	EXPECT_EQ(-EINVAL, look(self->producer.fd, SLOTS + 4, NULL));
}

TEST_F(wait, is_not_for_ring_fds_nor_for_the_device)
{
	struct disruptor_wait_args args = { .size = sizeof(args) };

	EXPECT_EQ(-ENOTTY, ring_ioctl(self->ring, DISRUPTOR_IOC_WAIT, &args));
	EXPECT_EQ(-ENOTTY, ring_ioctl(device_fd(), DISRUPTOR_IOC_WAIT, &args));
	EXPECT_EQ(-ENOTTY, wake(self->ring, 0));
	EXPECT_EQ(-ENOTTY, wake(device_fd(), 0));
}

TEST_F(wait, and_wake_answer_ESTALE_once_the_role_is_gone)
{
	ASSERT_EQ(0, detach(self->a.fd, 0));
	EXPECT_EQ(-ESTALE, look(self->a.fd, 1, NULL));
	EXPECT_EQ(-ESTALE, look(self->a.fd, 0, NULL));
	EXPECT_EQ(-ESTALE, wake(self->a.fd, 0));
	ASSERT_EQ(0, evict(self->ring, NULL, 0));
	EXPECT_EQ(-ESTALE, look(self->producer.fd, 1, NULL));
	EXPECT_EQ(-ESTALE, wake(self->producer.fd, DISRUPTOR_WAKE_UNFENCE));
}

TEST_F(wait, wake_refuses_unknown_flags_and_counts_what_it_takes)
{
	EXPECT_EQ(-EINVAL, wake(self->a.fd, 1UL << 2));
	EXPECT_EQ(-EINVAL, wake(self->a.fd, ~0UL));
	EXPECT_EQ(-EINVAL, wake(self->a.fd, 1UL << 31));
	EXPECT_EQ(-EINVAL, wake(self->a.fd, DISRUPTOR_WAKE_HALT |
					    DISRUPTOR_WAKE_UNFENCE));
	EXPECT_EQ(0, seat_stats(self->ring, self->a.seat).wakes);
	EXPECT_EQ(0, wake(self->a.fd, 0));
	EXPECT_EQ(0, wake(self->a.fd, DISRUPTOR_WAKE_UNFENCE));
	EXPECT_EQ(2, seat_stats(self->ring, self->a.seat).wakes);
	EXPECT_EQ(0, seat_stats(self->ring, self->b.seat).wakes);
}

TEST_F(wait, of_more_than_16_threads_on_one_fd_is_EBUSY)
{
	struct sleeper s[DISRUPTOR_MAX_WAITS];
	struct sleeper other = sleeper_on(&self->b, 1);
	unsigned int i;
	__u64 reached;

	for (i = 0; i < DISRUPTOR_MAX_WAITS; i++) {
		s[i] = sleeper_on(&self->a, 1 + i % 2);
		ASSERT_TRUE(sleeper_sleeps(&s[i]));
	}
	EXPECT_EQ(-EBUSY, wait_until(self->a.fd, 1, in_ms(SLEEP_MS), &reached));
	EXPECT_EQ(POISON64, reached);
	/* Only to look, and to find it met, is no wait; other fds have their own. */
	EXPECT_EQ(-ETIMEDOUT, look(self->a.fd, 1, NULL));
	EXPECT_EQ(0, wait_until(self->a.fd, 0, FOREVER, NULL));
	EXPECT_TRUE(sleeper_sleeps(&other));

	publish(&self->producer, 1);
	for (i = 0; i < DISRUPTOR_MAX_WAITS; i += 2) {
		EXPECT_TRUE(sleeper_returns(&s[i]));
		EXPECT_EQ(0, s[i].result);
	}
	EXPECT_EQ(-ETIMEDOUT, wait_until(self->a.fd, 2, in_ms(2), NULL));
	publish(&self->producer, 2);
	for (i = 1; i < DISRUPTOR_MAX_WAITS; i += 2)
		EXPECT_TRUE(sleeper_returns(&s[i]));
	publish(&self->a, 1);
	EXPECT_TRUE(sleeper_returns(&other));
}

/* ---- targets ------------------------------------------------------------- */

TEST_F(wait, for_what_is_there_returns_at_once_and_does_not_sleep)
{
	__u64 reached;

	publish(&self->producer, 5);
	EXPECT_EQ(0, wait_until(self->a.fd, 5, FOREVER, &reached));
	EXPECT_EQ(5, reached);
	EXPECT_EQ(0, wait_until(self->a.fd, 0, FOREVER, &reached));
	EXPECT_EQ(5, reached);
	EXPECT_EQ(0, wait_until(self->producer.fd, SLOTS, FOREVER, &reached));
	EXPECT_EQ(SLOTS, reached);
	publish(&self->a, 4);
	EXPECT_EQ(0, wait_until(self->b.fd, 4, FOREVER, &reached));
	EXPECT_EQ(4, reached);
	EXPECT_EQ(0, seat_stats(self->ring, 0).sleeps);
	EXPECT_EQ(0, seat_stats(self->ring, self->a.seat).sleeps);
	EXPECT_EQ(0, seat_stats(self->ring, self->b.seat).sleeps);
	EXPECT_EQ(0, seat_stats(self->ring, 0).interrupts);
}

TEST_F(wait, for_n_events_ends_with_the_nth_and_not_before)
{
	struct sleeper s = sleeper_on(&self->a, 5);
	__u64 hi;

	ASSERT_TRUE(sleeper_sleeps(&s));
	for (hi = 1; hi < 5; hi++) {
		publish(&self->producer, hi);
		EXPECT_TRUE(sleeper_stays(&s));
	}
	EXPECT_EQ(0, self->producer.wakes);
	publish(&self->producer, 5);
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(0, s.result);
	EXPECT_EQ(5, s.reached);
	EXPECT_EQ(1, self->producer.wakes);
	EXPECT_EQ(1, seat_stats(self->ring, 0).wakes);
	EXPECT_EQ(1, seat_stats(self->ring, self->a.seat).sleeps);
}

TEST_F(wait, of_a_producer_may_be_for_a_quarter_of_the_ring)
{
	struct sleeper s;

	publish(&self->producer, SLOTS);
	publish(&self->a, SLOTS);
	s = sleeper_on(&self->producer, SLOTS + SLOTS / 4);
	ASSERT_TRUE(sleeper_sleeps(&s));
	publish(&self->b, 1);
	EXPECT_TRUE(sleeper_stays(&s));
	EXPECT_EQ(0, self->b.wakes);
	publish(&self->b, 2);
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(0, s.result);
	EXPECT_EQ(SLOTS + 2, s.reached);
	EXPECT_EQ(1, self->b.wakes);
}

TEST_F(wait, of_several_with_different_targets_ends_for_each_at_its_own)
{
	static const __u64 targets[] = { 7, 2, 4, 2, 8, 1 };
	struct sleeper s[6];
	unsigned int i;
	__u64 hi;

	for (i = 0; i < 6; i++) {
		s[i] = sleeper_on(&self->a, targets[i]);
		ASSERT_TRUE(sleeper_sleeps(&s[i]));
	}
	for (hi = 1; hi <= 8; hi++) {
		publish(&self->producer, hi);
		for (i = 0; i < 6; i++) {
			if (targets[i] > hi) {
				EXPECT_FALSE(is_back(&s[i]));
			} else if (targets[i] == hi) {
				ASSERT_TRUE(sleeper_returns(&s[i]));
				EXPECT_EQ(0, s[i].result);
				EXPECT_EQ(hi, s[i].reached);
			}
		}
	}
	/* One for each target that was new: 1, 2, 4, 7, 8. */
	EXPECT_EQ(5, self->producer.wakes);
	EXPECT_EQ(6, seat_stats(self->ring, self->a.seat).sleeps);
}

TEST_F(wait, in_a_chain_is_for_the_stage_before_and_costs_the_producer_nothing)
{
	struct sleeper s = sleeper_on(&self->b, 3);

	publish(&self->producer, 5);
	ASSERT_TRUE(sleeper_sleeps(&s));
	EXPECT_EQ(3, told_wake_at(self->a.control, self->a.seat));
	EXPECT_EQ(NOBODY, told_wake_at(self->a.control, 0));
	publish(&self->producer, 6);
	EXPECT_EQ(0, self->producer.wakes);
	publish(&self->a, 2);
	EXPECT_TRUE(sleeper_stays(&s));
	publish(&self->a, 4);
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(0, s.result);
	EXPECT_EQ(4, s.reached);
	EXPECT_EQ(1, self->a.wakes);
}

TEST_F(wait, is_not_ended_by_a_wake_for_nothing)
{
	struct sleeper s = sleeper_on(&self->a, 2);

	ASSERT_TRUE(sleeper_sleeps(&s));
	EXPECT_EQ(0, wake(self->producer.fd, 0));
	EXPECT_EQ(0, wake(self->b.fd, 0));
	publish(&self->producer, 1);
	EXPECT_EQ(0, wake(self->producer.fd, 0));
	EXPECT_TRUE(sleeper_stays(&s));
	EXPECT_EQ(2, told_wake_at(self->a.control, 0));
	publish(&self->producer, 2);
	EXPECT_TRUE(sleeper_returns(&s));
}

/* ---- deadlines ----------------------------------------------------------- */

TEST_F(wait, with_a_deadline_in_the_past_only_looks)
{
	__u64 reached;

	publish(&self->producer, 3);
	EXPECT_EQ(-ETIMEDOUT, wait_until(self->a.fd, 4, 0, &reached));
	EXPECT_EQ(3, reached);
	EXPECT_EQ(-ETIMEDOUT, wait_until(self->a.fd, 4, 1, NULL));
	EXPECT_EQ(-ETIMEDOUT, wait_until(self->a.fd, 4, now_ns() - 1, NULL));
	EXPECT_EQ(0, wait_until(self->a.fd, 3, 0, &reached));
	EXPECT_EQ(3, reached);
	EXPECT_EQ(-ETIMEDOUT,
		  wait_until(self->producer.fd, SLOTS + 1, 0, &reached));
	EXPECT_EQ(SLOTS, reached);
	EXPECT_EQ(0, seat_stats(self->ring, self->a.seat).sleeps);
	EXPECT_EQ(0, seat_stats(self->ring, 0).sleeps);
	EXPECT_EQ(NOBODY, told_wake_at(self->a.control, 0));
}

static bool is_late(__u64 deadline, __u64 back)
{
	return back >= deadline + LATE_MS * 1000000ULL;
}

TEST_F(wait, ends_at_its_deadline_not_before_and_hardly_after)
{
	static const unsigned int ms[] = { 1, 5, 30, 200 };
	__u64 deadline, back, reached, before, sleeps;
	unsigned int i, try;

	publish(&self->producer, 1);
	for (i = 0; i < 4; i++) {
		/* A short one may be over before there is a sleep. */
		for (try = 0, back = FOREVER, deadline = 0, sleeps = 0;
		     try < TRIES && (!sleeps || is_late(deadline, back)); try++) {
			before = seat_stats(self->ring, self->a.seat).sleeps;
			deadline = in_ms(ms[i]);
			EXPECT_EQ(-ETIMEDOUT, wait_until(self->a.fd, 2, deadline,
							 &reached));
			back = now_ns();
			sleeps = seat_stats(self->ring, self->a.seat).sleeps -
				 before;
			EXPECT_EQ(1, reached);
			EXPECT_LE(deadline, back);
			EXPECT_GE(1, sleeps);
		}
		EXPECT_FALSE(is_late(deadline, back));
		EXPECT_EQ(1, sleeps);
		EXPECT_EQ(NOBODY, told_wake_at(self->a.control, 0));
	}
}

/* For a moment of this clock, which is another than its parent's. */
static int wait_a_moment(void *context)
{
	__u64 deadline = in_ms(50);
	int *fd = context;

	CHILD_CHECK(wait_until(*fd, 1, deadline, NULL) == -ETIMEDOUT);
	CHILD_CHECK(now_ns() >= deadline);
	return 0;
}

#define NO_SUCH_TIME	77

struct elsewhen {
	int fd;
	const char *offset;
};

/* CHILD_SECONDS is less than an hour. */
static int wait_elsewhen(void *context)
{
	struct elsewhen *elsewhen = context;

	if (unshare(CLONE_NEWUSER | CLONE_NEWTIME) ||
	    write_text("/proc/self/timens_offsets", elsewhen->offset))
		return NO_SUCH_TIME;
	return child_wait(child_start(wait_a_moment, &elsewhen->fd));
}

TEST_F(wait, has_a_deadline_of_the_callers_clock_in_a_time_namespace)
{
	static const char *const offsets[] = { "monotonic 3600 0",
					       "monotonic -1 500000000" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		struct elsewhen elsewhen = { self->a.fd, offsets[i] };
		int status = in_child(wait_elsewhen, &elsewhen);

		if (status == NO_SUCH_TIME)
			SKIP(return, "no time namespaces here");
		EXPECT_EQ(0, status) TH_LOG("%s", offsets[i]);
	}
}

TEST_F(wait, without_a_deadline_has_none)
{
	static const __u64 deadlines[] = { FOREVER, FOREVER - 1, 1ULL << 63 };
	struct sleeper s;
	__u64 i;

	for (i = 0; i < 3; i++) {
		s = sleeper_on(&self->a, i + 1);
		s.deadline_ns = deadlines[i];
		ASSERT_TRUE(sleeper_sleeps(&s));
		EXPECT_TRUE(sleeper_stays(&s));
		publish(&self->producer, i + 1);
		ASSERT_TRUE(sleeper_returns(&s));
		EXPECT_EQ(0, s.result);
		publish(&self->a, i + 1);
	}
}

/* ---- signals ------------------------------------------------------------- */

static volatile sig_atomic_t signals;

static void count_signal(int sig)
{
	signals++;
}

static void catch_usr1(int flags)
{
	struct sigaction action = {
		.sa_handler = count_signal, .sa_flags = flags,
	};

	signals = 0;
	sigaction(SIGUSR1, &action, NULL);
}

TEST_F(wait, ends_with_EINTR_when_a_signal_is_handled)
{
	struct sleeper s = sleeper_on(&self->a, 1);

	catch_usr1(0);
	ASSERT_TRUE(sleeper_sleeps(&s));
	pthread_kill(s.thread, SIGUSR1);
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(-EINTR, s.result);
	EXPECT_EQ(POISON64, s.reached);
	EXPECT_EQ(1, signals);
	EXPECT_EQ(NOBODY, told_wake_at(self->a.control, 0));
}

TEST_F(wait, goes_on_after_a_handler_with_SA_RESTART)
{
	struct sleeper s = sleeper_on(&self->a, 1);
	int i;

	catch_usr1(SA_RESTART);
	ASSERT_TRUE(sleeper_sleeps(&s));
	for (i = 1; i <= 5; i++) {
		pthread_kill(s.thread, SIGUSR1);
		EXPECT_TRUE(BECOMES_TRUE(signals == i && is_asleep(&s), LONG_MS));
	}
	publish(&self->producer, 1);
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(0, s.result);
	EXPECT_EQ(1, s.reached);
}

TEST_F(wait, keeps_its_deadline_over_restarts)
{
	struct sleeper s = sleeper_on(&self->a, 1);
	bool late = true;
	int try;

	catch_usr1(SA_RESTART);
	for (try = 0; try < TRIES && late; try++) {
		s.deadline_ns = in_ms(300);
		ASSERT_TRUE(sleeper_sleeps(&s));
		while (now_ns() + 20000000 < s.deadline_ns) {
			pthread_kill(s.thread, SIGUSR1);
			sleep_ms(7);
		}
		ASSERT_TRUE(sleeper_returns(&s));
		EXPECT_EQ(-ETIMEDOUT, s.result);
		EXPECT_LE(s.deadline_ns, s.back_ns);
		late = is_late(s.deadline_ns, s.back_ns);
	}
	EXPECT_FALSE(late);
	EXPECT_LT(1, signals);
}

TEST_F(wait, outlasts_stop_and_continue)
{
	struct sleeper s = sleeper_on(&self->a, 1);
	pid_t parent = getpid();
	pid_t pid;

	ASSERT_TRUE(sleeper_sleeps(&s));
	pid = fork();
	if (!pid) {
		kill(parent, SIGSTOP);
		BECOMES_TRUE(thread_state(parent, parent) == 'T', 2000);
		kill(parent, SIGCONT);
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_TRUE(BECOMES_TRUE(is_asleep(&s), LONG_MS));
	publish(&self->producer, 1);
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(0, s.result);
}

/* ---- the role goes ------------------------------------------------------- */

TEST_F(wait, ends_with_ESTALE_when_the_role_is_detached)
{
	struct sleeper s = sleeper_on(&self->a, 1);

	ASSERT_TRUE(sleeper_sleeps(&s));
	EXPECT_EQ(0, detach(self->a.fd, 0));
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(-ESTALE, s.result);
	EXPECT_EQ(NOBODY, told_wake_at(self->b.control, 0));
}

TEST_F(wait, ends_with_ESTALE_for_all_when_the_role_is_evicted)
{
	struct sleeper s[4];
	struct sleeper p;
	int i;

	for (i = 0; i < 4; i++) {
		s[i] = sleeper_on(&self->a, 1 + i);
		ASSERT_TRUE(sleeper_sleeps(&s[i]));
	}
	EXPECT_EQ(0, evict(self->ring, "a", 0));
	for (i = 0; i < 4; i++) {
		ASSERT_TRUE(sleeper_returns(&s[i]));
		EXPECT_EQ(-ESTALE, s[i].result);
	}
	publish(&self->producer, SLOTS);
	p = sleeper_on(&self->producer, SLOTS + 1);
	ASSERT_TRUE(sleeper_sleeps(&p));
	EXPECT_EQ(0, evict(self->ring, NULL, 0));
	ASSERT_TRUE(sleeper_returns(&p));
	EXPECT_EQ(-ESTALE, p.result);
}

TEST_F(wait, ends_with_ECANCELED_when_it_is_halted)
{
	struct sleeper s = sleeper_on(&self->a, 1);
	struct sleeper other = sleeper_on(&self->b, 1);

	ASSERT_TRUE(sleeper_sleeps(&s));
	ASSERT_TRUE(sleeper_sleeps(&other));
	EXPECT_EQ(0, wake(self->a.fd, DISRUPTOR_WAKE_HALT));
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(-ECANCELED, s.result);
	EXPECT_TRUE(sleeper_stays(&other));
	EXPECT_EQ(0, seat_stats(self->ring, self->a.seat).wakes);

	/* It is used up, and what comes later sleeps. */
	EXPECT_EQ(-ETIMEDOUT, wait_until(self->a.fd, 1, in_ms(2), NULL));
}

TEST_F(wait, is_halted_in_advance_once_and_only_if_it_would_sleep)
{
	EXPECT_EQ(0, wake(self->a.fd, DISRUPTOR_WAKE_HALT));
	EXPECT_EQ(0, wake(self->a.fd, DISRUPTOR_WAKE_HALT));
	EXPECT_EQ(-ETIMEDOUT, look(self->a.fd, 1, NULL));
	EXPECT_EQ(0, wait_until(self->a.fd, 0, FOREVER, NULL));
	EXPECT_EQ(-ECANCELED, wait_until(self->a.fd, 1, in_ms(SLEEP_MS), NULL));
	EXPECT_EQ(-ETIMEDOUT, wait_until(self->a.fd, 1, in_ms(2), NULL));
}

TEST_F(wait, of_several_is_halted_one_by_one)
{
	struct sleeper s[3];
	int i, halts, back;

	for (i = 0; i < 3; i++) {
		s[i] = sleeper_on(&self->a, 1);
		ASSERT_TRUE(sleeper_sleeps(&s[i]));
	}
	for (halts = 1; halts <= 3; halts++) {
		EXPECT_EQ(0, wake(self->a.fd, DISRUPTOR_WAKE_HALT));
		EXPECT_TRUE(BECOMES_TRUE(is_back(&s[0]) + is_back(&s[1]) +
					 is_back(&s[2]) == halts, LONG_MS));
		sleep_ms(5);
		for (i = back = 0; i < 3; i++)
			back += is_back(&s[i]);
		EXPECT_EQ(halts, back);
	}
	for (i = 0; i < 3; i++) {
		ASSERT_TRUE(sleeper_returns(&s[i]));
		EXPECT_EQ(-ECANCELED, s[i].result);
	}
}

/* ---- the stream ends ----------------------------------------------------- */

TEST_F(wait, ends_with_ENODATA_at_the_end_of_the_stream)
{
	struct sleeper s = sleeper_on(&self->a, 5);
	__u64 reached;

	publish(&self->producer, 3);
	ASSERT_TRUE(sleeper_sleeps(&s));
	role_drop(&self->producer);
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(-ENODATA, s.result);
	EXPECT_EQ(3, s.reached);
	EXPECT_EQ(0, look(self->a.fd, 3, &reached));
	EXPECT_EQ(3, reached);
	EXPECT_EQ(-ENODATA, wait_until(self->a.fd, 4, FOREVER, &reached));
	EXPECT_EQ(3, reached);
}

TEST_F(wait, ends_with_ENODATA_down_the_chain_when_the_stage_before_has_all)
{
	struct sleeper s = sleeper_on(&self->b, 5);

	publish(&self->producer, 3);
	ASSERT_TRUE(sleeper_sleeps(&s));
	EXPECT_EQ(0, detach(self->producer.fd, 0));
	publish(&self->a, 2);
	EXPECT_TRUE(sleeper_stays(&s));
	EXPECT_EQ(3, told_wake_at(self->a.control, self->a.seat));
	publish(&self->a, 3);
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(-ENODATA, s.result);
	EXPECT_EQ(3, s.reached);
}

TEST_F(wait, goes_on_over_the_producer_if_the_ring_outlives_it)
{
	int ring = ring_create(.flags = DISRUPTOR_RING_OUTLIVES, .graph = "a");
	struct role producer, a;
	struct sleeper s;

	ASSERT_EQ(0, role_take(&producer, ring, NULL));
	ASSERT_EQ(0, role_take(&a, ring, "a"));
	s = sleeper_on(&a, 2);
	publish(&producer, 1);
	ASSERT_TRUE(sleeper_sleeps(&s));
	role_drop(&producer);
	EXPECT_TRUE(sleeper_stays(&s));
	ASSERT_EQ(0, role_take(&producer, ring, NULL));
	EXPECT_EQ(1, producer.next);
	EXPECT_TRUE(sleeper_stays(&s));
	publish(&producer, 2);
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(0, s.result);

	publish(&a, 2);
	s = sleeper_on(&a, 3);
	ASSERT_TRUE(sleeper_sleeps(&s));
	EXPECT_EQ(0, detach(producer.fd, DISRUPTOR_DETACH_END));
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(-ENODATA, s.result);
	EXPECT_EQ(2, s.reached);
}

/* ---- deaths, and other changes among the others -------------------------- */

/**
 * struct other - a process that takes a role and does a little
 * @ring: the ring
 * @name: of the consumer; NULL: the producer
 * @hi: what it publishes
 * @silent: without WAKE, as if it were killed between the two
 * @ready: pipe, to tell
 * @go: pipe, to be told to publish
 */
struct other {
	int ring;
	const char *name;
	__u64 hi;
	bool silent;
	int ready[2];
	int go[2];
};

static int other_main(void *context)
{
	struct other *other = context;
	struct role role;

	CHILD_CHECK(!role_take(&role, other->ring, other->name));
	CHILD_CHECK(signal_byte(other->ready[1]));
	CHILD_CHECK(await_byte(other->go[0]));
	if (other->silent)
		counter_set(role.counter, other->hi);
	else if (other->hi)
		publish(&role, other->hi);
	CHILD_CHECK(signal_byte(other->ready[1]));
	pause();
	return 1;
}

static pid_t other_start(struct other *other)
{
	pid_t pid;

	if (pipe(other->ready) || pipe(other->go))
		return -1;
	pid = child_start(other_main, other);
	return await_byte(other->ready[0]) ? pid : -1;
}

static bool other_publishes(struct other *other)
{
	return signal_byte(other->go[1]) && await_byte(other->ready[0]);
}

static int other_killed(pid_t pid)
{
	kill(pid, SIGKILL);
	return child_wait(pid);
}

TEST(a_consumer_is_woken_by_the_death_of_the_producer)
{
	struct other other = { ring_create(.graph = "a"), NULL, 3 };
	pid_t pid = other_start(&other);
	struct sleeper s;
	struct role a;

	ASSERT_LT(0, pid);
	ASSERT_EQ(0, role_take(&a, other.ring, "a"));
	s = sleeper_on(&a, 4);
	ASSERT_TRUE(sleeper_sleeps(&s));
	ASSERT_TRUE(other_publishes(&other));
	EXPECT_TRUE(sleeper_stays(&s));
	EXPECT_EQ(-SIGKILL, other_killed(pid));
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(-ENODATA, s.result);
	EXPECT_EQ(3, s.reached);
}

TEST(a_publisher_killed_before_its_wake_has_published_and_has_woken)
{
	struct other other = {
		ring_create(.graph = "a", .flags = DISRUPTOR_RING_OUTLIVES),
		NULL, 3, .silent = true,
	};
	pid_t pid = other_start(&other);
	struct sleeper s;
	struct role a;

	ASSERT_LT(0, pid);
	ASSERT_EQ(0, role_take(&a, other.ring, "a"));
	s = sleeper_on(&a, 3);
	ASSERT_TRUE(sleeper_sleeps(&s));
	ASSERT_TRUE(other_publishes(&other));
	EXPECT_TRUE(sleeper_stays(&s));
	EXPECT_EQ(-SIGKILL, other_killed(pid));
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(0, s.result);
	EXPECT_EQ(3, s.reached);
}

struct heir {
	int role;
	int ready[2];
	int go[2];
};

/* Publishes without WAKE and dies, while the parent, who cannot, has the fd. */
static int heir_main(void *context)
{
	struct heir *heir = context;
	__u64 *counter = map_own(heir->role, 0);

	CHILD_CHECK(counter);
	counter_set(counter, 1);
	kill(getpid(), SIGKILL);
	return 1;
}

TEST(a_publisher_killed_before_its_wake_has_woken_though_another_has_its_fd)
{
	int ring = ring_create(.graph = "a");
	struct heir heir = { attach_producer(ring, NULL) };
	struct sleeper s;
	struct role a;

	ASSERT_LE(0, heir.role);
	ASSERT_EQ(0, role_take(&a, ring, "a"));
	s = sleeper_on(&a, 1);
	ASSERT_TRUE(sleeper_sleeps(&s));
	EXPECT_EQ(-SIGKILL, in_child(heir_main, &heir));
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(0, s.result);
}

TEST(the_death_of_an_optional_stage_wakes_those_after_it)
{
	struct other other = { ring_create(.graph = "a? b:a"), "a", 0 };
	pid_t pid = other_start(&other);
	struct role producer, b;
	struct sleeper s;

	ASSERT_LT(0, pid);
	ASSERT_EQ(0, role_take(&producer, other.ring, NULL));
	ASSERT_EQ(0, role_take(&b, other.ring, "b"));
	publish(&producer, 5);
	s = sleeper_on(&b, 5);
	ASSERT_TRUE(sleeper_sleeps(&s));
	EXPECT_EQ(-SIGKILL, other_killed(pid));
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(0, s.result);
	EXPECT_EQ(5, s.reached);
}

TEST(the_death_of_an_optional_stage_has_those_after_it_wait_in_its_place)
{
	struct other other = { ring_create(.graph = "a? b:a"), "a", 0 };
	pid_t pid = other_start(&other);
	struct role producer, b;
	struct sleeper s;

	ASSERT_LT(0, pid);
	ASSERT_EQ(0, role_take(&producer, other.ring, NULL));
	ASSERT_EQ(0, role_take(&b, other.ring, "b"));
	publish(&producer, 2);
	s = sleeper_on(&b, 3);
	ASSERT_TRUE(sleeper_sleeps(&s));
	EXPECT_EQ(-SIGKILL, other_killed(pid));
	EXPECT_TRUE(sleeper_stays(&s));
	EXPECT_EQ(3, told_wake_at(b.control, 0));
	EXPECT_EQ(NOBODY, told_wake_at(b.control, DISRUPTOR_SEAT_CONSUMER(0)));
	publish(&producer, 3);
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(0, s.result);
}

TEST(the_death_of_an_optional_consumer_gives_a_sleeping_producer_room)
{
	struct other other = { ring_create(.slots = 4, .graph = "a?"), "a", 0 };
	pid_t pid = other_start(&other);
	struct role producer;
	struct sleeper s;

	ASSERT_LT(0, pid);
	ASSERT_EQ(0, role_take(&producer, other.ring, NULL));
	publish(&producer, 4);
	s = sleeper_on(&producer, 8);
	ASSERT_TRUE(sleeper_sleeps(&s));
	EXPECT_EQ(-SIGKILL, other_killed(pid));
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(0, s.result);
	EXPECT_EQ(8, s.reached);
}

TEST(the_death_of_a_required_consumer_leaves_the_producer_asleep_until_the_next)
{
	struct other other = { ring_create(.slots = 4, .graph = "a"), "a", 1 };
	pid_t pid = other_start(&other);
	struct role producer, a;
	struct sleeper s;

	ASSERT_LT(0, pid);
	ASSERT_EQ(0, role_take(&producer, other.ring, NULL));
	publish(&producer, 4);
	s = sleeper_on(&producer, 6);
	ASSERT_TRUE(sleeper_sleeps(&s));
	ASSERT_TRUE(other_publishes(&other));
	EXPECT_EQ(-SIGKILL, other_killed(pid));
	EXPECT_TRUE(sleeper_stays(&s));
	ASSERT_EQ(0, role_take(&a, other.ring, "a"));
	EXPECT_EQ(1, a.next);
	EXPECT_TRUE(sleeper_stays(&s));
	publish(&a, 2);
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(0, s.result);
	EXPECT_EQ(6, s.reached);
}

TEST(eviction_with_ungate_wakes_those_who_waited_for_the_evicted)
{
	int ring = ring_create(.slots = 4, .graph = "a b:a");
	struct sleeper s, t;
	struct role producer, a, b;

	ASSERT_EQ(0, role_take(&producer, ring, NULL));
	ASSERT_EQ(0, role_take(&a, ring, "a"));
	ASSERT_EQ(0, role_take(&b, ring, "b"));
	publish(&producer, 4);
	s = sleeper_on(&producer, 5);
	t = sleeper_on(&b, 4);
	ASSERT_TRUE(sleeper_sleeps(&s));
	ASSERT_TRUE(sleeper_sleeps(&t));
	EXPECT_EQ(0, evict(ring, "a", 0));
	EXPECT_TRUE(sleeper_stays(&s));
	EXPECT_TRUE(sleeper_stays(&t));
	EXPECT_EQ(0, evict(ring, "a", DISRUPTOR_EVICT_UNGATE));
	ASSERT_TRUE(sleeper_returns(&t));
	EXPECT_EQ(0, t.result);
	EXPECT_TRUE(sleeper_stays(&s));
	publish(&b, 1);
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(0, s.result);
}

TEST(a_stage_that_joins_before_a_sleeper_is_waited_for)
{
	int ring = ring_create(.graph = "a? b:a");
	struct role producer, a, b;
	struct sleeper s;

	ASSERT_EQ(0, role_take(&producer, ring, NULL));
	ASSERT_EQ(0, role_take(&b, ring, "b"));
	publish(&producer, 1);
	publish(&b, 1);
	s = sleeper_on(&b, 2);
	ASSERT_TRUE(sleeper_sleeps(&s));
	ASSERT_EQ(0, role_take(&a, ring, "a"));
	EXPECT_EQ(1, a.next);
	publish(&producer, 2);
	EXPECT_TRUE(sleeper_stays(&s));
	publish(&a, 2);
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(0, s.result);
	EXPECT_EQ(2, s.reached);
}

/* ---- waiters that are killed, fork and exec ------------------------------ */

static int many_sleep(void *context)
{
	struct other *other = context;
	struct sleeper s[DISRUPTOR_MAX_WAITS];
	struct role a;
	int i;

	CHILD_CHECK(!role_take(&a, other->ring, "a"));
	for (i = 0; i < DISRUPTOR_MAX_WAITS; i++) {
		s[i] = sleeper_on(&a, 1 + i % SLOTS);
		s[i].deadline_ns = FOREVER;
		CHILD_CHECK(sleeper_sleeps(&s[i]));
	}
	CHILD_CHECK(signal_byte(other->ready[1]));
	pause();
	return 1;
}

TEST(waiters_killed_in_their_sleep_leave_nothing_behind)
{
	struct other other = { ring_create(.slots = SLOTS, .graph = "a") };
	struct role producer, a;
	int round;
	pid_t pid;

	ASSERT_EQ(0, role_take(&producer, other.ring, NULL));
	ASSERT_EQ(0, pipe(other.ready));
	for (round = 0; round < 10; round++) {
		pid = child_start(many_sleep, &other);
		ASSERT_TRUE(await_byte(other.ready[0]));
		EXPECT_EQ(1, told_wake_at(producer.control, 0));
		EXPECT_EQ(-SIGKILL, other_killed(pid));
		EXPECT_EQ(NOBODY, told_wake_at(producer.control, 0));
	}
	ASSERT_EQ(0, role_take(&a, other.ring, "a"));
	publish(&producer, 1);
	EXPECT_EQ(0, producer.wakes);
	EXPECT_EQ(0, wait_until(a.fd, 1, FOREVER, NULL));
	EXPECT_EQ(10 * DISRUPTOR_MAX_WAITS,
		  seat_stats(other.ring, a.seat).sleeps);
}

static int sleep_and_exec(void *context)
{
	struct other *other = context;
	struct sleeper s;
	struct role a;

	CHILD_CHECK(!role_take(&a, other->ring, "a"));
	s = sleeper_on(&a, 1);
	s.deadline_ns = FOREVER;
	CHILD_CHECK(sleeper_sleeps(&s));
	execl("/bin/sleep", "sleep", "10", NULL);
	return 2;
}

TEST(exec_ends_the_waits_of_other_threads_and_gives_the_role_back)
{
	struct other other = { ring_create(.graph = "a?") };
	struct role producer;
	struct role a;
	pid_t pid;

	ASSERT_EQ(0, role_take(&producer, other.ring, NULL));
	pid = child_start(sleep_and_exec, &other);
	ASSERT_TRUE(BECOMES_TRUE(seat_stats(other.ring, 1).losses == 1,
				 LONG_MS));
	EXPECT_EQ(NOBODY, told_wake_at(producer.control, 0));
	EXPECT_EQ(0, role_take(&a, other.ring, "a"));
	EXPECT_EQ(-SIGKILL, other_killed(pid));
}

static int wait_as_child(void *context)
{
	const struct role *a = context;
	__u64 reached;

	CHILD_CHECK(!wait_until(a->fd, 2, in_ms(SLEEP_MS), &reached));
	CHILD_CHECK(reached == 2);
	return 0;
}

TEST_F(wait, goes_on_over_fork_and_a_child_may_wait_too)
{
	struct sleeper s = sleeper_on(&self->a, 1);
	pid_t pid;

	ASSERT_TRUE(sleeper_sleeps(&s));
	pid = child_start(wait_as_child, &self->a);
	ASSERT_TRUE(BECOMES_TRUE(sleeps_in(pid, pid, SYS_ioctl), LONG_MS));
	EXPECT_FALSE(is_back(&s));
	publish(&self->producer, 1);
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(0, s.result);
	EXPECT_TRUE(BECOMES_TRUE(sleeps_in(pid, pid, SYS_ioctl), LONG_MS));
	publish(&self->producer, 2);
	EXPECT_EQ(0, child_wait(pid));
}

/* ---- what publishers are told -------------------------------------------- */

TEST_F(wait, is_told_to_the_publisher_while_it_lasts_and_no_longer)
{
	const struct disruptor_control *control = self->producer.control;
	struct sleeper s = sleeper_on(&self->a, 5);
	struct sleeper t = sleeper_on(&self->a, 3);
	unsigned int seat;

	for (seat = 0; seat < DISRUPTOR_MAX_SEATS; seat++) {
		EXPECT_EQ(NOBODY, told_wake_at(control, seat));
		EXPECT_EQ(NOBODY, told_look_at(control, seat));
		EXPECT_EQ(0, told_fence(control, seat));
	}
	ASSERT_TRUE(sleeper_sleeps(&s));
	EXPECT_EQ(5, told_wake_at(control, 0));
	EXPECT_EQ(5, told_look_at(control, 0));
	ASSERT_TRUE(sleeper_sleeps(&t));
	EXPECT_EQ(3, told_wake_at(control, 0));
	EXPECT_EQ(3, told_look_at(control, 0));
	EXPECT_EQ(NOBODY, told_wake_at(control, self->a.seat));
	EXPECT_EQ(NOBODY, told_wake_at(control, self->b.seat));
	publish(&self->producer, 3);
	ASSERT_TRUE(sleeper_returns(&t));
	EXPECT_EQ(5, told_wake_at(control, 0));
	publish(&self->producer, 7);
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(NOBODY, told_wake_at(control, 0));
	EXPECT_EQ(NOBODY, told_look_at(control, 0));
	EXPECT_EQ(2, self->producer.wakes);
}

/*
 * One short sleep of a consumer that has caught up; nothing is published.  On a
 * busy host, a deadline may be over before WAIT has looked at it.
 */
static void nap(struct role *role)
{
	__u64 sleeps = seat_stats(role->fd, role->seat).sleeps;
	unsigned int ms = 0;

	do {
		wait_until(role->fd, role->next + 1, in_ms(++ms), NULL);
	} while (seat_stats(role->fd, role->seat).sleeps == sleeps && ms < 100);
}

TEST_F(wait, near_to_the_last_ones_has_the_publisher_fence_instead_of_interrupts)
{
	const struct disruptor_control *control = self->producer.control;
	__u64 interrupts;
	int i;

	EXPECT_EQ(0, told_fence(control, 0));
	for (i = 0; i < 20 && !told_fence(control, 0); i++)
		nap(&self->a);
	EXPECT_LT(1, i);
	EXPECT_EQ(1, told_fence(control, 0));
	EXPECT_EQ(0, told_look_at(control, 0));
	EXPECT_EQ(NOBODY, told_wake_at(control, 0));

	interrupts = seat_stats(self->ring, 0).interrupts;
	EXPECT_LE(1, interrupts);
	for (i = 0; i < 20; i++) {
		nap(&self->a);
		publish(&self->producer, self->producer.next + 1);
		publish(&self->a, self->producer.next);
		publish(&self->b, self->producer.next);
	}
	EXPECT_EQ(interrupts, seat_stats(self->ring, 0).interrupts);
	EXPECT_EQ(1, told_fence(control, 0));
	EXPECT_EQ(0, told_fence(control, self->a.seat));
	EXPECT_EQ(0, self->producer.wakes);
}

TEST_F(wait, is_unfenced_when_the_publisher_asks_and_nobody_sleeps)
{
	const struct disruptor_control *control = self->producer.control;
	struct sleeper s = sleeper_on(&self->a, 1);
	__u64 interrupts;
	int i;

	for (i = 0; i < 20; i++)
		nap(&self->a);
	ASSERT_EQ(1, told_fence(control, 0));
	ASSERT_TRUE(sleeper_sleeps(&s));
	EXPECT_EQ(0, wake(self->producer.fd, DISRUPTOR_WAKE_UNFENCE));
	EXPECT_EQ(1, told_fence(control, 0));
	EXPECT_EQ(0, told_look_at(control, 0));
	EXPECT_EQ(1, told_wake_at(control, 0));
	publish(&self->producer, 1);
	ASSERT_TRUE(sleeper_returns(&s));

	/* Another's asking is about its own. */
	EXPECT_EQ(0, wake(self->a.fd, DISRUPTOR_WAKE_UNFENCE));
	EXPECT_EQ(1, told_fence(control, 0));
	EXPECT_EQ(0, wake(self->producer.fd, 0));
	EXPECT_EQ(1, told_fence(control, 0));
	EXPECT_EQ(0, wake(self->producer.fd, DISRUPTOR_WAKE_UNFENCE));
	EXPECT_EQ(0, told_fence(control, 0));
	EXPECT_EQ(NOBODY, told_look_at(control, 0));

	interrupts = seat_stats(self->ring, 0).interrupts;
	publish(&self->a, 1);
	nap(&self->a);
	EXPECT_EQ(interrupts + 1, seat_stats(self->ring, 0).interrupts);
}

TEST(sleeps_that_are_far_apart_do_not_ask_for_fences)
{
	int ring = ring_create(.slots = 4096, .graph = "a");
	struct role producer, a;
	__u64 i;

	ASSERT_EQ(0, role_take(&producer, ring, NULL));
	ASSERT_EQ(0, role_take(&a, ring, "a"));
	for (i = 0; i < 40; i++) {
		publish(&producer, producer.next + 1100);
		publish(&a, producer.next);
		nap(&a);
		EXPECT_EQ(0, told_fence(producer.control, 0));
		EXPECT_EQ(i + 1, seat_stats(ring, 0).interrupts);
	}
}

/* Function-call interrupts so far on all processors; 0: not told. */
static unsigned long long calls_taken(void)
{
	static char text[65536];
	unsigned long long sum = 0;
	char *at, *end;

	if (read_text("/proc/interrupts", text, sizeof(text)) <= 0)
		return 0;
	/* The line is CAL: or IPI1:, and ends in words that are everywhere the same. */
	at = strstr(text, "Function call interrupts");
	while (at && at != text && *at != ':')
		at--;
	for (at = at ? at + 1 : NULL; at; at = end) {
		unsigned long long n = strtoull(at, &end, 10);

		if (end == at)
			break;
		sum += n;
	}
	return sum;
}

static int run_as_publisher(void *context)
{
	struct heir *heir = context;

	CHILD_CHECK(!run_on_cpu(0));
	CHILD_CHECK(map_own(heir->role, 0));
	CHILD_CHECK(signal_byte(heir->ready[1]));
	for (;;)
		__asm__ volatile("" ::: "memory");
	return 1;
}

/* How many interrupts there are while it sleeps so many times. */
static unsigned long long calls_for_naps(struct role *a, int naps, int unfence)
{
	unsigned long long before = calls_taken();

	while (naps--) {
		if (unfence >= 0)
			wake(unfence, DISRUPTOR_WAKE_UNFENCE);
		nap(a);
	}
	return calls_taken() - before;
}

TEST(a_sleeper_has_the_processor_of_a_running_publisher_pass_a_barrier)
{
	int ring = ring_create(.slots = 8, .graph = "a");
	struct heir heir = { attach_producer(ring, NULL) };
	unsigned long long interrupted, fenced;
	struct role a;
	__u64 told;
	pid_t pid;

	ASSERT_LT(0, calls_taken());
	ASSERT_EQ(0, run_on_cpu(1));
	ASSERT_EQ(0, pipe(heir.ready));
	pid = child_start(run_as_publisher, &heir);
	ASSERT_TRUE(await_byte(heir.ready[0]));
	ASSERT_EQ(0, role_take(&a, ring, "a"));
	/* Two sleeps make no habit: unfenced before each, all interrupt. */
	interrupted = calls_for_naps(&a, 200, heir.role);
	told = seat_stats(ring, 0).interrupts;
	calls_for_naps(&a, 10, -1);
	EXPECT_EQ(1, told_fence(a.control, 0));
	fenced = calls_for_naps(&a, 200, -1);
	TH_LOG("%llu interrupts for 200 sleeps without fences, %llu with",
	       interrupted, fenced);
	EXPECT_EQ(200, told);
	EXPECT_LE(200, interrupted);
	/* Others interrupt as well, more on a kernel that looks for bugs. */
	EXPECT_LE(fenced + 100, interrupted);
	EXPECT_EQ(-SIGKILL, other_killed(pid));
}

TEST_HARNESS_MAIN
