// SPDX-License-Identifier: MIT
/*
 * The contender's side of the bench: reads what is asked for line by line, runs it,
 * checks it, and answers each with a line.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contender.h"
#include "histogram.h"

#define MAX_CPUS	8
#define MAX_LINE	512

static const struct {
	const char *name;
	unsigned int producers;
	unsigned int consumers;
} shapes[NR_SHAPES] = {
	[SHAPE_RAW]		= { "raw", 1, 1 },
	[SHAPE_ONE_TO_ONE]	= { "one-to-one", 1, 1 },
	[SHAPE_POLLER]		= { "poller", 1, 1 },
	[SHAPE_PIPELINE]	= { "pipeline", 1, 3 },
	[SHAPE_DIAMOND]		= { "diamond", 1, 3 },
	[SHAPE_MULTICAST]	= { "multicast", 1, 3 },
	[SHAPE_THREE_TO_ONE]	= { "three-to-one", 3, 1 },
	[SHAPE_THREE_TO_THREE]	= { "three-to-three", 3, 1 },
	[SHAPE_PING_PONG]	= { "ping-pong", 1, 1 },
	[SHAPE_COPY]		= { "copy", 1, 1 },
};

static const char *const waits[NR_WAITS] = {
	[WAIT_SPIN]	= "spin",
	[WAIT_YIELD]	= "yield",
	[WAIT_BACKOFF]	= "backoff",
	[WAIT_BLOCK]	= "block",
	[WAIT_SLEEP]	= "sleep",
};

/* What a side has, on lines of its own. */
struct seat {
	struct contest_side side;
	uint64_t began_ns;	/* a producer, with what counts */
	uint64_t ended_ns;	/* a consumer */
	struct run *run;
} __attribute__((aligned(LINE_BYTES)));

/**
 * struct run - one run, in memory of all sides
 * @contest: what is asked for
 * @cpus: where the sides go by turns, producers first
 * @nr_cpus: how many
 * @begin: all are ready
 * @warmed: all producers have sent what does not count
 * @seats: producers, then consumers
 * @times: of round trips
 */
struct run {
	struct contest contest;
	int cpus[MAX_CPUS];
	unsigned int nr_cpus;
	struct meeting begin;
	struct meeting warmed;
	struct seat seats[6];
	struct histogram times;
};

static char refusal[256];

/* ---- answers ------------------------------------------------------------------- */

static void __attribute__((format(printf, 1, 2)))
answer(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	fflush(stdout);
}

int contest_refuse(const struct contest *contest, const char *format, ...)
{
	va_list arguments;

	(void)contest;
	va_start(arguments, format);
	vsnprintf(refusal, sizeof(refusal), format, arguments);
	va_end(arguments);
	return -EOPNOTSUPP;
}

/* ---- arrays that are copied -------------------------------------------------------- */

/*
 * Both ends and one element between are set anew in every array; all of it is looked
 * at in the last one.  More would be measured as if it were copying.
 */
static uint64_t *between(struct contest_side *side, uint64_t nr)
{
	return &side->array[1 + nr % (side->contest->batch - 2)];
}

void contest_mark(struct contest_side *side, uint64_t nr)
{
	side->array[0] = nr + 1;
	side->array[side->contest->batch - 1] = nr + 1;
	*between(side, nr) = nr + 1;
}

static uint64_t check_array(struct contest_side *side, uint64_t last)
{
	uint64_t period = side->contest->batch - 2, wrong = 0, nr;

	for (nr = last < period ? 0 : last - period + 1; nr <= last; nr++)
		wrong |= *between(side, nr) ^ (nr + 1);
	return wrong;
}

void contest_look(struct contest_side *side, uint64_t nr)
{
	const struct contest *contest = side->contest;

	side->wrong |= (side->array[0] ^ (nr + 1)) |
		       (side->array[contest->batch - 1] ^ (nr + 1)) |
		       (*between(side, nr) ^ (nr + 1));
	if ((nr + 1) * contest->batch == contest->warm + contest->events)
		side->wrong |= check_array(side, nr);
}

/* ---- what sides do -------------------------------------------------------------------- */

static int produce(struct seat *seat)
{
	struct contest_side *side = &seat->side;
	const struct contest *contest = side->contest;
	uint64_t warm = contest->warm / contest->producers;
	uint64_t all = warm + contest->events / contest->producers;
	int err = contest->way->produce(side, 0, warm);

	if (err)
		return err;
	meet(&seat->run->warmed, contest->producers);
	seat->began_ns = now_ns();
	return contest->way->produce(side, warm, all);
}

static int consume(struct seat *seat)
{
	const struct contest *contest = seat->side.contest;
	int err = contest->way->consume(&seat->side,
					contest->warm + contest->events);

	seat->ended_ns = now_ns();
	return err;
}

