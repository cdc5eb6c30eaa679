// SPDX-License-Identifier: GPL-2.0-only
/*
 * A contender that tells the truth in one way and lies in the others, to see that it
 * is found out: "swaps" two events, "repeats" one instead of another, "alters" one, all of
 * them one of thousands; "dies" in the run, and "fails".
 */
#include <string.h>
#include <unistd.h>

#include "contenders/contender.h"

#define LIE	1234	/* the event that is no longer true */

struct queue {
	uint64_t sent __attribute__((aligned(LINE_BYTES)));
	uint64_t taken __attribute__((aligned(LINE_BYTES)));
	uint64_t values[4096];
};

static int make(struct contest *contest)
{
	if (contest->shape != SHAPE_ONE_TO_ONE || contest->size != 8)
		return contest_refuse(contest, "only one to one, 8 bytes");
	contest->state = shared_alloc(sizeof(struct queue));
	return 0;
}

static void drop(struct contest *contest)
{
	shared_free(contest->state, sizeof(struct queue));
}

static uint64_t told(const char *way, uint64_t i)
{
	if (!strcmp(way, "swaps") && i / 2 == LIE / 2)
		return i ^ 1;
	if (!strcmp(way, "repeats") && i == LIE)
		return i - 1;
	return !strcmp(way, "alters") && i == LIE ? i | 1ULL << 40 : i;
}

static int produce(struct contest_side *side, uint64_t lo, uint64_t hi)
{
	struct queue *queue = side->contest->state;
	const char *way = side->contest->way->name;
	uint64_t i;

	for (i = lo; i < hi; i++) {
		while (i - load_acquire(&queue->taken) == 4096)
			sched_yield();
		if (!strcmp(way, "dies") && i == LIE)
			_exit(1);
		if (!strncmp(way, "fails", 5) && i == LIE)
			return -EIO;
		queue->values[i % 4096] = told(way, i);
		store_release(&queue->sent, i + 1);
	}
	return 0;
}

static int consume(struct contest_side *side, uint64_t nr)
{
	struct queue *queue = side->contest->state;
	uint64_t i;

	for (i = 0; i < nr; i++) {
		while (load_acquire(&queue->sent) == i)
			sched_yield();
		side->wrong |= contest_check(&queue->values[i % 4096], 8, i);
		store_release(&queue->taken, i + 1);
	}
	return 0;
}

#define WAY(named, is_processes)							\
	{ .name = named, .processes = is_processes, .make = make, .drop = drop,		\
	  .produce = produce, .consume = consume }

int main(void)
{
	static const struct contender_way ways[] = {
		WAY("honest", false), WAY("honest-apart", true), WAY("swaps", false),
		WAY("repeats", false), WAY("alters", true), WAY("dies", false),
		WAY("fails", false), WAY("fails-apart", true),
	};
	static const struct contender contender = {
		.name = "liar",
		.ways = ways,
		.nr_ways = sizeof(ways) / sizeof(ways[0]),
	};

	return contender_main(&contender);
}
