// SPDX-License-Identifier: MIT
/*
 * disruptor-bench-wait - what waiting costs: the publisher of events whose
 * consumer may sleep, a sleeper until it is awake, and a quiet ring.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "wait.h"

static const char usage[] =
"usage: disruptor-bench-wait [OPTION]...\n"
"\n"
"  --cpus A,B     the two processors (0,1)\n"
"  --rounds N     of every group\n"
"  --only TEXT    only groups with TEXT in their names: publish-private,\n"
"                 pingpong-private, paced-private-1000, -10000, -100000,\n"
"                 and the same with device in place of private\n"
"  --realtime     at a real-time priority, so that other programs do not disturb\n"
"  --json FILE    the figures for programs\n"
"  --bars         exit with 3 if a bar is missed\n"
"\n"
"Groups of /dev/disruptor run if it is there.  Exits with 1 if a run is void.\n";

int two_sides_run(bool processes, side_fn *first, side_fn *second, void *context)
{
	const struct side_start sides[] = {
		{ first, context, options.cpus[0] },
		{ second, context, options.cpus[1] },
	};

	return sides_run(processes, sides, 2);
}

int measure_group(struct group *group, struct report *report)
{
	int err;

	if (!is_wanted(options.only, group->key))
		return 0;
	err = groups_measure(group, 1);
	if (!err)
		report_group(report, group);
	group_free(group);
	return err;
}

static int measure(bool processes, struct report *report)
{
	int err = publish_groups(processes, report);

	if (!err)
		err = pingpong_groups(processes, report);
	if (!err)
		err = paced_groups(processes, report);
	return err;
}

static int measure_all(struct report *report)
{
	int err = measure(false, report);

	if (err)
		return err;
	if (access("/dev/disruptor", R_OK | W_OK)) {
		printf("\n/dev/disruptor: %s: nothing is measured between processes\n",
		       strerror(errno));
		return 0;
	}
	return measure(true, report);
}

int main(int argc, char **argv)
{
	struct report report;
	int err, status;

	options_parse(argc, argv, usage, false);
	if (options.realtime && realtime_start()) {
		perror("bench: real-time priority");
		return 1;
	}
	srandom(time(NULL));
	if (report_begin(&report))
		return 1;
	err = measure_all(&report);
	if (report.json)
		fputs("\n  ]", report.json);
	status = report_end(&report);
	return err ? 1 : status;
}
