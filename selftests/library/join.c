// SPDX-License-Identifier: GPL-2.0-only
/*
 * Consumers that come and go while events stream by: nobody's events are
 * overwritten before it is done with them, and order holds through it all.
 */
#include <sched.h>

#include "library.h"

static const struct disruptor_wait_strategy yielding = {
	.kind = DISRUPTOR_WAIT_YIELD,
	.spins = 1,
};

struct scene {
	struct disruptor_ring *ring;
	uint32_t slot_size;
	int stop;		/* the producer, when all have had enough */
	uint64_t published;
	const char *wrong;
};

/* A consumer that takes its role many times over. */
struct visitor {
	struct scene *scene;
	const char *name;
	uint64_t visits;
	unsigned int seed;
	uint64_t handled;
	uint64_t last;		/* optional: never goes back */
	const char *wrong;
	pthread_t thread;
};

static bool stopped(struct scene *scene)
{
	return __atomic_load_n(&scene->stop, __ATOMIC_RELAXED);
}

static void *produce(void *arg)
{
	struct disruptor_producer *producer;
	struct scene *scene = arg;
	unsigned int seed = 1;
	uint64_t lo, seq, n;
	int err;

	if (disruptor_producer_attach(&producer, scene->ring)) {
		scene->wrong = "no producer";
		return NULL;
	}
	disruptor_producer_set_wait(producer, &yielding);
	while (!stopped(scene)) {
		n = 1 + rand_r(&seed) % 4;
		err = disruptor_claim_until(producer, n, soon(MSEC), &lo);
		if (err == -ETIMEDOUT)
			continue;
		if (err) {
			scene->wrong = "a claim failed";
			break;
		}
		for (seq = lo; seq < lo + n; seq++)
			event_fill(disruptor_producer_slot(producer, seq),
				   scene->slot_size, seq);
		disruptor_publish(producer, lo, lo + n);
		scene->published = lo + n;
	}
	disruptor_producer_detach(producer);
	return NULL;
}

/*
 * Look at the oldest events of a range last: if anybody laps this consumer,
 * they are the first to change.
 */
static const char *check_range(struct visitor *visitor,
			       struct disruptor_consumer *consumer,
			       const struct disruptor_range *range)
{
	uint64_t seq;

	for (seq = range->hi; seq-- > range->lo;) {
		if (!event_ok(disruptor_consumer_slot(consumer, seq),
			      visitor->scene->slot_size, seq))
			return "an event was overwritten";
	}
	return NULL;
}

/* Some batches, the last of them at times not released. */
static const char *visit(struct visitor *visitor,
			 struct disruptor_consumer *consumer)
{
	unsigned int batches = 1 + rand_r(&visitor->seed) % 4;
	struct disruptor_range range;
	const char *wrong = NULL;
	uint64_t next = 0;
	int err;

	while (batches-- && !wrong) {
		err = disruptor_wait_until(consumer, soon(10 * SEC), &range);
		if (err)
			return err == -ENODATA ? NULL : "a wait failed";
		if (next && range.lo != next)
			wrong = "not the next event";
		if (range.lo < visitor->last)
			wrong = "an event came again";
		if (rand_r(&visitor->seed) % 4 == 0)
			sched_yield();
		if (!wrong)
			wrong = check_range(visitor, consumer, &range);
		visitor->handled += range.hi - range.lo;
		if (!batches && rand_r(&visitor->seed) % 2)
			return wrong;
		next = range.hi;
		visitor->last = next;
		disruptor_release(consumer, next);
	}
	return wrong;
}

static void *come_and_go(void *arg)
{
	struct visitor *visitor = arg;
	struct disruptor_consumer *consumer;
	uint64_t i;

	for (i = 0; i < visitor->visits && !visitor->wrong; i++) {
		if (disruptor_consumer_attach(&consumer, visitor->scene->ring,
					      visitor->name)) {
			visitor->wrong = "no attach";
			break;
		}
		disruptor_consumer_set_wait(consumer, &yielding);
		visitor->wrong = visit(visitor, consumer);
		disruptor_consumer_detach(consumer);
	}
	return NULL;
}

