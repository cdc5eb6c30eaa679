// SPDX-License-Identifier: MIT
/*
 * Ours: threads on a private ring, processes on a ring of /dev/disruptor.
 */
#include <disruptor.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contender.h"

#define MAX_RINGS	3

/**
 * struct rings - those of a run
 * @ring: SHAPE_THREE_TO_THREE has one of each producer, SHAPE_PING_PONG one there
 *	and one back, the others one
 * @nr: how many
 */
struct rings {
	struct disruptor_ring *ring[MAX_RINGS];
	unsigned int nr;
};

/* What a side has attached to; the rest is NULL. */
struct roles {
	struct disruptor_producer *producer;
	struct disruptor_multi *multi;
	struct disruptor_consumer *consumer[MAX_RINGS];
};

/* As the shapes number their consumers. */
static const char *const names[] = { "first", "second", "third" };

/* ---- rings ---------------------------------------------------------------------- */

static void build_graph(struct disruptor_graph *graph, enum contest_shape shape)
{
	switch (shape) {
	case SHAPE_PIPELINE:
		disruptor_graph_add(graph, "first", NULL,
				    DISRUPTOR_CONSUMER_MODIFIES);
		disruptor_graph_add(graph, "second", DISRUPTOR_AFTER("first"),
				    DISRUPTOR_CONSUMER_MODIFIES);
		disruptor_graph_add(graph, "third", DISRUPTOR_AFTER("second"), 0);
		break;
	case SHAPE_DIAMOND:
		disruptor_graph_add(graph, "first", NULL,
				    DISRUPTOR_CONSUMER_MODIFIES);
		disruptor_graph_add(graph, "second", NULL,
				    DISRUPTOR_CONSUMER_MODIFIES);
		disruptor_graph_add(graph, "third",
				    DISRUPTOR_AFTER("first", "second"), 0);
		break;
	case SHAPE_MULTICAST:
		disruptor_graph_add(graph, "first", NULL, 0);
		disruptor_graph_add(graph, "second", NULL, 0);
		disruptor_graph_add(graph, "third", NULL, 0);
		break;
	default:
		disruptor_graph_add(graph, "first", NULL, 0);
	}
}

static void drop(struct contest *contest)
{
	struct rings *rings = contest->state;
	unsigned int i;

	for (i = 0; i < rings->nr; i++)
		disruptor_close(rings->ring[i]);
	free(rings);
}

static unsigned int count_rings(enum contest_shape shape)
{
	switch (shape) {
	case SHAPE_THREE_TO_THREE:
		return 3;
	case SHAPE_PING_PONG:
		return 2;
	default:
		return 1;
	}
}

static int make(struct contest *contest)
{
	struct disruptor_config config = {
		.slots = contest->slots,
		.slot_size = contest->size,
		.flags = contest->way->processes ? 0 : DISRUPTOR_PRIVATE,
		.producers = contest->shape == SHAPE_THREE_TO_ONE ? 3 : 1,
	};
	unsigned int nr = count_rings(contest->shape);
	struct rings *rings;
	int err = 0;

	if (contest->way->processes && access("/dev/disruptor", R_OK | W_OK))
		return contest_refuse(contest, "/dev/disruptor: %s",
				      strerror(errno));
	rings = calloc(1, sizeof(*rings));
	if (!rings)
		return -ENOMEM;
	contest->state = rings;
	build_graph(&config.graph, contest->shape);
	while (rings->nr < nr && !err) {
		err = disruptor_create(&rings->ring[rings->nr], &config);
		rings->nr += !err;
	}
	if (err)
		drop(contest);
	return err;
}

/* ---- roles ----------------------------------------------------------------------- */

static struct disruptor_wait_strategy strategy_of(enum contest_wait wait)
{
	static const struct disruptor_wait_strategy strategies[] = {
		[WAIT_SPIN] = { .kind = DISRUPTOR_WAIT_SPIN },
		[WAIT_YIELD] = { .kind = DISRUPTOR_WAIT_YIELD },
		[WAIT_BACKOFF] = { .kind = DISRUPTOR_WAIT_BACKOFF },
		[WAIT_BLOCK] = { .kind = DISRUPTOR_WAIT_BLOCK },
		[WAIT_SLEEP] = { .kind = DISRUPTOR_WAIT_BLOCK, .spins = 1 },
	};

