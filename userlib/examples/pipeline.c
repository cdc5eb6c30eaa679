// SPDX-License-Identifier: MIT
/*
 * pipeline - threads on a private ring: no module, no privilege.
 *
 *   main --> square --> add --> print
 *
 * Each stage works on the event in place, when the one before is done with it.
 */
#include <disruptor.h>

#include <err.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define EVENTS	1000000ULL

struct event {
	uint64_t n;
	uint64_t square;
};

struct stage {
	const char *name;
	const char *after;
	unsigned int flags;
	void (*work)(struct event *event, uint64_t *sum);
	uint64_t sum;
	struct disruptor_consumer *consumer;
	pthread_t thread;
};

static void square(struct event *event, uint64_t *sum)
{
	(void)sum;
	event->square = event->n * event->n;
}

static void add(struct event *event, uint64_t *sum)
{
	*sum += event->square;
	event->square = *sum;
}

static void print(struct event *event, uint64_t *sum)
{
	if (event->n % (EVENTS / 4) == 0)
		printf("the squares up to %" PRIu64 " add up to %" PRIu64 "\n",
		       event->n, event->square);
	*sum = event->square;
}

static struct stage stages[] = {
	{ .name = "square", .work = square, .flags = DISRUPTOR_CONSUMER_MODIFIES },
	{ .name = "add", .after = "square", .work = add,
	  .flags = DISRUPTOR_CONSUMER_MODIFIES },
	{ .name = "print", .after = "add", .work = print },
};

#define STAGES	(sizeof(stages) / sizeof(stages[0]))

static void check(int error, const char *what)
{
	if (error)
		errx(1, "%s: %s", what, strerror(-error));
}

static void *run(void *arg)
{
	struct stage *stage = arg;
	struct disruptor_range range;
	uint64_t seq;
	int error;

	while (!(error = disruptor_wait(stage->consumer, &range))) {
		for (seq = range.lo; seq != range.hi; seq++)
			stage->work(disruptor_consumer_slot(stage->consumer, seq),
				    &stage->sum);
		disruptor_release(stage->consumer, range.hi);
	}
	if (error != -ENODATA)
		check(error, stage->name);
	disruptor_consumer_detach(stage->consumer);
	return NULL;
}

static void produce(struct disruptor_ring *ring)
{
	struct disruptor_producer *producer;
	struct event *event;
	uint64_t n, seq;

	check(disruptor_producer_attach(&producer, ring), "producer");
	for (n = 1; n <= EVENTS; n++) {
		check(disruptor_claim(producer, 1, &seq), "claim");
		event = disruptor_producer_slot(producer, seq);
		event->n = n;
		disruptor_publish(producer, seq, seq + 1);
	}
	disruptor_producer_detach(producer);
}

int main(void)
{
	struct disruptor_config config = {
		.slots = 1024,
		.slot_size = sizeof(struct event),
		.flags = DISRUPTOR_PRIVATE,
	};
	struct disruptor_ring *ring;
	size_t i;

	for (i = 0; i < STAGES; i++)
		disruptor_graph_add(&config.graph, stages[i].name,
				    stages[i].after ?
				    DISRUPTOR_AFTER(stages[i].after) : NULL,
				    stages[i].flags);
	check(disruptor_create(&ring, &config), "ring");
	for (i = 0; i < STAGES; i++) {
		check(disruptor_consumer_attach(&stages[i].consumer, ring,
						stages[i].name), stages[i].name);
		check(-pthread_create(&stages[i].thread, NULL, run, &stages[i]),
		      "thread");
	}
	produce(ring);
	for (i = 0; i < STAGES; i++)
		pthread_join(stages[i].thread, NULL);
	disruptor_close(ring);
	return stages[STAGES - 1].sum ==
	       EVENTS * (EVENTS + 1) * (2 * EVENTS + 1) / 6 ? 0 : 1;
}
