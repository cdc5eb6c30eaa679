// SPDX-License-Identifier: MIT
/*
 * Medians and their like.
 */
#include <math.h>
#include <stdlib.h>

#include "figures.h"

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double at(const double *sorted, unsigned int nr, double position)
{
	unsigned int below;

	if (position <= 0)
		return sorted[0];
	if (position >= nr - 1)
		return sorted[nr - 1];
	below = position;
	return sorted[below] + (position - below) *
	       (sorted[below + 1] - sorted[below]);
}

double quantile(double *values, unsigned int nr, double q)
{
	if (!nr)
		return NAN;
	qsort(values, nr, sizeof(*values), compare);
	return at(values, nr, q * (nr - 1));
}

/*
 * The interval of the median comes from counting alone: how many
 * of @nr lie below it is binomial, whatever they are distributed like.
 */
struct figures figures_of(double *values, unsigned int nr)
{
	struct figures figures = { .nr = nr };
	double reach = 0.98 * sqrt(nr), middle = (nr - 1) / 2.0;

	figures.median = quantile(values, nr, 0.5);
	if (!nr) {
		figures.q1 = NAN;
		figures.q3 = NAN;
		figures.lo = NAN;
		figures.hi = NAN;
		return figures;
	}
	figures.q1 = at(values, nr, 0.25 * (nr - 1));
	figures.q3 = at(values, nr, 0.75 * (nr - 1));
	figures.lo = at(values, nr, floor(middle - reach));
	figures.hi = at(values, nr, ceil(middle + reach));
	return figures;
}
