// SPDX-License-Identifier: GPL-2.0-only
/* rig: timeout=120 */
/*
 * Optional consumers come and go without pause, in every way there is, while a
 * producer streams at full speed through a ring of few slots.  Whoever has joined
 * sees every event from its start on, and none is overwritten under its hands;
 * nobody who comes after it gets ahead of it.
 */
#include "stream.h"

#include "kselftest_harness.h"

#define MAX_PLACES	8
#define MAX_LIVES	65536
#define EVENT_BYTES	64
#define RUN_MS		6000
#define TEND_EVERY_US	8000

enum state { ABSENT, IN, GONE };

/**
 * struct life - from one ATTACH to the end of it
 * @state: enum state; says GONE before it leaves
 * @start: where it joined
 * @next: events below it are handled, if not released yet
 */
struct life {
	__u32 state;
	uint64_t start;
	uint64_t next;
};

/**
 * struct place - a consumer of the graph
 * @before: all that come before it
 * @optional: it comes and goes
 * @doomed: its process is about to be killed or evicted; see is_waited_for()
 * @life: the current one; 0: none so far
 * @lives: how many there were
 * @handled: events, in all lives
 */
struct place {
	char name[DISRUPTOR_CONSUMER_NAME_LEN];
	uint64_t before;
	bool optional;
	__u32 doomed;
	__u32 life;
	uint64_t lives;
	uint64_t handled;
	pid_t pid;
};

struct party {
	int ring;
	__u32 slots;
	unsigned int nr;
	__u32 stop;
	__u32 last_life;
	uint64_t seed;
	uint64_t end;		/* of the stream, once it is known */
	struct place places[MAX_PLACES];
	struct life lives[MAX_LIVES];
};

struct guest {
	struct party *party;
	unsigned int index;
	uint64_t seed;
};

/* ---- the checks ------------------------------------------------------------- */

/*
 * Whether the holder of @place, if it has joined at or before @seq, has handled it.
 *
 * Somebody who leaves is no longer waited for, and whoever takes its process away
 * says so before, in @doomed; so that, and whether the life is still the one that
 * was looked at, is read last.
 */
static bool is_waited_for(const struct party *party, const struct place *place,
			  uint64_t seq)
{
	__u32 number = shared_load(&place->life);
	const struct life *life = &party->lives[number];

	if (!number || shared_load(&life->state) != IN)
		return true;
	if (seq < shared_load(&life->start) || shared_load(&life->next) > seq)
		return true;
	return shared_load(&place->doomed) ||
	       shared_load(&life->state) != IN ||
	       shared_load(&place->life) != number;
}

static bool all_are_waited_for(const struct party *party, unsigned int index,
			       uint64_t seq)
{
	unsigned int i;

	for (i = 0; i < party->nr; i++) {
		if (party->places[index].before & (1ULL << i) &&
		    !is_waited_for(party, &party->places[i], seq))
			return false;
	}
	return true;
}

/* Some of @range; where it ended, or 0. */
static uint64_t handle_some(struct guest *guest, struct life *life,
			    struct disruptor_consumer *consumer,
			    const struct disruptor_range *range)
{
	uint64_t hi = range->lo + chance_part(&guest->seed,
					      range->hi - range->lo);
	uint64_t seq;

	for (seq = range->lo; seq < hi; seq++) {
		const void *event = disruptor_consumer_slot(consumer, seq);

		if (!event_right(event, EVENT_BYTES, seq)) {
			fprintf(stderr, "# wrong event\n");
			return 0;
		}
		if (!all_are_waited_for(guest->party, guest->index, seq)) {
			fprintf(stderr, "# ahead of those before\n");
			return 0;
		}
		__atomic_store_n(&life->next, seq + 1, __ATOMIC_RELAXED);
	}
	/* As long as it is not released, nobody writes it. */
	if (!chance_below(&guest->seed, 4))
		usleep(chance_below(&guest->seed, 500));
	for (seq = range->lo; seq < hi; seq++) {
		if (!event_right(disruptor_consumer_slot(consumer, seq),
				 EVENT_BYTES, seq)) {
			fprintf(stderr, "# overwritten\n");
			return 0;
		}
	}
	return hi;
}

/* ---- lives -------------------------------------------------------------------- */

static struct life *enter(struct party *party, struct place *place,
			  uint64_t start)
{
	__u32 number = __atomic_add_fetch(&party->last_life, 1,
					  __ATOMIC_RELAXED);
	struct life *life = &party->lives[number % MAX_LIVES];

	life->start = start;
	life->next = start;
	shared_store(&life->state, IN);
	shared_store(&place->life, number % MAX_LIVES);
	place->lives++;
	return life;
}

enum way { DETACH, EXIT, CLOSE_AND_EXIT, KILL, STAY };

