// SPDX-License-Identifier: GPL-2.0-only
/*
 * A fuzzer of /dev/disruptor that knows, from KCOV, what of the module a program has
 * reached that none had reached before; such programs are kept, and changed further.
 *
 *	device SECONDS [SEED]	fuzz, with several processes, as root and as a user,
 *				beginning with the programs on stdin, a line each
 *	device --run		run the programs on stdin, a line each
 *
 * Prints TAP.  Programs that are kept are printed as they are found; if the kernel
 * complains or a process hangs, so are those that were running.
 */
#include "stream.h"

#include <fcntl.h>
#include <linux/kcov.h>
#include <poll.h>
#include <sys/ioctl.h>

#include "program.h"

#define WORKERS		6		/* half of them as a plain user */
#define MOST_KEPT	4096
#define COVER_WORDS	(256UL << 10)
#define MOST_PCS	(1U << 15)
#define MOST_EDGES	(1U << 18)
#define BATCH		24		/* programs that one process runs */
#define HANG_MS		60000		/* one that takes longer will not come back */
#define TAINTS		(1 << 5 | 1 << 7 | 1 << 9 | 1 << 14)

/**
 * struct worker - shared with the process that runs its programs
 * @running: what it is running
 */
struct worker {
	struct program running;
	uint64_t chances;
	uint64_t programs;
	uint64_t calls;
	uint64_t deaths;
};

/* Shared by all. */
static struct {
	struct worker workers[WORKERS];
	uint64_t pcs[MOST_PCS];		/* a set; 0: free */
	uint32_t nr_pcs;
	uint32_t nr_edges;
	uint8_t edges[MOST_EDGES];
	uint32_t nr_given;		/* of those kept, what the run began with */
	uint32_t nr_run;		/* of these, already run */
	uint32_t nr_kept;
	uint32_t stop;
	struct program kept[MOST_KEPT];
} *all;

static int mailboxes[2];

/* ---- coverage ------------------------------------------------------------------ */

struct kcov {
	int fd;
	uint64_t *cover;	/* how many, and then the program counters */
};

/* -1: this kernel has none. */
static int kcov_open(struct kcov *kcov)
{
	kcov->cover = NULL;
	kcov->fd = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
	if (kcov->fd < 0 || ioctl(kcov->fd, KCOV_INIT_TRACE, COVER_WORDS))
		return -1;
	kcov->cover = mmap(NULL, COVER_WORDS * sizeof(uint64_t),
			   PROT_READ | PROT_WRITE, MAP_SHARED, kcov->fd, 0);
	return kcov->cover == MAP_FAILED ? -1 : 0;
}

static bool new_pc(uint64_t pc)
{
	uint32_t at = (pc * 0x9e3779b97f4a7c15ULL) >> 49;
	uint64_t there = 0;

	while (!__atomic_compare_exchange_n(&all->pcs[at % MOST_PCS], &there, pc,
					    false, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED)) {
		if (there == pc)
			return false;
		at++;
		there = 0;
	}
	__atomic_fetch_add(&all->nr_pcs, 1, __ATOMIC_RELAXED);
	return true;
}

static bool new_edge(uint64_t from, uint64_t to)
{
	uint32_t at = ((from * 31 ^ to) * 0x9e3779b97f4a7c15ULL) >> 46;

	if (__atomic_exchange_n(&all->edges[at], 1, __ATOMIC_RELAXED))
		return false;
	__atomic_fetch_add(&all->nr_edges, 1, __ATOMIC_RELAXED);
	return true;
}

/* Whether the trace has something that none before it had. */
static bool news(const struct kcov *kcov)
{
	uint64_t n, i, last = 0;
	bool any = false;

	if (!kcov->cover)
		return false;
	n = __atomic_load_n(&kcov->cover[0], __ATOMIC_RELAXED);
	for (i = 1; i <= n && i < COVER_WORDS; i++) {
		any |= new_pc(kcov->cover[i]);
		any |= new_edge(last, kcov->cover[i]);
		last = kcov->cover[i];
	}
	return any;
}

static void keep(const struct program *program)
{
	uint32_t at = __atomic_fetch_add(&all->nr_kept, 1, __ATOMIC_RELAXED);

	all->kept[at % MOST_KEPT] = *program;
}

/* ---- the processes that run programs ------------------------------------------- */

