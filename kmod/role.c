// SPDX-License-Identifier: GPL-2.0-only
/*
 * Roles: how a seat of the graph is taken, given back, lost and taken away.
 */
#include <linux/file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "internal.h"
#include "trace.h"

/*
 * The seat that @role and @name mean; a negative errno if none.  For producers that
 * of their cursor, also where each has one of its own.
 */
static int find_seat(const struct disruptor_ring *ring, u32 role,
		     const char *name)
{
	unsigned int i;

	if (role == DISRUPTOR_ROLE_PRODUCER)
		return name[0] ? -EINVAL : DISRUPTOR_SEAT_PRODUCERS;
	if (role != DISRUPTOR_ROLE_CONSUMER)
		return -EINVAL;
	if (!disruptor_name_valid(name, DISRUPTOR_CONSUMER_NAME_LEN))
		return -EINVAL;
	for (i = 0; i < ring->core.nr_consumers; i++) {
		if (!strcmp(ring->core.consumers[i].name, name))
			return DISRUPTOR_SEAT_CONSUMER(i);
	}
	return -ENOENT;
}

/* Under ring->lock.  A seat of its own, where there may be several. */
static int claimant_arrives(struct disruptor_handle *handle)
{
	int index = disruptor_claimant_joins(handle->claims);

	if (index < 0)
		return index;
	handle->seat = handle->claims->first + index;
	return 0;
}

/* Under ring->lock.  Nobody can write its pages any more. */
static void claimant_leaves(struct disruptor_handle *handle)
{
	disruptor_claimant_dies(&handle->ring->core, handle->claims,
				disruptor_handle_place(handle));
	disruptor_recovery_run(handle->ring);
}

static void producer_leaves(struct disruptor_ring *ring, bool end)
{
	ring->producers--;
	disruptor_set_producers(&ring->core, ring->producers,
				!ring->producers && end);
}

/* Of the stream, when the last producer goes without a word. */
static bool ends_by_itself(const struct disruptor_ring *ring)
{
	return !(ring->flags & DISRUPTOR_RING_OUTLIVES);
}

/* Under ring->lock.  Tell those who wait for it, or watch. */
static void membership_changed(struct disruptor_ring *ring)
{
	unsigned int seat;

	ring->changes++;
	disruptor_wait_kick(ring);
	/* Pollers of EPOLLHUP alone have not armed for anything. */
	for (seat = 0; seat < ring->core.nr_seats; seat++) {
		if (ring->seats[seat].holder)
			wake_up_all(&ring->seats[seat].holder->poll_queue);
	}
	wake_up_all(&ring->watchers);
}

/* Under ring->lock, the masks under ring->wait_lock, too: see membership.c. */
static void consumer_arrives(struct disruptor_ring *ring, unsigned int seat)
{
	static const struct disruptor_seat_set all = {
		.consumers = ~0ULL,
		.producers = true,
	};
	bool joins = !disruptor_is_present(&ring->core, seat);
	u64 start;

	disruptor_expiry_end(ring, seat);
	if (!joins) {
		disruptor_resume(&ring->core, seat);
		return;
	}
	start = disruptor_start(&ring->core, seat);
	spin_lock(&ring->wait_lock);
	disruptor_join_begin(&ring->core, seat, start);
	spin_unlock(&ring->wait_lock);
	disruptor_fence_holders(ring, &all);
	disruptor_join_finish(&ring->core, seat,
			      disruptor_start(&ring->core, seat));
}

static void ungate(struct disruptor_ring *ring, unsigned int seat)
{
	spin_lock(&ring->wait_lock);
	disruptor_leave(&ring->core, seat);
	spin_unlock(&ring->wait_lock);
	disruptor_expiry_end(ring, seat);
}

/* Under ring->lock.  The others wait for it no longer. */
void disruptor_consumer_leaves(struct disruptor_ring *ring, unsigned int seat)
{
	ungate(ring, seat);
	membership_changed(ring);
}

/* Under ring->lock.  A group arrives with its first worker. */
static void worker_arrives(struct disruptor_handle *handle)
{
	if (hweight64(handle->claims->living) > 1)
		return;
	consumer_arrives(handle->ring, handle->publishes);
	disruptor_recovery_run(handle->ring);
}

/* Under ring->lock.  @sequence: where the role goes on. */
static int take_seat(struct disruptor_handle *handle, u64 *sequence)
{
	struct disruptor_ring *ring = handle->ring;
	int err;

	err = handle->claims ? claimant_arrives(handle) :
	      ring->seats[handle->seat].holder ? -EBUSY : 0;
	if (err)
		return err;
	if (handle->role == DISRUPTOR_ROLE_PRODUCER)
		disruptor_set_producers(&ring->core, ++ring->producers, false);
	else if (handle->claims)
		worker_arrives(handle);
	else
		consumer_arrives(ring, handle->seat);
	ring->seats[handle->seat].holder = handle;
	ring->seats[handle->seat].attaches++;
	membership_changed(ring);

	*sequence = disruptor_position(&ring->core, handle->publishes);
	trace_disruptor_attach(ring, handle->seat, *sequence);
	return 0;
}

