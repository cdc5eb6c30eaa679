// SPDX-License-Identifier: GPL-2.0-only
/*
 * The library on a ring whose every byte is somebody else's: a libFuzzer target.
 *
 * The library is built with all but its system calls (sys.c): those are answered
 * here.  The input says what shape the ring has, what lies in its map, what is
 * called, and what the peers write at each named point of the protocol meanwhile.
 * Every region lies between pages that nobody may touch, and is mapped with the
 * role's own permissions.
 *
 * Whatever is in the map, the library must not leave it, must give no range that
 * is longer than the ring, and must come back: a deadline is kept, and a wait is
 * not called again and again while nothing changes.
 */
#include <sys/mman.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"
#include "disruptor_points.h"

#define PAGE		4096UL
#define RING_FD		1000
#define ROLE_FD		1001
#define MOST_EVENTS	(4UL << 20)	/* bytes */
#define MOST_LAPS	(64UL << 10)	/* bytes */
#define MOST_SEATS	(DISRUPTOR_MAX_SEATS + DISRUPTOR_MAX_PRODUCERS + \
			 DISRUPTOR_MAX_WORKERS)
#define MOST_CALLS	64		/* of one input */
#define MOST_POINTS	(1U << 18)	/* in one call: it would never end */
#define MOST_RACES	64		/* exchanges lost in one call */
#define MOST_IDLE	64		/* waits in a row for what is there */
#define TICK_NS		20000ULL	/* every look at the clock */

#define must(cond) do {							\
	if (!(cond)) {							\
		fprintf(stderr, "%s:%d: not so: %s\n", __FILE__,	\
			__LINE__, #cond);				\
		abort();						\
	}								\
} while (0)

/* ---- the input ---------------------------------------------------------------- */

static const uint8_t *input, *input_end;

static uint8_t take8(void)
{
	return input < input_end ? *input++ : 0;
}

static uint64_t take(unsigned int bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | take8();
	return value;
}

static uint64_t take_below(uint64_t n)
{
	return take(n > 256 ? 2 : 1) % n;
}

static bool input_left(void)
{
	return input < input_end;
}

/* ---- the ring ------------------------------------------------------------------ */

/* Where each region lies in the memory behind all maps. */
enum {
	CONTROL_AT	= 0,
	SEQUENCES_AT	= CONTROL_AT + 4 * PAGE,
	LAPS_AT		= SEQUENCES_AT + MOST_SEATS * PAGE,
	DONE_AT		= LAPS_AT + MOST_LAPS,
	EVENTS_AT	= DONE_AT + MOST_LAPS,
	ALL_BYTES	= EVENTS_AT + MOST_EVENTS,
};

static struct {
	int fd;
	unsigned char *memory;
	struct disruptor_consumer_config consumers[DISRUPTOR_MAX_CONSUMERS];
	struct disruptor_core core;
	struct disruptor_group group;	/* the only one, if a worker is meant */
	struct disruptor_info info;	/* as INFO of the role tells it */
	unsigned int seat;
	unsigned int publishes;
	uint64_t now_ns;
	bool truthful;			/* WAIT answers as the kernel does */
	bool attached;			/* the role's own page is the role's */
	bool in_call;
	unsigned int points;
	unsigned int races;
	unsigned int idle;
	unsigned int changes;		/* pokes since the last WAIT */
	uint64_t target;		/* of the last WAIT */
} ring;

static uint64_t *counter_at(unsigned int seat)
{
	return disruptor_counter(&ring.core, seat);
}

static bool is_worker(void)
{
	return ring.core.nr_groups && ring.seat != ring.publishes &&
	       ring.publishes == ring.group.seat;
}

