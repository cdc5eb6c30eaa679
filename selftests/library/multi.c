// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several producers: claims, publication out of order, gaps, and what becomes of
 * claims that their owners leave behind.
 */
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "library.h"

#define EVENT_BYTES	16

static const struct disruptor_wait_strategy yielding = {
	.kind = DISRUPTOR_WAIT_YIELD,
	.spins = 1,
};

static const struct disruptor_wait_strategy sleeping = {
	.kind = DISRUPTOR_WAIT_BLOCK,
	.spins = 1,
};

/* Two producers, one required consumer "c". */
struct trio {
	struct disruptor_ring *ring;
	struct disruptor_multi *a;
	struct disruptor_multi *b;
	struct disruptor_consumer *consumer;
};

static int trio_open(struct trio *trio, uint32_t slots, unsigned int flags)
{
	struct disruptor_config config = { .producers = 2, .flags = flags };
	int err;

	disruptor_graph_add(&config.graph, "c", NULL, 0);
	err = private_ring(&trio->ring, &config, slots, EVENT_BYTES);
	if (!err)
		err = disruptor_multi_attach(&trio->a, trio->ring);
	if (!err)
		err = disruptor_multi_attach(&trio->b, trio->ring);
	if (!err)
		err = disruptor_consumer_attach(&trio->consumer, trio->ring, "c");
	return err;
}

static void trio_close(struct trio *trio)
{
	disruptor_multi_detach(trio->a);
	disruptor_multi_detach(trio->b);
	disruptor_consumer_detach(trio->consumer);
	disruptor_close(trio->ring);
}

static void publish_filled(struct disruptor_multi *multi, uint64_t lo, uint64_t hi)
{
	uint64_t seq;

	for (seq = lo; seq < hi; seq++)
		event_fill(disruptor_multi_slot(multi, seq), EVENT_BYTES, seq);
	disruptor_multi_publish(multi, lo, hi);
}

/* Claim and publish @n events, which there must be room for. */
static int multi_events(struct disruptor_multi *multi, uint64_t n)
{
	uint64_t lo = 0;
	int err = disruptor_multi_try_claim(multi, n, &lo);

	if (!err)
		publish_filled(multi, lo, lo + n);
	return err;
}

static bool range_ok(struct disruptor_consumer *consumer,
		     const struct disruptor_range *range)
{
	uint64_t seq;

	for (seq = range->lo; seq < range->hi; seq++) {
		if (!event_ok(disruptor_consumer_slot(consumer, seq), EVENT_BYTES,
			      seq))
			return false;
	}
	return true;
}

static uint64_t aborted(struct disruptor_ring *ring)
{
	struct disruptor_stats stats = { .aborted = 0xcc };

	return disruptor_get_stats(ring, &stats) ? ~0ULL : stats.aborted;
}

#define EXPECT_RANGE(consumer, from, to) do {				\
	struct disruptor_range __range = { 0, 0 };			\
									\
	ASSERT_EQ(0, disruptor_try_wait(consumer, &__range));		\
	EXPECT_EQ(from, __range.lo);					\
	EXPECT_EQ(to, __range.hi);					\
	EXPECT_TRUE(range_ok(consumer, &__range));			\
} while (0)

/* ---- what is refused --------------------------------------------------------- */

FIXTURE(multi) {
	struct trio trio;
};

FIXTURE_SETUP(multi)
{
	ASSERT_EQ(0, trio_open(&self->trio, 8, 0));
}

FIXTURE_TEARDOWN(multi)
{
	trio_close(&self->trio);
}

TEST_F(multi, no_more_attach_than_may)
{
	struct disruptor_multi *third = NULL;

	EXPECT_EQ(-EBUSY, disruptor_multi_attach(&third, self->trio.ring));
	EXPECT_EQ(NULL, third);
	disruptor_multi_detach(self->trio.a);
	EXPECT_EQ(0, disruptor_multi_attach(&self->trio.a, self->trio.ring));
	EXPECT_EQ(-EBUSY, disruptor_multi_attach(&third, self->trio.ring));
}

TEST_F(multi, a_ring_for_several_is_none_for_one_nor_the_other_way)
{
	struct disruptor_producer *one = NULL;
	struct disruptor_multi *several = NULL;
	struct pair pair;

	EXPECT_EQ(-EINVAL, disruptor_producer_attach(&one, self->trio.ring));
	EXPECT_EQ(NULL, one);
	ASSERT_EQ(0, pair_open(&pair, 8, 8));
	EXPECT_EQ(-EINVAL, disruptor_multi_attach(&several, pair.ring));
	EXPECT_EQ(NULL, several);
	pair_close(&pair);
}

TEST_F(multi, a_claim_of_none_or_more_than_the_ring_is_EINVAL)
{
	struct disruptor_multi *a = self->trio.a;
	uint64_t lo = 42;

	EXPECT_EQ(-EINVAL, disruptor_multi_try_claim(a, 0, &lo));
	EXPECT_EQ(-EINVAL, disruptor_multi_try_claim(a, 9, &lo));
	EXPECT_EQ(-EINVAL, disruptor_multi_claim(a, UINT64_MAX, &lo));
	EXPECT_EQ(-EINVAL, disruptor_multi_claim_until(a, 0, soon(SEC), &lo));
	EXPECT_EQ(42, lo);
	EXPECT_EQ(0, disruptor_multi_claim(a, 8, &lo));
	EXPECT_EQ(0, lo);
}

TEST_F(multi, a_second_claim_is_EBUSY_until_all_of_the_first_is_published)
{
	struct disruptor_multi *a = self->trio.a;
	uint64_t lo = 42;
	uint32_t event[EVENT_BYTES / 4];

	ASSERT_EQ(0, disruptor_multi_try_claim(a, 2, &lo));
	EXPECT_EQ(-EBUSY, disruptor_multi_try_claim(a, 1, &lo));
	publish_filled(a, 1, 2);
	EXPECT_EQ(-EBUSY, disruptor_multi_claim(a, 1, &lo));
	EXPECT_EQ(-EBUSY, disruptor_multi_claim_until(a, 1, soon(SEC), &lo));
	EXPECT_EQ(-EBUSY, disruptor_multi_write(a, event, 1));
	EXPECT_EQ(-EBUSY, disruptor_multi_publish_one(a, event));
	EXPECT_EQ(0, lo);
	publish_filled(a, 0, 1);
	EXPECT_EQ(0, disruptor_multi_try_claim(a, 1, &lo));
	EXPECT_EQ(2, lo);
}

