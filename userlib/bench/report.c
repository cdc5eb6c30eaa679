// SPDX-License-Identifier: MIT
/*
 * The figures, as a table and as JSON: ratios first, since those of one machine
 * say more about another than its nanoseconds do.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench.h"

#define FEW_ROUNDS	5	/* of one kind: too few to compare */

/**
 * struct report - what is told of a run of the program
 * @json: the file, or NULL
 * @path: its name
 * @groups: how many are in it
 * @voids: runs whose check failed
 * @missed: bars that were missed
 */
struct report {
	FILE *json;
	const char *path;
	unsigned int groups;
	unsigned int voids;
	unsigned int missed;
};

/* ---- the machine -------------------------------------------------------------------- */

/* The first line of @path that begins with @begin, what follows a colon; or "". */
static void find_line(const char *path, const char *begin, char *text, size_t size)
{
	FILE *file = fopen(path, "r");
	char line[4096], *at;

	text[0] = 0;
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, begin, strlen(begin)))
			continue;
		at = strchr(line, ':');
		at = at ? at + 1 : line;
		at += strspn(at, " \t");
		at[strcspn(at, "\n")] = 0;
		snprintf(text, size, "%s", at);
		break;
	}
	if (file)
		fclose(file);
}

static void load_average(char *text, size_t size)
{
	find_line("/proc/loadavg", "", text, size);
	text[strcspn(text, " ")] = 0;
}

/* ---- JSON ------------------------------------------------------------------------------ */

static void put_string(FILE *json, const char *text)
{
	fputc('"', json);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', json);
		if ((unsigned char)*text >= ' ')
			fputc(*text, json);
	}
	fputc('"', json);
}

static void put_number(FILE *json, double value)
{
	if (isfinite(value))
		fprintf(json, "%.6g", value);
	else
		fputs("null", json);
}

static void put_member(FILE *json, const char *name, const char *text)
{
	fprintf(json, "    \"%s\": ", name);
	put_string(json, text);
	fputs(",\n", json);
}

static void put_figures(FILE *json, const char *name, const struct figures *figures)
{
	const double values[] = { figures->median, figures->q1, figures->q3,
				  figures->lo, figures->hi };
	static const char *const names[] = { "median", "q1", "q3", "lo95",
					     "hi95" };
	unsigned int i;

	put_string(json, name);
	fprintf(json, ": {\"rounds\": %u", figures->nr);
	for (i = 0; i < 5; i++) {
		fprintf(json, ", \"%s\": ", names[i]);
		put_number(json, values[i]);
	}
	fputc('}', json);
}

static void put_machine(FILE *json)
{
	char text[4096];
	struct utsname name;

	uname(&name);
	fputs("{\n  \"machine\": {\n", json);
	find_line("/proc/cpuinfo", "model name", text, sizeof(text));
	put_member(json, "cpu", text);
	find_line("/proc/cpuinfo", "flags", text, sizeof(text));
	put_member(json, "virtual",
		   strstr(text, " hypervisor") ? "yes" : "no");
	put_member(json, "kernel", name.release);
	put_member(json, "architecture", name.machine);
	load_average(text, sizeof(text));
	put_member(json, "load_before", text);
	fprintf(json, "    \"processors\": %ld,\n    \"used\": [%d, %d],\n",
		sysconf(_SC_NPROCESSORS_ONLN), options.cpus[0], options.cpus[1]);
	fprintf(json, "    \"realtime\": %s\n  },\n  \"groups\": [",
		options.realtime ? "true" : "false");
}

/* ---- comparing ------------------------------------------------------------------------- */

static unsigned int rounds_where(const struct group *group, enum where where)
{
	unsigned int round, nr = 0;

	for (round = 0; round < group->rounds; round++)
		nr += group->where[round] == where;
	return nr;
}

static bool counts(const struct group *group, unsigned int round,
		   enum where where, double value)
{
	return group->where[round] == where && isfinite(value);
}