static const struct program *any_kept(uint64_t *chances)
{
	uint32_t nr = __atomic_load_n(&all->nr_kept, __ATOMIC_RELAXED);

	nr = nr < MOST_KEPT ? nr : MOST_KEPT;
	/* What was found last has been changed least. */
	if (!chance_below(chances, 3) && nr > 16)
		return &all->kept[nr - 1 - chance_below(chances, 16)];
	return &all->kept[chance_below(chances, nr)];
}

static void choose(struct program *program, uint64_t *chances)
{
	uint32_t given = __atomic_fetch_add(&all->nr_run, 1, __ATOMIC_RELAXED);

	if (given < all->nr_given) {
		*program = all->kept[given];
		return;
	}
	if (!__atomic_load_n(&all->nr_kept, __ATOMIC_RELAXED) ||
	    !chance_below(chances, 8)) {
		program_random(program, chances);
		return;
	}
	*program = *any_kept(chances);
	if (program->nr && program->nr <= MOST_CALLS)
		program_mutate(program, any_kept(chances), chances);
	else
		program_random(program, chances);
}

static void run_batch(struct worker *worker, const struct kcov *kcov)
{
	unsigned int i;

	run_begin(mailboxes[worker - all->workers < WORKERS / 2]);
	if (kcov->cover)
		ioctl(kcov->fd, KCOV_ENABLE, KCOV_TRACE_PC);
	for (i = 0; i < BATCH && !shared_load(&all->stop); i++) {
		choose(&worker->running, &worker->chances);
		if (kcov->cover)
			__atomic_store_n(&kcov->cover[0], 0, __ATOMIC_RELAXED);
		worker->programs++;
		worker->calls += worker->running.nr;
		run_program(&worker->running);
		if (news(kcov))
			keep(&worker->running);
	}
	_exit(0);
}

/* Half a second is long for a batch; one that never ends is found by the parent. */
static int work(struct worker *worker, bool as_user)
{
	struct kcov kcov;
	pid_t pid;

	kcov_open(&kcov);
	if (as_user && become(PLAIN_UID))
		return 1;
	while (!shared_load(&all->stop)) {
		pid = fork();
		if (!pid) {
			setpgid(0, 0);
			run_batch(worker, &kcov);
		}
		if (pid < 0)
			continue;
		waitpid(pid, NULL, 0);
		kill(-pid, SIGKILL);
		/* One that died has not said what it had reached. */
		if (news(&kcov))
			keep(&worker->running);
		worker->deaths++;
	}
	return 0;
}

/* ---- what is watched ----------------------------------------------------------- */

static long tainted(void)
{
	char text[32] = "0";

	read_text("/proc/sys/kernel/tainted", text, sizeof(text));
	return strtol(text, NULL, 10) & TAINTS;
}

static void print_running(void)
{
	unsigned int i;

	for (i = 0; i < WORKERS; i++) {
		printf("# running: ");
		program_print(&all->workers[i].running);
	}
	fflush(stdout);
}

static bool next_program(struct program *program)
{
	static char line[4 * sizeof(*program)];
	const char *hex;

	while (fgets(line, sizeof(line), stdin)) {
		hex = strrchr(line, ' ');
		if (program_parse(program, hex ? hex + 1 : line))
			return true;
	}
	return false;
}

static void print_kept(uint32_t *printed)
{
	for (; *printed < all->nr_kept && *printed < MOST_KEPT; ++*printed) {
		printf("# kept: ");
		program_print(&all->kept[*printed]);
	}
}

static uint64_t programs_run(void)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < WORKERS; i++)
		sum += shared_load(&all->workers[i].programs);
	return sum;
}

static uint64_t calls_run(void)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < WORKERS; i++)
		sum += shared_load(&all->workers[i].calls);
	return sum;
}

/* A worker whose program does not end, whatever signals come, is stuck in a call. */
static bool stuck(unsigned int index)
{
	static uint64_t seen[WORKERS], since[WORKERS];
	uint64_t now = now_ns();
	uint64_t programs = shared_load(&all->workers[index].programs);

	if (programs != seen[index] || !since[index]) {
		seen[index] = programs;
		since[index] = now;
	}
	return now - since[index] > HANG_MS * 1000000ULL;
}

/* Lines of the kernel's log about the module: user errors never get there. */
static unsigned int log_lines(int kmsg)
{
	unsigned int lines = 0;
	char line[2048];
	ssize_t n;

	while ((n = read(kmsg, line, sizeof(line) - 1)) > 0) {
		line[n] = '\0';
		if (!strstr(line, "disruptor"))
			continue;
		lines++;
		printf("# log: %s", line);
	}
	return lines;
}

