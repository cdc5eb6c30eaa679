// SPDX-License-Identifier: GPL-2.0-only
/* rig: user=root,plain */
/*
 * Observers of a ring of the device: another process that may only read.
 */
#include "ring.h"

#include <disruptor.h>
#include <sched.h>

#include "kselftest_harness.h"

#define SLOTS	64
#define EVENTS	20000
#define NAME	"observed"

static int make_ring(struct disruptor_ring **ring, unsigned int flags)
{
	struct disruptor_config config = {
		.slots = SLOTS,
		.slot_size = sizeof(uint64_t),
		.flags = flags,
		.mode = 0600,
		.name = NAME,
	};

	disruptor_graph_add(&config.graph, "c", NULL,
			    DISRUPTOR_CONSUMER_OPTIONAL);
	ring_unlink(NAME);
	return disruptor_create(ring, &config);
}

static int publish_number(struct disruptor_producer *producer, uint64_t number)
{
	return disruptor_publish_one(producer, &number);
}

TEST(a_ring_fd_that_may_not_read_observes_nothing)
{
	struct disruptor_observer *observer;
	struct disruptor_ring *ring, *writer;

	ASSERT_EQ(0, make_ring(&ring, DISRUPTOR_RING_OBSERVED));
	ASSERT_EQ(0, disruptor_open(&writer, NAME, DISRUPTOR_ACCESS_WRITE));
	EXPECT_EQ(-EACCES, disruptor_observer_open(&observer, writer));
	disruptor_close(writer);
	disruptor_close(ring);
	EXPECT_EQ(0, ring_unlink(NAME));
}

TEST(a_ring_that_keeps_nothing_for_observers_is_EOPNOTSUPP)
{
	struct disruptor_observer *observer;
	struct disruptor_config config = { .slots = 4096, .slot_size = 8 };
	struct disruptor_ring *ring;

	ASSERT_EQ(0, disruptor_create(&ring, &config));
	EXPECT_EQ(-EOPNOTSUPP, disruptor_observer_open(&observer, ring));
	disruptor_close(ring);
}

/* In a process of its own.  Every number is its sequence. */
static int watch(void *context)
{
	struct disruptor_observer *observer;
	uint64_t numbers[SLOTS];
	uint64_t lo, i, seen = 0, missed = 0;
	struct disruptor_ring *ring;
	int *ready = context;
	int64_t some;

	CHILD_CHECK(!disruptor_open(&ring, NAME, DISRUPTOR_ACCESS_READ));
	CHILD_CHECK(!disruptor_observer_open(&observer, ring));
	disruptor_close(ring);
	CHILD_CHECK(signal_byte(ready[1]));
	while ((some = disruptor_observe_until(observer, numbers, SLOTS,
					       now_ns() + 20000000000ULL, &lo,
					       &missed)) > 0) {
		CHILD_CHECK(lo == seen + missed);
		for (i = 0; i < (uint64_t)some; i++)
			CHILD_CHECK(numbers[i] == lo + i);
		seen += some;
	}
	CHILD_CHECK(some == -ENODATA);
	CHILD_CHECK(seen + missed == EVENTS);
	CHILD_CHECK(seen > 0);
	disruptor_observer_close(observer);
	return 0;
}

TEST(another_process_sees_what_is_published_and_holds_nobody_up)
{
	struct disruptor_producer *producer;
	struct disruptor_ring *ring;
	int ready[2];
	uint64_t i;
	pid_t pid;

	ASSERT_EQ(0, make_ring(&ring, DISRUPTOR_RING_OBSERVED));
	ASSERT_EQ(0, disruptor_producer_attach(&producer, ring));
	ASSERT_EQ(0, pipe(ready));
	pid = child_start(watch, ready);
	ASSERT_TRUE(await_byte(ready[0]));
	for (i = 0; i < EVENTS; i++) {
		ASSERT_EQ(0, publish_number(producer, i));
		if (i % 100 == 0)
			sched_yield();
	}
	disruptor_producer_detach(producer);
	EXPECT_EQ(0, child_wait(pid));
	disruptor_close(ring);
	EXPECT_EQ(0, ring_unlink(NAME));
}

TEST_HARNESS_MAIN
