// SPDX-License-Identifier: GPL-2.0-only
/* rig: timeout=600 */
/*
 * A process is killed at every named point of the protocol (DISRUPTOR_ALL_POINTS),
 * whichever role it has, in rings of every shape; then at random points, and at
 * random moments.  Those left go on, it is started again, and in the end the whole
 * history is checked:
 *
 *   - what was published has been handled by every consumer, in one order, which is
 *     that of each producer;
 *   - what was claimed and not published has been handled by none, is skipped by
 *     all, and STATS has counted exactly that;
 *   - nothing is handled twice by one life of a consumer, or before those it comes
 *     after;
 *   - no event goes to two workers of a group while both live, nor to any when one was
 *     done with it;
 *   - nobody waits for ever for what a dead one owed.
 *
 * CRASH_ROUNDS=n: how many random deaths.
 */
#include "stream.h"

#include <sched.h>

#include "kselftest_harness.h"

#define MOST_EVENTS	(1U << 19)	/* of a history */
#define MOST_LIVES	512
#define MAX_PLACES	4
#define MAX_STAGES	8
#define MOST_CLAIM	6
#define SLOTS		16
#define DEATHS		40		/* in one history */
#define GOES_ON_MS	20000		/* or it never will */
#define ROUNDS		160

/* One more point, of the test's own. */
#define HALF_WRITTEN	DISRUPTOR_NR_POINTS
#define NR_POINTS	(DISRUPTOR_NR_POINTS + 1)

static const char *const point_names[NR_POINTS] = {
#define POINT_NAME(name)	#name,
	DISRUPTOR_ALL_POINTS(POINT_NAME)
	"HALF_WRITTEN",
};

/* ---- events ----------------------------------------------------------------- */

/**
 * struct event - 32 bytes
 * @id: who wrote it, in which life, and its number in that
 * @body: as event_fill() has it for @id
 */
struct event {
	uint64_t id;
	__u32 body[6];
};

#define ID(stage, life, number)						\
	(1ULL << 63 | (uint64_t)(stage) << 56 | (uint64_t)(life) << 40 | (number))
#define ID_STAGE(id)	((id) >> 56 & 0x7f)
#define ID_LIFE(id)	((id) >> 40 & 0xffff)
#define ID_NUMBER(id)	((id) & 0xffffffffff)

/* ---- what survives whoever is killed ------------------------------------------ */

/**
 * struct place - a consumer of the graph, with one stage or several workers
 * @name: its name
 * @workers: of a group, how many; else 0
 * @before: places that come before it
 * @behind: those after it
 * @moved_ns: when it handled what came after the death
 * @seen: which event was handled at each sequence
 * @holder: of a group: who has taken it, and in which life, plus 1
 * @done: of a group: for good
 */
struct place {
	char name[DISRUPTOR_CONSUMER_NAME_LEN];
	__u32 workers;
	uint64_t before;
	uint64_t behind;
	uint64_t moved_ns;
	uint64_t seen[MOST_EVENTS];
	__u32 holder[MOST_EVENTS];
	unsigned char done[MOST_EVENTS];
};

#define DYING		(~0U)

#define HOLDER(stage, life)	(((stage) << 16 | (life)) + 1)
#define HOLDER_STAGE(holder)	(((holder) - 1) >> 16)
#define HOLDER_LIFE(holder)	(((holder) - 1) & 0xffff)

/**
 * struct life - from one ATTACH to the next, or to the end
 * @start: consumer: where it went on
 * @handled: consumer: events below it are handled
 * @done: what was published, or released
 * @about: what was about to be
 * @claimed: one of several producers: how much, when it last claimed
 * @stored: of that, how many laps
 * @checked: how many of its events the history has, when it is checked
 */
struct life {
	uint64_t start;
	uint64_t handled;
	uint64_t done;
	uint64_t about;
	uint64_t claimed;
	uint64_t stored;
	uint64_t checked;
};

/**
 * struct stage - a role, whoever has it at the time
 * @place: of a consumer, or a worker; NULL: a producer
 * @armed: the point it is to die at, plus 1; DYING: it is on its way
 * @countdown: when it gets there for how many-th time
 * @leave: it is to give the role back and take it again
 * @over: how many of its lives are over, or about to be
 */
struct stage {
	struct place *place;
	pid_t pid;
	__u32 armed;
	__u32 countdown;
	__u32 leave;
	__u32 over;
	__u32 nr_lives;
	struct life lives[MOST_LIVES];
};

/**
 * struct plant - a ring and all its stages, consumers and workers first
 * @watching: who handles event @watch is to say when
 * @killed_ns: when somebody was killed
 * @unsure: somebody was killed at no point: how much it had claimed is not known
 */
struct plant {
	const struct topology *topology;
	int ring;
	unsigned int nr_places;
	unsigned int nr_consuming;
	unsigned int nr_stages;
	uint64_t chances;
	__u32 stop;
	__u32 slow_producers;
	__u32 slow_consumers;
	__u32 watching;
	uint64_t watch;
	uint64_t killed_ns;
	bool unsure;
	unsigned int deaths;
	struct place places[MAX_PLACES];
	struct stage stages[MAX_STAGES];
};

