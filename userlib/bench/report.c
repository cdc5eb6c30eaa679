// SPDX-License-Identifier: MIT
/*
 * The figures, as a table and as JSON: ratios first, since those of one machine
 * say more about another than its nanoseconds do.
 */
#include <math.h>
#include <stdlib.h>

#include "compare.h"
#include "json.h"
#include "machine.h"
#include "options.h"
#include "report.h"

/**
 * struct compared - a row beside its rival, in rounds of one kind
 * @row: which
 * @ratio: of its times to its rival's, round by round
 * @columns: its figures
 */
struct compared {
	const struct row *row;
	struct figures ratio;
	struct figures columns[MAX_COLUMNS];
};

static void compare_row(const struct group *group, const struct row *row,
			const struct row *rival, enum where where,
			struct compared *compared)
{
	unsigned int i;

	compared->row = row;
	compared->ratio = ratio_of(group, row, rival, where);
	for (i = 0; group->columns[i]; i++)
		compared->columns[i] = column_of(group, row, i, where);
}

static int by_time(const void *a, const void *b)
{
	const struct compared *x = a, *y = b;
	double p = x->columns[0].median, q = y->columns[0].median;

	if (isnan(p) || isnan(q))
		return isnan(p) - isnan(q);
	return (p > q) - (p < q);
}

/* All rows; free() it. */
static struct compared *compare_all(const struct group *group,
				    const struct row *rival, enum where where)
{
	struct compared *all = calloc(group->nr_rows, sizeof(*all));
	unsigned int i;

	if (!all) {
		perror("bench");
		exit(1);
	}
	for (i = 0; i < group->nr_rows; i++)
		compare_row(group, &group->rows[i], rival, where, &all[i]);
	if (group->by_speed)
		qsort(all, group->nr_rows, sizeof(*all), by_time);
	return all;
}

/* ---- the table -------------------------------------------------------------------------- */

static const char *verdict(const struct compared *compared)
{
	return compared->ratio.median <= compared->row->bar ? "  met" : "  MISSED";
}

static void print_head(const struct group *group, const struct row *rival,
		       enum where where)
{
	struct figures distance = distance_of(group, rival, where);
	unsigned int i;

	printf("\n%s; %s, %.0f ns apart, %u rounds\n", group->title,
	       where_name(where), distance.median, distance.nr);
	printf("  %-33s %7s %17s %17s", "", "ratio", "quartiles", "95% of medians");
	for (i = 0; group->columns[i]; i++)
		printf(" %16s", group->columns[i]);
	printf("\n  (ratios of times, to: %s)\n", rival->name);
}

static void print_row(const struct group *group, const struct compared *compared)
{
	const struct figures *ratio = &compared->ratio;
	unsigned int i;

	printf("  %-33s %7.3f  %7.3f-%7.3f   %7.3f-%7.3f ", compared->row->name,
	       ratio->median, ratio->q1, ratio->q3, ratio->lo, ratio->hi);
	for (i = 0; group->columns[i]; i++)
		printf(" %16.2f", compared->columns[i].median);
	if (compared->row->bar)
		printf("  bar %.2f:%s", compared->row->bar, verdict(compared));
	printf("\n");
}

/* ---- Markdown ---------------------------------------------------------------------------- */

static void put_table_head(FILE *tables, const struct group *group,
			   const struct row *rival, enum where where)
{
	struct figures distance = distance_of(group, rival, where);
	unsigned int i;

	fprintf(tables, "\n### %s; %s\n\n", group->title, where_name(where));
	fprintf(tables, "%.0f ns apart, %u rounds; ratios of times, to: %s\n\n",
		distance.median, distance.nr, rival->name);
	fputs("| | ratio | 95% of medians |", tables);
	for (i = 0; group->columns[i]; i++)
		fprintf(tables, " %s |", group->columns[i]);
	fputs("\n| --- | ---: | ---: |", tables);
	for (i = 0; group->columns[i]; i++)
		fputs(" ---: |", tables);
	fputc('\n', tables);
}

static void put_table_row(FILE *tables, const struct group *group,
			  const struct compared *compared)
{
	const struct figures *ratio = &compared->ratio;
	unsigned int i;

	fprintf(tables, "| %s | %.3g | %.3g to %.3g |", compared->row->name,
		ratio->median, ratio->lo, ratio->hi);
	for (i = 0; group->columns[i]; i++)
		fprintf(tables, " %.2f |", compared->columns[i].median);
	fputc('\n', tables);
}

/* ---- JSON --------------------------------------------------------------------------------- */

static void put_head(FILE *json, const struct group *group, const struct row *rival,
		     enum where where, bool first)
{
	struct figures distance = distance_of(group, rival, where);

	fprintf(json, "%s\n      {\"where\": \"%s\", ", first ? "" : ",",
		where_name(where));
	json_figures(json, "distance ns", &distance);
	fputs(", \"ratios to\": ", json);
	json_string(json, rival->key);
	fputs(",\n        \"rows\": [", json);
}

