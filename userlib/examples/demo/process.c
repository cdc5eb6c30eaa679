// SPDX-License-Identifier: MIT
/*
 * The demo's child processes.
 */
#include <err.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process.h"

/* Where the demo's own program is. */
static const char *directory(void)
{
	static char path[PATH_MAX];
	ssize_t length;

	if (!path[0]) {
		length = readlink("/proc/self/exe", path, sizeof(path) - 1);
		if (length < 0)
			err(1, "/proc/self/exe");
		dirname(path);
	}
	return path;
}

static void become(int fd, const char *path, int flags)
{
	int from = open(path, flags, 0600);

	if (from < 0 || dup2(from, fd) < 0)
		err(127, "%s", path);
	close(from);
}

static void exec_process(const struct process *process, pid_t parent)
{
	const char *argv[] = { process->name, process->args[0],
			       process->args[1], process->args[2], NULL };
	char path[PATH_MAX + 32];

	/* Whatever becomes of the demo, nothing is left behind. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	become(STDOUT_FILENO, process->output, O_WRONLY | O_CREAT | O_TRUNC);
	snprintf(path, sizeof(path), "%s/%s", directory(), process->name);
	execv(path, (char *const *)argv);
	err(127, "%s", path);
}

void process_start(struct process *process)
{
	pid_t parent = getpid();

	process->pid = fork();
	if (process->pid < 0)
		err(1, "fork");
	if (!process->pid)
		exec_process(process, parent);
}

void process_kill(struct process *process)
{
	int status;

	if (kill(process->pid, SIGKILL) ||
	    waitpid(process->pid, &status, 0) < 0)
		err(1, "kill -9 %s", process->name);
	if (!WIFSIGNALED(status))
		errx(1, "FAIL: %s ended before it could be killed", process->name);
	process->pid = 0;
}

static void ended(const struct process *process, int status)
{
	if (WIFSIGNALED(status))
		errx(1, "FAIL: %s died of signal %d (%s)", process->name,
		     WTERMSIG(status), strsignal(WTERMSIG(status)));
	if (WEXITSTATUS(status))
		errx(1, "FAIL: %s ended with status %d", process->name,
		     WEXITSTATUS(status));
}

void process_reap(struct process *processes, unsigned int nr)
{
	unsigned int i;
	int status;

	for (i = 0; i < nr; i++) {
		if (!processes[i].pid ||
		    waitpid(processes[i].pid, &status, WNOHANG) <= 0)
			continue;
		processes[i].pid = 0;
		ended(&processes[i], status);
	}
}

void process_end_all(struct process *processes, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (processes[i].pid) {
			kill(processes[i].pid, SIGKILL);
			waitpid(processes[i].pid, NULL, 0);
		}
	}
}

int run_tool(const char *input, const char *output, char *const argv[],
	     char *const other[])
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		become(STDIN_FILENO, input, O_RDONLY);
		if (output)
			become(STDOUT_FILENO, output,
			       O_WRONLY | O_CREAT | O_TRUNC);
		execvp(argv[0], argv);
		execvp(other[0], other);
		err(127, "%s", argv[0]);
	}
	if (waitpid(pid, &status, 0) < 0)
		err(1, "%s", argv[0]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
