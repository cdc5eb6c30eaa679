// SPDX-License-Identifier: MIT
/*
 * A ring over memory of this process: what the module does for a ring of its
 * own, done under a mutex.  Same memory, same masks, same joining protocol, and
 * so the same hot path.
 *
 * One reference for the struct disruptor_ring, one for every handle.
 */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

/**
 * struct seat - one place in the graph
 * @held: somebody has it
 * @attaches: how often it was taken
 * @detaches: how often it was given back
 */
struct seat {
	bool held;
	uint64_t attaches;
	uint64_t detaches;
};

/**
 * struct private_ring - the ring
 * @refs: atomic
 * @flags: DISRUPTOR_RING_*; constant, as the next five
 * @geometry: of the events
 * @nr: how many consumers
 * @consumers: the graph
 * @page_size: from one sequence to the next
 * @memory: the control region, then the sequences
 * @control: in @memory
 * @sequences: in @memory
 * @events: twice back to back
 * @lock: protects what follows, and every write to the control region
 * @present: consumers that the others wait for
 * @seats: by seat
 */
struct private_ring {
	unsigned int refs;
	unsigned int flags;
	struct disruptor_geometry geometry;
	unsigned int nr;
	struct disruptor_consumer_config consumers[DISRUPTOR_MAX_CONSUMERS];
	size_t page_size;
	struct mapping memory;
	struct disruptor_control *control;
	unsigned char *sequences;
	struct mapping events;

	pthread_mutex_t lock;
	uint64_t present;
	struct seat seats[DISRUPTOR_MAX_SEATS];
};

/* ---- sequences and masks -------------------------------------------------- */

uint64_t *private_counter(struct private_ring *ring, unsigned int seat)
{
	return (uint64_t *)(ring->sequences + seat * ring->page_size +
			    DISRUPTOR_COUNTER_OFFSET(seat));
}

void private_view(struct private_ring *ring, struct disruptor_view *view)
{
	view->events = ring->events.at;
	view->index_mask = ring->geometry.index_mask;
	view->slots = ring->geometry.slots;
	view->slot_size = ring->geometry.slot_size;
	view->sequences = ring->sequences;
	view->page_size = ring->page_size;
	view->control = ring->control;
}

/*
 * A: the store-release of the epoch matches the load-acquire of whoever looks
 * what it waits on.  The masks are released too: who finds a consumer gone
 * may write where that consumer was reading, without having seen the epoch.
 */
static void publish_masks(struct private_ring *ring)
{
	struct disruptor_control *control = ring->control;
	unsigned int i;

	store_release(&control->seat[DISRUPTOR_SEAT_PRODUCERS].waits_on,
		      ring->present);
	for (i = 0; i < ring->nr; i++)
		store_release(&control->seat[DISRUPTOR_SEAT_CONSUMER(i)].waits_on,
			      disruptor_graph_waits_on(ring->consumers,
						       ring->present, i));
	store_release(&control->epoch, control->epoch + 1); /* A */
}

/* How far consumer @index may read. */
static uint64_t barrier_of(struct private_ring *ring, unsigned int index)
{
	uint64_t mask = ring->control->seat[DISRUPTOR_SEAT_CONSUMER(index)].waits_on;
	uint64_t lowest, seq;

	lowest = load_acquire(private_counter(ring, DISRUPTOR_SEAT_PRODUCERS));
	for (; mask; mask &= mask - 1) {
		unsigned int seat = DISRUPTOR_SEAT_CONSUMER(__builtin_ctzll(mask));

		seq = load_acquire(private_counter(ring, seat));
		if (seq < lowest)
			lowest = seq;
	}
	return lowest;
}

/* Where a consumer that the others have been waiting for goes on. */
static uint64_t resume(struct private_ring *ring, unsigned int index)
{
	uint64_t cursor, lowest, highest, seq;

	cursor = load_acquire(private_counter(ring, DISRUPTOR_SEAT_PRODUCERS));
	lowest = cursor > ring->geometry.slots ? cursor - ring->geometry.slots : 0;
	highest = barrier_of(ring, index);
	seq = load_acquire(private_counter(ring, DISRUPTOR_SEAT_CONSUMER(index)));
	if (seq > highest)
		seq = highest;
	return seq < lowest ? lowest : seq;
}

/*
 * Make the others wait for a consumer, and find where it starts.  Who looks with
 * an old mask and finds the epoch unmoved has read its sequences before the
 * barrier, so it got no further than what is read here after it; who looks with
 * the new mask waits for the counter, which is no higher.
 */
static int join(struct private_ring *ring, unsigned int index, uint64_t *start)
{
	uint64_t *counter = private_counter(ring, DISRUPTOR_SEAT_CONSUMER(index));
	int err;

	store_release(counter, barrier_of(ring, index));
	ring->present |= BIT_ULL(index);
	publish_masks(ring);
	err = sys_membarrier();
	if (err) {
		ring->present &= ~BIT_ULL(index);
		publish_masks(ring);
		return err;
	}
	*start = barrier_of(ring, index);
	return 0;
}

static void leave(struct private_ring *ring, unsigned int index)
{
	ring->present &= ~BIT_ULL(index);
	publish_masks(ring);
}

