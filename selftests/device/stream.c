// SPDX-License-Identifier: GPL-2.0-only
/* rig: user=root,plain timeout=150 */
/*
 * Events from process to process: every byte of every one arrives, in order, in
 * slots and rings of every size, however they are claimed and published,
 * waited for and released.
 */
#include "stream.h"

#include "kselftest_harness.h"

#define MAX_EVENTS	20000
#define MAX_BYTES	(24 << 20)	/* of a stream */
#define RUN_MS		400

FIXTURE(stream) {
	int ring;
	__u32 slots;
	__u32 slot_size;
	uint64_t seed;
	uint64_t *end;		/* shared: of the stream, when it is known */
	struct quota quota;
};

FIXTURE_VARIANT(stream) {
	__u32 slots;
	__u32 slot_size;
};

FIXTURE_VARIANT_ADD(stream, slots_1_of_4) { .slots = 1, .slot_size = 4 };
FIXTURE_VARIANT_ADD(stream, slots_2_of_4) { .slots = 2, .slot_size = 4 };
FIXTURE_VARIANT_ADD(stream, slots_128_of_4) { .slots = 128, .slot_size = 4 };
FIXTURE_VARIANT_ADD(stream, slots_4096_of_4) { .slots = 4096, .slot_size = 4 };
FIXTURE_VARIANT_ADD(stream, slots_1_of_8) { .slots = 1, .slot_size = 8 };
FIXTURE_VARIANT_ADD(stream, slots_64_of_8) { .slots = 64, .slot_size = 8 };
FIXTURE_VARIANT_ADD(stream, slots_1_of_12) { .slots = 1, .slot_size = 12 };
FIXTURE_VARIANT_ADD(stream, slots_2_of_12) { .slots = 2, .slot_size = 12 };
FIXTURE_VARIANT_ADD(stream, slots_256_of_12) { .slots = 256, .slot_size = 12 };
FIXTURE_VARIANT_ADD(stream, slots_1_of_64) { .slots = 1, .slot_size = 64 };
FIXTURE_VARIANT_ADD(stream, slots_16_of_64) { .slots = 16, .slot_size = 64 };
FIXTURE_VARIANT_ADD(stream, slots_1_of_4096) { .slots = 1, .slot_size = 4096 };
FIXTURE_VARIANT_ADD(stream, slots_2_of_4096) { .slots = 2, .slot_size = 4096 };
FIXTURE_VARIANT_ADD(stream, slots_8_of_4096) { .slots = 8, .slot_size = 4096 };
FIXTURE_VARIANT_ADD(stream, slots_1_of_65536) { .slots = 1, .slot_size = 65536 };
FIXTURE_VARIANT_ADD(stream, slots_2_of_65536) { .slots = 2, .slot_size = 65536 };
FIXTURE_VARIANT_ADD(stream, slots_4_of_65536) { .slots = 4, .slot_size = 65536 };

FIXTURE_SETUP(stream)
{
	uint64_t fit = MAX_BYTES / variant->slot_size;

	self->slots = variant->slots;
	self->slot_size = variant->slot_size;
	self->seed = chosen_seed();
	self->end = shared_alloc(sizeof(*self->end));
	ASSERT_NE(NULL, self->end);
	/* Many laps. */
	self->quota.least = 4 * self->slots + 3;
	self->quota.most = fit < MAX_EVENTS ? fit : MAX_EVENTS;
	self->quota.end_ns = now_ns() + RUN_MS * 1000000ULL;
	ASSERT_LT(self->quota.least, self->quota.most);
	self->ring = ring_create(.slots = variant->slots, .graph = "last",
				 .slot_size = variant->slot_size);
	ASSERT_LE(0, self->ring);
}

FIXTURE_TEARDOWN(stream)
{
	munmap(self->end, sizeof(*self->end));
	close(self->ring);
}

