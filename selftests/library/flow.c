// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claim, publish, look, release: one thread at both ends, every size of slot and
 * the smallest rings, over many laps.
 */
#include "library.h"

FIXTURE(flow) {
	struct pair pair;
};

FIXTURE_VARIANT(flow) {
	uint32_t slots;
	uint32_t slot_size;
};

FIXTURE_VARIANT_ADD(flow, slot_1_of_4_bytes) { 1, 4 };
FIXTURE_VARIANT_ADD(flow, slots_2_of_4_bytes) { 2, 4 };
FIXTURE_VARIANT_ADD(flow, slots_2_of_12_bytes) { 2, 12 };
FIXTURE_VARIANT_ADD(flow, slots_64_of_8_bytes) { 64, 8 };
FIXTURE_VARIANT_ADD(flow, slots_8192_of_4_bytes) { 8192, 4 };
FIXTURE_VARIANT_ADD(flow, slots_128_of_100_bytes) { 128, 100 };
FIXTURE_VARIANT_ADD(flow, slots_16_of_4092_bytes) { 16, 4092 };
FIXTURE_VARIANT_ADD(flow, slots_8_of_4096_bytes) { 8, 4096 };
FIXTURE_VARIANT_ADD(flow, slots_4_of_4100_bytes) { 4, 4100 };
FIXTURE_VARIANT_ADD(flow, slot_1_of_65532_bytes) { 1, 65532 };
FIXTURE_VARIANT_ADD(flow, slot_1_of_65536_bytes) { 1, 65536 };
FIXTURE_VARIANT_ADD(flow, slots_4_of_65536_bytes) { 4, 65536 };

FIXTURE_SETUP(flow)
{
	ASSERT_EQ(0, pair_open(&self->pair, variant->slots,
			       variant->slot_size));
}

FIXTURE_TEARDOWN(flow)
{
	pair_close(&self->pair);
}

/* Laps of the memory, which may be longer than the ring. */
static uint64_t many_laps(const struct pair *pair)
{
	uint64_t memory = pair->producer->view.index_mask + 1;
	uint64_t bytes = memory * pair->producer->view.slot_size;

	return memory * (bytes > 65536 ? 3 : rounds(10));
}

TEST_F(flow, every_event_arrives_as_it_was_written_over_many_laps)
{
	struct disruptor_producer *producer = self->pair.producer;
	struct disruptor_consumer *consumer = self->pair.consumer;
	uint64_t end = many_laps(&self->pair), seq = 0, s;
	struct disruptor_range range;
	unsigned int seed = 1;

	while (seq < end) {
		uint64_t n = 1 + rand_r(&seed) % variant->slots;

		ASSERT_EQ(0, publish_events(producer, n));
		ASSERT_EQ(0, disruptor_try_wait(consumer, &range));
		ASSERT_EQ(seq, range.lo);
		ASSERT_EQ(seq + n, range.hi);
		for (s = range.lo; s < range.hi; s++)
			ASSERT_TRUE(event_ok(disruptor_consumer_slot(consumer, s),
					     variant->slot_size, s));
		disruptor_release(consumer, range.hi);
		seq = range.hi;
	}
	EXPECT_EQ(-EAGAIN, disruptor_try_wait(consumer, &range));
}

TEST_F(flow, the_slots_of_a_claim_lie_back_to_back_wherever_the_ring_wraps)
{
	struct disruptor_producer *producer = self->pair.producer;
	struct disruptor_consumer *consumer = self->pair.consumer;
	size_t size = variant->slot_size;
	uint64_t end = many_laps(&self->pair), lo, i;
	struct disruptor_range range;
	unsigned int seed = 2;
	unsigned char *array;

	for (lo = 0; lo < end;) {
		uint64_t n = 1 + rand_r(&seed) % variant->slots;

		ASSERT_EQ(0, disruptor_try_claim(producer, n, &lo));
		array = disruptor_producer_slot(producer, lo);
		for (i = 0; i < n; i++)
			event_fill(array + i * size, size, lo + i);
		disruptor_publish(producer, lo, lo + n);
		ASSERT_EQ(0, disruptor_try_wait(consumer, &range));
		array = disruptor_consumer_slot(consumer, range.lo);
		for (i = 0; i < n; i++)
			ASSERT_TRUE(event_ok(array + i * size, size, lo + i));
		disruptor_release(consumer, range.hi);
	}
}