/* Under ring->lock.  The maps go first: then nobody else can write its page. */
static void vacate(struct disruptor_handle *handle)
{
	disruptor_map_revoke(handle);
	handle->ring->seats[handle->seat].holder = NULL;
	if (handle->claims)
		claimant_leaves(handle);
}

/* Of a consumer's seat: of a group's, that no worker is left. */
static bool nobody_holds(const struct disruptor_handle *handle)
{
	return !handle->claims || !handle->claims->living;
}

/* Under ring->lock.  Nobody holds it now. */
static void consumer_is_gone(struct disruptor_ring *ring, unsigned int seat)
{
	if (disruptor_is_optional(&ring->core, seat))
		ungate(ring, seat);
	else
		disruptor_expiry_begin(ring, seat);
}

/*
 * Under ring->lock.  @end: what the last producer leaves has ended; its claims are
 * settled before that is told.
 */
static void free_seat(struct disruptor_handle *handle, bool end)
{
	struct disruptor_ring *ring = handle->ring;

	vacate(handle);
	if (handle->role == DISRUPTOR_ROLE_PRODUCER)
		producer_leaves(ring, end);
	else if (nobody_holds(handle))
		consumer_is_gone(ring, handle->publishes);
	membership_changed(ring);
	wake_up_all(&handle->poll_queue);
}

/**
 * struct vacancy - a seat before it was taken
 * @ended: so had the stream
 * @present: the others waited for it
 * @gone: for a time that was running out
 * @changes: ring->changes just after
 */
struct vacancy {
	bool ended;
	bool present;
	bool gone;
	u64 changes;
};

/* Under ring->lock. */
static void note_vacancy(struct vacancy *vacancy,
			 const struct disruptor_handle *handle)
{
	const struct disruptor_ring *ring = handle->ring;

	*vacancy = (struct vacancy){
		.ended = disruptor_stream_ended(&ring->core),
		.changes = ring->changes + 1,
	};
	if (handle->role == DISRUPTOR_ROLE_PRODUCER)
		return;
	vacancy->present = disruptor_is_present(&ring->core, handle->publishes);
	vacancy->gone = ring->seats[handle->publishes].gone;
}

/*
 * Whoever attached cannot be told so: as if it had not been.  A stream that others
 * came to and left meanwhile ends by the same rules as without it.
 */
static void retract(struct disruptor_handle *handle,
		    const struct vacancy *vacancy)
{
	struct disruptor_ring *ring = handle->ring;
	unsigned int seat = handle->seat;
	bool alone;

	mutex_lock(&ring->lock);
	if (ring->seats[seat].holder == handle) {
		alone = ring->changes == vacancy->changes;
		vacate(handle);
		ring->seats[seat].attaches--;
		if (handle->role == DISRUPTOR_ROLE_PRODUCER)
			producer_leaves(ring, alone ? vacancy->ended :
						      ends_by_itself(ring));
		else if (!vacancy->present && nobody_holds(handle))
			ungate(ring, handle->publishes);
		else if (vacancy->gone && nobody_holds(handle))
			disruptor_expiry_begin(ring, handle->publishes);
		membership_changed(ring);
		trace_disruptor_detach(ring, seat, DISRUPTOR_LEFT_LOST);
	}
	mutex_unlock(&ring->lock);
}

long disruptor_role_attach(struct disruptor_handle *ring_handle,
			   struct disruptor_attach_args __user *uargs)
{
	struct disruptor_ring *ring = ring_handle->ring;
	struct disruptor_attach_args args;
	struct disruptor_handle *handle;
	struct vacancy vacancy;
	struct file *file;
	u32 access;
	int seat;
	int err;
	int fd;

	err = disruptor_args_get(&args, sizeof(args), uargs);
	if (err)
		return err;
	if (args.flags || args.reserved)
		return -EINVAL;
	seat = find_seat(ring, args.role, args.name);
	if (seat == -EINVAL)
		return seat;
	access = args.role == DISRUPTOR_ROLE_PRODUCER ?
		DISRUPTOR_ACCESS_WRITE : DISRUPTOR_ACCESS_READ;
	if (!(ring_handle->access & access))
		return -EACCES;
	if (seat < 0)
		return seat;
	/* If the answer cannot be written, find out before anything changes. */
	err = disruptor_args_put(uargs, &args, sizeof(args));
	if (err)
		return err;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	handle = disruptor_handle_alloc(ring, args.role, seat, 0);
	if (!handle) {
		err = -ENOMEM;
		goto no_handle;
	}
	file = disruptor_handle_file(handle);
	if (IS_ERR(file)) {
		err = PTR_ERR(file);
		disruptor_handle_free(handle);
		goto no_handle;
	}

