/* SPDX-License-Identifier: MIT */
/*
 * Rows beside one another: only runs of one round, and with the processors at the
 * same distance, are compared.
 */
#ifndef DISRUPTOR_BENCH_COMPARE_H
#define DISRUPTOR_BENCH_COMPARE_H

#include "figures.h"
#include "group.h"

#define FEW_ROUNDS	5	/* alike: too few to compare */

/* Of the times of @row to those of @to, round by round. */
struct figures ratio_of(const struct group *group, const struct row *row,
			const struct row *to, enum where where);
struct figures column_of(const struct group *group, const struct row *row,
			 unsigned int column, enum where where);
struct figures distance_of(const struct group *group, const struct row *row,
			   enum where where);

/* Of those that @choose, or of the rivals if that is NULL; NULL: none has a figure. */
const struct row *fastest(const struct group *group, enum where where,
			  bool (*choose)(const struct row *row, const void *what),
			  const void *what);

/* What the others are measured by; NULL: too few rounds. */
const struct row *rival_of(const struct group *group, enum where where);

/* Runs that count for nothing since the processors were moved. */
unsigned int moved_runs(const struct group *group);

#endif /* DISRUPTOR_BENCH_COMPARE_H */
