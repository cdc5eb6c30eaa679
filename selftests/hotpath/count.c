// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is done for an event, for callgrind to count: every case once with EVENTS
 * events and once with twice as many, so that the difference is that of EVENTS
 * events and nothing else.  One thread plays both sides; nobody ever waits.
 *
 * The case_* functions are also read by ./run, for what must not be in them.
 */
#include <stdio.h>
#include <stdlib.h>

#include <valgrind/callgrind.h>

#include <disruptor.h>

#define EVENTS		1024
#define SLOTS		(4 * EVENTS)
#define BATCH		64
#define BIG_BATCH	256

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

/* As it is: not a part of its caller, nor made for one. */
#ifdef __clang__
#define alone	__attribute__((noinline))
#else
#define alone	__attribute__((noipa))
#endif

/* The C library's depends on the processor; this one counts a byte as one. */
alone void *memcpy(void *to, const void *from, size_t size)
{
	void *at = to;

	__asm__ volatile("rep movsb"
			 : "+D"(at), "+S"(from), "+c"(size) : : "memory");
	return to;
}

/**
 * struct sides - both sides of a ring
 * @producer: of a ring with one
 * @multi: of a ring with several
 * @consumer: comes straight after them
 * @event: slot_size bytes
 * @batch: BIG_BATCH events of 8 bytes
 * @sum: of what was consumed
 */
struct sides {
	struct disruptor_producer *producer;
	struct disruptor_multi *multi;
	struct disruptor_consumer *consumer;
	unsigned char event[256];
	uint64_t batch[BIG_BATCH];
	uint64_t sum;
};

static inline void must(bool done)
{
	if (!done)
		abort();
}

/* ---- produce ----------------------------------------------------------------- */

alone static void case_claim_publish(struct sides *sides, uint64_t events)
{
	struct disruptor_producer *producer = sides->producer;
	uint64_t lo;

	while (events--) {
		must(!disruptor_claim(producer, 1, &lo));
		*(uint64_t *)disruptor_producer_slot(producer, lo) = lo;
		disruptor_publish(producer, lo, lo + 1);
	}
}

alone static void case_claim_publish_batch(struct sides *sides, uint64_t events)
{
	struct disruptor_producer *producer = sides->producer;
	uint64_t lo;

	for (; events; events -= BATCH) {
		must(!disruptor_claim(producer, BATCH, &lo));
		disruptor_publish(producer, lo, lo + BATCH);
	}
}

alone static void case_publish_one(struct sides *sides, uint64_t events)
{
	while (events--)
		must(!disruptor_publish_one(sides->producer, sides->event));
}

alone static void case_write(struct sides *sides, uint64_t events)
{
	for (; events; events -= BIG_BATCH)
		must(!disruptor_write(sides->producer, sides->batch, BIG_BATCH));
}

/* ---- produce, one of several ---------------------------------------------------- */

alone static void case_multi_claim_publish(struct sides *sides, uint64_t events)
{
	struct disruptor_multi *multi = sides->multi;
	uint64_t lo = 0;

	while (events--) {
		must(!disruptor_multi_claim(multi, 1, &lo));
		*(uint64_t *)disruptor_multi_slot(multi, lo) = lo;
		disruptor_multi_publish(multi, lo, lo + 1);
	}
}

alone static void
case_multi_claim_publish_batch(struct sides *sides, uint64_t events)
{
	struct disruptor_multi *multi = sides->multi;
	uint64_t lo = 0;

	for (; events; events -= BATCH) {
		must(!disruptor_multi_claim(multi, BATCH, &lo));
		disruptor_multi_publish(multi, lo, lo + BATCH);
	}
}

/* ---- consume ---------------------------------------------------------------------- */

static void publish(struct sides *sides, uint64_t events)
{
	uint64_t lo = 0;

	if (sides->multi) {
		must(!disruptor_multi_claim(sides->multi, events, &lo));
		disruptor_multi_publish(sides->multi, lo, lo + events);
	} else {
		must(!disruptor_claim(sides->producer, events, &lo));
		disruptor_publish(sides->producer, lo, lo + events);
	}
}

/* Published before it is counted. */
alone static void case_wait_release(struct sides *sides, uint64_t events)
{
	struct disruptor_consumer *consumer = sides->consumer;
	struct disruptor_range range;
	uint64_t sum = 0;

	while (events--) {
		must(!disruptor_wait(consumer, &range));
		sum += *(uint64_t *)disruptor_consumer_slot(consumer, range.lo);
		disruptor_release(consumer, range.lo + 1);
	}
	sides->sum = sum;
}