/* ---- roles ---------------------------------------------------------------- */

static int find_consumer(const struct private_ring *ring, const char *name)
{
	unsigned int i;

	for (i = 0; i < ring->nr; i++) {
		if (!strcmp(ring->consumers[i].name, name))
			return i;
	}
	return -ENOENT;
}

static int attach_producer(struct private_ring *ring,
			   struct disruptor_attach_args *args)
{
	struct disruptor_control *control = ring->control;

	args->index = 0;
	args->sequence = load_acquire(private_counter(ring,
						      DISRUPTOR_SEAT_PRODUCERS));
	store_relaxed(&control->producers, 1);
	store_release(&control->state, control->state & ~DISRUPTOR_STATE_ENDED);
	return 0;
}

static int attach_consumer(struct private_ring *ring, unsigned int index,
			   struct disruptor_attach_args *args)
{
	uint64_t start;
	int err = 0;

	if (ring->present & BIT_ULL(index))
		start = resume(ring, index);
	else
		err = join(ring, index, &start);
	if (err)
		return err;
	store_release(private_counter(ring, DISRUPTOR_SEAT_CONSUMER(index)), start);
	args->index = index;
	args->sequence = start;
	return 0;
}

/* The seat that @role and @name speak of. */
static int find_seat(const struct private_ring *ring, unsigned int role,
		     const char *name)
{
	int index;

	if (role == DISRUPTOR_ROLE_PRODUCER)
		return DISRUPTOR_SEAT_PRODUCERS;
	index = find_consumer(ring, name);
	return index < 0 ? index : DISRUPTOR_SEAT_CONSUMER(index);
}

/* On success a reference goes to the handle. */
int private_attach(struct private_ring *ring, struct disruptor_attach_args *args)
{
	int number = find_seat(ring, args->role, args->name);
	struct seat *seat;
	int err = -EBUSY;

	if (number < 0)
		return number;
	seat = &ring->seats[number];
	pthread_mutex_lock(&ring->lock);
	if (!seat->held) {
		err = number == DISRUPTOR_SEAT_PRODUCERS ?
		      attach_producer(ring, args) :
		      attach_consumer(ring, number - 1, args);
		if (!err) {
			seat->held = true;
			seat->attaches++;
			private_get(ring);
		}
	}
	pthread_mutex_unlock(&ring->lock);
	return err;
}

static void detach_producer(struct private_ring *ring, unsigned int flags)
{
	struct disruptor_control *control = ring->control;

	store_relaxed(&control->producers, 0);
	if (flags & DISRUPTOR_DETACH_END || !(ring->flags & DISRUPTOR_RING_OUTLIVES))
		store_release(&control->state,
			      control->state | DISRUPTOR_STATE_ENDED);
}

void private_detach(struct private_ring *ring, unsigned int seat,
		    unsigned int flags)
{
	pthread_mutex_lock(&ring->lock);
	if (seat == DISRUPTOR_SEAT_PRODUCERS)
		detach_producer(ring, flags);
	else if (ring->consumers[seat - 1].flags & DISRUPTOR_CONSUMER_OPTIONAL)
		leave(ring, seat - 1);
	ring->seats[seat].held = false;
	ring->seats[seat].detaches++;
	pthread_mutex_unlock(&ring->lock);
	private_put(ring);
}

/* Nobody's pages can be taken here; but nobody need wait for an empty seat. */
int private_evict(struct private_ring *ring,
		  const struct disruptor_evict_args *args)
{
	bool ungate = args->flags & DISRUPTOR_EVICT_UNGATE;
	int number = find_seat(ring, args->role, args->name);
	int err = 0;

	if (args->flags & ~DISRUPTOR_EVICT_UNGATE)
		return -EINVAL;
	if (ungate && args->role == DISRUPTOR_ROLE_PRODUCER)
		return -EINVAL;
	if (number < 0)
		return number;
	pthread_mutex_lock(&ring->lock);
	if (ring->seats[number].held)
		err = -EOPNOTSUPP;
	else if (!ungate || !(ring->present & BIT_ULL(number - 1)))
		err = -ESRCH;
	else
		leave(ring, number - 1);
	pthread_mutex_unlock(&ring->lock);
	return err;
}

/* ---- what can be asked ------------------------------------------------------ */

int private_info(struct private_ring *ring, struct disruptor_info *info)
{
	unsigned int room = info->nr_consumers;
	void *to = (void *)(uintptr_t)info->consumers;

	if (room && room < ring->nr)
		return -ENOSPC;
	if (room && ring->nr && !to)
		return -EFAULT;
	if (room)
		memcpy(to, ring->consumers, ring->nr * sizeof(ring->consumers[0]));
	info->flags = ring->flags;
	info->slots = ring->geometry.slots;
	info->slot_size = ring->geometry.slot_size;
	info->index_mask = ring->geometry.index_mask;
	info->events_bytes = ring->geometry.events_bytes;
	info->nr_consumers = ring->nr;
	info->role = DISRUPTOR_ROLE_NONE;
	info->access = DISRUPTOR_ACCESS_READ | DISRUPTOR_ACCESS_WRITE;
	info->page_size = ring->page_size;
	info->uid = geteuid();
	info->gid = getegid();
	return 0;
}