static struct figures column_figures(const struct group *group,
				     const double *column, enum where where)
{
	double values[MAX_ROUNDS];
	unsigned int round, nr = 0;

	for (round = 0; round < group->rounds; round++) {
		if (counts(group, round, where, column[round]))
			values[nr++] = column[round];
	}
	return figures_of(values, nr);
}

static struct figures ratio_figures(const struct group *group,
				    const struct row *row,
				    const struct row *rival, enum where where)
{
	double values[MAX_ROUNDS];
	unsigned int round, nr = 0;

	for (round = 0; round < group->rounds; round++) {
		double ratio = row->values[0][round] / rival->values[0][round];

		if (counts(group, round, where, ratio))
			values[nr++] = ratio;
	}
	return figures_of(values, nr);
}

static const struct row *fastest_rival(const struct group *group,
				       enum where where)
{
	const struct row *fastest = NULL;
	double least = INFINITY;
	unsigned int i;

	for (i = 0; i < group->nr_rows; i++) {
		const struct row *row = &group->rows[i];
		double median = column_figures(group, row->values[0],
					       where).median;

		if (row->rival && (!fastest || median < least)) {
			fastest = row;
			least = median;
		}
	}
	return fastest;
}

static void compare_row(const struct group *group, const struct row *row,
			const struct row *rival, enum where where,
			struct compared *compared)
{
	unsigned int i;

	compared->ratio = ratio_figures(group, row, rival, where);
	for (i = 0; group->columns[i]; i++)
		compared->columns[i] = column_figures(group, row->values[i],
						      where);
}

/* ---- the table -------------------------------------------------------------------------- */

static const char *verdict(const struct row *row, const struct compared *compared)
{
	if (!row->bar)
		return "";
	return compared->ratio.median <= row->bar ? "  met" : "  MISSED";
}

static void print_head(const struct group *group, const struct row *rival,
		       enum where where)
{
	struct figures distance = column_figures(group, group->distance, where);
	unsigned int i;

	printf("\n%s; %s, %.0f ns apart, %u rounds\n", group->title,
	       where_name(where), distance.median, distance.nr);
	printf("  %-33s %7s %17s %17s", "", "ratio", "quartiles", "95% of medians");
	for (i = 0; group->columns[i]; i++)
		printf(" %16s", group->columns[i]);
	printf("\n  (ratios of times, to: %s)\n", rival->name);
}

static void print_row(const struct group *group, const struct row *row,
		      const struct compared *compared)
{
	const struct figures *ratio = &compared->ratio;
	unsigned int i;

	printf("  %-33s %7.3f  %7.3f-%7.3f   %7.3f-%7.3f ", row->name,
	       ratio->median, ratio->q1, ratio->q3, ratio->lo, ratio->hi);
	for (i = 0; group->columns[i]; i++)
		printf(" %16.2f", compared->columns[i].median);
	if (row->bar)
		printf("  bar %.2f:%s", row->bar, verdict(row, compared));
	printf("\n");
}

/* ---- both ----------------------------------------------------------------------------------- */

static void put_row(FILE *json, const struct group *group, const struct row *row,
		    const struct compared *compared)
{
	unsigned int i;

	fputs("\n          {\"row\": ", json);
	put_string(json, row->key);
	fputs(", ", json);
	put_figures(json, "ratio", &compared->ratio);
	for (i = 0; group->columns[i]; i++) {
		fputs(",\n           ", json);
		put_figures(json, group->columns[i], &compared->columns[i]);
	}
	if (row->bar)
		fprintf(json, ",\n           \"bar\": %.2f, \"met\": %s", row->bar,
			compared->ratio.median <= row->bar ? "true" : "false");
	fputc('}', json);
}

static void report_where(struct report *report, struct group *group,
			 enum where where, bool first)
{
	const struct row *rival = fastest_rival(group, where);
	FILE *json = report->json;
	unsigned int i;