TEST_F(flow, a_full_ring_holds_up_the_producer)
{
	struct disruptor_range range;
	uint64_t lo = 42;

	ASSERT_EQ(0, publish_events(self->pair.producer, variant->slots));
	EXPECT_EQ(-EAGAIN, disruptor_try_claim(self->pair.producer, 1, &lo));
	EXPECT_EQ(-ETIMEDOUT, disruptor_claim_until(self->pair.producer, 1,
						    soon(MSEC), &lo));
	EXPECT_EQ(42, lo);
	ASSERT_EQ(0, disruptor_try_wait(self->pair.consumer, &range));
	EXPECT_EQ(-EAGAIN, disruptor_try_claim(self->pair.producer, 1, &lo));
	disruptor_release(self->pair.consumer, 1);
	EXPECT_EQ(0, disruptor_claim_until(self->pair.producer, 1, soon(SEC),
					   &lo));
	EXPECT_EQ(variant->slots, lo);
	EXPECT_EQ(-EAGAIN, disruptor_try_claim(self->pair.producer, 1, &lo));
}

TEST_F(flow, a_claim_of_none_or_more_than_the_ring_is_EINVAL)
{
	struct disruptor_producer *producer = self->pair.producer;
	uint64_t lo = 42, slots = variant->slots;

	EXPECT_EQ(-EINVAL, disruptor_try_claim(producer, 0, &lo));
	EXPECT_EQ(-EINVAL, disruptor_try_claim(producer, slots + 1, &lo));
	EXPECT_EQ(-EINVAL, disruptor_try_claim(producer, UINT64_MAX, &lo));
	EXPECT_EQ(-EINVAL, disruptor_claim(producer, 0, &lo));
	EXPECT_EQ(-EINVAL, disruptor_claim_until(producer, slots + 1,
						 DISRUPTOR_FOREVER, &lo));
	EXPECT_EQ(42, lo);
	EXPECT_EQ(0, disruptor_try_claim(producer, slots, &lo));
	EXPECT_EQ(0, lo);
}

TEST_F(flow, an_empty_ring_has_nothing_to_consume)
{
	struct disruptor_range range = { 42, 43 };
	uint64_t lo;

	EXPECT_EQ(-EAGAIN, disruptor_try_wait(self->pair.consumer, &range));
	ASSERT_EQ(0, disruptor_try_claim(self->pair.producer, 1, &lo));
	EXPECT_EQ(-EAGAIN, disruptor_try_wait(self->pair.consumer, &range));
	EXPECT_EQ(42, range.lo);
	EXPECT_EQ(43, range.hi);
}

TEST(claims_may_be_published_by_parts)
{
	struct disruptor_range range;
	struct pair pair;
	uint64_t lo, more;

	ASSERT_EQ(0, pair_open(&pair, 16, 8));
	ASSERT_EQ(0, disruptor_try_claim(pair.producer, 6, &lo));
	ASSERT_EQ(0, disruptor_try_claim(pair.producer, 4, &more));
	EXPECT_EQ(6, more);
	disruptor_publish(pair.producer, lo, lo + 2);
	ASSERT_EQ(0, disruptor_try_wait(pair.consumer, &range));
	EXPECT_EQ(2, range.hi);
	disruptor_release(pair.consumer, 2);
	disruptor_publish(pair.producer, lo + 2, more + 4);
	ASSERT_EQ(0, disruptor_try_wait(pair.consumer, &range));
	EXPECT_EQ(2, range.lo);
	EXPECT_EQ(10, range.hi);
	pair_close(&pair);
}

TEST(what_is_released_by_parts_comes_again_for_the_rest)
{
	struct disruptor_range range;
	struct pair pair;

	ASSERT_EQ(0, pair_open(&pair, 16, 8));
	ASSERT_EQ(0, publish_events(pair.producer, 5));
	ASSERT_EQ(0, disruptor_try_wait(pair.consumer, &range));
	disruptor_release(pair.consumer, 3);
	ASSERT_EQ(0, disruptor_try_wait(pair.consumer, &range));
	EXPECT_EQ(3, range.lo);
	EXPECT_EQ(5, range.hi);
	pair_close(&pair);
}

TEST(a_ring_without_consumers_never_fills)
{
	struct disruptor_config config = { 0 };
	struct disruptor_producer *producer;
	struct disruptor_ring *ring;
	int i;

	ASSERT_EQ(0, private_ring(&ring, &config, 4, 8));
	ASSERT_EQ(0, disruptor_producer_attach(&producer, ring));
	for (i = 0; i < 100; i++)
		ASSERT_EQ(0, publish_events(producer, 1 + i % 4));
	disruptor_producer_detach(producer);
	disruptor_close(ring);
}

