// SPDX-License-Identifier: GPL-2.0-only
/* rig: mem=2560 timeout=180 */
/*
 * The largest ring: 2^28 slots.  Only publishing moves the cursor, but a batch
 * may be as large as the ring, so laps are cheap, and with sixteen of them the
 * sequences outgrow 32 bits.
 */
#include "stream.h"

#include "kselftest_harness.h"

#define MAX_BYTES_PARAMETER	"/sys/module/disruptor/parameters/max_bytes"
#define SLOTS			((uint64_t)DISRUPTOR_MAX_SLOTS)
#define SLOT			DISRUPTOR_MIN_SLOT_SIZE
#define LAPS			18
#define STRIDE			(SLOTS / 512 + 1)	/* of the slots looked at */
#define EDGE			2048	/* slots at either end, all looked at */

FIXTURE(largest) {
	char max_bytes[32];
	int ring;
};

FIXTURE_SETUP(largest)
{
	if (getuid())
		SKIP(return, "needs root, to raise the module's limit");
	/* The default is a quarter of the machine. */
	ASSERT_LT(0, read_text(MAX_BYTES_PARAMETER, self->max_bytes,
			       sizeof(self->max_bytes)));
	ASSERT_EQ(0, write_text(MAX_BYTES_PARAMETER, "1342177280"));
	self->ring = ring_create(.slots = SLOTS, .slot_size = SLOT,
				 .graph = "last");
	ASSERT_LE(0, self->ring);
}

FIXTURE_TEARDOWN(largest)
{
	if (self->ring > 0)
		close(self->ring);
	write_text(MAX_BYTES_PARAMETER, self->max_bytes);
}

/* Sequences of a batch that are written and looked at. */
static uint64_t next_looked_at(uint64_t lo, uint64_t hi, uint64_t seq)
{
	uint64_t place = seq & (SLOTS - 1);

	if (place < EDGE || place >= SLOTS - EDGE || seq < lo + EDGE ||
	    seq + EDGE >= hi)
		return seq + 1;
	if ((seq | (SLOTS - 1)) - seq > STRIDE + EDGE && hi - seq > STRIDE + EDGE)
		return seq + STRIDE;
	return seq + 1;
}

static int produce(void *context)
{
	FIXTURE_DATA(largest) *self = context;
	struct disruptor_producer *producer;
	uint64_t lap, lo, seq;

	CHILD_CHECK(!producer_use(&producer, attach_producer(self->ring, NULL),
				  &sleeping));
	for (lap = 0; lap < LAPS; lap++) {
		/* Half a ring at first, so that each batch crosses the wrap. */
		uint64_t n = lap ? SLOTS : SLOTS / 2;

		CHILD_CHECK(disruptor_try_claim(producer, SLOTS + 1, &lo) ==
			    -EINVAL);
		CHILD_CHECK(!disruptor_claim(producer, n, &lo));
		for (seq = lo; seq < lo + n; seq = next_looked_at(lo, lo + n, seq))
			event_fill((char *)disruptor_producer_slot(producer, lo) +
				   (seq - lo) * SLOT, SLOT, seq);
		disruptor_publish(producer, lo, lo + n);
	}
	disruptor_producer_end(producer);
	return 0;
}

static int consume(void *context)
{
	FIXTURE_DATA(largest) *self = context;
	struct disruptor_consumer *consumer;
	struct disruptor_range range;
	uint64_t next = 0, seq;
	const char *array;
	int err;

	CHILD_CHECK(!consumer_use(&consumer,
				  attach_consumer(self->ring, "last", NULL),
				  &sleeping));
	while (!(err = disruptor_wait(consumer, &range))) {
		CHILD_CHECK(range.lo == next);
		array = disruptor_consumer_slot(consumer, range.lo);
		for (seq = range.lo; seq < range.hi;
		     seq = next_looked_at(range.lo, range.hi, seq))
			CHILD_CHECK(event_right(array + (seq - range.lo) * SLOT,
						SLOT, seq));
		next = range.hi;
		disruptor_release(consumer, next);
	}
	CHILD_CHECK(err == -ENODATA);
	CHILD_CHECK(next == (LAPS - 1) * SLOTS + SLOTS / 2);
	disruptor_consumer_detach(consumer);
	return 0;
}

TEST_F_TIMEOUT(largest, laps_beyond_32_bits, 100)
{
	pid_t pids[] = {
		stage_start(produce, self),
		stage_start(consume, self),
	};
	uint64_t end = (LAPS - 1) * SLOTS + SLOTS / 2;

	EXPECT_EQ(0, stages_wait(pids, 2));
	EXPECT_LT(1ULL << 32, end);
	EXPECT_EQ(end, counter_of(self->ring, DISRUPTOR_SEAT_PRODUCERS));
	EXPECT_EQ(end, counter_of(self->ring, DISRUPTOR_SEAT_CONSUMER(0)));
}

/* Every slot is a place of its own: fill all, then look at all. */
TEST_F_TIMEOUT(largest, no_two_slots_share_memory, 100)
{
	struct disruptor_producer *producer;
	struct disruptor_consumer *consumer;
	struct disruptor_range range;
	const __u32 *read;
	__u32 *write;
	uint64_t lo, seq, wrong = 0;

	ASSERT_EQ(0, producer_use(&producer, attach_producer(self->ring, NULL),
				  &sleeping));
	ASSERT_EQ(0, consumer_use(&consumer,
				  attach_consumer(self->ring, "last", NULL),
				  &sleeping));
	ASSERT_EQ(0, disruptor_claim(producer, SLOTS, &lo));
	write = disruptor_producer_slot(producer, lo);
	/* A page's first and last slot are enough: pages are what can be mixed up. */
	for (seq = 0; seq < SLOTS; seq += 1024) {
		write[seq] = event_word(seq, 0);
		write[seq + 1023] = event_word(seq + 1023, 0);
	}
	disruptor_publish(producer, 0, SLOTS);
	ASSERT_EQ(0, disruptor_try_wait(consumer, &range));
	ASSERT_EQ(SLOTS, range.hi - range.lo);
	read = disruptor_consumer_slot(consumer, 0);
	for (seq = 0; seq < SLOTS; seq += 1024)
		wrong += read[seq] != event_word(seq, 0) ||
			 read[seq + 1023] != event_word(seq + 1023, 0);
	EXPECT_EQ(0, wrong);
	/* And the second map of it is the same memory. */
	for (seq = 0; seq < SLOTS; seq += 1024)
		wrong += read[SLOTS + seq] != event_word(seq, 0);
	EXPECT_EQ(0, wrong);
	disruptor_release(consumer, SLOTS);
	disruptor_producer_detach(producer);
	disruptor_consumer_detach(consumer);
}

TEST_HARNESS_MAIN
