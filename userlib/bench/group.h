/* SPDX-License-Identifier: MIT */
/*
 * Groups: ways of doing the same, which take turns.
 */
#ifndef DISRUPTOR_BENCH_GROUP_H
#define DISRUPTOR_BENCH_GROUP_H

#include <stdbool.h>

#define MAX_COLUMNS	6
#define MAX_ROUNDS	1000

/* Where the two processors were to each other during a run. */
enum where {
	WHERE_NEAR,
	WHERE_FAR,
	WHERE_MOVED,		/* it counts for nothing */
	NR_WHERE,
};

const char *where_name(enum where where);

/**
 * struct measured - one run of one row
 * @ran: there is one
 * @values: by column; the first is a time, and is compared.  NaN: void
 * @distance_ns: of the processors, the mean of before and after
 * @where: what that means
 */
struct measured {
	bool ran;
	double values[MAX_COLUMNS];
	double distance_ns;
	enum where where;
};

/**
 * struct row - one way of doing it
 * @name: for people
 * @key: for programs
 * @rival: others are measured by it; of several, by the one that is fastest here
 * @bar: its ratio should be no more; 0: none is set
 * @context: whoever made it
 * @runs: by round, as many as MAX_ROUNDS; NULL: none yet
 */
struct row {
	const char *name;
	const char *key;
	bool rival;
	double bar;
	void *context;
	struct measured *runs;
};

/**
 * struct group - rows that are compared with one another
 * @key: its name for the command line and for programs
 * @title: for people
 * @columns: what is measured; NULL after the last
 * @rows: how it is done
 * @nr_rows: how many
 * @rounds: how many, each with one run of every row
 * @done: rounds that are measured already, and kept
 * @by_speed: rows are told from the fastest to the slowest
 * @brief: no table of it in Markdown
 * @processes: the sides are processes and the ring is the module's; or threads and
 *	a private ring
 * @begin: before a round; what it makes, all runs of the round share.  May be NULL
 * @run: one run of row @nr; @out: by column
 * @end: after the round; may be NULL
 * @keep: hears of every run; may be NULL
 * @state: theirs
 * @voids: runs whose check failed, and which count for nothing
 */
struct group {
	const char *key;
	const char *title;
	const char *columns[MAX_COLUMNS + 1];
	struct row *rows;
	unsigned int nr_rows;
	unsigned int rounds;
	unsigned int done;
	bool by_speed;
	bool brief;
	bool processes;
	int (*begin)(struct group *group);
	int (*run)(struct group *group, unsigned int nr, double *out);
	void (*end)(struct group *group);
	void (*keep)(const struct group *group, unsigned int nr, unsigned int round);
	void *state;
	unsigned int voids;
};

/*
 * Measure groups round by round, all of them in each round; -ENOMEM, or what @begin
 * answered.  Rounds that the command line does not set are those of each group.  When
 * the seconds that it sets are over, groups have the rounds that there were.
 */
int groups_measure(struct group *groups, unsigned int nr);
bool time_is_up(void);

/* Its runs, made if there are none yet; NULL: no memory. */
struct measured *row_runs(struct row *row);
void group_free(struct group *group);

#endif /* DISRUPTOR_BENCH_GROUP_H */