/* @works: there is a group, if there is a consumer. */
static void choose_shape(bool works)
{
	static const uint32_t sizes[] = { 4, 8, 12, 24, 64, 4096, 65536 };
	static const uint8_t producers[] = { 1, 1, 2, 3, 64 };
	static const uint8_t consumers[] = { 0, 1, 2, 3, 5, 64 };
	uint32_t slots = 1U << take_below(8);
	uint32_t size = sizes[take_below(ARRAY_SIZE(sizes))];
	unsigned int i;

	memset(&ring.core, 0, sizeof(ring.core));
	memset(ring.consumers, 0, sizeof(ring.consumers));
	if (size == 65536 && slots > 16)
		slots = 16;
	must(!disruptor_geometry_init(&ring.core.geometry, slots, size,
				      take8() & DISRUPTOR_RING_OBSERVED, PAGE));
	must(ring.core.geometry.events_bytes <= MOST_EVENTS);
	ring.core.nr_producers = producers[take_below(ARRAY_SIZE(producers))];
	ring.core.nr_consumers = consumers[take_below(ARRAY_SIZE(consumers))];
	ring.core.page_size = PAGE;
	ring.core.consumers = ring.consumers;
	ring.core.control = (void *)(ring.memory + CONTROL_AT);
	ring.core.sequences = ring.memory + SEQUENCES_AT;
	if (ring.core.nr_producers > 1)
		ring.core.availability = (void *)(ring.memory + LAPS_AT);
	for (i = 0; i < ring.core.nr_consumers; i++) {
		snprintf(ring.consumers[i].name, sizeof(ring.consumers[i].name),
			 "c%u", i);
		ring.consumers[i].flags = take8() & DISRUPTOR_CONSUMER_MODIFIES;
	}
	if (works && ring.core.nr_consumers)
		ring.consumers[take_below(ring.core.nr_consumers)].workers =
			2 + take_below(DISRUPTOR_MAX_WORKERS - 1);
	memset(ring.memory, 0, EVENTS_AT);
	memset(&ring.group, 0, sizeof(ring.group));
	ring.core.groups = &ring.group;
	ring.core.done = ring.memory + DONE_AT;
	disruptor_core_measure(&ring.core);
	disruptor_core_init(&ring.core);
}

static void choose_role(uint32_t role)
{
	unsigned int index = 0;
	unsigned int worker = 0;

	if (ring.core.nr_groups)
		index = ring.group.seat - DISRUPTOR_SEAT_CONSUMER(0);
	else if (role == DISRUPTOR_ROLE_CONSUMER)
		index = take_below(ring.core.nr_consumers);
	else if (role == DISRUPTOR_ROLE_PRODUCER)
		index = take_below(ring.core.nr_producers);
	ring.publishes = role == DISRUPTOR_ROLE_CONSUMER ?
		DISRUPTOR_SEAT_CONSUMER(index) : DISRUPTOR_SEAT_PRODUCERS;
	ring.seat = ring.publishes;
	if (role == DISRUPTOR_ROLE_PRODUCER && ring.core.availability)
		ring.seat = ring.core.producers.first + index;
	if (ring.core.nr_groups) {
		worker = take_below(ring.group.claims.nr);
		ring.seat = ring.group.claims.first + worker;
	}
	ring.info = (struct disruptor_info){
		.slots = ring.core.geometry.slots,
		.slot_size = ring.core.geometry.slot_size,
		.index_mask = ring.core.geometry.index_mask,
		.events_bytes = ring.core.geometry.events_bytes,
		.nr_consumers = ring.core.nr_consumers,
		.role = role,
		.index = index,
		.worker = worker,
		.page_size = PAGE,
		.producers = ring.core.nr_producers,
	};
}

/* ---- what the peers write --------------------------------------------------------- */

static unsigned int any_seat(void)
{
	return take_below(ring.core.nr_seats);
}

/* Near something that matters, or anything. */
static uint64_t any_value(void)
{
	uint8_t kind = take8();
	uint64_t slots = ring.core.geometry.slots;
	uint64_t from = *counter_at(ring.publishes);

	switch (kind & 7) {
	case 0:
		from = 0;
		break;
	case 1:
		from = ~0ULL;
		break;
	case 2:
		from = 1ULL << 63;
		break;
	case 3:
		from = *counter_at(any_seat());
		break;
	case 4:
		return take(8);
	case 5:
		return take(2);
	}
	switch (kind >> 3 & 3) {
	case 0:
		break;
	case 1:
		from += slots;
		break;
	case 2:
		from -= slots;
		break;
	case 3:
		from += ring.core.geometry.index_mask + 1;
	}
	return from + (int8_t)take8();
}

static void poke_publisher(void)
{
	struct disruptor_publisher *told =
		&ring.core.control->seat[take_below(DISRUPTOR_MAX_SEATS)];

	if (take8() & 1)
		told = &ring.core.control->seat[ring.publishes];
	switch (take_below(5)) {
	case 4:
		told->orphans = take8() & 1;
		break;
	case 0:
		told->look_at = any_value();
		break;
	case 1:
		told->wake_at = any_value();
		break;
	case 2:
		told->waits_on = take8() & 1 ? take(8) : take(1);
		break;
	case 3:
		told->fence = take8() & 1;
	}
}

