// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who waits for whom.  Everything here runs under ring->lock, but the readers of
 * the masks are in user space and take no lock: they use a mask under the
 * membership epoch (__disruptor_lowest() in the library's header).
 *
 * Joining.  The joiner is put into the masks, the epoch is advanced, every CPU
 * that may run a participant passes a full barrier, and only then is the joiner's start read.  A reader
 * that has used an old mask and found the epoch unmoved at its second look
 * finished its reads before the barrier, so its result is no higher than the
 * start: no producer laps the joiner, and nobody downstream runs past it.
 * selftests/models/join.pml checks this, and that each step is needed.
 *
 * A joiner starts at its barrier: the cursor, or the lowest of the consumers it
 * comes after.  So nobody is ever ahead of what it comes after, and what waits
 * on the joiner keeps waiting, through it, on what it waited on before.
 *
 * The producers wait for every consumer that is present, not just for the last
 * in line: a consumer that writes nonsense to its own counter harms itself and
 * those after it, but cannot have the producers overrun those before it.
 */
#include <linux/bitmap.h>
#include <linux/bits.h>

#include "internal.h"

static u64 consumer_bit(unsigned int seat)
{
	return BIT_ULL(seat - DISRUPTOR_SEAT_CONSUMER(0));
}

static u64 waits_on(const struct disruptor_ring *ring, unsigned int seat)
{
	if (seat == DISRUPTOR_SEAT_PRODUCERS)
		return ring->present;
	return disruptor_graph_waits_on(ring->consumers, ring->present,
					seat - DISRUPTOR_SEAT_CONSUMER(0));
}

static u64 load_counter(const struct disruptor_ring *ring, unsigned int seat)
{
	/* Matches the release of whoever owns the counter. */
	return smp_load_acquire(disruptor_counter(ring, seat));
}

static void store_counter(const struct disruptor_ring *ring, unsigned int seat,
			  u64 sequence)
{
	/* Matches B in __disruptor_lowest(). */
	smp_store_release(disruptor_counter(ring, seat), sequence);
}

/*
 * Under ring->lock or ring->wait_lock, or where being a moment late is no harm.
 * The lowest sequence that a seat waits on, at most the cursor whatever the
 * counters say: user space writes them.
 */
u64 disruptor_barrier(const struct disruptor_ring *ring, unsigned int seat)
{
	u64 mask = READ_ONCE(ring->memory.control->seat[seat].waits_on);
	u64 lowest = load_counter(ring, DISRUPTOR_SEAT_PRODUCERS);
	unsigned int i;

	for (i = 0; i < ring->nr_consumers; i++) {
		if (mask & BIT_ULL(i))
			lowest = min(lowest,
				     load_counter(ring,
						  DISRUPTOR_SEAT_CONSUMER(i)));
	}
	return lowest;
}

static void publish_masks(struct disruptor_ring *ring)
{
	struct disruptor_control *control = ring->memory.control;
	unsigned int seat;

	spin_lock(&ring->wait_lock);
	for (seat = 0; seat <= ring->nr_consumers; seat++)
		WRITE_ONCE(control->seat[seat].waits_on, waits_on(ring, seat));
	spin_unlock(&ring->wait_lock);
	/* Matches A in __disruptor_lowest(). */
	smp_store_release(&control->epoch, control->epoch + 1);
}

/* Between a reader's last sequence and its second look at the epoch. */
static void fence_everybody(struct disruptor_ring *ring)
{
	DECLARE_BITMAP(all, DISRUPTOR_MAX_SEATS);

	bitmap_fill(all, DISRUPTOR_MAX_SEATS);
	disruptor_fence_holders(ring, all);
}

void disruptor_membership_init(struct disruptor_ring *ring)
{
	unsigned int i;

	for (i = 0; i < ring->nr_consumers; i++) {
		if (!(ring->consumers[i].flags & DISRUPTOR_CONSUMER_OPTIONAL))
			ring->present |= BIT_ULL(i);
	}
	publish_masks(ring);
}

/* Until its start is known, the joiner's counter holds everybody back. */
void disruptor_membership_join(struct disruptor_ring *ring, unsigned int seat)
{
	store_counter(ring, seat, disruptor_barrier(ring, seat));
	ring->present |= consumer_bit(seat);
	publish_masks(ring);
	fence_everybody(ring);
	store_counter(ring, seat, disruptor_barrier(ring, seat));
}

/*
 * Whoever still uses the old mask waits for a counter that does not move: it
 * finds the new epoch at its next look.
 */
void disruptor_membership_leave(struct disruptor_ring *ring, unsigned int seat)
{
	ring->present &= ~consumer_bit(seat);
	publish_masks(ring);
}

/*
 * A consumer that the others have waited for goes on where the last holder
 * stopped, but for what no consumer can have reached by playing fair.
 */
void disruptor_membership_resume(struct disruptor_ring *ring, unsigned int seat)
{
	u64 cursor = load_counter(ring, DISRUPTOR_SEAT_PRODUCERS);
	u64 oldest = cursor - min_t(u64, cursor, ring->geometry.slots);
	u64 barrier = disruptor_barrier(ring, seat);
	u64 sequence = load_counter(ring, seat);

	store_counter(ring, seat, min(max(sequence, oldest), barrier));
}