struct topology {
	const char *name;
	unsigned int producers;
	const char *graph;
};

static const struct topology topologies[] = {
	{ "3P-1C", 3, "only" },
	{ "1P-3C", 1, "left middle right" },
	{ "chain", 1, "first second:first third:second" },
	{ "diamond", 1, "left right join:left,right" },
	{ "3P-diamond", 3, "left right join:left,right" },
	{ "1P-workers", 1, "group*3 after:group" },
	{ "3P-workers", 3, "first group*3:first after:group" },
};

/* Who has died; the last are missed until they are started again. */
enum victim { PRODUCER_OF_SEVERAL, WORKER, ONLY_PRODUCER, CONSUMER, NR_VICTIMS };

static const char *const victim_names[NR_VICTIMS] = {
	"one of several producers dead, the others going on",
	"a worker dead, the others going on",
	"the only producer dead and started again",
	"a consumer dead and started again",
};

/* What all tests of a run add to: they are processes of their own. */
static struct totals {
	unsigned int deaths;
	unsigned int random;
	unsigned int violations;
	unsigned int seen[NR_POINTS];
	unsigned int nr_times[NR_VICTIMS];
	uint64_t times[NR_VICTIMS][4096];
} *totals;

__attribute__((constructor)) static void totals_init(void)
{
	totals = shared_alloc(sizeof(*totals));
	if (!totals)
		abort();
}

#define VIOLATION(...) ({						\
	printf("# violation: " __VA_ARGS__);				\
	printf("\n");							\
	__atomic_add_fetch(&totals->violations, 1, __ATOMIC_RELAXED);	\
})

/* ---- a stage at work ---------------------------------------------------------- */

static struct plant *plant;
static struct stage *me;
static struct life *life;
static const uint64_t *cursor;		/* while it is mapped */
static struct disruptor_worker *working;	/* likewise */
static uint64_t lap_at;			/* the next that it is done with */
static uint64_t chances;

static unsigned int my_index(void)
{
	return me - plant->stages;
}

static void die(void)
{
	unsigned int i;

	/* An accomplice may have died before. */
	for (i = 0; i < plant->nr_places; i++)
		plant->places[i].moved_ns = 0;
	plant->watch = cursor ? shared_load(cursor) : 0;
	me->over = me->nr_lives;
	plant->killed_ns = now_ns();
	shared_store(&plant->watching, 1);
	kill(getpid(), SIGKILL);
}

/* What is known of a claim is noted here, so that it is known exactly. */
static void note(enum disruptor_point point)
{
	switch (point) {
	case DISRUPTOR_POINT_MULTI_CLAIMED:
		life->claimed = life->about - life->done;
		life->stored = 0;
		break;
	case DISRUPTOR_POINT_MULTI_LAP:
		life->stored++;
		break;
	case DISRUPTOR_POINT_WORKER_DONE:
		lap_at = working->next;
		break;
	case DISRUPTOR_POINT_WORKER_LAP:
		shared_store(&me->place->done[lap_at++], 1);
		break;
	default:
		break;
	}
}

