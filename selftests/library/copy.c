// SPDX-License-Identifier: GPL-2.0-only
/*
 * Batches copied in and out.
 */
#include "library.h"

#define SIZE	12

TEST(a_batch_is_written_and_read_back)
{
	unsigned char in[10 * SIZE], out[10 * SIZE];
	struct pair pair;
	int i;

	ASSERT_EQ(0, pair_open(&pair, 16, SIZE));
	for (i = 0; i < 10; i++)
		event_fill(in + i * SIZE, SIZE, i);
	ASSERT_EQ(0, disruptor_write(pair.producer, in, 10));
	ASSERT_EQ(4, disruptor_read(pair.consumer, out, 4));
	ASSERT_EQ(6, disruptor_read(pair.consumer, out + 4 * SIZE, 100));
	EXPECT_EQ(0, memcmp(in, out, sizeof(in)));
	pair_close(&pair);
}

TEST(a_batch_of_none_is_written_at_once_but_not_read)
{
	struct pair pair;
	uint64_t event;

	ASSERT_EQ(0, pair_open(&pair, 16, 8));
	EXPECT_EQ(0, disruptor_write(pair.producer, NULL, 0));
	EXPECT_EQ(-EINVAL, disruptor_read(pair.consumer, &event, 0));
	EXPECT_EQ(-EINVAL, disruptor_read(pair.consumer, &event,
					  (uint64_t)INT64_MAX + 1));
	EXPECT_EQ(0, seat_stats(pair.ring, 0).sequence);
	pair_close(&pair);
}

TEST(reading_sees_the_end_and_a_halt)
{
	struct pair pair;
	uint64_t event;

	ASSERT_EQ(0, pair_open(&pair, 16, 8));
	disruptor_halt(pair.consumer);
	EXPECT_EQ(-ECANCELED, disruptor_read(pair.consumer, &event, 1));
	disruptor_producer_detach(pair.producer);
	pair.producer = NULL;
	EXPECT_EQ(-ENODATA, disruptor_read(pair.consumer, &event, 1));
	pair_close(&pair);
}

/* ---- between threads ------------------------------------------------------- */

struct transfer {
	struct pair pair;
	uint64_t events;
	uint64_t batch;
	int error;
};

static void *write_batches(void *arg)
{
	struct transfer *transfer = arg;
	unsigned char *batch = malloc(transfer->batch * SIZE);
	uint64_t seq, i;

	for (seq = 0; seq < transfer->events && !transfer->error;
	     seq += transfer->batch) {
		for (i = 0; i < transfer->batch; i++)
			event_fill(batch + i * SIZE, SIZE, seq + i);
		transfer->error = disruptor_write(transfer->pair.producer,
						  batch, transfer->batch);
	}
	disruptor_producer_detach(transfer->pair.producer);
	transfer->pair.producer = NULL;
	free(batch);
	return NULL;
}

FIXTURE(batches) {
	struct transfer transfer;
};

FIXTURE_VARIANT(batches) {
	uint32_t slots;
	uint64_t batch;
	uint64_t read;
	uint64_t total;
};

FIXTURE_VARIANT_ADD(batches, bigger_than_the_ring) { 16, 1000, 7, 200000 };
FIXTURE_VARIANT_ADD(batches, as_big_as_the_ring) { 256, 256, 256, 400000 };
FIXTURE_VARIANT_ADD(batches, through_one_slot) { 1, 10, 10, 20000 };
FIXTURE_VARIANT_ADD(batches, of_2000_in_65536_slots) { 65536, 2000, 2000, 2000000 };

FIXTURE_SETUP(batches)
{
	ASSERT_EQ(0, pair_open(&self->transfer.pair, variant->slots, SIZE));
	self->transfer.batch = variant->batch;
	self->transfer.events = rounds(variant->total / variant->batch) *
				variant->batch;
	self->transfer.error = 0;
}

FIXTURE_TEARDOWN(batches)
{
	pair_close(&self->transfer.pair);
}

TEST_F(batches, arrive_whole_and_in_order)
{
	struct transfer *transfer = &self->transfer;
	unsigned char *events = malloc(variant->read * SIZE);
	pthread_t writer;
	uint64_t seq = 0;
	int64_t n, i;

	ASSERT_EQ(0, pthread_create(&writer, NULL, write_batches, transfer));
	while ((n = disruptor_read(transfer->pair.consumer, events,
				   variant->read)) > 0) {
		ASSERT_LE(n, (int64_t)variant->read);
		for (i = 0; i < n; i++)
			ASSERT_TRUE(event_ok(events + i * SIZE, SIZE, seq + i));
		seq += n;
	}
	EXPECT_EQ(-ENODATA, n);
	EXPECT_EQ(transfer->events, seq);
	ASSERT_EQ(0, pthread_join(writer, NULL));
	EXPECT_EQ(0, transfer->error);
	free(events);
}

TEST_HARNESS_MAIN
