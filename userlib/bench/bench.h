/* SPDX-License-Identifier: MIT */
/*
 * What the benches share: two sides on two processors, rounds, and figures.
 */
#ifndef DISRUPTOR_BENCH_H
#define DISRUPTOR_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <disruptor.h>

#include "figures.h"
#include "sides.h"

#define __aligned(x)	__attribute__((aligned(x)))
#define noinline	__attribute__((noinline))
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

/* ---- wait.c ------------------------------------------------------------------- */

/**
 * struct options - what the command line says
 * @cpus: of the first side, and of the second
 * @realtime: run at a real-time priority
 * @rounds: of every group; 0: as many as it wants
 * @only: part of the names of the groups to run; NULL: all
 * @json: file for the figures; NULL: none
 * @bars: exit with 3 if a bar is missed
 */
struct options {
	int cpus[2];
	bool realtime;
	unsigned int rounds;
	const char *only;
	const char *json;
	bool bars;
};

extern struct options options;

/* Have @first and @second done at once; what they share is in @context. */
int two_sides_run(bool processes, side_fn *first, side_fn *second, void *context);

/* ---- group.c: what is measured by turns --------------------------------------- */

#define MAX_ROWS	8
#define MAX_COLUMNS	3
#define MAX_ROUNDS	1000

/**
 * struct row - one way of doing it
 * @name: for people
 * @key: for programs
 * @rival: others are measured by it; of several, by the one that is fastest here
 * @bar: its ratio should be no more; 0: none is set
 * @values: by column and round; the first column is a time, and is compared.
 *	NaN: the run is void
 */
struct row {
	const char *name;
	const char *key;
	bool rival;
	double bar;
	double values[MAX_COLUMNS][MAX_ROUNDS];
};

/* Where the two processors were to each other during a round. */
enum where {
	WHERE_NEAR,
	WHERE_FAR,
	WHERE_MOVED,		/* nothing is compared */
	NR_WHERE,
};

/**
 * struct group - rows that are compared with one another
 * @key: its name for the command line and for programs
 * @title: for people
 * @columns: what is measured; NULL after the last
 * @rows: how it is done
 * @nr_rows: how many
 * @rounds: how many, each with one run of every row
 * @processes: the sides are processes and the ring is the module's; or threads and
 *	a private ring
 * @begin: before a round; what it makes, all runs of the round share
 * @run: one run of row @nr; @out: by column
 * @end: after the round
 * @state: theirs
 * @distance: by round, in nanoseconds
 * @where: by round
 * @voids: runs whose check failed, and which count for nothing
 */
struct group {
	const char *key;
	const char *title;
	const char *columns[MAX_COLUMNS + 1];
	struct row *rows;
	unsigned int nr_rows;
	unsigned int rounds;
	bool processes;
	int (*begin)(struct group *group);
	int (*run)(struct group *group, unsigned int nr, double *out);
	void (*end)(struct group *group);
	void *state;
	double distance[MAX_ROUNDS];
	enum where where[MAX_ROUNDS];
	unsigned int voids;
};

const char *where_name(enum where where);
int group_measure(struct group *group);
void progress_end(void);

/* ---- report.c ------------------------------------------------------------------- */

/**
 * struct compared - a row beside its rival, in rounds of one kind
 * @ratio: of its times to its rival's, round by round
 * @columns: its figures
 */
struct compared {
	struct figures ratio;
	struct figures columns[MAX_COLUMNS];
};

struct report;

struct report *report_new(void);
void report_group(struct report *report, struct group *group);
int report_end(struct report *report);

/* ---- links.c: ways to hand a value over ----------------------------------------- */

#define LINK_SLOTS	16384	/* more than a run has events */

struct link;

/**
 * struct link_end - what one side has of it
 * @link: which
 * @producer: of a ring
 * @consumer: likewise
 * @next: the value, or the event, that comes next
 * @ready: events that may be taken without asking again
 */
struct link_end {
	struct link *link;
	struct disruptor_producer *producer;
	struct disruptor_consumer *consumer;
	uint64_t next;
	uint64_t ready;
};

struct link_kind {
	int (*make)(struct link *link);
	void (*drop)(struct link *link);
	int (*send)(struct link_end *end, uint64_t value);
	int (*receive)(struct link_end *end, uint64_t *value);
};

/**
 * struct link - one way, from one side to the other; in memory that both share
 * @kind: how
 * @processes: between processes
 * @ring: of the kind ring_link
 * @ring_slots: how many it has
 * @strategy: how both ends of the ring wait
 * @fds: of the kinds that have some
 * @word: of the kind futex_link
 * @slots: of the kind array_link
 */
struct link {
	const struct link_kind *kind;
	bool processes;
	struct disruptor_ring *ring;
	uint32_t ring_slots;
	struct disruptor_wait_strategy strategy;
	int fds[2];
	uint32_t word __aligned(DISRUPTOR_LINE);
	uint64_t slots[LINK_SLOTS] __aligned(DISRUPTOR_LINE);
};

extern const struct link_kind ring_link;	/* a ring */
extern const struct link_kind futex_link;	/* a word that is the value, and its futex */
extern const struct link_kind eventfd_link;	/* a counter that is the value */
extern const struct link_kind pipe_link;	/* eight bytes at a time */
extern const struct link_kind array_link;	/* an array of values, an eventfd that counts them */

int link_sender(struct link *link, struct link_end *end);
int link_receiver(struct link *link, struct link_end *end);
void link_leave(struct link_end *end);
int ring_make(struct disruptor_ring **ring, bool processes, uint32_t slots);

/* ---- the groups --------------------------------------------------------------------- */

int publish_groups(bool processes, struct report *report);
int pingpong_groups(bool processes, struct report *report);
int paced_groups(bool processes, struct report *report);
bool is_wanted(const char *key);

#endif /* DISRUPTOR_BENCH_H */
