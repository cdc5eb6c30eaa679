/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of the library share: events whose every word says which event
 * it is, rings that are short to make, and who comes while somebody sleeps.
 */
#ifndef SELFTESTS_LIBRARY_H
#define SELFTESTS_LIBRARY_H

#include <disruptor.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "kselftest_harness.h"

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#endif

#define MSEC	1000000ULL
#define SEC	1000000000ULL

/* Fewer rounds where a sanitizer or valgrind makes each one slow. */
static inline uint64_t rounds(uint64_t n)
{
	const char *scale = getenv("LIBRARY_TEST_SCALE");
	uint64_t by = scale ? strtoull(scale, NULL, 10) : 1;

	return by > 1 ? n / by + 1 : n;
}

static inline uint64_t soon(uint64_t ns)
{
	return disruptor_now_ns() + ns;
}

/* What went wrong, in words; nothing if NULL. */
static inline const char *said(const char *wrong)
{
	return wrong ? wrong : "";
}

/* ---- events ------------------------------------------------------------- */

static inline uint32_t event_word(uint64_t seq, size_t word)
{
	return (uint32_t)(seq * 0x9e3779b1u + word * 0x85ebca6bu + 1);
}

static inline void event_fill(void *slot, size_t size, uint64_t seq)
{
	uint32_t *words = slot;
	size_t i;

	for (i = 0; i < size / sizeof(*words); i++)
		words[i] = event_word(seq, i);
}

static inline bool event_ok(const void *slot, size_t size, uint64_t seq)
{
	const uint32_t *words = slot;
	size_t i;

	for (i = 0; i < size / sizeof(*words); i++) {
		if (words[i] != event_word(seq, i))
			return false;
	}
	return true;
}

/* ---- rings -------------------------------------------------------------- */

/* A private ring with the graph in @config, or a negative errno. */
static inline int private_ring(struct disruptor_ring **ring,
			       struct disruptor_config *config, uint32_t slots,
			       uint32_t slot_size)
{
	config->slots = slots;
	config->slot_size = slot_size;
	config->flags |= DISRUPTOR_PRIVATE;
	return disruptor_create(ring, config);
}

/* One producer, one required consumer "c", both attached. */
struct pair {
	struct disruptor_ring *ring;
	struct disruptor_producer *producer;
	struct disruptor_consumer *consumer;
};

static inline int pair_open(struct pair *pair, uint32_t slots,
			    uint32_t slot_size)
{
	struct disruptor_config config = { 0 };
	int err;

	memset(pair, 0, sizeof(*pair));
	disruptor_graph_add(&config.graph, "c", NULL, 0);
	err = private_ring(&pair->ring, &config, slots, slot_size);
	if (!err)
		err = disruptor_producer_attach(&pair->producer, pair->ring);
	if (!err)
		err = disruptor_consumer_attach(&pair->consumer, pair->ring,
						"c");
	return err;
}

/* Publish @n events, which there must be room for. */
static inline int publish_events(struct disruptor_producer *producer,
				 uint64_t n)
{
	size_t size = producer->view.slot_size;
	uint64_t lo, seq;
	int err = disruptor_try_claim(producer, n, &lo);

	if (err)
		return err;
	for (seq = lo; seq < lo + n; seq++)
		event_fill(disruptor_producer_slot(producer, seq), size, seq);
	disruptor_publish(producer, lo, lo + n);
	return 0;
}

/* Threads that give what is waited for, when it is likely to be slept for: three events. */
static inline void *publish_soon(void *producer)
{
	nanosleep(&(struct timespec){ .tv_nsec = 3 * MSEC }, NULL);
	publish_events(producer, 3);
	return NULL;
}

static inline void *release_soon(void *arg)
{
	struct disruptor_consumer *consumer = arg;
	struct disruptor_range range;

	nanosleep(&(struct timespec){ .tv_nsec = 3 * MSEC }, NULL);
	if (!disruptor_try_wait(consumer, &range))
		disruptor_release(consumer, 3);
	return NULL;
}

/* And who sleeps for more than that. */
static const struct disruptor_wait_strategy patient __attribute__((unused)) = {
	.kind = DISRUPTOR_WAIT_BLOCK,
	.spins = 1,
	.sleep_for = 8,
};

static inline void pair_close(struct pair *pair)
{
	disruptor_consumer_detach(pair->consumer);
	disruptor_producer_detach(pair->producer);
	disruptor_close(pair->ring);
}

/* What a ring says of one seat. */
static inline struct disruptor_seat_stats
seat_stats(struct disruptor_ring *ring, unsigned int seat)
{
	struct disruptor_seat_stats seats[DISRUPTOR_MAX_SEATS];
	struct disruptor_stats stats = {
		.seats = (uintptr_t)seats,
		.nr_seats = DISRUPTOR_MAX_SEATS,
	};

	memset(seats, 0xcc, sizeof(seats));
	disruptor_get_stats(ring, &stats);
	return seats[seat];
}

#endif /* SELFTESTS_LIBRARY_H */