/* As if one of several producers had published, or a worker was done, or died. */
static void poke_laps(uint32_t *laps)
{
	uint64_t from = any_value();
	uint64_t n = take_below(2 * ring.core.geometry.slots + 1);
	uint32_t flags = take8() & 1 ? DISRUPTOR_LAP_ABORTED : 0;

	if (!laps)
		return;
	for (; n--; from++)
		laps[from & ring.core.geometry.index_mask] =
			DISRUPTOR_LAP(from, ring.core.lap_shift) | flags;
}

static void poke_intent(void)
{
	struct disruptor_intent *intent = (void *)counter_at(any_seat());

	intent->lo = any_value();
	intent->hi = any_value();
}

/* Whatever it is a part of. */
static void poke_bytes(void)
{
	size_t bytes = EVENTS_AT;
	size_t at = take(3) % bytes;
	size_t n = take(2) % 8192;
	uint8_t with = take8();

	if (at < SEQUENCES_AT && at + n > sizeof(struct disruptor_control))
		n = 1;
	memset(ring.memory + at, with, n < bytes - at ? n : bytes - at);
}

static void poke_anything(void)
{
	switch (take_below(ring.core.nr_groups ? 14 : 12)) {
	case 12:
		poke_laps(ring.group.claims.laps);
		break;
	case 13:
		*ring.group.claims.claimed = any_value();
		break;
	case 0:
		*counter_at(DISRUPTOR_SEAT_PRODUCERS) = any_value();
		break;
	case 1:
		*counter_at(any_seat()) = any_value();
		break;
	case 2:
		poke_publisher();
		break;
	case 3:
		poke_laps(ring.core.availability);
		break;
	case 4:
		poke_intent();
		break;
	case 5:
		ring.core.control->epoch = any_value();
		break;
	case 6:
		ring.core.control->aborted = any_value();
		break;
	case 7:
		ring.core.control->state = take8();
		break;
	case 8:
		poke_bytes();
		break;
	case 9:
		if (ring.core.availability)
			ring.core.availability[any_value() &
				ring.core.geometry.index_mask] = take(4);
		break;
	case 10:	/* the peers play fair */
		*counter_at(DISRUPTOR_SEAT_PRODUCERS) += take_below(8);
		break;
	case 11:
		*counter_at(any_seat()) = *counter_at(DISRUPTOR_SEAT_PRODUCERS);
	}
}

/* Anything but the page that the role alone may write, once it has it. */
static void poke(void)
{
	struct disruptor_intent *own = (void *)counter_at(ring.seat);
	struct disruptor_intent kept = *own;

	poke_anything();
	if (ring.attached)
		*own = kept;
	ring.changes++;
}

static void poke_some(unsigned int most)
{
	unsigned int n = take_below(most + 1);

	while (n-- && input_left())
		poke();
}

/*
 * Between two steps of the library.  Nobody wins every race for the cursor against
 * one that only ever loses: exchanges fail only so often.
 */
void disruptor_point(enum disruptor_point point)
{
	if (!ring.in_call)
		return;
	must(++ring.points < MOST_POINTS);
	if ((point == DISRUPTOR_POINT_MULTI_INTENT ||
	     point == DISRUPTOR_POINT_WORKER_INTENT) &&
	    ++ring.races > MOST_RACES)
		return;
	if (input_left() && take8() & 1)
		poke();
}

/* ---- system calls ------------------------------------------------------------------ */

/* Virtual: a deadline takes no time, and a run can be repeated. */
int peers_clock_gettime(clockid_t clock, struct timespec *time)
{
	(void)clock;
	ring.now_ns += TICK_NS;
	time->tv_sec = ring.now_ns / NSEC_PER_SEC;
	time->tv_nsec = ring.now_ns % NSEC_PER_SEC;
	return 0;
}

int peers_clock_nanosleep(clockid_t clock, int flags, const struct timespec *time,
			  struct timespec *left)
{
	(void)clock;
	(void)flags;
	(void)left;
	ring.now_ns += time->tv_sec * NSEC_PER_SEC + time->tv_nsec;
	disruptor_point(DISRUPTOR_POINT_WOKEN);
	return 0;
}

