// SPDX-License-Identifier: MIT
/*
 * Rounds: in each, every row of every group runs once; the rows of a group one after
 * the other, in an order drawn anew.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "group.h"
#include "options.h"
#include "sides.h"

/*
 * A round trip of two lines between cores that share a cache takes 60 to 200 ns on
 * the machines we have seen, between others 300 and more.
 */
#define NEAR_NS		250
/* Distances before and after a run differ by no more, or it was moved. */
#define MOVED_TIMES	1.7

#define PROGRESS_NS	(5 * NSEC_PER_SEC)

const char *where_name(enum where where)
{
	static const char *const names[] = { "near", "far", "moved" };

	return names[where];
}

/* ---- progress ------------------------------------------------------------------ */

struct progress {
	uint64_t began_ns;
	uint64_t told_ns;
	unsigned int done;	/* rounds of groups */
	unsigned int all;
};

static void tell(struct progress *progress, const struct group *group,
		 unsigned int round)
{
	uint64_t now = now_ns(), spent = now - progress->began_ns, left = 0;
	bool terminal = isatty(STDERR_FILENO);

	if (progress->done++ &&
	    now - progress->told_ns < (terminal ? NSEC_PER_SEC / 5 : PROGRESS_NS))
		return;
	progress->told_ns = now;
	if (progress->done > 1)
		left = spent / (progress->done - 1) *
		       (progress->all - progress->done + 1);
	fprintf(stderr, "%s%s: round %u of %u; %u s, about %u s left%s",
		terminal ? "\r\033[K" : "", group->key, round + 1, group->rounds,
		(unsigned int)(spent / NSEC_PER_SEC),
		(unsigned int)(left / NSEC_PER_SEC), terminal ? "" : "\n");
}

static void tell_end(void)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K");
}

/* ---- rounds --------------------------------------------------------------------- */

static void shuffle(unsigned int *order, unsigned int nr)
{
	unsigned int i, j, t;

	for (i = 0; i < nr; i++)
		order[i] = i;
	for (i = nr; i > 1; i--) {
		j = random() % i;
		t = order[i - 1];
		order[i - 1] = order[j];
		order[j] = t;
	}
}

/*
 * At a real-time priority nobody else gets the processors, and the kernel stops
 * who takes them for too long: leave some time to others.
 */
static void rest(uint64_t ran_ns)
{
	struct timespec time = {
		.tv_sec = ran_ns / 4 / NSEC_PER_SEC,
		.tv_nsec = ran_ns / 4 % NSEC_PER_SEC,
	};

	if (options.realtime)
		nanosleep(&time, NULL);
}

static void locate(struct measured *run, double before, double after)
{
	run->distance_ns = (before + after) / 2;
	if (fmax(before, after) > fmin(before, after) * MOVED_TIMES)
		run->where = WHERE_MOVED;
	else
		run->where = run->distance_ns < NEAR_NS ? WHERE_NEAR : WHERE_FAR;
}

/* @distance: in: before; out: after. */
static void run_row(struct group *group, unsigned int nr, unsigned int round,
		    double *distance)
{
	struct measured *run = &group->rows[nr].runs[round];
	double before = *distance;
	uint64_t began_ns = now_ns();
	unsigned int i;
	int err;

	for (i = 0; i < MAX_COLUMNS; i++)
		run->values[i] = NAN;
	err = group->run(group, nr, run->values);
	if (err) {
		run->values[0] = NAN;
		group->voids++;
		fprintf(stderr, "bench: %s: %s: void: %s\n", group->key,
			group->rows[nr].name, strerror(-err));
	}
	rest(now_ns() - began_ns);
	*distance = distance_ns(options.cpus, group->processes);
	locate(run, before, *distance);
	run->ran = true;
	if (group->keep)
		group->keep(group, nr, round);
}

static int measure_round(struct group *group, unsigned int round)
{
	unsigned int *order = calloc(group->nr_rows + 1, sizeof(*order));
	double distance;
	unsigned int i;
	int err = 0;

	if (!order)
		return -ENOMEM;
	if (group->begin)
		err = group->begin(group);
	if (err)
		goto out;
	shuffle(order, group->nr_rows);
	distance = distance_ns(options.cpus, group->processes);
	for (i = 0; i < group->nr_rows; i++)
		run_row(group, order[i], round, &distance);
	if (group->end)
		group->end(group);
out:
	free(order);
	return err;
}

static uint64_t began_ns;

bool time_is_up(void)
{
	if (!began_ns)
		began_ns = now_ns();
	return now_ns() - began_ns >= options.seconds * NSEC_PER_SEC;
}

struct measured *row_runs(struct row *row)
{
	if (!row->runs)
		row->runs = calloc(MAX_ROUNDS, sizeof(*row->runs));
	return row->runs;
}

static int make_room(struct group *group)
{
	unsigned int i;

	for (i = 0; i < group->nr_rows; i++) {
		if (!row_runs(&group->rows[i]))
			return -ENOMEM;
	}
	return 0;
}

void group_free(struct group *group)
{
	unsigned int i;

	for (i = 0; i < group->nr_rows; i++)
		free(group->rows[i].runs);
}

static int begin_all(struct group *groups, unsigned int nr,
		     struct progress *progress, unsigned int *last)
{
	unsigned int i;
	int err;

	for (i = 0; i < nr; i++) {
		if (options.rounds)
			groups[i].rounds = options.rounds;
		if (groups[i].rounds < groups[i].done)
			groups[i].rounds = groups[i].done;
		err = make_room(&groups[i]);
		if (err)
			return err;
		progress->all += groups[i].rounds - groups[i].done;
		*last = groups[i].rounds > *last ? groups[i].rounds : *last;
	}
	return 0;
}

static int measure_all(struct group *groups, unsigned int nr, unsigned int last,
		       struct progress *progress)
{
	unsigned int round, i;
	int err;

	for (round = 0; round < last; round++) {
		for (i = 0; i < nr; i++) {
			if (round < groups[i].done || round >= groups[i].rounds)
				continue;
			if (time_is_up())
				return 0;
			tell(progress, &groups[i], round);
			err = measure_round(&groups[i], round);
			if (err)
				return err;
			groups[i].done = round + 1;
		}
	}
	return 0;
}

int groups_measure(struct group *groups, unsigned int nr)
{
	struct progress progress = { .began_ns = now_ns() };
	unsigned int last = 0, i;
	int err = begin_all(groups, nr, &progress, &last);

	if (!err)
		err = measure_all(groups, nr, last, &progress);
	for (i = 0; i < nr; i++)
		groups[i].rounds = groups[i].done;
	tell_end();
	if (err)
		fprintf(stderr, "bench: %s\n", strerror(-err));
	return err;
}