TEST_F(multi, a_full_ring_is_EAGAIN_or_ETIMEDOUT)
{
	struct disruptor_range range;
	uint64_t lo = 42;

	ASSERT_EQ(0, multi_events(self->trio.a, 8));
	EXPECT_EQ(-EAGAIN, disruptor_multi_try_claim(self->trio.b, 1, &lo));
	EXPECT_EQ(-ETIMEDOUT, disruptor_multi_claim_until(self->trio.b, 1,
							  soon(MSEC), &lo));
	EXPECT_EQ(42, lo);
	ASSERT_EQ(0, disruptor_try_wait(self->trio.consumer, &range));
	disruptor_release(self->trio.consumer, 3);
	EXPECT_EQ(-EAGAIN, disruptor_multi_try_claim(self->trio.b, 4, &lo));
	EXPECT_EQ(0, disruptor_multi_claim_until(self->trio.b, 3, soon(SEC),
						 &lo));
	EXPECT_EQ(8, lo);
}

TEST_F(multi, room_that_is_less_than_was_slept_for_is_there_at_the_deadline)
{
	uint64_t deadline, lo = 77;
	pthread_t thread;

	ASSERT_EQ(0, disruptor_multi_set_wait(self->trio.b, &patient));
	ASSERT_EQ(0, multi_events(self->trio.a, 8));
	deadline = soon(SEC);
	ASSERT_EQ(0, pthread_create(&thread, NULL, release_soon,
				    self->trio.consumer));
	EXPECT_EQ(0, disruptor_multi_claim_until(self->trio.b, 3, deadline, &lo));
	EXPECT_GE(disruptor_now_ns(), deadline);
	EXPECT_EQ(8, lo);
	ASSERT_EQ(0, pthread_join(thread, NULL));
}

#define MOST_SLEPT_FOR	DISRUPTOR_MAX_WAIT_AHEAD

static void *release_the_rest_soon(void *arg)
{
	struct disruptor_consumer *consumer = arg;

	nanosleep(&(struct timespec){ .tv_nsec = 5 * MSEC }, NULL);
	disruptor_release(consumer, 2 * MOST_SLEPT_FOR);
	return NULL;
}

TEST(a_claim_of_more_than_can_be_slept_for_sleeps_nevertheless)
{
	struct disruptor_config config = { .producers = 2 };
	struct disruptor_consumer *consumer;
	struct disruptor_range range;
	struct disruptor_multi *multi;
	struct disruptor_ring *ring;
	pthread_t thread;
	uint64_t lo;

	disruptor_graph_add(&config.graph, "c", NULL, 0);
	ASSERT_EQ(0, private_ring(&ring, &config, 2 * MOST_SLEPT_FOR, 4));
	ASSERT_EQ(0, disruptor_multi_attach(&multi, ring));
	ASSERT_EQ(0, disruptor_multi_set_wait(multi, &sleeping));
	ASSERT_EQ(0, disruptor_consumer_attach(&consumer, ring, "c"));
	ASSERT_EQ(0, disruptor_multi_try_claim(multi, 2 * MOST_SLEPT_FOR, &lo));
	disruptor_multi_publish(multi, 0, 2 * MOST_SLEPT_FOR);
	ASSERT_EQ(0, disruptor_try_wait(consumer, &range));

	/* What it sleeps for is there. */
	disruptor_release(consumer, MOST_SLEPT_FOR + 1);
	EXPECT_EQ(-ETIMEDOUT,
		  disruptor_multi_claim_until(multi, 2 * MOST_SLEPT_FOR,
					      soon(20 * MSEC), &lo));
	EXPECT_GT(10, seat_stats(ring, 2).sleeps);
	ASSERT_EQ(0, pthread_create(&thread, NULL, release_the_rest_soon,
				    consumer));
	EXPECT_EQ(0, disruptor_multi_claim(multi, 2 * MOST_SLEPT_FOR, &lo));
	EXPECT_EQ(2 * MOST_SLEPT_FOR, lo);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_GT(10, seat_stats(ring, 2).sleeps);
	disruptor_multi_detach(multi);
	disruptor_consumer_detach(consumer);
	disruptor_close(ring);
}

TEST_F(multi, one_without_a_claim_has_no_intent)
{
	struct disruptor_seat_stats seats[DISRUPTOR_MAX_SEATS];
	struct disruptor_stats stats = {
		.seats = (uintptr_t)seats,
		.nr_seats = DISRUPTOR_MAX_SEATS,
	};
	uint64_t lo;

	/* Of no use, and the intent is taken back. */
	ASSERT_EQ(0, multi_events(self->trio.a, 8));
	EXPECT_EQ(-EAGAIN, disruptor_multi_try_claim(self->trio.b, 1, &lo));
	EXPECT_EQ(0, self->trio.a->intent->hi);
	EXPECT_EQ(0, self->trio.b->intent->hi);
	EXPECT_EQ(0, disruptor_get_stats(self->trio.ring, &stats));
	EXPECT_EQ(4, stats.nr_seats);
	EXPECT_EQ(8, seats[0].sequence);
	EXPECT_EQ(DISRUPTOR_SEAT_HELD, seats[2].flags);
	EXPECT_EQ(DISRUPTOR_SEAT_HELD, seats[3].flags);
	EXPECT_EQ(1, seats[2].attaches);
	EXPECT_EQ(1, seats[3].attaches);
}

TEST_F(multi, there_is_no_fd_and_no_such_wait)
{
	const struct disruptor_wait_strategy none = { .kind = 77 };
	struct disruptor_multi *multi = NULL;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EOPNOTSUPP, disruptor_multi_fileno(self->trio.a));
	EXPECT_EQ(-EINVAL, disruptor_multi_set_wait(self->trio.a, &none));
	EXPECT_EQ(0, disruptor_multi_set_wait(self->trio.a, NULL));
	EXPECT_EQ(-EINVAL, disruptor_multi_from_fd(&multi, fd));
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(-EBADF, disruptor_multi_from_fd(&multi, fd));
	EXPECT_EQ(NULL, multi);
	disruptor_multi_detach(NULL);
	disruptor_multi_end(NULL);
}