static int start(struct visitor *visitor, struct scene *scene, const char *name,
		 uint64_t visits)
{
	*visitor = (struct visitor){
		.scene = scene,
		.name = name,
		.visits = visits,
		.seed = name[0],
	};
	return pthread_create(&visitor->thread, NULL, come_and_go, visitor);
}

FIXTURE(coming_and_going) {
	struct scene scene;
	pthread_t producer;
};

FIXTURE_VARIANT(coming_and_going) {
	uint32_t slots;
	uint32_t slot_size;
};

FIXTURE_VARIANT_ADD(coming_and_going, slots_4_of_64_bytes) { 4, 64 };
FIXTURE_VARIANT_ADD(coming_and_going, slots_16_of_8_bytes) { 16, 8 };
FIXTURE_VARIANT_ADD(coming_and_going, slots_1024_of_16_bytes) { 1024, 16 };

FIXTURE_SETUP(coming_and_going)
{
	self->scene.slot_size = variant->slot_size;
}

FIXTURE_TEARDOWN(coming_and_going)
{
}

static int raise_curtain(struct scene *scene, pthread_t *producer,
			 struct disruptor_config *config, uint32_t slots)
{
	int err = private_ring(&scene->ring, config, slots, scene->slot_size);

	return err ? err : pthread_create(producer, NULL, produce, scene);
}

static void drop_curtain(struct scene *scene, pthread_t producer)
{
	__atomic_store_n(&scene->stop, 1, __ATOMIC_RELAXED);
	pthread_join(producer, NULL);
	disruptor_close(scene->ring);
}

TEST_F(coming_and_going, optional_consumers_see_whole_events_from_where_they_join)
{
	struct disruptor_config config = { 0 };
	struct visitor a, b;

	disruptor_graph_add(&config.graph, "a", NULL, DISRUPTOR_CONSUMER_OPTIONAL);
	disruptor_graph_add(&config.graph, "b", NULL, DISRUPTOR_CONSUMER_OPTIONAL);
	ASSERT_EQ(0, raise_curtain(&self->scene, &self->producer, &config,
				   variant->slots));
	ASSERT_EQ(0, start(&a, &self->scene, "a", rounds(2000)));
	ASSERT_EQ(0, start(&b, &self->scene, "b", rounds(2000)));
	pthread_join(a.thread, NULL);
	pthread_join(b.thread, NULL);
	drop_curtain(&self->scene, self->producer);
	EXPECT_STREQ("", said(a.wrong));
	EXPECT_STREQ("", said(b.wrong));
	EXPECT_STREQ("", said(self->scene.wrong));
	EXPECT_GT(a.handled, 0);
	EXPECT_GT(b.handled, 0);
}

TEST_F(coming_and_going, required_consumers_resume_where_they_stopped)
{
	struct disruptor_config config = { 0 };
	struct visitor a;

	disruptor_graph_add(&config.graph, "a", NULL, 0);
	ASSERT_EQ(0, raise_curtain(&self->scene, &self->producer, &config,
				   variant->slots));
	ASSERT_EQ(0, start(&a, &self->scene, "a", rounds(2000)));
	pthread_join(a.thread, NULL);
	EXPECT_EQ(a.last, seat_stats(self->scene.ring, 1).sequence);
	drop_curtain(&self->scene, self->producer);
	EXPECT_STREQ("", said(a.wrong));
	EXPECT_STREQ("", said(self->scene.wrong));
}

/* ---- order through a stage that comes and goes ---------------------------------- */

/*
 * first -> middle (optional) -> last.  Each keeps where it is in plain memory,
 * by slot; last checks that first was done, and what middle saw must come
 * before last passes it.
 */
struct chain {
	struct scene scene;
	uint32_t slots;
	uint64_t *first_done;
	uint64_t last_at;	/* atomic: last has handled all below it */
	const char *wrong[3];
};

