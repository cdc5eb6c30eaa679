// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting: strategies, deadlines, and being told to stop.
 */
#include <signal.h>
#include <sys/time.h>

#include "library.h"

FIXTURE(wait) {
	struct pair pair;
};

FIXTURE_VARIANT(wait) {
	struct disruptor_wait_strategy strategy;
};

FIXTURE_VARIANT_ADD(wait, the_default) {
	.strategy = { .spins = 0 },
};

FIXTURE_VARIANT_ADD(wait, block_at_once) {
	.strategy = { .kind = DISRUPTOR_WAIT_BLOCK, .spins = 1 },
};

FIXTURE_VARIANT_ADD(wait, spin) {
	.strategy = { .kind = DISRUPTOR_WAIT_SPIN },
};

FIXTURE_VARIANT_ADD(wait, yield) {
	.strategy = { .kind = DISRUPTOR_WAIT_YIELD, .spins = 10 },
};

FIXTURE_VARIANT_ADD(wait, back_off) {
	.strategy = { .kind = DISRUPTOR_WAIT_BACKOFF },
};

FIXTURE_VARIANT_ADD(wait, back_off_straight_to_sleep) {
	.strategy = {
		.kind = DISRUPTOR_WAIT_BACKOFF,
		.spins = 1,
		.yields = 1,
		.max_sleep_ns = MSEC / 10,
	},
};

FIXTURE_SETUP(wait)
{
	ASSERT_EQ(0, pair_open(&self->pair, 8, 8));
	ASSERT_EQ(0, disruptor_producer_set_wait(self->pair.producer,
						 &variant->strategy));
	ASSERT_EQ(0, disruptor_consumer_set_wait(self->pair.consumer,
						 &variant->strategy));
}

FIXTURE_TEARDOWN(wait)
{
	pair_close(&self->pair);
}

TEST_F(wait, a_wait_ends_at_its_deadline_and_not_before)
{
	struct disruptor_range range;
	uint64_t deadline = soon(5 * MSEC);

	EXPECT_EQ(-ETIMEDOUT, disruptor_wait_until(self->pair.consumer,
						   deadline, &range));
	EXPECT_GE(disruptor_now_ns(), deadline);
	EXPECT_LT(disruptor_now_ns(), deadline + SEC);
}

TEST_F(wait, a_claim_ends_at_its_deadline_and_not_before)
{
	uint64_t deadline, lo;

	ASSERT_EQ(0, publish_events(self->pair.producer, 8));
	deadline = soon(5 * MSEC);
	EXPECT_EQ(-ETIMEDOUT, disruptor_claim_until(self->pair.producer, 1,
						    deadline, &lo));
	EXPECT_GE(disruptor_now_ns(), deadline);
	EXPECT_LT(disruptor_now_ns(), deadline + SEC);
}

TEST_F(wait, a_deadline_that_has_passed_still_takes_what_is_there)
{
	struct disruptor_range range;
	uint64_t lo;

	EXPECT_EQ(-ETIMEDOUT, disruptor_wait_until(self->pair.consumer, 0,
						   &range));
	EXPECT_EQ(0, disruptor_claim_until(self->pair.producer, 8, 0, &lo));
	disruptor_publish(self->pair.producer, 0, 8);
	EXPECT_EQ(-ETIMEDOUT, disruptor_claim_until(self->pair.producer, 1, 0,
						    &lo));
	EXPECT_EQ(0, disruptor_wait_until(self->pair.consumer, 0, &range));
}

TEST_F(wait, a_claim_that_waits_for_its_own_publish_is_EINVAL)
{
	uint64_t lo;

	ASSERT_EQ(0, disruptor_claim(self->pair.producer, 5, &lo));
	EXPECT_EQ(-EINVAL, disruptor_claim(self->pair.producer, 4, &lo));
	EXPECT_EQ(0, lo);
	disruptor_publish(self->pair.producer, 0, 1);
	EXPECT_EQ(-ETIMEDOUT, disruptor_claim_until(self->pair.producer, 4,
						    soon(MSEC), &lo));
}

TEST(what_is_claimed_and_not_published_is_not_slept_for)
{
	const struct disruptor_wait_strategy two = { .spins = 1, .sleep_for = 2 };
	struct disruptor_range range;
	struct pair pair;
	uint64_t lo;

	ASSERT_EQ(0, pair_open(&pair, 8, 8));
	ASSERT_EQ(0, disruptor_producer_set_wait(pair.producer, &two));
	ASSERT_EQ(0, publish_events(pair.producer, 8));
	ASSERT_EQ(0, disruptor_try_wait(pair.consumer, &range));
	disruptor_release(pair.consumer, 7);
	ASSERT_EQ(0, disruptor_try_claim(pair.producer, 7, &lo));
	EXPECT_EQ(-ETIMEDOUT, disruptor_claim_until(pair.producer, 1,
						    soon(5 * MSEC), &lo));
	EXPECT_EQ(-EINVAL, disruptor_claim(pair.producer, 2, &lo));
	disruptor_release(pair.consumer, 8);
	EXPECT_EQ(0, disruptor_claim(pair.producer, 1, &lo));
	EXPECT_EQ(15, lo);
	pair_close(&pair);
}