TEST(a_ring_for_more_than_64_is_EINVAL)
{
	struct disruptor_config config = { .producers = DISRUPTOR_MAX_PRODUCERS + 1 };
	struct disruptor_ring *ring;

	EXPECT_EQ(-EINVAL, private_ring(&ring, &config, 8, 8));
	config.producers = DISRUPTOR_MAX_PRODUCERS;
	ASSERT_EQ(0, private_ring(&ring, &config, 8, 8));
	disruptor_close(ring);
}

/* ---- gaps ---------------------------------------------------------------------- */

TEST_F(multi, consumers_read_up_to_the_first_gap)
{
	struct disruptor_consumer *consumer = self->trio.consumer;
	struct disruptor_range range = { 42, 43 };
	uint64_t first, second;

	ASSERT_EQ(0, disruptor_multi_try_claim(self->trio.a, 2, &first));
	ASSERT_EQ(0, disruptor_multi_try_claim(self->trio.b, 3, &second));
	ASSERT_EQ(2, second);
	publish_filled(self->trio.b, 2, 5);
	EXPECT_EQ(-EAGAIN, disruptor_try_wait(consumer, &range));
	EXPECT_EQ(-ETIMEDOUT, disruptor_wait_until(consumer, soon(MSEC), &range));
	EXPECT_EQ(42, range.lo);
	publish_filled(self->trio.a, 1, 2);
	EXPECT_EQ(-EAGAIN, disruptor_try_wait(consumer, &range));
	publish_filled(self->trio.a, 0, 1);
	EXPECT_RANGE(consumer, 0, 5);
}

TEST_F(multi, what_is_before_the_gap_can_be_had)
{
	uint64_t lo;

	ASSERT_EQ(0, disruptor_multi_try_claim(self->trio.a, 4, &lo));
	ASSERT_EQ(0, multi_events(self->trio.b, 2));
	publish_filled(self->trio.a, 0, 1);
	publish_filled(self->trio.a, 2, 3);
	EXPECT_RANGE(self->trio.consumer, 0, 1);
	disruptor_release(self->trio.consumer, 1);
	publish_filled(self->trio.a, 1, 2);
	EXPECT_RANGE(self->trio.consumer, 1, 3);
	disruptor_release(self->trio.consumer, 3);
	publish_filled(self->trio.a, 3, 4);
	EXPECT_RANGE(self->trio.consumer, 3, 6);
}

/* Two producers, and two consumers, one after the other. */
struct chain {
	struct disruptor_ring *ring;
	struct disruptor_multi *a, *b;
	struct disruptor_consumer *first, *second;
};

static int chain_open(struct chain *chain, uint32_t slots)
{
	struct disruptor_config config = { .producers = 2 };
	int err;

	disruptor_graph_add(&config.graph, "first", NULL, 0);
	disruptor_graph_add(&config.graph, "second", DISRUPTOR_AFTER("first"), 0);
	err = private_ring(&chain->ring, &config, slots, EVENT_BYTES);
	if (!err)
		err = disruptor_multi_attach(&chain->a, chain->ring);
	if (!err)
		err = disruptor_multi_attach(&chain->b, chain->ring);
	if (!err)
		err = disruptor_consumer_attach(&chain->first, chain->ring, "first");
	if (!err)
		err = disruptor_consumer_attach(&chain->second, chain->ring, "second");
	return err;
}

static void chain_close(struct chain *chain)
{
	disruptor_multi_detach(chain->a);
	disruptor_multi_detach(chain->b);
	disruptor_consumer_detach(chain->first);
	disruptor_consumer_detach(chain->second);
	disruptor_close(chain->ring);
}

static int never(void *context, void *event, uint64_t seq, bool end_of_batch)
{
	abort();
}

/* What is claimed is not, nor what is published behind a gap. */
TEST(poll_says_gating_for_what_is_published)
{
	struct disruptor_handler handler = { .on_event = never };
	struct disruptor_range range;
	struct chain chain;
	uint64_t lo, round;

	ASSERT_EQ(0, chain_open(&chain, 4));
	for (round = 0; round < 200; round++) {
		EXPECT_EQ(DISRUPTOR_POLL_IDLE, disruptor_poll(chain.first, &handler));
		EXPECT_EQ(DISRUPTOR_POLL_IDLE, disruptor_poll(chain.second, &handler));
		ASSERT_EQ(0, disruptor_multi_try_claim(chain.a, 1, &lo));
		EXPECT_EQ(DISRUPTOR_POLL_IDLE, disruptor_poll(chain.first, &handler));
		ASSERT_EQ(0, multi_events(chain.b, 1));
		EXPECT_EQ(DISRUPTOR_POLL_IDLE, disruptor_poll(chain.first, &handler));
		EXPECT_EQ(DISRUPTOR_POLL_IDLE, disruptor_poll(chain.second, &handler));
		publish_filled(chain.a, lo, lo + 1);
		EXPECT_EQ(DISRUPTOR_POLL_GATING, disruptor_poll(chain.second, &handler));
		ASSERT_EQ(0, disruptor_try_wait(chain.first, &range));
		disruptor_release(chain.first, range.hi);
		ASSERT_EQ(0, disruptor_try_wait(chain.second, &range));
		disruptor_release(chain.second, range.hi);
	}
	chain_close(&chain);
}

