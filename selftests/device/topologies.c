// SPDX-License-Identifier: GPL-2.0-only
/* rig: timeout=240 */
/*
 * Graphs of every shape, a process for each stage: at every event, every stage
 * checks that those before it have handled it, and that those after it have not.
 *
 * Two witnesses say who has handled what.  A scoreboard beside the ring, and, where
 * the stages may modify events, stamps in the event itself.  Both are written
 * before the release, with nothing else to order them.
 */
#include "stream.h"

#include "kselftest_harness.h"

#define MAX_STAGES	DISRUPTOR_MAX_CONSUMERS

/**
 * struct event - 32 bytes
 * @stamps: bit i: stage i has handled it
 * @body: as event_fill() has it
 */
struct event {
	uint64_t stamps;
	__u32 body[6];
};

/* What a stage tells the others, on lines of its own. */
struct score {
	uint64_t next;		/* events below it are handled, if not released yet */
	uint64_t batches;
	char pad[112];
};

/* Shared by all stages of a graph. */
struct run {
	int ring;
	__u32 slots;
	struct quota quota;
	uint64_t end;				/* when it is known */
	uint64_t seed;
	bool stamping;
	unsigned int nr;
	uint64_t after[MAX_STAGES];		/* straight */
	uint64_t before[MAX_STAGES];		/* all that come before, */
	uint64_t behind[MAX_STAGES];		/* and after */
	struct score scores[MAX_STAGES];
};

struct stage {
	struct run *run;
	unsigned int index;
};

static void close_graph(struct run *run)
{
	unsigned int i, j;

	for (i = 0; i < run->nr; i++) {
		run->before[i] = run->after[i];
		for (j = 0; j < i; j++) {
			if (run->after[i] & (1ULL << j))
				run->before[i] |= run->before[j];
		}
	}
	for (i = 0; i < run->nr; i++) {
		for (j = 0; j < run->nr; j++) {
			if (run->before[j] & (1ULL << i))
				run->behind[i] |= 1ULL << j;
		}
	}
}

static int create(const struct run *run)
{
	struct disruptor_consumer_config c[MAX_STAGES] = { 0 };
	struct disruptor_create_args args = {
		.size = sizeof(args),
		.slots = run->slots,
		.slot_size = sizeof(struct event),
		.consumers = (uintptr_t)c,
		.nr_consumers = run->nr,
		.consumer_size = sizeof(c[0]),
	};
	unsigned int i;

	for (i = 0; i < run->nr; i++) {
		snprintf(c[i].name, sizeof(c[i].name), "stage-%u", i);
		c[i].after = run->after[i];
		c[i].flags = run->stamping ? DISRUPTOR_CONSUMER_MODIFIES : 0;
	}
	return ring_ioctl(device_fd(), DISRUPTOR_IOC_CREATE, &args);
}

/* ---- the checks ----------------------------------------------------------- */

static int check_scores(const struct run *run, unsigned int index, uint64_t seq)
{
	unsigned int i;

	for (i = 0; i < run->nr; i++) {
		uint64_t next = shared_load(&run->scores[i].next);

		if (run->before[index] & (1ULL << i))
			CHILD_CHECK(next > seq);
		if (run->behind[index] & (1ULL << i))
			CHILD_CHECK(next <= seq);
	}
	return 0;
}

static int check_stamps(const struct run *run, unsigned int index,
			const struct event *event)
{
	uint64_t stamps = __atomic_load_n(&event->stamps, __ATOMIC_RELAXED);

	CHILD_CHECK((stamps & run->before[index]) == run->before[index]);
	CHILD_CHECK(!(stamps & run->behind[index]));
	CHILD_CHECK(!(stamps & (1ULL << index)));
	return 0;
}

static int handle(struct run *run, unsigned int index, struct event *event,
		  uint64_t seq)
{
	CHILD_CHECK(event_right(event->body, sizeof(event->body), seq));
	CHILD_CHECK(!check_scores(run, index, seq));
	if (run->stamping) {
		CHILD_CHECK(!check_stamps(run, index, event));
		/* Stages side by side stamp the same word. */
		__atomic_fetch_or(&event->stamps, 1ULL << index,
				  __ATOMIC_RELAXED);
	}
	__atomic_store_n(&run->scores[index].next, seq + 1, __ATOMIC_RELAXED);
	return 0;
}

