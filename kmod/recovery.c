// SPDX-License-Identifier: GPL-2.0-only
/*
 * The claims of producers that died, settled: at once as a rule, and a little
 * later where a living producer has to move on first (claims.c).
 */
#include <linux/jiffies.h>
#include <linux/workqueue.h>

#include "internal.h"
#include "trace.h"

/* Of the module's own, so that the work is over before its code goes. */
static struct workqueue_struct *recovery_queue;

/* Under ring->lock. */
void disruptor_recovery_run(struct disruptor_ring *ring)
{
	u64 before = ring->core.aborted;
	bool settled = disruptor_recover(&ring->core);

	if (ring->core.aborted != before)
		trace_disruptor_abort(ring, ring->core.aborted - before);
	disruptor_wait_kick(ring);
	if (settled)
		return;
	/* The work has a reference; the caller keeps its own meanwhile. */
	kref_get(&ring->refs);
	if (!queue_delayed_work(recovery_queue, &ring->recovery, 1))
		disruptor_ring_put(ring);
}

static void recover_again(struct work_struct *work)
{
	struct disruptor_ring *ring = container_of(to_delayed_work(work),
						   struct disruptor_ring,
						   recovery);

	mutex_lock(&ring->lock);
	disruptor_recovery_run(ring);
	mutex_unlock(&ring->lock);
	disruptor_ring_put(ring);
}

void disruptor_recovery_setup(struct disruptor_ring *ring)
{
	INIT_DELAYED_WORK(&ring->recovery, recover_again);
}

int disruptor_recovery_init(void)
{
	recovery_queue = alloc_workqueue("disruptor", WQ_UNBOUND, 0);
	return recovery_queue ? 0 : -ENOMEM;
}

void disruptor_recovery_exit(void)
{
	destroy_workqueue(recovery_queue);
}
