// SPDX-License-Identifier: GPL-2.0-only
/*
 * Graphs of stages, a thread each: every stage gets every event, in order and
 * whole, and not before all stages that it comes after are done with it.
 */
#include <sched.h>

#include "library.h"

/**
 * struct stage - a consumer and its thread
 * @done: by slot of the ring: the last event it was done with.  Plain memory,
 *	which those that come after read: only the ring orders that
 * @events: that it got
 * @wrong: what was not as it should be
 */
struct stage {
	struct topology *topology;
	struct disruptor_consumer *consumer;
	unsigned int index;
	bool away;
	uint64_t *done;
	uint64_t events;
	const char *wrong;
	pthread_t thread;
};

struct topology {
	struct disruptor_config config;
	struct disruptor_ring *ring;
	struct disruptor_producer *producer;
	bool sleep;
	uint64_t events;
	unsigned int seed;
	struct stage stages[DISRUPTOR_MAX_CONSUMERS];
};

static const struct disruptor_wait_strategy yielding = {
	.kind = DISRUPTOR_WAIT_YIELD,
	.spins = 1,
};

static const struct disruptor_wait_strategy sleeping = {
	.kind = DISRUPTOR_WAIT_BLOCK,
	.spins = 1,
};

static const char *check_event(struct stage *stage, uint64_t seq)
{
	struct topology *topology = stage->topology;
	const struct disruptor_graph *graph = &topology->config.graph;
	uint64_t slot = seq % topology->config.slots;
	uint64_t after = graph->consumers[stage->index].after;

	for (; after; after &= after - 1) {
		struct stage *before = &topology->stages[__builtin_ctzll(after)];

		if (!before->away && before->done[slot] != seq)
			return "not done by a stage before";
	}
	if (!event_ok(disruptor_consumer_slot(stage->consumer, seq),
		      topology->config.slot_size, seq))
		return "not the event that was published";
	stage->done[slot] = seq;
	return NULL;
}

static void *run_stage(void *arg)
{
	struct stage *stage = arg;
	struct disruptor_range range;
	uint64_t seq, part;
	int err;

	while (!(err = disruptor_wait(stage->consumer, &range))) {
		if (range.lo != stage->events)
			stage->wrong = "not the next event";
		/* At times a part only, which the others must wait for. */
		part = range.hi - range.lo;
		if (part > 1 && stage->events % 5 == 0)
			part /= 2;
		for (seq = range.lo; seq < range.lo + part; seq++) {
			const char *wrong = check_event(stage, seq);

			if (wrong)
				stage->wrong = wrong;
		}
		stage->events += part;
		disruptor_release(stage->consumer, range.lo + part);
	}
	if (err != -ENODATA)
		stage->wrong = "not the end of the stream";
	return NULL;
}

static int produce(struct topology *topology)
{
	struct disruptor_producer *producer = topology->producer;
	uint64_t left = topology->events, lo, n, seq;
	int err;

	while (left) {
		n = 1 + rand_r(&topology->seed) % 8;
		if (n > topology->config.slots)
			n = topology->config.slots;
		if (n > left)
			n = left;
		err = disruptor_claim(producer, n, &lo);
		if (err)
			return err;
		for (seq = lo; seq < lo + n; seq++)
			event_fill(disruptor_producer_slot(producer, seq),
				   topology->config.slot_size, seq);
		disruptor_publish(producer, lo, lo + n);
		left -= n;
	}
	return 0;
}

static const struct disruptor_wait_strategy *
strategy(const struct topology *topology)
{
	return topology->sleep ? &sleeping : &yielding;
}

static int open_stage(struct topology *topology, unsigned int index)
{
	struct stage *stage = &topology->stages[index];
	const char *name = topology->config.graph.consumers[index].name;
	uint32_t slot;
	int err;

	stage->topology = topology;
	stage->index = index;
	if (stage->away)
		return 0;
	stage->done = malloc(topology->config.slots * sizeof(*stage->done));
	for (slot = 0; slot < topology->config.slots; slot++)
		stage->done[slot] = UINT64_MAX;
	err = disruptor_consumer_attach(&stage->consumer, topology->ring, name);
	if (!err)
		err = disruptor_consumer_set_wait(stage->consumer,
						  strategy(topology));
	return err;
}

/* What went wrong first, or NULL. */
static const char *run_topology(struct topology *topology, uint32_t slots,
				uint64_t events)
{
	unsigned int nr = topology->config.graph.nr, i;
	const char *wrong = NULL;

	topology->events = events;
	if (private_ring(&topology->ring, &topology->config, slots, 8) ||
	    disruptor_producer_attach(&topology->producer, topology->ring) ||
	    disruptor_producer_set_wait(topology->producer, strategy(topology)))
		return "no ring";
	for (i = 0; i < nr; i++) {
		if (open_stage(topology, i))
			return "no stage";
	}
	for (i = 0; i < nr; i++) {
		struct stage *stage = &topology->stages[i];

		if (!stage->away && pthread_create(&stage->thread, NULL,
						   run_stage, stage))
			return "no thread";
	}
	if (produce(topology))
		wrong = "the producer failed";
	disruptor_producer_detach(topology->producer);
	for (i = 0; i < nr; i++) {
		if (!topology->stages[i].away)
			pthread_join(topology->stages[i].thread, NULL);
	}
	for (i = 0; i < nr; i++) {
		struct stage *stage = &topology->stages[i];

		if (stage->away)
			continue;
		if (!wrong)
			wrong = stage->wrong;
		if (!wrong && stage->events != events)
			wrong = "not every event";
		disruptor_consumer_detach(stage->consumer);
		free(stage->done);
	}
	disruptor_close(topology->ring);
	return wrong;
}