/* ---- one thread waits, this one does something about it -------------------- */

struct waiter {
	struct disruptor_consumer *consumer;
	struct disruptor_range range;
	int started;
	int result;
};

static void *wait_for_ever(void *arg)
{
	struct waiter *waiter = arg;

	__atomic_store_n(&waiter->started, 1, __ATOMIC_RELEASE);
	waiter->result = disruptor_wait(waiter->consumer, &waiter->range);
	return NULL;
}

static void start_waiter(struct waiter *waiter, pthread_t *thread,
			 struct disruptor_consumer *consumer)
{
	memset(waiter, 0, sizeof(*waiter));
	waiter->consumer = consumer;
	waiter->result = 1;
	if (pthread_create(thread, NULL, wait_for_ever, waiter))
		abort();
	while (!__atomic_load_n(&waiter->started, __ATOMIC_ACQUIRE))
		sched_yield();
	/* Let it get into the wait as deep as its strategy goes. */
	nanosleep(&(struct timespec){ .tv_nsec = 3 * MSEC }, NULL);
}

TEST_F(wait, an_event_ends_a_wait)
{
	struct waiter waiter;
	pthread_t thread;

	start_waiter(&waiter, &thread, self->pair.consumer);
	ASSERT_EQ(0, publish_events(self->pair.producer, 1));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, waiter.result);
	EXPECT_EQ(0, waiter.range.lo);
	EXPECT_EQ(1, waiter.range.hi);
}

TEST_F(wait, the_end_of_the_stream_ends_a_wait)
{
	struct waiter waiter;
	pthread_t thread;

	start_waiter(&waiter, &thread, self->pair.consumer);
	disruptor_producer_detach(self->pair.producer);
	self->pair.producer = NULL;
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(-ENODATA, waiter.result);
}

TEST_F(wait, a_halt_from_another_thread_ends_a_wait)
{
	struct disruptor_range range;
	struct waiter waiter;
	pthread_t thread;

	start_waiter(&waiter, &thread, self->pair.consumer);
	disruptor_halt(self->pair.consumer);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(-ECANCELED, waiter.result);
	/* Taken back by the wait that it ended. */
	EXPECT_EQ(-ETIMEDOUT, disruptor_wait_until(self->pair.consumer,
						   soon(MSEC), &range));
}

static struct disruptor_consumer *halt_on_alarm;

static void halt_it(int sig)
{
	(void)sig;
	disruptor_halt(halt_on_alarm);
}

TEST_F(wait, a_halt_from_a_signal_handler_ends_a_wait)
{
	const struct sigaction action = { .sa_handler = halt_it };
	const struct itimerval timer = { .it_value.tv_usec = 5000 };
	struct disruptor_range range;

	halt_on_alarm = self->pair.consumer;
	ASSERT_EQ(0, sigaction(SIGVTALRM, &action, NULL));
	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	if (variant->strategy.kind == DISRUPTOR_WAIT_BACKOFF ||
	    variant->strategy.kind == DISRUPTOR_WAIT_BLOCK) {
		/* A sleeper uses no processor time: signal it from outside. */
		struct waiter waiter;
		pthread_t thread;

		start_waiter(&waiter, &thread, self->pair.consumer);
		ASSERT_EQ(0, pthread_kill(thread, SIGUSR1));
		ASSERT_EQ(0, pthread_join(thread, NULL));
		EXPECT_EQ(-ECANCELED, waiter.result);
		return;
	}
	ASSERT_EQ(0, setitimer(ITIMER_VIRTUAL, &timer, NULL));
	EXPECT_EQ(-ECANCELED, disruptor_wait(self->pair.consumer, &range));
}

TEST_F(wait, a_halt_ends_the_wait_that_starts_after_it_even_if_events_are_there)
{
	struct disruptor_range range;

	ASSERT_EQ(0, publish_events(self->pair.producer, 4));
	disruptor_halt(self->pair.consumer);
	disruptor_halt(self->pair.consumer);
	EXPECT_EQ(-ECANCELED, disruptor_wait(self->pair.consumer, &range));
	EXPECT_EQ(0, disruptor_wait(self->pair.consumer, &range));
	EXPECT_EQ(4, range.hi);
}

TEST_F(wait, a_release_ends_the_wait_of_a_claim)
{
	pthread_t thread;
	uint64_t lo;

	ASSERT_EQ(0, publish_events(self->pair.producer, 8));
	ASSERT_EQ(0, pthread_create(&thread, NULL, release_soon,
				    self->pair.consumer));
	EXPECT_EQ(0, disruptor_claim(self->pair.producer, 3, &lo));
	EXPECT_EQ(8, lo);
	ASSERT_EQ(0, pthread_join(thread, NULL));
}

