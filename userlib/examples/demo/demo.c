// SPDX-License-Identifier: MIT
/*
 * demo FILE DIRECTORY [NAME] - pass a file through a ring between processes, kill two of
 * them on the way, and show that nothing is lost.
 *
 *                 +-> journal ----+
 *   receiver -----+               +--> logic --> demo
 *                 +-> replicate --+
 *                         |
 *                         +- - socket - -> replica
 *
 * The demo itself is the last consumer.  So it sees what all others have done, and as
 * the ring cannot run away from it, what it kills is in the middle of the stream.
 */
#include <err.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <disruptor.h>

#include "line.h"
#include "process.h"

#define SECOND		1000000000ULL
#define MOMENT		2000000ULL	/* between looks while a process is dead */
#define PATIENCE	(30 * SECOND)	/* without an event: something hangs */
#define MAX_SLOTS	4096
#define MIN_EVENTS	8		/* with fewer, there is no middle */

/* The seats of the ring, and with them the processes; but the replica has none. */
enum { RECEIVER, JOURNAL, REPLICATE, LOGIC, DEMO, SEATS, REPLICA = DEMO, PROCESSES };

static struct process processes[PROCESSES] = {
	[RECEIVER]	= { .name = "receiver" },
	[JOURNAL]	= { .name = "journal" },
	[REPLICATE]	= { .name = "replicate" },
	[LOGIC]		= { .name = "logic" },
	[REPLICA]	= { .name = "replica" },
};

/**
 * struct death - a process is killed, and started again
 * @victim: which
 * @at: when this many events have passed all stages
 * @when: what has to come before it is started again
 * @state: what has happened
 * @sequence: how far it had come
 */
struct death {
	unsigned int victim;
	uint64_t at;
	const char *when;
	enum { TO_COME, DEAD, BACK } state;
	uint64_t sequence;
};

/**
 * struct demo - all that the demo knows
 * @input: the file
 * @events: of the file
 * @bytes: of the file
 * @slots: of the ring
 * @name: of the ring
 * @ring: it
 * @consumer: the demo's role
 * @passed: events that have passed all stages
 * @offset: bytes in them
 * @deaths: in this order
 * @start_ns: of the stream
 * @moved_ns: when the last event came
 * @tick_ns: when the next line of progress is due
 * @shown: events published at the last one
 */
static struct demo {
	const char *input;
	uint64_t events;
	uint64_t bytes;
	uint32_t slots;
	char name[DISRUPTOR_RING_NAME_LEN];
	struct disruptor_ring *ring;
	struct disruptor_consumer *consumer;
	uint64_t passed;
	uint64_t offset;
	struct death deaths[2];
	uint64_t start_ns;
	uint64_t moved_ns;
	uint64_t tick_ns;
	uint64_t shown;
} demo = {
	.deaths = {
		{ .victim = JOURNAL, .when = "the ring is full and the receiver waits" },
		{ .victim = RECEIVER, .when = "all it had published is done, and the stages wait" },
	},
};

static volatile sig_atomic_t interrupted;

static void on_signal(int signal)
{
	interrupted = signal;
}

static void clean_up(void)
{
	process_end_all(processes, PROCESSES);
	if (demo.ring)
		disruptor_unlink(demo.name);
}

static void check(int error, const char *what)
{
	if (error)
		errx(1, "FAIL: %s: %s", what, strerror(-error));
}

/* 1,234,567 */
static const char *number(uint64_t n)
{
	static char texts[8][32];
	static unsigned int which;
	char *at = texts[which++ % 8] + 31;
	unsigned int digits = 0;

	do {
		if (digits && digits % 3 == 0)
			*--at = ',';
		*--at = '0' + n % 10;
		digits++;
		n /= 10;
	} while (n);
	return at;
}

static double seconds(void)
{
	return (disruptor_now_ns() - demo.start_ns) / 1e9;
}

/* ---- before ---------------------------------------------------------------- */

/* Into how many events the receiver will make the file. */
static void read_input(void)
{
	struct line line;
	struct stat st;
	FILE *in = fopen(demo.input, "re");

	if (!in || fstat(fileno(in), &st))
		err(2, "%s", demo.input);
	if (!S_ISREG(st.st_mode))
		errx(2, "%s: not a regular file", demo.input);
	while (line_read(in, &line)) {
		demo.events++;
		demo.bytes += line.length;
	}
	if (ferror(in))
		err(2, "%s", demo.input);
	fclose(in);
}

