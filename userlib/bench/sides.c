// SPDX-License-Identifier: MIT
/*
 * Two sides, each on a processor of its own: threads, or processes.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

/* A run takes a second at the most; this long, and it hangs. */
#define RUN_SECONDS	60

struct options options = { .cpus = { 0, 1 } };

/* ---- memory of both ---------------------------------------------------------- */

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

void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb" ::: "memory");
#else
	__asm__ volatile("" ::: "memory");
#endif
}

uint64_t thread_cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * NSEC_PER_SEC + time.tv_nsec;
}

/* ---- the sides ------------------------------------------------------------------ */

static int pin(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	return sched_setaffinity(0, sizeof(cpus), &cpus) ? -errno : 0;
}

static void out_of_time(int signal)
{
	static const char message[] = "\nbench: a run hangs\n";

	(void)signal;
	if (write(STDERR_FILENO, message, sizeof(message) - 1) < 0)
		_exit(2);
	_exit(1);
}

/* The program itself is the first side. */
int sides_init(void)
{
	struct sched_param param = { .sched_priority = 1 };
	int err = pin(options.cpus[0]);

	if (err)
		return err;
	signal(SIGALRM, out_of_time);
	if (options.realtime && sched_setscheduler(0, SCHED_FIFO, &param))
		return -errno;
	return 0;
}

/* Yields now and then: the other may have to run here before it can come. */
void meet(struct meeting *meeting)
{
	unsigned int looks = 0;

	__atomic_fetch_add(&meeting->came, 1, __ATOMIC_ACQ_REL);
	while (load_acquire(&meeting->came) < 2) {
		cpu_relax();
		if (++looks % 4096 == 0)
			sched_yield();
	}
}

struct second {
	side_fn *run;
	void *context;
};

static int run_second(const struct second *second)
{
	int err = pin(options.cpus[1]);

	return err ? err : second->run(second->context);
}

static void *thread_main(void *argument)
{
	return (void *)(intptr_t)run_second(argument);
}

static int run_threads(side_fn *first, struct second *second, void *context)
{
	pthread_t thread;
	void *result;
	int err = -pthread_create(&thread, NULL, thread_main, second);

	if (err)
		return err;
	err = first(context);
	pthread_join(thread, &result);
	return err ? err : (int)(intptr_t)result;
}

static int run_processes(side_fn *first, struct second *second, void *context)
{
	int status, err;
	pid_t child = fork();

	if (child < 0)
		return -errno;
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(-run_second(second) & 0xff);
	}
	err = first(context);
	if (waitpid(child, &status, 0) != child)
		return -errno;
	if (err)
		return err;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
}

/* Have @first and @second done at once; what they share is in @context. */
int sides_run(bool processes, side_fn *first, side_fn *second, void *context)
{
	struct second other = { second, context };
	int err;

	alarm(RUN_SECONDS);
	err = processes ? run_processes(first, &other, context) :
			  run_threads(first, &other, context);
	alarm(0);
	return err;
}

/* ---- how far the processors are from each other ------------------------------------ */

#define BATCHES		16
#define BATCH		64

/* Two lines, one written by either side. */
struct lines {
	uint64_t ping __aligned(DISRUPTOR_LINE);
	uint64_t pong __aligned(DISRUPTOR_LINE);
	double batches[BATCHES];
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

	meet(&lines->start);
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

	meet(&lines->start);
	for (i = 1; i <= BATCHES * BATCH; i++) {
		if (i % BATCH == 1)
			began = disruptor_now_ns();
		await(&lines->ping, i);
		store_release(&lines->pong, i);
		if (i % BATCH == 0)
			lines->batches[i / BATCH - 1] =
				(double)(disruptor_now_ns() - began) / BATCH;
	}
	return 0;
}

/*
 * A round trip of two cache lines: a quarter of the batches take less.  Where
 * others take processors away, most batches are useless and some are not.
 */
double distance_ns(void)
{
	struct lines *lines = shared_alloc(sizeof(*lines));
	double ns = 0;

	if (!sides_run(false, serve_pings, answer_pings, lines))
		ns = quantile(lines->batches, BATCHES, 0.25);
	shared_free(lines, sizeof(*lines));
	return ns;
}
