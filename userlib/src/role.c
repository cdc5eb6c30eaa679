// SPDX-License-Identifier: MIT
/*
 * Roles: how a handle comes and goes.
 */
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

/*
 * A handle and its role are one allocation, on lines of their own: the owner
 * writes its counters at every event.
 */
struct producer {
	struct disruptor_producer handle;
	struct disruptor_role role;
};

struct multi {
	struct disruptor_multi handle;
	struct disruptor_role role;
};

struct consumer {
	struct disruptor_consumer handle;
	struct disruptor_role role;
};

struct worker {
	struct disruptor_worker handle;
	struct disruptor_role role;
};

/**
 * struct place - what a role sees of its ring, whichever kind that is
 * @view: as all see it
 * @counter: the one that it moves
 * @intent: of one of several producers, or a worker
 * @done: of a worker, the laps of its group
 */
struct place {
	struct disruptor_view view;
	uint64_t *counter;
	struct disruptor_intent *intent;
	uint32_t *done;
};

static void *lines_alloc(size_t size)
{
	size_t whole = (size + DISRUPTOR_LINE - 1) / DISRUPTOR_LINE *
		       DISRUPTOR_LINE;
	void *lines = aligned_alloc(DISRUPTOR_LINE, whole);

	if (lines)
		memset(lines, 0, whole);
	return lines;
}

/* ---- a role of a private ring ----------------------------------------------- */

static void place_private(struct disruptor_role *role, struct place *place)
{
	role->fd = -1;
	private_view(role->local, &place->view);
	place->counter = private_counter(role->local, role->publishes);
	place->intent = (void *)private_counter(role->local, role->seat);
	if (role->publishes != DISRUPTOR_SEAT_PRODUCERS &&
	    role->seat != role->publishes)
		place->done = private_done(role->local, role->publishes);
}

/* ---- a role fd ---------------------------------------------------------------- */

static void place_mapped(struct disruptor_role *role, struct place *place,
			 const struct disruptor_info *info)
{
	unsigned char *own = role->maps.own.at;

	maps_view(&role->maps, info, &place->view);
	place->counter = (uint64_t *)
		(own + DISRUPTOR_COUNTER_OFFSET(role->publishes));
	/* One of several has a second page of its own. */
	if (role->seat != role->publishes)
		own += info->page_size;
	place->intent = (void *)(own + DISRUPTOR_COUNTER_OFFSET(role->seat));
	place->done = role->maps.done.at;
}

/* Seats of the workers of the first @nr consumers. */
static unsigned int worker_seats(const struct disruptor_consumer_config *consumers,
				 unsigned int nr)
{
	unsigned int seats = 0;
	unsigned int i;

	for (i = 0; i < nr; i++)
		seats += consumers[i].workers > 1 ? consumers[i].workers : 0;
	return seats;
}

/* Where in its ring a role is: see struct disruptor_core. */
static void take_seat(struct disruptor_role *role,
		      const struct disruptor_info *info,
		      const struct disruptor_consumer_config *consumers)
{
	unsigned int producers = info->producers > 1 ? info->producers : 0;

	role->publishes = info->role == DISRUPTOR_ROLE_PRODUCER ?
			  DISRUPTOR_SEAT_PRODUCERS :
			  DISRUPTOR_SEAT_CONSUMER(info->index);
	role->seat = role->publishes;
	if (info->role == DISRUPTOR_ROLE_PRODUCER && producers)
		role->seat = 1 + info->nr_consumers + info->index;
	else if (info->role == DISRUPTOR_ROLE_CONSUMER &&
		 consumers[info->index].workers > 1)
		role->seat = 1 + info->nr_consumers + producers + info->worker +
			     worker_seats(consumers, info->index);
}

/* What the fd is; it must be a @kind, the only one or one of @several. */
static int role_info(int fd, unsigned int kind, bool several,
		     struct disruptor_info *info,
		     struct disruptor_consumer_config *consumers)
{
	uint32_t number;
	int err;

