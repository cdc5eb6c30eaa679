// SPDX-License-Identifier: MIT
/*
 * Plots, by gnuplot: of every case its rows, of the matrix its sizes, and of round
 * trips how they are distributed.  Bars around points are 95% of medians.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../compare.h"
#include "contest.h"

#define RATE		1	/* the column */
#define MAX_SERIES	64

/* Ours, limits and peers are told apart by colour, near from far by the point. */
enum kind {
	KIND_OURS,
	KIND_LIMIT,
	KIND_PEER,
	NR_KINDS,
};

static const char *const colours[] = { "#c03020", "#808080", "#2060b0" };
static const char *const kind_names[] = { "ours", "limits", "others" };

static enum kind kind_of(const struct row *row)
{
	if (!strncmp(row->key, "disruptor/", 10))
		return KIND_OURS;
	return strncmp(row->key, "bare/", 5) ? KIND_PEER : KIND_LIMIT;
}

/* How a line is drawn; valid until the next call. */
static const char *line_named(const char *name, unsigned int nr)
{
	static const char *const peers[] = {
		"#1f77b4", "#2ca02c", "#9467bd", "#8c564b", "#e377c2", "#bcbd22",
		"#17becf", "#ff7f0e", "#5254a3", "#637939", "#ad494a", "#7b4173",
	};
	static char line[64];
	bool ours = !strncmp(name, "disruptor", 9), limit = !strncmp(name, "bare", 4);

	snprintf(line, sizeof(line), "pt %u ps 0.6 lw %s lc rgb '%s'%s",
		 nr % 12 + 1, ours ? "2.5" : "1",
		 ours ? colours[KIND_OURS] : limit ? colours[KIND_LIMIT] :
						     peers[nr % 12],
		 limit ? " dt 2" : "");
	return line;
}

static const char *line_of(const struct row *row, unsigned int nr)
{
	return line_named(row->key, nr);
}

static bool has(const struct group *group, enum where where)
{
	return rival_of(group, where);
}

static void begin(FILE *gnuplot, const char *directory, const char *name,
		  const char *suffix, unsigned int width, unsigned int height)
{
	fprintf(gnuplot,
		"reset\n"
		"set terminal svg size %u,%u noenhanced font 'sans-serif,12' background 'white'\n"
		"set output '%s/%s%s.svg'\n"
		"set grid back lc rgb '#dddddd'\n"
		"set border lc rgb '#888888'\n"
		"set tics textcolor rgb 'black'\n", width, height, directory, name,
		suffix);
	fputs("tens = '1 2 5 10 20 50 100 200 500 1000 2000 5000 10000 20000 50000 100000'\n"
	      "parts = '0.01 0.02 0.05 0.1 0.2 0.5 '\n", gnuplot);
}

/* ---- the rows of a case --------------------------------------------------------------- */

struct dot {
	const struct row *row;
	double speed;		/* the best of near and far, to sort by */
};

static int slowest_first(const void *a, const void *b)
{
	const struct dot *x = a, *y = b;

	return (x->speed > y->speed) - (x->speed < y->speed);
}

/* For round trips, which are the better the less they take. */
static int longest_first(const void *a, const void *b)
{
	return -slowest_first(a, b);
}

static unsigned int plotted_column(const struct group *group)
{
	return case_of(group)->kind == CASE_TRIP ? 0 : RATE;
}

static unsigned int list_dots(const struct group *group, struct dot *dots)
{
	unsigned int column = plotted_column(group), i, nr = 0;
	int where;

	for (i = 0; i < group->nr_rows; i++) {
		struct dot dot = { &group->rows[i], 0 };

		for (where = WHERE_MOVED - 1; where >= 0; where--) {
			struct figures speed = column_of(group, dot.row, column,
							 where);

			if (has(group, where) && speed.nr >= FEW_ROUNDS)
				dot.speed = speed.median;
		}
		if (dot.speed > 0)
			dots[nr++] = dot;
	}
	qsort(dots, nr, sizeof(*dots),
	      column == RATE ? slowest_first : longest_first);
	return nr;
}