/* All at once. */
alone static void case_wait_release_all(struct sides *sides, uint64_t events)
{
	struct disruptor_consumer *consumer = sides->consumer;
	struct disruptor_range range;
	uint64_t sum = 0, seq;

	must(!disruptor_try_wait(consumer, &range));
	must(range.hi - range.lo == events);
	for (seq = range.lo; seq != range.hi; seq++)
		sum += *(uint64_t *)disruptor_consumer_slot(consumer, seq);
	disruptor_release(consumer, range.hi);
	sides->sum = sum;
}

/* A look for every event, after one that finds nothing; published one by one. */
alone static void case_caught_up(struct sides *sides, uint64_t events)
{
	struct disruptor_consumer *consumer = sides->consumer;
	struct disruptor_range range;

	while (events--) {
		must(disruptor_try_wait(consumer, &range) == -EAGAIN);
		publish(sides, 1);
		must(!disruptor_try_wait(consumer, &range));
		disruptor_release(consumer, range.hi);
	}
}

alone static void case_read(struct sides *sides, uint64_t events)
{
	for (; events; events -= BIG_BATCH)
		must(disruptor_read(sides->consumer, sides->batch,
				    BIG_BATCH) == BIG_BATCH);
}

static int on_event(void *context, void *event, uint64_t seq, bool end_of_batch)
{
	struct sides *sides = context;

	sides->sum += *(uint64_t *)event + seq + end_of_batch;
	return 0;
}

alone static void case_handler(struct sides *sides, uint64_t events)
{
	const struct disruptor_handler handler = {
		.context = sides,
		.on_event = on_event,
		.batch_limit = BATCH,
	};

	for (; events; events -= BATCH)
		must(disruptor_poll(sides->consumer, &handler) ==
		     DISRUPTOR_POLL_PROCESSING);
}

/* ---- the cases ----------------------------------------------------------------------- */

/**
 * struct counted - a case
 * @name: its name in ./instructions
 * @run: it, for so many events
 * @slot_size: of its ring
 * @producers: likewise
 * @published: the events are, before it is run
 */
struct counted {
	const char *name;
	void (*run)(struct sides *sides, uint64_t events);
	uint32_t slot_size;
	unsigned int producers;
	bool published;
};

static const struct counted cases[] = {
	{ "claim-publish", case_claim_publish, 8, 1, false },
	{ "claim-publish-batch-64", case_claim_publish_batch, 8, 1, false },
	{ "publish-one-8", case_publish_one, 8, 1, false },
	{ "publish-one-16", case_publish_one, 16, 1, false },
	{ "publish-one-32", case_publish_one, 32, 1, false },
	{ "publish-one-64", case_publish_one, 64, 1, false },
	{ "publish-one-256", case_publish_one, 256, 1, false },
	{ "write-256", case_write, 8, 1, false },
	{ "wait-release", case_wait_release, 8, 1, true },
	{ "wait-release-all", case_wait_release_all, 8, 1, true },
	{ "caught-up", case_caught_up, 8, 1, false },
	{ "read-256", case_read, 8, 1, true },
	{ "handler-64", case_handler, 8, 1, true },
	{ "multi-claim-publish", case_multi_claim_publish, 8, 3, false },
	{ "multi-claim-publish-batch-64", case_multi_claim_publish_batch, 8, 3, false },
	{ "multi-wait-release-all", case_wait_release_all, 8, 3, true },
	{ "multi-caught-up", case_caught_up, 8, 3, false },
};

static void attach(struct sides *sides, struct disruptor_ring *ring,
		   unsigned int producers)
{
	*sides = (struct sides){};
	if (producers > 1)
		must(!disruptor_multi_attach(&sides->multi, ring));
	else
		must(!disruptor_producer_attach(&sides->producer, ring));
	must(!disruptor_consumer_attach(&sides->consumer, ring, "reader"));
}

static void detach(struct sides *sides)
{
	disruptor_multi_detach(sides->multi);
	disruptor_producer_detach(sides->producer);
	disruptor_consumer_detach(sides->consumer);
}

/* callgrind writes a file for each: its "desc:" has the name and @events. */
static void count(unsigned int nr, uint64_t events)
{
	struct disruptor_config config = {
		.slots = SLOTS,
		.slot_size = cases[nr].slot_size,
		.producers = cases[nr].producers,
		.flags = DISRUPTOR_PRIVATE,
	};
	static struct sides sides;
	struct disruptor_ring *ring;
	char label[64];

	disruptor_graph_add(&config.graph, "reader", NULL, 0);
	must(!disruptor_create(&ring, &config));
	attach(&sides, ring, config.producers);
	if (cases[nr].published)
		publish(&sides, events);
	snprintf(label, sizeof(label), "%s %llu", cases[nr].name,
		 (unsigned long long)events);
	CALLGRIND_ZERO_STATS;
	cases[nr].run(&sides, events);
	CALLGRIND_DUMP_STATS_AT(label);
	detach(&sides);
	disruptor_close(ring);
}

int main(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		count(i, EVENTS);
		count(i, 2 * EVENTS);
	}
	return 0;
}
