// SPDX-License-Identifier: GPL-2.0-only
/*
 * The claims of producers that died, settled: at once as a rule, and a little
 * later where a living producer has to move on first (claims.c).
 */
#include <linux/workqueue.h>

#include "internal.h"
#include "trace.h"

/* Under ring->lock. */
void disruptor_recovery_run(struct disruptor_ring *ring)
{
	u64 before = ring->core.aborted;
	bool settled = disruptor_recover(&ring->core);

	if (ring->core.aborted != before)
		trace_disruptor_abort(ring, ring->core.aborted - before);
	disruptor_wait_kick(ring);
	if (!settled)
		schedule_delayed_work(&ring->recovery, 1);
}

static void recover_again(struct work_struct *work)
{
	struct disruptor_ring *ring = container_of(to_delayed_work(work),
						   struct disruptor_ring,
						   recovery);

	mutex_lock(&ring->lock);
	disruptor_recovery_run(ring);
	mutex_unlock(&ring->lock);
}

void disruptor_recovery_init(struct disruptor_ring *ring)
{
	INIT_DELAYED_WORK(&ring->recovery, recover_again);
}

/* With the last reference. */
void disruptor_recovery_exit(struct disruptor_ring *ring)
{
	cancel_delayed_work_sync(&ring->recovery);
}
