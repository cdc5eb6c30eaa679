// SPDX-License-Identifier: GPL-2.0-only
/* rig: timeout=180 */
/*
 * Two hundred times a random stage, the producer included, is killed at a random
 * moment and started again at once.  Nothing is lost, nothing is reordered, and
 * nothing comes twice but what had been handled and not released.
 *
 * Every stage keeps its history where it survives it: what it handled, what it was
 * about to release or publish, and what it has.
 */
#include "stream.h"

#include "kselftest_harness.h"

#define ROUNDS		50	/* for each of four graphs */
#define MAX_STAGES	8
#define MAX_LIVES	(ROUNDS + 2)
#define GOES_ON_MS	15000

/**
 * struct event - 64 bytes
 * @life: of the producer that wrote it
 * @stamp: of the consumer that modifies; 0: not yet
 * @body: as event_fill() has it, for body_of() the event
 */
struct event {
	__u32 life;
	__u32 stamp;
	__u32 body[14];
};

/**
 * struct life - from one start of a process to its death
 * @attached: it had the role; the rest is valid
 * @start: where it went on
 * @handled: consumer: events below it were handled; all of them, from @start on
 * @intent: it was about to release, or to publish, up to here
 * @done: and had
 */
struct life {
	__u32 attached;
	uint64_t start;
	uint64_t handled;
	uint64_t intent;
	uint64_t done;
};

/**
 * struct stage - a consumer, or the producer
 * @before: all consumers that come before it, but for optional ones
 * @behind: all that come after it
 * @high: events below it were handled, in some life
 */
struct stage {
	char name[DISRUPTOR_CONSUMER_NAME_LEN];
	bool optional;
	bool modifies;
	uint64_t before;
	uint64_t behind;
	uint64_t high;
	pid_t pid;
	__u32 nr_lives;
	struct life lives[MAX_LIVES];
};

/* The producer is stage @nr. */
struct plant {
	int ring;
	__u32 slots;
	unsigned int nr;
	int modifier;		/* the required stage that modifies, or -1 */
	uint64_t seed;
	__u32 stop;
	uint64_t end;		/* of the stream, when it is known */
	struct stage stages[MAX_STAGES + 1];
};

struct worker {
	struct plant *plant;
	unsigned int index;
	__u32 life;
	uint64_t seed;
};

static uint64_t body_of(uint64_t seq, __u32 life)
{
	return seq | (uint64_t)(life + 1) << 48;
}

static __u32 stamp_of(uint64_t seq)
{
	return event_word(seq, 99) | 1;
}

static struct stage *producer_of(struct plant *plant)
{
	return &plant->stages[plant->nr];
}

/* ---- what a consumer checks at every event ------------------------------------- */

/*
 * The event is of the producer that published it, and of no other that had only
 * begun to.
 */
static int check_writer(struct plant *plant, const struct event *event,
			uint64_t seq)
{
	struct stage *producer = producer_of(plant);
	__u32 number = event->life;
	struct life *life;
	__u32 i;

	CHILD_CHECK(number < MAX_LIVES);
	life = &producer->lives[number];
	CHILD_CHECK(shared_load(&life->attached));
	CHILD_CHECK(life->start <= seq);
	CHILD_CHECK(seq < shared_load(&life->intent));
	for (i = number + 1; i < MAX_LIVES; i++) {
		life = &producer->lives[i];
		CHILD_CHECK(!shared_load(&life->attached) || life->start > seq);
	}
	CHILD_CHECK(event_right(event->body, sizeof(event->body),
				body_of(seq, number)));
	return 0;
}

static int check_stamp(const struct plant *plant, unsigned int index,
		       const struct event *event, uint64_t seq)
{
	__u32 stamp = __atomic_load_n(&event->stamp, __ATOMIC_RELAXED);
	uint64_t modifier;

	if (plant->modifier < 0)
		return 0;
	modifier = 1ULL << plant->modifier;
	if (plant->stages[index].before & modifier)
		CHILD_CHECK(stamp == stamp_of(seq));
	else if (plant->stages[index].behind & modifier)
		CHILD_CHECK(stamp == 0);
	else
		CHILD_CHECK(stamp == 0 || stamp == stamp_of(seq));
	return 0;
}