/* Claim some, publish them in parts. */
static int produce_in_parts(void *context)
{
	FIXTURE_DATA(stream) *self = context;
	struct disruptor_producer *producer;
	uint64_t chances = self->seed;
	uint64_t next = 0, lo, seq, hi;

	CHILD_CHECK(!producer_use(&producer, attach_producer(self->ring, NULL),
				  chosen_wait(&chances)));
	while (within(&self->quota, next)) {
		uint64_t n = chance_part(&chances, self->slots);

		CHILD_CHECK(!disruptor_claim(producer, n, &lo));
		CHILD_CHECK(lo == next);
		next += n;
		for (; lo < next; lo = hi) {
			hi = lo + chance_part(&chances, next - lo);
			for (seq = lo; seq < hi; seq++)
				event_fill(disruptor_producer_slot(producer, seq),
					   self->slot_size, seq);
			disruptor_publish(producer, lo, hi);
		}
	}
	shared_store(self->end, next);
	disruptor_producer_end(producer);
	return 0;
}

/* Wait for some, release them in parts. */
static int consume_in_parts(void *context)
{
	FIXTURE_DATA(stream) *self = context;
	struct disruptor_consumer *consumer;
	struct disruptor_range range;
	uint64_t chances = ~self->seed;
	uint64_t next = 0;
	int err;

	CHILD_CHECK(!consumer_use(&consumer,
				  attach_consumer(self->ring, "last", NULL),
				  chosen_wait(&chances)));
	while (!(err = disruptor_wait(consumer, &range))) {
		uint64_t part = next + chance_part(&chances, range.hi - range.lo);

		CHILD_CHECK(range.lo == next);
		CHILD_CHECK(range.hi > range.lo);
		CHILD_CHECK(range.hi - range.lo <= self->slots);
		for (; next < part; next++)
			CHILD_CHECK(event_right(disruptor_consumer_slot(consumer,
									next),
						self->slot_size, next));
		disruptor_release(consumer, next);
	}
	CHILD_CHECK(err == -ENODATA);
	CHILD_CHECK(next == shared_load(self->end));
	disruptor_consumer_detach(consumer);
	return 0;
}

TEST_F(stream, every_byte_arrives)
{
	pid_t pids[] = {
		stage_start(consume_in_parts, self),
		stage_start(produce_in_parts, self),
	};

	EXPECT_EQ(0, stages_wait(pids, 2));
}

/* Batches of up to four times the ring, written whole. */
static int produce_by_write(void *context)
{
	FIXTURE_DATA(stream) *self = context;
	uint64_t most = 4 * self->slots;
	struct disruptor_producer *producer;
	uint64_t chances = self->seed;
	uint64_t next = 0, i, n;
	char *events = malloc(most * self->slot_size);

	CHILD_CHECK(events);
	CHILD_CHECK(!producer_use(&producer, attach_producer(self->ring, NULL),
				  chosen_wait(&chances)));
	for (; within(&self->quota, next); next += n) {
		n = chance_part(&chances, most);
		for (i = 0; i < n; i++)
			event_fill(events + i * self->slot_size,
				   self->slot_size, next + i);
		if (n == 1)
			CHILD_CHECK(!disruptor_publish_one(producer, events));
		else
			CHILD_CHECK(!disruptor_write(producer, events, n));
	}
	shared_store(self->end, next);
	disruptor_producer_end(producer);
	return 0;
}

static int consume_by_read(void *context)
{
	FIXTURE_DATA(stream) *self = context;
	struct disruptor_consumer *consumer;
	uint64_t chances = ~self->seed;
	uint64_t next = 0, asked;
	int64_t got, i;
	size_t bytes = (self->slots + 1) * self->slot_size;
	char *events = malloc(bytes);

	CHILD_CHECK(events);
	CHILD_CHECK(!consumer_use(&consumer,
				  attach_consumer(self->ring, "last", NULL),
				  chosen_wait(&chances)));
	for (;;) {
		asked = chance_part(&chances, self->slots + 1);
		memset(events, POISON, asked * self->slot_size);
		got = disruptor_read(consumer, events, asked);
		if (got < 0)
			break;
		CHILD_CHECK(got > 0 && got <= (int64_t)asked);
		for (i = 0; i < got; i++)
			CHILD_CHECK(event_right(events + i * self->slot_size,
						self->slot_size, next + i));
		next += got;
	}
	CHILD_CHECK(got == -ENODATA);
	CHILD_CHECK(next == shared_load(self->end));
	disruptor_consumer_detach(consumer);
	return 0;
}

