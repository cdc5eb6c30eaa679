// SPDX-License-Identifier: MIT
/*
 * named - two programs that know of each other no more than a name.
 *
 *   named create NAME	make the ring
 *   named produce NAME	publish the lines of stdin
 *   named consume NAME	print them; goes on where the last one stopped
 *   named unlink NAME	free the name
 *
 * In any order, as often as wanted, in any terminal; only create comes first.
 */
#include <disruptor.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>

/* Longer lines take several events. */
struct event {
	char text[128];
};

static void check(int error, const char *what)
{
	if (error)
		errx(1, "%s: %s", what, strerror(-error));
}

static void create(const char *name)
{
	struct disruptor_config config = {
		.slots = 1024,
		.slot_size = sizeof(struct event),
		.mode = 0600,
		.name = name,
	};
	struct disruptor_ring *ring;

	disruptor_graph_add(&config.graph, "reader", NULL, 0);
	check(disruptor_create(&ring, &config), name);
	disruptor_close(ring);
}

static void produce(const char *name)
{
	struct disruptor_producer *producer;
	struct disruptor_ring *ring;
	struct event event;

	check(disruptor_open(&ring, name, DISRUPTOR_ACCESS_WRITE), name);
	check(disruptor_producer_attach(&producer, ring), "producer");
	while (fgets(event.text, sizeof(event.text), stdin))
		check(disruptor_publish_one(producer, &event), "publish");
	disruptor_producer_detach(producer);
	disruptor_close(ring);
}

static void consume(const char *name)
{
	struct disruptor_consumer *consumer;
	struct disruptor_ring *ring;
	struct event event;
	int64_t n;

	check(disruptor_open(&ring, name, DISRUPTOR_ACCESS_READ), name);
	check(disruptor_consumer_attach(&consumer, ring, "reader"), "reader");
	while ((n = disruptor_read(consumer, &event, 1)) > 0)
		printf("%.*s", (int)sizeof(event.text), event.text);
	if (n != -ENODATA)
		check(n, "read");
	disruptor_consumer_detach(consumer);
	disruptor_close(ring);
}

int main(int argc, char **argv)
{
	const char *what = argc == 3 ? argv[1] : "";

	if (!strcmp(what, "create"))
		create(argv[2]);
	else if (!strcmp(what, "produce"))
		produce(argv[2]);
	else if (!strcmp(what, "consume"))
		consume(argv[2]);
	else if (!strcmp(what, "unlink"))
		check(disruptor_unlink(argv[2]), argv[2]);
	else
		errx(2, "usage: named create|produce|consume|unlink NAME");
	return fflush(stdout) ? 1 : 0;
}