TEST(publish_one_copies_an_event_of_any_size)
{
	unsigned char event[100];
	struct pair pair;
	int i;

	ASSERT_EQ(0, pair_open(&pair, 4, sizeof(event)));
	for (i = 0; i < 3000; i++) {
		struct disruptor_range range;

		event_fill(event, sizeof(event), i);
		ASSERT_EQ(0, disruptor_publish_one(pair.producer, event));
		ASSERT_EQ(0, disruptor_try_wait(pair.consumer, &range));
		ASSERT_TRUE(event_ok(disruptor_consumer_slot(pair.consumer, i),
				     sizeof(event), i));
		disruptor_release(pair.consumer, range.hi);
	}
	pair_close(&pair);
}

/* As a process that broke out of the protocol would leave it. */
TEST(a_sequence_beyond_reason_is_EBADMSG_and_never_leaves_the_ring)
{
	struct disruptor_handler handler = { 0 };
	struct disruptor_range range = { 42, 43 };
	uint64_t event;
	struct pair pair;

	ASSERT_EQ(0, pair_open(&pair, 16, 8));
	__atomic_store_n(pair.producer->cursor, 17, __ATOMIC_RELEASE);
	EXPECT_EQ(-EBADMSG, disruptor_try_wait(pair.consumer, &range));
	EXPECT_EQ(-EBADMSG, disruptor_wait(pair.consumer, &range));
	EXPECT_EQ(-EBADMSG, disruptor_read(pair.consumer, &event, 1));
	handler.on_event = (void *)abort;
	EXPECT_EQ(-EBADMSG, disruptor_run(pair.consumer, &handler));
	EXPECT_EQ(-EBADMSG, disruptor_poll(pair.consumer, &handler));
	EXPECT_EQ(42, range.lo);

	__atomic_store_n(pair.producer->cursor, UINT64_MAX, __ATOMIC_RELEASE);
	EXPECT_EQ(-EBADMSG, disruptor_try_wait(pair.consumer, &range));
	EXPECT_EQ(-EBADMSG, disruptor_wait(pair.consumer, &range));
	__atomic_store_n(pair.producer->cursor, 16, __ATOMIC_RELEASE);
	EXPECT_EQ(0, disruptor_try_wait(pair.consumer, &range));
	pair_close(&pair);
}

TEST(a_consumer_beyond_what_is_published_holds_nobody_up)
{
	struct pair pair;
	uint64_t lo;

	ASSERT_EQ(0, pair_open(&pair, 16, 8));
	ASSERT_EQ(0, publish_events(pair.producer, 16));
	__atomic_store_n(pair.consumer->sequence, UINT64_MAX, __ATOMIC_RELEASE);
	EXPECT_EQ(0, disruptor_claim_until(pair.producer, 16, soon(SEC), &lo));
	EXPECT_EQ(16, lo);
	EXPECT_EQ(-EINVAL, disruptor_claim_until(pair.producer, 1, soon(SEC),
						 &lo));
	pair_close(&pair);
}

TEST(what_a_producer_took_back_before_it_left_is_the_end)
{
	struct disruptor_range range;
	struct pair pair;

	ASSERT_EQ(0, pair_open(&pair, 16, 8));
	ASSERT_EQ(0, publish_events(pair.producer, 8));
	ASSERT_EQ(0, disruptor_wait(pair.consumer, &range));
	disruptor_release(pair.consumer, 8);
	__atomic_store_n(pair.producer->cursor, 3, __ATOMIC_RELEASE);
	EXPECT_EQ(-EAGAIN, disruptor_try_wait(pair.consumer, &range));
	disruptor_producer_detach(pair.producer);
	pair.producer = NULL;
	EXPECT_EQ(-ENODATA, disruptor_wait(pair.consumer, &range));
	pair_close(&pair);
}

/* Nothing that is added to such a number means anything. */
TEST(a_cursor_left_at_the_end_of_all_numbers_is_no_room_and_no_events)
{
	struct disruptor_range range;
	struct pair pair;
	uint64_t lo;

	ASSERT_EQ(0, pair_open(&pair, 16, 8));
	__atomic_store_n(pair.producer->cursor, UINT64_MAX - 1, __ATOMIC_RELEASE);
	__atomic_store_n(pair.consumer->sequence, UINT64_MAX - 1, __ATOMIC_RELEASE);
	disruptor_producer_detach(pair.producer);
	disruptor_consumer_detach(pair.consumer);
	ASSERT_EQ(0, disruptor_producer_attach(&pair.producer, pair.ring));
	ASSERT_EQ(0, disruptor_consumer_attach(&pair.consumer, pair.ring, "c"));
	EXPECT_EQ(-EINVAL, disruptor_claim(pair.producer, 1, &lo));
	EXPECT_EQ(-EBADMSG, disruptor_wait(pair.consumer, &range));
	pair_close(&pair);
}

TEST_HARNESS_MAIN