TEST_F(stream, batches_are_copied_in_and_out)
{
	pid_t pids[] = {
		stage_start(consume_by_read, self),
		stage_start(produce_by_write, self),
	};

	EXPECT_EQ(0, stages_wait(pids, 2));
}

/* Whole rings, filled as one array from wherever the last one ended. */
static int produce_arrays(void *context)
{
	FIXTURE_DATA(stream) *self = context;
	struct disruptor_producer *producer;
	uint64_t next = 0, lo, i, n;
	char *array;

	CHILD_CHECK(!producer_use(&producer, attach_producer(self->ring, NULL),
				  &sleeping));
	for (; within(&self->quota, next); next += n) {
		n = next ? self->slots : (self->slots + 1) / 2;
		CHILD_CHECK(!disruptor_claim(producer, n, &lo));
		array = disruptor_producer_slot(producer, lo);
		for (i = 0; i < n; i++)
			event_fill(array + i * self->slot_size,
				   self->slot_size, lo + i);
		disruptor_publish(producer, lo, lo + n);
	}
	shared_store(self->end, next);
	disruptor_producer_end(producer);
	return 0;
}

/* What is there, read as one array; @wrapped: batches that crossed the wrap. */
static int consume_arrays(FIXTURE_DATA(stream) *self, uint64_t *wrapped)
{
	struct disruptor_consumer *consumer;
	struct disruptor_range range;
	const char *array;
	uint64_t next = 0, i;
	int err;

	CHILD_CHECK(!consumer_use(&consumer,
				  attach_consumer(self->ring, "last", NULL),
				  &sleeping));
	while (!(err = disruptor_wait(consumer, &range))) {
		CHILD_CHECK(range.lo == next);
		array = disruptor_consumer_slot(consumer, range.lo);
		for (i = 0; range.lo + i < range.hi; i++)
			CHILD_CHECK(event_right(array + i * self->slot_size,
						self->slot_size, range.lo + i));
		next = range.hi;
		*wrapped += range.lo / self->slots != (next - 1) / self->slots;
		disruptor_release(consumer, next);
	}
	CHILD_CHECK(err == -ENODATA);
	CHILD_CHECK(next == shared_load(self->end));
	disruptor_consumer_detach(consumer);
	return 0;
}

TEST_F(stream, a_batch_across_the_wrap_is_one_array)
{
	pid_t producer = stage_start(produce_arrays, self);
	uint64_t wrapped = 0;

	EXPECT_EQ(0, consume_arrays(self, &wrapped));
	EXPECT_EQ(0, child_wait(producer));
	if (self->slots > 1)
		EXPECT_LT(0, wrapped);
}

/* ---- one ring, step by step ------------------------------------------------- */

FIXTURE(steps) {
	int ring;
	struct disruptor_producer *producer;
	struct disruptor_consumer *fast;
	struct disruptor_consumer *slow;
};

FIXTURE_VARIANT(steps) {
	enum disruptor_wait_kind kind;
};

FIXTURE_VARIANT_ADD(steps, block) { .kind = DISRUPTOR_WAIT_BLOCK };
FIXTURE_VARIANT_ADD(steps, backoff) { .kind = DISRUPTOR_WAIT_BACKOFF };
FIXTURE_VARIANT_ADD(steps, spin) { .kind = DISRUPTOR_WAIT_SPIN };
FIXTURE_VARIANT_ADD(steps, yield) { .kind = DISRUPTOR_WAIT_YIELD };

#define STEPS_SLOTS	4

FIXTURE_SETUP(steps)
{
	struct disruptor_wait_strategy how = { .kind = variant->kind };

	self->ring = ring_create(.slots = STEPS_SLOTS, .graph = "fast slow");
	ASSERT_LE(0, self->ring);
	ASSERT_EQ(0, producer_use(&self->producer,
				  attach_producer(self->ring, NULL), &how));
	ASSERT_EQ(0, consumer_use(&self->fast,
				  attach_consumer(self->ring, "fast", NULL), &how));
	ASSERT_EQ(0, consumer_use(&self->slow,
				  attach_consumer(self->ring, "slow", NULL), &how));
}

