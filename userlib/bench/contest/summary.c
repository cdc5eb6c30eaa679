// SPDX-License-Identifier: MIT
/*
 * Ours, theirs and the limit, a line for each case.
 */
#include <stdio.h>
#include <string.h>

#include "../compare.h"
#include "contest.h"

/* Whose fastest is told. */
enum who {
	WHO_OURS,
	WHO_DEVICE,
	WHO_LMAX,
	WHO_PEER,
	WHO_LIMIT,
	NR_WHO,
};

static const char *const heads[] = { "ours", "device", "LMAX", "fastest peer",
				     "limit" };

bool is_peer(const struct row *row)
{
	return strncmp(row->key, "disruptor/", 10) && strncmp(row->key, "bare/", 5);
}

static bool is_who(const struct row *row, const void *what)
{
	static const char *const begins[] = { "disruptor/private/",
					      "disruptor/device/", "lmax/", "",
					      "bare/" };
	enum who who = *(const enum who *)what;

	return who == WHO_PEER ? is_peer(row) :
	       !strncmp(row->key, begins[who], strlen(begins[who]));
}

/* "3.42 (boost, spin)", and of ours the figure. */
static void describe(char *text, size_t size, const struct group *group,
		     enum where where, const struct row *ours,
		     const struct row *row, enum who who)
{
	const struct contest_case *of = case_of(group);
	bool trip = of->kind == CASE_TRIP;

	if (!row) {
		snprintf(text, size, "-");
	} else if (who == WHO_OURS) {
		const char *comma = strrchr(row->name, ',');

		snprintf(text, size, "%.4g %s%s",
			 column_of(group, row, trip ? 0 : 1, where).median,
			 trip ? "ns" : of->kind == CASE_COPY ? "GB/s" : "M/s",
			 comma ? comma : "");
	} else if (who == WHO_DEVICE) {
		snprintf(text, size, "%.3g",
			 ratio_of(group, row, ours, where).median);
	} else {
		snprintf(text, size, "%.3g (%s)",
			 ratio_of(group, row, ours, where).median, row->name);
	}
}

static void put_line(FILE *tables, const struct group *group, enum where where,
		     const struct row *ours)
{
	char text[NR_WHO][96];
	enum who who;

	for (who = 0; who < NR_WHO; who++)
		describe(text[who], sizeof(text[who]), group, where, ours,
			 who ? fastest(group, where, is_who, &who) : ours, who);
	printf("  %-28s %-4s  %-18s %-7s %-28s %-36s %s\n", group->key,
	       where_name(where), text[0], text[1], text[2], text[3], text[4]);
	if (!tables)
		return;
	fprintf(tables, "| %s | %s |", group->key, where_name(where));
	for (who = 0; who < NR_WHO; who++)
		fprintf(tables, " %s |", text[who]);
	fputc('\n', tables);
}

void summary_report(const struct group *groups, unsigned int nr, FILE *tables)
{
	const enum who ours = WHO_OURS;
	unsigned int i;
	int where;

	printf("\nOurs, and the times of others in ours (the fastest of each)\n");
	printf("  %-28s %-4s  %-18s %-7s %-28s %-36s %s\n", "", "", heads[0],
	       heads[1], heads[2], heads[3], heads[4]);
	if (tables)
		fputs("\n### Ours, and the times of others in ours\n\n"
		      "The fastest of each: 3 takes three times as long as ours.\n\n"
		      "| case | where | ours | device | LMAX | fastest peer | limit |\n"
		      "| --- | --- | ---: | ---: | ---: | ---: | ---: |\n", tables);
	for (i = 0; i < nr; i++) {
		for (where = WHERE_NEAR; where < WHERE_MOVED; where++) {
			const struct row *row = fastest(&groups[i], where, is_who,
							&ours);

			if (row)
				put_line(tables, &groups[i], where, row);
		}
	}
}