int peers_sched_yield(void)
{
	disruptor_point(DISRUPTOR_POINT_WOKEN);
	return 0;
}

/* What kmod/wait.c makes of it, or anything that it might. */
static int answer_wait(struct disruptor_wait_args *args)
{
	static const int errors[] = {
		0, -ETIMEDOUT, -EINTR, -ENODATA, -ESTALE, -EBUSY, -ECANCELED,
		-EINVAL, -EBADF,
	};
	uint64_t slots = ring.core.geometry.slots;
	bool produces = ring.info.role == DISRUPTOR_ROLE_PRODUCER;
	uint64_t ahead = produces ? slots : 0;
	uint64_t own = disruptor_position(&ring.core, ring.publishes);
	uint64_t reached;
	int err;

	if (!ring.truthful)
		return input_left() ? errors[take_below(ARRAY_SIZE(errors))] :
				      -ESTALE;
	/* Who waits, and waits again, for what has come, loops. */
	if (ring.changes || args->target != ring.target)
		ring.idle = 0;
	ring.changes = 0;
	ring.target = args->target;
	must(++ring.idle < MOST_IDLE);
	if (args->target > own && args->target - own > slots)
		return -EINVAL;
	/* The kernel names only those that there are, and orphans of a group. */
	ring.core.control->seat[ring.publishes].waits_on &=
		all_consumers(ring.core.nr_consumers);
	if (!disruptor_group_of(&ring.core, ring.publishes))
		ring.core.control->seat[ring.publishes].orphans = 0;
	err = disruptor_outcome(&ring.core, ring.publishes,
				args->target - min(args->target, ahead),
				&reached);
	args->reached = reached + ahead;
	if (err != -EAGAIN)
		return err;
	/* From here on it has slept. */
	ring.idle = 0;
	if (input_left()) {
		poke_some(3);
		return 0;
	}
	/* Nothing will ever happen: it sleeps as long as it may. */
	if (args->deadline_ns == DISRUPTOR_FOREVER)
		return -ESTALE;
	ring.now_ns = max(ring.now_ns, args->deadline_ns);
	return -ETIMEDOUT;
}

static int answer_info(struct disruptor_info *info)
{
	struct disruptor_consumer_config *graph = (void *)(uintptr_t)info->consumers;
	uint32_t room = info->nr_consumers;

	must(info->size == sizeof(*info));
	ring.info.size = sizeof(*info);
	ring.info.consumers = info->consumers;
	ring.info.consumer_size = sizeof(*graph);
	*info = ring.info;
	if (room)
		memcpy(graph, ring.consumers,
		       ring.core.nr_consumers * sizeof(*graph));
	return 0;
}

/* Orphans, wherever the peers have it that they are; what it was before, it has not. */
static int answer_adopt(struct disruptor_adopt_args *args)
{
	static const int errors[] = { -EAGAIN, -ESTALE, -EBUSY, -EINVAL };
	struct disruptor_intent *intent = (void *)counter_at(ring.seat);
	uint64_t lo, n;

	must(is_worker() && args->most && !intent->hi);
	ring.core.control->seat[ring.publishes].orphans = take8() & 1;
	if (!input_left() || take8() & 1)
		return ring.truthful ? -EAGAIN :
				       errors[take_below(ARRAY_SIZE(errors))];
	lo = any_value();
	n = 1 + take_below(min(args->most, ring.info.slots));
	*intent = (struct disruptor_intent){ lo, lo + n };
	args->lo = lo;
	args->hi = lo + n;
	return 0;
}

int sys_ioctl(int fd, unsigned long request, void *args)
{
	struct disruptor_attach_args *attach = args;

	switch (request) {
	case DISRUPTOR_IOC_INFO:
		return answer_info(args);
	case DISRUPTOR_IOC_ATTACH:
		must(fd == RING_FD);
		attach->index = ring.info.index;
		attach->sequence = *counter_at(ring.publishes);
		return ROLE_FD;
	case DISRUPTOR_IOC_WAIT:
		return answer_wait(args);
	case DISRUPTOR_IOC_WAKE:
		disruptor_point(DISRUPTOR_POINT_WAKE_CALL);
		return 0;
	case DISRUPTOR_IOC_ADOPT:
		return answer_adopt(args);
	case DISRUPTOR_IOC_DETACH:
		return 0;
	}
	must(!"an ioctl that is answered");
	return -ENOTTY;
}