static int serve(struct seat *seat)
{
	struct contest_side *side = &seat->side;
	const struct contest *contest = side->contest;
	uint64_t i, sent_ns, value = 0;
	int err;

	for (i = 0; i < contest->warm + contest->events; i++) {
		sent_ns = now_ns();
		if (i == contest->warm)
			seat->began_ns = sent_ns;
		err = contest->way->send(side, i);
		if (!err)
			err = contest->way->receive(side, &value);
		if (err)
			return err;
		if (i >= contest->warm)
			histogram_add(&seat->run->times, now_ns() - sent_ns);
		side->wrong |= value ^ i;
	}
	seat->ended_ns = now_ns();
	return 0;
}

static int return_all(struct seat *seat)
{
	struct contest_side *side = &seat->side;
	const struct contest *contest = side->contest;
	uint64_t i, value = 0;
	int err = 0;

	for (i = 0; i < contest->warm + contest->events && !err; i++) {
		err = contest->way->receive(side, &value);
		side->wrong |= value ^ i;
		if (!err)
			err = contest->way->send(side, value);
	}
	return err;
}

static int act(struct seat *seat)
{
	if (seat->side.contest->shape == SHAPE_PING_PONG)
		return seat->side.nr ? return_all(seat) : serve(seat);
	return seat->side.produces ? produce(seat) : consume(seat);
}

/*
 * The others would wait for a side that fails, for ever: threads of it end with the
 * program, processes are ended by sides_run().
 */
static int fail(const struct contest *contest, int err)
{
	if (contest->way->processes)
		return err;
	answer("void %s", strerror(-err));
	_exit(1);
}

static int side_main(void *context)
{
	struct seat *seat = context;
	struct contest_side *side = &seat->side;
	const struct contest *contest = side->contest;
	int err = 0;

	if (contest->shape == SHAPE_COPY)
		side->array = calloc(contest->batch, sizeof(*side->array));
	if (contest->shape == SHAPE_COPY && !side->array)
		err = -ENOMEM;
	if (!err && contest->way->enter)
		err = contest->way->enter(side);
	if (err)
		return fail(contest, err);
	meet(&seat->run->begin, contest->producers + contest->consumers);
	err = act(seat);
	if (contest->way->leave)
		contest->way->leave(side);
	free(side->array);
	return err ? fail(contest, err) : 0;
}

/* ---- runs --------------------------------------------------------------------------------- */

static void seat_all(struct run *run)
{
	struct contest *contest = &run->contest;
	unsigned int i;

	for (i = 0; i < contest->producers + contest->consumers; i++) {
		struct contest_side *side = &run->seats[i].side;

		run->seats[i].run = run;
		side->contest = contest;
		side->produces = i < contest->producers;
		side->nr = side->produces ? i : i - contest->producers;
		if (contest->shape == SHAPE_PING_PONG)
			side->nr = i;
	}
}

static int run_sides(struct run *run)
{
	struct contest *contest = &run->contest;
	unsigned int i, nr = contest->producers + contest->consumers;
	struct side_start sides[6];

	seat_all(run);
	for (i = 0; i < nr; i++) {
		sides[i].run = side_main;
		sides[i].context = &run->seats[i];
		sides[i].cpu = run->cpus[i % run->nr_cpus];
	}
	return sides_run(contest->way->processes, sides, nr);
}

static uint64_t took_ns(const struct run *run)
{
	uint64_t began_ns = UINT64_MAX, ended_ns = 0;
	const struct seat *seat;

	for (seat = run->seats; seat->run; seat++) {
		if (seat->began_ns && seat->began_ns < began_ns)
			began_ns = seat->began_ns;
		if (seat->ended_ns > ended_ns)
			ended_ns = seat->ended_ns;
	}
	return ended_ns - began_ns;
}

static uint64_t wrong_bits(const struct run *run)
{
	const struct contest *contest = &run->contest;
	uint64_t wrong = 0;
	unsigned int i;

	for (i = 0; i < contest->producers + contest->consumers; i++)
		wrong |= run->seats[i].side.wrong;
	return wrong;
}

static void tell(const struct run *run)
{
	const struct histogram *times = &run->times;
	const struct contest *contest = &run->contest;
	uint64_t wrong = wrong_bits(run);

	if (wrong)
		answer("void what came is not what was sent: %llx",
		       (unsigned long long)wrong);
	else if (contest->shape != SHAPE_PING_PONG)
		answer("ok events=%llu ns=%llu",
		       (unsigned long long)contest->events,
		       (unsigned long long)took_ns(run));
	else
		answer("ok events=%llu ns=%llu p50=%llu p90=%llu p99=%llu p99.9=%llu p99.99=%llu max=%llu",
		       (unsigned long long)contest->events,
		       (unsigned long long)took_ns(run),
		       (unsigned long long)histogram_at(times, 0.5),
		       (unsigned long long)histogram_at(times, 0.9),
		       (unsigned long long)histogram_at(times, 0.99),
		       (unsigned long long)histogram_at(times, 0.999),
		       (unsigned long long)histogram_at(times, 0.9999),
		       (unsigned long long)times->max);
}

static void run_contest(struct run *run)
{
	struct contest *contest = &run->contest;
	const struct contender_way *way = contest->way;
	int err = way->make(contest);

	if (err == -EOPNOTSUPP) {
		answer("unsupported %s", refusal);
		return;
	}
	if (!err) {
		err = run_sides(run);
		way->drop(contest);
	}
	if (err)
		answer("void %s", strerror(-err));
	else
		tell(run);
}

