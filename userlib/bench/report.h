/* SPDX-License-Identifier: MIT */
#ifndef DISRUPTOR_BENCH_REPORT_H
#define DISRUPTOR_BENCH_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "group.h"

/**
 * struct report - what is told of a run of the program
 * @json: the file, or NULL
 * @tables: the file, or NULL
 * @groups: how many are in it
 * @voids: runs whose check failed
 * @missed: bars that were missed
 */
struct report {
	FILE *json;
	FILE *tables;
	unsigned int groups;
	unsigned int voids;
	unsigned int missed;
};

/* Opens what the options name; answers not 0 after saying what is wrong. */
int report_begin(struct report *report);

/* Table, JSON and Markdown of a group that was measured. */
void report_group(struct report *report, struct group *group);

/* After the array of groups was closed.  Return: the program's exit status. */
int report_end(struct report *report);

#endif /* DISRUPTOR_BENCH_REPORT_H */
