// SPDX-License-Identifier: MIT
/*
 * What publishing pays for consumers that may sleep: events of 8 bytes, each
 * published for itself, from one producer to one consumer.
 */
#include <errno.h>
#include <string.h>

#include "wait.h"

#define SLOTS		65536
#define WARM_EVENTS	(2 * SLOTS)
#define EVENTS		2000000
#define ROUNDS		100

/* What follows each publish. */
enum extra {
	EXTRA_NONE,
	EXTRA_FENCE,
	EXTRA_EXCHANGE,
	EXTRA_UNCHECKED,	/* not even the look for sleepers */
};

struct way {
	enum disruptor_wait_kind kind;
	uint32_t spins;
	enum extra extra;
	bool may_sleep;
};

/* As the rows below. */
static const struct way ways[] = {
	{ .kind = DISRUPTOR_WAIT_SPIN },
	{ .kind = DISRUPTOR_WAIT_SPIN },
	{ .kind = DISRUPTOR_WAIT_BLOCK, .spins = UINT32_MAX },
	{ .kind = DISRUPTOR_WAIT_BLOCK, .may_sleep = true },
	{ .kind = DISRUPTOR_WAIT_BLOCK, .spins = UINT32_MAX,
	  .extra = EXTRA_FENCE },
	{ .kind = DISRUPTOR_WAIT_BLOCK, .spins = UINT32_MAX,
	  .extra = EXTRA_EXCHANGE },
	{ .kind = DISRUPTOR_WAIT_SPIN, .extra = EXTRA_UNCHECKED },
};

static const struct row rows[] = {
	{ .name = "consumer spins", .key = "spin", .rival = true },
	{ .name = "the same once more", .key = "spin-again" },
	{ .name = "blocking, never asleep", .key = "block", .bar = 1.05 },
	{ .name = "blocking, as by default", .key = "block-default" },
	{ .name = "blocking, fence per event", .key = "block-fence" },
	{ .name = "blocking, exchange per event", .key = "block-exchange" },
	{ .name = "spins, nobody looks for sleepers", .key = "unchecked" },
};

#define NR_ROWS		ARRAY_SIZE(rows)

/**
 * struct run - one run, in memory of both sides
 * @ring: the ring
 * @way: how
 * @start: both are attached
 * @began_ns: when the events that count began to be published
 * @ended_ns: when the last was consumed
 * @wrong: bits that differ in what was consumed from what should have been
 * @count: how many were consumed
 * @signal: what is exchanged
 */
struct run {
	struct disruptor_ring *ring;
	const struct way *way;
	struct meeting start;
	uint64_t began_ns __aligned(DISRUPTOR_LINE);
	uint64_t ended_ns __aligned(DISRUPTOR_LINE);
	uint64_t wrong;
	uint64_t count;
	uint32_t signal __aligned(DISRUPTOR_LINE);
};

/* No two laps of the ring, nor two events, have the same in a slot. */
static inline uint64_t event_of(uint64_t seq)
{
	return seq * 0x9e3779b97f4a7c15ULL;
}

/* ---- the producer ---------------------------------------------------------------- */

static __always_inline void
publish_event(struct disruptor_producer *producer, struct run *run, uint64_t lo,
	      enum extra extra)
{
	if (extra == EXTRA_UNCHECKED) {
		/* The counter alone; whoever slept would never be woken. */
		store_release(producer->cursor, lo + 1);
		return;
	}
	disruptor_publish(producer, lo, lo + 1);
	if (extra == EXTRA_FENCE)
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	else if (extra == EXTRA_EXCHANGE)
		__atomic_exchange_n(&run->signal, 0, __ATOMIC_SEQ_CST);
}

static __always_inline int
publish_events(struct disruptor_producer *producer, struct run *run,
	       uint64_t nr, enum extra extra)
{
	uint64_t lo, i;
	int err;

	for (i = 0; i < nr; i++) {
		err = disruptor_claim(producer, 1, &lo);
		if (err)
			return err;
		*(uint64_t *)disruptor_producer_slot(producer, lo) = event_of(lo);
		publish_event(producer, run, lo, extra);
	}
	return 0;
}

/* A loop for each, so that no choice is left in it. */
noinline int
bench_publish_checked(struct disruptor_producer *producer, struct run *run,
		      uint64_t nr)
{
	return publish_events(producer, run, nr, EXTRA_NONE);
}

static int publish_some(struct disruptor_producer *producer, struct run *run,
			uint64_t nr)
{
	switch (run->way->extra) {
	case EXTRA_FENCE:
		return publish_events(producer, run, nr, EXTRA_FENCE);
	case EXTRA_EXCHANGE:
		return publish_events(producer, run, nr, EXTRA_EXCHANGE);
	case EXTRA_UNCHECKED:
		return publish_events(producer, run, nr, EXTRA_UNCHECKED);
	default:
		return bench_publish_checked(producer, run, nr);
	}
}

