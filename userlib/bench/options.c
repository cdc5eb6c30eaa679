// SPDX-License-Identifier: MIT
/*
 * The command line of both benches.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "group.h"
#include "options.h"

struct options options = { .cpus = { 0, 1 }, .seconds = UINT_MAX };

enum {
	OPT_CPUS = 256,
	OPT_ROUNDS,
	OPT_ONLY,
	OPT_REALTIME,
	OPT_JSON,
	OPT_BARS,
	OPT_HELP,
	OPT_CONTENDERS,		/* from here on: of contests */
	OPT_ROWS,
	OPT_PLOTS,
	OPT_TABLES,
	OPT_WHOLE,
	OPT_JOURNAL,
	OPT_SECONDS,
	OPT_LIST,
};

static const struct option long_options[] = {
	{ "cpus", required_argument, NULL, OPT_CPUS },
	{ "rounds", required_argument, NULL, OPT_ROUNDS },
	{ "only", required_argument, NULL, OPT_ONLY },
	{ "realtime", no_argument, NULL, OPT_REALTIME },
	{ "json", required_argument, NULL, OPT_JSON },
	{ "bars", no_argument, NULL, OPT_BARS },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "contenders", required_argument, NULL, OPT_CONTENDERS },
	{ "rows", required_argument, NULL, OPT_ROWS },
	{ "plots", required_argument, NULL, OPT_PLOTS },
	{ "tables", required_argument, NULL, OPT_TABLES },
	{ "whole", no_argument, NULL, OPT_WHOLE },
	{ "journal", required_argument, NULL, OPT_JOURNAL },
	{ "seconds", required_argument, NULL, OPT_SECONDS },
	{ "list", no_argument, NULL, OPT_LIST },
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
	case OPT_CONTENDERS:
		options.contenders = optarg;
		return true;
	case OPT_ROWS:
		options.rows = optarg;
		return true;
	case OPT_PLOTS:
		options.plots = optarg;
		return true;
	case OPT_TABLES:
		options.tables = optarg;
		return true;
	case OPT_WHOLE:
		options.whole = true;
		return true;
	case OPT_JOURNAL:
		options.journal = optarg;
		return true;
	case OPT_SECONDS:
		return number(optarg, 1000000, &options.seconds);
	case OPT_LIST:
		options.list = true;
		return true;
	default:
		return false;
	}
}

void options_parse(int argc, char **argv, const char *usage, bool contests)
{
	int found;

	while ((found = getopt_long(argc, argv, "", long_options, NULL)) >= 0) {
		if (found == OPT_HELP) {
			fputs(usage, stdout);
			exit(0);
		}
		if ((found > OPT_HELP && !contests) || !option(found)) {
			fputs(usage, stderr);
			exit(2);
		}
	}
	if (optind != argc) {
		fputs(usage, stderr);
		exit(2);
	}
}

bool is_wanted(const char *parts, const char *text)
{
	char part[64];
	size_t length;

	if (!parts)
		return true;
	for (; *parts; parts += length + (parts[length] == ',')) {
		length = strcspn(parts, ",");
		snprintf(part, sizeof(part), "%.*s", (int)length, parts);
		if (length && strstr(text, part))
			return true;
	}
	return false;
}
