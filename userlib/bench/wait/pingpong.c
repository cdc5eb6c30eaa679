// SPDX-License-Identifier: MIT
/*
 * Ping-pong of two sides that go to sleep until the other answers.
 *
 * A side that is woken takes longer to answer than the other to fall asleep, so
 * once they sleep they do so every time; and where both are awake, they may stay
 * so.  The first value is sent to one that sleeps, and who sleeps is counted.
 */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "wait.h"

#define WARM_TRIPS	100
#define TRIPS		400
#define SLOTS		1024
#define ROUNDS		60
#define ASLEEP_NS	500000		/* by then */
#define MIN_SLEEPS	1.9		/* in a round trip of two that sleep */

struct way {
	const struct link_kind *kind;
	uint32_t spins;
	bool may_wake;		/* without having slept */
};

/* As the rows below. */
static const struct way ways[] = {
	{ .kind = &futex_link },
	{ .kind = &eventfd_link },
	{ .kind = &pipe_link },
	{ .kind = &ring_link, .spins = 1 },
	{ .kind = &ring_link, .may_wake = true },
};

static const struct row rows[] = {
	{ .name = "futex", .key = "futex", .rival = true },
	{ .name = "eventfd", .key = "eventfd", .rival = true },
	{ .name = "pipe", .key = "pipe", .rival = true },
	{ .name = "ring, asleep at once", .key = "ring", .bar = 1.0 },
	{ .name = "ring, as by default", .key = "ring-default" },
};

#define NR_ROWS		ARRAY_SIZE(rows)

/**
 * struct run - one run, in memory of both sides
 * @there: from the first side to the second
 * @back: the other way
 * @start: both are ready
 * @sleeps: how often each side gave its processor back
 * @ns: of the round trips that count
 */
struct run {
	struct link there;
	struct link back;
	struct meeting start;
	long sleeps[2];
	double ns[TRIPS];
};

static long thread_sleeps(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nvcsw;
}

static void let_fall_asleep(void)
{
	struct timespec time = { .tv_nsec = ASLEEP_NS };

	nanosleep(&time, NULL);
}

static int expect(struct link_end *end, uint64_t expected)
{
	uint64_t value = 0;
	int err = end->link->kind->receive(end, &value);

	if (err)
		return err;
	return value == expected ? 0 : -EBADMSG;
}

static int serve_trips(struct run *run, struct link_end *to,
		       struct link_end *from)
{
	uint64_t began, i;
	int err;

	let_fall_asleep();
	for (i = 1; i <= WARM_TRIPS + TRIPS; i++) {
		began = disruptor_now_ns();
		err = to->link->kind->send(to, i);
		if (!err)
			err = expect(from, i);
		if (err)
			return err;
		if (i > WARM_TRIPS)
			run->ns[i - WARM_TRIPS - 1] = disruptor_now_ns() - began;
	}
	return 0;
}

static int answer_trips(struct run *run, struct link_end *to,
			struct link_end *from)
{
	uint64_t i;
	int err;

	(void)run;
	for (i = 1; i <= WARM_TRIPS + TRIPS; i++) {
		err = expect(from, i);
		if (!err)
			err = to->link->kind->send(to, i);
		if (err)
			return err;
	}
	return 0;
}

static int play(struct run *run, unsigned int side, struct link *out,
		struct link *in,
		int (*trips)(struct run *run, struct link_end *to,
			     struct link_end *from))
{
	struct link_end to = {}, from = {};
	int err = link_sender(out, &to);
	long sleeps;

	if (!err)
		err = link_receiver(in, &from);
	meet(&run->start, 2);
	sleeps = thread_sleeps();
	if (!err)
		err = trips(run, &to, &from);
	run->sleeps[side] = thread_sleeps() - sleeps;
	link_leave(&to);
	link_leave(&from);
	return err;
}

static int serve(void *context)
{
	struct run *run = context;

	return play(run, 0, &run->there, &run->back, serve_trips);
}

static int answer(void *context)
{
	struct run *run = context;

	return play(run, 1, &run->back, &run->there, answer_trips);
}

static void describe(struct link *link, const struct way *way, bool processes)
{
	link->kind = way->kind;
	link->processes = processes;
	link->ring_slots = SLOTS;
	link->strategy.kind = DISRUPTOR_WAIT_BLOCK;
	link->strategy.spins = way->spins;
}

static int run_linked(struct run *run, bool processes)
{
	const struct link_kind *kind = run->there.kind;
	int err = kind->make(&run->there);

	if (err)
		return err;
	err = kind->make(&run->back);
	if (!err) {
		err = two_sides_run(processes, serve, answer, run);
		kind->drop(&run->back);
	}
	kind->drop(&run->there);
	return err;
}

static int run_way(struct group *group, unsigned int nr, double *out)
{
	struct run *run = shared_alloc(sizeof(*run));
	int err;

	describe(&run->there, &ways[nr], group->processes);
	describe(&run->back, &ways[nr], group->processes);
	err = run_linked(run, group->processes);
	if (!err) {
		out[0] = quantile(run->ns, TRIPS, 0.5) / 1000;
		out[1] = quantile(run->ns, TRIPS, 0.99) / 1000;
		out[2] = (double)(run->sleeps[0] + run->sleeps[1]) /
			 (WARM_TRIPS + TRIPS);
		if (out[2] < MIN_SLEEPS && !ways[nr].may_wake)
			out[0] = NAN;	/* not what is to be compared */
	}
	shared_free(run, sizeof(*run));
	return err;
}

int pingpong_groups(bool processes, struct report *report)
{
	static struct row measured[NR_ROWS];
	static struct group group;

	memcpy(measured, rows, sizeof(rows));
	group = (struct group){
		.key = processes ? "pingpong-device" : "pingpong-private",
		.title = processes ?
			 "Ping-pong asleep, between processes" :
			 "Ping-pong asleep, between threads (private ring)",
		.columns = { "us/round trip", "99th of 100", "sleeps/trip" },
		.rows = measured,
		.nr_rows = NR_ROWS,
		.rounds = ROUNDS,
		.processes = processes,
		.run = run_way,
	};
	return measure_group(&group, report);
}
