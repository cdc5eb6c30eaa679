// SPDX-License-Identifier: MIT
/*
 * A ring over memory of this process: what the module does for a ring of its
 * own, done under a mutex, with futexes and membarrier(2).  The core, which says
 * who waits for whom and who must be woken when, is the module's.
 *
 * One reference for the struct disruptor_ring, one for every handle.
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

/**
 * struct seat - one place in the graph
 * @held: somebody has it
 * @attaches: how often it was taken
 * @detaches: how often it was given back
 * @sleeps: see struct disruptor_seat_stats
 * @wakes: likewise
 * @futex: what its holder sleeps on; moves with every wake.  Atomic
 */
struct seat {
	bool held;
	uint64_t attaches;
	uint64_t detaches;
	uint64_t sleeps;
	uint64_t wakes;
	uint32_t futex;
};

/**
 * struct private_ring - the ring
 * @refs: atomic
 * @flags: DISRUPTOR_RING_*; constant, as the next three
 * @consumers: the graph
 * @memory: the control region, then the sequences, then the availability array
 * @events: twice back to back
 * @lock: protects what follows, and every write to the control region
 * @core: with @consumers, and the regions in @memory
 * @seats: by seat
 * @producers: attached
 * @fired: whose holders are to be woken when @lock is given back
 * @nr_fired: how many
 */
struct private_ring {
	unsigned int refs;
	unsigned int flags;
	struct disruptor_consumer_config consumers[DISRUPTOR_MAX_CONSUMERS];
	struct mapping memory;
	struct mapping events;

	pthread_mutex_t lock;
	struct disruptor_core core;
	struct seat seats[DISRUPTOR_MAX_SEATS + DISRUPTOR_MAX_PRODUCERS];
	unsigned int producers;
	unsigned int fired[DISRUPTOR_MAX_SEATS + DISRUPTOR_MAX_PRODUCERS];
	unsigned int nr_fired;
};

static void lock(struct private_ring *ring)
{
	pthread_mutex_lock(&ring->lock);
}

/*
 * Nobody is woken under the lock, who would run into it.  The seats that are woken
 * last as long as the ring, whoever has left them by then.
 */
static void unlock(struct private_ring *ring)
{
	unsigned int fired[ARRAY_SIZE(ring->fired)];
	unsigned int nr = ring->nr_fired;
	unsigned int i;

	memcpy(fired, ring->fired, nr * sizeof(fired[0]));
	ring->nr_fired = 0;
	pthread_mutex_unlock(&ring->lock);
	for (i = 0; i < nr; i++)
		sys_futex_wake(&ring->seats[fired[i]].futex);
}

uint64_t *private_counter(struct private_ring *ring, unsigned int seat)
{
	return disruptor_counter(&ring->core, seat);
}

void private_view(struct private_ring *ring, struct disruptor_view *view)
{
	const struct disruptor_core *core = &ring->core;

	view->events = ring->events.at;
	view->index_mask = core->geometry.index_mask;
	view->slots = core->geometry.slots;
	view->slot_size = core->geometry.slot_size;
	view->sequences = core->sequences;
	view->page_size = core->page_size;
	view->control = core->control;
	view->availability = core->availability;
	view->consumers = all_consumers(core->nr_consumers);
	view->lap_shift = core->lap_shift;
}

/* ---- roles ---------------------------------------------------------------- */

static int find_consumer(const struct private_ring *ring, const char *name)
{
	unsigned int i;

	for (i = 0; i < ring->core.nr_consumers; i++) {
		if (!strcmp(ring->consumers[i].name, name))
			return i;
	}
	return -ENOENT;
}

static int join(struct private_ring *ring, unsigned int seat)
{
	int err;

	disruptor_join_begin(&ring->core, seat,
			     disruptor_start(&ring->core, seat));
	err = sys_membarrier();
	if (err)
		disruptor_leave(&ring->core, seat);
	else
		disruptor_join_finish(&ring->core, seat,
				      disruptor_start(&ring->core, seat));
	return err;
}