TEST(who_has_claimed_and_not_published_is_not_lapped_where_nobody_consumes)
{
	struct disruptor_config config = { .producers = 2 };
	struct disruptor_ring *ring;
	struct disruptor_multi *a, *b;
	uint64_t lo, i;

	ASSERT_EQ(0, private_ring(&ring, &config, 4, EVENT_BYTES));
	ASSERT_EQ(0, disruptor_multi_attach(&a, ring));
	ASSERT_EQ(0, disruptor_multi_attach(&b, ring));
	for (i = 0; i < 100; i++)
		ASSERT_EQ(0, multi_events(b, 1 + i % 4));
	ASSERT_EQ(0, disruptor_multi_try_claim(a, 1, &lo));
	ASSERT_EQ(0, multi_events(b, 3));
	EXPECT_EQ(-EAGAIN, multi_events(b, 1));
	EXPECT_EQ(-ETIMEDOUT, disruptor_multi_claim_until(b, 1, soon(MSEC), &lo));
	publish_filled(a, lo, lo + 1);
	EXPECT_EQ(0, multi_events(b, 4));
	disruptor_multi_detach(a);
	disruptor_multi_detach(b);
	disruptor_close(ring);
}

/* ---- claims left behind ----------------------------------------------------------- */

/* Four events of b's, of which the last three are a's claim's neighbours. */
static int leave_a_claim(struct trio *trio)
{
	uint64_t lo;

	if (multi_events(trio->b, 2) ||
	    disruptor_multi_try_claim(trio->a, 3, &lo) || multi_events(trio->b, 2))
		return 1;
	/* [0, 2) b, 2 aborted, 3 a, 4 aborted, [5, 7) b */
	publish_filled(trio->a, 3, 4);
	disruptor_multi_detach(trio->a);
	trio->a = NULL;
	return 0;
}

TEST_F(multi, what_is_left_behind_is_in_no_range)
{
	struct disruptor_consumer *consumer = self->trio.consumer;
	struct disruptor_range range;

	ASSERT_EQ(0, leave_a_claim(&self->trio));
	EXPECT_EQ(2, aborted(self->trio.ring));
	EXPECT_RANGE(consumer, 0, 2);
	disruptor_release(consumer, 1);
	EXPECT_RANGE(consumer, 1, 2);
	disruptor_release(consumer, 2);
	EXPECT_RANGE(consumer, 3, 4);
	disruptor_release(consumer, 4);
	EXPECT_RANGE(consumer, 5, 7);
	disruptor_release(consumer, 7);
	EXPECT_EQ(-EAGAIN, disruptor_try_wait(consumer, &range));
}

TEST_F(multi, what_is_left_behind_is_not_read)
{
	uint32_t events[8][EVENT_BYTES / 4];
	static const uint64_t seqs[] = { 0, 1, 3, 5, 6 };
	uint64_t done = 0, i;

	ASSERT_EQ(0, leave_a_claim(&self->trio));
	while (done < ARRAY_SIZE(seqs)) {
		int64_t n = disruptor_read(self->trio.consumer, events, 8);

		ASSERT_LT(0, n);
		for (i = 0; i < n; i++)
			ASSERT_TRUE(event_ok(events[i], EVENT_BYTES, seqs[done++]));
	}
	EXPECT_EQ(ARRAY_SIZE(seqs), done);
}

struct heard {
	uint64_t seqs[16];
	unsigned int nr;
	unsigned int wrong;
};

static int hear(void *context, void *event, uint64_t seq, bool end_of_batch)
{
	struct heard *heard = context;

	heard->wrong += !event_ok(event, EVENT_BYTES, seq);
	if (heard->nr < ARRAY_SIZE(heard->seqs))
		heard->seqs[heard->nr++] = seq;
	return 0;
}

#define EXPECT_HEARD(heard) do {					\
	EXPECT_EQ(0, (heard).wrong);					\
	EXPECT_EQ(5, (heard).nr);					\
	EXPECT_EQ(1, (heard).seqs[1]);					\
	EXPECT_EQ(3, (heard).seqs[2]);					\
	EXPECT_EQ(5, (heard).seqs[3]);					\
	EXPECT_EQ(6, (heard).seqs[4]);					\
} while (0)

TEST_F(multi, what_is_left_behind_is_not_run)
{
	struct heard heard = { .nr = 0 };
	struct disruptor_handler handler = { .context = &heard, .on_event = hear };

	ASSERT_EQ(0, leave_a_claim(&self->trio));
	disruptor_multi_detach(self->trio.b);
	self->trio.b = NULL;
	EXPECT_EQ(0, disruptor_run(self->trio.consumer, &handler));
	EXPECT_HEARD(heard);
}

TEST_F(multi, what_is_left_behind_is_not_polled)
{
	struct heard heard = { .nr = 0 };
	struct disruptor_handler handler = { .context = &heard, .on_event = hear };
	unsigned int i;

	ASSERT_EQ(0, leave_a_claim(&self->trio));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(DISRUPTOR_POLL_PROCESSING,
			  disruptor_poll(self->trio.consumer, &handler));
	EXPECT_EQ(DISRUPTOR_POLL_IDLE,
		  disruptor_poll(self->trio.consumer, &handler));
	EXPECT_HEARD(heard);
	disruptor_multi_detach(self->trio.b);
	self->trio.b = NULL;
	EXPECT_EQ(DISRUPTOR_POLL_ENDED,
		  disruptor_poll(self->trio.consumer, &handler));
}

TEST_F(multi, when_nothing_else_is_left_the_room_is_free_and_the_stream_ends)
{
	struct disruptor_range range;
	uint64_t lo;

	ASSERT_EQ(0, disruptor_multi_try_claim(self->trio.a, 8, &lo));
	disruptor_multi_detach(self->trio.a);
	self->trio.a = NULL;
	EXPECT_EQ(-EAGAIN, disruptor_multi_try_claim(self->trio.b, 1, &lo));
	EXPECT_EQ(-EAGAIN, disruptor_try_wait(self->trio.consumer, &range));
	EXPECT_EQ(0, disruptor_multi_try_claim(self->trio.b, 8, &lo));
	EXPECT_EQ(8, lo);
	disruptor_multi_detach(self->trio.b);
	self->trio.b = NULL;
	EXPECT_EQ(-ENODATA, disruptor_try_wait(self->trio.consumer, &range));
	EXPECT_EQ(16, aborted(self->trio.ring));
}

