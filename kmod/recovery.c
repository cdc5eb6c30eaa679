// SPDX-License-Identifier: GPL-2.0-only
/*
 * The claims of producers and workers that died, settled or handed on: at once as a
 * rule, and a little later where a living one has to move on first (claims.c).  How
 * much later doubles from look to look: one that is stopped, or lies, may not do so
 * for long.
 */
#include <linux/workqueue.h>

#include "compat.h"
#include "internal.h"
#include "trace.h"

#define LONGEST_DELAY	(HZ / 16 + 1)

/*
 * A role whose fd somebody still has, but nobody its maps: who claimed something
 * there has died, or given up, and whoever maps it next knows nothing of it.
 */
static void take_from_unmapped(struct disruptor_ring *ring)
{
	struct disruptor_handle *holder;
	unsigned int seat;

	for (seat = 0; seat < ring->core.nr_seats; seat++) {
		holder = ring->seats[seat].holder;
		if (!holder || !holder->claims)
			continue;
		mutex_lock(&holder->map_lock);
		if (!holder->writable_maps)
			disruptor_claimant_abandons(&ring->core, holder->claims,
						    disruptor_handle_place(holder));
		mutex_unlock(&holder->map_lock);
	}
}

static void trace_orphans(struct disruptor_ring *ring)
{
	unsigned int i;

	for (i = 0; i < ring->core.nr_groups; i++) {
		const struct disruptor_group *group = &ring->core.groups[i];

		if (disruptor_has_orphans(&ring->core, group->seat))
			trace_disruptor_orphan(ring, group->seat,
					       &group->orphans);
	}
}

/* Who waits may have something to read now, to adopt, or to leave for. */
static void recover(struct disruptor_ring *ring)
{
	u64 before = ring->core.aborted;
	bool settled;

	take_from_unmapped(ring);
	settled = disruptor_recover(&ring->core);
	if (ring->core.aborted != before)
		trace_disruptor_abort(ring, ring->core.aborted - before);
	trace_orphans(ring);
	disruptor_wait_kick(ring);
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
	struct disruptor_intent *intent;

	if (!handle->claims)
		return;
	intent = disruptor_intent_of(&ring->core, handle->claims,
				     disruptor_handle_place(handle));
	/* No more than a hint: it may change, and be another's by now. */
	if (READ_ONCE(intent->hi))
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

/* Under ring->lock.  Who has no maps would lose the claim at the next look. */
static int adopt(struct disruptor_handle *handle, u64 most,
		 struct disruptor_intent *claim)
{
	struct disruptor_group *group = disruptor_handle_group(handle);
	struct disruptor_ring *ring = handle->ring;
	bool mapped;
	int err;

	mutex_lock(&handle->map_lock);
	mapped = handle->writable_maps;
	mutex_unlock(&handle->map_lock);
	if (handle->revoked)
		return -ESTALE;
	if (!mapped)
		return -EINVAL;
	err = disruptor_adopt(&ring->core, group, disruptor_handle_place(handle),
			      most, claim);
	if (!err)
		trace_disruptor_adopt(ring, handle->seat, claim);
	return err;
}

/* It cannot be told what it has. */
static void disown(struct disruptor_handle *handle,
		   const struct disruptor_intent *claim)
{
	struct disruptor_ring *ring = handle->ring;

	mutex_lock(&ring->lock);
	if (!handle->revoked) {
		disruptor_claimant_abandons(&ring->core, handle->claims,
					    disruptor_handle_place(handle));
		disruptor_recovery_run(ring);
		ring->core.adopted -= claim->hi - claim->lo;
	}
	mutex_unlock(&ring->lock);
}

long disruptor_role_adopt(struct disruptor_handle *handle,
			  struct disruptor_adopt_args __user *uargs)
{
	struct disruptor_intent claim = {};
	struct disruptor_adopt_args args;
	int err;

	if (!disruptor_handle_group(handle))
		return -ENOTTY;
	err = disruptor_args_get(&args, sizeof(args), uargs);
	if (err)
		return err;
	if (args.flags || !args.most)
		return -EINVAL;
	/* If the answer cannot be written, find out before anything changes. */
	err = disruptor_args_put(uargs, &args, sizeof(args));
	if (err)
		return err;

	mutex_lock(&handle->ring->lock);
	err = adopt(handle, args.most, &claim);
	mutex_unlock(&handle->ring->lock);
	if (err)
		return err;
	args.lo = claim.lo;
	args.hi = claim.hi;
	err = disruptor_args_put(uargs, &args, sizeof(args));
	if (err)
		disown(handle, &claim);
	return err;
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
