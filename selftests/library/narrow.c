// SPDX-License-Identifier: GPL-2.0-only
/*
 * In 32 bits: what outgrows a size_t, and times.
 */
#include <unistd.h>

#include "library.h"

TEST(this_is_built_for_32_bits_but_for_a_time_t)
{
	EXPECT_EQ(4, sizeof(size_t));
	EXPECT_EQ(8, sizeof(time_t));
}

/* ---- addresses ----------------------------------------------------------- */

TEST(a_ring_that_fits_is_there_to_its_last_byte)
{
	const uint32_t slots = 256, size = 0x8004;
	struct pair pair;
	uint64_t lo;

	ASSERT_EQ(0, pair_open(&pair, slots, size));
	ASSERT_EQ(0, disruptor_try_claim(pair.producer, slots, &lo));
	event_fill(disruptor_producer_slot(pair.producer, slots - 1), size, 1);
	EXPECT_TRUE(event_ok(disruptor_producer_slot(pair.producer, slots - 1),
			     size, 1));
	pair_close(&pair);
}

/* 4 GiB and 512 KiB. */
TEST(events_beyond_32_bits_are_ENOMEM)
{
	struct disruptor_config config = { 0 };
	struct disruptor_ring *ring = NULL;

	EXPECT_EQ(-ENOMEM, private_ring(&ring, &config, 1 << 17, 0x8004));
	EXPECT_TRUE(!ring);
}

/* 2 GiB and 256 KiB, which is once within 32 bits, and twice not. */
TEST(events_beyond_32_bits_when_mapped_twice_are_ENOMEM)
{
	struct disruptor_config config = { 0 };
	struct disruptor_ring *ring = NULL;

	EXPECT_EQ(-ENOMEM, private_ring(&ring, &config, 1 << 16, 0x8004));
	EXPECT_TRUE(!ring);
}

/* 64 MiB for each group: all together 4 GiB. */
TEST(what_groups_are_done_with_beyond_32_bits_is_ENOMEM)
{
	struct disruptor_config config = { 0 };
	struct disruptor_ring *ring = NULL;
	char name[DISRUPTOR_CONSUMER_NAME_LEN];
	int i;

	for (i = 0; i < DISRUPTOR_MAX_CONSUMERS; i++) {
		snprintf(name, sizeof(name), "%d", i);
		disruptor_graph_add(&config.graph, name, NULL, 0);
		disruptor_graph_workers(&config.graph, name, 2);
	}
	EXPECT_EQ(-ENOMEM, private_ring(&ring, &config, 1 << 24, 4));
	EXPECT_TRUE(!ring);
}

/* ---- times --------------------------------------------------------------- */

TEST(a_sleep_does_not_end_before_its_deadline)
{
	struct disruptor_range range;
	struct pair pair;
	uint64_t deadline;
	int i;

	ASSERT_EQ(0, pair_open(&pair, 8, 8));
	/* Several, for a whole second may lie before one of them. */
	for (i = 0; i < 3; i++) {
		deadline = soon(100 * MSEC);
		EXPECT_EQ(-ETIMEDOUT, disruptor_wait_until(pair.consumer,
							   deadline, &range));
		EXPECT_GE(disruptor_now_ns(), deadline);
	}
	pair_close(&pair);
}

static void *halt_sleeper(void *arg)
{
	struct pair *pair = arg;

	usleep(50000);
	disruptor_halt(pair->consumer);
	return NULL;
}

TEST(a_deadline_may_be_in_any_second)
{
	const uint64_t seconds[] = { 3000000000, 5000000000, UINT64_MAX / SEC };
	struct disruptor_range range;
	struct pair pair;
	pthread_t halter;
	size_t i;

	ASSERT_EQ(0, pair_open(&pair, 8, 8));
	for (i = 0; i < ARRAY_SIZE(seconds); i++) {
		ASSERT_EQ(0, pthread_create(&halter, NULL, halt_sleeper, &pair));
		EXPECT_EQ(-ECANCELED, disruptor_wait_until(pair.consumer,
							   seconds[i] * SEC,
							   &range));
		ASSERT_EQ(0, pthread_join(halter, NULL));
	}
	pair_close(&pair);
}

TEST_HARNESS_MAIN
