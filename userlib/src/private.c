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

#define MOST_SEATS	(DISRUPTOR_MAX_SEATS + DISRUPTOR_MAX_PRODUCERS + \
			 DISRUPTOR_MAX_ALL_WORKERS)

/**
 * struct seat - one place in the graph
 * @held: somebody has it
 * @attaches: how often it was taken
 * @detaches: how often it was given back
 * @sleeps: see struct disruptor_seat_stats; its holder's, and atomic, as the next two
 * @wakes: likewise
 * @fired: what its holder sleeps on: not 0, it need not, or not any more
 */
struct seat {
	bool held;
	uint64_t attaches;
	uint64_t detaches;
	u64 sleeps;
	u64 wakes;
	uint32_t fired;
};

/**
 * struct private_ring - the ring
 * @refs: atomic
 * @flags: DISRUPTOR_RING_*; constant, as the next three
 * @consumers: the graph
 * @memory: the control region, then the sequences, then the arrays of laps
 * @events: twice back to back
 * @huge: they are in huge pages
 * @node: with DISRUPTOR_RING_NODE, of the memory
 * @lock: protects what follows, and every write to the control region
 * @core: with @consumers, and the regions in @memory
 * @seats: by seat
 * @producers: attached
 * @alone: 1 + the seat of the one sleeper that one publisher alone has to wake, when
 *	it gets to its wake_at; 0: there is none, or more.  Written under @lock
 * @fired: whose holders are to be woken when @lock is given back
 * @nr_fired: how many
 */
struct private_ring {
	unsigned int refs;
	unsigned int flags;
	struct disruptor_consumer_config consumers[DISRUPTOR_MAX_CONSUMERS];
	struct mapping memory;
	struct mapping events;
	bool huge;
	unsigned int node;

	pthread_mutex_t lock;
	struct disruptor_core core;
	struct seat seats[MOST_SEATS];
	unsigned int producers;
	unsigned int alone;
	unsigned int fired[MOST_SEATS];
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
		sys_futex_wake(&ring->seats[fired[i]].fired);
}

/*
 * Each role has but one waiter.  Whoever says first that it is fired is to wake its
 * holder, who has @fired to itself again when it is about to sleep.
 */
static bool fire_first(struct private_ring *ring, unsigned int seat)
{
	return !__atomic_exchange_n(&ring->seats[seat].fired, 1, __ATOMIC_RELEASE);
}

/* Under ring->lock, and the wake comes as soon as it is given back. */
static void fire(struct disruptor_waiter *waiter)
{
	struct disruptor_role *role = container_of(waiter, struct disruptor_role,
						   waiter);
	struct private_ring *ring = role->local;

	if (fire_first(ring, role->seat))
		ring->fired[ring->nr_fired++] = role->seat;
}

uint64_t *private_counter(struct private_ring *ring, unsigned int seat)
{
	return disruptor_counter(&ring->core, seat);
}