/* A ring that holds an eighth of the file at the most: so there is a middle. */
static void create_ring(void)
{
	struct disruptor_config config = {
		.slots = MAX_SLOTS,
		.slot_size = sizeof(struct line),
		.flags = DISRUPTOR_RING_OUTLIVES,	/* its producer will be killed */
		.mode = 0600,
		.name = demo.name,
	};

	while (config.slots > 1 && config.slots > demo.events / 8)
		config.slots /= 2;
	demo.slots = config.slots;
	disruptor_graph_add(&config.graph, "journal", NULL, 0);
	disruptor_graph_add(&config.graph, "replicate", NULL, 0);
	disruptor_graph_add(&config.graph, "logic",
			    DISRUPTOR_AFTER("journal", "replicate"), 0);
	disruptor_graph_add(&config.graph, "demo", DISRUPTOR_AFTER("logic"), 0);
	snprintf(demo.name, sizeof(demo.name), "demo.%d", getpid());
	check(disruptor_create(&demo.ring, &config), "cannot create a ring");
	check(disruptor_consumer_attach(&demo.consumer, demo.ring, "demo"), "demo");
}

static void show_plan(const char *label)
{
	printf("\n"
	       "  input   %s: %s bytes, %s events (lines)\n"
	       "  ring    /dev/disruptor: %s slots of %zu bytes; every stage is a process\n"
	       "\n"
	       "                  +-> journal ----+   file\n"
	       "    receiver -----+               +-> logic\n"
	       "                  +-> replicate --+\n"
	       "                          '- - - socket - - -> replica   file\n"
	       "\n",
	       label, number(demo.bytes), number(demo.events),
	       number(demo.slots), sizeof(struct line));
	if (demo.events < MIN_EVENTS)
		printf("  Fewer than %d events have no middle to kill in: they just pass.\n\n",
		       MIN_EVENTS);
}

static const char *path(const char *directory, const char *name)
{
	char *text;

	if (asprintf(&text, "%s/%s", directory, name) < 0)
		err(1, NULL);
	return text;
}

static void start_all(const char *directory)
{
	unsigned int i;

	for (i = 0; i < PROCESSES; i++) {
		processes[i].args[0] = demo.name;
		snprintf(processes[i].output, sizeof(processes[i].output),
			 "%s/%s.out", directory, processes[i].name);
	}
	processes[RECEIVER].args[1] = demo.input;
	processes[JOURNAL].args[1] = path(directory, "journal");
	processes[REPLICATE].args[1] = path(directory, "socket");
	processes[REPLICA].args[0] = processes[REPLICATE].args[1];
	processes[REPLICA].args[1] = path(directory, "replica");
	for (i = PROCESSES; i-- > 0;)
		process_start(&processes[i]);
}

/* ---- while the file passes ----------------------------------------------------- */

static void get_seats(struct disruptor_seat_stats seats[SEATS])
{
	struct disruptor_stats stats = {
		.seats = (uintptr_t)seats,
		.nr_seats = SEATS,
	};

	check(disruptor_get_stats(demo.ring, &stats), "stats");
}

static const char *behind(const struct disruptor_seat_stats *seats, unsigned int i)
{
	uint64_t published = seats[RECEIVER].sequence;

	/* They move while they are being read. */
	return number(published > seats[i].sequence ?
		      published - seats[i].sequence : 0);
}

static void show_progress(void)
{
	struct disruptor_seat_stats seats[SEATS];
	uint64_t now = disruptor_now_ns();
	uint64_t published;
	double since;

	get_seats(seats);
	published = seats[RECEIVER].sequence;
	since = (double)(now + SECOND - demo.tick_ns) / SECOND;
	printf("  %5.1f s %11s %10s %11s %10s %10s\n", seconds(), number(published),
	       number((published - demo.shown) / since), behind(seats, JOURNAL),
	       behind(seats, REPLICATE), behind(seats, LOGIC));
	demo.shown = published;
	demo.tick_ns = now + SECOND;
}

/* Every event must go on where the one before it ended. */
static void check_order(const struct disruptor_range *range)
{
	uint64_t seq;

	if (range->lo != demo.passed)
		errx(1, "FAIL: after event %" PRIu64 " comes %" PRIu64, demo.passed,
		     range->lo);
	for (seq = range->lo; seq != range->hi; seq++) {
		const struct line *line = disruptor_consumer_slot(demo.consumer, seq);

		if (line->offset != demo.offset)
			errx(1, "FAIL: event %" PRIu64 " is of byte %" PRIu64
			     ", not %" PRIu64, seq, line->offset, demo.offset);
		demo.offset += line->length;
	}
	demo.passed = range->hi;
	demo.moved_ns = disruptor_now_ns();
}

