/* SPDX-License-Identifier: MIT */
#ifndef DISRUPTOR_BENCH_JSON_H
#define DISRUPTOR_BENCH_JSON_H

#include <stdio.h>

#include "figures.h"

void json_string(FILE *json, const char *text);
void json_number(FILE *json, double value);		/* null if it is none */
void json_figures(FILE *json, const char *name, const struct figures *figures);

#endif /* DISRUPTOR_BENCH_JSON_H */