static void put_dots(FILE *gnuplot, const struct group *group,
		     const struct dot *dots, unsigned int nr, enum where where,
		     enum kind kind)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct figures speed = column_of(group, dots[i].row,
						 plotted_column(group), where);

		if (kind_of(dots[i].row) == kind && speed.nr >= FEW_ROUNDS)
			fprintf(gnuplot, "%g %u %g %g\n", speed.median, i,
				speed.lo, speed.hi);
	}
	fputs("e\n", gnuplot);
}

static bool has_kind(const struct group *group, enum where where, enum kind kind)
{
	unsigned int i;

	for (i = 0; i < group->nr_rows; i++) {
		const struct row *row = &group->rows[i];

		if (kind_of(row) == kind &&
		    column_of(group, row, 0, where).nr >= FEW_ROUNDS)
			return has(group, where);
	}
	return false;
}

static void draw_dots(FILE *gnuplot, const struct group *group,
		      const struct dot *dots, unsigned int nr)
{
	const char *before = "plot ";
	int where, kind;

	for (where = 0; where < WHERE_MOVED; where++) {
		for (kind = 0; kind < NR_KINDS; kind++) {
			if (!has_kind(group, where, kind))
				continue;
			fprintf(gnuplot,
				"%s'-' using 1:2:3:4 with xerrorbars pt %d ps 0.7 lc rgb '%s' title '%s, %s'",
				before, where == WHERE_NEAR ? 7 : 6,
				colours[kind], kind_names[kind],
				where_name(where));
			before = ", ";
		}
	}
	fputs("\n", gnuplot);
	for (where = 0; where < WHERE_MOVED; where++) {
		for (kind = 0; kind < NR_KINDS; kind++) {
			if (has_kind(group, where, kind))
				put_dots(gnuplot, group, dots, nr, where, kind);
		}
	}
}

static void draw_case(FILE *gnuplot, const struct group *group, const char *directory)
{
	static const char *const units[] = {
		[CASE_RATE] = "million events a second",
		[CASE_COPY] = "GB a second",
		[CASE_TRIP] = "nanoseconds for a round trip, median",
	};
	struct dot *dots = calloc(group->nr_rows + 1, sizeof(*dots));
	unsigned int nr = dots ? list_dots(group, dots) : 0, i;

	if (!nr) {
		free(dots);
		return;
	}
	begin(gnuplot, directory, group->key, "", 860, 150 + 19 * nr);
	fprintf(gnuplot, "set title '%s: %s'\nset xlabel '%s'\nset logscale x\n"
		"set for [at in parts.tens] xtics add (at at)\n",
		group->key, group->title, units[case_of(group)->kind]);
	fprintf(gnuplot, "set yrange [-0.7:%u.7]\nset key outside bottom center horizontal maxcols 3\nset ytics (",
		nr - 1);
	for (i = 0; i < nr; i++)
		fprintf(gnuplot, "%s'%s' %u", i ? ", " : "", dots[i].row->name, i);
	fputs(")\n", gnuplot);
	draw_dots(gnuplot, group, dots, nr);
	free(dots);
}

/* ---- how round trips are distributed ---------------------------------------------------- */

static unsigned int count_columns(const struct group *group)
{
	unsigned int nr = 0;

	while (group->columns[nr])
		nr++;
	return nr;
}

static bool is_drawn(const struct group *group, const struct row *row,
		     enum where where, const char *wait)
{
	const struct entry *entry = row->context;

	return !strcmp(entry->wait, wait) &&
	       column_of(group, row, 0, where).nr >= FEW_ROUNDS;
}

