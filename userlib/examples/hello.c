// SPDX-License-Identifier: MIT
#include <disruptor.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	struct disruptor_config config = { .slots = 1024, .slot_size = sizeof(long) };
	struct disruptor_consumer *consumer;
	struct disruptor_producer *producer;
	struct disruptor_ring *ring;

	disruptor_graph_add(&config.graph, "reader", NULL, 0);
	if (disruptor_create(&ring, &config))
		return 1;
	if (fork()) {
		if (!disruptor_consumer_attach(&consumer, ring, "reader"))
			for (long n; disruptor_read(consumer, &n, 1) > 0;)
				printf("%ld\n", n);
	} else if (!disruptor_producer_attach(&producer, ring)) {
		for (long n = 0; n < 10; n++)
			disruptor_publish_one(producer, &n);
	}
}
