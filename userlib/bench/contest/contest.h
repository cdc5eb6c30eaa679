/* SPDX-License-Identifier: MIT */
/*
 * disruptor-bench: contenders, and what they are asked to do.
 */
#ifndef DISRUPTOR_BENCH_CONTEST_H
#define DISRUPTOR_BENCH_CONTEST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "../group.h"
#include "../options.h"

#define MAX_CONTENDERS	64
#define MAX_WAYS	16
#define WORD_LENGTH	32

/* ---- ask.c: talk with contenders ---------------------------------------------- */

/**
 * struct contender - a program that runs as long as the bench
 * @path: of the program
 * @name: as it says
 * @version: likewise
 * @ways: likewise
 * @nr_ways: how many
 * @pid: of the process; 0: none runs
 * @to: requests
 * @from: answers
 */
struct contender {
	char *path;
	char name[WORD_LENGTH];
	char version[WORD_LENGTH];
	char ways[MAX_WAYS][WORD_LENGTH];
	unsigned int nr_ways;
	pid_t pid;
	FILE *to;
	FILE *from;
};

enum answer_kind {
	ANSWER_OK,
	ANSWER_VOID,
	ANSWER_UNSUPPORTED,
};

/**
 * struct answer - what a contender says of a run
 * @kind: how it went
 * @events: how many counted
 * @ns: what they took
 * @times: of round trips: those that 50%, 90%, 99%, 99.9%, 99.99% do not exceed, and
 *	the longest
 * @why: ANSWER_VOID, ANSWER_UNSUPPORTED
 */
struct answer {
	enum answer_kind kind;
	double events;
	double ns;
	double times[6];
	char why[200];
};

struct contenders {
	struct contender list[MAX_CONTENDERS];
	unsigned int nr;
};

/* Start all programs in the directory that are wanted; 0: there is none. */
unsigned int contenders_start(struct contenders *contenders, const char *directory);
void contenders_end(struct contenders *contenders);

/* Hand a request over, wait for the answer.  Whose run is void is started anew. */
void contender_ask(struct contender *contender, const char *request,
		   struct answer *answer);

/* ---- cases.c: what they are asked --------------------------------------------------- */

/* What the columns of a case are. */
enum case_kind {
	CASE_RATE,		/* ns an event, million events a second */
	CASE_COPY,		/* ms for 10,000 batches of 2,000, GB a second */
	CASE_TRIP,		/* ns of round trips: median, 90%, 99%, 99.9%, longest */
};

/**
 * struct contest_case - what is run
 * @key: LMAX's name, if it has one
 * @title: for people
 * @shape: as contenders call it
 * @kind: of the figures
 * @waits: how the sides wait, blanks between
 * @size: bytes of an event
 * @slots: of a queue
 * @batch: events that are sent as one
 * @events: how many, without any before; 0: as many as take RUN_NS, warmed up
 * @rounds: by default
 */
struct contest_case {
	char key[64];
	char title[160];
	const char *shape;
	enum case_kind kind;
	const char *waits;
	unsigned int size;
	unsigned int slots;
	unsigned int batch;
	unsigned int events;
	unsigned int rounds;
};

#define MAX_CASES	128

/* Those that are wanted; how many. */
unsigned int cases_list(struct contest_case *cases);

/* ---- entries.c: who runs what --------------------------------------------------------- */

/**
 * struct entry - a contender in a case, the context of a row
 * @contender: who; NULL: of an earlier run, and not here
 * @name: the contender's
 * @way: which of its ways
 * @wait: how its sides wait
 * @ns_per_event: in the last run
 */
struct entry {
	struct contender *contender;
	char name[WORD_LENGTH];
	char way[WORD_LENGTH];
	char wait[WORD_LENGTH];
	double ns_per_event;
};

static inline const struct contest_case *case_of(const struct group *group)
{
	return group->state;
}

/* There are many of these, and a line in the summary tells of each. */
static inline bool in_matrix(const struct group *group)
{
	return !strncmp(group->key, "Matrix-", 7);
}

/* Make the group of a case, without rows yet. */
void group_begin(struct group *group, const struct contest_case *of);

/* The row of a key, contender/way/wait, made if it is not there; NULL: no memory. */
struct row *group_row(struct group *group, const char *key, const char *name);

/* Add all contenders that can do it. */
int group_enter(struct group *group, struct contenders *contenders);
void group_leave(struct group *group);

/* ---- journal.c: what was measured before ------------------------------------------------ */

/* Read it, and have every run of the groups written to it. */
int journal_open(struct group *groups, unsigned int nr, const char *path);
void journal_close(void);

/* ---- summary.c: ours, theirs and the limit ------------------------------------------------ */

/* Neither ours nor a limit. */
bool is_peer(const struct row *row);

/* @tables may be NULL. */
void summary_report(const struct group *groups, unsigned int nr, FILE *tables);

/* ---- bars.c: what was to be reached ------------------------------------------------------ */

/* How many were missed.  @json and @tables may be NULL. */
unsigned int bars_report(const struct group *groups, unsigned int nr, FILE *json,
			 FILE *tables);

/* ---- plots.c -------------------------------------------------------------------------------- */

/* SVG files into the directory; not 0 after saying what is wrong. */
int plots_draw(const struct group *groups, unsigned int nr, const char *directory);

#endif /* DISRUPTOR_BENCH_CONTEST_H */