static void put_trips(FILE *gnuplot, const struct group *group,
		      const struct row *row, enum where where)
{
	unsigned int nr = count_columns(group), k;

	for (k = 0; k < nr; k++) {
		struct figures time = column_of(group, row, k, where);

		fprintf(gnuplot, "%u %g %g %g\n", k, time.median, time.lo,
			time.hi);
	}
	fputs("e\n", gnuplot);
}

static void draw_trips(FILE *gnuplot, const struct group *group,
		       enum where where, const char *wait, const char *directory)
{
	unsigned int i, drawn = 0;
	char suffix[64];

	snprintf(suffix, sizeof(suffix), "-%s-%s", wait, where_name(where));
	begin(gnuplot, directory, group->key, suffix, 860, 480);
	fprintf(gnuplot,
		"set title '%s, %s, %s: round trips that so many do not exceed'\n"
		"set ylabel 'nanoseconds'\nset logscale y\nset key outside right top\n"
		"set for [at in tens] ytics add (at at)\n"
		"set xrange [-0.3:4.3]\n"
		"set xtics ('50%%%%' 0, '90%%%%' 1, '99%%%%' 2, '99.9%%%%' 3, 'longest' 4)\n",
		group->key, wait, where_name(where));
	for (i = 0; i < group->nr_rows; i++) {
		const struct row *row = &group->rows[i];

		if (!is_drawn(group, row, where, wait))
			continue;
		fprintf(gnuplot, "%s'-' using 1:2:3:4 with yerrorlines %s title '%s'",
			drawn ? ", " : "plot ", line_of(row, drawn), row->name);
		drawn++;
	}
	fputs("\n", gnuplot);
	for (i = 0; i < group->nr_rows; i++) {
		if (is_drawn(group, &group->rows[i], where, wait))
			put_trips(gnuplot, group, &group->rows[i], where);
	}
}

static void draw_all_trips(FILE *gnuplot, const struct group *group,
			   const char *directory)
{
	static const char *const waits[] = { "spin", "sleep" };
	unsigned int i;
	int where;

	for (where = 0; where < WHERE_MOVED; where++) {
		if (!has(group, where))
			continue;
		for (i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
			draw_trips(gnuplot, group, where, waits[i], directory);
	}
}

/* ---- the matrix ----------------------------------------------------------------------------- */

static bool is_by(const struct row *row, const void *name)
{
	const struct entry *entry = row->context;

	return !strcmp(entry->name, name);
}

/* Contenders by name, each once. */
static unsigned int list_names(const struct group *groups, unsigned int nr,
			       const char **names)
{
	unsigned int i, j, k, found = 0;

	for (i = 0; i < nr; i++) {
		for (j = 0; in_matrix(&groups[i]) && j < groups[i].nr_rows; j++) {
			const struct entry *entry = groups[i].rows[j].context;
			const char *name = entry->name;

			for (k = 0; k < found && strcmp(names[k], name); k++)
				;
			if (k == found && found < MAX_SERIES)
				names[found++] = name;
		}
	}
	return found;
}

/* The fastest of a contender in a cell; NULL: the group is none, or it has none. */
static const struct row *row_in(const struct group *group, unsigned int size,
				const char *name, enum where where)
{
	const struct contest_case *of = case_of(group);

	if (!in_matrix(group) || of->size != size || of->events)
		return NULL;
	return fastest(group, where, is_by, name);
}

static void put_series(FILE *gnuplot, const struct group *groups, unsigned int nr,
		       unsigned int size, const char *name, enum where where)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		const struct row *row = row_in(&groups[i], size, name, where);
		struct figures rate;

		if (!row)
			continue;
		rate = column_of(&groups[i], row, RATE, where);
		fprintf(gnuplot, "%u %g %g %g\n", case_of(&groups[i])->batch,
			rate.median, rate.lo, rate.hi);
	}
	fputs("e\n", gnuplot);
}

static bool has_series(const struct group *groups, unsigned int nr,
		       unsigned int size, const char *name, enum where where)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (row_in(&groups[i], size, name, where))
			return true;
	}
	return false;
}