static int check_order(struct plant *plant, unsigned int index, uint64_t seq)
{
	const struct stage *stage = &plant->stages[index];
	unsigned int i;

	for (i = 0; i < plant->nr; i++) {
		uint64_t high = shared_load(&plant->stages[i].high);

		if (stage->before & (1ULL << i))
			CHILD_CHECK(high > seq);
		if (stage->behind & (1ULL << i) && !stage->optional)
			CHILD_CHECK(high <= seq);
	}
	return 0;
}

static int handle(struct worker *worker, struct life *life,
		  struct event *event, uint64_t seq)
{
	struct plant *plant = worker->plant;
	struct stage *stage = &plant->stages[worker->index];

	CHILD_CHECK(life->handled == seq);
	CHILD_CHECK(!check_writer(plant, event, seq));
	CHILD_CHECK(!check_stamp(plant, worker->index, event, seq));
	CHILD_CHECK(!check_order(plant, worker->index, seq));
	if (stage->modifies)
		__atomic_store_n(&event->stamp, stamp_of(seq), __ATOMIC_RELAXED);
	__atomic_store_n(&life->handled, seq + 1, __ATOMIC_RELAXED);
	if (stage->high < seq + 1)
		__atomic_store_n(&stage->high, seq + 1, __ATOMIC_RELAXED);
	return 0;
}

/* ---- processes ------------------------------------------------------------------ */

/* From ATTACH on, this life is part of the history. */
static void begin(struct life *life, uint64_t start)
{
	life->start = start;
	life->handled = start;
	life->done = start;
	shared_store(&life->intent, start);
	shared_store(&life->attached, 1);
}

/* Time to die: with a batch handled and not released, or written and not published. */
static void dawdle(uint64_t *chances)
{
	if (!chance_below(chances, 4))
		usleep(chance_below(chances, 500));
}

static int consume(void *context)
{
	struct worker *worker = context;
	struct plant *plant = worker->plant;
	struct stage *stage = &plant->stages[worker->index];
	struct life *life = &stage->lives[worker->life];
	struct disruptor_consumer *consumer;
	struct disruptor_range range;
	uint64_t start, seq, hi;
	int err, fd;

	fd = attach_in_turn(plant->ring, stage->name, &start);
	CHILD_CHECK(fd >= 0);
	begin(life, start);
	CHILD_CHECK(!consumer_use(&consumer, fd, chosen_wait(&worker->seed)));
	while (!(err = disruptor_wait(consumer, &range))) {
		CHILD_CHECK(range.lo == life->handled);
		CHILD_CHECK(range.hi - range.lo <= plant->slots);
		hi = range.lo + chance_part(&worker->seed, range.hi - range.lo);
		for (seq = range.lo; seq < hi; seq++)
			CHILD_CHECK(!handle(worker, life,
					    disruptor_consumer_slot(consumer, seq),
					    seq));
		dawdle(&worker->seed);
		shared_store(&life->intent, hi);
		disruptor_release(consumer, hi);
		shared_store(&life->done, hi);
	}
	CHILD_CHECK(err == -ENODATA);
	CHILD_CHECK(life->handled == shared_load(&plant->end));
	disruptor_consumer_detach(consumer);
	return 0;
}

static void write_event(struct event *event, uint64_t seq, __u32 life)
{
	event->stamp = 0;
	event->life = life;
	event_fill(event->body, sizeof(event->body), body_of(seq, life));
}

