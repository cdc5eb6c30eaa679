// SPDX-License-Identifier: MIT
/*
 * Talk with contenders: a line there, a line back.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contest.h"

#define ANSWER_MS	90000	/* a JVM may first have to warm up */
#define MAX_LINE	1024

/* ---- processes ---------------------------------------------------------------- */

/* Never returns. */
static void become(const char *path, const int *in, const int *out)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(in[0], STDIN_FILENO) >= 0 && dup2(out[1], STDOUT_FILENO) >= 0)
		execl(path, path, (char *)NULL);
	perror(path);
	_exit(127);
}

static int start(struct contender *contender)
{
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC))
		return -errno;
	if (pipe2(out, O_CLOEXEC)) {
		close(in[0]);
		close(in[1]);
		return -errno;
	}
	contender->pid = fork();
	if (!contender->pid)
		become(contender->path, in, out);
	close(in[0]);
	close(out[1]);
	contender->to = fdopen(in[1], "w");
	contender->from = fdopen(out[0], "r");
	return contender->pid < 0 || !contender->to || !contender->from ?
	       -ENOMEM : 0;
}

static void stop(struct contender *contender)
{
	if (contender->to)
		fclose(contender->to);
	if (contender->from)
		fclose(contender->from);
	if (contender->pid > 0) {
		kill(contender->pid, SIGKILL);
		waitpid(contender->pid, NULL, 0);
	}
	contender->to = NULL;
	contender->from = NULL;
	contender->pid = 0;
}

/* ---- lines ---------------------------------------------------------------------- */

/* Why there is no answer; NULL: there is. */
static const char *exchange(struct contender *contender, const char *request,
			    char *line, int size)
{
	struct pollfd ready = { .events = POLLIN };

	if (!contender->pid && start(contender))
		return "cannot be started";
	fputs(request, contender->to);
	if (fflush(contender->to))
		return "does not listen";
	ready.fd = fileno(contender->from);
	if (poll(&ready, 1, ANSWER_MS) <= 0)
		return "does not answer";
	return fgets(line, size, contender->from) ? NULL : "has died";
}

/* What follows "key=" in @line up to a blank; NULL: it is not there. */
static const char *value_of(const char *line, const char *key)
{
	size_t length = strlen(key);
	const char *at;

	for (at = strchr(line, ' '); at; at = strchr(at + 1, ' ')) {
		if (!strncmp(at + 1, key, length) && at[1 + length] == '=')
			return at + length + 2;
	}
	return NULL;
}

static double number_of(const char *line, const char *key)
{
	const char *value = value_of(line, key);

	return value ? strtod(value, NULL) : 0;
}

static void say_why(struct answer *answer, enum answer_kind kind, const char *why)
{
	answer->kind = kind;
	snprintf(answer->why, sizeof(answer->why), "%.*s",
		 (int)strcspn(why, "\n"), why);
}

static void parse(const char *line, struct answer *answer)
{
	static const char *const times[] = { "p50", "p90", "p99", "p99.9",
					     "p99.99", "max" };
	unsigned int i;

	if (!strncmp(line, "unsupported ", 12)) {
		say_why(answer, ANSWER_UNSUPPORTED, line + 12);
		return;
	}
	if (!strncmp(line, "void ", 5)) {
		say_why(answer, ANSWER_VOID, line + 5);
		return;
	}
	answer->events = number_of(line, "events");
	answer->ns = number_of(line, "ns");
	for (i = 0; i < 6; i++)
		answer->times[i] = number_of(line, times[i]);
	answer->kind = ANSWER_OK;
	if (strncmp(line, "ok ", 3) || !(answer->events > 0) || !(answer->ns > 0))
		say_why(answer, ANSWER_VOID, "an answer without figures");
}

void contender_ask(struct contender *contender, const char *request,
		   struct answer *answer)
{
	char line[MAX_LINE];
	const char *wrong;

	*answer = (struct answer){};
	wrong = exchange(contender, request, line, sizeof(line));
	if (wrong)
		say_why(answer, ANSWER_VOID, wrong);
	else
		parse(line, answer);
	if (answer->kind == ANSWER_VOID)
		stop(contender);	/* sides of it may be waiting for ever */
}

/* ---- who is there ------------------------------------------------------------------ */

static void copy_word(char *word, const char *from)
{
	snprintf(word, WORD_LENGTH, "%.*s", (int)strcspn(from, " ,\n"), from);
}

static bool introduce(struct contender *contender)
{
	const char *name, *version, *way;
	char line[MAX_LINE];

	if (exchange(contender, "describe\n", line, sizeof(line)))
		return false;
	name = value_of(line, "name");
	version = value_of(line, "version");
	way = value_of(line, "ways");
	if (strncmp(line, "contender ", 10) || !name || !version || !way)
		return false;
	copy_word(contender->name, name);
	copy_word(contender->version, version);
	while (contender->nr_ways < MAX_WAYS) {
		copy_word(contender->ways[contender->nr_ways++], way);
		way += strcspn(way, " ,\n");
		if (*way++ != ',')
			break;
	}
	return true;
}

static bool is_program(const char *directory, const char *name, char **path)
{
	if (name[0] == '.' || strchr(name, '.') ||
	    asprintf(path, "%s/%s", directory, name) < 0)
		return false;
	if (!access(*path, X_OK))
		return true;
	free(*path);
	return false;
}

static void add(struct contenders *contenders, const char *directory,
		const char *name)
{
	struct contender *contender = &contenders->list[contenders->nr];

	if (contenders->nr == MAX_CONTENDERS || !is_wanted(options.rows, name))
		return;
	*contender = (struct contender){};
	if (!is_program(directory, name, &contender->path))
		return;
	if (introduce(contender)) {
		contenders->nr++;
		return;
	}
	fprintf(stderr, "bench: %s is no contender\n", contender->path);
	stop(contender);
	free(contender->path);
}

unsigned int contenders_start(struct contenders *contenders, const char *directory)
{
	struct dirent **entries;
	int nr = scandir(directory, &entries, NULL, alphasort), i;

	contenders->nr = 0;
	signal(SIGPIPE, SIG_IGN);
	if (nr < 0) {
		perror(directory);
		return 0;
	}
	for (i = 0; i < nr; i++) {
		add(contenders, directory, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return contenders->nr;
}

void contenders_end(struct contenders *contenders)
{
	unsigned int i;

	for (i = 0; i < contenders->nr; i++) {
		stop(&contenders->list[i]);
		free(contenders->list[i].path);
	}
}
