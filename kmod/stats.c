// SPDX-License-Identifier: GPL-2.0-only
/*
 * What can be seen of a ring: INFO, STATS and fdinfo.
 */
#include <linux/cred.h>
#include <linux/pid.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "internal.h"

static void fill_info(struct disruptor_info *info,
		      const struct disruptor_handle *handle)
{
	const struct disruptor_ring *ring = handle->ring;

	info->flags = ring->flags;
	info->slots = ring->core.geometry.slots;
	info->slot_size = ring->core.geometry.slot_size;
	info->index_mask = ring->core.geometry.index_mask;
	info->events_bytes = ring->core.geometry.events_bytes;
	info->nr_consumers = ring->core.nr_consumers;
	info->role = handle->role;
	info->index = disruptor_handle_index(handle);
	info->access = handle->access;
	info->page_size = PAGE_SIZE;
	info->mode = ring->mode;
	info->uid = from_kuid_munged(current_user_ns(), ring->uid);
	info->gid = from_kgid_munged(current_user_ns(), ring->gid);
	info->producers = ring->core.nr_producers;
	info->worker = disruptor_handle_worker(handle);
	info->node = ring->flags & DISRUPTOR_RING_NODE ? ring->memory.node : 0;
	strscpy_pad(info->name, ring->name, sizeof(info->name));
}

long disruptor_info(struct disruptor_handle *handle,
		    struct disruptor_info __user *uargs)
{
	const struct disruptor_ring *ring = handle->ring;
	struct disruptor_info info;
	unsigned int room;
	int err;

	err = disruptor_args_get(&info, sizeof(info), uargs);
	if (err)
		return err;
	if (READ_ONCE(handle->revoked))
		return -ESTALE;
	room = info.nr_consumers;
	if (room && room < ring->core.nr_consumers)
		return -ENOSPC;

	fill_info(&info, handle);
	err = disruptor_array_put(info.consumers, info.consumer_size,
				  ring->core.consumers, sizeof(*ring->core.consumers),
				  room ? ring->core.nr_consumers : 0);
	return err ?: disruptor_args_put(uargs, &info, sizeof(info));
}

/* Under ring->lock. */
static void fill_seat(struct disruptor_seat_stats *stats,
		      const struct disruptor_ring *ring, unsigned int seat)
{
	const struct disruptor_seat *from = &ring->seats[seat];
	const struct disruptor_group *group;

	stats->sequence = READ_ONCE(*disruptor_counter(&ring->core, seat));
	if (from->holder) {
		stats->flags |= DISRUPTOR_SEAT_HELD;
		stats->pid = pid_vnr(from->holder->pid);
	}
	stats->attaches = from->attaches;
	stats->detaches = from->detaches;
	stats->losses = from->losses;
	stats->evictions = from->evictions;
	stats->sleeps = READ_ONCE(from->sleeps);
	stats->wakes = READ_ONCE(from->wakes);
	/* The rest is what several have in common. */
	if (seat > ring->core.nr_consumers)
		return;
	group = disruptor_group_of(&ring->core, seat);
	if (group && group->claims.living)
		stats->flags |= DISRUPTOR_SEAT_HELD;
	stats->waits_on = ring->core.control->seat[seat].waits_on;
	stats->interrupts = READ_ONCE(ring->core.fencing[seat].interrupts);
	if (seat != DISRUPTOR_SEAT_PRODUCERS &&
	    disruptor_is_present(&ring->core, seat))
		stats->flags |= DISRUPTOR_SEAT_GATING;
}

/* Returns ring->changes as of these. */
static u64 fill_stats(struct disruptor_stats *stats,
		      struct disruptor_seat_stats *seats,
		      struct disruptor_ring *ring)
{
	unsigned int seat;
	u64 changes;

	mutex_lock(&ring->lock);
	stats->state = ring->core.control->state;
	stats->epoch = ring->core.control->epoch;
	stats->aborted = ring->core.aborted;
	stats->adopted = ring->core.adopted;
	for (seat = 0; seat < ring->core.nr_seats; seat++)
		fill_seat(&seats[seat], ring, seat);
	changes = ring->changes;
	mutex_unlock(&ring->lock);
	stats->memory_bytes = (u64)ring->memory.pages << PAGE_SHIFT;
	stats->huge_bytes = ring->memory.huge_bytes;
	return changes;
}

/* The caller has the answer; others may have a later one. */
static void has_seen(struct disruptor_handle *handle, u64 changes)
{
	struct disruptor_ring *ring = handle->ring;

	mutex_lock(&ring->lock);
	handle->seen_changes = max(handle->seen_changes, changes);
	mutex_unlock(&ring->lock);
}

long disruptor_stats(struct disruptor_handle *handle,
		     struct disruptor_stats __user *uargs)
{
	struct disruptor_ring *ring = handle->ring;
	unsigned int nr = ring->core.nr_seats;
	struct disruptor_seat_stats *seats;
	struct disruptor_stats stats;
	unsigned int room;
	u64 changes;
	int err;

	err = disruptor_args_get(&stats, sizeof(stats), uargs);
	if (err)
		return err;
	if (READ_ONCE(handle->revoked))
		return -ESTALE;
	room = stats.nr_seats;
	if (room && room < nr)
		return -ENOSPC;

	seats = kcalloc(nr, sizeof(*seats), DISRUPTOR_GFP);
	if (!seats)
		return -ENOMEM;
	stats.nr_seats = nr;
	changes = fill_stats(&stats, seats, ring);
	err = disruptor_array_put(stats.seats, stats.seat_size, seats,
				  sizeof(*seats), room ? nr : 0);
	kfree(seats);
	err = err ?: disruptor_args_put(uargs, &stats, sizeof(stats));
	if (!err)
		has_seen(handle, changes);
	return err;
}

static const char *role_name(u32 role)
{
	switch (role) {
	case DISRUPTOR_ROLE_PRODUCER:
		return "producer";
	case DISRUPTOR_ROLE_CONSUMER:
		return "consumer";
	}
	return "ring";
}

void disruptor_show_fdinfo(struct seq_file *m, struct file *file)
{
	const struct disruptor_handle *handle = file->private_data;
	const struct disruptor_ring *ring = handle->ring;
	unsigned int seat = handle->seat;

	seq_printf(m, "disruptor-ring:\t%llu\n", ring->id);
	seq_printf(m, "disruptor-name:\t%s\n", ring->name);
	seq_printf(m, "disruptor-slots:\t%u\n", ring->core.geometry.slots);
	seq_printf(m, "disruptor-slot-size:\t%u\n", ring->core.geometry.slot_size);
	seq_printf(m, "disruptor-role:\t%s\n", role_name(handle->role));
	if (handle->role == DISRUPTOR_ROLE_CONSUMER)
		seq_printf(m, "disruptor-consumer:\t%s\n",
			   disruptor_seat_name(ring, seat));
	if (disruptor_handle_group(handle))
		seq_printf(m, "disruptor-worker:\t%u\n",
			   disruptor_handle_worker(handle));
	seq_printf(m, "disruptor-cursor:\t%llu\n",
		   READ_ONCE(*disruptor_counter(&ring->core, DISRUPTOR_SEAT_PRODUCERS)));
	if (handle->role != DISRUPTOR_ROLE_NONE) {
		seq_printf(m, "disruptor-sequence:\t%llu\n",
			   READ_ONCE(*disruptor_counter(&ring->core, seat)));
		seq_printf(m, "disruptor-stale:\t%d\n",
			   READ_ONCE(handle->revoked));
	}
}