FIXTURE_TEARDOWN(steps)
{
	disruptor_producer_detach(self->producer);
	disruptor_consumer_detach(self->fast);
	disruptor_consumer_detach(self->slow);
	close(self->ring);
}

TEST_F(steps, a_claim_is_refused_while_the_slowest_holds_the_ring)
{
	struct disruptor_range range;
	uint64_t lo;

	EXPECT_EQ(-EINVAL, disruptor_try_claim(self->producer, 0, &lo));
	EXPECT_EQ(-EINVAL, disruptor_try_claim(self->producer,
					       STEPS_SLOTS + 1, &lo));
	EXPECT_EQ(-EINVAL, disruptor_try_claim(self->producer, ~0ULL, &lo));
	EXPECT_EQ(-EINVAL, disruptor_claim(self->producer, 0, &lo));
	ASSERT_EQ(0, disruptor_try_claim(self->producer, STEPS_SLOTS, &lo));
	EXPECT_EQ(0, lo);
	EXPECT_EQ(-EAGAIN, disruptor_try_claim(self->producer, 1, &lo));
	disruptor_publish(self->producer, 0, STEPS_SLOTS);
	EXPECT_EQ(-EAGAIN, disruptor_try_claim(self->producer, 1, &lo));

	ASSERT_EQ(0, disruptor_try_wait(self->fast, &range));
	EXPECT_EQ(0, range.lo);
	EXPECT_EQ(STEPS_SLOTS, range.hi);
	disruptor_release(self->fast, STEPS_SLOTS);
	EXPECT_EQ(-EAGAIN, disruptor_try_claim(self->producer, 1, &lo));

	ASSERT_EQ(0, disruptor_try_wait(self->slow, &range));
	disruptor_release(self->slow, 2);
	EXPECT_EQ(-EAGAIN, disruptor_try_claim(self->producer, 3, &lo));
	ASSERT_EQ(0, disruptor_try_claim(self->producer, 2, &lo));
	EXPECT_EQ(STEPS_SLOTS, lo);
	EXPECT_EQ(-EAGAIN, disruptor_try_claim(self->producer, 1, &lo));
}

TEST_F(steps, what_is_claimed_is_seen_as_it_is_published)
{
	struct disruptor_range range;
	uint64_t lo;

	EXPECT_EQ(-EAGAIN, disruptor_try_wait(self->fast, &range));
	ASSERT_EQ(0, disruptor_claim(self->producer, 3, &lo));
	EXPECT_EQ(-EAGAIN, disruptor_try_wait(self->fast, &range));
	disruptor_publish(self->producer, 0, 1);
	ASSERT_EQ(0, disruptor_try_wait(self->fast, &range));
	EXPECT_EQ(0, range.lo);
	EXPECT_EQ(1, range.hi);

	disruptor_publish(self->producer, 1, 3);
	/* What was not released comes again. */
	ASSERT_EQ(0, disruptor_try_wait(self->fast, &range));
	EXPECT_EQ(0, range.lo);
	disruptor_release(self->fast, 1);
	ASSERT_EQ(0, disruptor_try_wait(self->fast, &range));
	EXPECT_EQ(1, range.lo);
	EXPECT_EQ(3, range.hi);
}

#define PATIENCE_MS	30