static void reach(unsigned int point)
{
	__u32 armed = point + 1;

	if (shared_load(&me->armed) != armed || --me->countdown)
		return;
	/* It may have been taken back. */
	if (!__atomic_compare_exchange_n(&me->armed, &armed, DYING, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return;
	__atomic_add_fetch(&totals->seen[point], 1, __ATOMIC_RELAXED);
	die();
}

void disruptor_point(enum disruptor_point point)
{
	if (!me)
		return;
	if (life)
		note(point);
	reach(point);
}

static void begin_life(void)
{
	me->over = me->nr_lives;
	life = &me->lives[me->nr_lives++];
	alarm(STAGE_SECONDS);
}

static bool leaves(void)
{
	if (shared_load(&plant->stop))
		return true;
	return __atomic_exchange_n(&me->leave, 0, __ATOMIC_RELAXED);
}

static void dawdle(const __u32 *slow)
{
	if (shared_load(slow))
		usleep(500 + chance_below(&chances, 500));
	else if (!chance_below(&chances, 3))
		usleep(chance_below(&chances, 300));
}

/* ---- producers ------------------------------------------------------------------ */

static void write_event(struct event *event, uint64_t number)
{
	uint64_t id = ID(my_index(), me->nr_lives - 1, number);

	event->id = id;
	event_fill(event->body, sizeof(event->body) / 2, id);
	reach(HALF_WRITTEN);
	event_fill(event->body, sizeof(event->body), id);
}

/* By parts, and not in order, now and then. */
static void publish_parts(struct disruptor_multi *multi, uint64_t lo, uint64_t hi)
{
	uint64_t middle = lo + chance_below(&chances, hi - lo + 1);

	if (chance_below(&chances, 2)) {
		disruptor_multi_publish(multi, lo, hi);
		return;
	}
	disruptor_multi_publish(multi, middle, hi);
	if (middle != lo)
		disruptor_multi_publish(multi, lo, middle);
}

static int produce_multi(struct disruptor_multi *multi)
{
	uint64_t lo = 0, n, i;

	n = 1 + chance_below(&chances, MOST_CLAIM);
	life->about = life->done + n;
	CHILD_CHECK(!disruptor_multi_claim_until(multi, n, in_ms(GOES_ON_MS * patience()), &lo));
	for (i = 0; i < n; i++)
		write_event(disruptor_multi_slot(multi, lo + i), life->done + i);
	publish_parts(multi, lo, lo + n);
	shared_store(&life->done, life->about);
	return 0;
}

static int produce_single(struct disruptor_producer *producer)
{
	uint64_t lo = 0, n, i;

	n = 1 + chance_below(&chances, MOST_CLAIM);
	life->about = life->done + n;
	CHILD_CHECK(!disruptor_claim_until(producer, n, in_ms(GOES_ON_MS * patience()), &lo));
	for (i = 0; i < n; i++)
		write_event(disruptor_producer_slot(producer, lo + i),
			    life->done + i);
	disruptor_publish(producer, lo, lo + n);
	shared_store(&life->done, life->about);
	return 0;
}

static bool history_is_full(void)
{
	return shared_load(cursor) > MOST_EVENTS - 4 * SLOTS;
}

static int live_as_multi(struct disruptor_ring *ring)
{
	struct disruptor_multi *multi;
	int err;

	/* A seat is not free before its claims are settled. */
	BECOMES_TRUE((err = disruptor_multi_attach(&multi, ring)) != -EBUSY,
		     GOES_ON_MS);
	CHILD_CHECK(!err);
	CHILD_CHECK(!disruptor_multi_set_wait(multi, chosen_wait(&chances)));
	cursor = multi->cursor;
	while (!leaves()) {
		if (!history_is_full())
			CHILD_CHECK(!produce_multi(multi));
		dawdle(&plant->slow_producers);
	}
	cursor = NULL;
	if (shared_load(&plant->stop))
		disruptor_multi_end(multi);
	else
		disruptor_multi_detach(multi);
	return 0;
}

static int live_as_single(struct disruptor_ring *ring)
{
	struct disruptor_producer *producer;
	int err;

	BECOMES_TRUE((err = disruptor_producer_attach(&producer, ring)) != -EBUSY,
		     GOES_ON_MS);
	CHILD_CHECK(!err);
	CHILD_CHECK(!disruptor_producer_set_wait(producer, chosen_wait(&chances)));
	cursor = producer->cursor;
	while (!leaves()) {
		if (!history_is_full())
			CHILD_CHECK(!produce_single(producer));
		dawdle(&plant->slow_producers);
	}
	cursor = NULL;
	if (shared_load(&plant->stop))
		disruptor_producer_end(producer);
	else
		disruptor_producer_detach(producer);
	return 0;
}

static int produce(struct disruptor_ring *ring)
{
	do {
		begin_life();
		if (plant->topology->producers > 1 ? live_as_multi(ring) :
						     live_as_single(ring))
			return 1;
	} while (!shared_load(&plant->stop));
	return 0;
}

/* ---- consumers -------------------------------------------------------------------- */

/* Whether those it comes after have had it, and those that come after it have not. */
static int check_order(uint64_t seq, uint64_t id, bool again)
{
	const struct place *place = me->place;
	unsigned int i;

	for (i = 0; i < plant->nr_places; i++) {
		const struct place *other = &plant->places[i];

		if (place->before & 1ULL << i)
			CHILD_CHECK(shared_load(&other->seen[seq]) == id);
		if (place->behind & 1ULL << i && !again)
			CHILD_CHECK(shared_load(&other->seen[seq]) == 0);
	}
	return 0;
}

static int handle(const struct event *event, uint64_t seq)
{
	struct place *place = me->place;
	uint64_t id = event->id;
	uint64_t before;

	CHILD_CHECK(seq < MOST_EVENTS);
	before = shared_load(&place->seen[seq]);
	CHILD_CHECK(!before || before == id);
	CHILD_CHECK(event_right(event->body, sizeof(event->body), id));
	CHILD_CHECK(!check_order(seq, id, before));
	shared_store(&place->seen[seq], id);
	shared_store(&life->handled, seq + 1);
	if (seq >= plant->watch && shared_load(&plant->watching) &&
	    !shared_load(&place->moved_ns))
		shared_store(&place->moved_ns, now_ns());
	return 0;
}

static int consume_some(struct disruptor_consumer *consumer,
			const struct disruptor_range *range)
{
	uint64_t hi = range->lo + chance_part(&chances, range->hi - range->lo);
	uint64_t seq;

	CHILD_CHECK(range->hi - range->lo <= SLOTS);
	for (seq = range->lo; seq < hi; seq++) {
		CHILD_CHECK(seq >= life->handled);
		CHILD_CHECK(!handle(disruptor_consumer_slot(consumer, seq), seq));
	}
	life->about = hi;
	disruptor_release(consumer, hi);
	shared_store(&life->done, hi);
	return 0;
}

static int live_as_consumer(struct disruptor_ring *ring, bool *ended)
{
	struct disruptor_consumer *consumer;
	struct disruptor_range range;
	int err;

	BECOMES_TRUE((err = disruptor_consumer_attach(&consumer, ring,
						     me->place->name)) != -EBUSY, GOES_ON_MS);
	CHILD_CHECK(!err);
	CHILD_CHECK(!disruptor_consumer_set_wait(consumer, chosen_wait(&chances)));
	cursor = __disruptor_counter(&consumer->view, DISRUPTOR_SEAT_PRODUCERS);
	life->start = consumer->next;
	life->handled = consumer->next;
	life->done = consumer->next;
	do {
		err = disruptor_wait_until(consumer, in_ms(100), &range);
		if (!err)
			CHILD_CHECK(!consume_some(consumer, &range));
		dawdle(&plant->slow_consumers);
	} while ((!err || err == -ETIMEDOUT) &&
		 !__atomic_exchange_n(&me->leave, 0, __ATOMIC_RELAXED));
	CHILD_CHECK(!err || err == -ETIMEDOUT || err == -ENODATA);
	*ended = err == -ENODATA;
	cursor = NULL;
	disruptor_consumer_detach(consumer);
	return 0;
}

/* Nobody else has it, and nobody was done with it. */
static int take_over(uint64_t seq)
{
	__u32 mine = HOLDER(my_index(), me->nr_lives - 1);
	struct place *place = me->place;
	__u32 holder = __atomic_exchange_n(&place->holder[seq], mine,
					   __ATOMIC_SEQ_CST);

	CHILD_CHECK(!shared_load(&place->done[seq]));
	CHILD_CHECK(!holder || holder == mine ||
		    HOLDER_LIFE(holder) <
		    shared_load(&plant->stages[HOLDER_STAGE(holder)].over));
	return 0;
}

static int work_some(struct disruptor_worker *worker,
		     const struct disruptor_range *range)
{
	uint64_t hi = range->lo + chance_part(&chances, range->hi - range->lo);
	uint64_t seq;

	CHILD_CHECK(range->hi - range->lo <= SLOTS);
	for (seq = range->lo; seq < range->hi; seq++)
		CHILD_CHECK(!take_over(seq));
	for (seq = range->lo; seq < hi; seq++)
		CHILD_CHECK(!handle(disruptor_worker_slot(worker, seq), seq));
	dawdle(&plant->slow_consumers);
	CHILD_CHECK(!disruptor_worker_done(worker, hi));
	return 0;
}

static int live_as_worker(struct disruptor_ring *ring, bool *ended)
{
	struct disruptor_worker *worker;
	struct disruptor_range range;
	int err;

	/* A seat is not free before it is known what its last holder left. */
	BECOMES_TRUE((err = disruptor_worker_attach(&worker, ring,
						    me->place->name)) != -EBUSY,
		     GOES_ON_MS);
	CHILD_CHECK(!err);
	CHILD_CHECK(!disruptor_worker_set_wait(worker, chosen_wait(&chances)));
	cursor = __disruptor_counter(&worker->view, DISRUPTOR_SEAT_PRODUCERS);
	working = worker;
	do {
		err = disruptor_worker_take_until(worker,
						  chance_part(&chances, MOST_CLAIM),
						  in_ms(100), &range);
		if (!err)
			CHILD_CHECK(!work_some(worker, &range));
	} while ((!err || err == -ETIMEDOUT) &&
		 !__atomic_exchange_n(&me->leave, 0, __ATOMIC_RELAXED));
	CHILD_CHECK(!err || err == -ETIMEDOUT || err == -ENODATA);
	*ended = err == -ENODATA;
	cursor = NULL;
	working = NULL;
	/* What is left of the last range is for another. */
	me->over = me->nr_lives;
	disruptor_worker_detach(worker);
	return 0;
}

static int consume(struct disruptor_ring *ring)
{
	bool ended = false;

	while (!ended) {
		begin_life();
		if (me->place->workers ? live_as_worker(ring, &ended) :
					 live_as_consumer(ring, &ended))
			return 1;
	}
	return 0;
}

static int work(void *context)
{
	struct disruptor_ring *ring;

	plant = context;
	CHILD_CHECK(me->nr_lives < MOST_LIVES);
	CHILD_CHECK(!disruptor_ring_from_fd(&ring, plant->ring));
	return me->place ? consume(ring) : produce(ring);
}

/* ---- starting and stopping ---------------------------------------------------------- */

static void start_stage(struct plant *plant, struct stage *stage)
{
	me = stage;
	chances = chance(&plant->chances);
	stage->pid = stage_start(work, plant);
	me = NULL;
}

static void find_order(struct plant *plant,
		       const struct disruptor_consumer_config *c)
{
	unsigned int i, j;

	for (i = 0; i < plant->nr_places; i++) {
		struct place *place = &plant->places[i];

		for (j = 0; j < i; j++) {
			if (c[i].after & 1ULL << j)
				place->before |= plant->places[j].before | 1ULL << j;
		}
		for (j = 0; j < i; j++) {
			if (place->before & 1ULL << j)
				plant->places[j].behind |= 1ULL << i;
		}
	}
}

static void fill_places(struct plant *plant,
			const struct disruptor_consumer_config *c)
{
	unsigned int i, j;

	for (i = 0; i < plant->nr_places; i++) {
		struct place *place = &plant->places[i];

		strcpy(place->name, c[i].name);
		place->workers = c[i].workers;
		for (j = 0; j < (place->workers ?: 1); j++)
			plant->stages[plant->nr_consuming++].place = place;
	}
	find_order(plant, c);
}

/* With all its stages at work; NULL if it cannot be made. */
static struct plant *plant_new(const struct topology *topology, uint64_t seed)
{
	struct ring_spec spec = {
		.slots = SLOTS,
		.slot_size = sizeof(struct event),
		.flags = DISRUPTOR_RING_OUTLIVES,
		.graph = topology->graph,
	};
	struct disruptor_consumer_config c[DISRUPTOR_MAX_CONSUMERS];
	struct disruptor_create_args args = create_args(&spec, c);
	struct plant *plant = shared_alloc(sizeof(*plant));
	unsigned int i;

	if (!plant)
		return NULL;
	args.producers = topology->producers;
	plant->topology = topology;
	plant->chances = seed;
	plant->ring = ring_ioctl(device_fd(), DISRUPTOR_IOC_CREATE, &args);
	if (plant->ring < 0)
		return NULL;
	plant->nr_places = args.nr_consumers;
	fill_places(plant, c);
	plant->nr_stages = plant->nr_consuming + topology->producers;
	for (i = 0; i < plant->nr_stages; i++)
		start_stage(plant, &plant->stages[i]);
	return plant;
}

/* Whether its process ended, and how. */
static bool has_ended(struct stage *stage, int *status)
{
	if (waitpid(stage->pid, status, WNOHANG) != stage->pid)
		return false;
	stage->pid = 0;
	return true;
}

static const char *stage_name(const struct plant *plant, const struct stage *stage)
{
	static char name[DISRUPTOR_CONSUMER_NAME_LEN + 16];
	unsigned long index = stage - plant->stages;

	if (!stage->place)
		snprintf(name, sizeof(name), "producer %lu",
			 index - plant->nr_consuming);
	else
		snprintf(name, sizeof(name), "%s, stage %lu",
			 stage->place->name, index);
	return name;
}

static void end_stage(struct plant *plant, struct stage *stage)
{
	int status = -1;

	if (!BECOMES_TRUE(has_ended(stage, &status), GOES_ON_MS)) {
		VIOLATION("%s does not end", stage_name(plant, stage));
		kill(stage->pid, SIGKILL);
		waitpid(stage->pid, NULL, 0);
	} else if (status) {
		VIOLATION("%s ended with status %#x", stage_name(plant, stage),
			  status);
	}
}

/* ---- what the history says ------------------------------------------------------------ */

/* An event of @id may come next of its producer's life. */
static void check_event(struct plant *plant, uint64_t seq, uint64_t id)
{
	struct stage *stage = &plant->stages[ID_STAGE(id)];
	struct life *life = &stage->lives[ID_LIFE(id)];
	uint64_t number = ID_NUMBER(id);

	if (number < life->checked || number >= life->about)
		VIOLATION("%lu: number %lu of %s, life %lu, after %lu of %lu", seq,
			  number, stage_name(plant, stage), ID_LIFE(id),
			  life->checked, life->about);
	else if (number != life->checked && life->checked < life->done)
		VIOLATION("%lu: %s, life %lu, had published %lu and %lu is next",
			  seq, stage_name(plant, stage), ID_LIFE(id),
			  life->checked, number);
	life->checked = number + 1;
}

/* Skipped by all, or handled by all; how many were skipped. */
static uint64_t check_sequences(struct plant *plant, uint64_t end)
{
	uint64_t skipped = 0;
	uint64_t seq, id;
	unsigned int i;

	for (seq = 0; seq < end; seq++) {
		id = plant->places[0].seen[seq];
		for (i = 1; i < plant->nr_places; i++) {
			struct place *place = &plant->places[i];

			if (place->seen[seq] != id)
				VIOLATION("%lu: %s handled %#lx, not %#lx", seq,
					  place->name, place->seen[seq], id);
		}
		if (id)
			check_event(plant, seq, id);
		else
			skipped++;
	}
	return skipped;
}

/* How much the lives of a producer claimed and left. */
static uint64_t check_lives(struct plant *plant, struct stage *stage)
{
	uint64_t left = 0;
	unsigned int i;

	for (i = 0; i < stage->nr_lives; i++) {
		struct life *life = &stage->lives[i];

		left += life->claimed - life->stored;
		if (life->checked < life->done)
			VIOLATION("%s, life %u, had published %lu, not %lu",
				  stage_name(plant, stage), i, life->done,
				  life->checked);
	}
	return left;
}

static void check_history(struct plant *plant)
{
	uint64_t end = counter_of(plant->ring, DISRUPTOR_SEAT_PRODUCERS);
	struct disruptor_stats stats = { .size = sizeof(stats) };
	uint64_t skipped = 0, left = 0;
	unsigned int i;

	if (end > MOST_EVENTS) {
		VIOLATION("the cursor is at %lu", end);
		return;
	}
	skipped = check_sequences(plant, end);
	for (i = plant->nr_consuming; i < plant->nr_stages; i++)
		left += check_lives(plant, &plant->stages[i]);
	stats.seat_size = sizeof(struct disruptor_seat_stats);
	if (ring_ioctl(plant->ring, DISRUPTOR_IOC_STATS, &stats))
		VIOLATION("STATS failed");
	if (stats.aborted != skipped)
		VIOLATION("%lu aborted, but %lu were skipped",
			  (unsigned long)stats.aborted, skipped);
	if (left != skipped && !plant->unsure)
		VIOLATION("%lu were claimed and left, but %lu skipped", left,
			  skipped);
	printf("# %s: %u deaths in %lu events, %lu aborted, %lu adopted\n",
	       plant->topology->name, plant->deaths, end, skipped,
	       (unsigned long)stats.adopted);
}

static void plant_end(struct plant *plant)
{
	unsigned int i;

	plant->slow_consumers = 0;
	shared_store(&plant->stop, 1);
	/* Producers first: what they left is for the consumers. */
	for (i = plant->nr_stages; i-- > 0;)
		end_stage(plant, &plant->stages[i]);
	check_history(plant);
	close(plant->ring);
	munmap(plant, sizeof(*plant));
}

/* ---- killing ----------------------------------------------------------------------------- */

static bool is_producer(const struct stage *stage)
{
	return !stage->place;
}

static bool is_worker(const struct stage *stage)
{
	return stage->place && stage->place->workers;
}

static enum victim victim_of(const struct plant *plant, const struct stage *stage)
{
	if (is_producer(stage))
		return plant->topology->producers > 1 ? PRODUCER_OF_SEVERAL :
							ONLY_PRODUCER;
	return is_worker(stage) ? WORKER : CONSUMER;
}

static bool goes(unsigned int point)
{
	return point >= DISRUPTOR_POINT_ATTACH &&
	       point <= DISRUPTOR_POINT_UNMAPPED;
}

/* Whether a stage ever gets to @point. */
static bool comes_to(const struct plant *plant, const struct stage *stage,
		     unsigned int point)
{
	bool several = plant->topology->producers > 1;

	if (goes(point) || (point >= DISRUPTOR_POINT_WAKE &&
			    point <= DISRUPTOR_POINT_WOKEN))
		return true;
	if (point == DISRUPTOR_POINT_COUNTER_STORED)
		return !is_worker(stage) && !(is_producer(stage) && several);
	if (point == DISRUPTOR_POINT_CLAIM_WAIT || point == HALF_WRITTEN)
		return is_producer(stage);
	if (point < DISRUPTOR_POINT_MULTI_CLAIM)
		return is_producer(stage) && !several;
	if (point < DISRUPTOR_POINT_LOOK)
		return is_producer(stage) && several;
	if (is_producer(stage))
		return false;
	if (point == DISRUPTOR_POINT_SKIP || point == DISRUPTOR_POINT_WORKER_SKIP)
		if (!several)
			return false;
	return point < DISRUPTOR_POINT_WORKER_CLAIM ? !is_worker(stage) :
						      is_worker(stage);
}

/* At some points only those can be who find what another died over; NULL: not there. */
static struct stage *accomplice(struct plant *plant, const struct stage *victim,
				unsigned int point, unsigned int *at)
{
	struct stage *other = NULL;

	if (point == DISRUPTOR_POINT_SKIP || point == DISRUPTOR_POINT_WORKER_SKIP) {
		*at = DISRUPTOR_POINT_MULTI_CLAIMED;
		other = &plant->stages[plant->nr_stages - 1];
	} else if (point == DISRUPTOR_POINT_WORKER_ADOPT ||
		   point == DISRUPTOR_POINT_WORKER_ADOPTED) {
		*at = DISRUPTOR_POINT_WORKER_CLAIMED;
		for (other = plant->stages; other->place != victim->place ||
		     other == victim; other++)
			;
	}
	return other == victim ? NULL : other;
}

/* Somebody comes again, and chooses again how to wait. */
static void have_one_leave(struct plant *plant)
{
	struct stage *stage = &plant->stages[chance_below(&plant->chances,
							  plant->nr_stages)];

	if (stage->nr_lives < MOST_LIVES / 2)
		shared_store(&stage->leave, 1);
}

/*
 * Some points are reached only when others are slow, or have died, or when somebody
 * sleeps, or yields.  One in four does not sleep: all come again often enough for that
 * to be no matter of luck.
 */
static void stir(struct plant *plant, const struct stage *victim,
		 unsigned int point, unsigned int round)
{
	unsigned int at;
	struct stage *other = accomplice(plant, victim, point, &at);
	int status;

	plant->slow_producers = round % 3 == 1;
	plant->slow_consumers = round % 3 == 2;
	if (round % 2)
		have_one_leave(plant);
	if (!other)
		return;
	if (has_ended(other, &status)) {
		other->armed = 0;
		start_stage(plant, other);
	}
	if (shared_load(&other->armed))
		return;
	other->countdown = 1;
	shared_store(&other->armed, at + 1);
}

static void stir_no_more(struct plant *plant, const struct stage *victim,
			 unsigned int point)
{
	unsigned int at;
	struct stage *other = accomplice(plant, victim, point, &at);
	int status;

	plant->slow_producers = 0;
	plant->slow_consumers = 0;
	if (!other)
		return;
	if (__atomic_exchange_n(&other->armed, 0, __ATOMIC_SEQ_CST) == DYING &&
	    BECOMES_TRUE(has_ended(other, &status), GOES_ON_MS))
		start_stage(plant, other);
}

static bool all_moved(const struct plant *plant)
{
	unsigned int i;

	for (i = 0; i < plant->nr_places; i++) {
		if (!shared_load(&plant->places[i].moved_ns))
			return false;
	}
	return true;
}

static void take_time(const struct plant *plant, enum victim victim)
{
	unsigned int n = totals->nr_times[victim];
	uint64_t last = 0;
	unsigned int i;

	for (i = 0; i < plant->nr_places; i++) {
		if (last < plant->places[i].moved_ns)
			last = plant->places[i].moved_ns;
	}
	if (n < ARRAY_SIZE(totals->times[0]) && last > plant->killed_ns) {
		totals->times[victim][n] = last - plant->killed_ns;
		totals->nr_times[victim]++;
	}
}

/* After the death: one of several producers or workers is missed by nobody. */
static bool go_on(struct plant *plant, struct stage *victim)
{
	enum victim who = victim_of(plant, victim);
	bool missed = who >= ONLY_PRODUCER;
	bool moved;

	victim->armed = 0;
	if (missed)
		start_stage(plant, victim);
	moved = BECOMES_TRUE(all_moved(plant), GOES_ON_MS);
	if (!missed)
		start_stage(plant, victim);
	if (moved)
		take_time(plant, who);
	plant->deaths++;
	__atomic_add_fetch(&totals->deaths, 1, __ATOMIC_RELAXED);
	return moved;
}

static void watch(struct plant *plant)
{
	unsigned int i;

	shared_store(&plant->watching, 0);
	for (i = 0; i < plant->nr_places; i++)
		plant->places[i].moved_ns = 0;
}

/* @victim is to die when it gets to @point for the @nth time. */
static bool kill_at(struct plant *plant, struct stage *victim,
		    unsigned int point, unsigned int nth)
{
	uint64_t end_ns = in_ms(GOES_ON_MS * patience());
	unsigned int round = chance_below(&plant->chances, 3);
	int status = 0;

	watch(plant);
	victim->countdown = nth;
	shared_store(&victim->armed, point + 1);
	do {
		if (goes(point))
			shared_store(&victim->leave, 1);
		stir(plant, victim, point, round++);
		if (BECOMES_TRUE(has_ended(victim, &status), 30))
			break;
	} while (now_ns() < end_ns);
	stir_no_more(plant, victim, point);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL &&
	    shared_load(&plant->watching)) {
		victim->leave = 0;
		if (go_on(plant, victim))
			return true;
		VIOLATION("%s: after the death of %s at %s nothing moves",
			  plant->topology->name, stage_name(plant, victim),
			  point_names[point]);
		return false;
	}
	VIOLATION("%s: %s was to die at %s, but %#x", plant->topology->name,
		  stage_name(plant, victim), point_names[point], status);
	return false;
}

/* At no point in particular. */
static bool kill_now(struct plant *plant, struct stage *victim)
{
	int status = 0;

	watch(plant);
	plant->unsure = true;
	usleep(chance_below(&plant->chances, 2000));
	plant->watch = counter_of(plant->ring, DISRUPTOR_SEAT_PRODUCERS);
	plant->killed_ns = now_ns();
	victim->over = MOST_LIVES;
	kill(victim->pid, SIGKILL);
	shared_store(&plant->watching, 1);
	if (!BECOMES_TRUE(has_ended(victim, &status), GOES_ON_MS) ||
	    status != SIGKILL) {
		VIOLATION("%s ended with %#x", stage_name(plant, victim), status);
		return false;
	}
	if (go_on(plant, victim))
		return true;
	VIOLATION("%s: after a death of %s nothing moves", plant->topology->name,
		  stage_name(plant, victim));
	return false;
}

/* ---- tests --------------------------------------------------------------------------------- */

/* A new plant when the history of the old one is long enough. */
static struct plant *plant_renew(struct plant *plant)
{
	const struct topology *topology = plant->topology;
	uint64_t seed = chance(&plant->chances);

	if (plant->deaths < DEATHS &&
	    counter_of(plant->ring, DISRUPTOR_SEAT_PRODUCERS) < MOST_EVENTS / 2)
		return plant;
	plant_end(plant);
	return plant_new(topology, seed);
}

FIXTURE(points) {
};

FIXTURE_VARIANT(points) {
	const struct topology *topology;
};

FIXTURE_VARIANT_ADD(points, three_to_one) { &topologies[0] };
FIXTURE_VARIANT_ADD(points, one_to_three) { &topologies[1] };
FIXTURE_VARIANT_ADD(points, chain) { &topologies[2] };
FIXTURE_VARIANT_ADD(points, diamond) { &topologies[3] };
FIXTURE_VARIANT_ADD(points, three_to_a_diamond) { &topologies[4] };
FIXTURE_VARIANT_ADD(points, one_to_workers) { &topologies[5] };
FIXTURE_VARIANT_ADD(points, three_to_workers) { &topologies[6] };

FIXTURE_SETUP(points)
{
}

FIXTURE_TEARDOWN(points)
{
}

/* One producer is as good as another, and one worker; every consumer is another. */
static bool is_like_the_last(const struct plant *plant, unsigned int index)
{
	return index && plant->stages[index].place == plant->stages[index - 1].place;
}

TEST_F_TIMEOUT(points, a_death_at_any_of_them_loses_nothing, 180)
{
	struct plant *plant = plant_new(variant->topology, chosen_seed());
	unsigned int before = totals->violations;
	unsigned int index, point;
	bool moves = true;

	ASSERT_NE(NULL, plant);
	for (index = 0; index < plant->nr_stages; index++) {
		for (point = 0; point < NR_POINTS && moves; point++) {
			struct stage *victim = &plant->stages[index];
			unsigned int nth = point == DISRUPTOR_POINT_MULTI_LAP ? 2 : 1;

			if (is_like_the_last(plant, index) ||
			    !comes_to(plant, victim, point))
				continue;
			moves = kill_at(plant, victim, point, nth);
			if (moves)
				plant = plant_renew(plant);
			ASSERT_NE(NULL, plant);
		}
	}
	plant_end(plant);
	EXPECT_EQ(before, totals->violations);
}

static bool kill_random(struct plant *plant)
{
	struct stage *victim = &plant->stages[chance_below(&plant->chances,
							   plant->nr_stages)];
	unsigned int point;

	if (!chance_below(&plant->chances, 4))
		return kill_now(plant, victim);
	do {
		point = chance_below(&plant->chances, NR_POINTS);
	} while (!comes_to(plant, victim, point));
	return kill_at(plant, victim, point, 1 + chance_below(&plant->chances, 4));
}

static unsigned int chosen_rounds(void)
{
	const char *given = getenv("CRASH_ROUNDS");

	return given ? strtoul(given, NULL, 0) : ROUNDS;
}

TEST_F_TIMEOUT(points, no_more_does_one_at_random, 900)
{
	unsigned int nr = ARRAY_SIZE(topologies);
	unsigned int rounds = (chosen_rounds() + nr - 1) / nr;
	struct plant *plant = plant_new(variant->topology, chosen_seed());
	unsigned int before = totals->violations;
	bool moves = true;
	unsigned int i;

	ASSERT_NE(NULL, plant);
	for (i = 0; i < rounds && moves; i++) {
		moves = kill_random(plant);
		if (moves)
			plant = plant_renew(plant);
		ASSERT_NE(NULL, plant);
	}
	totals->random += i;
	plant_end(plant);
	EXPECT_EQ(before, totals->violations);
}

static int compare_times(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void report_times(enum victim victim)
{
	unsigned int n = totals->nr_times[victim];
	uint64_t *times = totals->times[victim];

	if (!n)
		return;
	qsort(times, n, sizeof(*times), compare_times);
	printf("# crash: from SIGKILL to all consumers moving, %s: %u times, median %lu us, worst %lu us\n",
	       victim_names[victim], n, times[n / 2] / 1000,
	       times[n - 1] / 1000);
}

/* The last: fixtures' tests run in the order in which they stand. */
FIXTURE(all) {
};

FIXTURE_SETUP(all)
{
}

FIXTURE_TEARDOWN(all)
{
}

TEST_F(all, points_were_reached)
{
	unsigned int reached = 0;
	unsigned int point;
	enum victim victim;

	for (point = 0; point < NR_POINTS; point++) {
		EXPECT_LT(0, totals->seen[point])
			TH_LOG("nobody died at %s", point_names[point]);
		reached += totals->seen[point] > 0;
	}
	printf("# crash: %u points, %zu topologies, %u deaths, %u of them at random, %u violations\n",
	       reached, ARRAY_SIZE(topologies), totals->deaths, totals->random,
	       totals->violations);
	for (victim = 0; victim < NR_VICTIMS; victim++)
		report_times(victim);
	EXPECT_EQ(0, totals->violations);
}

TEST_HARNESS_MAIN
