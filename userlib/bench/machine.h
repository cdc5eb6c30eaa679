/* SPDX-License-Identifier: MIT */
#ifndef DISRUPTOR_BENCH_MACHINE_H
#define DISRUPTOR_BENCH_MACHINE_H

#include <stdio.h>

/* What machine this is, as a member "machine" of an object. */
void machine_describe(FILE *json);

/* The load average of the last minute. */
double machine_load(void);

#endif /* DISRUPTOR_BENCH_MACHINE_H */
