// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Worker groups: several workers at the events of one consumer, each event for one
 * of them.
 *
 * To everybody else a group is a consumer with one counter: it is done with what is
 * below.  Its workers claim events by moving another counter, and settle them with
 * laps, as several producers do (claims.c).  Whoever is done moves the group's
 * counter to the end of what all are done with:
 *
 *	a worker				another
 *
 *	store the lap of x (release)		move the counter to x
 *	M: full barrier				N: full barrier (the exchange)
 *	read the counter, and the laps		read the lap of x
 *	from there on; move the counter
 *
 * One of the two sees what the other did.  Either the second finds the lap of x, and
 * goes on to move the counter; or the first finds the counter at x, and goes on from
 * there.  So whoever fails to move the counter may leave it to those who did, and
 * when all are still, it stands before an event that nobody is done with.  A worker
 * that dies on the way has it done by the kernel, after its death.
 *
 * What a dead worker had claimed and was not done with is an orphan.  The kernel
 * marks it as one, with a lap that is aborted, and tells the group's workers that there
 * are some.  Whoever has no claim adopts them: the kernel stores the intent and takes
 * the mark away, and the claim is like any other.
 *
 * selftests/models/group.pml checks this, and that each step is needed.
 */
#include "core.h"

#define MOST_MOVES	64	/* of a counter, while others give it more to do */

/* NULL: @seat is not a group's. */
struct disruptor_group *disruptor_group_of(const struct disruptor_core *core,
					   unsigned int seat)
{
	unsigned int i;

	for (i = 0; i < core->nr_groups; i++) {
		if (core->groups[i].seat == seat)
			return &core->groups[i];
	}
	return NULL;
}

static u64 *claimed_counter(const struct disruptor_core *core, unsigned int seat)
{
	return (u64 *)(core->sequences + seat * core->page_size +
		       DISRUPTOR_CLAIMED_OFFSET(seat));
}

void disruptor_groups_init(struct disruptor_core *core)
{
	struct disruptor_group *group = core->groups;
	unsigned int next = 1 + core->nr_consumers + core->producers.nr;
	size_t bytes = disruptor_laps_bytes(core);
	unsigned int i;

	for (i = 0; i < core->nr_consumers; i++) {
		unsigned int seat = DISRUPTOR_SEAT_CONSUMER(i);

		if (core->consumers[i].workers < 2)
			continue;
		group->seat = seat;
		group->claims.claimed = claimed_counter(core, seat);
		group->claims.laps = (u32 *)(core->done +
					     (group - core->groups) * bytes);
		group->claims.first = next;
		group->claims.nr = core->consumers[i].workers;
		next += group->claims.nr;
		group++;
	}
}

bool disruptor_has_orphans(const struct disruptor_core *core, unsigned int seat)
{
	return READ_ONCE(core->control->seat[seat].orphans);
}

/* The workers read this before they claim. */
static void tell_orphans(struct disruptor_core *core,
			 const struct disruptor_group *group)
{
	WRITE_ONCE(core->control->seat[group->seat].orphans,
		   group->orphans.lo < group->orphans.hi);
}

/*
 * It has no workers.  It is done with what is below @lo, and what is below @hi has
 * been claimed.
 */
void disruptor_group_begins(struct disruptor_core *core,
			    struct disruptor_group *group, u64 lo, u64 hi)
{
	group->orphans = (struct disruptor_intent){};
	tell_orphans(core, group);
	group->claims.look = true;
	/* Matches whoever reads what there is to claim. */
	smp_store_release(group->claims.claimed, hi);
	/* Matches B in __disruptor_lowest(). */
	smp_store_release(disruptor_counter(core, group->seat), lo);
}

/* What is claimed and not done with; not more than is there: others write it. */
static struct disruptor_intent in_work(const struct disruptor_core *core,
				       const struct disruptor_group *group)
{
	u64 lo = READ_ONCE(*disruptor_counter(core, group->seat));
	u64 barrier = disruptor_barrier(core, group->seat);
	/* I: matches the release of whoever moved it there. */
	u64 hi = smp_load_acquire(group->claims.claimed);
	u64 slots = core->geometry.slots;

	hi = min(hi, barrier);
	return (struct disruptor_intent){ max(lo, hi - min(hi, slots)), hi };
}

