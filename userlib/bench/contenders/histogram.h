/* SPDX-License-Identifier: MIT */
/*
 * Counts of times, as an HDR histogram keeps them: each to one part in 128, from one
 * nanosecond to a minute.
 */
#ifndef DISRUPTOR_BENCH_HISTOGRAM_H
#define DISRUPTOR_BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_PARTS	128	/* of each power of two */
#define HISTOGRAM_CELLS	(30 * HISTOGRAM_PARTS)

struct histogram {
	uint64_t nr;
	uint64_t max;
	uint32_t cells[HISTOGRAM_CELLS];
};

void histogram_add(struct histogram *histogram, uint64_t ns);

/* The time that @part of all (0 to 1) do not exceed, but by one part in 128. */
uint64_t histogram_at(const struct histogram *histogram, double part);

#endif /* DISRUPTOR_BENCH_HISTOGRAM_H */
