// SPDX-License-Identifier: GPL-2.0-only
/*
 * The claims of producers that died, settled: at once as a rule, and a little
 * later where a living producer has to move on first (claims.c).  How much later
 * doubles from look to look: one that is stopped, or lies, may not do so for long.
 */
#include <linux/workqueue.h>

#include "compat.h"
#include "internal.h"
#include "trace.h"

#define LONGEST_DELAY	(HZ / 16 + 1)

/* Under ring->lock. */
static struct disruptor_handle *producer_at(struct disruptor_ring *ring,
					    unsigned int index)
{
	return ring->seats[disruptor_producer_seat(&ring->core, index)].holder;
}

/*
 * A role whose fd somebody still has, but nobody its maps: who claimed something
 * there has died, or given up, and whoever maps it next knows nothing of it.
 */
static void take_from_unmapped(struct disruptor_ring *ring)
{
	struct disruptor_handle *holder;
	unsigned int i;

	for (i = 0; i < ring->core.nr_producers; i++) {
		holder = producer_at(ring, i);
		if (!holder)
			continue;
		mutex_lock(&holder->map_lock);
		if (!holder->writable_maps)
			disruptor_producer_abandons(&ring->core, i);
		mutex_unlock(&holder->map_lock);
	}
}

static void recover(struct disruptor_ring *ring)
{
	u64 before = ring->core.aborted;
	bool settled;

	take_from_unmapped(ring);
	settled = disruptor_recover(&ring->core);
	if (ring->core.aborted != before) {
		trace_disruptor_abort(ring, ring->core.aborted - before);
		disruptor_wait_kick(ring);
	}
	if (settled)
		return;
	mod_delayed_work(system_percpu_wq, &ring->recovery,
			 ring->recovery_delay);
	ring->recovery_delay = min_t(unsigned long, 2 * ring->recovery_delay,
				     LONGEST_DELAY);
}

/* Under ring->lock. */
void disruptor_recovery_run(struct disruptor_ring *ring)
{
	ring->recovery_delay = 1;
	recover(ring);
}

/*
 * The last writable map of @handle is gone, though its fd need not be.  Under
 * mmap_lock, which ring->lock must not be taken under.
 */
void disruptor_recovery_unmapped(struct disruptor_handle *handle)
{
	struct disruptor_ring *ring = handle->ring;

	if (disruptor_is_one_of_producers(handle) &&
	    disruptor_producer_claims(&ring->core,
				      disruptor_handle_index(handle)))
		mod_delayed_work(system_percpu_wq, &ring->recovery, 0);
}

static void recover_again(struct work_struct *work)
{
	struct disruptor_ring *ring = container_of(to_delayed_work(work),
						   struct disruptor_ring,
						   recovery);

	mutex_lock(&ring->lock);
	recover(ring);
	mutex_unlock(&ring->lock);
}

void disruptor_recovery_init(struct disruptor_ring *ring)
{
	INIT_DELAYED_WORK(&ring->recovery, recover_again);
	ring->recovery_delay = 1;
}

/* With the last reference. */
void disruptor_recovery_exit(struct disruptor_ring *ring)
{
	cancel_delayed_work_sync(&ring->recovery);
}
