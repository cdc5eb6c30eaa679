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
 * A look takes as long as there are slots that somebody may have claimed, and its
 * time is nobody's.  Before the next, rest so many times as long, within reason.
 */
#define REST_TIMES	8
#define LONGEST_REST	USEC_PER_SEC

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
		if (!holder->writable_maps) {
			disruptor_claimant_abandons(&ring->core, holder->claims,
						    disruptor_handle_place(holder));
			holder->left_claim = false;
		}
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

/* How long to rest after a look that began at @begun. */
static void note_rest(struct disruptor_ring *ring, ktime_t begun)
{
	u64 took = ktime_us_delta(ktime_get(), begun);
	unsigned int rest = min_t(u64, REST_TIMES * took, LONGEST_REST);

	WRITE_ONCE(ring->recovery_rest, usecs_to_jiffies(rest) + 1);
}

/* Who waits may have something to read now, to adopt, or to leave for. */
static void recover(struct disruptor_ring *ring)
{
	u64 before = ring->core.aborted;
	ktime_t begun = ktime_get();
	bool settled;

	take_from_unmapped(ring);
	settled = disruptor_recover(&ring->core);
	if (ring->core.aborted != before)
		trace_disruptor_abort(ring, ring->core.aborted - before);
	trace_orphans(ring);
	disruptor_wait_kick(ring);
	note_rest(ring, begun);
	if (settled)
		return;
	mod_delayed_work(system_dfl_wq, &ring->recovery,
			 max(ring->recovery_delay, ring->recovery_rest));
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
 * mmap_lock, which ring->lock must not be taken under, and map_lock: nobody maps it
 * again before what is left has been taken.
 */
void disruptor_recovery_unmapped(struct disruptor_handle *handle)
{
	struct disruptor_ring *ring = handle->ring;
	struct disruptor_intent *intent;

	if (!handle->claims || handle->revoked)
		return;
	intent = disruptor_intent_of(&ring->core, handle->claims,
				     disruptor_handle_place(handle));
	if (!READ_ONCE(intent->hi))
		return;
	handle->left_claim = true;
	/* If it waits for a look already, this one's is not put off by it. */
	queue_delayed_work(system_dfl_wq, &ring->recovery,
			   READ_ONCE(ring->recovery_rest));
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

/* Under ring->lock.  Who has no maps, or gives them up meanwhile, leaves the claim. */
static int adopt(struct disruptor_handle *handle, u64 most,
		 struct disruptor_intent *claim)
{
	struct disruptor_group *group = disruptor_handle_group(handle);
	struct disruptor_ring *ring = handle->ring;
	int err;

	mutex_lock(&handle->map_lock);
	if (handle->revoked)
		err = -ESTALE;
	else if (!handle->writable_maps)
		err = -EINVAL;
	else
		err = disruptor_adopt(&ring->core, group,
				      disruptor_handle_place(handle), most, claim);
	mutex_unlock(&handle->map_lock);
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