/* Under ring->lock: a seat for one more producer; -EBUSY. */
static int producer_arrives(struct private_ring *ring)
{
	int seat = DISRUPTOR_SEAT_PRODUCERS;

	if (ring->core.availability) {
		int index = disruptor_producer_joins(&ring->core);

		if (index < 0)
			return index;
		seat = disruptor_producer_seat(&ring->core, index);
	}
	if (ring->seats[seat].held)
		return -EBUSY;
	disruptor_set_producers(&ring->core, ++ring->producers, false);
	return seat;
}

/* Under ring->lock: @seat; -EBUSY. */
static int consumer_arrives(struct private_ring *ring, unsigned int seat)
{
	int err = 0;

	if (ring->seats[seat].held)
		return -EBUSY;
	if (disruptor_is_present(&ring->core, seat))
		disruptor_resume(&ring->core, seat);
	else
		err = join(ring, seat);
	return err ? err : (int)seat;
}

/*
 * Under ring->lock, which is given up while a thread that is about to claim has to
 * move on: what it has in mind may be what was abandoned.  That is a few of its
 * instructions, but it may not be running.
 */
static void recover(struct private_ring *ring)
{
	const struct timespec moment = { .tv_nsec = 50000 };

	while (!disruptor_recover(&ring->core)) {
		disruptor_fire_all(&ring->core);
		unlock(ring);
		clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL);
		lock(ring);
	}
}

/* Under ring->lock.  What it claimed and did not publish is skipped. */
static void producer_leaves(struct private_ring *ring, unsigned int seat,
			    unsigned int flags)
{
	bool ended = flags & DISRUPTOR_DETACH_END ||
		     !(ring->flags & DISRUPTOR_RING_OUTLIVES);

	if (ring->core.availability) {
		disruptor_producer_dies(&ring->core, seat -
					disruptor_producer_seat(&ring->core, 0));
		recover(ring);
	}
	ring->producers--;
	disruptor_set_producers(&ring->core, ring->producers,
				!ring->producers && ended);
}

/* As ATTACH gives it. */
static unsigned int index_of(const struct private_ring *ring, unsigned int seat)
{
	if (seat == DISRUPTOR_SEAT_PRODUCERS)
		return 0;
	return seat > ring->core.nr_consumers ?
	       seat - disruptor_producer_seat(&ring->core, 0) : seat - 1;
}

static bool is_producer(const struct private_ring *ring, unsigned int seat)
{
	return seat == DISRUPTOR_SEAT_PRODUCERS ||
	       seat > ring->core.nr_consumers;
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
	int seat = find_seat(ring, args->role, args->name);

	if (seat < 0)
		return seat;
	lock(ring);
	seat = seat == DISRUPTOR_SEAT_PRODUCERS ? producer_arrives(ring) :
						  consumer_arrives(ring, seat);
	if (seat >= 0) {
		disruptor_fire_all(&ring->core);
		ring->seats[seat].held = true;
		ring->seats[seat].attaches++;
		args->index = index_of(ring, seat);
		args->sequence = load_acquire(private_counter(ring,
				is_producer(ring, seat) ?
				DISRUPTOR_SEAT_PRODUCERS : (unsigned int)seat));
		private_get(ring);
	}
	unlock(ring);
	return seat < 0 ? seat : 0;
}

void private_detach(struct private_ring *ring, unsigned int seat,
		    unsigned int flags)
{
	lock(ring);
	if (is_producer(ring, seat))
		producer_leaves(ring, seat, flags);
	else if (disruptor_is_optional(&ring->core, seat))
		disruptor_leave(&ring->core, seat);
	disruptor_fire_all(&ring->core);
	ring->seats[seat].held = false;
	ring->seats[seat].detaches++;
	unlock(ring);
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
	if (number == DISRUPTOR_SEAT_PRODUCERS) {
		if (args->index >= ring->core.nr_producers)
			return -EINVAL;
		if (ring->core.availability)
			number = disruptor_producer_seat(&ring->core, args->index);
	}
	if (number < 0)
		return number;
	lock(ring);
	if (ring->seats[number].held)
		err = -EOPNOTSUPP;
	else if (!ungate || !disruptor_is_present(&ring->core, number))
		err = -ESRCH;
	else
		disruptor_leave(&ring->core, number);
	disruptor_fire_all(&ring->core);
	unlock(ring);
	return err;
}

/* ---- sleeping and waking ---------------------------------------------------- */

static uint32_t *futex_of(struct disruptor_role *role)
{
	return &role->local->seats[role->seat].futex;
}

