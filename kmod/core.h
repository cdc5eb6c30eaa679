/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The core of a ring: its geometry and graph, who waits for whom, and who must be
 * woken when.  No locks, no sleeping, no memory of its own: that is its owner's,
 * which is the module, or the library for a ring private to one process.  Both
 * are built from these files: graph.c, membership.c, waiters.c, claims.c, groups.c.
 */
#ifndef _DISRUPTOR_CORE_H
#define _DISRUPTOR_CORE_H

#include "portable.h"

#include <linux/disruptor.h>

/**
 * struct disruptor_geometry - the shape of a ring's events
 * @slots: how many events it holds
 * @slot_size: bytes of an event
 * @index_mask: slots of the events region, less one; see struct disruptor_info
 * @events_bytes: bytes of the events region, counted once
 */
struct disruptor_geometry {
	u32 slots;
	u32 slot_size;
	u64 index_mask;
	u64 events_bytes;
};

/*
 * Whether the holder of a seat fences between publishing and looking for
 * sleepers.  COMING: it has been told to, but may not have noticed yet.
 */
enum disruptor_fencing_state {
	DISRUPTOR_FENCING_OFF,
	DISRUPTOR_FENCING_COMING,
	DISRUPTOR_FENCING_ON,
};

/**
 * struct disruptor_fencing - what is known of those who sleep on a seat
 * @state: see above
 * @near_sleeps: how many sleeps in a row had few events before them
 * @slept_at: its counter at the last sleep
 * @interrupts: see struct disruptor_seat_stats
 */
struct disruptor_fencing {
	enum disruptor_fencing_state state;
	unsigned int near_sleeps;
	u64 slept_at;
	u64 interrupts;
};

#define DISRUPTOR_MAX_CLAIMANTS	64

/**
 * struct disruptor_claims - what several move one counter for: the producers, or the
 *	workers of a group
 * @claimed: the counter; in a page that they write
 * @laps: of what has been settled at each slot; they write these, too
 * @first: seat of the first of them
 * @nr: how many may be attached at once
 * @living: those attached
 * @abandoned: those with claims that nobody can settle any more, and of which it is
 *	not known yet what becomes
 * @left: theirs
 * @look: somebody has gone since this was last known
 *
 * Constant up to @nr; then under the owner's lock.
 */
struct disruptor_claims {
	u64 *claimed;
	u32 *laps;
	unsigned int first;
	unsigned int nr;
	u64 living;
	u64 abandoned;
	struct disruptor_intent left[DISRUPTOR_MAX_CLAIMANTS];
	bool look;
};

/**
 * struct disruptor_group - the workers of one consumer
 * @claims: theirs
 * @seat: the consumer's; constant
 * @orphans: from the first to the last event that dead workers have left, as of the
 *	last look.  Under the owner's lock
 */
struct disruptor_group {
	struct disruptor_claims claims;
	unsigned int seat;
	struct disruptor_intent orphans;
};

struct disruptor_waiter;

/**
 * struct disruptor_core - a ring
 * @geometry: of its events
 * @consumers: its graph
 * @nr_consumers: how many there are
 * @page_size: bytes from one sequence to the next
 * @control: the control region; readers of it take no lock
 * @sequences: the sequences region; its counters are written by others
 * @nr_producers: how many may be attached at once
 * @availability: the availability array; NULL: there is one producer at a time
 * @done: an array like it for every group
 * @groups: of workers, in the order of the graph
 * @nr_groups: how many there are
 * @nr_seats: pages of the sequences region
 * @lap_shift: log2 of the length of those arrays
 * @present: consumers that the others wait for
 * @waiters: who is armed
 * @fencing: by seat
 * @producers: of several, their claims
 * @aborted: how many events were
 * @adopted: likewise
 *
 * Constant up to @lap_shift; then under the owner's lock.
 */