static void put_row(FILE *json, const struct group *group,
		    const struct compared *compared)
{
	unsigned int i;

	fputs("\n          {\"row\": ", json);
	json_string(json, compared->row->key);
	fputs(", ", json);
	json_figures(json, "ratio", &compared->ratio);
	for (i = 0; group->columns[i]; i++) {
		fputs(",\n           ", json);
		json_figures(json, group->columns[i], &compared->columns[i]);
	}
	if (compared->row->bar)
		fprintf(json, ",\n           \"bar\": %.2f, \"met\": %s",
			compared->row->bar,
			compared->ratio.median <= compared->row->bar ? "true" :
								       "false");
	fputc('}', json);
}

static void put_raw_row(FILE *json, const struct group *group, const struct row *row)
{
	unsigned int round;

	json_string(json, row->key);
	fputs(": {\"times\": [", json);
	for (round = 0; round < group->rounds; round++) {
		fputs(round ? ", " : "", json);
		json_number(json, row->runs[round].ran ?
				  row->runs[round].values[0] : NAN);
	}
	fputs("], \"where\": \"", json);
	for (round = 0; round < group->rounds; round++)
		fputc(where_name(row->runs[round].where)[0], json);
	fputs("\"}", json);
}

static void put_raw(FILE *json, const struct group *group)
{
	unsigned int i;

	fputs("\n    ],\n     \"by round\": {", json);
	for (i = 0; i < group->nr_rows; i++) {
		fputs(i ? ",\n       " : "\n       ", json);
		put_raw_row(json, group, &group->rows[i]);
	}
	fputs("}}", json);
}

/* ---- all three ------------------------------------------------------------------------------ */

static void report_where(struct report *report, const struct group *group,
			 const struct row *rival, enum where where, bool first)
{
	struct compared *all = compare_all(group, rival, where);
	FILE *json = report->json, *tables = group->brief ? NULL : report->tables;
	unsigned int i, told = 0;

	print_head(group, rival, where);
	if (json)
		put_head(json, group, rival, where, first);
	if (tables)
		put_table_head(tables, group, rival, where);
	for (i = 0; i < group->nr_rows; i++) {
		if (!all[i].columns[0].nr)
			continue;
		print_row(group, &all[i]);
		if (tables)
			put_table_row(tables, group, &all[i]);
		report->missed += all[i].row->bar &&
				  !(all[i].ratio.median <= all[i].row->bar);
		if (json) {
			fputs(told++ ? "," : "", json);
			put_row(json, group, &all[i]);
		}
	}
	if (json)
		fputs("\n        ]}", json);
	free(all);
}

void report_group(struct report *report, struct group *group)
{
	unsigned int moved = moved_runs(group);
	bool first = true;
	int where;

	if (report->json) {
		fputs(report->groups++ ? ",\n    {\"group\": " : "\n    {\"group\": ",
		      report->json);
		json_string(report->json, group->key);
		fprintf(report->json, ", \"void runs\": %u, \"moved runs\": %u",
			group->voids, moved);
		fputs(",\n     \"compared\": [", report->json);
	}
	for (where = WHERE_NEAR; where < WHERE_MOVED; where++) {
		const struct row *rival = rival_of(group, where);

		if (!rival)
			continue;
		report_where(report, group, rival, where, first);
		first = false;
	}
	if (first)
		printf("\n%s: fewer than %u rounds alike: nothing to compare\n",
		       group->title, FEW_ROUNDS);
	if (moved)
		printf("  (%u runs left out: the processors were %s)\n", moved,
		       "moved meanwhile, or taken away");
	if (report->json)
		put_raw(report->json, group);
	report->voids += group->voids;
	fflush(stdout);
}

static FILE *open_named(const char *path)
{
	FILE *file = fopen(path, "w");

	if (!file)
		perror(path);
	return file;
}

int report_begin(struct report *report)
{
	*report = (struct report){};
	if (options.json) {
		report->json = open_named(options.json);
		if (!report->json)
			return 1;
		fputs("{\n", report->json);
		machine_describe(report->json);
		fputs(",\n  \"groups\": [", report->json);
	}
	if (options.tables) {
		report->tables = open_named(options.tables);
		if (!report->tables)
			return 1;
	}
	return 0;
}

static int close_named(FILE *file, const char *path)
{
	int bad;

	if (!file)
		return 0;
	bad = ferror(file);
	if (!fclose(file) && !bad)
		return 0;
	perror(path);
	return 1;
}

int report_end(struct report *report)
{
	int status;

	if (report->json) {
		fputs(",\n  \"load_after\": ", report->json);
		json_number(report->json, machine_load());
		fputs("\n}\n", report->json);
	}
	status = close_named(report->json, options.json) |
		 close_named(report->tables, options.tables);
	if (report->voids) {
		fprintf(stderr, "bench: %u runs are void\n", report->voids);
		status = 1;
	}
	if (!status && options.bars && report->missed)
		status = 3;
	return status;
}