TEST(a_sleeper_sleeps_until_the_publish_it_waits_for)
{
	const struct disruptor_wait_strategy four = {
		.kind = DISRUPTOR_WAIT_BLOCK,
		.spins = 1,
		.sleep_for = 4,
	};
	struct waiter waiter;
	pthread_t thread;
	struct pair pair;

	ASSERT_EQ(0, pair_open(&pair, 8, 8));
	ASSERT_EQ(0, disruptor_consumer_set_wait(pair.consumer, &four));
	start_waiter(&waiter, &thread, pair.consumer);
	ASSERT_EQ(0, publish_events(pair.producer, 3));
	ASSERT_EQ(0, publish_events(pair.producer, 1));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, waiter.result);
	EXPECT_EQ(4, waiter.range.hi);
	EXPECT_EQ(1, seat_stats(pair.ring, DISRUPTOR_SEAT_CONSUMER(0)).sleeps);
	EXPECT_EQ(1, seat_stats(pair.ring, DISRUPTOR_SEAT_PRODUCERS).wakes);
	pair_close(&pair);
}

/* ---- a deadline comes before what was slept for ----------------------------- */

TEST(events_that_are_fewer_than_were_slept_for_are_there_at_the_deadline)
{
	struct disruptor_range range = { 77, 77 };
	uint64_t deadline;
	pthread_t thread;
	struct pair pair;

	ASSERT_EQ(0, pair_open(&pair, 8, 8));
	ASSERT_EQ(0, disruptor_consumer_set_wait(pair.consumer, &patient));
	deadline = soon(SEC);
	ASSERT_EQ(0, pthread_create(&thread, NULL, publish_soon, pair.producer));
	EXPECT_EQ(0, disruptor_wait_until(pair.consumer, deadline, &range));
	EXPECT_GE(disruptor_now_ns(), deadline);
	EXPECT_EQ(0, range.lo);
	EXPECT_EQ(3, range.hi);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	pair_close(&pair);
}

TEST(room_that_is_less_than_was_slept_for_is_there_at_the_deadline)
{
	uint64_t deadline, lo = 77;
	pthread_t thread;
	struct pair pair;

	ASSERT_EQ(0, pair_open(&pair, 8, 8));
	ASSERT_EQ(0, disruptor_producer_set_wait(pair.producer, &patient));
	ASSERT_EQ(0, publish_events(pair.producer, 8));
	deadline = soon(SEC);
	ASSERT_EQ(0, pthread_create(&thread, NULL, release_soon, pair.consumer));
	EXPECT_EQ(0, disruptor_claim_until(pair.producer, 2, deadline, &lo));
	EXPECT_GE(disruptor_now_ns(), deadline);
	EXPECT_EQ(8, lo);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	pair_close(&pair);
}

/* ---- backing off ------------------------------------------------------------ */

static int64_t longest_sleep;	/* that was asked for */

/* Instead of libc's. */
int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time,
		    struct timespec *left)
{
	int64_t ns = time->tv_sec * SEC + time->tv_nsec;

	if (longest_sleep < ns)
		longest_sleep = ns;
	return nanosleep(time, left);
}

TEST(no_sleep_is_longer_than_the_longest)
{
	struct disruptor_wait_strategy strategy = {
		.kind = DISRUPTOR_WAIT_BACKOFF,
		.spins = 1,
		.yields = 1,
	};
	static const uint64_t most[] = { 1, 999, 1500, MSEC };
	uint64_t patience = soon(20 * SEC);
	struct disruptor_range range;
	struct pair pair;
	unsigned int i;

	ASSERT_EQ(0, pair_open(&pair, 8, 8));
	for (i = 0; i < ARRAY_SIZE(most); i++) {
		strategy.max_sleep_ns = most[i];
		longest_sleep = 0;
		ASSERT_EQ(0, disruptor_consumer_set_wait(pair.consumer, &strategy));
		/* A busy machine may leave no time for a sleep. */
		do {
			EXPECT_EQ(-ETIMEDOUT,
				  disruptor_wait_until(pair.consumer,
						       soon(10 * MSEC), &range));
		} while (!longest_sleep && disruptor_now_ns() < patience);
		EXPECT_LT(0, longest_sleep);
		EXPECT_GE(most[i], longest_sleep);
	}
	pair_close(&pair);
}

TEST(a_kind_of_wait_that_does_not_exist_is_EINVAL)
{
	const struct disruptor_wait_strategy bad = {
		.kind = (enum disruptor_wait_kind)99,
	};
	struct pair pair;

	ASSERT_EQ(0, pair_open(&pair, 8, 8));
	EXPECT_EQ(-EINVAL, disruptor_producer_set_wait(pair.producer, &bad));
	EXPECT_EQ(-EINVAL, disruptor_consumer_set_wait(pair.consumer, &bad));
	pair_close(&pair);
}

TEST(the_clock_of_deadlines_is_monotonic_nanoseconds)
{
	struct timespec before, after;
	uint64_t now;

	clock_gettime(CLOCK_MONOTONIC, &before);
	now = disruptor_now_ns();
	clock_gettime(CLOCK_MONOTONIC, &after);
	EXPECT_LE(before.tv_sec * SEC + before.tv_nsec, now);
	EXPECT_GE(after.tv_sec * SEC + after.tv_nsec, now);
}

TEST_HARNESS_MAIN
