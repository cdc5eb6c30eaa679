// SPDX-License-Identifier: GPL-2.0-only
/* rig: user=root,plain timeout=180 */
/*
 * io_uring: DISRUPTOR_URING_WAIT and multishot poll, what completes them, what
 * cancels them, and what they leave behind.
 *
 * A WAIT that must sleep occupies one of io_uring's workers.  Of these there are
 * at the most four for each processor, unless IORING_REGISTER_IOWQ_MAX_WORKERS
 * asks for more: waits beyond that do not begin.
 */
#include "uring.h"

#include "kselftest_harness.h"

#define SLOTS		8

FIXTURE(uring) {
	struct uring u;
	int ring;
	struct role producer;
	struct role a;
};

FIXTURE_SETUP(uring)
{
	ASSERT_EQ(0, uring_open(&self->u));
	self->ring = ring_create(.slots = SLOTS, .graph = "a?");
	ASSERT_LE(0, self->ring);
	ASSERT_EQ(0, role_take(&self->producer, self->ring, NULL));
	ASSERT_EQ(0, role_take(&self->a, self->ring, "a"));
}

FIXTURE_TEARDOWN(uring)
{
	close(self->u.fd);
	close(self->ring);
}

/* Until a worker sleeps for @target on @seat. */
#define SLEEPS_FOR(target, seat)					\
	BECOMES_TRUE(told_wake_at(self->a.control, seat) == (target), LONG_MS)

/* ---- WAIT ------------------------------------------------------------------------ */

TEST_F(uring, wait_completes_at_once_when_its_target_is_met)
{
	publish(&self->producer, 2);
	EXPECT_EQ(1, submit_wait(&self->u, self->a.fd, 2, FOREVER, 7));
	EXPECT_EQ(0, result_of(&self->u, 7));
	EXPECT_EQ(1, submit_wait(&self->u, self->producer.fd, SLOTS, 0, 8));
	EXPECT_EQ(0, result_of(&self->u, 8));
	EXPECT_EQ(0, seat_stats(self->ring, self->a.seat).sleeps);
}

TEST_F(uring, wait_completes_when_its_target_is_met_and_not_before)
{
	EXPECT_EQ(1, submit_wait(&self->u, self->a.fd, 3, FOREVER, 7));
	ASSERT_TRUE(SLEEPS_FOR(3, 0));
	publish(&self->producer, 2);
	EXPECT_EQ(0, self->producer.wakes);
	EXPECT_TRUE(stays_quiet(&self->u));
	publish(&self->producer, 3);
	EXPECT_EQ(1, self->producer.wakes);
	EXPECT_EQ(0, result_of(&self->u, 7));
}

TEST_F(uring, wait_of_a_producer_completes_when_there_is_room)
{
	publish(&self->producer, SLOTS);
	EXPECT_EQ(1, submit_wait(&self->u, self->producer.fd, SLOTS + 2,
				 FOREVER, 7));
	ASSERT_TRUE(SLEEPS_FOR(2, self->a.seat));
	publish(&self->a, 1);
	EXPECT_TRUE(stays_quiet(&self->u));
	publish(&self->a, 2);
	EXPECT_EQ(0, result_of(&self->u, 7));
}

TEST_F(uring, wait_keeps_its_deadline)
{
	__u64 deadline = 0, back = FOREVER;
	int try;

	/* Of three, as in wait.c. */
	for (try = 0; try < 3 && back >= deadline + LATE_MS * 1000000ULL; try++) {
		deadline = in_ms(50);
		EXPECT_EQ(1, submit_wait(&self->u, self->a.fd, 1, deadline, 7));
		EXPECT_EQ(-ETIMEDOUT, result_of(&self->u, 7));
		back = now_ns();
		EXPECT_LE(deadline, back);
	}
	EXPECT_GT(deadline + LATE_MS * 1000000ULL, back);
	EXPECT_EQ(1, submit_wait(&self->u, self->a.fd, 1, 0, 8));
	EXPECT_EQ(-ETIMEDOUT, result_of(&self->u, 8));
	EXPECT_EQ(NOBODY, told_wake_at(self->a.control, 0));
}