	*info = (struct disruptor_info){
		.size = sizeof(*info),
		.consumers = (uintptr_t)consumers,
		.nr_consumers = DISRUPTOR_MAX_CONSUMERS,
		.consumer_size = sizeof(*consumers),
	};
	err = sys_ioctl(fd, DISRUPTOR_IOC_INFO, info);
	if (err)
		return err == -EBADF || err == -ESTALE ? err : -EINVAL;
	if (info->role != kind || info->index >= DISRUPTOR_MAX_CONSUMERS)
		return -EINVAL;
	number = kind == DISRUPTOR_ROLE_PRODUCER ? info->producers :
						   consumers[info->index].workers;
	return (number > 1) == several ? 0 : -EINVAL;
}

/* @fd goes to @role, unless this fails. */
static int place_fd(struct disruptor_role *role, struct place *place, int fd,
		    unsigned int kind, bool several)
{
	struct disruptor_consumer_config consumers[DISRUPTOR_MAX_CONSUMERS];
	struct disruptor_info info;
	int err;

	err = role_info(fd, kind, several, &info, consumers);
	if (err)
		return err;
	take_seat(role, &info, consumers);
	err = maps_open(&role->maps, fd, &info,
			kind == DISRUPTOR_ROLE_CONSUMER ?
			&consumers[info.index] : NULL);
	if (err)
		return err;
	role->fd = fd;
	place_mapped(role, place, &info);
	return 0;
}

/* ---- both --------------------------------------------------------------------- */

/*
 * Is it the only one, or one of several, as the caller believes?  Asked first: coming
 * to the wrong one and going again would be noticed.
 */
static int check_several(struct disruptor_ring *ring, unsigned int kind,
			 const char *name, bool several)
{
	struct disruptor_consumer_config consumers[DISRUPTOR_MAX_CONSUMERS];
	struct disruptor_info info = {
		.consumers = (uintptr_t)consumers,
		.nr_consumers = DISRUPTOR_MAX_CONSUMERS,
	};
	unsigned int i;
	int err = disruptor_get_info(ring, &info);

	if (err)
		return err;
	if (kind == DISRUPTOR_ROLE_PRODUCER)
		return (info.producers > 1) == several ? 0 : -EINVAL;
	for (i = 0; i < info.nr_consumers; i++) {
		if (!strcmp(consumers[i].name, name))
			return (consumers[i].workers > 1) == several ? 0 : -EINVAL;
	}
	return -ENOENT;
}

static int place_attach(struct disruptor_role *role, struct place *place,
			struct disruptor_ring *ring, unsigned int kind,
			bool several, const char *name)
{
	struct disruptor_attach_args args = { .size = sizeof(args), .role = kind };
	int fd, err;

	if (kind == DISRUPTOR_ROLE_CONSUMER) {
		err = name_copy(args.name, sizeof(args.name), name);
		if (err)
			return err;
	}
	err = check_several(ring, kind, args.name, several);
	if (err)
		return err;
	if (ring->local) {
		err = private_attach(ring->local, kind, args.name, role);
		if (!err)
			place_private(role, place);
		return err;
	}
	__DISRUPTOR_POINT(ATTACH);
	fd = sys_ioctl(ring->fd, DISRUPTOR_IOC_ATTACH, &args);
	if (fd < 0)
		return fd;
	__DISRUPTOR_POINT(ATTACHED);
	err = place_fd(role, place, fd, kind, several);
	if (err)
		close(fd);
	else
		__DISRUPTOR_POINT(MAPPED);
	return err;
}

static void leave(struct disruptor_role *role, unsigned int flags)
{
	struct disruptor_detach_args args = {
		.size = sizeof(args),
		.flags = flags,
	};

	/* A child made by fork(2) has a copy of this; the role is its parent's. */
	if (role->pid != getpid()) {
		if (role->local)
			private_put(role->local);
		else
			close(role->fd);
		return;
	}
	if (role->local) {
		private_detach(role, flags);
		return;
	}
	/* ESTALE, the only error there can be, says that it is gone already. */
	__DISRUPTOR_POINT(DETACH);
	sys_ioctl(role->fd, DISRUPTOR_IOC_DETACH, &args);
	__DISRUPTOR_POINT(DETACHED);
	maps_close(&role->maps);
	__DISRUPTOR_POINT(UNMAPPED);
	close(role->fd);
}