static void add(struct topology *topology, uint64_t after, bool away)
{
	struct disruptor_graph *graph = &topology->config.graph;
	const char *names[DISRUPTOR_MAX_CONSUMERS + 1];
	unsigned int nr = 0;
	char name[8];

	for (; after; after &= after - 1)
		names[nr++] = graph->consumers[__builtin_ctzll(after)].name;
	names[nr] = NULL;
	topology->stages[graph->nr].away = away;
	snprintf(name, sizeof(name), "c%u", graph->nr);
	disruptor_graph_add(graph, name, names,
			    away ? DISRUPTOR_CONSUMER_OPTIONAL : 0);
}

FIXTURE(topology) {
	struct topology topology;
};

FIXTURE_VARIANT(topology) {
	uint32_t slots;
	uint64_t events;
	bool sleep;
};

FIXTURE_VARIANT_ADD(topology, slot_1) { 1, 2000, false };
FIXTURE_VARIANT_ADD(topology, slots_2) { 2, 4000, false };
FIXTURE_VARIANT_ADD(topology, slots_64) { 64, 50000, false };
FIXTURE_VARIANT_ADD(topology, slots_4096) { 4096, 300000, false };
FIXTURE_VARIANT_ADD(topology, slot_1_asleep) { 1, 1000, true };
FIXTURE_VARIANT_ADD(topology, slots_64_asleep) { 64, 20000, true };
FIXTURE_VARIANT_ADD(topology, slots_4096_asleep) { 4096, 100000, true };

FIXTURE_SETUP(topology)
{
	self->topology.sleep = variant->sleep;
}

FIXTURE_TEARDOWN(topology)
{
}

TEST_F(topology, one_to_one)
{
	add(&self->topology, 0, false);
	EXPECT_STREQ("", said(run_topology(&self->topology, variant->slots,
					   rounds(variant->events))));
}

TEST_F(topology, one_to_three_pipeline)
{
	add(&self->topology, 0, false);
	add(&self->topology, 1, false);
	add(&self->topology, 2, false);
	EXPECT_STREQ("", said(run_topology(&self->topology, variant->slots,
					   rounds(variant->events))));
}

TEST_F(topology, one_to_three_multicast)
{
	add(&self->topology, 0, false);
	add(&self->topology, 0, false);
	add(&self->topology, 0, false);
	EXPECT_STREQ("", said(run_topology(&self->topology, variant->slots,
					   rounds(variant->events))));
}

TEST_F(topology, one_to_three_diamond)
{
	add(&self->topology, 0, false);
	add(&self->topology, 0, false);
	add(&self->topology, 3, false);
	EXPECT_STREQ("", said(run_topology(&self->topology, variant->slots,
					   rounds(variant->events))));
}

TEST_F(topology, a_stage_that_is_away_is_passed_over)
{
	add(&self->topology, 0, false);
	add(&self->topology, 1, true);
	add(&self->topology, 2, false);
	add(&self->topology, 6, true);
	EXPECT_STREQ("", said(run_topology(&self->topology, variant->slots,
					   rounds(variant->events))));
}

TEST(a_chain_of_64)
{
	static struct topology topology;
	int i;

	add(&topology, 0, false);
	for (i = 1; i < DISRUPTOR_MAX_CONSUMERS; i++)
		add(&topology, 1ULL << (i - 1), false);
	EXPECT_STREQ("", said(run_topology(&topology, 256, rounds(5000))));
}

TEST(a_multicast_to_64)
{
	static struct topology topology;
	int i;

	for (i = 0; i < DISRUPTOR_MAX_CONSUMERS; i++)
		add(&topology, 0, false);
	EXPECT_STREQ("", said(run_topology(&topology, 256, rounds(5000))));
}

/* Each comes after some of those before it; some are away. */
static void add_random(struct topology *topology, unsigned int nr)
{
	unsigned int i, k;

	for (i = 0; i < nr; i++) {
		uint64_t after = 0;

		for (k = 0; i && k < 3; k++) {
			if (rand_r(&topology->seed) % 2)
				after |= 1ULL << rand_r(&topology->seed) % i;
		}
		add(topology, after, rand_r(&topology->seed) % 8 == 0);
	}
}

FIXTURE(random_graph) {
	struct topology topology;
};

FIXTURE_VARIANT(random_graph) {
	unsigned int nr;
	uint32_t slots;
	unsigned int seed;
	uint64_t events;
};

FIXTURE_VARIANT_ADD(random_graph, of_5_in_2_slots) { 5, 2, 1, 5000 };
FIXTURE_VARIANT_ADD(random_graph, of_8_in_16_slots) { 8, 16, 2, 20000 };
FIXTURE_VARIANT_ADD(random_graph, of_13_in_64_slots) { 13, 64, 3, 20000 };
FIXTURE_VARIANT_ADD(random_graph, of_21_in_128_slots) { 21, 128, 4, 20000 };
FIXTURE_VARIANT_ADD(random_graph, of_34_in_32_slots) { 34, 32, 5, 4000 };
FIXTURE_VARIANT_ADD(random_graph, of_64_in_128_slots) { 64, 128, 6, 4000 };
FIXTURE_VARIANT_ADD(random_graph, of_64_in_1024_slots) { 64, 1024, 7, 20000 };

FIXTURE_SETUP(random_graph)
{
	self->topology.seed = variant->seed;
	add_random(&self->topology, variant->nr);
	ASSERT_EQ(0, self->topology.config.graph.error);
}

FIXTURE_TEARDOWN(random_graph)
{
}

TEST_F(random_graph, keeps_its_order)
{
	EXPECT_STREQ("", said(run_topology(&self->topology, variant->slots,
					   rounds(variant->events))));
}

TEST_HARNESS_MAIN
