// SPDX-License-Identifier: MIT
/*
 * Who runs in a case: a row for each way of each contender and each way to wait.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "contest.h"

/* So short that a real-time priority is possible, and that hundreds take minutes. */
#define RUN_NS		15e6
#define WARM_NS		5e6
#define PROBE_EVENTS	2000
#define PROBE_NS	3e6
#define MIN_TRIPS	1000
#define MAX_EVENTS	50e6

/* ---- a run ---------------------------------------------------------------------- */

static void ask_for(const struct entry *entry, double warm, double events,
		    struct answer *answer)
{
	const struct contest_case *of = entry->of;
	char request[256];

	snprintf(request, sizeof(request),
		 "run way=%s shape=%s wait=%s size=%u slots=%u batch=%u warm=%.0f events=%.0f cpus=%d,%d\n",
		 entry->way, of->shape, entry->wait, of->size, of->slots,
		 of->batch, warm, events, options.cpus[0], options.cpus[1]);
	contender_ask(entry->contender, request, answer);
}

static double events_in(const struct entry *entry, double ns)
{
	double events = ns / entry->ns_per_event;
	double least = entry->of->kind == CASE_TRIP ? MIN_TRIPS : entry->of->batch;

	if (events < least)
		return least;
	return events < MAX_EVENTS ? events : MAX_EVENTS;
}

static void fill_columns(const struct entry *entry, const struct answer *answer,
			 double *out)
{
	double ns = answer->ns / answer->events;

	switch (entry->of->kind) {
	case CASE_RATE:
		out[0] = ns;
		out[1] = 1000 / ns;
		break;
	case CASE_COPY:
		out[0] = ns * 20;	/* 20 million events, in milliseconds */
		out[1] = 8 / ns;
		break;
	case CASE_TRIP:
		memcpy(out, answer->times, 4 * sizeof(*out));
		out[4] = answer->times[5];
		break;
	}
}

static int run(struct group *group, unsigned int nr, double *out)
{
	struct entry *entry = group->rows[nr].context;
	const struct contest_case *of = entry->of;
	struct answer answer;
	double warm = 0, events = of->events;

	if (!events) {
		events = events_in(entry, RUN_NS);
		warm = events_in(entry, WARM_NS);
		/* Twice around the queue is enough. */
		warm = warm < 2.0 * of->slots ? warm : 2.0 * of->slots;
	}
	ask_for(entry, warm, events, &answer);
	if (answer.kind != ANSWER_OK) {
		fprintf(stderr, "\nbench: %s: %s: %s\n", group->key,
			group->rows[nr].name, answer.why);
		return -EBADMSG;
	}
	entry->ns_per_event = answer.ns / answer.events;
	fill_columns(entry, &answer, out);
	return 0;
}

/* ---- rows ------------------------------------------------------------------------ */

/*
 * Can it do this, and about how fast?  The first run is one of everything for the
 * first time, and says little.
 */
static bool probe(struct group *group, struct entry *entry)
{
	struct answer answer;

	ask_for(entry, 0, PROBE_EVENTS, &answer);
	if (answer.kind == ANSWER_OK) {
		entry->ns_per_event = answer.ns / answer.events;
		ask_for(entry, 0, events_in(entry, PROBE_NS), &answer);
	}
	if (answer.kind == ANSWER_OK) {
		entry->ns_per_event = answer.ns / answer.events;
		return true;
	}
	group->voids += answer.kind == ANSWER_VOID;
	if (answer.kind == ANSWER_VOID || options.list)
		fprintf(stderr, "%s: %s/%s/%s: %s%s\n", entry->of->key,
			entry->contender->name, entry->way, entry->wait,
			answer.kind == ANSWER_VOID ? "void: " : "", answer.why);
	return false;
}

/* Ours are what the others are measured by. */
static int name_row(struct row *row, const struct entry *entry)
{
	const struct contender *contender = entry->contender;
	char *name, *key;

	if (asprintf(&key, "%s/%s/%s", contender->name, entry->way, entry->wait) < 0)
		return -ENOMEM;
	if (asprintf(&name, "%s%s%s, %s", contender->name,
		     contender->nr_ways > 1 ? " " : "",
		     contender->nr_ways > 1 ? entry->way : "", entry->wait) < 0) {
		free(key);
		return -ENOMEM;
	}
	row->key = key;
	row->name = name;
	row->rival = !strncmp(key, "disruptor/private/", 18);
	return 0;
}

static int add_row(struct group *group, const struct entry *found)
{
	struct row *rows = reallocarray(group->rows, group->nr_rows + 1,
					sizeof(*rows));
	struct entry *entry = malloc(sizeof(*entry));
	int err;

	if (rows)
		group->rows = rows;
	if (!rows || !entry) {
		free(entry);
		return -ENOMEM;
	}
	*entry = *found;
	rows[group->nr_rows] = (struct row){ .context = entry };
	err = name_row(&rows[group->nr_rows], entry);
	if (!err)
		group->nr_rows++;
	return err;
}

static int enter_ways(struct group *group, const struct entry *entry)
{
	struct entry one = *entry;
	unsigned int i;
	int err = 0;

	for (i = 0; i < one.contender->nr_ways && !err; i++) {
		one.way = one.contender->ways[i];
		if (probe(group, &one))
			err = add_row(group, &one);
	}
	return err;
}

/* Without one of ours, all are measured by whoever is fastest. */
static void want_rivals(struct group *group)
{
	unsigned int i;

	for (i = 0; i < group->nr_rows; i++) {
		if (group->rows[i].rival)
			return;
	}
	for (i = 0; i < group->nr_rows; i++)
		group->rows[i].rival = true;
}

static void describe(struct group *group, const struct contest_case *of)
{
	static const char *const columns[][MAX_COLUMNS + 1] = {
		[CASE_RATE] = { "ns/event", "M events/s" },
		[CASE_COPY] = { "ms/10,000 arrays", "GB/s" },
		[CASE_TRIP] = { "ns/round trip", "90%", "99%", "99.9%", "longest" },
	};

	*group = (struct group){
		.key = of->key,
		.title = of->title,
		.rounds = of->rounds,
		.by_speed = true,
		.run = run,
		.state = (void *)of,
	};
	memcpy(group->columns, columns[of->kind], sizeof(group->columns));
}

int group_enter(struct group *group, const struct contest_case *of,
		struct contenders *contenders)
{
	const char *wait = of->waits;
	struct entry entry = { .of = of };
	unsigned int i;
	size_t length;
	int err = 0;

	describe(group, of);
	for (; *wait && !err; wait += length + (wait[length] == ' ')) {
		length = strcspn(wait, " ");
		snprintf(entry.wait, sizeof(entry.wait), "%.*s", (int)length, wait);
		for (i = 0; i < contenders->nr && !err; i++) {
			entry.contender = &contenders->list[i];
			err = enter_ways(group, &entry);
		}
	}
	want_rivals(group);
	return err;
}

void group_leave(struct group *group)
{
	unsigned int i;

	for (i = 0; i < group->nr_rows; i++) {
		free(group->rows[i].context);
		free((char *)group->rows[i].name);
		free((char *)group->rows[i].key);
	}
	group_free(group);
	free(group->rows);
}