static int produce(void *context)
{
	struct worker *worker = context;
	struct plant *plant = worker->plant;
	struct life *life = &producer_of(plant)->lives[worker->life];
	struct disruptor_producer *producer;
	uint64_t start, lo, seq, n;
	int fd;

	fd = attach_in_turn(plant->ring, NULL, &start);
	CHILD_CHECK(fd >= 0);
	begin(life, start);
	CHILD_CHECK(!producer_use(&producer, fd, chosen_wait(&worker->seed)));
	while (!shared_load(&plant->stop)) {
		n = chance_part(&worker->seed, plant->slots);
		CHILD_CHECK(!disruptor_claim(producer, n, &lo));
		CHILD_CHECK(lo == life->done);
		for (seq = lo; seq < lo + n; seq++)
			write_event(disruptor_producer_slot(producer, seq), seq,
				    worker->life);
		dawdle(&worker->seed);
		shared_store(&life->intent, seq);
		disruptor_publish(producer, lo, seq);
		shared_store(&life->done, seq);
	}
	shared_store(&plant->end, life->done);
	disruptor_producer_end(producer);
	return 0;
}

static void start_stage(struct plant *plant, unsigned int index,
			uint64_t *chances)
{
	struct stage *stage = &plant->stages[index];
	struct worker worker = { plant, index, stage->nr_lives, chance(chances) };

	stage->nr_lives++;
	stage->pid = stage_start(index == plant->nr ? produce : consume, &worker);
}

/* ---- the one who kills ------------------------------------------------------------ */

/* Whether the stage's present life has got @n events further than its start. */
static bool has_done(const struct stage *stage, uint64_t n)
{
	const struct life *life = &stage->lives[stage->nr_lives - 1];

	return shared_load(&life->attached) &&
	       shared_load(&life->done) >= life->start + n;
}

/* Soon after the stage has handled what it has not released, or after a while. */
static void await_the_act(const struct stage *stage)
{
	const struct life *life = &stage->lives[stage->nr_lives - 1];
	uint64_t end_ns = now_ns() + 100000000;

	while (shared_load(&life->handled) <= shared_load(&life->done) &&
	       now_ns() < end_ns)
		sched_yield();
}

/* One death; 0 if it was of the expected kind, and the stream had gone on. */
static int kill_one(struct plant *plant, uint64_t *chances)
{
	unsigned int index = chance_below(chances, plant->nr + 1);
	struct stage *stage = &plant->stages[index];
	uint64_t n = chance_below(chances, 8 * plant->slots);
	pid_t pid = stage->pid;
	int status;

	/* One in eight dies young: before its ATTACH, or in it. */
	if (chance_below(chances, 8) &&
	    !BECOMES_TRUE(has_done(stage, n), GOES_ON_MS)) {
		printf("# %s: not a step\n", stage->name);
		return 1;
	}
	if (chance_below(chances, 2))
		usleep(chance_below(chances, 1500));
	else
		await_the_act(stage);
	kill(pid, SIGKILL);
	start_stage(plant, index, chances);
	status = child_wait(pid);
	if (status == -SIGKILL)
		return 0;
	printf("# %s: status %d\n", stage->name, status);
	return 1;
}

/* ---- what the histories say ---------------------------------------------------------- */

/* What a life left to the next. */
static int check_succession(const struct stage *stage, const struct life *old,
			    const struct life *new)
{
	if (stage->optional ? new->start >= old->done :
	    new->start == old->done || new->start == old->intent)
		return 0;
	printf("# %s: had handled up to %lu, released %lu (or %lu), went on at %lu\n",
	       stage->name, old->handled, old->done, old->intent, new->start);
	return 1;
}

/* How many things are wrong with a stage's history; @repeated: events. */
static unsigned int check_history(const struct stage *stage, uint64_t end,
				  bool is_producer, uint64_t *repeated)
{
	const struct life *old = NULL;
	unsigned int wrong = 0;
	unsigned int i;

	for (i = 0; i < stage->nr_lives; i++) {
		const struct life *life = &stage->lives[i];

		if (!life->attached)
			continue;
		if (old)
			wrong += check_succession(stage, old, life);
		else if (!stage->optional)
			wrong += life->start != 0;
		if (old && old->handled > life->start)
			*repeated += old->handled - life->start;
		old = life;
	}
	if (!old)
		return 1;
	return wrong + (is_producer ? old->done != end : old->handled != end);
}