struct disruptor_core {
	struct disruptor_geometry geometry;
	struct disruptor_consumer_config *consumers;
	unsigned int nr_consumers;
	unsigned long page_size;
	struct disruptor_control *control;
	unsigned char *sequences;
	unsigned int nr_producers;
	u32 *availability;
	unsigned char *done;
	struct disruptor_group *groups;
	unsigned int nr_groups;
	unsigned int nr_seats;
	unsigned int lap_shift;

	u64 present;
	struct disruptor_waiter *waiters;
	struct disruptor_fencing fencing[DISRUPTOR_MAX_SEATS];

	struct disruptor_claims producers;
	u64 aborted;
	u64 adopted;
};

/* Bytes of an array of laps, in whole pages. */
static inline size_t disruptor_laps_bytes(const struct disruptor_core *core)
{
	size_t bytes = (core->geometry.index_mask + 1) * sizeof(u32);

	return (bytes + core->page_size - 1) / core->page_size * core->page_size;
}

static inline u64 *disruptor_counter(const struct disruptor_core *core,
				     unsigned int seat)
{
	return (u64 *)(core->sequences + seat * core->page_size +
		       DISRUPTOR_COUNTER_OFFSET(seat));
}

/* What was last settled in the slot of @sequence. */
static inline u32 *disruptor_lap(const struct disruptor_core *core,
				 const struct disruptor_claims *claims,
				 u64 sequence)
{
	return &claims->laps[sequence & core->geometry.index_mask];
}

/* For statistics: one at a time writes @times; who reads it takes no lock. */
static inline void disruptor_count(u64 *times)
{
	WRITE_ONCE(*times, *times + 1);
}

static inline u64 disruptor_consumer_bit(unsigned int seat)
{
	return 1ULL << (seat - DISRUPTOR_SEAT_CONSUMER(0));
}

/* The first of a set of consumers that has some, which is taken out of it. */
static inline unsigned int disruptor_pop_consumer(u64 *set)
{
	unsigned int first = __ffs64(*set);

	*set &= *set - 1;
	return DISRUPTOR_SEAT_CONSUMER(first);
}

static inline bool disruptor_is_present(const struct disruptor_core *core,
					unsigned int seat)
{
	return core->present & disruptor_consumer_bit(seat);
}

static inline bool disruptor_is_optional(const struct disruptor_core *core,
					 unsigned int seat)
{
	return core->consumers[seat - DISRUPTOR_SEAT_CONSUMER(0)].flags &
	       DISRUPTOR_CONSUMER_OPTIONAL;
}

/* graph.c */
int disruptor_geometry_init(struct disruptor_geometry *geometry, u32 slots,
			    u32 slot_size, u32 flags, unsigned long page_size);
bool disruptor_name_valid(const char *name, size_t len);
int disruptor_graph_validate(const struct disruptor_consumer_config *consumers,
			     unsigned int nr);
u64 disruptor_graph_waits_on(const struct disruptor_consumer_config *consumers,
			     u64 present, unsigned int index);
void disruptor_core_measure(struct disruptor_core *core);

/* membership.c: who waits for whom */
void disruptor_core_init(struct disruptor_core *core);
bool disruptor_sees_gaps(const struct disruptor_core *core, unsigned int seat);
u64 disruptor_barrier_since(const struct disruptor_core *core, unsigned int seat,
			    u64 seen, u64 most);
u64 disruptor_barrier(const struct disruptor_core *core, unsigned int seat);
u64 disruptor_position(const struct disruptor_core *core, unsigned int seat);
u64 disruptor_start(const struct disruptor_core *core, unsigned int seat);
void disruptor_join_begin(struct disruptor_core *core, unsigned int seat,
			  u64 at);
void disruptor_join_finish(struct disruptor_core *core, unsigned int seat,
			   u64 at);
void disruptor_resume(struct disruptor_core *core, unsigned int seat);
void disruptor_leave(struct disruptor_core *core, unsigned int seat);
void disruptor_set_producers(struct disruptor_core *core,
			     unsigned int producers, bool ended);