static uint64_t sequence_of(unsigned int process)
{
	struct disruptor_seat_stats seats[SEATS];

	get_seats(seats);
	return seats[process].sequence;
}

/* What a process does that others can see: bytes in the journal, else events. */
static uint64_t work_of(unsigned int process)
{
	struct stat st;

	if (process != JOURNAL)
		return sequence_of(process);
	return stat(processes[JOURNAL].args[1], &st) ? 0 : st.st_size;
}

/*
 * Kill it at work: the journal as it writes, so that its file has lines which it has
 * not let go of, and which come again.  Nobody is further ahead of the demo than the
 * ring is long, so this is in mid-stream.
 */
static void kill_victim(struct death *death)
{
	struct process *victim = &processes[death->victim];
	uint64_t end = disruptor_now_ns() + SECOND;
	uint64_t before = work_of(death->victim);
	pid_t pid = victim->pid;

	while (work_of(death->victim) == before && disruptor_now_ns() < end)
		;
	process_kill(victim);
	death->sequence = sequence_of(death->victim);
	death->state = DEAD;
	if (sequence_of(RECEIVER) >= demo.events)
		errx(1, "FAIL: %s was killed too late", victim->name);
	printf("  %5.1f s  KILL -9 %s (pid %d) at event %s of %s\n", seconds(),
	       victim->name, pid, number(death->sequence), number(demo.events));
}

/* Whether all has come to wait for the dead. */
static bool missed(const struct death *death)
{
	uint64_t published = sequence_of(RECEIVER);

	if (death->victim == RECEIVER)
		return demo.passed == published;
	return published - death->sequence == demo.slots;
}

static void start_victim(struct death *death)
{
	struct process *victim = &processes[death->victim];

	death->state = BACK;
	printf("  %5.1f s  %s\n", seconds(), death->when);
	process_start(victim);
	printf("  %5.1f s  started %s again (pid %d)\n", seconds(), victim->name,
	       victim->pid);
}

/* The death that is next, if one is. */
static struct death *next_death(void)
{
	unsigned int i;

	for (i = 0; i < 2 && demo.events >= MIN_EVENTS; i++) {
		if (demo.deaths[i].state != BACK)
			return &demo.deaths[i];
	}
	return NULL;
}

/* Events have come, or none for some time. */
static void handle(const struct disruptor_range *range)
{
	struct death *death = next_death();

	if (range) {
		check_order(range);
		disruptor_release(demo.consumer, range->hi);
	}
	if (death && death->state == TO_COME && demo.passed >= death->at)
		kill_victim(death);
	if (death && death->state == DEAD && missed(death))
		start_victim(death);
}

static uint64_t next_look(void)
{
	struct death *death = next_death();
	uint64_t soon = disruptor_now_ns() + MOMENT;

	return death && death->state == DEAD && soon < demo.tick_ns ? soon :
								      demo.tick_ns;
}

static void check_health(void)
{
	process_reap(processes, PROCESSES);
	if (interrupted)
		errx(1, "interrupted");
	if (disruptor_now_ns() > demo.moved_ns + PATIENCE)
		errx(1, "FAIL: no event for %llu seconds", PATIENCE / SECOND);
}

static void watch(void)
{
	struct disruptor_range range;
	int error;

	demo.start_ns = disruptor_now_ns();
	demo.moved_ns = demo.start_ns;
	demo.tick_ns = demo.start_ns + SECOND;
	demo.deaths[0].at = demo.events / 3;
	demo.deaths[1].at = demo.events * 2 / 3;
	printf("     time   published   events/s  behind it: journal  replicate      logic\n");
	for (;;) {
		error = disruptor_wait_until(demo.consumer, next_look(), &range);
		if (error == -ENODATA)
			break;
		if (error != -ETIMEDOUT)
			check(error, "cannot wait for events");
		handle(error ? NULL : &range);
		check_health();
		if (disruptor_now_ns() >= demo.tick_ns)
			show_progress();
	}
	show_progress();
}

static void await_all(void)
{
	static const struct timespec pause = { .tv_nsec = MOMENT };
	unsigned int i;

	for (i = 0; i < PROCESSES; i++) {
		while (processes[i].pid) {
			check_health();
			nanosleep(&pause, NULL);
		}
	}
}