static struct plant *plant_new(const char *graph, __u32 slots)
{
	struct disruptor_consumer_config c[DISRUPTOR_MAX_CONSUMERS];
	struct plant *plant = shared_alloc(sizeof(*plant));
	uint64_t all[MAX_STAGES] = { 0 };
	unsigned int i, j;

	if (!plant)
		return NULL;
	plant->seed = chosen_seed();
	plant->slots = slots;
	plant->modifier = -1;
	plant->nr = graph_parse(c, graph);
	plant->ring = ring_create(.slots = slots, .graph = graph,
				  .slot_size = sizeof(struct event),
				  .flags = DISRUPTOR_RING_OUTLIVES);
	strcpy(producer_of(plant)->name, "producer");
	for (i = 0; i < plant->nr; i++) {
		struct stage *stage = &plant->stages[i];

		strcpy(stage->name, c[i].name);
		stage->optional = c[i].flags & DISRUPTOR_CONSUMER_OPTIONAL;
		stage->modifies = c[i].flags & DISRUPTOR_CONSUMER_MODIFIES;
		if (stage->modifies && !stage->optional)
			plant->modifier = i;
		all[i] = c[i].after;
		for (j = 0; j < i; j++) {
			if (c[i].after & (1ULL << j))
				all[i] |= all[j];
		}
		for (j = 0; j < i; j++) {
			if (!(all[i] & (1ULL << j)))
				continue;
			if (!plant->stages[j].optional)
				stage->before |= 1ULL << j;
			plant->stages[j].behind |= 1ULL << i;
		}
	}
	return plant;
}

FIXTURE(crash) {
	struct plant *plant;
};

FIXTURE_VARIANT(crash) {
	const char *graph;
	__u32 slots;
};

FIXTURE_VARIANT_ADD(crash, one_to_one) {
	.graph = "only", .slots = 16,
};

FIXTURE_VARIANT_ADD(crash, lmax_picture) {
	.graph = "journal replicate unmarshal! logic:journal,replicate,unmarshal",
	.slots = 64,
};

FIXTURE_VARIANT_ADD(crash, chain_with_an_optional_link) {
	.graph = "first second!:first maybe?:second third:second,maybe",
	.slots = 8,
};

FIXTURE_VARIANT_ADD(crash, diamond_and_watchers) {
	.graph = "left right watcher? join!:left,right late?:join last:join",
	.slots = 4,
};

FIXTURE_SETUP(crash)
{
	self->plant = plant_new(variant->graph, variant->slots);
	ASSERT_NE(NULL, self->plant);
	ASSERT_LE(0, self->plant->ring);
}

FIXTURE_TEARDOWN(crash)
{
	close(self->plant->ring);
	munmap(self->plant, sizeof(*self->plant));
}

TEST_F_TIMEOUT(crash, nothing_is_lost_or_reordered, 60)
{
	struct plant *plant = self->plant;
	uint64_t chances = plant->seed;
	uint64_t repeated = 0;
	unsigned int i;

	for (i = 0; i <= plant->nr; i++)
		start_stage(plant, i, &chances);
	for (i = 0; i < ROUNDS; i++)
		ASSERT_EQ(0, kill_one(plant, &chances));
	shared_store(&plant->stop, 1);
	for (i = 0; i <= plant->nr; i++)
		EXPECT_EQ(0, child_wait(plant->stages[i].pid));
	for (i = 0; i <= plant->nr; i++)
		EXPECT_EQ(0, check_history(&plant->stages[i], plant->end,
					   i == plant->nr, &repeated));
	printf("# %u deaths in %lu events, %lu repeated\n", ROUNDS, plant->end,
	       repeated);
	/* At most a ring with every death. */
	EXPECT_GE(ROUNDS * plant->slots, repeated);
	/* It was at work when it died, at least now and then. */
	EXPECT_LT(0, repeated);
	EXPECT_LT(ROUNDS, plant->end);
}

TEST_HARNESS_MAIN