/* Mostly without dying: processes cost much more than lives. */
static enum way choose_way(const struct place *place, uint64_t *chances)
{
	static const enum way ways[] = {
		DETACH, DETACH, DETACH, DETACH, DETACH, DETACH,
		EXIT, CLOSE_AND_EXIT, KILL, STAY,
	};

	return place->optional ? ways[chance_below(chances, ARRAY_SIZE(ways))] :
				 STAY;
}

/* Leave @way.  Returns only after a detach. */
static int leave(struct disruptor_consumer *consumer, struct life *life,
		 enum way way)
{
	shared_store(&life->state, GONE);
	switch (way) {
	case EXIT:
		_exit(0);
	case CLOSE_AND_EXIT:
		close(disruptor_consumer_fileno(consumer));
		_exit(0);
	case KILL:
		raise(SIGKILL);
		break;
	default:
		disruptor_consumer_detach(consumer);
	}
	return 0;
}

/* An error of somebody who has just been evicted. */
static int evicted(const struct place *place, int err)
{
	if (err != -ESTALE)
		fprintf(stderr, "# %s: %s\n", place->name, strerror(-err));
	CHILD_CHECK(err == -ESTALE);
	CHILD_CHECK(shared_load(&place->doomed));
	_exit(0);
}

/* Join, handle events from there on, leave. */
static int live_once(struct guest *guest, bool *ended)
{
	struct party *party = guest->party;
	struct place *place = &party->places[guest->index];
	enum way way = choose_way(place, &guest->seed);
	uint64_t most = 1 + chance_below(&guest->seed, 60);
	struct disruptor_consumer *consumer;
	struct disruptor_range range;
	uint64_t cursor, start, next;
	struct life *life;
	int fd, err;

	cursor = counter_of(party->ring, DISRUPTOR_SEAT_PRODUCERS);
	fd = attach_in_turn(party->ring, place->name, &start);
	CHILD_CHECK(fd >= 0);
	if (!place->before && place->optional)
		CHILD_CHECK(start >= cursor);
	CHILD_CHECK(start <= counter_of(party->ring, DISRUPTOR_SEAT_PRODUCERS));
	life = enter(party, place, start);
	err = consumer_use(&consumer, fd, chosen_wait(&guest->seed));
	if (err)
		return evicted(place, err);
	/* Of ten detaches one is without a single event. */
	if (way == DETACH && most < 6)
		return leave(consumer, life, way);

	for (next = start; way == STAY || next < start + most; next = range.hi) {
		err = disruptor_wait(consumer, &range);
		if (err)
			break;
		CHILD_CHECK(range.lo == next);
		CHILD_CHECK(range.hi - range.lo <= party->slots);
		range.hi = handle_some(guest, life, consumer, &range);
		CHILD_CHECK(range.hi);
		/* A death here leaves a batch that is handled and not released. */
		if (way == KILL && range.hi >= start + most)
			leave(consumer, life, way);
		disruptor_release(consumer, range.hi);
		place->handled += range.hi - range.lo;
	}
	if (err && err != -ENODATA)
		return evicted(place, err);
	*ended = err == -ENODATA;
	if (*ended)
		CHILD_CHECK(next == shared_load(&party->end));
	return leave(consumer, life, *ended ? DETACH : way);
}

static int live(void *context)
{
	struct guest *guest = context;
	const struct place *place = &guest->party->places[guest->index];
	bool ended = false;
	int err = 0;

	/* Who is evicted while it leaves does not notice, but is waited for. */
	while (!err && !ended && !shared_load(&guest->party->stop) &&
	       !shared_load(&place->doomed))
		err = live_once(guest, &ended);
	/* The required ones see the end. */
	while (!err && !ended && !place->optional)
		err = live_once(guest, &ended);
	return err;
}

static int produce(void *context)
{
	struct party *party = context;
	struct disruptor_producer *producer;
	uint64_t chances = ~party->seed;
	uint64_t next = 0, lo, n;

	CHILD_CHECK(!producer_use(&producer, attach_producer(party->ring, NULL),
				  chosen_wait(&chances)));
	while (!shared_load(&party->stop)) {
		n = chance_part(&chances, party->slots);
		CHILD_CHECK(!disruptor_claim_until(producer, n, in_ms(20000),
						   &lo));
		CHILD_CHECK(lo == next);
		for (; next < lo + n; next++)
			event_fill(disruptor_producer_slot(producer, next),
				   EVENT_BYTES, next);
		disruptor_publish(producer, lo, next);
	}
	shared_store(&party->end, next);
	disruptor_producer_end(producer);
	return 0;
}

/* ---- the one who sends them home ------------------------------------------------ */

static void start_place(struct party *party, unsigned int index, uint64_t *chances)
{
	struct guest guest = { party, index, chance(chances) };
	struct place *place = &party->places[index];

	/* In this order: see is_waited_for(). */
	if (place->life)
		shared_store(&party->lives[place->life].state, GONE);
	shared_store(&place->doomed, 0);
	place->pid = stage_start(live, &guest);
}

