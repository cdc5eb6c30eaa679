// SPDX-License-Identifier: MIT
/*
 * Sides, each on a processor of its own: threads, or processes.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "figures.h"
#include "sides.h"

#define MAX_SIDES	8
/* A run takes a second at the most; this long, and it hangs. */
#define RUN_SECONDS	20

/* ---- memory of all ----------------------------------------------------------- */

void *shared_alloc(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (at == MAP_FAILED) {
		perror("bench: mmap");
		exit(1);
	}
	return at;
}

void shared_free(void *at, size_t size)
{
	munmap(at, size);
}

/* ---- time ---------------------------------------------------------------------- */

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * NSEC_PER_SEC + time.tv_nsec;
}

uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t thread_cpu_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* ---- the sides ------------------------------------------------------------------ */

static int pin(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	return sched_setaffinity(0, sizeof(cpus), &cpus) ? -errno : 0;
}

int realtime_start(void)
{
	struct sched_param param = { .sched_priority = 1 };

	return sched_setscheduler(0, SCHED_FIFO, &param) ? -errno : 0;
}

static void out_of_time(int signal)
{
	static const char message[] = "\nbench: a run hangs\n";

	(void)signal;
	if (write(STDERR_FILENO, message, sizeof(message) - 1) < 0)
		_exit(2);
	_exit(1);
}

static int run_side(const struct side_start *side)
{
	int err = pin(side->cpu);

	return err ? err : side->run(side->context);
}

static void *thread_main(void *argument)
{
	return (void *)(intptr_t)run_side(argument);
}

static int run_threads(const struct side_start *sides, unsigned int nr)
{
	pthread_t threads[MAX_SIDES];
	unsigned int i;
	int err = 0;

	for (i = 0; i < nr; i++) {
		/* The others would wait for it for ever. */
		if (pthread_create(&threads[i], NULL, thread_main,
				   (void *)&sides[i])) {
			perror("bench: pthread_create");
			exit(1);
		}
	}
	for (i = 0; i < nr; i++) {
		void *result;

		pthread_join(threads[i], &result);
		err = err ? err : (int)(intptr_t)result;
	}
	return err;
}

/* Whoever ends first; nobody else is a child of the program. */
static int next_end(void)
{
	int status;

	if (wait(&status) < 0)
		return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
}

/* The others would wait for the one that failed. */
static void kill_all(const pid_t *children, unsigned int nr)
{
	while (nr--)
		kill(children[nr], SIGKILL);
}

/*
 * Each is made where it will run: in User Mode Linux, what it runs on stays where
 * it was made.
 */
static int run_processes(const struct side_start *sides, unsigned int nr)
{
	pid_t children[MAX_SIDES];
	cpu_set_t before;
	unsigned int i;
	int err = 0;

	if (sched_getaffinity(0, sizeof(before), &before))
		return -errno;
	for (i = 0; i < nr; i++) {
		pin(sides[i].cpu);
		children[i] = fork();
		if (children[i] < 0) {
			perror("bench: fork");
			exit(1);
		}
		if (!children[i]) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			_exit(-run_side(&sides[i]) & 0xff);
		}
	}
	sched_setaffinity(0, sizeof(before), &before);
	for (i = 0; i < nr; i++) {
		int ended = next_end();

		if (ended && !err) {
			err = ended;
			kill_all(children, nr);
		}
	}
	return err;
}

int sides_run(bool processes, const struct side_start *sides, unsigned int nr)
{
	int err;

	if (nr > MAX_SIDES)
		return -EINVAL;
	signal(SIGALRM, out_of_time);
	alarm(RUN_SECONDS);
	err = processes ? run_processes(sides, nr) : run_threads(sides, nr);
	alarm(0);
	return err;
}

/* Yields now and then: another may have to run here before it can come. */
void meet(struct meeting *meeting, unsigned int nr)
{
	unsigned int looks = 0;

	__atomic_fetch_add(&meeting->came, 1, __ATOMIC_ACQ_REL);
	while (load_acquire(&meeting->came) < nr) {
		cpu_relax();
		if (++looks % 4096 == 0)
			sched_yield();
	}
}

/* ---- how far the processors are from each other ------------------------------------ */

#define BATCHES		16
#define BATCH		64

/* Two lines, one written by either side. */
struct lines {
	uint64_t ping __attribute__((aligned(LINE_BYTES)));
	uint64_t pong __attribute__((aligned(LINE_BYTES)));
	double batches[BATCHES] __attribute__((aligned(LINE_BYTES)));
	struct meeting start;
};

static void await(const uint64_t *line, uint64_t value)
{
	unsigned int looks = 0;

	while (load_acquire(line) != value) {
		cpu_relax();
		if (++looks % 65536 == 0)
			sched_yield();
	}
}

static int serve_pings(void *context)
{
	struct lines *lines = context;
	uint64_t i;

	meet(&lines->start, 2);
	for (i = 1; i <= BATCHES * BATCH; i++) {
		store_release(&lines->ping, i);
		await(&lines->pong, i);
	}
	return 0;
}

static int answer_pings(void *context)
{
	struct lines *lines = context;
	uint64_t began = 0, i;

	meet(&lines->start, 2);
	for (i = 1; i <= BATCHES * BATCH; i++) {
		if (i % BATCH == 1)
			began = now_ns();
		await(&lines->ping, i);
		store_release(&lines->pong, i);
		if (i % BATCH == 0)
			lines->batches[i / BATCH - 1] =
				(double)(now_ns() - began) / BATCH;
	}
	return 0;
}

/*
 * A quarter of the batches take less.  Where others take processors away, most
 * batches are useless and some are not.
 */
double distance_ns(const int *cpus, bool processes)
{
	struct lines *lines = shared_alloc(sizeof(*lines));
	struct side_start sides[] = {
		{ serve_pings, lines, cpus[0] },
		{ answer_pings, lines, cpus[1] },
	};
	double ns = 0;

	if (!sides_run(processes, sides, 2))
		ns = quantile(lines->batches, BATCHES, 0.25);
	shared_free(lines, sizeof(*lines));
	return ns;
}
