// SPDX-License-Identifier: MIT
/*
 * Every run in a file, a line each: a bench that was stopped goes on from there.
 *
 * Case, row, its name, the round, how far the processors were, where that is, and the
 * columns, with tabs between.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "contest.h"

static FILE *journal;

static void keep(const struct group *group, unsigned int nr, unsigned int round)
{
	const struct row *row = &group->rows[nr];
	const struct measured *run = &row->runs[round];
	unsigned int i;

	fprintf(journal, "%s\t%s\t%s\t%u\t%g\t%d", group->key, row->key, row->name,
		round, run->distance_ns, run->where);
	for (i = 0; i < MAX_COLUMNS; i++)
		fprintf(journal, "\t%.9g", run->values[i]);
	fputc('\n', journal);
	fflush(journal);
}

static struct group *find_group(struct group *groups, unsigned int nr,
				const char *key)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (!strcmp(groups[i].key, key))
			return &groups[i];
	}
	return NULL;
}

static bool parse(char *line, char **words, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		words[i] = strsep(&line, "\t\n");
		if (!words[i])
			return false;
	}
	return true;
}

#define WORDS	(6 + MAX_COLUMNS)

/* A line that was not finished, or of a case that is not asked for, is passed over. */
static int read_line(char *line, struct group *groups, unsigned int nr)
{
	struct measured run = { .ran = true };
	struct group *group;
	struct row *row;
	char *words[WORDS];
	unsigned int i, round;

	if (!strchr(line, '\n') || !parse(line, words, WORDS))
		return 0;
	group = find_group(groups, nr, words[0]);
	round = strtoul(words[3], NULL, 10);
	if (!group || round >= MAX_ROUNDS)
		return 0;
	row = group_row(group, words[1], words[2]);
	if (!row || !row_runs(row))
		return -ENOMEM;
	run.distance_ns = strtod(words[4], NULL);
	run.where = strtoul(words[5], NULL, 10) % NR_WHERE;
	for (i = 0; i < MAX_COLUMNS; i++)
		run.values[i] = strtod(words[6 + i], NULL);
	row->runs[round] = run;
	if (round >= group->done)
		group->done = round + 1;
	return 0;
}

int journal_open(struct group *groups, unsigned int nr, const char *path)
{
	char line[1024];
	unsigned int i;
	int err = 0;

	journal = fopen(path, "a+");
	if (!journal)
		return -errno;
	rewind(journal);
	while (!err && fgets(line, sizeof(line), journal))
		err = read_line(line, groups, nr);
	for (i = 0; i < nr; i++)
		groups[i].keep = keep;
	return err;
}

void journal_close(void)
{
	if (journal && fclose(journal))
		perror(options.journal);
}
