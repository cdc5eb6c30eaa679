// SPDX-License-Identifier: MIT
/*
 * Rows beside one another.
 */
#include <math.h>
#include <stddef.h>

#include "compare.h"

static bool counts(const struct measured *run, enum where where)
{
	return run->ran && run->where == where && isfinite(run->values[0]);
}

struct figures ratio_of(const struct group *group, const struct row *row,
			const struct row *to, enum where where)
{
	double values[MAX_ROUNDS];
	unsigned int round, nr = 0;

	for (round = 0; round < group->rounds; round++) {
		if (counts(&row->runs[round], where) &&
		    counts(&to->runs[round], where))
			values[nr++] = row->runs[round].values[0] /
				       to->runs[round].values[0];
	}
	return figures_of(values, nr);
}

struct figures column_of(const struct group *group, const struct row *row,
			 unsigned int column, enum where where)
{
	double values[MAX_ROUNDS];
	unsigned int round, nr = 0;

	for (round = 0; round < group->rounds; round++) {
		if (counts(&row->runs[round], where))
			values[nr++] = row->runs[round].values[column];
	}
	return figures_of(values, nr);
}

struct figures distance_of(const struct group *group, const struct row *row,
			   enum where where)
{
	double values[MAX_ROUNDS];
	unsigned int round, nr = 0;

	for (round = 0; round < group->rounds; round++) {
		if (counts(&row->runs[round], where))
			values[nr++] = row->runs[round].distance_ns;
	}
	return figures_of(values, nr);
}

const struct row *fastest(const struct group *group, enum where where,
			  bool (*choose)(const struct row *row, const void *what),
			  const void *what)
{
	const struct row *found = NULL;
	double least = INFINITY;
	unsigned int i;

	for (i = 0; i < group->nr_rows; i++) {
		const struct row *row = &group->rows[i];
		struct figures time = column_of(group, row, 0, where);

		if (!(choose ? choose(row, what) : row->rival) ||
		    time.nr < FEW_ROUNDS || !(time.median < least))
			continue;
		found = row;
		least = time.median;
	}
	return found;
}

static bool is_any(const struct row *row, const void *what)
{
	(void)row;
	(void)what;
	return true;
}

/* Without a rival, all are measured by whoever is fastest. */
const struct row *rival_of(const struct group *group, enum where where)
{
	const struct row *rival = fastest(group, where, NULL, NULL);

	return rival ? rival : fastest(group, where, is_any, NULL);
}

unsigned int moved_runs(const struct group *group)
{
	unsigned int i, round, nr = 0;

	for (i = 0; i < group->nr_rows; i++) {
		for (round = 0; round < group->rounds; round++)
			nr += group->rows[i].runs[round].ran &&
			      group->rows[i].runs[round].where == WHERE_MOVED;
	}
	return nr;
}