static int role_fileno(const struct disruptor_role *role)
{
	return role->local ? -EOPNOTSUPP : role->fd;
}

static const struct disruptor_publisher *
role_told(struct disruptor_role *role, const struct place *place)
{
	role->told = &place->view.control->seat[role->publishes];
	return role->told;
}

/* From @ring by @name, or from @fd if that is NULL. */
static int role_open(struct disruptor_role *role, struct place *place,
		     struct disruptor_ring *ring, const char *name, int fd,
		     unsigned int kind, bool several)
{
	waiting_init(&role->waiting, NULL);
	role->pid = getpid();
	return ring ? place_attach(role, place, ring, kind, several, name) :
		      place_fd(role, place, fd, kind, several);
}

/* ---- producers ------------------------------------------------------------------ */

static int producer_new(struct disruptor_producer **producer,
			struct disruptor_ring *ring, int fd)
{
	struct producer *new = lines_alloc(sizeof(*new));
	struct place place = {};
	int err;

	if (!new)
		return -ENOMEM;
	err = role_open(&new->role, &place, ring, NULL, fd,
			DISRUPTOR_ROLE_PRODUCER, false);
	if (err) {
		free(new);
		return err;
	}
	new->handle.view = place.view;
	new->handle.cursor = place.counter;
	new->handle.told = role_told(&new->role, &place);
	new->handle.next = load_acquire(place.counter);
	new->handle.limit = new->handle.next;
	new->handle.room = new->handle.next;
	new->handle.role = &new->role;
	claims_init(&new->role, &place.view);
	*producer = &new->handle;
	return 0;
}

int disruptor_producer_attach(struct disruptor_producer **producer,
			      struct disruptor_ring *ring)
{
	return producer_new(producer, ring, -1);
}

int disruptor_producer_from_fd(struct disruptor_producer **producer, int fd)
{
	return producer_new(producer, NULL, fd);
}

static void producer_leave(struct disruptor_producer *producer,
			   unsigned int flags)
{
	if (!producer)
		return;
	leave(producer->role, flags);
	free(producer);
}

void disruptor_producer_detach(struct disruptor_producer *producer)
{
	producer_leave(producer, 0);
}

void disruptor_producer_end(struct disruptor_producer *producer)
{
	producer_leave(producer, DISRUPTOR_DETACH_END);
}

int disruptor_producer_set_wait(struct disruptor_producer *producer,
				const struct disruptor_wait_strategy *strategy)
{
	return waiting_init(&producer->role->waiting, strategy);
}

int disruptor_producer_fileno(const struct disruptor_producer *producer)
{
	return role_fileno(producer->role);
}

/* ---- one of several producers ------------------------------------------------ */

static int multi_new(struct disruptor_multi **multi, struct disruptor_ring *ring,
		     int fd)
{
	struct multi *new = lines_alloc(sizeof(*new));
	struct place place = {};
	int err;

	if (!new)
		return -ENOMEM;
	err = role_open(&new->role, &place, ring, NULL, fd,
			DISRUPTOR_ROLE_PRODUCER, true);
	if (err) {
		free(new);
		return err;
	}
	new->handle.view = place.view;
	new->handle.cursor = place.counter;
	new->handle.intent = place.intent;
	new->handle.availability = (uint32_t *)place.view.availability;
	new->handle.told = role_told(&new->role, &place);
	new->handle.role = &new->role;
	claims_init(&new->role, &place.view);
	*multi = &new->handle;
	return 0;
}

int disruptor_multi_attach(struct disruptor_multi **multi,
			   struct disruptor_ring *ring)
{
	return multi_new(multi, ring, -1);
}

int disruptor_multi_from_fd(struct disruptor_multi **multi, int fd)
{
	return multi_new(multi, NULL, fd);
}

static void multi_leave(struct disruptor_multi *multi, unsigned int flags)
{
	if (!multi)
		return;
	leave(multi->role, flags);
	free(multi);
}