	return strategies[wait];
}

static int attach_producer(struct contest_side *side, struct disruptor_ring *ring)
{
	struct disruptor_wait_strategy strategy = strategy_of(side->contest->wait);
	struct roles *roles = side->handle;
	int err;

	if (side->contest->shape == SHAPE_THREE_TO_ONE) {
		err = disruptor_multi_attach(&roles->multi, ring);
		return err ? err : disruptor_multi_set_wait(roles->multi,
							    &strategy);
	}
	err = disruptor_producer_attach(&roles->producer, ring);
	return err ? err : disruptor_producer_set_wait(roles->producer, &strategy);
}

static int attach_consumer(struct contest_side *side, unsigned int nr,
			   struct disruptor_ring *ring, const char *name)
{
	struct disruptor_wait_strategy strategy = strategy_of(side->contest->wait);
	struct disruptor_consumer **consumer =
		&((struct roles *)side->handle)->consumer[nr];
	int err = disruptor_consumer_attach(consumer, ring, name);

	return err ? err : disruptor_consumer_set_wait(*consumer, &strategy);
}

static int enter(struct contest_side *side)
{
	struct rings *rings = side->contest->state;
	unsigned int i;
	int err = 0;

	side->handle = calloc(1, sizeof(struct roles));
	if (!side->handle)
		return -ENOMEM;
	switch (side->contest->shape) {
	case SHAPE_PING_PONG:
		err = attach_producer(side, rings->ring[side->nr]);
		return err ? err : attach_consumer(side, 0,
						   rings->ring[!side->nr],
						   names[0]);
	case SHAPE_THREE_TO_THREE:
		if (side->produces)
			return attach_producer(side, rings->ring[side->nr]);
		for (i = 0; i < rings->nr && !err; i++)
			err = attach_consumer(side, i, rings->ring[i], names[0]);
		return err;
	default:
		return side->produces ?
		       attach_producer(side, rings->ring[0]) :
		       attach_consumer(side, 0, rings->ring[0], names[side->nr]);
	}
}

static void leave(struct contest_side *side)
{
	struct roles *roles = side->handle;
	unsigned int i;

	if (roles->producer)
		disruptor_producer_detach(roles->producer);
	if (roles->multi)
		disruptor_multi_detach(roles->multi);
	for (i = 0; i < MAX_RINGS; i++) {
		if (roles->consumer[i])
			disruptor_consumer_detach(roles->consumer[i]);
	}
	free(roles);
}

/* ---- produce ----------------------------------------------------------------------- */

/* Give @size and @batch as constants where they are 8 and 1. */
CONTEST_INLINE int
publish_batches(struct disruptor_producer *producer, uint64_t size,
		uint64_t batch, unsigned int nr, uint64_t from, uint64_t to)
{
	uint64_t lo, i, k;
	int err;

	for (i = from; i < to; i += batch) {
		char *slot;

		err = disruptor_claim(producer, batch, &lo);
		if (err)
			return err;
		slot = disruptor_producer_slot(producer, lo);
		for (k = 0; k < batch; k++)
			contest_fill(slot + k * size, size, contest_value(nr, i + k));
		disruptor_publish(producer, lo, lo + batch);
	}
	return 0;
}

CONTEST_INLINE int
multi_publish(struct disruptor_multi *multi, uint64_t size, uint64_t batch,
	      unsigned int nr, uint64_t from, uint64_t to)
{
	uint64_t lo, i, k;
	int err;

	for (i = from; i < to; i += batch) {
		char *slot;

		err = disruptor_multi_claim(multi, batch, &lo);
		if (err)
			return err;
		slot = disruptor_multi_slot(multi, lo);
		for (k = 0; k < batch; k++)
			contest_fill(slot + k * size, size, contest_value(nr, i + k));
		disruptor_multi_publish(multi, lo, lo + batch);
	}
	return 0;
}