static void seat_stats(struct private_ring *ring, unsigned int number,
		       struct disruptor_seat_stats *stats)
{
	const struct seat *seat = &ring->seats[number];
	bool gating = number != DISRUPTOR_SEAT_PRODUCERS &&
		      ring->present & BIT_ULL(number - 1);

	*stats = (struct disruptor_seat_stats){
		.sequence = load_acquire(private_counter(ring, number)),
		.waits_on = ring->control->seat[number].waits_on,
		.flags = (seat->held ? DISRUPTOR_SEAT_HELD : 0) |
			 (gating ? DISRUPTOR_SEAT_GATING : 0),
		.pid = seat->held ? getpid() : 0,
		.attaches = seat->attaches,
		.detaches = seat->detaches,
	};
}

int private_stats(struct private_ring *ring, struct disruptor_stats *stats)
{
	struct disruptor_seat_stats *to = (void *)(uintptr_t)stats->seats;
	unsigned int nr = DISRUPTOR_SEAT_CONSUMER(ring->nr);
	unsigned int i;

	if (stats->nr_seats && stats->nr_seats < nr)
		return -ENOSPC;
	if (stats->nr_seats && !to)
		return -EFAULT;
	pthread_mutex_lock(&ring->lock);
	for (i = 0; stats->nr_seats && i < nr; i++)
		seat_stats(ring, i, &to[i]);
	stats->state = ring->control->state;
	stats->epoch = ring->control->epoch;
	pthread_mutex_unlock(&ring->lock);
	stats->memory_bytes = ring->memory.length + ring->geometry.events_bytes;
	stats->nr_seats = nr;
	return 0;
}

/* ---- life ------------------------------------------------------------------- */

void private_get(struct private_ring *ring)
{
	__atomic_fetch_add(&ring->refs, 1, __ATOMIC_RELAXED);
}

static void destroy(struct private_ring *ring)
{
	sys_unmap(&ring->events);
	sys_unmap(&ring->memory);
	pthread_mutex_destroy(&ring->lock);
	free(ring);
}

void private_put(struct private_ring *ring)
{
	if (__atomic_fetch_sub(&ring->refs, 1, __ATOMIC_ACQ_REL) == 1)
		destroy(ring);
}

static int map_memory(struct private_ring *ring)
{
	size_t page = ring->page_size;
	size_t control_bytes = (sizeof(*ring->control) + page - 1) / page * page;
	int err;

	err = sys_map_anonymous(&ring->memory, control_bytes +
				DISRUPTOR_SEAT_CONSUMER(ring->nr) * page);
	if (err)
		return err;
	ring->control = ring->memory.at;
	ring->sequences = (unsigned char *)ring->memory.at + control_bytes;
	return sys_map_mirrored(&ring->events, ring->geometry.events_bytes);
}

static void init_control(struct private_ring *ring)
{
	struct disruptor_control *control = ring->control;
	unsigned int i;

	control->layout = DISRUPTOR_LAYOUT_VERSION;
	control->slot_size = ring->geometry.slot_size;
	control->slots = ring->geometry.slots;
	control->index_mask = ring->geometry.index_mask;
	control->nr_consumers = ring->nr;
	for (i = 0; i < DISRUPTOR_MAX_SEATS; i++)
		control->seat[i].look_at = DISRUPTOR_NOBODY_SLEEPS;
		control->seat[i].wake_at = DISRUPTOR_NOBODY_SLEEPS;
	for (i = 0; i < ring->nr; i++) {
		if (!(ring->consumers[i].flags & DISRUPTOR_CONSUMER_OPTIONAL))
			ring->present |= BIT_ULL(i);
	}
	publish_masks(ring);
}

static int check(const struct disruptor_config *config)
{
	if (config->flags & ~(DISRUPTOR_PRIVATE | DISRUPTOR_RING_OUTLIVES))
		return -EINVAL;
	if (config->name || config->mode)
		return -EINVAL;
	return disruptor_graph_validate(config->graph.consumers,
					config->graph.nr);
}

int private_create(struct private_ring **ring,
		   const struct disruptor_config *config)
{
	struct disruptor_geometry geometry;
	struct private_ring *new;
	size_t page_size = sysconf(_SC_PAGESIZE);
	int err;

	err = check(config);
	if (!err)
		err = disruptor_geometry_init(&geometry, config->slots,
					      config->slot_size, page_size);
	if (!err)
		err = sys_membarrier_register();
	if (err)
		return err;

	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	new->refs = 1;
	new->flags = config->flags & ~DISRUPTOR_PRIVATE;
	new->geometry = geometry;
	new->nr = config->graph.nr;
	memcpy(new->consumers, config->graph.consumers,
	       new->nr * sizeof(new->consumers[0]));
	new->page_size = page_size;
	pthread_mutex_init(&new->lock, NULL);

	err = map_memory(new);
	if (err) {
		destroy(new);
		return err;
	}
	init_control(new);
	*ring = new;
	return 0;
}