void disruptor_multi_detach(struct disruptor_multi *multi)
{
	multi_leave(multi, 0);
}

void disruptor_multi_end(struct disruptor_multi *multi)
{
	multi_leave(multi, DISRUPTOR_DETACH_END);
}

int disruptor_multi_set_wait(struct disruptor_multi *multi,
			     const struct disruptor_wait_strategy *strategy)
{
	return waiting_init(&multi->role->waiting, strategy);
}

int disruptor_multi_fileno(const struct disruptor_multi *multi)
{
	return role_fileno(multi->role);
}

/* ---- consumers ------------------------------------------------------------------ */

static int consumer_new(struct disruptor_consumer **consumer,
			struct disruptor_ring *ring, const char *name, int fd)
{
	struct consumer *new = lines_alloc(sizeof(*new));
	struct place place = {};
	int err;

	if (!new)
		return -ENOMEM;
	err = role_open(&new->role, &place, ring, name, fd,
			DISRUPTOR_ROLE_CONSUMER, false);
	if (err) {
		free(new);
		return err;
	}
	new->handle.view = place.view;
	new->handle.sequence = place.counter;
	new->handle.told = role_told(&new->role, &place);
	new->handle.next = load_acquire(place.counter);
	new->handle.available = new->handle.next;
	new->handle.seat = new->role.seat;
	new->handle.role = &new->role;
	*consumer = &new->handle;
	return 0;
}

int disruptor_consumer_attach(struct disruptor_consumer **consumer,
			      struct disruptor_ring *ring, const char *name)
{
	return consumer_new(consumer, ring, name, -1);
}

int disruptor_consumer_from_fd(struct disruptor_consumer **consumer, int fd)
{
	return consumer_new(consumer, NULL, NULL, fd);
}

void disruptor_consumer_detach(struct disruptor_consumer *consumer)
{
	if (!consumer)
		return;
	leave(consumer->role, 0);
	free(consumer);
}

int disruptor_consumer_set_wait(struct disruptor_consumer *consumer,
				const struct disruptor_wait_strategy *strategy)
{
	return waiting_init(&consumer->role->waiting, strategy);
}

int disruptor_consumer_fileno(const struct disruptor_consumer *consumer)
{
	return role_fileno(consumer->role);
}

/* ---- workers -------------------------------------------------------------------- */

static int worker_new(struct disruptor_worker **worker,
		      struct disruptor_ring *ring, const char *name, int fd)
{
	struct worker *new = lines_alloc(sizeof(*new));
	struct place place = {};
	int err;

	if (!new)
		return -ENOMEM;
	err = role_open(&new->role, &place, ring, name, fd,
			DISRUPTOR_ROLE_CONSUMER, true);
	if (err) {
		free(new);
		return err;
	}
	new->handle.view = place.view;
	new->handle.sequence = place.counter;
	new->handle.claimed = (uint64_t *)
		((char *)place.counter -
		 DISRUPTOR_COUNTER_OFFSET(new->role.publishes) +
		 DISRUPTOR_CLAIMED_OFFSET(new->role.publishes));
	new->handle.intent = place.intent;
	new->handle.done = place.done;
	new->handle.told = role_told(&new->role, &place);
	new->handle.seat = new->role.publishes;
	new->handle.role = &new->role;
	*worker = &new->handle;
	return 0;
}

int disruptor_worker_attach(struct disruptor_worker **worker,
			    struct disruptor_ring *ring, const char *name)
{
	return worker_new(worker, ring, name, -1);
}

int disruptor_worker_from_fd(struct disruptor_worker **worker, int fd)
{
	return worker_new(worker, NULL, NULL, fd);
}

void disruptor_worker_detach(struct disruptor_worker *worker)
{
	if (!worker)
		return;
	leave(worker->role, 0);
	free(worker);
}

int disruptor_worker_set_wait(struct disruptor_worker *worker,
			      const struct disruptor_wait_strategy *strategy)
{
	return waiting_init(&worker->role->waiting, strategy);
}

int disruptor_worker_fileno(const struct disruptor_worker *worker)
{
	return role_fileno(worker->role);
}