TEST_F(steps, waits_end_at_their_deadline)
{
	struct disruptor_range range = { 7, 7 };
	uint64_t lo, deadline;

	deadline = in_ms(PATIENCE_MS);
	EXPECT_EQ(-ETIMEDOUT, disruptor_wait_until(self->fast, deadline, &range));
	EXPECT_LE(deadline, disruptor_now_ns());
	EXPECT_GT(deadline + 5000000000ULL, disruptor_now_ns());
	EXPECT_EQ(7, range.lo);
	EXPECT_EQ(-ETIMEDOUT, disruptor_wait_until(self->fast, 0, &range));

	ASSERT_EQ(0, disruptor_claim(self->producer, STEPS_SLOTS, &lo));
	disruptor_publish(self->producer, 0, STEPS_SLOTS);
	deadline = in_ms(PATIENCE_MS);
	lo = 7;
	EXPECT_EQ(-ETIMEDOUT, disruptor_claim_until(self->producer, 1, deadline,
						    &lo));
	EXPECT_LE(deadline, disruptor_now_ns());
	EXPECT_GT(deadline + 5000000000ULL, disruptor_now_ns());
	EXPECT_EQ(7, lo);
	EXPECT_EQ(-ETIMEDOUT, disruptor_claim_until(self->producer, 1, 0, &lo));

	/* A deadline that has passed is no reason to leave events lying. */
	EXPECT_EQ(0, disruptor_wait_until(self->fast, 0, &range));
	EXPECT_EQ(STEPS_SLOTS, range.hi);
	disruptor_release(self->fast, 1);
	EXPECT_EQ(0, disruptor_wait_until(self->slow, 0, &range));
	disruptor_release(self->slow, 1);
	EXPECT_EQ(0, disruptor_claim_until(self->producer, 1, 0, &lo));
	EXPECT_EQ(STEPS_SLOTS, lo);
}

/* ---- a full ring ------------------------------------------------------------- */

#define HELD_EVENTS	400

static int fill_the_ring(void *context)
{
	struct disruptor_producer *producer;
	uint64_t seq, event;

	CHILD_CHECK(!producer_use(&producer,
				  attach_producer(*(int *)context, NULL),
				  &sleeping));
	for (seq = 0; seq < HELD_EVENTS; seq++) {
		event_fill(&event, sizeof(event), seq);
		CHILD_CHECK(!disruptor_publish_one(producer, &event));
	}
	disruptor_producer_end(producer);
	return 0;
}

static uint64_t cursor_of(int ring)
{
	return counter_of(ring, DISRUPTOR_SEAT_PRODUCERS);
}

/* Whether the cursor gets to @seq and stays there. */
static bool cursor_rests_at(int ring, uint64_t seq)
{
	if (!BECOMES_TRUE(cursor_of(ring) >= seq, 10000))
		return false;
	sleep_ms(5);
	return cursor_of(ring) == seq;
}

TEST(a_full_ring_holds_the_producer_until_the_slowest_releases)
{
	struct disruptor_consumer *consumers[3];
	static const char *const names[] = { "one", "two", "three" };
	const __u32 slots = 8;
	uint64_t released[3] = { 0, 0, 0 };
	uint64_t chances = chosen_seed();
	int ring = ring_create(.slots = slots, .graph = "one two three:one");
	unsigned int i, step;
	pid_t producer;

	ASSERT_LE(0, ring);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, consumer_use(&consumers[i],
					  attach_consumer(ring, names[i], NULL),
					  &sleeping));
	producer = stage_start(fill_the_ring, &ring);
	EXPECT_TRUE(cursor_rests_at(ring, slots));
	for (step = 0; step < 40; step++) {
		struct disruptor_range range;
		uint64_t slowest;
		int err;

		i = chance_below(&chances, 3);
		err = disruptor_try_wait(consumers[i], &range);
		if (err == -EAGAIN)
			continue;
		ASSERT_EQ(0, err);
		ASSERT_EQ(released[i], range.lo);
		released[i] += chance_part(&chances, range.hi - range.lo);
		disruptor_release(consumers[i], released[i]);
		slowest = released[0] < released[1] ? released[0] : released[1];
		if (released[2] < slowest)
			slowest = released[2];
		ASSERT_TRUE(cursor_rests_at(ring, slowest + slots));
	}
	/* 40 steps of 8 at the most: it is still being held. */
	EXPECT_EQ(0, waitpid(producer, NULL, WNOHANG));
	kill(producer, SIGKILL);
	EXPECT_EQ(-SIGKILL, child_wait(producer));
	for (i = 0; i < 3; i++)
		disruptor_consumer_detach(consumers[i]);
	close(ring);
}

TEST_HARNESS_MAIN