/* 0 if the process that left did so in a way it may. */
static int judge(const struct place *place, int status)
{
	if (status == 0 || (status == -SIGKILL && place->optional))
		return 0;
	if (status == -SIGBUS && place->doomed)
		return 0;
	printf("# %s: status %d\n", place->name, status);
	return 1;
}

/* Those who have left come again; some are made to leave. */
static int tend(struct party *party, uint64_t *chances)
{
	unsigned int i = chance_below(chances, party->nr);
	struct place *place = &party->places[i];
	int status, err;

	if (!place->optional)
		return 0;
	if (waitpid(place->pid, &status, WNOHANG) == 0) {
		if (chance_below(chances, 4))
			return 0;
		shared_store(&place->doomed, 1);
		if (chance_below(chances, 2)) {
			kill(place->pid, SIGKILL);
		} else {
			err = evict(party->ring, place->name, 0);
			/* It had none: it has it to the end, then. */
			if (err && err != -ESRCH)
				return 1;
			if (err)
				kill(place->pid, SIGKILL);
		}
		status = child_wait(place->pid);
	} else {
		status = WIFEXITED(status) ? WEXITSTATUS(status) :
					     -WTERMSIG(status);
	}
	err = judge(place, status);
	start_place(party, i, chances);
	return err;
}

static struct party *party_new(const char *graph, __u32 slots)
{
	struct disruptor_consumer_config c[DISRUPTOR_MAX_CONSUMERS];
	struct party *party = shared_alloc(sizeof(*party));
	unsigned int i, j;

	if (!party)
		return NULL;
	party->seed = chosen_seed();
	party->slots = slots;
	party->ring = ring_create(.slots = slots, .slot_size = EVENT_BYTES,
				  .graph = graph);
	party->nr = graph_parse(c, graph);
	for (i = 0; i < party->nr; i++) {
		struct place *place = &party->places[i];

		strcpy(place->name, c[i].name);
		place->optional = c[i].flags & DISRUPTOR_CONSUMER_OPTIONAL;
		place->before = c[i].after;
		for (j = 0; j < i; j++) {
			if (c[i].after & (1ULL << j))
				place->before |= party->places[j].before;
		}
	}
	return party;
}

FIXTURE(joins) {
	struct party *party;
};

FIXTURE_VARIANT(joins) {
	const char *graph;
	__u32 slots;
};

/* While it is away, the producer waits for nobody. */
FIXTURE_VARIANT_ADD(joins, alone) {
	.graph = "a?", .slots = 4,
};

FIXTURE_VARIANT_ADD(joins, side_by_side) {
	.graph = "a? b? c?", .slots = 8,
};

FIXTURE_VARIANT_ADD(joins, chain) {
	.graph = "a? b?:a c?:b", .slots = 8,
};

FIXTURE_VARIANT_ADD(joins, chain_to_a_required_one) {
	.graph = "a? b?:a last:b", .slots = 16,
};

FIXTURE_VARIANT_ADD(joins, between_required_ones) {
	.graph = "first maybe?:first also?:first last:maybe,also", .slots = 4,
};

FIXTURE_SETUP(joins)
{
	self->party = party_new(variant->graph, variant->slots);
	ASSERT_NE(NULL, self->party);
	ASSERT_LE(0, self->party->ring);
}

FIXTURE_TEARDOWN(joins)
{
	close(self->party->ring);
	munmap(self->party, sizeof(*self->party));
}

TEST_F_TIMEOUT(joins, come_and_go_while_events_stream, 40)
{
	struct party *party = self->party;
	uint64_t chances = party->seed;
	uint64_t end_ns;
	unsigned int i;
	pid_t producer;

	for (i = 0; i < party->nr; i++)
		start_place(party, i, &chances);
	producer = stage_start(produce, party);
	for (end_ns = now_ns() + RUN_MS * 1000000ULL; now_ns() < end_ns;) {
		ASSERT_EQ(0, tend(party, &chances));
		usleep(chance_below(&chances, 2 * TEND_EVERY_US));
	}
	shared_store(&party->stop, 1);
	EXPECT_EQ(0, child_wait(producer));
	for (i = 0; i < party->nr; i++) {
		struct place *place = &party->places[i];

		EXPECT_EQ(0, judge(place, child_wait(place->pid)));
		printf("# %s: %lu lives, %lu of %lu events\n", place->name,
		       place->lives, place->handled, party->end);
		if (place->optional) {
			/* Few, for machines that are busy with others. */
			EXPECT_LT(5, place->lives);
			EXPECT_LT(50, place->handled);
		} else {
			EXPECT_EQ(1, place->lives);
			EXPECT_EQ(party->end, place->handled);
		}
	}
	ASSERT_GT(MAX_LIVES, party->last_life);
}

TEST_HARNESS_MAIN
