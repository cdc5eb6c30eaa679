// SPDX-License-Identifier: GPL-2.0-only
/*
 * The header as C++17: a stream through a pipeline of two stages.
 */
#include <cstdio>
#include <thread>

#include <disruptor.h>

static int tests, failures;

static void expect(bool ok, const char *sentence)
{
	std::printf("%s %d %s\n", ok ? "ok" : "not ok", ++tests, sentence);
	failures += !ok;
}

static std::uint64_t sum(disruptor_consumer *consumer)
{
	std::uint64_t total = 0;
	disruptor_range range;

	while (!disruptor_wait(consumer, &range)) {
		auto event = static_cast<std::uint64_t *>(
			disruptor_consumer_slot(consumer, range.lo));

		for (auto seq = range.lo; seq < range.hi; seq++)
			total += *event++;
		disruptor_release(consumer, range.hi);
	}
	disruptor_consumer_detach(consumer);
	return total;
}

int main()
{
	constexpr std::uint64_t events = 10000;
	disruptor_config config = {};
	disruptor_ring *ring = nullptr;
	disruptor_producer *producer = nullptr;
	disruptor_consumer *first = nullptr, *second = nullptr;
	std::uint64_t lo = 0, sums[2] = {};

	std::printf("TAP version 13\n1..4\n");
	disruptor_graph_add(&config.graph, "first", nullptr, 0);
	disruptor_graph_add(&config.graph, "second", DISRUPTOR_AFTER("first"), 0);
	config.slots = 128;
	config.slot_size = sizeof(std::uint64_t);
	config.flags = DISRUPTOR_PRIVATE;
	expect(!disruptor_create(&ring, &config) &&
	       !disruptor_producer_attach(&producer, ring) &&
	       !disruptor_consumer_attach(&first, ring, "first") &&
	       !disruptor_consumer_attach(&second, ring, "second"),
	       "a ring is made and its roles are taken");
	if (failures)
		return 1;

	std::thread a([&] { sums[0] = sum(first); });
	std::thread b([&] { sums[1] = sum(second); });
	for (std::uint64_t i = 0; i < events; i++) {
		if (disruptor_claim(producer, 1, &lo))
			break;
		*static_cast<std::uint64_t *>(
			disruptor_producer_slot(producer, lo)) = i;
		disruptor_publish(producer, lo, lo + 1);
	}
	disruptor_producer_detach(producer);
	a.join();
	b.join();
	disruptor_close(ring);
	expect(lo == events - 1, "every event is published");
	expect(sums[0] == events * (events - 1) / 2, "the first stage gets them");
	expect(sums[1] == events * (events - 1) / 2, "and so does the second");
	return failures != 0;
}