static void *be_first(void *arg)
{
	struct chain *chain = arg;
	struct disruptor_consumer *consumer;
	struct disruptor_range range;
	uint64_t seq;

	disruptor_consumer_attach(&consumer, chain->scene.ring, "first");
	disruptor_consumer_set_wait(consumer, &yielding);
	while (!disruptor_wait(consumer, &range)) {
		for (seq = range.lo; seq < range.hi; seq++)
			chain->first_done[seq % chain->slots] = seq;
		disruptor_release(consumer, range.hi);
	}
	disruptor_consumer_detach(consumer);
	return NULL;
}

static void *be_last(void *arg)
{
	struct chain *chain = arg;
	struct disruptor_consumer *consumer;
	struct disruptor_range range;
	uint64_t seq;

	disruptor_consumer_attach(&consumer, chain->scene.ring, "last");
	disruptor_consumer_set_wait(consumer, &yielding);
	while (!disruptor_wait(consumer, &range)) {
		for (seq = range.lo; seq < range.hi; seq++) {
			if (chain->first_done[seq % chain->slots] != seq)
				chain->wrong[2] = "first was not done";
		}
		__atomic_store_n(&chain->last_at, range.hi, __ATOMIC_SEQ_CST);
		disruptor_release(consumer, range.hi);
	}
	disruptor_consumer_detach(consumer);
	return NULL;
}

/* While middle is attached and has not released an event, last is not past it. */
static const char *be_middle(struct chain *chain, unsigned int *seed)
{
	struct disruptor_consumer *consumer;
	struct disruptor_range range;
	const char *wrong = NULL;
	unsigned int batches = 1 + rand_r(seed) % 3;
	uint64_t seq;

	if (disruptor_consumer_attach(&consumer, chain->scene.ring, "middle"))
		return "no attach";
	disruptor_consumer_set_wait(consumer, &yielding);
	while (batches-- && !wrong &&
	       !disruptor_wait_until(consumer, soon(10 * SEC), &range)) {
		for (seq = range.lo; seq < range.hi; seq++) {
			if (chain->first_done[seq % chain->slots] != seq)
				wrong = "first was not done";
		}
		sched_yield();
		if (__atomic_load_n(&chain->last_at, __ATOMIC_SEQ_CST) > range.lo)
			wrong = "last ran past";
		disruptor_release(consumer, range.hi);
	}
	disruptor_consumer_detach(consumer);
	return wrong;
}

TEST_F(coming_and_going, those_behind_wait_for_a_stage_while_it_is_there)
{
	struct disruptor_config config = { 0 };
	struct chain chain = { .slots = variant->slots };
	pthread_t first, last;
	unsigned int seed = 3;
	uint64_t i;

	chain.scene.slot_size = variant->slot_size;
	chain.first_done = calloc(variant->slots, sizeof(*chain.first_done));
	disruptor_graph_add(&config.graph, "first", NULL, 0);
	disruptor_graph_add(&config.graph, "middle", DISRUPTOR_AFTER("first"),
			    DISRUPTOR_CONSUMER_OPTIONAL);
	disruptor_graph_add(&config.graph, "last", DISRUPTOR_AFTER("middle"), 0);
	ASSERT_EQ(0, raise_curtain(&chain.scene, &self->producer, &config,
				   variant->slots));
	ASSERT_EQ(0, pthread_create(&first, NULL, be_first, &chain));
	ASSERT_EQ(0, pthread_create(&last, NULL, be_last, &chain));
	for (i = 0; i < rounds(2000) && !chain.wrong[1]; i++)
		chain.wrong[1] = be_middle(&chain, &seed);

	__atomic_store_n(&chain.scene.stop, 1, __ATOMIC_RELAXED);
	pthread_join(self->producer, NULL);
	pthread_join(first, NULL);
	pthread_join(last, NULL);
	disruptor_close(chain.scene.ring);
	free(chain.first_done);
	EXPECT_STREQ("", said(chain.wrong[1]));
	EXPECT_STREQ("", said(chain.wrong[2]));
	EXPECT_STREQ("", said(chain.scene.wrong));
}

TEST_HARNESS_MAIN