/* The first from @from on that is not done, or the end of the ring. */
static u64 first_undone(const struct disruptor_core *core,
			const struct disruptor_group *group, u64 from)
{
	u64 end = from + core->geometry.slots;

	for (; from != end; from++) {
		if (!(from & 0xffff))
			cond_resched();
		/* K: matches the release of whoever was done with it. */
		if (smp_load_acquire(disruptor_lap(core, &group->claims, from)) !=
		    DISRUPTOR_LAP(from, core->lap_shift))
			break;
	}
	return from;
}

/*
 * As disruptor_worker_done() does, on behalf of one who may have died over it.  False:
 * there is no end of it; ask again later.
 */
static bool move_on(struct disruptor_core *core, struct disruptor_group *group)
{
	u64 *counter = disruptor_counter(core, group->seat);
	unsigned int moves;
	u64 from, to;

	smp_mb(); /* M */
	from = READ_ONCE(*counter);
	for (moves = 0; moves < MOST_MOVES; moves++) {
		to = first_undone(core, group, from);
		if (to == from || !try_cmpxchg(counter, &from, to)) /* N */
			return true;
		from = to;
	}
	return false;
}

static bool is_orphan(const struct disruptor_core *core,
		      const struct disruptor_group *group, u64 sequence)
{
	return READ_ONCE(*disruptor_lap(core, &group->claims, sequence)) ==
	       (DISRUPTOR_LAP(sequence, core->lap_shift) | DISRUPTOR_LAP_ABORTED);
}

/* The first orphans of @among, as many as lie side by side, not more than @most. */
static struct disruptor_intent
find_orphans(const struct disruptor_core *core,
	     const struct disruptor_group *group,
	     const struct disruptor_intent *among, u64 most)
{
	struct disruptor_intent found = *among;

	for (; found.lo < among->hi; found.lo++) {
		if (!(found.lo & 0xffff))
			cond_resched();
		if (is_orphan(core, group, found.lo))
			break;
	}
	for (found.hi = found.lo; found.hi < among->hi; found.hi++) {
		if (!(found.hi & 0xffff))
			cond_resched();
		if (found.hi - found.lo == most ||
		    !is_orphan(core, group, found.hi))
			break;
	}
	return found;
}

/* Looks at what is in work.  False: ask again later. */
bool disruptor_group_recover(struct disruptor_core *core,
			     struct disruptor_group *group)
{
	bool moved = move_on(core, group);
	struct disruptor_intent work = in_work(core, group);
	bool settled;

	settled = disruptor_settle(core, &group->claims, work.lo, work.hi);
	work.lo = find_orphans(core, group, &work, 1).lo;
	group->orphans = work;
	tell_orphans(core, group);
	if (!moved)
		group->claims.look = true;
	return settled && moved;
}

/* No orphans any more, and not done: a lap that was. */
static void take_orphans(struct disruptor_core *core,
			 struct disruptor_group *group,
			 const struct disruptor_intent *claim)
{
	u64 sequence;

	for (sequence = claim->lo; sequence < claim->hi; sequence++) {
		if (!(sequence & 0xffff))
			cond_resched();
		WRITE_ONCE(*disruptor_lap(core, &group->claims, sequence),
			   (DISRUPTOR_LAP(sequence, core->lap_shift) - 1) &
			   DISRUPTOR_LAP_MASK);
	}
	core->adopted += claim->hi - claim->lo;
}

/*
 * A claim for worker @index, which has none: -EBUSY; -EAGAIN: no orphans are left.
 * Looks at what lies between the first and the last of them.
 */
int disruptor_adopt(struct disruptor_core *core, struct disruptor_group *group,
		    unsigned int index, u64 most, struct disruptor_intent *claim)
{
	struct disruptor_intent *intent =
		disruptor_intent_of(core, &group->claims, index);

	if (READ_ONCE(intent->hi))
		return -EBUSY;
	*claim = find_orphans(core, group, &group->orphans, most);
	group->orphans.lo = claim->hi;
	tell_orphans(core, group);
	if (claim->lo == claim->hi)
		return -EAGAIN;
	smp_store_release(&intent->lo, claim->lo); /* L */
	smp_store_release(&intent->hi, claim->hi);
	take_orphans(core, group, claim);
	return 0;
}