static struct disruptor_wait_strategy strategy_of(const struct way *way)
{
	return (struct disruptor_wait_strategy){
		.kind = way->kind,
		.spins = way->spins,
	};
}

static int produce(void *context)
{
	struct run *run = context;
	struct disruptor_wait_strategy strategy = strategy_of(run->way);
	struct disruptor_producer *producer = NULL;
	int err = disruptor_producer_attach(&producer, run->ring);

	if (!err)
		err = disruptor_producer_set_wait(producer, &strategy);
	meet(&run->start, 2);
	if (!err)
		err = publish_some(producer, run, WARM_EVENTS);
	run->began_ns = disruptor_now_ns();
	if (!err)
		err = publish_some(producer, run, EVENTS);
	disruptor_producer_detach(producer);
	return err;
}

/* ---- the consumer ----------------------------------------------------------------- */

static int consume_events(struct disruptor_consumer *consumer, struct run *run)
{
	struct disruptor_range range;
	uint64_t wrong = 0, count = 0, seq;
	int err;

	while (count < WARM_EVENTS + EVENTS) {
		err = disruptor_wait(consumer, &range);
		if (err)
			return err;
		for (seq = range.lo; seq != range.hi; seq++)
			wrong |= *(uint64_t *)disruptor_consumer_slot(consumer,
								      seq) ^
				 event_of(seq);
		count += range.hi - range.lo;
		disruptor_release(consumer, range.hi);
	}
	run->ended_ns = disruptor_now_ns();
	run->wrong = wrong;
	run->count = count;
	return 0;
}

static int consume(void *context)
{
	struct run *run = context;
	struct disruptor_wait_strategy strategy = strategy_of(run->way);
	struct disruptor_consumer *consumer = NULL;
	int err = disruptor_consumer_attach(&consumer, run->ring, "reader");

	if (!err)
		err = disruptor_consumer_set_wait(consumer, &strategy);
	meet(&run->start, 2);
	if (!err)
		err = consume_events(consumer, run);
	disruptor_consumer_detach(consumer);
	return err;
}

/* ---- runs ---------------------------------------------------------------------------- */

/* How often either side was put to sleep or called for a wake, so far. */
static int count_calls(struct disruptor_ring *ring, uint64_t *calls)
{
	struct disruptor_seat_stats seats[2];
	struct disruptor_stats stats = {
		.seats = (uintptr_t)seats,
		.nr_seats = 2,
	};
	int err = disruptor_get_stats(ring, &stats);

	if (!err)
		*calls = seats[0].sleeps + seats[0].wakes + seats[1].sleeps +
			 seats[1].wakes;
	return err;
}

static int check(const struct run *run, uint64_t calls)
{
	if (run->wrong || run->count != WARM_EVENTS + EVENTS)
		return -EBADMSG;
	return calls && !run->way->may_sleep ? -EPROTO : 0;
}

static int begin(struct group *group)
{
	return ring_make((struct disruptor_ring **)&group->state,
			 group->processes, SLOTS);
}

static void end(struct group *group)
{
	disruptor_close(group->state);
}

static int run_way(struct group *group, unsigned int nr, double *out)
{
	struct run *run = shared_alloc(sizeof(*run));
	uint64_t before, after;
	int err;

	run->ring = group->state;
	run->way = &ways[nr];
	err = count_calls(run->ring, &before);
	if (!err)
		err = two_sides_run(group->processes, produce, consume, run);
	if (!err)
		err = count_calls(run->ring, &after);
	if (!err)
		err = check(run, after - before);
	if (!err) {
		out[0] = (double)(run->ended_ns - run->began_ns) / EVENTS;
		out[1] = 1000 / out[0];
		out[2] = after - before;
	}
	shared_free(run, sizeof(*run));
	return err;
}

int publish_groups(bool processes, struct report *report)
{
	static struct row measured[NR_ROWS];
	static struct group group;

	memcpy(measured, rows, sizeof(rows));
	group = (struct group){
		.key = processes ? "publish-device" : "publish-private",
		.title = processes ?
			 "Publish one by one, between processes" :
			 "Publish one by one, between threads (private ring)",
		.columns = { "ns/event", "M events/s", "sleeps and wakes" },
		.rows = measured,
		.nr_rows = NR_ROWS,
		.rounds = ROUNDS,
		.processes = processes,
		.begin = begin,
		.run = run_way,
		.end = end,
	};
	return measure_group(&group, report);
}