/* ---- requests -------------------------------------------------------------------------------- */

static bool is_number(const char *text, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno;
}

static bool read_shape(struct contest *contest, const char *text)
{
	unsigned int i;

	for (i = 0; i < NR_SHAPES; i++) {
		if (strcmp(shapes[i].name, text))
			continue;
		contest->shape = (enum contest_shape)i;
		contest->producers = shapes[i].producers;
		contest->consumers = shapes[i].consumers;
		return true;
	}
	return false;
}

static bool read_wait(struct contest *contest, const char *text)
{
	unsigned int i;

	for (i = 0; i < NR_WAITS; i++) {
		if (strcmp(waits[i], text))
			continue;
		contest->wait = (enum contest_wait)i;
		return true;
	}
	return false;
}

static bool read_cpus(struct run *run, char *text)
{
	char *rest = NULL, *word;
	uint64_t cpu;

	run->nr_cpus = 0;
	for (word = strtok_r(text, ",", &rest); word;
	     word = strtok_r(NULL, ",", &rest)) {
		if (run->nr_cpus == MAX_CPUS || !is_number(word, &cpu) || cpu > 1023)
			return false;
		run->cpus[run->nr_cpus++] = cpu;
	}
	return run->nr_cpus;
}

static bool read_way(struct run *run, const struct contender *contender,
		     const char *text)
{
	unsigned int i;

	for (i = 0; i < contender->nr_ways; i++) {
		if (!strcmp(contender->ways[i].name, text))
			run->contest.way = &contender->ways[i];
	}
	return run->contest.way;
}

static bool read_word(struct run *run, const struct contender *contender,
		      const char *key, char *text)
{
	struct contest *contest = &run->contest;

	if (!strcmp(key, "way"))
		return read_way(run, contender, text);
	if (!strcmp(key, "shape"))
		return read_shape(contest, text);
	if (!strcmp(key, "wait"))
		return read_wait(contest, text);
	if (!strcmp(key, "cpus"))
		return read_cpus(run, text);
	if (!strcmp(key, "size"))
		return is_number(text, &contest->size);
	if (!strcmp(key, "slots"))
		return is_number(text, &contest->slots);
	if (!strcmp(key, "batch"))
		return is_number(text, &contest->batch);
	if (!strcmp(key, "events"))
		return is_number(text, &contest->events);
	if (!strcmp(key, "warm"))
		return is_number(text, &contest->warm);
	return false;
}

/* Whole batches, and as many from every producer. */
static uint64_t whole(const struct contest *contest, uint64_t events)
{
	uint64_t part = contest->batch * contest->producers;

	return (events + part - 1) / part * part;
}

static bool is_possible(struct contest *contest)
{
	if (!contest->way || !contest->size || contest->size % 8 ||
	    !contest->slots || !contest->events || !contest->batch ||
	    contest->batch > contest->slots)
		return false;
	if (contest->shape == SHAPE_COPY &&
	    (contest->batch < 3 || contest->size != 8))
		return false;
	if ((contest->shape == SHAPE_PIPELINE || contest->shape == SHAPE_DIAMOND) &&
	    contest->size != sizeof(struct contest_event))
		return false;
	contest->events = whole(contest, contest->events);
	contest->warm = whole(contest, contest->warm);
	return true;
}

static void read_run(const struct contender *contender, char *words)
{
	struct run *run = shared_alloc(sizeof(*run));
	char *rest = NULL, *word, *equals;
	bool understood = true;

	run->contest.producers = 1;
	run->contest.consumers = 1;
	run->contest.batch = 1;
	for (word = strtok_r(words, " \n", &rest); word && understood;
	     word = strtok_r(NULL, " \n", &rest)) {
		equals = strchr(word, '=');
		if (equals)
			*equals++ = 0;
		understood = equals && read_word(run, contender, word, equals);
		if (!understood)
			answer("void %s is not understood", word);
	}
	if (understood && !(is_possible(&run->contest) && run->nr_cpus))
		answer("void the request makes no sense");
	else if (understood)
		run_contest(run);
	shared_free(run, sizeof(*run));
}

static void describe(const struct contender *contender)
{
	unsigned int i;

	printf("contender name=%s version=%s ways=%s", contender->name,
	       contender->version ? contender->version : "-",
	       contender->ways[0].name);
	for (i = 1; i < contender->nr_ways; i++)
		printf(",%s", contender->ways[i].name);
	printf("\n");
	fflush(stdout);
}

int contender_main(const struct contender *contender)
{
	char line[MAX_LINE];

	while (fgets(line, sizeof(line), stdin)) {
		if (!strcmp(line, "describe\n"))
			describe(contender);
		else if (!strncmp(line, "run ", 4))
			read_run(contender, line + 4);
		else
			answer("void %.*s: not understood",
			       (int)strcspn(line, "\n"), line);
	}
	return ferror(stdin) ? 1 : 0;
}