TEST_F(multi, the_next_in_the_seat_owes_nothing)
{
	uint64_t lo;

	ASSERT_EQ(0, disruptor_multi_try_claim(self->trio.a, 2, &lo));
	disruptor_multi_detach(self->trio.a);
	ASSERT_EQ(0, disruptor_multi_attach(&self->trio.a, self->trio.ring));
	EXPECT_EQ(0, self->trio.a->intent->hi);
	EXPECT_EQ(0, multi_events(self->trio.a, 1));
	EXPECT_RANGE(self->trio.consumer, 2, 3);
}

struct leaver {
	struct disruptor_multi *multi;
	int gone;
};

static void *leave(void *arg)
{
	struct leaver *leaver = arg;

	disruptor_multi_detach(leaver->multi);
	__atomic_store_n(&leaver->gone, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* An intent that is stored, though nothing is claimed yet. */
TEST_F(multi, who_leaves_waits_for_one_that_may_be_about_to_claim_the_same)
{
	struct disruptor_intent *intent = self->trio.b->intent;
	struct leaver leaver = { self->trio.a, 0 };
	struct disruptor_range range;
	pthread_t thread;
	uint64_t lo;

	ASSERT_EQ(0, disruptor_multi_try_claim(self->trio.a, 1, &lo));
	__atomic_store_n(&intent->lo, lo, __ATOMIC_RELEASE);
	__atomic_store_n(&intent->hi, lo + 1, __ATOMIC_RELEASE);
	ASSERT_EQ(0, pthread_create(&thread, NULL, leave, &leaver));
	self->trio.a = NULL;
	EXPECT_EQ(-ETIMEDOUT, disruptor_wait_until(self->trio.consumer,
						   soon(20 * MSEC), &range));
	EXPECT_EQ(0, __atomic_load_n(&leaver.gone, __ATOMIC_ACQUIRE));
	EXPECT_EQ(0, aborted(self->trio.ring));
	__atomic_store_n(&intent->hi, 0, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	EXPECT_EQ(1, aborted(self->trio.ring));
}

/* So that it is likely to be waiting. */
static void start_leaver(struct leaver *leaver, pthread_t *thread)
{
	if (pthread_create(thread, NULL, leave, leaver))
		abort();
	nanosleep(&(struct timespec){ .tv_nsec = 5 * MSEC }, NULL);
}

TEST(the_place_of_one_that_leaves_and_waits_is_free_and_not_lost)
{
	struct disruptor_config config = { .producers = 4 };
	struct disruptor_multi *multi[5] = { 0 };
	struct leaver leavers[2] = { 0 };
	struct disruptor_intent *intent;
	struct disruptor_ring *ring;
	pthread_t threads[2];
	unsigned int i;
	uint64_t lo;

	ASSERT_EQ(0, private_ring(&ring, &config, 8, EVENT_BYTES));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, disruptor_multi_attach(&multi[i], ring));
	ASSERT_EQ(0, disruptor_multi_try_claim(multi[0], 1, &lo));
	intent = multi[2]->intent;
	__atomic_store_n(&intent->lo, lo, __ATOMIC_RELEASE);
	__atomic_store_n(&intent->hi, lo + 1, __ATOMIC_RELEASE);
	/* The one has a claim that may be that one's, the other waits along. */
	for (i = 0; i < 2; i++) {
		leavers[i].multi = multi[i];
		start_leaver(&leavers[i], &threads[i]);
		EXPECT_EQ(0, __atomic_load_n(&leavers[i].gone, __ATOMIC_ACQUIRE));
	}
	EXPECT_EQ(0, disruptor_multi_attach(&multi[0], ring));
	__atomic_store_n(&intent->hi, 0, __ATOMIC_RELEASE);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQ(0, disruptor_multi_attach(&multi[1], ring));
	EXPECT_EQ(0, disruptor_multi_attach(&multi[3], ring));
	EXPECT_EQ(-EBUSY, disruptor_multi_attach(&multi[4], ring));
	for (i = 0; i < 4; i++)
		disruptor_multi_detach(multi[i]);
	disruptor_close(ring);
}

TEST_F(multi, a_sleeper_hears_of_what_was_left_behind)
{
	struct disruptor_range range = { 0, 0 };
	uint64_t lo;

	ASSERT_EQ(0, disruptor_multi_try_claim(self->trio.a, 1, &lo));
	ASSERT_EQ(0, multi_events(self->trio.b, 1));
	EXPECT_EQ(-ETIMEDOUT, disruptor_wait_until(self->trio.consumer, soon(MSEC),
						   &range));
	disruptor_multi_detach(self->trio.a);
	self->trio.a = NULL;
	EXPECT_EQ(0, disruptor_wait_until(self->trio.consumer, soon(SEC), &range));
	EXPECT_EQ(1, range.lo);
	EXPECT_EQ(2, range.hi);
}

/* And not for what is there already, which would be no sleep at all. */
TEST_F(multi, who_skips_what_was_left_behind_sleeps_for_what_comes_then)
{
	struct disruptor_range range;
	uint64_t lo;

	ASSERT_EQ(0, disruptor_multi_try_claim(self->trio.a, 3, &lo));
	disruptor_multi_detach(self->trio.a);
	self->trio.a = NULL;
	EXPECT_EQ(-ETIMEDOUT, disruptor_wait_until(self->trio.consumer,
						   soon(20 * MSEC), &range));
	EXPECT_EQ(3, self->trio.consumer->next);
	EXPECT_GE(2, seat_stats(self->trio.ring, 1).sleeps);
}

/* As a producer that broke out of the protocol would leave it. */
TEST_F(multi, a_cursor_more_than_the_ring_ahead_is_EBADMSG_and_no_room)
{
	struct disruptor_range range;
	uint64_t lo;

	__atomic_store_n(self->trio.a->cursor, 1000, __ATOMIC_RELEASE);
	EXPECT_EQ(-EAGAIN, disruptor_try_wait(self->trio.consumer, &range));
	EXPECT_EQ(-EBADMSG, disruptor_wait(self->trio.consumer, &range));
	EXPECT_EQ(-ETIMEDOUT, disruptor_multi_claim_until(self->trio.b, 1,
							  soon(MSEC), &lo));
	__atomic_store_n(self->trio.a->cursor, UINT64_MAX - 2, __ATOMIC_RELEASE);
	EXPECT_EQ(-EINVAL, disruptor_multi_claim(self->trio.b, 1, &lo));
}

TEST(what_was_left_behind_is_skipped_down_a_chain)
{
	struct disruptor_range range;
	struct chain chain;
	uint64_t lo;

	ASSERT_EQ(0, chain_open(&chain, 8));
	ASSERT_EQ(0, multi_events(chain.a, 1));
	ASSERT_EQ(0, disruptor_multi_try_claim(chain.a, 1, &lo));
	ASSERT_EQ(0, multi_events(chain.b, 1));
	disruptor_multi_detach(chain.a);
	chain.a = NULL;
	EXPECT_RANGE(chain.first, 0, 1);
	EXPECT_EQ(-EAGAIN, disruptor_try_wait(chain.second, &range));
	disruptor_release(chain.first, 1);
	EXPECT_RANGE(chain.first, 2, 3);
	EXPECT_RANGE(chain.second, 0, 1);
	disruptor_release(chain.second, 1);
	EXPECT_EQ(-EAGAIN, disruptor_try_wait(chain.second, &range));
	disruptor_release(chain.first, 3);
	EXPECT_RANGE(chain.second, 2, 3);
	chain_close(&chain);
}

TEST(the_stream_ends_with_the_last_producer_and_when_it_says_so)
{
	struct disruptor_range range;
	struct trio trio;

	ASSERT_EQ(0, trio_open(&trio, 8, DISRUPTOR_RING_OUTLIVES));
	disruptor_multi_end(trio.a);
	EXPECT_EQ(-EAGAIN, disruptor_try_wait(trio.consumer, &range));
	disruptor_multi_detach(trio.b);
	EXPECT_EQ(-EAGAIN, disruptor_try_wait(trio.consumer, &range));
	ASSERT_EQ(0, disruptor_multi_attach(&trio.a, trio.ring));
	ASSERT_EQ(0, multi_events(trio.a, 1));
	disruptor_multi_end(trio.a);
	EXPECT_RANGE(trio.consumer, 0, 1);
	disruptor_release(trio.consumer, 1);
	EXPECT_EQ(-ENODATA, disruptor_try_wait(trio.consumer, &range));
	trio.a = NULL;
	trio.b = NULL;
	trio_close(&trio);
}

/* ---- one thread, many laps --------------------------------------------------------- */

FIXTURE(laps) {
	struct trio trio;
};

FIXTURE_VARIANT(laps) {
	uint32_t slots;
};

FIXTURE_VARIANT_ADD(laps, slot_1) { 1 };
FIXTURE_VARIANT_ADD(laps, slots_2) { 2 };
FIXTURE_VARIANT_ADD(laps, slots_64) { 64 };
FIXTURE_VARIANT_ADD(laps, slots_1024) { 1024 };

FIXTURE_SETUP(laps)
{
	ASSERT_EQ(0, trio_open(&self->trio, variant->slots, 0));
}

FIXTURE_TEARDOWN(laps)
{
	trio_close(&self->trio);
}

/* Claim for one and the other, publish for the other and the one. */
TEST_F(laps, every_event_arrives_whoever_publishes_first)
{
	struct disruptor_consumer *consumer = self->trio.consumer;
	uint64_t end = (self->trio.a->view.index_mask + 1) * (1 + rounds(10));
	uint64_t seq = 0, m, n, lo, other;
	struct disruptor_range range;
	unsigned int seed = 1;

	while (seq < end) {
		m = 1 + rand_r(&seed) % variant->slots;
		ASSERT_EQ(0, disruptor_multi_try_claim(self->trio.a, m, &lo));
		ASSERT_EQ(seq, lo);
		n = variant->slots - m;
		if (n) {
			n = 1 + rand_r(&seed) % n;
			ASSERT_EQ(0, disruptor_multi_try_claim(self->trio.b, n,
							       &other));
			ASSERT_EQ(lo + m, other);
			publish_filled(self->trio.b, other, other + n);
		}
		ASSERT_EQ(-EAGAIN, disruptor_try_wait(consumer, &range));
		publish_filled(self->trio.a, lo, lo + m);
		EXPECT_RANGE(consumer, seq, seq + m + n);
		seq += m + n;
		disruptor_release(consumer, seq);
	}
}

TEST_F(laps, claims_left_behind_are_skipped_in_every_lap)
{
	struct disruptor_consumer *consumer = self->trio.consumer;
	uint64_t end = (self->trio.a->view.index_mask + 1) * 3;
	struct disruptor_range range;
	uint64_t seq, lo, left = 0;

	end = end < 4096 ? rounds(end) : rounds(4096);
	for (seq = 0; seq < end; seq++) {
		if (seq % 3) {
			ASSERT_EQ(0, multi_events(self->trio.b, 1));
			EXPECT_RANGE(consumer, seq, seq + 1);
			disruptor_release(consumer, seq + 1);
			continue;
		}
		ASSERT_EQ(0, disruptor_multi_try_claim(self->trio.a, 1, &lo));
		disruptor_multi_detach(self->trio.a);
		ASSERT_EQ(0, disruptor_multi_attach(&self->trio.a,
						    self->trio.ring));
		ASSERT_EQ(-EAGAIN, disruptor_try_wait(consumer, &range));
		left++;
	}
	EXPECT_EQ(left, aborted(self->trio.ring));
}

/* ---- threads ------------------------------------------------------------------------- */

#define MOST_PRODUCERS	DISRUPTOR_MAX_PRODUCERS
#define MOST_CONSUMERS	4

/**
 * struct scene - many threads at one ring
 * @each: events of each producer
 * @most: of a claim
 * @leaving: producers leave now and then, and a claim behind them
 * @left: how many events were
 */
struct scene {
	struct disruptor_ring *ring;
	const struct disruptor_wait_strategy *strategy;
	unsigned int producers;
	uint64_t each;
	uint64_t most;
	bool leaving;
	uint64_t left;
};

struct actor {
	struct scene *scene;
	char name[8];
	unsigned int index;
	unsigned int seed;
	uint64_t next[MOST_PRODUCERS];	/* of each producer, as seen here */
	uint64_t handled;
	const char *wrong;
	pthread_t thread;
};

/* Two words: who, and its number. */
static void scene_publish(struct actor *actor, struct disruptor_multi *multi,
			  uint64_t lo, uint64_t hi, uint64_t number)
{
	uint64_t middle = lo + rand_r(&actor->seed) % (hi - lo + 1);
	uint64_t seq;

	for (seq = lo; seq < hi; seq++) {
		uint64_t *event = disruptor_multi_slot(multi, seq);

		event[0] = actor->index;
		event[1] = number + seq - lo;
	}
	disruptor_multi_publish(multi, middle, hi);
	if (rand_r(&actor->seed) % 8 == 0)
		sched_yield();
	if (lo != middle)
		disruptor_multi_publish(multi, lo, middle);
}

/* With a claim that it never publishes. */
static const char *leave_and_return(struct actor *actor,
				    struct disruptor_multi **multi)
{
	uint64_t n = 1 + rand_r(&actor->seed) % actor->scene->most;
	uint64_t lo;

	if (disruptor_multi_claim_until(*multi, n, soon(60 * SEC), &lo))
		return "a claim to leave failed";
	__atomic_add_fetch(&actor->scene->left, n, __ATOMIC_RELAXED);
	disruptor_multi_detach(*multi);
	/* Its seat may be waiting for a claim of another to be published. */
	while (disruptor_multi_attach(multi, actor->scene->ring) == -EBUSY)
		sched_yield();
	disruptor_multi_set_wait(*multi, actor->scene->strategy);
	return NULL;
}

static void *scene_produce(void *arg)
{
	struct actor *actor = arg;
	struct scene *scene = actor->scene;
	struct disruptor_multi *multi;
	uint64_t number = 0, n, lo = 0;

	if (disruptor_multi_attach(&multi, scene->ring)) {
		actor->wrong = "no producer";
		return NULL;
	}
	disruptor_multi_set_wait(multi, scene->strategy);
	while (number < scene->each && !actor->wrong) {
		n = 1 + rand_r(&actor->seed) % scene->most;
		if (n > scene->each - number)
			n = scene->each - number;
		if (disruptor_multi_claim_until(multi, n, soon(60 * SEC), &lo)) {
			actor->wrong = "a claim failed";
			break;
		}
		scene_publish(actor, multi, lo, lo + n, number);
		number += n;
		if (scene->leaving && rand_r(&actor->seed) % 8 == 0)
			actor->wrong = leave_and_return(actor, &multi);
	}
	disruptor_multi_detach(multi);
	return NULL;
}

static const char *scene_check(struct actor *actor, const uint64_t *event,
			       bool complete)
{
	uint64_t who = event[0];

	if (who >= actor->scene->producers)
		return "an event of nobody";
	if (complete ? event[1] != actor->next[who] : event[1] < actor->next[who])
		return "not the next event of its producer";
	actor->next[who] = event[1] + 1;
	actor->handled++;
	return NULL;
}

static void scene_handle(struct actor *actor, struct disruptor_consumer *consumer,
			 const struct disruptor_range *range, bool complete)
{
	uint64_t seq;

	for (seq = range->lo; seq < range->hi && !actor->wrong; seq++)
		actor->wrong = scene_check(actor,
					   disruptor_consumer_slot(consumer, seq),
					   complete);
	disruptor_release(consumer, seq);
}

static void *scene_consume(void *arg)
{
	struct actor *actor = arg;
	struct disruptor_consumer *consumer;
	struct disruptor_range range;
	int err;

	if (disruptor_consumer_attach(&consumer, actor->scene->ring, actor->name)) {
		actor->wrong = "no consumer";
		return NULL;
	}
	disruptor_consumer_set_wait(consumer, actor->scene->strategy);
	while (!actor->wrong) {
		err = disruptor_wait_until(consumer, soon(60 * SEC), &range);
		if (err) {
			if (err != -ENODATA)
				actor->wrong = "a wait failed";
			break;
		}
		scene_handle(actor, consumer, &range, true);
	}
	disruptor_consumer_detach(consumer);
	return NULL;
}

/* One that comes and goes: it misses some, but sees none twice. */
static void *scene_visit(void *arg)
{
	struct actor *actor = arg;
	struct disruptor_consumer *consumer;
	struct disruptor_range range;
	int err = 0;

	while (!actor->wrong && err != -ENODATA) {
		if (disruptor_consumer_attach(&consumer, actor->scene->ring,
					      actor->name)) {
			actor->wrong = "no visit";
			break;
		}
		disruptor_consumer_set_wait(consumer, actor->scene->strategy);
		err = disruptor_wait_until(consumer, soon(60 * SEC), &range);
		if (!err)
			scene_handle(actor, consumer, &range, false);
		else if (err != -ENODATA)
			actor->wrong = "a visitor's wait failed";
		disruptor_consumer_detach(consumer);
	}
	return NULL;
}

static int actor_start(struct actor *actor, struct scene *scene,
		       unsigned int index, const char *name, void *(*act)(void *))
{
	*actor = (struct actor){
		.scene = scene,
		.index = index,
		.seed = index + 1,
	};
	snprintf(actor->name, sizeof(actor->name), "%s", name ? name : "");
	return pthread_create(&actor->thread, NULL, act, actor);
}

FIXTURE(threads) {
	struct scene scene;
	struct actor producers[MOST_PRODUCERS];
	struct actor consumers[MOST_CONSUMERS];
};

FIXTURE_VARIANT(threads) {
	unsigned int producers;
	uint32_t slots;
	uint64_t each;
	uint64_t most;
	bool leaving;
	bool visited;
	const struct disruptor_wait_strategy *strategy;
};

FIXTURE_VARIANT_ADD(threads, producers_3_one_by_one) {
	.producers = 3, .slots = 64, .each = 100000, .most = 1,
	.strategy = &yielding,
};

FIXTURE_VARIANT_ADD(threads, producers_3_in_batches_asleep) {
	.producers = 3, .slots = 1024, .each = 100000, .most = 100,
	.strategy = &sleeping,
};

FIXTURE_VARIANT_ADD(threads, producers_2_at_1_slot) {
	.producers = 2, .slots = 1, .each = 2000, .most = 1,
	.strategy = &sleeping,
};

FIXTURE_VARIANT_ADD(threads, producers_3_at_2_slots) {
	.producers = 3, .slots = 2, .each = 3000, .most = 2,
	.strategy = &yielding,
};

FIXTURE_VARIANT_ADD(threads, producers_64_with_the_keeper) {
	.producers = 63, .slots = 256, .each = 1000, .most = 4,
	.strategy = &sleeping,
};

FIXTURE_VARIANT_ADD(threads, producers_3_that_leave_claims) {
	.producers = 3, .slots = 32, .each = 10000, .most = 8, .leaving = true,
	.strategy = &yielding,
};

/* A ring of a page, so that a slot is claimed anew as soon as may be. */
FIXTURE_VARIANT_ADD(threads, producers_8_that_leave_claims_asleep) {
	.producers = 8, .slots = 256, .each = 5000, .most = 16, .leaving = true,
	.strategy = &sleeping,
};

FIXTURE_VARIANT_ADD(threads, producers_3_with_visitors) {
	.producers = 3, .slots = 256, .each = 30000, .most = 16, .visited = true,
	.strategy = &yielding,
};

FIXTURE_VARIANT_ADD(threads, producers_3_that_leave_claims_with_visitors) {
	.producers = 3, .slots = 256, .each = 10000, .most = 16, .leaving = true,
	.visited = true, .strategy = &sleeping,
};

FIXTURE_SETUP(threads)
{
	struct disruptor_config config = { .producers = variant->producers + 1 };
	unsigned int optional = DISRUPTOR_CONSUMER_OPTIONAL;

	disruptor_graph_add(&config.graph, "first", NULL, 0);
	disruptor_graph_add(&config.graph, "beside", NULL, 0);
	disruptor_graph_add(&config.graph, "second",
			    DISRUPTOR_AFTER("first", "beside"), 0);
	disruptor_graph_add(&config.graph, "guest", NULL, optional);
	ASSERT_EQ(0, private_ring(&self->scene.ring, &config, variant->slots,
				  EVENT_BYTES));
	self->scene.producers = variant->producers;
	self->scene.each = rounds(variant->each);
	self->scene.most = variant->most;
	self->scene.leaving = variant->leaving;
	self->scene.strategy = variant->strategy;
}

FIXTURE_TEARDOWN(threads)
{
	disruptor_close(self->scene.ring);
}

TEST_F_TIMEOUT(threads, every_event_comes_once_in_its_producers_order, 120)
{
	static const char *const names[] = { "first", "beside", "second" };
	struct scene *scene = &self->scene;
	struct disruptor_multi *keeper = NULL;
	struct actor *guest = &self->consumers[3];
	unsigned int i;

	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, actor_start(&self->consumers[i], scene, i, names[i],
					 scene_consume));
	if (variant->visited)
		ASSERT_EQ(0, actor_start(guest, scene, 3, "guest", scene_visit));
	/* The stream must not end while some are away, or have yet to begin. */
	ASSERT_EQ(0, disruptor_multi_attach(&keeper, scene->ring));
	for (i = 0; i < variant->producers; i++)
		ASSERT_EQ(0, actor_start(&self->producers[i], scene, i, NULL,
					 scene_produce));
	for (i = 0; i < variant->producers; i++) {
		pthread_join(self->producers[i].thread, NULL);
		EXPECT_STREQ("", said(self->producers[i].wrong));
	}
	disruptor_multi_end(keeper);
	for (i = 0; i < 3 + variant->visited; i++) {
		pthread_join(self->consumers[i].thread, NULL);
		EXPECT_STREQ("", said(self->consumers[i].wrong));
	}
	for (i = 0; i < 3; i++)
		EXPECT_EQ(variant->producers * scene->each,
			  self->consumers[i].handled);
	EXPECT_EQ(scene->left, aborted(scene->ring));
}

/* ---- batches ---------------------------------------------------------------------------- */

TEST_F(multi, a_batch_of_more_than_the_ring_goes_in_by_parts)
{
	uint32_t in[4][EVENT_BYTES / 4], out[8][EVENT_BYTES / 4];
	unsigned int i;

	for (i = 0; i < 4; i++)
		event_fill(in[i], EVENT_BYTES, i);
	EXPECT_EQ(0, disruptor_multi_write(self->trio.a, in, 4));
	EXPECT_EQ(0, disruptor_multi_write(self->trio.b, NULL, 0));
	for (i = 4; i < 8; i++) {
		event_fill(in[0], EVENT_BYTES, i);
		EXPECT_EQ(0, disruptor_multi_publish_one(self->trio.b, in[0]));
	}
	EXPECT_EQ(8, disruptor_read(self->trio.consumer, out, 8));
	for (i = 0; i < 8; i++)
		EXPECT_TRUE(event_ok(out[i], EVENT_BYTES, i));
}

struct writer {
	struct disruptor_multi *multi;
	const void *events;
	uint64_t n;
	int err;
};

static void *write_all(void *arg)
{
	struct writer *writer = arg;

	writer->err = disruptor_multi_write(writer->multi, writer->events,
					    writer->n);
	return NULL;
}

TEST_F(multi, a_batch_of_many_laps_arrives_in_order)
{
	uint32_t (*in)[EVENT_BYTES / 4] = calloc(100, EVENT_BYTES);
	uint32_t out[8][EVENT_BYTES / 4];
	struct writer writer = { self->trio.a, in, 100, 1 };
	uint64_t done = 0;
	pthread_t thread;
	int64_t n, i;

	ASSERT_NE(NULL, in);
	for (i = 0; i < 100; i++)
		event_fill(in[i], EVENT_BYTES, i);
	ASSERT_EQ(0, pthread_create(&thread, NULL, write_all, &writer));
	while (done < 100) {
		n = disruptor_read(self->trio.consumer, out, 8);
		ASSERT_LT(0, n);
		for (i = 0; i < n; i++)
			ASSERT_TRUE(event_ok(out[i], EVENT_BYTES, done++));
	}
	pthread_join(thread, NULL);
	EXPECT_EQ(0, writer.err);
	free(in);
}

TEST_HARNESS_MAIN
