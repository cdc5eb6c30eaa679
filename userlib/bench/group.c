// SPDX-License-Identifier: MIT
/*
 * Rounds: in each, every row of a group runs once, in an order drawn anew.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

/*
 * A round trip of two lines between cores that share a cache takes 60 to 200 ns on
 * the machines we have seen, between others 300 and more.
 */
#define NEAR_NS		250
/* Distances measured during a round differ by no more, or it was moved. */
#define MOVED_TIMES	1.7

#define PROGRESS_NS	(5 * NSEC_PER_SEC)

const char *where_name(enum where where)
{
	static const char *const names[] = { "near", "far", "moved" };

	return names[where];
}

/* ---- progress ------------------------------------------------------------------ */

static uint64_t told_at;

static void progress(const struct group *group, unsigned int round)
{
	uint64_t now = disruptor_now_ns();
	bool terminal = isatty(STDERR_FILENO);

	if (round && now - told_at < (terminal ? NSEC_PER_SEC / 5 : PROGRESS_NS))
		return;
	told_at = now;
	fprintf(stderr, "%s%s: round %u of %u%s", terminal ? "\r\033[K" : "",
		group->key, round + 1, group->rounds, terminal ? "" : "\n");
}

void progress_end(void)
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

static void run_row(struct group *group, unsigned int nr, unsigned int round)
{
	double out[MAX_COLUMNS] = { NAN, NAN, NAN };
	uint64_t began = disruptor_now_ns();
	unsigned int i;
	int err = group->run(group, nr, out);

	for (i = 0; i < MAX_COLUMNS; i++)
		group->rows[nr].values[i][round] = err ? NAN : out[i];
	if (err) {
		group->voids++;
		fprintf(stderr, "bench: %s: %s: void: %s\n", group->key,
			group->rows[nr].name, strerror(-err));
	}
	rest(disruptor_now_ns() - began);
}

static void locate(struct group *group, unsigned int round, double *distances,
		   unsigned int nr)
{
	double median = quantile(distances, nr, 0.5);

	group->distance[round] = median;
	if (distances[nr - 1] > distances[0] * MOVED_TIMES)
		group->where[round] = WHERE_MOVED;
	else
		group->where[round] = median < NEAR_NS ? WHERE_NEAR : WHERE_FAR;
}

static int measure_round(struct group *group, unsigned int round)
{
	double distances[MAX_ROWS + 1];
	unsigned int order[MAX_ROWS];
	unsigned int i;
	int err = group->begin(group);

	if (err)
		return err;
	shuffle(order, group->nr_rows);
	distances[0] = distance_ns(options.cpus);
	for (i = 0; i < group->nr_rows; i++) {
		run_row(group, order[i], round);
		distances[i + 1] = distance_ns(options.cpus);
	}
	group->end(group);
	locate(group, round, distances, group->nr_rows + 1);
	return 0;
}

int group_measure(struct group *group)
{
	unsigned int round;
	int err = 0;

	if (options.rounds)
		group->rounds = options.rounds;
	for (round = 0; round < group->rounds && !err; round++) {
		progress(group, round);
		err = measure_round(group, round);
	}
	progress_end();
	if (err)
		fprintf(stderr, "bench: %s: %s\n", group->key, strerror(-err));
	return err;
}
