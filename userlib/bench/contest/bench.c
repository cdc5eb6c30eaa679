// SPDX-License-Identifier: MIT
/*
 * disruptor-bench - who passes events how fast: ours, others, and the limits.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../report.h"
#include "../sides.h"
#include "contest.h"

static const char usage[] =
"usage: disruptor-bench [OPTION]...\n"
"\n"
"  --cpus A,B        the two processors (0,1)\n"
"  --rounds N        of every case\n"
"  --only TEXT,...   only cases with one of these in their names (--list)\n"
"  --rows TEXT,...   only contenders with one of these in their names\n"
"  --whole           the matrix with all ways to wait, and with short streams\n"
"  --journal FILE    keep every run there, and go on from what is kept\n"
"  --seconds N       measure no longer; 0: tell what was kept\n"
"  --realtime        at a real-time priority, so that other programs do not disturb\n"
"  --json FILE       the figures for programs\n"
"  --tables FILE     the tables in Markdown\n"
"  --plots DIR       plots in SVG (needs gnuplot)\n"
"  --bars            exit with 3 if a bar is missed\n"
"  --contenders DIR  where the contenders are\n"
"  --list            contenders and cases, and who refuses what\n"
"\n"
"Exits with 1 if a run is void.\n";

/* Beside the program where it was built, or where they are installed with it. */
static const char *find_contenders(void)
{
	static char path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 64);
	char *name;

	if (options.contenders)
		return options.contenders;
	path[length > 0 ? length : 0] = 0;
	name = strrchr(path, '/');
	if (!name)
		return "contenders";
	strcpy(++name, "contenders");
	if (access(path, X_OK))
		strcpy(name, "../libexec/disruptor-bench");
	return path;
}

static void list_contenders(const struct contenders *contenders)
{
	unsigned int i, j;

	for (i = 0; i < contenders->nr; i++) {
		const struct contender *contender = &contenders->list[i];

		printf("%s %s:", contender->name, contender->version);
		for (j = 0; j < contender->nr_ways; j++)
			printf(" %s", contender->ways[j]);
		printf("\n");
	}
}

static int enter_all(struct group *groups, unsigned int nr,
		     struct contenders *contenders)
{
	bool terminal = isatty(STDERR_FILENO);
	unsigned int i;
	int err = 0;

	for (i = 0; i < nr && !err; i++) {
		if (terminal || i % 10 == 0)
			fprintf(stderr, "%swho can do what: case %u of %u%s",
				terminal ? "\r\033[K" : "", i + 1, nr,
				terminal ? "" : "\n");
		err = group_enter(&groups[i], contenders);
		if (options.list)
			printf("%s: %s; %u rows\n", groups[i].key, groups[i].title,
			       groups[i].nr_rows);
	}
	if (terminal)
		fprintf(stderr, "\r\033[K");
	return err;
}

/* What is left to do, case by case until the time is up. */
static int go_on(struct group *groups, unsigned int nr, struct contenders *contenders)
{
	unsigned int i;
	int err;

	for (i = 0; i < nr; i++) {
		unsigned int wanted = options.rounds ? options.rounds :
						       groups[i].rounds;

		err = 0;
		if (groups[i].done < wanted && !time_is_up())
			err = group_enter(&groups[i], contenders);
		else
			groups[i].rounds = groups[i].done;
		if (!err && groups[i].done < groups[i].rounds)
			err = groups_measure(&groups[i], 1);
		if (err)
			return err;
	}
	return 0;
}

static int measure(struct group *groups, unsigned int nr, struct contenders *contenders)
{
	int err;

	if (!options.journal) {
		err = enter_all(groups, nr, contenders);
		return err ? err : groups_measure(groups, nr);
	}
	err = journal_open(groups, nr, options.journal);
	if (err)
		fprintf(stderr, "%s: %s\n", options.journal, strerror(-err));
	else
		err = go_on(groups, nr, contenders);
	journal_close();
	return err;
}

static int tell_all(struct report *report, struct group *groups, unsigned int nr)
{
	unsigned int i;
	int status;

	for (i = 0; i < nr; i++)
		report_group(report, &groups[i]);
	if (report->json)
		fputs("\n  ]", report->json);
	summary_report(groups, nr, report->tables);
	report->missed += bars_report(groups, nr, report->json, report->tables);
	status = report_end(report);
	if (options.plots && plots_draw(groups, nr, options.plots))
		status = 1;
	return status;
}

static int hold(struct contenders *contenders, struct report *report)
{
	static struct contest_case cases[MAX_CASES];
	static struct group groups[MAX_CASES];
	unsigned int nr = cases_list(cases), i;
	int status = 1;

	for (i = 0; i < nr; i++)
		group_begin(&groups[i], &cases[i]);
	if (options.list) {
		list_contenders(contenders);
		status = enter_all(groups, nr, contenders) ? 1 : 0;
	} else if (!measure(groups, nr, contenders)) {
		status = tell_all(report, groups, nr);
	}
	for (i = 0; i < nr; i++)
		group_leave(&groups[i]);
	return status;
}

int main(int argc, char **argv)
{
	static struct contenders contenders;
	struct report report;
	int status = 1;

	options_parse(argc, argv, usage, true);
	if (options.realtime && realtime_start()) {
		perror("bench: real-time priority");
		return 1;
	}
	srandom(time(NULL));
	if (!contenders_start(&contenders, find_contenders()))
		fprintf(stderr, "bench: no contenders in %s\n", find_contenders());
	else if (!report_begin(&report))
		status = hold(&contenders, &report);
	contenders_end(&contenders);
	return status;
}