/* SHAPE_RAW: nothing is written, LMAX's test of this name counts only. */
static int publish_none(struct disruptor_producer *producer, uint64_t batch,
			uint64_t from, uint64_t to)
{
	uint64_t lo, i;
	int err;

	for (i = from; i < to; i += batch) {
		err = disruptor_claim(producer, batch, &lo);
		if (err)
			return err;
		disruptor_publish(producer, lo, lo + batch);
	}
	return 0;
}

static int copy_in(struct disruptor_producer *producer, struct contest_side *side,
		   uint64_t from, uint64_t to)
{
	uint64_t batch = side->contest->batch, i;
	int err;

	for (i = from; i < to; i += batch) {
		contest_mark(side, i / batch);
		err = disruptor_write(producer, side->array, batch);
		if (err)
			return err;
	}
	return 0;
}

static int produce(struct contest_side *side, uint64_t from, uint64_t to)
{
	const struct contest *contest = side->contest;
	struct roles *roles = side->handle;
	struct disruptor_producer *producer = roles->producer;

	if (contest->shape == SHAPE_RAW)
		return publish_none(producer, contest->batch, from, to);
	if (contest->shape == SHAPE_COPY)
		return copy_in(producer, side, from, to);
	if (roles->multi && contest->size == 8 && contest->batch == 1)
		return multi_publish(roles->multi, 8, 1, side->nr, from, to);
	if (roles->multi)
		return multi_publish(roles->multi, contest->size, contest->batch,
				     side->nr, from, to);
	if (contest->size == 8 && contest->batch == 1)
		return publish_batches(producer, 8, 1, side->nr, from, to);
	if (contest->size == 8)
		return publish_batches(producer, 8, contest->batch, side->nr,
				       from, to);
	if (contest->batch == 1)
		return publish_batches(producer, contest->size, 1, side->nr, from, to);
	return publish_batches(producer, contest->size, contest->batch, side->nr,
			       from, to);
}

/* ---- consume ------------------------------------------------------------------------- */

CONTEST_INLINE uint64_t
check_range(struct disruptor_consumer *consumer, uint64_t size,
	    const struct disruptor_range *range)
{
	const char *slot = disruptor_consumer_slot(consumer, range->lo);
	uint64_t wrong = 0, seq;

	for (seq = range->lo; seq != range->hi; seq++, slot += size)
		wrong |= contest_check(slot, size, seq);
	return wrong;
}

CONTEST_INLINE uint64_t
handle_stages(struct disruptor_consumer *consumer,
	      const struct disruptor_range *range, enum contest_shape shape,
	      unsigned int nr)
{
	struct contest_event *event = disruptor_consumer_slot(consumer, range->lo);
	uint64_t wrong = 0, seq;

	for (seq = range->lo; seq != range->hi; seq++, event++)
		wrong |= contest_stage(shape, nr, event, seq);
	return wrong;
}

static uint64_t handle_range(struct contest_side *side,
			     struct disruptor_consumer *consumer,
			     const struct disruptor_range *range)
{
	const struct contest *contest = side->contest;
	uint64_t seq;

	switch (contest->shape) {
	case SHAPE_RAW:
		return 0;
	case SHAPE_PIPELINE:
	case SHAPE_DIAMOND:
		return handle_stages(consumer, range, contest->shape, side->nr);
	case SHAPE_THREE_TO_ONE:
	case SHAPE_THREE_TO_THREE:
		for (seq = range->lo; seq != range->hi; seq++)
			contest_check_any(side, disruptor_consumer_slot(consumer, seq),
					  contest->size);
		return 0;
	default:
		return contest->size == 8 ? check_range(consumer, 8, range) :
		       check_range(consumer, contest->size, range);
	}
}

static int take_ranges(struct contest_side *side,
		       struct disruptor_consumer *consumer, uint64_t nr)
{
	struct disruptor_range range;
	uint64_t taken = 0;
	int err;

	while (taken < nr) {
		err = disruptor_wait(consumer, &range);
		if (err)
			return err;
		side->wrong |= handle_range(side, consumer, &range);
		taken += range.hi - range.lo;
		disruptor_release(consumer, range.hi);
	}
	return 0;
}

