// SPDX-License-Identifier: MIT
/*
 * What was to be reached, and whether it was.
 *
 * Some who set the bars are not in Debian and so not in the run; what was measured
 * beside them before stands for them: disruptor-rs is as fast as a bare ring with two
 * counters, and Aeron copies the batches in 12 ms where 8 are asked of us.
 */
#include <fnmatch.h>
#include <math.h>
#include <string.h>

#include "../compare.h"
#include "../json.h"
#include "contest.h"

#define PEERS	"peers"		/* neither ours nor a limit */
#define ANYWHERE	NR_WHERE

/**
 * struct bar - one of them
 * @group: keys of the groups it is for, as fnmatch(3) has it
 * @text: for people
 * @ours: key of the row
 * @theirs: keys of rows, the fastest of which counts; NULL: @least is of a column
 * @least: their time must be so many times ours
 * @column: its median must be no less than @least
 * @where: near, far, or both
 */
struct bar {
	const char *group;
	const char *text;
	const char *ours;
	const char *theirs;
	double least;
	unsigned int column;
	enum where where;
};

#define OURS(wait)	"disruptor/private/" wait
#define RATE		1
#define GB_PER_S	1

static const struct bar bars[] = {
	{ "OneToOneSequenced", "spinning: 1.5 x a bare ring with two counters", OURS("spin"),
	  "bare/counters/spin", 1.5, 0, WHERE_NEAR },
	{ "OneToOneSequenced", "spinning: 3 x the fastest peer", OURS("spin"), PEERS, 3,
	  0, WHERE_FAR },
	{ "OneToOneSequenced", "spinning: 0.95 x the fastest bare ring", OURS("spin"),
	  "bare/*/spin", 0.95, 0, ANYWHERE },
	{ "OneToOneSequenced", "blocking: 0.95 x spinning", OURS("block"), OURS("spin"),
	  0.95, 0, ANYWHERE },
	{ "OneToOneSequenced", "blocking: 40 x LMAX blocking", OURS("block"),
	  "lmax*/block", 40, 0, ANYWHERE },
	{ "OneToOneSequenced", "device: 0.95 x private ring", "disruptor/device/spin",
	  OURS("spin"), 0.95, 0, ANYWHERE },
	{ "BatchesOf2000", "1 / 1.1 of the bare ring's speed", OURS("spin"),
	  "bare/counters/spin", 1 / 1.1, 0, ANYWHERE },
	{ "BatchesOf2000", "10 x LMAX", OURS("spin"), "lmax*", 10, 0, ANYWHERE },
	{ "BatchesOf2000", "8 ms for 10,000 (GB/s)", OURS("spin"), NULL, 20, GB_PER_S,
	  ANYWHERE },
	{ "PingPongSequencedLatency", "spinning: 1 / 1.1 of two lines' speed",
	  OURS("spin"), "bare/lines/spin", 1 / 1.1, 0, ANYWHERE },
	{ "PingPongSequencedLatency", "asleep: a futex's round trip", OURS("sleep"),
	  "futex*/sleep", 1, 0, ANYWHERE },
	{ "OneToThreePipelineSequenced", "yielding: 1.5 x LMAX", OURS("yield"),
	  "lmax*/yield", 1.5, 0, ANYWHERE },
	{ "OneToThreeDiamondSequenced", "yielding: 1.5 x LMAX", OURS("yield"),
	  "lmax*/yield", 1.5, 0, ANYWHERE },
	{ "OneToThreeSequenced", "yielding: 1.5 x LMAX", OURS("yield"), "lmax*/yield",
	  1.5, 0, ANYWHERE },
	{ "ThreeToOneSequenced", "yielding: 2 x LMAX", OURS("yield"), "lmax*/yield", 2,
	  0, ANYWHERE },
	{ "ThreeToOneSequencedBatch", "300 M events/s", OURS("yield"), NULL, 300, RATE,
	  ANYWHERE },
	{ "Matrix-*", "ahead of every peer", OURS("*"), PEERS, 1, 0, ANYWHERE },
};

/**
 * struct outcome - of a bar in a group, in runs of one kind
 * @theirs: who was the fastest of those; NULL: @bar->least is of a column
 * @reached: the ratio, or the column
 * @met: it was enough
 */
