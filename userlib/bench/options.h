/* SPDX-License-Identifier: MIT */
#ifndef DISRUPTOR_BENCH_OPTIONS_H
#define DISRUPTOR_BENCH_OPTIONS_H

#include <stdbool.h>

/**
 * struct options - what the command line says
 * @cpus: of the first side, and of the second
 * @realtime: run at a real-time priority
 * @rounds: of every group; 0: as many as it wants
 * @only: parts of the names of the groups to run, commas between; NULL: all
 * @json: file for the figures; NULL: none
 * @bars: exit with 3 if a bar is missed
 * @contenders: directory of disruptor-bench's
 * @rows: parts of the names of the contenders to run, commas between; NULL: all
 * @plots: directory for plots; NULL: none
 * @tables: file for the tables as Markdown; NULL: none
 * @whole: the matrix with all ways to wait, and with short streams
 * @journal: file that keeps every run, and is continued; NULL: none
 * @seconds: measure no longer, 0: not at all; with a journal, what is left is for the next time
 * @list: say what there is, and end
 */
struct options {
	int cpus[2];
	bool realtime;
	unsigned int rounds;
	const char *only;
	const char *json;
	bool bars;
	const char *contenders;
	const char *rows;
	const char *plots;
	const char *tables;
	bool whole;
	const char *journal;
	unsigned int seconds;
	bool list;
};

extern struct options options;

/*
 * Read them.  Those from @contenders on are for a program that has some (@contests).
 * Ends the program with 2 and @usage if they are wrong, with 0 and @usage for --help.
 */
void options_parse(int argc, char **argv, const char *usage, bool contests);

/* Is one of the parts in @text? */
bool is_wanted(const char *parts, const char *text);

#endif /* DISRUPTOR_BENCH_OPTIONS_H */
