/* SPDX-License-Identifier: MIT */
/*
 * The demo's child processes.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

/**
 * struct process - a program that the demo runs
 * @name: of the program, beside the demo's own
 * @args: its arguments, NULL at the end
 * @output: the file that takes what it prints
 * @pid: 0 while it does not run
 */
struct process {
	const char *name;
	const char *args[3];
	char output[PATH_MAX];
	pid_t pid;
};

/* Like all below, these end the demo with a message if they fail. */
void process_start(struct process *process);
void process_kill(struct process *process);

/* Take note of those that have ended; they must have ended well. */
void process_reap(struct process *processes, unsigned int nr);

/* Kill all that run: the demo itself ends. */
void process_end_all(struct process *processes, unsigned int nr);

/*
 * Run a tool, the first one of @argv and @other that there is, and wait for it.
 * What it prints goes to the file @output; NULL: to where the demo prints.  Returns
 * its exit status.
 */
int run_tool(const char *input, const char *output, char *const argv[],
	     char *const other[]);

#endif /* PROCESS_H */