struct outcome {
	const struct bar *bar;
	const struct group *group;
	enum where where;
	const struct row *theirs;
	struct figures reached;
	bool met;
};

static bool matches(const struct row *row, const void *pattern)
{
	if (strcmp(pattern, PEERS))
		return !fnmatch(pattern, row->key, 0);
	return is_peer(row);
}

/* False: somebody who is needed for it was not in the run. */
static bool judge(const struct bar *bar, const struct group *group,
		  enum where where, struct outcome *outcome)
{
	const struct row *ours = fastest(group, where, matches, bar->ours);
	const struct row *theirs = NULL;

	if (bar->where != ANYWHERE && bar->where != where)
		return false;
	if (bar->theirs)
		theirs = fastest(group, where, matches, bar->theirs);
	if (!ours || (bar->theirs && !theirs))
		return false;
	*outcome = (struct outcome){ bar, group, where, theirs, {}, false };
	outcome->reached = theirs ? ratio_of(group, theirs, ours, where) :
				    column_of(group, ours, bar->column, where);
	outcome->met = outcome->reached.median >= bar->least;
	return outcome->reached.nr;
}

/* ---- telling ------------------------------------------------------------------------ */

static void print_outcome(const struct outcome *outcome)
{
	const struct bar *bar = outcome->bar;

	printf("  %-7s %-27s %-4s %-45s at least %6.2f: %7.2f (%.2f to %.2f)%s%s\n",
	       outcome->met ? "met" : "MISSED", outcome->group->key,
	       where_name(outcome->where), bar->text, bar->least,
	       outcome->reached.median, outcome->reached.lo, outcome->reached.hi,
	       outcome->theirs ? "; " : "",
	       outcome->theirs ? outcome->theirs->name : "");
}

static void put_table_row(FILE *tables, const struct outcome *outcome)
{
	fprintf(tables, "| %s | %s | %s | %.3g | **%.3g** (%.3g to %.3g) | %s | %s |\n",
		outcome->group->key, where_name(outcome->where), outcome->bar->text,
		outcome->bar->least, outcome->reached.median, outcome->reached.lo,
		outcome->reached.hi, outcome->theirs ? outcome->theirs->name : "",
		outcome->met ? "met" : "missed");
}

static void put_json(FILE *json, const struct outcome *outcome, bool first)
{
	fputs(first ? "\n    {\"group\": " : ",\n    {\"group\": ", json);
	json_string(json, outcome->group->key);
	fprintf(json, ", \"where\": \"%s\", \"bar\": ", where_name(outcome->where));
	json_string(json, outcome->bar->text);
	fputs(", \"beside\": ", json);
	json_string(json, outcome->theirs ? outcome->theirs->key : "");
	fprintf(json, ", \"least\": %.4g, ", outcome->bar->least);
	json_figures(json, "reached", &outcome->reached);
	fprintf(json, ", \"met\": %s}", outcome->met ? "true" : "false");
}

unsigned int bars_report(const struct group *groups, unsigned int nr, FILE *json,
			 FILE *tables)
{
	unsigned int missed = 0, told = 0, i, j;
	struct outcome outcome;
	int where;

	printf("\nBars (their time in ours; median, and 95%% of medians)\n");
	if (json)
		fputs(",\n  \"bars\": [", json);
	if (tables)
		fputs("\n### Bars\n\nTheir time in ours: median, and 95% of medians\n\n"
		      "| case | where | bar | at least | reached | beside | |\n"
		      "| --- | --- | --- | ---: | ---: | --- | --- |\n", tables);
	for (i = 0; i < sizeof(bars) / sizeof(bars[0]); i++) {
		for (j = 0; j < nr; j++) {
			if (fnmatch(bars[i].group, groups[j].key, 0))
				continue;
			for (where = WHERE_NEAR; where < WHERE_MOVED; where++) {
				if (!judge(&bars[i], &groups[j], where, &outcome))
					continue;
				print_outcome(&outcome);
				if (json)
					put_json(json, &outcome, !told);
				if (tables)
					put_table_row(tables, &outcome);
				missed += !outcome.met;
				told++;
			}
		}
	}
	if (!told)
		printf("  none could be judged\n");
	if (json)
		fputs("\n  ]", json);
	return missed;
}