/* ---- after ------------------------------------------------------------------- */

static bool verdict(bool good, const char *what)
{
	printf("  %-4s  %s\n", good ? "ok" : "FAIL", what);
	return good;
}

static bool same(const struct process *process, const char *what)
{
	char *argv[] = { "cmp", "-", (char *)process->args[1], NULL };

	return verdict(!run_tool(demo.input, NULL, argv, argv), what);
}

static FILE *open_output(const struct process *process)
{
	FILE *file = fopen(process->output, "re");

	if (!file)
		err(1, "%s", process->output);
	return file;
}

/* What stage_end() wrote. */
static void show_batches(const struct process *process)
{
	uint64_t first, next, batches, n;
	FILE *file = open_output(process);

	if (fscanf(file, "%" SCNu64 "%" SCNu64 "%" SCNu64, &first, &next,
		   &batches) != 3)
		errx(1, "FAIL: %s says nothing of its batches", process->name);
	fclose(file);
	n = next - first;
	printf("  %-9s %10s events in %7s batches, %6.1f a batch%s%s\n",
	       process->name, number(n), number(batches),
	       batches ? (double)n / batches : 0,
	       first ? ", since it was started again at event " : "",
	       first ? number(first) : "");
}

/* wc's own figures.  Some newer ones count words differently; busybox's does not. */
static void count(uint64_t counts[3], const char *output)
{
	char *busybox[] = { "busybox", "wc", NULL };
	char *argv[] = { "wc", NULL };
	FILE *file;

	if (run_tool(demo.input, output, busybox, argv))
		errx(1, "FAIL: wc failed");
	file = fopen(output, "re");
	if (!file || fscanf(file, "%" SCNu64 "%" SCNu64 "%" SCNu64, &counts[0],
			    &counts[1], &counts[2]) != 3)
		errx(1, "FAIL: wc says nothing");
	fclose(file);
}

static bool show_logic(const char *output)
{
	uint64_t counts[3], expected[3], n;
	FILE *file = open_output(&processes[LOGIC]);
	char word[80], text[200];
	bool good;

	count(expected, output);
	if (fscanf(file, "%*u%*u%*u%" SCNu64 "%" SCNu64 "%" SCNu64, &counts[0],
		   &counts[1], &counts[2]) != 3)
		errx(1, "FAIL: logic says nothing");
	good = !memcmp(counts, expected, sizeof(counts));
	snprintf(text, sizeof(text), "logic: %s lines, %s words, %s bytes; wc: %s",
		 number(counts[0]), number(counts[1]), number(counts[2]),
		 good ? "the same" : "not so");
	verdict(good, text);
	printf("        top ten words:");
	while (fscanf(file, "%" SCNu64 "%79s", &n, word) == 2)
		printf("  %s %s", word, number(n));
	printf("\n");
	fclose(file);
	return good;
}

static bool show_results(const char *directory, double took)
{
	bool good = true;

	printf("\n");
	show_batches(&processes[JOURNAL]);
	show_batches(&processes[REPLICATE]);
	show_batches(&processes[LOGIC]);
	printf("\n");
	good &= verdict(demo.passed == demo.events && demo.offset == demo.bytes,
			"every event passed all stages once, in order");
	good &= same(&processes[JOURNAL], "journal: byte-identical to the input (cmp)");
	good &= same(&processes[REPLICA], "replica: byte-identical to the input (cmp)");
	good &= show_logic(path(directory, "wc.out"));
	printf("\n%s: %s events in %.1f s, %s events/s; %s\n",
	       good ? "PASS" : "FAIL", number(demo.events), took,
	       number(demo.events / took),
	       demo.events < MIN_EVENTS ? "too few to kill a process between them" :
	       good ? "two processes killed and started again, nothing lost" :
		      "something was lost");
	return good;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };
	double took;

	if (argc < 3 || argc > 4)
		errx(2, "usage: demo FILE DIRECTORY [NAME]");
	demo.input = argv[1];
	read_input();
	setenv("LC_ALL", "C", 1);
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	atexit(clean_up);

	if (mkdir(argv[2], 0700))
		err(1, "%s", argv[2]);
	create_ring();
	show_plan(argc > 3 ? argv[3] : demo.input);
	start_all(argv[2]);
	watch();
	took = seconds();
	await_all();
	return show_results(argv[2], took) ? 0 : 1;
}