bool disruptor_stream_ended(const struct disruptor_core *core);

/* claims.c: what several have claimed and settled, and what the dead have left */
void disruptor_claims_init(struct disruptor_core *core);
u64 disruptor_settled(const struct disruptor_core *core,
		      const struct disruptor_claims *claims, u64 from, u64 to);
u64 disruptor_all_settled(const struct disruptor_core *core,
			  const struct disruptor_claims *claims, u64 from, u64 to);
int disruptor_claimant_joins(struct disruptor_claims *claims);
void disruptor_claimant_abandons(struct disruptor_core *core,
				 struct disruptor_claims *claims,
				 unsigned int index);
void disruptor_claimant_dies(struct disruptor_core *core,
			     struct disruptor_claims *claims, unsigned int index);
struct disruptor_intent *disruptor_intent_of(const struct disruptor_core *core,
					     const struct disruptor_claims *claims,
					     unsigned int index);
bool disruptor_settle(struct disruptor_core *core,
		      struct disruptor_claims *claims, u64 lo, u64 hi);
bool disruptor_recover(struct disruptor_core *core);

/* groups.c: several workers at one consumer's events */
void disruptor_groups_init(struct disruptor_core *core);
struct disruptor_group *disruptor_group_of(const struct disruptor_core *core,
					   unsigned int seat);
bool disruptor_has_orphans(const struct disruptor_core *core, unsigned int seat);
void disruptor_group_begins(struct disruptor_core *core,
			    struct disruptor_group *group, u64 lo, u64 hi);
bool disruptor_group_recover(struct disruptor_core *core,
			     struct disruptor_group *group);
int disruptor_adopt(struct disruptor_core *core, struct disruptor_group *group,
		    unsigned int index, u64 most, struct disruptor_intent *claim);

/* waiters.c: who must be woken when */

/* A set of seats. */
struct disruptor_seat_set {
	u64 consumers;		/* as in struct disruptor_publisher.waits_on */
	bool producers;
};

/**
 * struct disruptor_waiter - somebody who wants to know when a barrier gets there
 * @fire: the wake; called under the owner's lock, once for each time it is armed
 * @seat: whose barrier
 * @target: what it must reach
 * @seen: where that was at the last look; the owner has looked before arming it
 * @link: what points to it while it is armed; else NULL
 * @next: the next one
 */
struct disruptor_waiter {
	void (*fire)(struct disruptor_waiter *waiter);
	unsigned int seat;
	u64 target;
	u64 seen;
	struct disruptor_waiter **link;
	struct disruptor_waiter *next;
};

/**
 * struct disruptor_fences - the barriers that a waiter needs before it looks again
 * @all: seats whose counters hold it up
 * @heavy: of these, the ones whose holders must be made to pass one
 * @coming: of those, the ones that fence by themselves once they have
 */
struct disruptor_fences {
	struct disruptor_seat_set all;
	struct disruptor_seat_set heavy;
	struct disruptor_seat_set coming;
};

static inline bool disruptor_seats_empty(const struct disruptor_seat_set *set)
{
	return !set->consumers && !set->producers;
}

int disruptor_outcome(const struct disruptor_core *core, unsigned int seat,
		      u64 target, u64 *reached);
void disruptor_arm(struct disruptor_core *core, struct disruptor_waiter *waiter,
		   struct disruptor_fences *fences);
void disruptor_fences_came(struct disruptor_core *core,
			   const struct disruptor_fences *fences);
void disruptor_disarm(struct disruptor_core *core,
		      struct disruptor_waiter *waiter);
void disruptor_fire_met(struct disruptor_core *core);
void disruptor_fire_all(struct disruptor_core *core);
void disruptor_unfence(struct disruptor_core *core, unsigned int seat);

#endif /* _DISRUPTOR_CORE_H */