/* Have a sleep end, the one that is under way or is about to begin. */
void private_halt(struct disruptor_role *role)
{
	__atomic_fetch_add(futex_of(role), 1, __ATOMIC_RELEASE);
	sys_futex_wake(futex_of(role));
}

/* Likewise, as soon as the lock is given back.  Each role has but one waiter. */
static void fire(struct disruptor_waiter *waiter)
{
	struct disruptor_role *role = (struct disruptor_role *)
		((char *)waiter - offsetof(struct disruptor_role, waiter));
	struct private_ring *ring = role->local;

	__atomic_fetch_add(futex_of(role), 1, __ATOMIC_RELEASE);
	ring->fired[ring->nr_fired++] = role->seat;
}

void private_wake(struct disruptor_role *role, unsigned int flags)
{
	struct private_ring *ring = role->local;

	lock(ring);
	ring->seats[role->seat].wakes++;
	disruptor_fire_met(&ring->core);
	if (flags & DISRUPTOR_WAKE_UNFENCE)
		disruptor_unfence(&ring->core, role->publishes);
	unlock(ring);
}

/* After this, look once more before sleeping. */
static int arm(struct private_ring *ring, struct disruptor_waiter *waiter)
{
	struct disruptor_fences fences;
	int err;

	lock(ring);
	disruptor_arm(&ring->core, waiter, &fences);
	unlock(ring);

	/* G, matches H: after wake_at is lowered, before counters are read. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (disruptor_seats_empty(&fences.heavy))
		return 0;
	err = sys_membarrier();
	if (err)
		return err;
	lock(ring);
	disruptor_fences_came(&ring->core, &fences);
	unlock(ring);
	return 0;
}

/* 0: look again; -ETIMEDOUT; -EINTR. */
static int sleep_armed(struct disruptor_role *role, uint64_t deadline_ns,
		       const uint32_t *halted)
{
	/* Whatever is found from here on to have changed, has moved it. */
	uint32_t before = load_acquire(futex_of(role));
	uint64_t reached;
	int err;

	if (halted && load_acquire(halted))
		return 0;
	err = arm(role->local, &role->waiter);
	if (err)
		return err;
	if (disruptor_outcome(&role->local->core, role->publishes,
			      role->waiter.target, &reached) != -EAGAIN)
		return 0;
	return sys_futex_wait(futex_of(role), before, deadline_ns);
}

/* As WAIT: @target is one of the role's own sequences. */
int private_sleep(struct disruptor_role *role, uint64_t target,
		  uint64_t deadline_ns, const uint32_t *halted)
{
	struct private_ring *ring = role->local;
	uint64_t own = load_acquire(private_counter(ring, role->publishes));
	uint64_t slots = ring->core.geometry.slots;
	int err;

	if (target > own && target - own > slots)
		return -EINVAL;
	if (role->publishes == DISRUPTOR_SEAT_PRODUCERS)
		target -= min(target, slots);
	role->waiter.fire = fire;
	role->waiter.seat = role->publishes;
	role->waiter.target = target;
	err = sleep_armed(role, deadline_ns, halted);

	lock(ring);
	disruptor_disarm(&ring->core, &role->waiter);
	ring->seats[role->seat].sleeps++;
	unlock(ring);
	return err;
}

/* ---- what can be asked ------------------------------------------------------ */

int private_info(struct private_ring *ring, struct disruptor_info *info)
{
	unsigned int room = info->nr_consumers;
	void *to = (void *)(uintptr_t)info->consumers;

	if (room && room < ring->core.nr_consumers)
		return -ENOSPC;
	if (room && ring->core.nr_consumers && !to)
		return -EFAULT;
	if (room)
		memcpy(to, ring->consumers,
		       ring->core.nr_consumers * sizeof(ring->consumers[0]));
	info->flags = ring->flags;
	info->slots = ring->core.geometry.slots;
	info->slot_size = ring->core.geometry.slot_size;
	info->index_mask = ring->core.geometry.index_mask;
	info->events_bytes = ring->core.geometry.events_bytes;
	info->nr_consumers = ring->core.nr_consumers;
	info->producers = ring->core.nr_producers;
	info->role = DISRUPTOR_ROLE_NONE;
	info->access = DISRUPTOR_ACCESS_READ | DISRUPTOR_ACCESS_WRITE;
	info->page_size = ring->core.page_size;
	info->uid = geteuid();
	info->gid = getegid();
	return 0;
}

static void seat_stats(struct private_ring *ring, unsigned int number,
		       struct disruptor_seat_stats *stats)
{
	const struct seat *seat = &ring->seats[number];

	*stats = (struct disruptor_seat_stats){
		.sequence = load_acquire(private_counter(ring, number)),
		.flags = seat->held ? DISRUPTOR_SEAT_HELD : 0,
		.pid = seat->held ? getpid() : 0,
		.attaches = seat->attaches,
		.detaches = seat->detaches,
		.sleeps = seat->sleeps,
		.wakes = seat->wakes,
	};
	/* One of several producers publishes, and waits, as the producers do. */
	if (number > ring->core.nr_consumers)
		return;
	stats->waits_on = ring->core.control->seat[number].waits_on;
	stats->interrupts = ring->core.fencing[number].interrupts;
	if (number != DISRUPTOR_SEAT_PRODUCERS &&
	    disruptor_is_present(&ring->core, number))
		stats->flags |= DISRUPTOR_SEAT_GATING;
}

int private_stats(struct private_ring *ring, struct disruptor_stats *stats)
{
	struct disruptor_seat_stats *to = (void *)(uintptr_t)stats->seats;
	unsigned int nr = disruptor_seats(&ring->core);
	unsigned int i;

	if (stats->nr_seats && stats->nr_seats < nr)
		return -ENOSPC;
	if (stats->nr_seats && !to)
		return -EFAULT;
	lock(ring);
	for (i = 0; stats->nr_seats && i < nr; i++)
		seat_stats(ring, i, &to[i]);
	stats->state = ring->core.control->state;
	stats->epoch = ring->core.control->epoch;
	stats->aborted = ring->core.aborted;
	unlock(ring);
	stats->memory_bytes = ring->memory.length + ring->core.geometry.events_bytes;
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

static size_t whole_pages(const struct disruptor_core *core, size_t bytes)
{
	return (bytes + core->page_size - 1) / core->page_size * core->page_size;
}

static int map_memory(struct private_ring *ring)
{
	struct disruptor_core *core = &ring->core;
	size_t control = whole_pages(core, sizeof(struct disruptor_control));
	size_t sequences = disruptor_seats(core) * core->page_size;
	size_t laps = core->nr_producers < 2 ? 0 :
		      whole_pages(core, (core->geometry.index_mask + 1) *
					sizeof(*core->availability));
	int err;

	err = sys_map_anonymous(&ring->memory, control + sequences + laps);
	if (err)
		return err;
	core->control = ring->memory.at;
	core->sequences = (unsigned char *)ring->memory.at + control;
	if (laps)
		core->availability = (u32 *)(core->sequences + sequences);
	return sys_map_mirrored(&ring->events, core->geometry.events_bytes);
}

static int check(const struct disruptor_config *config)
{
	unsigned int i;

	if (config->name || config->mode)
		return -EINVAL;
	if (config->producers > DISRUPTOR_MAX_PRODUCERS)
		return -EINVAL;
	for (i = 0; i < config->graph.nr && i < DISRUPTOR_MAX_CONSUMERS; i++) {
		if (config->graph.consumers[i].expires_ms)
			return -EOPNOTSUPP;
	}
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
					      config->slot_size,
					      config->flags & ~DISRUPTOR_PRIVATE,
					      page_size);
	if (!err)
		err = sys_membarrier_register();
	if (err)
		return err;

	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	new->refs = 1;
	new->flags = config->flags & ~DISRUPTOR_PRIVATE;
	memcpy(new->consumers, config->graph.consumers,
	       config->graph.nr * sizeof(new->consumers[0]));
	new->core = (struct disruptor_core){
		.geometry = geometry,
		.consumers = new->consumers,
		.nr_consumers = config->graph.nr,
		.nr_producers = max(config->producers, 1U),
		.page_size = page_size,
	};
	pthread_mutex_init(&new->lock, NULL);

	err = map_memory(new);
	if (err) {
		destroy(new);
		return err;
	}
	disruptor_core_init(&new->core);
	*ring = new;
	return 0;
}