	mutex_lock(&ring->lock);
	note_vacancy(&vacancy, handle);
	err = take_seat(handle, &args.sequence);
	mutex_unlock(&ring->lock);
	if (err)
		goto no_seat;

	args.index = disruptor_handle_index(handle);
	args.worker = disruptor_handle_worker(handle);
	err = disruptor_args_put(uargs, &args, sizeof(args));
	if (err) {
		retract(handle, &vacancy);
		goto no_seat;
	}
	fd_install(fd, file);
	return fd;

no_seat:
	fput(file);	/* and with it the handle */
no_handle:
	put_unused_fd(fd);
	return err;
}

long disruptor_role_detach(struct disruptor_handle *handle,
			   struct disruptor_detach_args __user *uargs)
{
	struct disruptor_ring *ring = handle->ring;
	struct disruptor_detach_args args;
	bool end;
	int err;

	err = disruptor_args_get(&args, sizeof(args), uargs);
	if (err)
		return err;
	if (args.flags & ~DISRUPTOR_DETACH_END)
		return -EINVAL;
	if (args.flags && handle->role != DISRUPTOR_ROLE_PRODUCER)
		return -EINVAL;

	mutex_lock(&ring->lock);
	if (handle->revoked) {
		err = -ESTALE;
	} else {
		end = args.flags & DISRUPTOR_DETACH_END || ends_by_itself(ring);
		free_seat(handle, end);
		ring->seats[handle->seat].detaches++;
		trace_disruptor_detach(ring, handle->seat,
				       DISRUPTOR_LEFT_DETACHED);
	}
	mutex_unlock(&ring->lock);
	return err;
}

/* The last reference to the fd is gone: nothing is mapped any more. */
void disruptor_role_lost(struct disruptor_handle *handle)
{
	struct disruptor_ring *ring = handle->ring;

	mutex_lock(&ring->lock);
	if (ring->seats[handle->seat].holder == handle) {
		free_seat(handle, ends_by_itself(ring));
		ring->seats[handle->seat].losses++;
		trace_disruptor_detach(ring, handle->seat,
				       DISRUPTOR_LEFT_LOST);
	}
	mutex_unlock(&ring->lock);
}

/* Under ring->lock. */
static int evict(struct disruptor_ring *ring, unsigned int seat)
{
	struct disruptor_handle *holder = ring->seats[seat].holder;

	if (!holder)
		return -ESRCH;
	free_seat(holder, ends_by_itself(ring));
	ring->seats[seat].evictions++;
	trace_disruptor_evict(ring, seat, DISRUPTOR_LEFT_EVICTED);
	return 0;
}

/* Under ring->lock.  Whoever holds the consumer's seat, or is a worker of it. */
static int evict_and_ungate(struct disruptor_ring *ring, unsigned int seat)
{
	struct disruptor_group *group = disruptor_group_of(&ring->core, seat);
	unsigned int first = group ? group->claims.first : seat;
	unsigned int nr = group ? group->claims.nr : 1;
	int err = -ESRCH;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (!evict(ring, first + i))
			err = 0;
	}
	if (disruptor_is_present(&ring->core, seat)) {
		disruptor_consumer_leaves(ring, seat);
		err = 0;
	}
	if (!err)
		trace_disruptor_evict(ring, seat, DISRUPTOR_LEFT_UNGATED);
	return err;
}

/* The seat of the @index-th of those that @seat is shared by; -EINVAL. */
static int seat_at(const struct disruptor_ring *ring, unsigned int seat,
		   unsigned int index)
{
	const struct disruptor_claims *claims = &ring->core.producers;
	struct disruptor_group *group = disruptor_group_of(&ring->core, seat);

	if (group)
		claims = &group->claims;
	else if (seat != DISRUPTOR_SEAT_PRODUCERS || !claims->nr)
		return index ? -EINVAL : (int)seat;
	return index < claims->nr ? (int)(claims->first + index) : -EINVAL;
}

long disruptor_role_evict(struct disruptor_ring *ring,
			  struct disruptor_evict_args __user *uargs)
{
	struct disruptor_evict_args args;
	int seat;
	int err;

	err = disruptor_args_get(&args, sizeof(args), uargs);
	if (err)
		return err;
	if (args.flags & ~DISRUPTOR_EVICT_UNGATE)
		return -EINVAL;
	if (args.flags && args.role != DISRUPTOR_ROLE_CONSUMER)
		return -EINVAL;
	if (args.flags && args.index)
		return -EINVAL;
	seat = find_seat(ring, args.role, args.name);
	if (seat >= 0 && !args.flags)
		seat = seat_at(ring, seat, args.index);
	if (seat == -EINVAL)
		return seat;
	if (!disruptor_ring_owned(ring))
		return -EPERM;
	if (seat < 0)
		return seat;

	mutex_lock(&ring->lock);
	err = args.flags ? evict_and_ungate(ring, seat) : evict(ring, seat);
	mutex_unlock(&ring->lock);
	return err;
}