TEST_F(uring, wait_takes_a_linked_timeout)
{
	struct __kernel_timespec ts = { 0, 50000000 };
	struct io_uring_cqe cqe[2] = {};
	struct io_uring_sqe *sqe;
	int i;

	queue_wait(&self->u, self->a.fd, 1, FOREVER, 0);
	sqe = &self->u.sqes[0];
	sqe->flags |= IOSQE_IO_LINK;
	sqe = next_sqe(&self->u, IORING_OP_LINK_TIMEOUT, -1, 1);
	sqe->addr = (uintptr_t)&ts;
	sqe->len = 1;
	queue_sqe(&self->u);
	EXPECT_EQ(2, submit(&self->u, 2));
	for (i = 0; i < 2; i++) {
		struct io_uring_cqe one;

		ASSERT_TRUE(next_cqe(&self->u, &one, LONG_MS));
		cqe[one.user_data] = one;
	}
	EXPECT_EQ(-ECANCELED, cqe[0].res);
	/*
	 * What the timeout itself says is io_uring's affair: ETIME if the request
	 * had not begun; of one whose worker it interrupts, 6.1 forgets that it did.
	 */
	EXPECT_TRUE(cqe[1].res == -ETIME || cqe[1].res == -EALREADY ||
		    cqe[1].res == -ENOENT) TH_LOG("%d", cqe[1].res);
	EXPECT_EQ(NOBODY, told_wake_at(self->a.control, 0));
}

TEST_F(uring, wait_completes_with_ENODATA_at_the_end_of_the_stream)
{
	publish(&self->producer, 1);
	EXPECT_EQ(1, submit_wait(&self->u, self->a.fd, 2, FOREVER, 7));
	ASSERT_TRUE(SLEEPS_FOR(2, 0));
	role_drop(&self->producer);
	EXPECT_EQ(-ENODATA, result_of(&self->u, 7));
	EXPECT_EQ(1, submit_wait(&self->u, self->a.fd, 2, FOREVER, 8));
	EXPECT_EQ(-ENODATA, result_of(&self->u, 8));
}

TEST_F(uring, wait_completes_with_ESTALE_when_the_role_is_evicted)
{
	EXPECT_EQ(1, submit_wait(&self->u, self->a.fd, 1, FOREVER, 7));
	ASSERT_TRUE(SLEEPS_FOR(1, 0));
	EXPECT_EQ(0, evict(self->ring, "a", 0));
	EXPECT_EQ(-ESTALE, result_of(&self->u, 7));
	EXPECT_EQ(1, submit_wait(&self->u, self->a.fd, 1, FOREVER, 8));
	EXPECT_EQ(-ESTALE, result_of(&self->u, 8));
}

TEST_F(uring, wait_completes_with_ECANCELED_when_it_is_halted)
{
	EXPECT_EQ(1, submit_wait(&self->u, self->a.fd, 1, FOREVER, 7));
	ASSERT_TRUE(SLEEPS_FOR(1, 0));
	EXPECT_EQ(0, wake(self->a.fd, DISRUPTOR_WAKE_HALT));
	EXPECT_EQ(-ECANCELED, result_of(&self->u, 7));
}

/* Be stopped while a worker waits, and say what that wait came to. */
static int wait_and_stop(void *context)
{
	int *fd = context;
	struct uring u;

	CHILD_CHECK(!uring_open(&u));
	CHILD_CHECK(submit_wait(&u, *fd, 1, FOREVER, 7) == 1);
	sleep_ms(QUIET_MS);
	kill(getpid(), SIGSTOP);
	CHILD_CHECK(result_of(&u, 7) == -EINTR);
	return 0;
}

