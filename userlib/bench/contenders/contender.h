/* SPDX-License-Identifier: MIT */
/*
 * What a contender of disruptor-bench in C or C++ is built on.  It says how it makes
 * its queue, and how it sends and takes events; contender_main() does the rest: the
 * talk with the bench (see README.md there), sides on their processors, a common
 * start, the clock, and the checks without which a figure is void.
 */
#ifndef DISRUPTOR_BENCH_CONTENDER_H
#define DISRUPTOR_BENCH_CONTENDER_H

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "../sides.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CONTEST_INLINE	static inline __attribute__((always_inline))

/* Who sends what to whom.  An event is a message of size bytes, unless said. */
enum contest_shape {
	SHAPE_RAW,		/* one to one, sequences and no events */
	SHAPE_ONE_TO_ONE,	/* one to one */
	SHAPE_POLLER,		/* one to one, taken by polling */
	SHAPE_PIPELINE,		/* one to three, each after the other; struct contest_event */
	SHAPE_DIAMOND,		/* one to three, the third after both; struct contest_event */
	SHAPE_MULTICAST,	/* one to three, each gets all */
	SHAPE_THREE_TO_ONE,	/* three to one, in one queue */
	SHAPE_THREE_TO_THREE,	/* three queues, one producer each, one consumer of all */
	SHAPE_PING_PONG,	/* a number there and back */
	SHAPE_COPY,		/* one to one, arrays of 8-byte events copied in and out */
	NR_SHAPES,
};

/* What to do while there is nothing, or no room. */
enum contest_wait {
	WAIT_SPIN,
	WAIT_YIELD,
	WAIT_BACKOFF,
	WAIT_BLOCK,		/* spin for a moment, then sleep until woken */
	WAIT_SLEEP,		/* sleep at once */
	NR_WAITS,
};

struct contender_way;

/**
 * struct contest - one run, as the bench asks for it
 * @shape: of it
 * @wait: what both sides do while there is nothing
 * @size: bytes of an event; a multiple of 8
 * @slots: how many events a queue holds
 * @batch: events that are sent as one, if that can be said; SHAPE_COPY: in an array
 * @events: that count, from all producers
 * @warm: that are sent before those, from all producers
 * @way: which is asked for
 * @producers: how many, by shape
 * @consumers: likewise
 * @state: the contender's
 */
struct contest {
	enum contest_shape shape;
	enum contest_wait wait;
	uint64_t size;
	uint64_t slots;
	uint64_t batch;
	uint64_t events;
	uint64_t warm;
	const struct contender_way *way;
	unsigned int producers;
	unsigned int consumers;
	void *state;
};

/**
 * struct contest_side - what one thread or process knows of it
 * @contest: the run
 * @nr: which producer or consumer it is, from 0; SHAPE_PING_PONG: 0 serves
 * @produces: it is a producer
 * @wrong: a consumer ORs into it the bits that differ from what they should be
 * @seen: SHAPE_THREE_TO_ONE, SHAPE_THREE_TO_THREE: by producer, what has come
 * @array: SHAPE_COPY: of @contest->batch events, to copy from and to
 * @handle: the contender's
 */
struct contest_side {
	struct contest *contest;
	unsigned int nr;
	bool produces;
	uint64_t wrong;
	uint64_t seen[3];
	uint64_t *array;
	void *handle;
};

/**
 * struct contender_way - one way in which a contender passes events
 * @name: one word
 * @processes: between processes; or threads
 * @make: the queue, in memory that the sides will share.  What cannot be done is
 *	refused with contest_refuse(), and then nothing is left
 * @drop: undo it
 * @enter: as a side, on its thread, before the start; may be NULL
 * @leave: likewise, at the end; also after an error of @enter
 * @produce: send events @lo to @hi, of this producer.  Called more than once, and
 *	goes on where it stopped
 * @consume: take @nr events.  Called once
 * @send: SHAPE_PING_PONG: a number, to the other side
 * @receive: likewise, wait for the next from there
 *
 * All answer 0 or a negative errno.
 */