static void draw_size(FILE *gnuplot, const struct group *groups, unsigned int nr,
		      unsigned int size, const char **names, unsigned int nr_names,
		      enum where where)
{
	const char *before = "plot ";
	bool any = false;
	unsigned int i;

	fprintf(gnuplot, "set title '%u bytes'\n", size);
	for (i = 0; i < nr_names; i++)
		any |= has_series(groups, nr, size, names[i], where);
	if (!any) {
		fputs("set multiplot next\n", gnuplot);
		return;
	}
	for (i = 0; i < nr_names; i++) {
		if (!has_series(groups, nr, size, names[i], where))
			continue;
		fprintf(gnuplot, "%s'-' using 1:2:3:4 with yerrorlines %s notitle",
			before, line_named(names[i], i));
		before = ", ";
	}
	fputs("\n", gnuplot);
	for (i = 0; i < nr_names; i++) {
		if (has_series(groups, nr, size, names[i], where))
			put_series(gnuplot, groups, nr, size, names[i], where);
	}
}

/* The sixth panel is for the names. */
static void draw_names(FILE *gnuplot, const char **names, unsigned int nr)
{
	unsigned int i;

	fputs("set title ' '\nunset border\nunset tics\nunset grid\nunset xlabel\n"
	      "unset ylabel\nunset logscale\nset key center left samplen 3\n"
	      "set xrange [0:1]\nset yrange [0:1]\nplot ", gnuplot);
	for (i = 0; i < nr; i++)
		fprintf(gnuplot, "%s-1 with linespoints %s title '%s'",
			i ? ", " : "", line_named(names[i], i), names[i]);
	fputs("\n", gnuplot);
}

static void draw_matrix(FILE *gnuplot, const struct group *groups, unsigned int nr,
			const char *directory, enum where where)
{
	static const unsigned int sizes[] = { 8, 64, 256, 1024, 4096 };
	const char *names[MAX_SERIES];
	unsigned int nr_names = list_names(groups, nr, names), i;
	bool any = false;

	for (i = 0; i < nr; i++)
		any |= in_matrix(&groups[i]) && has(&groups[i], where);
	if (!any)
		return;
	begin(gnuplot, directory, "Matrix-", where_name(where), 1180, 760);
	fprintf(gnuplot,
		"set multiplot layout 2,3 title 'One to one, %s: million events a second, the best way of each'\n"
		"set logscale xy\nset xlabel 'events in a batch'\nset ylabel 'million a second'\n"
		"set xrange [0.7:3000]\nset xtics (1, 16, 256, 2000)\n"
		"set for [at in parts.tens] ytics add (at at)\n",
		where_name(where));
	for (i = 0; i < 5; i++)
		draw_size(gnuplot, groups, nr, sizes[i], names, nr_names, where);
	draw_names(gnuplot, names, nr_names);
	fputs("unset multiplot\n", gnuplot);
}

/* ---- all -------------------------------------------------------- */

int plots_draw(const struct group *groups, unsigned int nr, const char *directory)
{
	FILE *gnuplot;
	unsigned int i;

	if (mkdir(directory, 0777) && errno != EEXIST) {
		perror(directory);
		return 1;
	}
	gnuplot = popen("gnuplot", "w");
	if (!gnuplot) {
		perror("gnuplot");
		return 1;
	}
	for (i = 0; i < nr; i++) {
		if (!in_matrix(&groups[i]))
			draw_case(gnuplot, &groups[i], directory);
		if (case_of(&groups[i])->kind == CASE_TRIP)
			draw_all_trips(gnuplot, &groups[i], directory);
	}
	draw_matrix(gnuplot, groups, nr, directory, WHERE_NEAR);
	draw_matrix(gnuplot, groups, nr, directory, WHERE_FAR);
	if (pclose(gnuplot)) {
		fprintf(stderr, "bench: gnuplot failed: no plots in %s\n", directory);
		return 1;
	}
	return 0;
}
