// SPDX-License-Identifier: GPL-2.0-only
/*
 * Observers: they see what consumers see, hold nobody up, and count what they miss.
 */
#include "library.h"

#define SLOTS		8
#define RACE_SLOTS	256	/* enough that some are seen */
#define RACE_BATCH	128	/* and long enough to be overtaken in a copy */
#define WORDS		16
#define SIZE		(WORDS * sizeof(uint32_t))

struct observed {
	struct disruptor_ring *ring;
	struct disruptor_producer *producer;
	struct disruptor_observer *observer;
};

/* No consumer: nobody holds the producer up. */
static int observed_open(struct observed *observed, uint32_t slots)
{
	struct disruptor_config config = { .flags = DISRUPTOR_RING_OBSERVED };
	int err;

	memset(observed, 0, sizeof(*observed));
	err = private_ring(&observed->ring, &config, slots, SIZE);
	if (!err)
		err = disruptor_producer_attach(&observed->producer,
						observed->ring);
	if (!err)
		err = disruptor_observer_open(&observed->observer,
					      observed->ring);
	return err;
}

static void observed_close(struct observed *observed)
{
	disruptor_observer_close(observed->observer);
	disruptor_producer_detach(observed->producer);
	disruptor_close(observed->ring);
}

static bool events_ok(const unsigned char *events, uint64_t lo, uint64_t n)
{
	uint64_t i;

	for (i = 0; i < n; i++) {
		if (!event_ok(events + i * SIZE, SIZE, lo + i))
			return false;
	}
	return true;
}

TEST(a_ring_that_keeps_nothing_for_observers_is_EOPNOTSUPP)
{
	struct disruptor_observer *observer = NULL;
	struct disruptor_config config = { 0 };
	struct disruptor_ring *ring;

	ASSERT_EQ(0, private_ring(&ring, &config, 4096, 4096));
	EXPECT_EQ(-EOPNOTSUPP, disruptor_observer_open(&observer, ring));
	EXPECT_EQ(NULL, observer);
	disruptor_close(ring);
	disruptor_observer_close(NULL);
}

TEST(a_ring_that_is_observed_has_twice_the_memory)
{
	struct disruptor_config config = { .flags = DISRUPTOR_RING_OBSERVED };
	struct disruptor_info info = { 0 };
	struct disruptor_ring *ring;

	ASSERT_EQ(0, private_ring(&ring, &config, 4096, 8));
	ASSERT_EQ(0, disruptor_get_info(ring, &info));
	EXPECT_EQ(4096, info.slots);
	EXPECT_EQ(2 * 4096 - 1, info.index_mask);
	EXPECT_EQ(2 * 4096 * 8, info.events_bytes);
	EXPECT_TRUE(info.flags & DISRUPTOR_RING_OBSERVED);
	disruptor_close(ring);
}

TEST(an_observer_that_keeps_up_sees_every_event_and_misses_none)
{
	unsigned char events[SLOTS * SIZE];
	struct observed observed;
	uint64_t seq, lo = ~0ULL, missed = 0;

	ASSERT_EQ(0, observed_open(&observed, SLOTS));
	EXPECT_EQ(-EAGAIN, disruptor_observe(observed.observer, events, SLOTS,
					     &lo, &missed));
	for (seq = 0; seq < 100; seq += 3) {
		ASSERT_EQ(0, publish_events(observed.producer, 3));
		ASSERT_EQ(2, disruptor_observe(observed.observer, events, 2,
					       &lo, &missed));
		EXPECT_EQ(seq, lo);
		EXPECT_TRUE(events_ok(events, lo, 2));
		ASSERT_EQ(1, disruptor_observe(observed.observer, events, SLOTS,
					       &lo, &missed));
		EXPECT_EQ(seq + 2, lo);
		EXPECT_TRUE(events_ok(events, lo, 1));
	}
	EXPECT_EQ(0, missed);
	observed_close(&observed);
}

TEST(an_observer_starts_at_the_cursor)
{
	unsigned char event[SIZE];
	struct disruptor_observer *late;
	struct observed observed;
	uint64_t lo, missed = 0;

	ASSERT_EQ(0, observed_open(&observed, SLOTS));
	ASSERT_EQ(0, publish_events(observed.producer, 5));
	ASSERT_EQ(0, disruptor_observer_open(&late, observed.ring));
	EXPECT_EQ(-EAGAIN, disruptor_observe(late, event, 1, &lo, &missed));
	ASSERT_EQ(0, publish_events(observed.producer, 1));
	EXPECT_EQ(1, disruptor_observe(late, event, 1, &lo, &missed));
	EXPECT_EQ(5, lo);
	EXPECT_EQ(0, missed);
	disruptor_observer_close(late);
	observed_close(&observed);
}

TEST(an_observer_that_was_lapped_counts_what_it_missed)
{
	unsigned char events[SLOTS * SIZE];
	struct observed observed;
	uint64_t i, lo, seen = 0, missed = 0;
	int64_t some;

	ASSERT_EQ(0, observed_open(&observed, SLOTS));
	/* Small rings keep more than they must: enough to lap any of them. */
	for (i = 0; i < 1000; i++)
		ASSERT_EQ(0, publish_events(observed.producer, 1));
	while ((some = disruptor_observe(observed.observer, events, SLOTS, &lo,
					 &missed)) > 0) {
		EXPECT_TRUE(events_ok(events, lo, some));
		EXPECT_EQ(seen + missed, lo);
		seen += some;
	}
	EXPECT_EQ(-EAGAIN, some);
	EXPECT_LT(0, missed);
	EXPECT_LT(0, seen);
	EXPECT_EQ(1000, seen + missed);
	observed_close(&observed);
}

