// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much of a ring of several producers is looked at under the lock, for which
 * all who publish and sleep wait: not what the waiters have seen before, nor much
 * of what they have not, whatever those say who can write the counters and the laps.
 *
 * The core that module and library have in common is asked itself.  A page of the
 * availability array that it must not look at cannot be read.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "../../kmod/core.h"
#include "kselftest_harness.h"

#define CONSUMERS	DISRUPTOR_MAX_CONSUMERS
#define WAITERS		(CONSUMERS * DISRUPTOR_MAX_WAITS)
#define FAR		DISRUPTOR_MAX_WAIT_AHEAD
#define SLOTS		(2 * FAR)
#define A_PAGE		4096
#define LAPS_OF_A_PAGE	(A_PAGE / sizeof(u32))

static void *memory(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

/* Two producers, and as many consumers as there can be, side by side. */
struct ring {
	struct disruptor_core core;
	struct disruptor_consumer_config graph[CONSUMERS];
	struct disruptor_waiter waiters[WAITERS];
};

static unsigned int fired;	/* waiters */

static void count(struct disruptor_waiter *waiter)
{
	fired++;
}

static bool ring_make(struct ring *ring)
{
	struct disruptor_core *core = &ring->core;

	if (disruptor_geometry_init(&core->geometry, SLOTS, 4, 0, A_PAGE))
		return false;
	core->page_size = A_PAGE;
	core->consumers = ring->graph;
	core->nr_consumers = CONSUMERS;
	core->nr_producers = 2;
	disruptor_core_measure(core);
	core->control = memory(sizeof(*core->control));
	core->sequences = memory(core->nr_seats * A_PAGE);
	core->availability = memory(disruptor_laps_bytes(core));
	if (!core->control || !core->sequences || !core->availability)
		return false;
	disruptor_core_init(core);
	return true;
}

/* What is claimed and published, as the pages say. */
static void publish(struct ring *ring, u64 lo, u64 hi)
{
	struct disruptor_core *core = &ring->core;

	WRITE_ONCE(*core->producers.claimed, hi);
	for (; lo < hi; lo++)
		core->availability[lo & core->geometry.index_mask] =
			DISRUPTOR_LAP(lo, core->lap_shift);
}

/* All of them wait for all that can be waited for, and have seen what is there. */
static void all_wait(struct ring *ring)
{
	struct disruptor_fences fences;
	unsigned int i;

	for (i = 0; i < WAITERS; i++) {
		struct disruptor_waiter *waiter = &ring->waiters[i];

		waiter->fire = count;
		waiter->seat = DISRUPTOR_SEAT_CONSUMER(i % CONSUMERS);
		waiter->target = FAR;
		waiter->seen = disruptor_barrier(&ring->core, waiter->seat);
		disruptor_arm(&ring->core, waiter, &fences);
	}
}

/* All laps but those of the page where that of @seq is; or of all. */
static void hide(struct ring *ring, u64 seq, bool all)
{
	size_t bytes = disruptor_laps_bytes(&ring->core);
	u64 lo = seq / LAPS_OF_A_PAGE * LAPS_OF_A_PAGE;

	mprotect(ring->core.availability, bytes, PROT_NONE);
	if (!all)
		mprotect(&ring->core.availability[lo], A_PAGE,
			 PROT_READ | PROT_WRITE);
}

static void show(struct ring *ring)
{
	mprotect(ring->core.availability, disruptor_laps_bytes(&ring->core),
		 PROT_READ | PROT_WRITE);
}

static u64 wake_at(const struct ring *ring)
{
	return ring->core.control->seat[DISRUPTOR_SEAT_PRODUCERS].wake_at;
}

FIXTURE(far) {
	struct ring *ring;
};

/* All but one of what they wait for is published. */
FIXTURE_SETUP(far)
{
	self->ring = memory(sizeof(*self->ring));
	ASSERT_NE(NULL, self->ring);
	ASSERT_TRUE(ring_make(self->ring));
	fired = 0;
	publish(self->ring, 0, FAR - 1);
}

FIXTURE_TEARDOWN(far)
{
}

TEST_F(far, a_wake_looks_at_nothing_that_was_seen_before)
{
	all_wait(self->ring);
	EXPECT_EQ(FAR, wake_at(self->ring));
	hide(self->ring, FAR - 1, false);
	disruptor_fire_met(&self->ring->core);
	EXPECT_EQ(0, fired);
	EXPECT_EQ(FAR, wake_at(self->ring));
	publish(self->ring, FAR - 1, FAR);
	disruptor_fire_met(&self->ring->core);
	EXPECT_EQ(WAITERS, fired);
	EXPECT_EQ(DISRUPTOR_NOBODY_SLEEPS, wake_at(self->ring));
}

TEST_F(far, nor_at_much_at_once_that_was_not)
{
	struct ring *ring = self->ring;

	publish(ring, 0, 0);
	all_wait(ring);
	EXPECT_EQ(1, wake_at(ring));
	publish(ring, 0, FAR - 1);
	hide(ring, 0, false);
	/* Each looks for itself, is not met, and waits again. */
	disruptor_fire_met(&ring->core);
	EXPECT_EQ(WAITERS, fired);
	show(ring);
	all_wait(ring);
	fired = 0;
	disruptor_fire_met(&ring->core);
	EXPECT_EQ(0, fired);
}

TEST_F(far, little_that_is_new_is_looked_at_for_them)
{
	struct ring *ring = self->ring;
	u64 lo;

	publish(ring, 0, 0);
	all_wait(ring);
	for (lo = 0; lo < LAPS_OF_A_PAGE; lo += 128) {
		publish(ring, lo, lo + 128);
		hide(ring, lo, false);
		disruptor_fire_met(&ring->core);
		show(ring);
		EXPECT_EQ(0, fired);
		EXPECT_EQ(lo + 128 + 1, wake_at(ring));
	}
}

TEST_F(far, nobody_looks_to_arm_or_to_give_up)
{
	struct disruptor_core *core = &self->ring->core;
	struct disruptor_fences fences;

	all_wait(self->ring);
	hide(self->ring, 0, true);
	disruptor_disarm(core, &self->ring->waiters[7]);
	disruptor_arm(core, &self->ring->waiters[7], &fences);
	EXPECT_EQ(FAR, wake_at(self->ring));
	disruptor_fire_all(core);
	EXPECT_EQ(WAITERS, fired);
}

TEST_F(far, a_hostile_counter_makes_no_more_of_it)
{
	struct ring *ring = self->ring;
	unsigned int i;

	all_wait(ring);
	for (i = 0; i < CONSUMERS; i++)
		*disruptor_counter(&ring->core, DISRUPTOR_SEAT_CONSUMER(i)) = i;
	hide(ring, FAR - 1, false);
	disruptor_fire_met(&ring->core);
	EXPECT_EQ(0, fired);
	for (i = 0; i < CONSUMERS; i++)
		*disruptor_counter(&ring->core, DISRUPTOR_SEAT_CONSUMER(i)) = ~0ULL - i;
	disruptor_fire_met(&ring->core);
	EXPECT_EQ(0, fired);
	/* The cursor goes back, and the counters are anywhere. */
	WRITE_ONCE(*ring->core.producers.claimed, 0);
	disruptor_fire_met(&ring->core);
	EXPECT_EQ(WAITERS, fired);
}

TEST_HARNESS_MAIN