/* Of the group whose seat this is. */
uint32_t *private_done(struct private_ring *ring, unsigned int seat)
{
	return disruptor_group_of(&ring->core, seat)->claims.laps;
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

/* With whom the holders of a seat claim; NULL: they need not. */
static struct disruptor_claims *claims_of(struct private_ring *ring,
					  unsigned int seat)
{
	struct disruptor_group *group = disruptor_group_of(&ring->core, seat);

	if (seat == DISRUPTOR_SEAT_PRODUCERS)
		return ring->core.availability ? &ring->core.producers : NULL;
	return group ? &group->claims : NULL;
}

/* Under ring->lock. */
static int consumer_arrives(struct private_ring *ring, unsigned int seat)
{
	if (!disruptor_is_present(&ring->core, seat))
		return join(ring, seat);
	disruptor_resume(&ring->core, seat);
	return 0;
}

/* Under ring->lock.  A group arrives with its first worker. */
static int worker_arrives(struct private_ring *ring, unsigned int seat,
			  struct disruptor_claims *claims)
{
	int err;

	if (claims->living & (claims->living - 1))
		return 0;
	err = consumer_arrives(ring, seat);
	if (err)
		claims->living = 0;
	else
		disruptor_recover(&ring->core);
	return err;
}

/* Under ring->lock: what to hold of what @seat stands for; -EBUSY. */
static int arrive(struct private_ring *ring, unsigned int seat)
{
	struct disruptor_claims *claims = claims_of(ring, seat);
	int own = seat;
	int err = 0;

	if (claims) {
		own = disruptor_claimant_joins(claims);
		if (own < 0)
			return own;
		own += claims->first;
	} else if (ring->seats[seat].held) {
		return -EBUSY;
	}
	if (seat == DISRUPTOR_SEAT_PRODUCERS)
		disruptor_set_producers(&ring->core, ++ring->producers, false);
	else if (claims)
		err = worker_arrives(ring, seat, claims);
	else
		err = consumer_arrives(ring, seat);
	return err ? err : own;
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

/* Under ring->lock. */
static void producer_leaves(struct private_ring *ring, unsigned int flags)
{
	bool ended = flags & DISRUPTOR_DETACH_END ||
		     !(ring->flags & DISRUPTOR_RING_OUTLIVES);

	ring->producers--;
	disruptor_set_producers(&ring->core, ring->producers,
				!ring->producers && ended);
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

/* On success a reference goes to @role. */
int private_attach(struct private_ring *ring, unsigned int kind,
		   const char *name, struct disruptor_role *role)
{
	int publishes = find_seat(ring, kind, name);
	int seat;

	if (publishes < 0)
		return publishes;
	lock(ring);
	seat = arrive(ring, publishes);
	if (seat >= 0) {
		disruptor_fire_all(&ring->core);
		ring->seats[seat].held = true;
		ring->seats[seat].attaches++;
		private_get(ring);
		role->local = ring;
		role->seat = seat;
		role->publishes = publishes;
		role->waiter = (struct disruptor_waiter){
			.fire = fire,
			.seat = publishes,
		};
	}
	unlock(ring);
	return seat < 0 ? seat : 0;
}

/* Under ring->lock.  The next may have the place once its claims are settled. */
static void vacate(struct disruptor_role *role, struct disruptor_claims *claims)
{
	struct private_ring *ring = role->local;
	struct seat *seat = &ring->seats[role->seat];

	disruptor_disarm(&ring->core, &role->waiter);
	seat->held = false;
	seat->detaches++;
	if (claims)
		disruptor_claimant_dies(&ring->core, claims,
					role->seat - claims->first);
}

/*
 * What it claimed and did not settle is skipped by all, or is for another worker.
 * While it waits for that its place may be another's already: it is not touched again.
 */
void private_detach(struct disruptor_role *role, unsigned int flags)
{
	struct private_ring *ring = role->local;
	struct disruptor_claims *claims = claims_of(ring, role->publishes);

	lock(ring);
	vacate(role, claims);
	if (claims)
		recover(ring);
	if (role->publishes == DISRUPTOR_SEAT_PRODUCERS)
		producer_leaves(ring, flags);
	else if (disruptor_is_optional(&ring->core, role->publishes) &&
		 (!claims || !claims->living))
		disruptor_leave(&ring->core, role->publishes);
	disruptor_fire_all(&ring->core);
	unlock(ring);
	private_put(ring);
}

int private_adopt(struct disruptor_role *role, uint64_t most,
		  struct disruptor_intent *claim)
{
	struct private_ring *ring = role->local;
	struct disruptor_group *group = disruptor_group_of(&ring->core,
							   role->publishes);
	int err;

	lock(ring);
	err = disruptor_adopt(&ring->core, group, role->seat - group->claims.first,
			      most, claim);
	unlock(ring);
	return err;
}

/* Nobody's pages can be taken here; but nobody need wait for an empty seat. */
int private_evict(struct private_ring *ring,
		  const struct disruptor_evict_args *args)
{
	bool ungate = args->flags & DISRUPTOR_EVICT_UNGATE;
	int number = find_seat(ring, args->role, args->name);
	struct disruptor_claims *claims;
	bool held;
	int err = 0;

	if (args->flags & ~DISRUPTOR_EVICT_UNGATE)
		return -EINVAL;
	if (ungate && args->role == DISRUPTOR_ROLE_PRODUCER)
		return -EINVAL;
	if (number < 0)
		return number;
	claims = claims_of(ring, number);
	if (args->index >= (claims && !ungate ? claims->nr : 1))
		return -EINVAL;
	lock(ring);
	if (!claims)
		held = ring->seats[number].held;
	else
		held = ungate ? claims->living :
				claims->living & 1ULL << args->index;
	if (held)
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

static uint32_t *fired_of(struct disruptor_role *role)
{
	return &role->local->seats[role->seat].fired;
}

/* Have a sleep end, the one that is under way or is about to begin. */
void private_halt(struct disruptor_role *role)
{
	if (fire_first(role->local, role->seat))
		sys_futex_wake(fired_of(role));
}

/*
 * Wake who sleeps alone, without the lock; false: there is nobody like that.  It
 * stays armed: when it sleeps again it arms itself anew, and if its publisher comes
 * first, that fires it once more, under the lock, which wakes nobody.
 *
 * @alone is told before G and read after H, so whoever sleeps alone is found.  A
 * publisher that finds one who was alone until now may wake nobody else, and need
 * not: who has been armed since looks after its G, and finds what is published.
 */
static bool wake_alone(struct private_ring *ring)
{
	unsigned int alone = load_acquire(&ring->alone);

	if (!alone || !fire_first(ring, alone - 1))
		return false;
	sys_futex_wake(&ring->seats[alone - 1].fired);
	return true;
}

void private_wake(struct disruptor_role *role, unsigned int flags)
{
	struct private_ring *ring = role->local;

	disruptor_count(&ring->seats[role->seat].wakes);
	if (!flags && wake_alone(ring))
		return;
	lock(ring);
	disruptor_fire_met(&ring->core);
	if (flags & DISRUPTOR_WAKE_UNFENCE)
		disruptor_unfence(&ring->core, role->publishes);
	unlock(ring);
}

/*
 * Does nobody else wait, and is its target met as soon as one of @seats, which hold
 * it up, gets to its wake_at?  Several producers have to look where the first gap is.
 */
static bool is_alone(const struct disruptor_core *core,
		     const struct disruptor_waiter *waiter,
		     const struct disruptor_seat_set *seats)
{
	if (core->waiters != waiter || waiter->next)
		return false;
	if (seats->producers)
		return !seats->consumers && !core->availability;
	return !(seats->consumers & (seats->consumers - 1));
}

/* After this, look once more before sleeping. */
static int arm(struct disruptor_role *role, uint64_t target)
{
	struct private_ring *ring = role->local;
	struct disruptor_waiter *waiter = &role->waiter;
	struct disruptor_fences fences;
	uint64_t seen = 0;
	int err;

	/* Of no use but where there are gaps, and a look costs time. */
	if (ring->core.availability)
		seen = disruptor_barrier(&ring->core, role->publishes);
	lock(ring);
	waiter->target = target;
	waiter->seen = seen;
	disruptor_arm(&ring->core, waiter, &fences);
	__atomic_store_n(&ring->alone,
			 is_alone(&ring->core, waiter, &fences.all) ?
			 1 + role->seat : 0, __ATOMIC_RELAXED);
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
static int sleep_armed(struct disruptor_role *role, uint64_t target,
		       uint64_t deadline_ns, const uint32_t *halted)
{
	u64 reached;
	int err;

	/* Whatever is found from here on to have changed, fires. */
	__atomic_exchange_n(fired_of(role), 0, __ATOMIC_ACQ_REL);
	if (halted && load_acquire(halted))
		return 0;
	err = arm(role, target);
	if (err)
		return err;
	if (disruptor_outcome(&role->local->core, role->publishes,
			      target, &reached) != -EAGAIN)
		return 0;
	return sys_futex_wait(fired_of(role), 0, deadline_ns);
}

/* As WAIT: @target is one of the role's own sequences. */
int private_sleep(struct disruptor_role *role, uint64_t target,
		  uint64_t deadline_ns, const uint32_t *halted)
{
	struct private_ring *ring = role->local;
	uint64_t own = disruptor_position(&ring->core, role->publishes);
	uint64_t slots = ring->core.geometry.slots;
	int err;

	if (target > own && target - own > slots)
		return -EINVAL;
	if (role->publishes == DISRUPTOR_SEAT_PRODUCERS)
		target -= min(target, slots);
	err = sleep_armed(role, target, deadline_ns, halted);

	disruptor_count(&ring->seats[role->seat].sleeps);
	if (load_acquire(fired_of(role)))
		return err;
	lock(ring);
	disruptor_disarm(&ring->core, &role->waiter);
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
	info->node = ring->node;
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
	const struct disruptor_group *group;

	*stats = (struct disruptor_seat_stats){
		.sequence = load_acquire(private_counter(ring, number)),
		.flags = seat->held ? DISRUPTOR_SEAT_HELD : 0,
		.pid = seat->held ? getpid() : 0,
		.attaches = seat->attaches,
		.detaches = seat->detaches,
		.sleeps = load_relaxed(&seat->sleeps),
		.wakes = load_relaxed(&seat->wakes),
	};
	/* The rest is what several have in common. */
	if (number > ring->core.nr_consumers)
		return;
	group = disruptor_group_of(&ring->core, number);
	if (group && group->claims.living)
		stats->flags |= DISRUPTOR_SEAT_HELD;
	stats->waits_on = ring->core.control->seat[number].waits_on;
	stats->interrupts = ring->core.fencing[number].interrupts;
	if (number != DISRUPTOR_SEAT_PRODUCERS &&
	    disruptor_is_present(&ring->core, number))
		stats->flags |= DISRUPTOR_SEAT_GATING;
}

int private_stats(struct private_ring *ring, struct disruptor_stats *stats)
{
	struct disruptor_seat_stats *to = (void *)(uintptr_t)stats->seats;
	unsigned int nr = ring->core.nr_seats;
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
	stats->adopted = ring->core.adopted;
	unlock(ring);
	stats->memory_bytes = ring->memory.length + ring->core.geometry.events_bytes;
	stats->huge_bytes = ring->huge ? ring->core.geometry.events_bytes : 0;
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
	free(ring->core.groups);
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

static int map_regions(struct private_ring *ring)
{
	struct disruptor_core *core = &ring->core;
	size_t control = whole_pages(core, sizeof(struct disruptor_control));
	size_t sequences = core->nr_seats * core->page_size;
	uint64_t laps = core->nr_producers < 2 ? 0 : disruptor_laps_bytes(core);
	uint64_t done = (uint64_t)core->nr_groups * disruptor_laps_bytes(core);
	int err;

	err = sys_map_anonymous(&ring->memory, control + sequences + laps + done);
	if (err)
		return err;
	core->control = ring->memory.at;
	core->sequences = (unsigned char *)ring->memory.at + control;
	if (laps)
		core->availability = (u32 *)(core->sequences + sequences);
	core->done = core->sequences + sequences + laps;
	ring->huge = ring->flags & DISRUPTOR_RING_HUGE;
	return sys_map_mirrored(&ring->events, core->geometry.events_bytes,
				&ring->huge);
}

static int map_memory(struct private_ring *ring)
{
	struct memory_policy before;
	int err;

	if (!(ring->flags & DISRUPTOR_RING_NODE))
		return map_regions(ring);
	err = sys_prefer_node(ring->node, &before);
	if (err)
		return err;
	err = map_regions(ring);
	sys_restore_policy(&before);
	return err;
}

static int check(const struct disruptor_config *config)
{
	unsigned int i;

	if (config->name || config->mode)
		return -EINVAL;
	if (config->producers > DISRUPTOR_MAX_PRODUCERS)
		return -EINVAL;
	if (config->node && !(config->flags & DISRUPTOR_RING_NODE))
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
	new->node = config->node;
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
	disruptor_core_measure(&new->core);

	new->core.groups = calloc(new->core.nr_groups + 1,
				  sizeof(*new->core.groups));
	err = new->core.groups ? map_memory(new) : -ENOMEM;
	if (err) {
		destroy(new);
		return err;
	}
	disruptor_core_init(&new->core);
	*ring = new;
	return 0;
}
