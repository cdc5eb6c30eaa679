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

static void ask_for(const struct entry *entry, const struct contest_case *of,
		    double warm, double events, struct answer *answer)
{
	char request[256];

	snprintf(request, sizeof(request),
		 "run way=%s shape=%s wait=%s size=%u slots=%u batch=%u warm=%.0f events=%.0f cpus=%d,%d\n",
		 entry->way, of->shape, entry->wait, of->size, of->slots,
		 of->batch, warm, events, options.cpus[0], options.cpus[1]);
	contender_ask(entry->contender, request, answer);
}

static double events_in(const struct entry *entry, const struct contest_case *of,
			double ns)
{
	double events = ns / entry->ns_per_event;
	double least = of->kind == CASE_TRIP ? MIN_TRIPS : of->batch;

	if (events < least)
		return least;
	return events < MAX_EVENTS ? events : MAX_EVENTS;
}

static void fill_columns(enum case_kind kind, const struct answer *answer,
			 double *out)
{
	double ns = answer->ns / answer->events;

	switch (kind) {
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
	const struct contest_case *of = case_of(group);
	struct answer answer;
	double warm = 0, events = of->events;

	if (!entry->contender)
		return 0;
	if (!events) {
		events = events_in(entry, of, RUN_NS);
		warm = events_in(entry, of, WARM_NS);
		/* Twice around the queue is enough. */
		warm = warm < 2.0 * of->slots ? warm : 2.0 * of->slots;
	}
	ask_for(entry, of, warm, events, &answer);
	if (answer.kind != ANSWER_OK) {
		fprintf(stderr, "\nbench: %s: %s: %s\n", group->key,
			group->rows[nr].name, answer.why);
		return -EBADMSG;
	}
	entry->ns_per_event = answer.ns / answer.events;
	fill_columns(of->kind, &answer, out);
	return 0;
}

/* ---- rows ------------------------------------------------------------------------ */

static bool split(struct entry *entry, const char *key)
{
	return sscanf(key, "%31[^/]/%31[^/]/%31[^/]", entry->name, entry->way,
		      entry->wait) == 3;
}

/* Ours are what the others are measured by. */
static int fill_row(struct row *row, const char *key, const char *name)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	row->context = entry;
	row->key = strdup(key);
	row->name = strdup(name);
	row->rival = !strncmp(key, "disruptor/private/", 18);
	if (entry && row->key && row->name && split(entry, key))
		return 0;
	free(entry);
	free((char *)row->key);
	free((char *)row->name);
	return -ENOMEM;
}

struct row *group_row(struct group *group, const char *key, const char *name)
{
	struct row *rows;
	unsigned int i;

	for (i = 0; i < group->nr_rows; i++) {
		if (!strcmp(group->rows[i].key, key))
			return &group->rows[i];
	}
	rows = reallocarray(group->rows, group->nr_rows + 1, sizeof(*rows));
	if (!rows)
		return NULL;
	group->rows = rows;
	rows[i] = (struct row){};
	if (fill_row(&rows[i], key, name))
		return NULL;
	group->nr_rows++;
	return &rows[i];
}

static int add_row(struct group *group, const struct entry *found)
{
	const struct contender *contender = found->contender;
	bool one = contender->nr_ways == 1;
	char key[3 * WORD_LENGTH + 3], name[3 * WORD_LENGTH + 4];
	struct row *row;

	snprintf(key, sizeof(key), "%s/%s/%s", contender->name, found->way,
		 found->wait);
	snprintf(name, sizeof(name), "%s%s%s, %s", contender->name, one ? "" : " ",
		 one ? "" : found->way, found->wait);
	row = group_row(group, key, name);
	if (!row)
		return -ENOMEM;
	memcpy(row->context, found, sizeof(*found));
	return 0;
}

/*
 * Can it do this, and about how fast?  The first run is one of everything for the
 * first time, and says little.
 */
static bool probe(struct group *group, struct entry *entry)
{
	const struct contest_case *of = case_of(group);
	struct answer answer;

	ask_for(entry, of, 0, PROBE_EVENTS, &answer);
	if (answer.kind == ANSWER_OK) {
		entry->ns_per_event = answer.ns / answer.events;
		ask_for(entry, of, 0, events_in(entry, of, PROBE_NS), &answer);
	}
	if (answer.kind == ANSWER_OK) {
		entry->ns_per_event = answer.ns / answer.events;
		return true;
	}
	group->voids += answer.kind == ANSWER_VOID;
	if (answer.kind == ANSWER_VOID || options.list)
		fprintf(stderr, "%s: %s/%s/%s: %s%s\n", of->key, entry->name,
			entry->way, entry->wait,
			answer.kind == ANSWER_VOID ? "void: " : "", answer.why);
	return false;
}

static int enter_ways(struct group *group, struct contender *contender,
		      const char *wait, size_t length)
{
	struct entry entry = { .contender = contender };
	unsigned int i;
	int err = 0;

	strcpy(entry.name, contender->name);
	snprintf(entry.wait, sizeof(entry.wait), "%.*s", (int)length, wait);
	for (i = 0; i < contender->nr_ways && !err; i++) {
		strcpy(entry.way, contender->ways[i]);
		if (probe(group, &entry))
			err = add_row(group, &entry);
	}
	return err;
}

int group_enter(struct group *group, struct contenders *contenders)
{
	const char *wait = case_of(group)->waits;
	unsigned int i;
	size_t length;
	int err = 0;

	for (; *wait && !err; wait += length + (wait[length] == ' ')) {
		length = strcspn(wait, " ");
		for (i = 0; i < contenders->nr && !err; i++)
			err = enter_ways(group, &contenders->list[i], wait, length);
	}
	return err;
}

void group_begin(struct group *group, const struct contest_case *of)
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
	group->brief = in_matrix(group);
	memcpy(group->columns, columns[of->kind], sizeof(group->columns));
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