/* ---- the stages -------------------------------------------------------------- */

static int consume(void *context)
{
	struct stage *stage = context;
	struct run *run = stage->run;
	uint64_t chances = run->seed + stage->index;
	struct disruptor_consumer *consumer;
	struct disruptor_range range;
	uint64_t next = 0, part;
	char name[16];
	int err;

	snprintf(name, sizeof(name), "stage-%u", stage->index);
	CHILD_CHECK(!consumer_use(&consumer,
				  attach_consumer(run->ring, name, NULL),
				  chosen_wait(&chances)));
	while (!(err = disruptor_wait(consumer, &range))) {
		CHILD_CHECK(range.lo == next);
		CHILD_CHECK(range.hi - range.lo <= run->slots);
		part = next + chance_part(&chances, range.hi - range.lo);
		for (; next < part; next++)
			CHILD_CHECK(!handle(run, stage->index,
					    disruptor_consumer_slot(consumer, next),
					    next));
		/* Let others look while this is handled but not released. */
		if (!chance_below(&chances, 8))
			sched_yield();
		disruptor_release(consumer, next);
		run->scores[stage->index].batches++;
	}
	CHILD_CHECK(err == -ENODATA);
	CHILD_CHECK(next == shared_load(&run->end));
	disruptor_consumer_detach(consumer);
	return 0;
}

static int produce(void *context)
{
	struct run *run = context;
	uint64_t chances = ~run->seed;
	struct disruptor_producer *producer;
	uint64_t next = 0, lo, n;
	struct event *event;

	CHILD_CHECK(!producer_use(&producer, attach_producer(run->ring, NULL),
				  chosen_wait(&chances)));
	while (within(&run->quota, next)) {
		n = chance_part(&chances, run->slots);
		CHILD_CHECK(!disruptor_claim(producer, n, &lo));
		CHILD_CHECK(lo == next);
		for (; next < lo + n; next++) {
			event = disruptor_producer_slot(producer, next);
			event->stamps = 0;
			event_fill(event->body, sizeof(event->body), next);
		}
		disruptor_publish(producer, lo, next);
	}
	shared_store(&run->end, next);
	disruptor_producer_end(producer);
	return 0;
}

/* Every stage of @run, for about @ms; how many failed. */
static unsigned int run_all(struct run *run, unsigned int ms)
{
	pid_t pids[MAX_STAGES + 1];
	unsigned int failed;
	unsigned int i;

	close_graph(run);
	run->quota.least = 4 * run->slots + 3;
	run->quota.most = 1 << 20;
	run->quota.end_ns = now_ns() + ms * 1000000ULL;
	run->ring = create(run);
	if (run->ring < 0)
		return 1;
	for (i = 0; i < run->nr; i++) {
		struct stage stage = { run, i };

		pids[i] = stage_start(consume, &stage);
	}
	pids[run->nr] = stage_start(produce, run);
	failed = stages_wait(pids, run->nr + 1);
	for (i = 0; i < run->nr; i++)
		failed += run->scores[i].next != run->end;
	printf("# %u stages, %u slots, %lu events\n", run->nr, run->slots,
	       run->end);
	close(run->ring);
	return failed;
}

/* ---- the shapes ----------------------------------------------------------------- */

static const uint64_t one_to_one[] = { 0 };
static const uint64_t multicast[] = { 0, 0, 0 };
static const uint64_t chain_of_three[] = { 0, 1, 2 };
static const uint64_t diamond[] = { 0, 0, 3 };
/* receive -> { journal, replicate, unmarshal } -> logic -> { marshal } -> send */
static const uint64_t lmax[] = { 0, 0, 0, 7, 8, 16 };
/* 0 -> 1 -> 2 beside 3, and 4 after both, though 3 is far ahead. */
static const uint64_t lopsided[] = { 0, 1, 2, 0, 12 };

FIXTURE(shape) {
	struct run *run;
};

FIXTURE_VARIANT(shape) {
	const uint64_t *after;
	unsigned int nr;
	__u32 slots;
};

#define SHAPE(graph)	.after = (graph), .nr = ARRAY_SIZE(graph)

FIXTURE_VARIANT_ADD(shape, one_to_one) {
	SHAPE(one_to_one), .slots = 64,
};

