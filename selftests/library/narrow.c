// SPDX-License-Identifier: GPL-2.0-only
/*
 * In 32 bits: what outgrows a size_t.
 */
#include "library.h"

_Static_assert(sizeof(size_t) == 4, "built for 32 bits");

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

TEST_HARNESS_MAIN
