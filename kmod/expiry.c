// SPDX-License-Identifier: GPL-2.0-only
/*
 * Required consumers that have been gone for longer than they were declared to be
 * waited for: the others stop, until it is back, as for one that is optional.
 */
#include <linux/jiffies.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "internal.h"
#include "trace.h"

static unsigned int expires_ms(const struct disruptor_ring *ring,
			       unsigned int seat)
{
	return ring->core.consumers[seat - DISRUPTOR_SEAT_CONSUMER(0)].expires_ms;
}

static void expire(struct disruptor_ring *ring, unsigned int seat)
{
	ring->seats[seat].gone = false;
	disruptor_consumer_leaves(ring, seat);
	trace_disruptor_evict(ring, seat, DISRUPTOR_LEFT_EXPIRED);
}

/* Under ring->lock.  Expire who is due, and come back for the next who will be. */
static void look(struct disruptor_ring *ring)
{
	unsigned long next = 0, at;
	unsigned int i;
	bool any = false;

	for (i = 0; i < ring->core.nr_consumers; i++) {
		unsigned int seat = DISRUPTOR_SEAT_CONSUMER(i);

		if (!ring->seats[seat].gone)
			continue;
		at = ring->seats[seat].gone_at +
		     msecs_to_jiffies(expires_ms(ring, seat));
		if (time_after_eq(jiffies, at)) {
			expire(ring, seat);
		} else if (!any || time_before(at, next)) {
			next = at;
			any = true;
		}
	}
	if (any)
		mod_delayed_work(system_dfl_wq, &ring->expiry, next - jiffies);
}

static void look_again(struct work_struct *work)
{
	struct disruptor_ring *ring = container_of(to_delayed_work(work),
						   struct disruptor_ring,
						   expiry);

	mutex_lock(&ring->lock);
	look(ring);
	mutex_unlock(&ring->lock);
}

/* Under ring->lock.  A consumer that the others wait for has gone. */
void disruptor_expiry_begin(struct disruptor_ring *ring, unsigned int seat)
{
	if (!expires_ms(ring, seat))
		return;
	ring->seats[seat].gone = true;
	ring->seats[seat].gone_at = jiffies;
	look(ring);
}

/* Under ring->lock.  It is back, or no longer waited for. */
void disruptor_expiry_end(struct disruptor_ring *ring, unsigned int seat)
{
	ring->seats[seat].gone = false;
}

void disruptor_expiry_init(struct disruptor_ring *ring)
{
	INIT_DELAYED_WORK(&ring->expiry, look_again);
}

/* With the last reference. */
void disruptor_expiry_exit(struct disruptor_ring *ring)
{
	cancel_delayed_work_sync(&ring->expiry);
}