/* By turns from all, whatever is there. */
static int take_from_all(struct contest_side *side, uint64_t nr)
{
	struct roles *roles = side->handle;
	struct disruptor_range range;
	uint64_t taken = 0;
	unsigned int looks = 0, i;
	int err;

	for (i = 0; taken < nr; i = (i + 1) % MAX_RINGS) {
		err = disruptor_try_wait(roles->consumer[i], &range);
		if (err == -EAGAIN || err == -ENODATA) {
			contest_idle(side->contest->wait, &looks);
			continue;
		}
		if (err)
			return err;
		looks = 0;
		handle_range(side, roles->consumer[i], &range);
		taken += range.hi - range.lo;
		disruptor_release(roles->consumer[i], range.hi);
	}
	return 0;
}

static int copy_out(struct contest_side *side, struct disruptor_consumer *consumer,
		    uint64_t nr)
{
	uint64_t batch = side->contest->batch, i, filled;
	int64_t got;

	for (i = 0; i < nr / batch; i++) {
		for (filled = 0; filled < batch; filled += got) {
			got = disruptor_read(consumer, side->array + filled,
					     batch - filled);
			if (got < 0)
				return got;
		}
		contest_look(side, i);
	}
	return 0;
}

/* ---- poll ---------------------------------------------------------------------------- */

struct polled {
	uint64_t wrong;
	uint64_t taken;
};

static int on_event(void *context, void *event, uint64_t seq, bool end_of_batch)
{
	struct polled *polled = context;

	(void)end_of_batch;
	polled->wrong |= contest_check(event, 8, seq);
	polled->taken++;
	return 0;
}

static int poll_events(struct contest_side *side,
		       struct disruptor_consumer *consumer, uint64_t nr)
{
	struct polled polled = { 0, 0 };
	const struct disruptor_handler handler = {
		.context = &polled,
		.on_event = on_event,
	};
	unsigned int looks = 0;
	int state;

	while (polled.taken < nr) {
		state = disruptor_poll(consumer, &handler);
		if (state < 0)
			return state;
		if (state == DISRUPTOR_POLL_PROCESSING)
			looks = 0;
		else
			contest_idle(side->contest->wait, &looks);
	}
	side->wrong |= polled.wrong;
	return 0;
}

static int consume(struct contest_side *side, uint64_t nr)
{
	struct disruptor_consumer *consumer =
		((struct roles *)side->handle)->consumer[0];

	switch (side->contest->shape) {
	case SHAPE_COPY:
		return copy_out(side, consumer, nr);
	case SHAPE_POLLER:
		return poll_events(side, consumer, nr);
	case SHAPE_THREE_TO_THREE:
		return take_from_all(side, nr);
	default:
		return take_ranges(side, consumer, nr);
	}
}

/* ---- there and back -------------------------------------------------------------------- */

static int send_one(struct contest_side *side, uint64_t value)
{
	struct roles *roles = side->handle;

	return disruptor_publish_one(roles->producer, &value);
}

static int receive_one(struct contest_side *side, uint64_t *value)
{
	struct disruptor_consumer *consumer =
		((struct roles *)side->handle)->consumer[0];
	struct disruptor_range range;
	int err = disruptor_wait(consumer, &range);

	if (err)
		return err;
	*value = *(uint64_t *)disruptor_consumer_slot(consumer, range.lo);
	disruptor_release(consumer, range.lo + 1);
	return 0;
}

/* ---- the contender ------------------------------------------------------------------------ */

#define RING_WAY(named, is_processes)		\
	{					\
		.name = named,			\
		.processes = is_processes,	\
		.make = make,			\
		.drop = drop,			\
		.enter = enter,			\
		.leave = leave,			\
		.produce = produce,		\
		.consume = consume,		\
		.send = send_one,		\
		.receive = receive_one,		\
	}

int main(void)
{
	static const struct contender_way ways[] = {
		RING_WAY("private", false),
		RING_WAY("device", true),
	};
	static const struct contender contender = {
		.name = "disruptor",
		.version = VERSION,
		.ways = ways,
		.nr_ways = 2,
	};

	return contender_main(&contender);
}