TEST_F(uring, wait_completes_with_EINTR_when_its_process_was_stopped)
{
	pid_t pid = child_start(wait_and_stop, &self->a.fd);
	int status;

	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	EXPECT_EQ(0, kill(pid, SIGCONT));
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F(uring, wait_is_refused_as_by_ioctl)
{
	struct io_uring_sqe *sqe;

	EXPECT_EQ(1, submit_wait(&self->u, self->a.fd, SLOTS + 1, FOREVER, 1));
	EXPECT_EQ(-EINVAL, result_of(&self->u, 1));
	EXPECT_EQ(1, submit_wait(&self->u, self->ring, 0, FOREVER, 2));
	EXPECT_EQ(-EOPNOTSUPP, result_of(&self->u, 2));
	sqe = next_sqe(&self->u, IORING_OP_URING_CMD, self->a.fd, 3);
	sqe->cmd_op = DISRUPTOR_URING_WAIT + 1;
	queue_sqe(&self->u);
	EXPECT_EQ(1, submit(&self->u, 1));
	EXPECT_EQ(-ENOTTY, result_of(&self->u, 3));
}

TEST_F(uring, waits_on_one_fd_are_16_at_the_most)
{
	struct io_uring_cqe cqe;
	int i;

	ASSERT_EQ(0, allow_workers(&self->u, 2 * DISRUPTOR_MAX_WAITS));
	for (i = 0; i < DISRUPTOR_MAX_WAITS; i++) {
		EXPECT_EQ(1, submit_wait(&self->u, self->a.fd, 1, FOREVER, i));
		ASSERT_TRUE(BECOMES_TRUE(seat_stats(self->ring, 1).sleeps ==
					 i + 1, LONG_MS));
	}
	EXPECT_EQ(1, submit_wait(&self->u, self->a.fd, 1, FOREVER, 99));
	EXPECT_EQ(-EBUSY, result_of(&self->u, 99));
	publish(&self->producer, 1);
	for (i = 0; i < DISRUPTOR_MAX_WAITS; i++) {
		ASSERT_TRUE(next_cqe(&self->u, &cqe, LONG_MS));
		EXPECT_EQ(0, cqe.res);
	}
}

/* ---- cancelling ---------------------------------------------------------------------- */

TEST_F(uring, wait_that_is_cancelled_completes_with_ECANCELED)
{
	struct io_uring_cqe cqe;
	int i;

	EXPECT_EQ(1, submit_wait(&self->u, self->a.fd, 1, FOREVER, 7));
	ASSERT_TRUE(SLEEPS_FOR(1, 0));
	EXPECT_EQ(1, submit_cancel(&self->u, 7, 8));
	for (i = 0; i < 2; i++) {
		ASSERT_TRUE(next_cqe(&self->u, &cqe, LONG_MS));
		if (cqe.user_data == 7) {
			EXPECT_EQ(-ECANCELED, cqe.res);
		} else {
			/*
			 * ENOENT: kernels that look twice, and the worker was
			 * done by the second time.
			 */
			EXPECT_TRUE(cqe.res == 0 || cqe.res == -EALREADY ||
				    cqe.res == -ENOENT);
		}
	}
	EXPECT_EQ(NOBODY, told_wake_at(self->a.control, 0));
	publish(&self->producer, 1);
	EXPECT_EQ(0, self->producer.wakes);
}

#define STORM_ROUNDS	1500
#define STORM_TRIES	20

/* Take completions until the cancel has answered; its answer, or NOTHING. */
static int cancel_once(struct uring *u, __u64 whom, int *result)
{
	struct io_uring_cqe cqe;

	submit_cancel(u, whom, 0);
	while (next_cqe(u, &cqe, LONG_MS)) {
		if (!cqe.user_data)
			return cqe.res;
		*result = cqe.res;
	}
	return NOTHING;
}

/*
 * One WAIT, cancelled and met at about the same time; its result, or NOTHING.
 *
 * A cancel may miss a request that a worker has taken from the queue and not yet
 * marked as its own: 6.1 then answers ENOENT, whatever the request is, and it is
 * for the caller to try again.  One that has found it must end it by itself.
 * No two rounds use one number: a worker has its last request for a moment after
 * it has completed, and a cancel would find that one instead.
 */
static int storm_round(struct uring *u, struct role *producer, struct role *a,
		       __u64 number, int spins, int *missed)
{
	struct io_uring_cqe cqe;
	int result = NOTHING;
	int cancel, i;

	submit_wait(u, a->fd, a->next + 1, in_ms(SLEEP_MS), number);
	for (i = 0; i < spins; i++)
		cpu_relax();
	if (spins % 2)
		publish(producer, producer->next + 1);
	for (i = 0; i < STORM_TRIES && result == NOTHING; i++) {
		cancel = cancel_once(u, number, &result);
		if (result != NOTHING)
			break;
		if (next_cqe(u, &cqe, cancel == -ENOENT ? 50 : LONG_MS))
			result = cqe.res;
		else if (cancel == -ENOENT)
			++*missed;
		else
			break;
	}
	if (result == NOTHING)
		printf("# not ended by cancel %d, which answered %d\n", i,
		       cancel);
	publish(a, producer->next);
	return result;
}

TEST_F(uring, storm_of_cancels_completes_each_wait_exactly_once)
{
	int met = 0, cancelled = 0, missed = 0;
	struct io_uring_cqe cqe;
	__u64 end = in_ms(12000);
	int i, result;

	srand(1);
	for (i = 0; i < STORM_ROUNDS && now_ns() < end; i++) {
		result = storm_round(&self->u, &self->producer, &self->a,
				     1 + i, rand() % 20000, &missed);
		met += result == 0;
		cancelled += result == -ECANCELED;
		ASSERT_EQ(i + 1, met + cancelled) TH_LOG("result %d", result);
	}
	TH_LOG("%d rounds: %d met, %d cancelled; %d cancels missed", i, met,
	       cancelled, missed);
	EXPECT_LT(0, met);
	EXPECT_LT(0, cancelled);
	EXPECT_FALSE(next_cqe(&self->u, &cqe, QUIET_MS));
	EXPECT_EQ(NOBODY, told_wake_at(self->a.control, 0));
	/* No wait of the storm still counts. */
	for (i = 0; i < DISRUPTOR_MAX_WAITS; i++)
		EXPECT_EQ(-ETIMEDOUT, wait_until(self->a.fd, self->a.next + 1,
						 in_ms(1), NULL));
}

TEST_F(uring, waits_are_all_cancelled_when_it_is_closed)
{
	int again;
	int i;

	for (i = 0; i < 4; i++)
		EXPECT_EQ(1, submit_wait(&self->u, self->a.fd, 1 + i, FOREVER, i));
	ASSERT_TRUE(SLEEPS_FOR(1, 0));
	/* A pending WAIT keeps the role as an fd does. */
	unmap_own(self->a.counter);
	close(self->a.fd);
	EXPECT_EQ(-EBUSY, attach_consumer(self->ring, "a", NULL));

	munmap(self->u.ring, self->u.params.cq_off.cqes +
	       self->u.params.cq_entries * sizeof(struct io_uring_cqe));
	munmap(self->u.sqes, ENTRIES * sizeof(*self->u.sqes));
	close(self->u.fd);
	munmap((void *)self->a.control, sizeof(*self->a.control));
	EXPECT_TRUE(BECOMES_TRUE((again = attach_consumer(self->ring, "a",
							  NULL)) >= 0,
				 LONG_MS));
	EXPECT_EQ(NOBODY, told_wake_at(self->producer.control, 0));
	EXPECT_EQ(1, seat_stats(self->ring, 1).losses);
	close(again);
	self->u.fd = -1;
}

struct victim {
	int ring;
	int ready[2];
	bool execs;
};

static int victim_main(void *context)
{
	struct victim *victim = context;
	struct uring u;
	struct role a;
	int i;

	CHILD_CHECK(!uring_open(&u) && !role_take(&a, victim->ring, "a"));
	for (i = 0; i < 4; i++)
		CHILD_CHECK(submit_wait(&u, a.fd, 1, FOREVER, i) == 1);
	CHILD_CHECK(submit_poll(&u, a.fd, POLLIN, 9) == 1);
	CHILD_CHECK(BECOMES_TRUE(told_wake_at(a.control, 0) == 1, LONG_MS));
	CHILD_CHECK(signal_byte(victim->ready[1]));
	if (victim->execs)
		execl("/bin/sleep", "sleep", "20", NULL);
	pause();
	return 1;
}

TEST_F(uring, waits_of_a_task_that_is_killed_give_the_role_back)
{
	struct victim victim = { self->ring };
	int round;
	pid_t pid;

	role_drop(&self->a);
	ASSERT_EQ(0, pipe(victim.ready));
	for (round = 0; round < 10; round++) {
		pid = child_start(victim_main, &victim);
		ASSERT_TRUE(await_byte(victim.ready[0]));
		kill(pid, SIGKILL);
		EXPECT_EQ(-SIGKILL, child_wait(pid));
		EXPECT_TRUE(BECOMES_TRUE(seat_stats(self->ring, 1).losses ==
					 round + 2, LONG_MS));
		EXPECT_EQ(NOBODY, told_wake_at(self->producer.control, 0));
	}
	EXPECT_EQ(0, role_take(&self->a, self->ring, "a"));
}

TEST_F(uring, waits_of_a_task_that_execs_give_the_role_back)
{
	struct victim victim = { self->ring, .execs = true };
	pid_t pid;

	role_drop(&self->a);
	ASSERT_EQ(0, pipe(victim.ready));
	pid = child_start(victim_main, &victim);
	ASSERT_TRUE(await_byte(victim.ready[0]));
	EXPECT_TRUE(BECOMES_TRUE(seat_stats(self->ring, 1).losses == 2,
				 LONG_MS));
	EXPECT_EQ(0, role_take(&self->a, self->ring, "a"));
	kill(pid, SIGKILL);
	EXPECT_EQ(-SIGKILL, child_wait(pid));
}

/* ---- many ------------------------------------------------------------------------------ */

#define RINGS	64

struct many {
	struct role producer[RINGS];
	struct role a[RINGS];
};

static bool many_open(struct many *many)
{
	int i, ring;

	for (i = 0; i < RINGS; i++) {
		ring = ring_create(.slots = SLOTS, .graph = "a");
		if (role_take(&many->producer[i], ring, NULL) ||
		    role_take(&many->a[i], ring, "a"))
			return false;
		close(ring);
	}
	return true;
}

TEST_F(uring, waits_on_64_rings_in_one_thread)
{
	static struct many many;
	int i, round, which;

	ASSERT_TRUE(many_open(&many));
	ASSERT_EQ(0, allow_workers(&self->u, RINGS));
	for (i = 0; i < RINGS; i++)
		EXPECT_EQ(1, submit_wait(&self->u, many.a[i].fd, 1, FOREVER, i));
	for (round = 0; round < 2 * RINGS; round++) {
		which = round * 37 % RINGS;
		publish(&many.producer[which], many.producer[which].next + 1);
		ASSERT_EQ(0, result_of(&self->u, which));
		publish(&many.a[which], many.producer[which].next);
		EXPECT_EQ(1, submit_wait(&self->u, many.a[which].fd,
					 many.a[which].next + 1, FOREVER, which));
	}
}

TEST_F(uring, polls_64_rings_in_one_thread)
{
	static struct many many;
	struct io_uring_cqe cqe;
	int i, round, which;

	ASSERT_TRUE(many_open(&many));
	for (i = 0; i < RINGS; i++)
		EXPECT_EQ(1, submit_poll(&self->u, many.a[i].fd, POLLIN, i));
	for (round = 0; round < 8 * RINGS; round++) {
		which = round * 37 % RINGS;
		publish(&many.producer[which], many.producer[which].next + 1);
		ASSERT_TRUE(next_cqe(&self->u, &cqe, LONG_MS));
		EXPECT_EQ(which, cqe.user_data);
		EXPECT_EQ(POLLIN, cqe.res);
		EXPECT_TRUE(cqe.flags & IORING_CQE_F_MORE);
		publish(&many.a[which], many.producer[which].next);
	}
}

/* ---- poll --------------------------------------------------------------------------------- */

TEST_F(uring, poll_multishot_tells_a_consumer_of_each_news)
{
	struct io_uring_cqe cqe;
	__u64 hi;

	EXPECT_EQ(1, submit_poll(&self->u, self->a.fd, POLLIN, 7));
	EXPECT_TRUE(stays_quiet(&self->u));
	for (hi = 1; hi <= 20; hi++) {
		publish(&self->producer, hi);
		ASSERT_TRUE(next_cqe(&self->u, &cqe, LONG_MS));
		EXPECT_EQ(POLLIN, cqe.res);
		EXPECT_TRUE(cqe.flags & IORING_CQE_F_MORE);
		publish(&self->a, hi);
		publish(&self->producer, ++hi);
		ASSERT_TRUE(next_cqe(&self->u, &cqe, LONG_MS));
		publish(&self->a, hi);
	}
	EXPECT_TRUE(stays_quiet(&self->u));
	EXPECT_LE(20, self->producer.wakes);
	EXPECT_GE(21, self->producer.wakes);
}

TEST_F(uring, poll_multishot_tells_a_producer_of_room)
{
	struct io_uring_cqe cqe;

	publish(&self->producer, SLOTS);
	EXPECT_EQ(1, submit_poll(&self->u, self->producer.fd, POLLOUT, 7));
	EXPECT_TRUE(stays_quiet(&self->u));
	publish(&self->a, 1);
	ASSERT_TRUE(next_cqe(&self->u, &cqe, LONG_MS));
	EXPECT_EQ(POLLOUT, cqe.res);
	publish(&self->producer, SLOTS + 1);
	EXPECT_TRUE(stays_quiet(&self->u));
	publish(&self->a, 2);
	ASSERT_TRUE(next_cqe(&self->u, &cqe, LONG_MS));
	EXPECT_EQ(POLLOUT, cqe.res);
}

TEST_F(uring, poll_multishot_hangs_up_when_the_last_events_are_consumed)
{
	struct io_uring_cqe cqe;

	publish(&self->producer, 1);
	role_drop(&self->producer);
	EXPECT_EQ(1, submit_poll(&self->u, self->a.fd, POLLIN, 7));
	ASSERT_TRUE(next_cqe(&self->u, &cqe, LONG_MS));
	EXPECT_EQ(POLLIN, cqe.res);
	publish(&self->a, 1);
	ASSERT_TRUE(next_cqe(&self->u, &cqe, LONG_MS));
	EXPECT_EQ(POLLHUP, cqe.res);
}

TEST_F(uring, poll_multishot_tells_of_an_eviction)
{
	struct io_uring_cqe cqe;

	EXPECT_EQ(1, submit_poll(&self->u, self->a.fd, POLLIN, 7));
	EXPECT_EQ(1, submit_poll(&self->u, self->ring, POLLPRI, 8));
	ASSERT_TRUE(next_cqe(&self->u, &cqe, LONG_MS));
	EXPECT_EQ(8, cqe.user_data);
	EXPECT_EQ(POLLPRI, cqe.res);
	EXPECT_EQ(0, evict(self->ring, "a", 0));
	ASSERT_TRUE(next_cqe(&self->u, &cqe, LONG_MS));
	if (cqe.user_data == 8) {
		EXPECT_EQ(POLLPRI, cqe.res);
		ASSERT_TRUE(next_cqe(&self->u, &cqe, LONG_MS));
	}
	EXPECT_EQ(7, cqe.user_data);
	EXPECT_EQ(POLLERR, cqe.res);
}

TEST_F(uring, poll_multishot_can_be_cancelled)
{
	struct io_uring_cqe cqe;
	int i;

	EXPECT_EQ(1, submit_poll(&self->u, self->a.fd, POLLIN, 7));
	EXPECT_EQ(1, submit_cancel(&self->u, 7, 8));
	for (i = 0; i < 2; i++) {
		ASSERT_TRUE(next_cqe(&self->u, &cqe, LONG_MS));
		EXPECT_EQ(cqe.user_data == 7 ? -ECANCELED : 0, cqe.res);
	}
	publish(&self->producer, 1);
	EXPECT_TRUE(stays_quiet(&self->u));
	publish(&self->producer, 2);
	EXPECT_GE(1, self->producer.wakes);
}

/* ---- worker groups ------------------------------------------------------------------- */

/* The page of a worker's own, after that of its group. */
static struct disruptor_intent *map_intent(const struct role *worker,
					   unsigned int seat)
{
	char *page = mmap(NULL, page_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED,
			  worker->fd, page_bytes() +
			  DISRUPTOR_REGION_OFFSET(DISRUPTOR_REGION_OWN));

	return page == MAP_FAILED ? NULL : (void *)counter_in(page, seat);
}

TEST(both_tell_a_worker_of_what_a_dead_one_left)
{
	int ring = ring_create(.slots = SLOTS, .graph = "group*2");
	struct disruptor_intent *intent;
	struct role producer, a, b;
	struct io_uring_cqe cqe;
	struct uring u;
	__u64 *claimed;
	int i;

	ASSERT_EQ(0, uring_open(&u));
	ASSERT_EQ(0, role_take(&producer, ring, NULL));
	ASSERT_EQ(0, role_take(&a, ring, "group"));
	ASSERT_EQ(0, role_take(&b, ring, "group"));
	intent = map_intent(&a, 2);
	ASSERT_NE(NULL, intent);
	claimed = (__u64 *)((char *)a.counter - DISRUPTOR_COUNTER_OFFSET(1) +
			    DISRUPTOR_CLAIMED_OFFSET(1));
	publish(&producer, 1);
	*intent = (struct disruptor_intent){ 0, 1 };
	counter_set(claimed, 1);
	EXPECT_EQ(1, submit_poll(&u, b.fd, POLLIN, 7));
	EXPECT_EQ(1, submit_wait(&u, b.fd, 2, FOREVER, 8));
	EXPECT_TRUE(stays_quiet(&u));
	unmap_own(&intent->lo);
	role_drop(&a);
	for (i = 0; i < 2; i++) {
		ASSERT_TRUE(next_cqe(&u, &cqe, LONG_MS));
		EXPECT_EQ(cqe.user_data == 7 ? POLLIN : 0, cqe.res);
	}
	close(u.fd);
	close(ring);
}

TEST_HARNESS_MAIN