static bool processes_end(pid_t *pids)
{
	unsigned int i, left = WORKERS;
	uint64_t end = now_ns() + HANG_MS * 1000000ULL;

	shared_store(&all->stop, 1);
	while (left && now_ns() < end) {
		for (i = 0; i < WORKERS; i++) {
			if (pids[i] && waitpid(pids[i], NULL, WNOHANG) == pids[i]) {
				pids[i] = 0;
				left--;
			}
		}
		sleep_ms(10);
	}
	return !left;
}

/* Nothing of a worker's may be left: a process that cannot be killed would be. */
static bool watch(unsigned int seconds, uint32_t *printed)
{
	uint64_t end = now_ns() + seconds * 1000000000ULL;
	uint64_t tell = now_ns();
	unsigned int i;

	while (now_ns() < end) {
		sleep_ms(100);
		print_kept(printed);
		if (tainted())
			return false;
		for (i = 0; i < WORKERS; i++) {
			if (stuck(i)) {
				printf("# worker %u hangs\n", i);
				return false;
			}
		}
		if (now_ns() < tell)
			continue;
		tell += 10000000000ULL;
		printf("# fuzz: %llu programs, %llu calls, %u PCs, %u edges, %u kept\n",
		       (unsigned long long)programs_run(),
		       (unsigned long long)calls_run(), all->nr_pcs,
		       all->nr_edges, all->nr_kept);
		fflush(stdout);
	}
	return true;
}

static void unlink_names(void)
{
	static const char *const names[] = { "w", "x", "y", "z" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		ring_unlink(names[i]);
}

static void result(bool ok, const char *what)
{
	static unsigned int nr;

	printf("%sok %u %s\n", ok ? "" : "not ", ++nr, what);
}

static int fuzz(unsigned int seconds)
{
	int kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	uint64_t chances = chosen_seed();
	pid_t pids[WORKERS];
	uint32_t printed = 0;
	struct kcov kcov;
	char what[128];
	unsigned int i;
	bool well, end;

	lseek(kmsg, 0, SEEK_END);
	/* A complaint is to be told, with what led to it. */
	write_text("/proc/sys/kernel/panic_on_oops", "0");
	/* Of the traces of a short run. */
	printf("1..4\n# coverage: %s\n", kcov_open(&kcov) ? "none" : "KCOV");
	while (all->nr_given < MOST_KEPT / 2 &&
	       next_program(&all->kept[all->nr_given]))
		all->nr_given++;
	all->nr_kept = all->nr_given;
	printed = all->nr_given;
	for (i = 0; i < WORKERS; i++) {
		all->workers[i].chances = chance(&chances);
		pids[i] = fork();
		if (!pids[i])
			_exit(work(&all->workers[i], i & 1));
	}
	well = watch(seconds, &printed);
	end = processes_end(pids);
	well &= !tainted();
	if (!well || !end)
		print_running();
	print_kept(&printed);
	close(mailboxes[0]);
	close(mailboxes[1]);
	unlink_names();
	snprintf(what, sizeof(what), "%llu programs, %llu calls, on %u PCs and %u edges",
		 (unsigned long long)programs_run(), (unsigned long long)calls_run(),
		 all->nr_pcs, all->nr_edges);
	result(programs_run() && (!kcov.cover || all->nr_pcs), what);
	result(well, "the kernel does not complain");
	result(end, "no call keeps a process for ever");
	result(!log_lines(kmsg), "nothing is said in the log");
	return 0;
}

/* ---- again --------------------------------------------------------------------- */

static int run_lines(void)
{
	struct program program;
	pid_t pid;

	while (next_program(&program)) {
		pid = fork();
		if (!pid) {
			setpgid(0, 0);
			run_begin(mailboxes[0]);
			run_program(&program);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
		kill(-pid, SIGKILL);
	}
	close(mailboxes[0]);
	close(mailboxes[1]);
	unlink_names();
	return 0;
}

int main(int argc, char **argv)
{
	all = shared_alloc(sizeof(*all));
	if (!all || socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
			       mailboxes))
		return 1;
	if (argc == 2 && !strcmp(argv[1], "--nothing"))
		return 0;	/* what programs execute */
	if (argc == 2 && !strcmp(argv[1], "--run"))
		return run_lines();
	if (argc == 3)
		setenv("SEED", argv[2], 1);
	if (argc < 2 || argc > 3)
		return 2;
	return fuzz(atoi(argv[1]));
}