	print_head(group, rival, where);
	if (json) {
		struct figures distance = column_figures(group, group->distance,
							 where);

		fprintf(json, "%s\n      {\"where\": \"%s\", ", first ? "" : ",",
			where_name(where));
		put_figures(json, "distance ns", &distance);
		fputs(", \"ratios to\": ", json);
		put_string(json, rival->key);
		fputs(",\n        \"rows\": [", json);
	}
	for (i = 0; i < group->nr_rows; i++) {
		const struct row *row = &group->rows[i];
		struct compared compared;

		compare_row(group, row, rival, where, &compared);
		print_row(group, row, &compared);
		report->missed += row->bar && !(compared.ratio.median <= row->bar);
		if (json) {
			fputs(i ? "," : "", json);
			put_row(json, group, row, &compared);
		}
	}
	if (json)
		fputs("\n        ]}", json);
}

static void put_raw(FILE *json, const struct group *group)
{
	unsigned int i, round;

	fputs("\n    ],\n     \"distance ns by round\": [", json);
	for (round = 0; round < group->rounds; round++)
		fprintf(json, "%s%.0f", round ? ", " : "", group->distance[round]);
	fputs("],\n     \"by round\": {", json);
	for (i = 0; i < group->nr_rows; i++) {
		fputs(i ? ",\n       " : "\n       ", json);
		put_string(json, group->rows[i].key);
		fputs(": [", json);
		for (round = 0; round < group->rounds; round++) {
			fputs(round ? ", " : "", json);
			put_number(json, group->rows[i].values[0][round]);
		}
		fputc(']', json);
	}
	fputs("}}", json);
}

void report_group(struct report *report, struct group *group)
{
	unsigned int moved = rounds_where(group, WHERE_MOVED);
	bool first = true;
	int where;

	if (report->json) {
		fputs(report->groups++ ? ",\n    {\"group\": " : "\n    {\"group\": ",
		      report->json);
		put_string(report->json, group->key);
		fprintf(report->json, ", \"void runs\": %u, \"moved rounds\": %u",
			group->voids, moved);
		fputs(",\n     \"compared\": [", report->json);
	}
	for (where = WHERE_NEAR; where < WHERE_MOVED; where++) {
		if (rounds_where(group, where) < FEW_ROUNDS)
			continue;
		report_where(report, group, where, first);
		first = false;
	}
	if (first)
		printf("\n%s: fewer than %u rounds alike: nothing to compare\n",
		       group->title, FEW_ROUNDS);
	if (moved)
		printf("  (%u rounds left out: the processors were %s)\n", moved,
		       "moved meanwhile, or taken away");
	if (report->json)
		put_raw(report->json, group);
	report->voids += group->voids;
	fflush(stdout);
}

struct report *report_new(void)
{
	struct report *report = calloc(1, sizeof(*report));

	if (!report)
		return NULL;
	if (!options.json)
		return report;
	report->path = options.json;
	report->json = fopen(options.json, "w");
	if (!report->json) {
		perror(options.json);
		free(report);
		return NULL;
	}
	put_machine(report->json);
	return report;
}

static int close_json(struct report *report)
{
	char load[64];
	int bad;

	if (!report->json)
		return 0;
	load_average(load, sizeof(load));
	fprintf(report->json, "\n  ],\n  \"load_after\": \"%s\"\n}\n", load);
	bad = ferror(report->json);
	if (fclose(report->json) || bad) {
		perror(report->path);
		return 1;
	}
	return 0;
}

/* Return: the program's exit status. */
int report_end(struct report *report)
{
	int status = close_json(report);

	if (report->voids) {
		fprintf(stderr, "bench: %u runs are void\n", report->voids);
		status = 1;
	}
	if (!status && options.bars && report->missed)
		status = 3;
	free(report);
	return status;
}
