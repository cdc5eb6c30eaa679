// SPDX-License-Identifier: MIT
/*
 * What an event costs in processor time when there are few of them: the publisher
 * keeps to a schedule, sleeps until the next event is due, and publishes all that
 * are due one by one.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "wait.h"

#define WARM_NS		20000000ULL	/* before the events that count */
#define RUN_NS		100000000ULL
#define SLOTS		16384
#define ROUNDS		15

struct way {
	const struct link_kind *kind;	/* NULL: events go nowhere */
	uint32_t spins;
};

/* As the rows below. */
static const struct way ways[] = {
	{ .kind = &array_link },
	{ .kind = &ring_link },
	{ .kind = &ring_link, .spins = 1 },
	{ .kind = NULL },
};

static const struct row rows[] = {
	{ .name = "eventfd and an array", .key = "eventfd", .rival = true },
	{ .name = "ring, as by default", .key = "ring-default" },
	{ .name = "ring, asleep at once", .key = "ring" },
	{ .name = "the schedule alone", .key = "schedule" },
};

#define NR_ROWS		ARRAY_SIZE(rows)

/**
 * struct run - one run, in memory of both sides
 * @link: what carries the events
 * @interval_ns: between two of them
 * @warm: how many do not count
 * @nr: how many do
 * @start: both are ready
 * @publisher_ns: processor time
 * @consumer_ns: likewise
 */
struct run {
	struct link link;
	uint64_t interval_ns;
	uint64_t warm;
	uint64_t nr;
	struct meeting start;
	uint64_t publisher_ns __aligned(DISRUPTOR_LINE);
	uint64_t consumer_ns __aligned(DISRUPTOR_LINE);
};

static void sleep_until(uint64_t ns)
{
	struct timespec time = {
		.tv_sec = ns / NSEC_PER_SEC,
		.tv_nsec = ns % NSEC_PER_SEC,
	};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR)
		;
}

/* The events [@from, @to) of the schedule that began at @began_ns. */
static int publish_on_time(struct run *run, struct link_end *end,
			   uint64_t began_ns, uint64_t from, uint64_t to)
{
	uint64_t now = disruptor_now_ns(), due, i = from;
	int err;

	while (i < to) {
		due = began_ns + i * run->interval_ns;
		if (now < due) {
			sleep_until(due);
			now = disruptor_now_ns();
			continue;
		}
		err = run->link.kind ? run->link.kind->send(end, i) : 0;
		if (err)
			return err;
		i++;
	}
	return 0;
}

static int publish_all(struct run *run, struct link_end *end)
{
	uint64_t began_ns = disruptor_now_ns(), before;
	int err = publish_on_time(run, end, began_ns, 0, run->warm);

	if (err)
		return err;
	before = thread_cpu_ns();
	err = publish_on_time(run, end, began_ns, run->warm, run->warm + run->nr);
	run->publisher_ns = thread_cpu_ns() - before;
	return err;
}

static int publish(void *context)
{
	struct run *run = context;
	struct link_end end = {};
	int err = link_sender(&run->link, &end);

	meet(&run->start, 2);
	if (!err)
		err = publish_all(run, &end);
	link_leave(&end);
	return err;
}

static int consume_all(struct run *run, struct link_end *end)
{
	uint64_t before = thread_cpu_ns(), value, i;
	int err;

	for (i = 0; i < run->warm + run->nr; i++) {
		if (i == run->warm)
			before = thread_cpu_ns();
		err = run->link.kind->receive(end, &value);
		if (err)
			return err;
		if (value != i)
			return -EBADMSG;
	}
	run->consumer_ns = thread_cpu_ns() - before;
	return 0;
}

static int consume(void *context)
{
	struct run *run = context;
	struct link_end end = {};
	int err = link_receiver(&run->link, &end);

	meet(&run->start, 2);
	if (!err && run->link.kind)
		err = consume_all(run, &end);
	link_leave(&end);
	return err;
}

static int run_linked(struct run *run, bool processes)
{
	const struct link_kind *kind = run->link.kind;
	int err = kind ? kind->make(&run->link) : 0;

	if (err)
		return err;
	err = two_sides_run(processes, publish, consume, run);
	if (kind)
		kind->drop(&run->link);
	return err;
}

/* @group->state: events a second. */
static int run_way(struct group *group, unsigned int nr, double *out)
{
	struct run *run = shared_alloc(sizeof(*run));
	int err;

	run->link.kind = ways[nr].kind;
	run->link.processes = group->processes;
	run->link.ring_slots = SLOTS;
	run->link.strategy.spins = ways[nr].spins;
	run->interval_ns = NSEC_PER_SEC / *(const unsigned int *)group->state;
	run->warm = WARM_NS / run->interval_ns;
	run->nr = RUN_NS / run->interval_ns;
	err = run_linked(run, group->processes);
	if (!err) {
		out[1] = (double)run->publisher_ns / run->nr;
		out[2] = (double)run->consumer_ns / run->nr;
		out[0] = out[1] + out[2];
	}
	shared_free(run, sizeof(*run));
	return err;
}

static int begin(struct group *group)
{
	(void)group;
	return 0;
}

static void end(struct group *group)
{
	(void)group;
}

static int paced_group(bool processes, unsigned int rate, struct report *report)
{
	static struct row measured[NR_ROWS];
	static struct group group;
	char key[32], title[80];

	snprintf(key, sizeof(key), "paced-%s-%u",
		 processes ? "device" : "private", rate);
	snprintf(title, sizeof(title), "Processor time, %u events a second, %s",
		 rate, processes ? "between processes" :
				   "between threads (private ring)");
	memcpy(measured, rows, sizeof(rows));
	group = (struct group){
		.key = key,
		.title = title,
		.columns = { "ns/event", "publisher's", "consumer's" },
		.rows = measured,
		.nr_rows = NR_ROWS,
		.rounds = ROUNDS,
		.processes = processes,
		.begin = begin,
		.run = run_way,
		.end = end,
		.state = &rate,
	};
	return measure_group(&group, report);
}

int paced_groups(bool processes, struct report *report)
{
	static const unsigned int rates[] = { 1000, 10000, 100000 };
	unsigned int i;
	int err = 0;

	for (i = 0; i < 3 && !err; i++)
		err = paced_group(processes, rates[i], report);
	return err;
}
