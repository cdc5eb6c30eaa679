/* SPDX-License-Identifier: MIT */
/*
 * Medians and their like.
 */
#ifndef DISRUPTOR_BENCH_FIGURES_H
#define DISRUPTOR_BENCH_FIGURES_H

/**
 * struct figures - many of one kind
 * @nr: how many
 * @median: the middle one
 * @q1: a quarter is less
 * @q3: a quarter is more
 * @lo: the median lies between this
 * @hi: and this, for 95 of 100 such runs
 */
struct figures {
	unsigned int nr;
	double median;
	double q1;
	double q3;
	double lo;
	double hi;
};

/* Both sort @values. */
double quantile(double *values, unsigned int nr, double q);
struct figures figures_of(double *values, unsigned int nr);

#endif /* DISRUPTOR_BENCH_FIGURES_H */