/* One piece of a region at @at, where nothing may be touched so far. */
static void map_piece(unsigned char *at, size_t length, int prot, size_t offset)
{
	must(mmap(at, length, prot, MAP_SHARED | MAP_FIXED, ring.fd, offset) ==
	     at);
}

static void map_own(unsigned char *at, size_t length, int prot)
{
	must(length == (ring.seat == ring.publishes ? 1 : 2) * PAGE);
	map_piece(at, PAGE, prot, SEQUENCES_AT + ring.publishes * PAGE);
	if (length > PAGE)
		map_piece(at + PAGE, PAGE, prot, SEQUENCES_AT + ring.seat * PAGE);
}

int sys_map(struct mapping *mapping, size_t length, int prot, int fd,
	    unsigned int region)
{
	size_t whole = (length + PAGE - 1) / PAGE * PAGE;
	unsigned char *at;

	must(fd == ROLE_FD || fd == RING_FD);
	at = mmap(NULL, whole + 2 * PAGE, PROT_NONE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	must(at != MAP_FAILED);
	at += PAGE;
	switch (region) {
	case DISRUPTOR_REGION_CONTROL:
		map_piece(at, whole, prot, CONTROL_AT);
		break;
	case DISRUPTOR_REGION_SEQUENCES:
		must(length == (1 + ring.core.nr_consumers) * PAGE);
		map_piece(at, whole, prot, SEQUENCES_AT);
		break;
	case DISRUPTOR_REGION_OWN:
		map_own(at, whole, prot);
		break;
	case DISRUPTOR_REGION_AVAILABILITY:
		map_piece(at, whole, prot, LAPS_AT);
		break;
	case DISRUPTOR_REGION_DONE:
		must(is_worker());
		map_piece(at, whole, prot, DONE_AT);
		break;
	case DISRUPTOR_REGION_EVENTS:
		must(length == 2 * ring.core.geometry.events_bytes);
		map_piece(at, whole / 2, prot, EVENTS_AT);
		map_piece(at + whole / 2, whole / 2, prot, EVENTS_AT);
	}
	mapping->at = at;
	mapping->length = length;
	return 0;
}

void sys_unmap(struct mapping *mapping)
{
	size_t whole = (mapping->length + PAGE - 1) / PAGE * PAGE;

	if (mapping->at)
		must(!munmap((unsigned char *)mapping->at - PAGE,
			     whole + 2 * PAGE));
	mapping->at = NULL;
}

/* Nothing here has a name, or a ring private to a process. */
int sys_open_device(void) { return -ENOENT; }
int sys_map_anonymous(struct mapping *mapping, size_t length)
{ (void)mapping; (void)length; return -ENOMEM; }
int sys_map_mirrored(struct mapping *mapping, size_t length, bool *huge)
{ (void)mapping; (void)length; (void)huge; return -ENOMEM; }
int sys_prefer_node(unsigned int node, struct memory_policy *before)
{ (void)node; (void)before; return -ENOMEM; }
void sys_restore_policy(const struct memory_policy *before) { (void)before; }
int sys_membarrier_register(void) { return 0; }
int sys_membarrier(void) { return 0; }
int sys_futex_wait(const uint32_t *futex, uint32_t value, uint64_t deadline_ns)
{ (void)futex; (void)value; (void)deadline_ns; return -ETIMEDOUT; }
void sys_futex_wake(const uint32_t *futex) { (void)futex; }
int peers_close(int fd) { (void)fd; return 0; }

/* ---- what is called ------------------------------------------------------------------ */

static unsigned char bytes_read;	/* so that reading is not left out */

static void call_begin(void)
{
	ring.points = 0;
	ring.races = 0;
	ring.idle = 0;
	ring.changes = 0;
	ring.in_call = true;
}

/* A call that had until @deadline_ns has come back in time, or little later. */
static void call_end(uint64_t deadline_ns)
{
	ring.in_call = false;
	if (deadline_ns != DISRUPTOR_FOREVER)
		must(ring.now_ns <= deadline_ns + 1024 * TICK_NS);
}

static uint64_t any_deadline(void)
{
	return ring.now_ns + take_below(16) * TICK_NS;
}

static struct disruptor_wait_strategy any_strategy(void)
{
	return (struct disruptor_wait_strategy){
		.kind = take_below(4),
		.spins = 1 + take_below(4),
		.yields = 1 + take_below(4),
		.sleep_for = take8() & 1 ? take(4) : 0,
		.max_sleep_ns = 1 + take(2),
	};
}

/* To wait for ever is to sleep, for what ends it comes from outside. */
static const struct disruptor_wait_strategy asleep = { .spins = 1 };

static void read_all(const unsigned char *at, uint64_t bytes)
{
	uint64_t i;

	for (i = 0; i < bytes; i += 64)
		bytes_read += at[i];
	bytes_read += at[bytes - 1];
}

/* Exactly as long as was said: one byte more is not there. */
static void *buffer(uint64_t events)
{
	void *at = malloc(events * ring.info.slot_size);

	must(at);
	return at;
}

static uint64_t any_batch(void)
{
	return take_below(2 * ring.info.slots) + 1;
}

/* --- a consumer --- */

static struct {
	struct disruptor_consumer *consumer;
	struct disruptor_worker *worker;
	unsigned int left;		/* calls of the handler, before it ends it */
} stage;

static bool stage_is_over(void)
{
	if (stage.left && --stage.left)
		return false;
	if (stage.worker)
		disruptor_worker_halt(stage.worker);
	else
		disruptor_halt(stage.consumer);
	return true;
}

static int on_event(void *context, void *event, uint64_t seq, bool end_of_batch)
{
	(void)context;
	(void)seq;
	(void)end_of_batch;
	read_all(event, ring.info.slot_size);
	stage_is_over();
	return input_left() && take8() == 1 ? -EIO : 0;
}

static enum disruptor_error_action on_error(void *context, int error, void *event,
					    uint64_t seq)
{
	(void)context;
	(void)error;
	(void)event;
	(void)seq;
	return stage_is_over() ? DISRUPTOR_ERROR_STOP : take_below(3);
}

static void on_timeout(void *context, uint64_t next)
{
	(void)context;
	(void)next;
	stage_is_over();
}

static struct disruptor_handler any_handler(void)
{
	stage.left = 1 + take8();
	return (struct disruptor_handler){
		.on_event = on_event,
		.on_error = on_error,
		.on_timeout = on_timeout,
		.batch_limit = take_below(4),
		.timeout_ns = take_below(4) * TICK_NS,
	};
}

static void check_range(unsigned char *at, const struct disruptor_range *range)
{
	uint64_t n = range->hi - range->lo;

	must(n >= 1 && n <= ring.info.slots);
	read_all(at, n * ring.info.slot_size);
	if (ring.consumers[ring.info.index].flags & DISRUPTOR_CONSUMER_MODIFIES)
		at[n * ring.info.slot_size - 1] = 1;
}

static void handle_range(struct disruptor_consumer *consumer, int err,
			 const struct disruptor_range *range)
{
	if (err)
		return;
	check_range(disruptor_consumer_slot(consumer, range->lo), range);
	disruptor_release(consumer, range->lo +
			  take_below(range->hi - range->lo + 1));
}

static void call_consumer(struct disruptor_consumer *consumer)
{
	struct disruptor_wait_strategy strategy = any_strategy();
	uint64_t deadline_ns = DISRUPTOR_FOREVER;
	struct disruptor_handler handler;
	struct disruptor_range range;
	uint64_t n = any_batch();
	void *events;
	int64_t got;
	int err;

	must(!disruptor_consumer_set_wait(consumer, &strategy));
	switch (take_below(6)) {
	case 0:
		call_begin();
		err = disruptor_try_wait(consumer, &range);
		handle_range(consumer, err, &range);
		break;
	case 1:
		deadline_ns = any_deadline();
		call_begin();
		err = disruptor_wait_until(consumer, deadline_ns, &range);
		call_end(deadline_ns);
		handle_range(consumer, err, &range);
		break;
	case 2:
		must(!disruptor_consumer_set_wait(consumer, &asleep));
		events = buffer(n);
		call_begin();
		got = disruptor_read(consumer, events, n);
		must(got < 0 || (got && (uint64_t)got <= min(n, ring.info.slots)));
		free(events);
		break;
	case 3:
		must(!disruptor_consumer_set_wait(consumer, &asleep));
		handler = any_handler();
		call_begin();
		disruptor_run(consumer, &handler);
		break;
	case 4:
		handler = any_handler();
		call_begin();
		disruptor_poll(consumer, &handler);
		break;
	case 5:
		disruptor_halt(consumer);
	}
	call_end(DISRUPTOR_FOREVER);
}

/* --- a worker --- */

static void finish_range(struct disruptor_worker *worker, int err, uint64_t most,
			 const struct disruptor_range *range)
{
	if (err)
		return;
	must(range->hi - range->lo <= most);
	check_range(disruptor_worker_slot(worker, range->lo), range);
	must(disruptor_worker_done(worker, range->hi + ring.info.slots + 1));
	must(!disruptor_worker_done(worker, range->lo +
				    take_below(range->hi - range->lo + 1)));
}

static void call_worker(struct disruptor_worker *worker)
{
	struct disruptor_wait_strategy strategy = any_strategy();
	uint64_t deadline_ns = DISRUPTOR_FOREVER;
	struct disruptor_handler handler;
	struct disruptor_range range;
	uint64_t n = any_batch();
	void *events;
	int64_t got;
	int err;

	must(!disruptor_worker_set_wait(worker, &strategy));
	switch (take_below(5)) {
	case 0:
		call_begin();
		err = disruptor_worker_try_take(worker, n, &range);
		finish_range(worker, err, n, &range);
		break;
	case 1:
		deadline_ns = any_deadline();
		call_begin();
		err = disruptor_worker_take_until(worker, n, deadline_ns, &range);
		call_end(deadline_ns);
		finish_range(worker, err, n, &range);
		break;
	case 2:
		must(!disruptor_worker_set_wait(worker, &asleep));
		events = buffer(n);
		call_begin();
		got = disruptor_worker_read(worker, events, n);
		must(got < 0 || (got && (uint64_t)got <= min(n, ring.info.slots)));
		free(events);
		break;
	case 3:
		must(!disruptor_worker_set_wait(worker, &asleep));
		handler = any_handler();
		call_begin();
		disruptor_worker_run(worker, &handler);
		break;
	case 4:
		disruptor_worker_halt(worker);
	}
	call_end(DISRUPTOR_FOREVER);
}

/* --- a producer --- */

static void call_producer(struct disruptor_producer *producer)
{
	struct disruptor_wait_strategy strategy = any_strategy();
	uint64_t deadline_ns = any_deadline();
	uint64_t n = any_batch(), lo = 0;
	unsigned char *at;
	int err = -EAGAIN;

	must(!disruptor_producer_set_wait(producer, &strategy));
	switch (take_below(4)) {
	case 0:
		call_begin();
		err = disruptor_try_claim(producer, n, &lo);
		break;
	case 1:
		call_begin();
		err = disruptor_claim_until(producer, n, deadline_ns, &lo);
		call_end(deadline_ns);
		break;
	case 2:
		must(!disruptor_producer_set_wait(producer, &asleep));
		at = buffer(n);
		memset(at, 0xa5, n * ring.info.slot_size);
		call_begin();
		disruptor_write(producer, at, n);
		free(at);
		break;
	case 3:
		must(!disruptor_producer_set_wait(producer, &asleep));
		at = buffer(1);
		memset(at, 0x5a, ring.info.slot_size);
		call_begin();
		disruptor_publish_one(producer, at);
		free(at);
	}
	if (!err) {
		must(n <= ring.info.slots);
		memset(disruptor_producer_slot(producer, lo), 1,
		       n * ring.info.slot_size);
		disruptor_publish(producer, lo, lo + n);
	}
	call_end(DISRUPTOR_FOREVER);
}

/* --- one of several producers --- */

static void call_multi(struct disruptor_multi *multi)
{
	struct disruptor_wait_strategy strategy = any_strategy();
	uint64_t deadline_ns = any_deadline();
	uint64_t n = any_batch(), lo = 0;
	unsigned char *at;
	int err = -EAGAIN;

	must(!disruptor_multi_set_wait(multi, &strategy));
	switch (take_below(4)) {
	case 0:
		call_begin();
		err = disruptor_multi_try_claim(multi, n, &lo);
		break;
	case 1:
		call_begin();
		err = disruptor_multi_claim_until(multi, n, deadline_ns, &lo);
		call_end(deadline_ns);
		break;
	case 2:
		must(!disruptor_multi_set_wait(multi, &asleep));
		at = buffer(n);
		memset(at, 0xa5, n * ring.info.slot_size);
		call_begin();
		disruptor_multi_write(multi, at, n);
		free(at);
		break;
	case 3:
		must(!disruptor_multi_set_wait(multi, &asleep));
		at = buffer(1);
		memset(at, 0x5a, ring.info.slot_size);
		call_begin();
		disruptor_multi_publish_one(multi, at);
		free(at);
	}
	if (!err) {
		must(n <= ring.info.slots);
		memset(disruptor_multi_slot(multi, lo), 1, n * ring.info.slot_size);
		disruptor_multi_publish(multi, lo, lo + n);
	}
	call_end(DISRUPTOR_FOREVER);
}

/* --- an observer --- */

static void call_observer(struct disruptor_observer *observer)
{
	uint64_t deadline_ns = any_deadline();
	uint64_t n = any_batch(), lo = 0, missed = 0;
	void *events = buffer(n);
	int64_t got;

	call_begin();
	if (take8() & 1)
		got = disruptor_observe(observer, events, n, &lo, &missed);
	else
		got = disruptor_observe_until(observer, events, n, deadline_ns,
					      &lo, &missed);
	call_end(deadline_ns);
	must(got && (got < 0 || (uint64_t)got <= n));
	if (got > 0)
		read_all(events, got * ring.info.slot_size);
	free(events);
}

/* ---- one input -------------------------------------------------------------------------- */

static bool goes_on(unsigned int *calls)
{
	poke_some(4);
	return input_left() && ++*calls < MOST_CALLS;
}

static void be_consumer(void)
{
	struct disruptor_consumer *consumer;
	unsigned int calls = 0;

	choose_role(DISRUPTOR_ROLE_CONSUMER);
	poke_some(16);
	must(!disruptor_consumer_from_fd(&consumer, ROLE_FD));
	ring.attached = true;
	stage.consumer = consumer;
	stage.worker = NULL;
	while (goes_on(&calls))
		call_consumer(consumer);
	disruptor_consumer_detach(consumer);
}

static void be_worker(void)
{
	struct disruptor_worker *worker;
	unsigned int calls = 0;

	choose_role(DISRUPTOR_ROLE_CONSUMER);
	poke_some(16);
	/* As the kernel has left it. */
	*(struct disruptor_intent *)counter_at(ring.seat) =
		(struct disruptor_intent){};
	must(!disruptor_worker_from_fd(&worker, ROLE_FD));
	ring.attached = true;
	stage.worker = worker;
	while (goes_on(&calls))
		call_worker(worker);
	disruptor_worker_detach(worker);
}

static void be_producer(void)
{
	struct disruptor_producer *producer;
	struct disruptor_multi *multi;
	unsigned int calls = 0;

	choose_role(DISRUPTOR_ROLE_PRODUCER);
	poke_some(16);
	if (ring.core.availability) {
		must(!disruptor_multi_from_fd(&multi, ROLE_FD));
		ring.attached = true;
		while (goes_on(&calls))
			call_multi(multi);
		disruptor_multi_detach(multi);
		return;
	}
	must(!disruptor_producer_from_fd(&producer, ROLE_FD));
	ring.attached = true;
	while (goes_on(&calls))
		call_producer(producer);
	disruptor_producer_detach(producer);
}

static void be_observer(void)
{
	struct disruptor_observer *observer;
	struct disruptor_ring *handle;
	unsigned int calls = 0;
	int err;

	choose_role(DISRUPTOR_ROLE_NONE);
	poke_some(16);
	must(!disruptor_ring_from_fd(&handle, RING_FD));
	err = disruptor_observer_open(&observer, handle);
	disruptor_close(handle);
	if (err) {
		must(err == -EOPNOTSUPP);
		return;
	}
	while (goes_on(&calls))
		call_observer(observer);
	disruptor_observer_close(observer);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	ring.fd = memfd_create("peers", MFD_CLOEXEC);
	must(ring.fd >= 0 && !ftruncate(ring.fd, ALL_BYTES));
	ring.memory = mmap(NULL, ALL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			   ring.fd, 0);
	must(ring.memory != MAP_FAILED);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t role;

	input = data;
	input_end = data + size;
	ring.now_ns = NSEC_PER_SEC;
	ring.attached = false;
	role = take_below(4);
	ring.truthful = take8() & 1;
	choose_shape(role == 3);
	if (ring.core.nr_groups)
		be_worker();
	else if (role == 0 && ring.core.nr_consumers)
		be_consumer();
	else if (role == 1)
		be_producer();
	else
		be_observer();
	return 0;
}
