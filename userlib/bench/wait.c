// SPDX-License-Identifier: MIT
/*
 * disruptor-bench-wait - what waiting costs: the publisher of events whose
 * consumer may sleep, a sleeper until it is awake, and a quiet ring.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

struct options options = { .cpus = { 0, 1 } };

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

enum {
	OPT_CPUS = 256,
	OPT_ROUNDS,
	OPT_ONLY,
	OPT_REALTIME,
	OPT_JSON,
	OPT_BARS,
	OPT_HELP,
};

static const struct option long_options[] = {
	{ "cpus", required_argument, NULL, OPT_CPUS },
	{ "rounds", required_argument, NULL, OPT_ROUNDS },
	{ "only", required_argument, NULL, OPT_ONLY },
	{ "realtime", no_argument, NULL, OPT_REALTIME },
	{ "json", required_argument, NULL, OPT_JSON },
	{ "bars", no_argument, NULL, OPT_BARS },
	{ "help", no_argument, NULL, OPT_HELP },
	{}
};

static bool number(const char *text, unsigned int max, unsigned int *value)
{
	unsigned long long read;
	char *end;

	errno = 0;
	read = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || read > max)
		return false;
	*value = read;
	return true;
}

static bool cpus(char *text)
{
	char *comma = strchr(text, ',');
	unsigned int a, b;

	if (!comma)
		return false;
	*comma = 0;
	if (!number(text, 1023, &a) || !number(comma + 1, 1023, &b) || a == b)
		return false;
	options.cpus[0] = a;
	options.cpus[1] = b;
	return true;
}

static bool option(int found)
{
	switch (found) {
	case OPT_CPUS:
		return cpus(optarg);
	case OPT_ROUNDS:
		return number(optarg, MAX_ROUNDS, &options.rounds) &&
		       options.rounds;
	case OPT_ONLY:
		options.only = optarg;
		return true;
	case OPT_REALTIME:
		options.realtime = true;
		return true;
	case OPT_JSON:
		options.json = optarg;
		return true;
	case OPT_BARS:
		options.bars = true;
		return true;
	case OPT_HELP:
		fputs(usage, stdout);
		exit(0);
	default:
		return false;
	}
}

static void parse(int argc, char **argv)
{
	int found;

	while ((found = getopt_long(argc, argv, "", long_options, NULL)) >= 0) {
		if (!option(found)) {
			fputs(usage, stderr);
			exit(2);
		}
	}
	if (optind != argc) {
		fputs(usage, stderr);
		exit(2);
	}
}

int two_sides_run(bool processes, side_fn *first, side_fn *second, void *context)
{
	const struct side_start sides[] = {
		{ first, context, options.cpus[0] },
		{ second, context, options.cpus[1] },
	};

	return sides_run(processes, sides, 2);
}

bool is_wanted(const char *key)
{
	return !options.only || strstr(key, options.only);
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
	struct report *report;
	int err, status;

	parse(argc, argv);
	if (options.realtime && realtime_start()) {
		perror("bench: real-time priority");
		return 1;
	}
	srandom(time(NULL));
	report = report_new();
	if (!report)
		return 1;
	err = measure_all(report);
	status = report_end(report);
	return err ? 1 : status;
}
