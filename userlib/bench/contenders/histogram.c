// SPDX-License-Identifier: MIT
/*
 * Cells are a nanosecond wide below 256, twice as wide from there to 512, and so on.
 */
#include "histogram.h"

static unsigned int cell_of(uint64_t ns)
{
	unsigned int shift, cell;

	if (ns < 2 * HISTOGRAM_PARTS)
		return ns;
	shift = 63 - __builtin_clzll(ns) - __builtin_ctz(HISTOGRAM_PARTS);
	cell = shift * HISTOGRAM_PARTS + (ns >> shift);
	return cell < HISTOGRAM_CELLS ? cell : HISTOGRAM_CELLS - 1;
}

/* The highest that is counted in @cell. */
static uint64_t end_of(unsigned int cell)
{
	unsigned int shift;

	if (cell < 2 * HISTOGRAM_PARTS)
		return cell;
	shift = cell / HISTOGRAM_PARTS - 1;
	return ((cell % HISTOGRAM_PARTS + HISTOGRAM_PARTS + 1ULL) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t ns)
{
	histogram->cells[cell_of(ns)]++;
	histogram->nr++;
	if (ns > histogram->max)
		histogram->max = ns;
}

uint64_t histogram_at(const struct histogram *histogram, double part)
{
	uint64_t wanted = part * histogram->nr + 0.5, below = 0;
	unsigned int cell;

	for (cell = 0; cell < HISTOGRAM_CELLS; cell++) {
		below += histogram->cells[cell];
		if (below && below >= wanted)
			break;
	}
	/* Of the highest, more is known than its cell, and the last cell has no end. */
	return cell < HISTOGRAM_CELLS - 1 && end_of(cell) < histogram->max ?
	       end_of(cell) : histogram->max;
}