struct contender_way {
	const char *name;
	bool processes;
	int (*make)(struct contest *contest);
	void (*drop)(struct contest *contest);
	int (*enter)(struct contest_side *side);
	void (*leave)(struct contest_side *side);
	int (*produce)(struct contest_side *side, uint64_t lo, uint64_t hi);
	int (*consume)(struct contest_side *side, uint64_t nr);
	int (*send)(struct contest_side *side, uint64_t value);
	int (*receive)(struct contest_side *side, uint64_t *value);
};

/**
 * struct contender - all of its ways
 * @name: one word
 * @version: one word, or NULL
 * @ways: the array
 * @nr_ways: its length
 */
struct contender {
	const char *name;
	const char *version;
	const struct contender_way *ways;
	unsigned int nr_ways;
};

/* Answer the bench until it hangs up; the exit status of the program. */
int contender_main(const struct contender *contender);

/* Say why this cannot be done, in @make; answers -EOPNOTSUPP. */
int contest_refuse(const struct contest *contest, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- events ------------------------------------------------------------------- */

/* The first word of the event @i of a producer; of the only one, that is @i. */
CONTEST_INLINE uint64_t contest_value(unsigned int producer, uint64_t i)
{
	return (uint64_t)producer << 56 | i;
}

/*
 * All of a message is written, and all of it is read.  Give @size as a constant
 * where it is 8: nothing else will be left of the loops.
 */
CONTEST_INLINE void contest_fill(void *message, uint64_t size, uint64_t value)
{
	uint64_t *words = (uint64_t *)message;
	uint64_t i;

#pragma GCC unroll 8
	for (i = 0; i < size / 8; i++)
		words[i] = value + i;
}

/* The bits that are wrong. */
CONTEST_INLINE uint64_t contest_check(const void *message, uint64_t size, uint64_t value)
{
	const uint64_t *words = (const uint64_t *)message;
	uint64_t wrong = 0, i;

#pragma GCC unroll 8
	for (i = 0; i < size / 8; i++)
		wrong |= words[i] ^ (value + i);
	return wrong;
}

/* From any of several producers: the order of each is its own. */
CONTEST_INLINE void
contest_check_any(struct contest_side *side, const void *message, uint64_t size)
{
	uint64_t value = *(const uint64_t *)message;
	unsigned int producer = value >> 56;

	if (producer > 2)
		side->wrong = ~0ULL;
	else
		side->wrong |= contest_check(message, size,
			contest_value(producer, side->seen[producer]++));
}

/* What passes through SHAPE_PIPELINE and SHAPE_DIAMOND. */
struct contest_event {
	uint64_t value;		/* contest_value() */
	uint64_t one;		/* written by consumer 0 */
	uint64_t two;		/* written by consumer 1 */
	uint64_t unused;
};

/* What consumer @nr does with an event; the bits that are wrong. */
CONTEST_INLINE uint64_t
contest_stage(enum contest_shape shape, unsigned int nr,
	      struct contest_event *event, uint64_t value)
{
	bool pipeline = shape == SHAPE_PIPELINE;

	switch (nr) {
	case 0:
		event->one = event->value + 1;
		return event->value ^ value;
	case 1:
		event->two = (pipeline ? event->one : event->value) + 2;
		return event->value ^ value;
	default:
		return (event->one ^ (value + 1)) |
		       (event->two ^ (value + (pipeline ? 3 : 2)));
	}
}

/* SHAPE_COPY: mark @side->array as array number @nr, before it is copied in. */
void contest_mark(struct contest_side *side, uint64_t nr);
/* Likewise, look at the marks, after it was copied out. */
void contest_look(struct contest_side *side, uint64_t nr);

/* ---- waiting -------------------------------------------------------------------- */

/*
 * One step of waiting, for queues that have no way of their own; @looks starts at 0 and
 * is set to 0 when something came.  As LMAX's strategies; WAIT_BLOCK is not for these.
 */
CONTEST_INLINE void contest_idle(enum contest_wait wait, unsigned int *looks)
{
	struct timespec moment = { 0, 1000 };

	if (wait == WAIT_SPIN || ++*looks < 100)
		cpu_relax();
	else if (wait == WAIT_YIELD || *looks < 200)
		sched_yield();
	else
		nanosleep(&moment, NULL);
}

#ifdef __cplusplus
}
#endif

#endif /* DISRUPTOR_BENCH_CONTENDER_H */