FIXTURE_VARIANT_ADD(shape, one_to_one_single_slot) {
	SHAPE(one_to_one), .slots = 1,
};

FIXTURE_VARIANT_ADD(shape, multicast_to_three) {
	SHAPE(multicast), .slots = 32,
};

FIXTURE_VARIANT_ADD(shape, chain_of_three) {
	SHAPE(chain_of_three), .slots = 32,
};

FIXTURE_VARIANT_ADD(shape, chain_of_three_single_slot) {
	SHAPE(chain_of_three), .slots = 1,
};

FIXTURE_VARIANT_ADD(shape, diamond) {
	SHAPE(diamond), .slots = 32,
};

FIXTURE_VARIANT_ADD(shape, diamond_two_slots) {
	SHAPE(diamond), .slots = 2,
};

FIXTURE_VARIANT_ADD(shape, lmax_picture) {
	SHAPE(lmax), .slots = 64,
};

FIXTURE_VARIANT_ADD(shape, lopsided) {
	SHAPE(lopsided), .slots = 64,
};

FIXTURE_SETUP(shape)
{
	self->run = shared_alloc(sizeof(*self->run));
	ASSERT_NE(NULL, self->run);
	self->run->slots = variant->slots;
	self->run->seed = chosen_seed();
	self->run->nr = variant->nr;
	memcpy(self->run->after, variant->after,
	       variant->nr * sizeof(variant->after[0]));
}

FIXTURE_TEARDOWN(shape)
{
	munmap(self->run, sizeof(*self->run));
}

TEST_F_TIMEOUT(shape, readers_keep_their_order, 60)
{
	EXPECT_EQ(0, run_all(self->run, 700));
}

TEST_F_TIMEOUT(shape, modifiers_see_what_came_before, 60)
{
	self->run->stamping = true;
	EXPECT_EQ(0, run_all(self->run, 700));
}

FIXTURE(many) {
	struct run *run;
};

FIXTURE_SETUP(many)
{
	self->run = shared_alloc(sizeof(*self->run));
	ASSERT_NE(NULL, self->run);
	self->run->seed = chosen_seed();
}

FIXTURE_TEARDOWN(many)
{
	munmap(self->run, sizeof(*self->run));
}

TEST_F_TIMEOUT(many, a_chain_of_sixty_four, 90)
{
	struct run *run = self->run;
	unsigned int i;

	run->nr = MAX_STAGES;
	for (i = 1; i < run->nr; i++)
		run->after[i] = 1ULL << (i - 1);
	run->slots = 1024;
	run->stamping = true;
	EXPECT_EQ(0, run_all(run, 3000));
}

TEST_F_TIMEOUT(many, sixty_four_side_by_side, 90)
{
	struct run *run = self->run;

	run->nr = MAX_STAGES;
	run->slots = 256;
	EXPECT_EQ(0, run_all(run, 3000));
}

/* Any of the stages before may be come after; dense and sparse. */
static void choose_graph(struct run *run, uint64_t *chances, unsigned int nr)
{
	unsigned int i, j;

	memset(run->after, 0, sizeof(run->after));
	memset(run->before, 0, sizeof(run->before));
	memset(run->behind, 0, sizeof(run->behind));
	memset(run->scores, 0, sizeof(run->scores));
	run->nr = nr;
	for (i = 1; i < nr; i++) {
		unsigned int one_in = 1 + chance_below(chances, i + 1);

		for (j = 0; j < i; j++) {
			if (!chance_below(chances, one_in))
				run->after[i] |= 1ULL << j;
		}
	}
}

TEST_F_TIMEOUT(many, random_graphs, 120)
{
	static const unsigned int sizes[] = {
		2, 3, 4, 5, 6, 7, 8, 8, 9, 16, 33, 64,
	};
	struct run *run = self->run;
	uint64_t chances = run->seed;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		choose_graph(run, &chances, sizes[i]);
		run->slots = 1U << chance_below(&chances, 8);
		run->stamping = chance_below(&chances, 2);
		run->seed = chance(&chances);
		EXPECT_EQ(0, run_all(run, 1000)) {
			TH_LOG("graph %u, of %u stages, %u slots", i, run->nr,
			       run->slots);
		}
	}
}

TEST_HARNESS_MAIN
