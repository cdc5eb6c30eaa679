// SPDX-License-Identifier: MIT
/*
 * What machine the figures are from.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "json.h"
#include "machine.h"
#include "options.h"

#define CPU_DIR	"/sys/devices/system/cpu/cpu0/"

/* The first line of @path that begins with @begin, what follows a colon; or "". */
static void find_line(const char *path, const char *begin, char *text, size_t size)
{
	FILE *file = fopen(path, "r");
	char line[4096], *at;

	text[0] = 0;
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, begin, strlen(begin)))
			continue;
		at = *begin ? strchr(line, ':') : NULL;
		at = at ? at + 1 : line;
		at += strspn(at, " \t");
		at[strcspn(at, "\n")] = 0;
		snprintf(text, size, "%s", at);
		break;
	}
	if (file)
		fclose(file);
}

double machine_load(void)
{
	double load;

	return getloadavg(&load, 1) == 1 ? load : NAN;
}

static void put_member(FILE *json, const char *name, const char *text)
{
	fputs("    ", json);
	json_string(json, name);
	fputs(": ", json);
	json_string(json, text);
	fputs(",\n", json);
}

static void put_line(FILE *json, const char *name, const char *path,
		     const char *begin)
{
	char text[4096];

	find_line(path, begin, text, sizeof(text));
	if (*text)
		put_member(json, name, text);
}

static void put_virtual(FILE *json)
{
	char flags[4096];

	find_line("/proc/cpuinfo", "flags", flags, sizeof(flags));
	put_member(json, "virtual", strstr(flags, " hypervisor") ? "yes" : "no");
}

static void put_date(FILE *json)
{
	time_t now = time(NULL);
	char text[32];

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
	put_member(json, "date", text);
}

void machine_describe(FILE *json)
{
	struct utsname name;

	uname(&name);
	fputs("  \"machine\": {\n", json);
	put_date(json);
	put_line(json, "cpu", "/proc/cpuinfo", "model name");
	put_line(json, "cpu family", "/proc/cpuinfo", "cpu family");
	put_line(json, "cpu model", "/proc/cpuinfo", "model\t");
	put_virtual(json);
	put_line(json, "hypervisor", "/sys/hypervisor/type", "");
	put_line(json, "governor", CPU_DIR "cpufreq/scaling_governor", "");
	put_line(json, "threads of a core", CPU_DIR "topology/thread_siblings_list",
		 "");
	put_line(json, "processors that share the last cache",
		 CPU_DIR "cache/index3/shared_cpu_list", "");
	put_line(json, "last cache", CPU_DIR "cache/index3/size", "");
	put_line(json, "memory", "/proc/meminfo", "MemTotal");
	put_line(json, "huge pages", "/sys/kernel/mm/transparent_hugepage/enabled", "");
	put_member(json, "system", name.sysname);
	put_member(json, "kernel", name.release);
	put_member(json, "architecture", name.machine);
	put_member(json, "compiler", __VERSION__);
	fputs("    \"load_before\": ", json);
	json_number(json, machine_load());
	fprintf(json, ",\n    \"processors\": %ld,\n    \"used\": [%d, %d],\n",
		sysconf(_SC_NPROCESSORS_ONLN), options.cpus[0], options.cpus[1]);
	fprintf(json, "    \"realtime\": %s\n  }", options.realtime ? "true" : "false");
}
