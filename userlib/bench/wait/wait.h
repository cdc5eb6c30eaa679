/* SPDX-License-Identifier: MIT */
/*
 * What waiting costs: what its groups share.
 */
#ifndef DISRUPTOR_BENCH_WAIT_H
#define DISRUPTOR_BENCH_WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <disruptor.h>

#include "../figures.h"
#include "../group.h"
#include "../options.h"
#include "../report.h"
#include "../sides.h"

#define __aligned(x)	__attribute__((aligned(x)))
#define noinline	__attribute__((noinline))
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

/* Have @first and @second done at once; what they share is in @context. */
int two_sides_run(bool processes, side_fn *first, side_fn *second, void *context);

/* ---- links.c: ways to hand a value over ----------------------------------------- */

#define LINK_SLOTS	16384	/* more than a run has events */

struct link;

/**
 * struct link_end - what one side has of it
 * @link: which
 * @producer: of a ring
 * @consumer: likewise
 * @next: the value, or the event, that comes next
 * @ready: events that may be taken without asking again
 */
struct link_end {
	struct link *link;
	struct disruptor_producer *producer;
	struct disruptor_consumer *consumer;
	uint64_t next;
	uint64_t ready;
};

struct link_kind {
	int (*make)(struct link *link);
	void (*drop)(struct link *link);
	int (*send)(struct link_end *end, uint64_t value);
	int (*receive)(struct link_end *end, uint64_t *value);
};

/**
 * struct link - one way, from one side to the other; in memory that both share
 * @kind: how
 * @processes: between processes
 * @ring: of the kind ring_link
 * @ring_slots: how many it has
 * @strategy: how both ends of the ring wait
 * @fds: of the kinds that have some
 * @word: of the kind futex_link
 * @slots: of the kind array_link
 */
struct link {
	const struct link_kind *kind;
	bool processes;
	struct disruptor_ring *ring;
	uint32_t ring_slots;
	struct disruptor_wait_strategy strategy;
	int fds[2];
	uint32_t word __aligned(DISRUPTOR_LINE);
	uint64_t slots[LINK_SLOTS] __aligned(DISRUPTOR_LINE);
};

extern const struct link_kind ring_link;	/* a ring */
extern const struct link_kind futex_link;	/* a word that is the value, and its futex */
extern const struct link_kind eventfd_link;	/* a counter that is the value */
extern const struct link_kind pipe_link;	/* eight bytes at a time */
extern const struct link_kind array_link;	/* of values, and an eventfd */

int link_sender(struct link *link, struct link_end *end);
int link_receiver(struct link *link, struct link_end *end);
void link_leave(struct link_end *end);
int ring_make(struct disruptor_ring **ring, bool processes, uint32_t slots);

/* ---- the groups --------------------------------------------------------------------- */

int publish_groups(bool processes, struct report *report);
int pingpong_groups(bool processes, struct report *report);
int paced_groups(bool processes, struct report *report);
/* Measure a group and report it, if it is wanted. */
int measure_group(struct group *group, struct report *report);

#endif /* DISRUPTOR_BENCH_WAIT_H */