TEST(an_observer_holds_nobody_up_and_is_in_no_mask)
{
	struct observed observed;
	struct disruptor_stats stats = { 0 };
	uint64_t i;

	ASSERT_EQ(0, observed_open(&observed, SLOTS));
	for (i = 0; i < 10; i++)
		ASSERT_EQ(0, publish_events(observed.producer, SLOTS));
	ASSERT_EQ(0, disruptor_get_stats(observed.ring, &stats));
	EXPECT_EQ(0, seat_stats(observed.ring, 0).waits_on);
	EXPECT_EQ(1, stats.nr_seats);
	observed_close(&observed);
}

TEST(the_end_and_a_deadline_are_told)
{
	unsigned char event[SIZE];
	struct observed observed;
	uint64_t lo, missed = 0;

	ASSERT_EQ(0, observed_open(&observed, SLOTS));
	EXPECT_EQ(-EINVAL, disruptor_observe(observed.observer, event, 0, &lo,
					     &missed));
	EXPECT_EQ(-ETIMEDOUT,
		  disruptor_observe_until(observed.observer, event, 1,
					  soon(10 * MSEC), &lo, &missed));
	ASSERT_EQ(0, publish_events(observed.producer, 1));
	disruptor_producer_detach(observed.producer);
	observed.producer = NULL;
	EXPECT_EQ(1, disruptor_observe_until(observed.observer, event, 1,
					     soon(SEC), &lo, &missed));
	EXPECT_EQ(-ENODATA, disruptor_observe_until(observed.observer, event, 1,
						    soon(SEC), &lo, &missed));
	observed_close(&observed);
}

/* As a producer that broke out of the protocol would leave it. */
TEST(a_cursor_beyond_reason_keeps_no_observer)
{
	unsigned char events[4 * SIZE];
	struct observed observed;
	uint64_t lo, missed = 0;

	ASSERT_EQ(0, observed_open(&observed, SLOTS));
	__atomic_store_n(observed.producer->cursor, UINT64_MAX, __ATOMIC_RELEASE);
	EXPECT_EQ(4, disruptor_observe(observed.observer, events, 4, &lo,
				       &missed));
	__atomic_store_n(observed.producer->cursor, 1ULL << 63, __ATOMIC_RELEASE);
	EXPECT_EQ(4, disruptor_observe(observed.observer, events, 4, &lo,
				       &missed));
	EXPECT_LT(1ULL << 62, missed);
	observed_close(&observed);
}

TEST(what_one_of_several_producers_left_unpublished_is_left_out)
{
	struct disruptor_config config = {
		.flags = DISRUPTOR_RING_OUTLIVES, .producers = 2,
	};
	unsigned char events[SLOTS * SIZE];
	struct disruptor_observer *observer;
	struct disruptor_multi *a, *b;
	struct disruptor_ring *ring;
	uint64_t lo = 0, missed = 0;

	ASSERT_EQ(0, private_ring(&ring, &config, SLOTS, SIZE));
	ASSERT_EQ(0, disruptor_multi_attach(&a, ring));
	ASSERT_EQ(0, disruptor_multi_attach(&b, ring));
	ASSERT_EQ(0, disruptor_observer_open(&observer, ring));
	ASSERT_EQ(0, disruptor_multi_try_claim(a, 2, &lo));
	ASSERT_EQ(0, disruptor_multi_try_claim(b, 1, &lo));
	event_fill(disruptor_multi_slot(b, lo), SIZE, lo);
	disruptor_multi_publish(b, lo, lo + 1);
	EXPECT_EQ(-EAGAIN, disruptor_observe(observer, events, SLOTS, &lo,
					     &missed));
	disruptor_multi_detach(a);
	EXPECT_EQ(1, disruptor_observe(observer, events, SLOTS, &lo, &missed));
	EXPECT_EQ(2, lo);
	EXPECT_TRUE(events_ok(events, 2, 1));
	EXPECT_EQ(0, missed);
	disruptor_observer_close(observer);
	disruptor_multi_detach(b);
	disruptor_close(ring);
}

struct race {
	struct observed observed;
	uint64_t n;
};

static void *publish_all(void *context)
{
	struct race *race = context;
	uint64_t i;

	for (i = 0; i < race->n; i++) {
		publish_events(race->observed.producer, 1 + i % SLOTS);
		/* Slow enough to be read, for a while. */
		if (i % 1024 < 256)
			sched_yield();
	}
	disruptor_producer_detach(race->observed.producer);
	race->observed.producer = NULL;
	return NULL;
}

TEST(no_event_is_ever_seen_half_overwritten)
{
	unsigned char events[RACE_BATCH * SIZE];
	struct race race = { .n = rounds(300000) };
	uint64_t lo, seen = 0, missed = 0, torn = 0;
	pthread_t thread;
	int64_t some;

	ASSERT_EQ(0, observed_open(&race.observed, RACE_SLOTS));
	ASSERT_EQ(0, pthread_create(&thread, NULL, publish_all, &race));
	while ((some = disruptor_observe_until(race.observed.observer, events,
					       RACE_BATCH, soon(20 * SEC), &lo,
					       &missed)) > 0) {
		torn += !events_ok(events, lo, some);
		ASSERT_EQ(seen + missed, lo);
		seen += some;
	}
	pthread_join(thread, NULL);
	EXPECT_EQ(-ENODATA, some);
	EXPECT_EQ(0, torn);
	EXPECT_LT(0, seen);
	TH_LOG("seen %llu, missed %llu", (unsigned long long)seen,
	       (unsigned long long)missed);
	observed_close(&race.observed);
}

TEST_HARNESS_MAIN
