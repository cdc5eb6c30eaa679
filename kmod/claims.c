// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What several have claimed by moving one counter, and what becomes of the claims
 * of those who die.  They are the producers, who settle a slot by publishing it, or
 * the workers of a group (groups.c), who settle it by being done with it.
 *
 * Everything below the counter has been claimed by somebody.  Who claimed it noted
 * the intent first, and clears it when all is settled:
 *
 *	claimant				recovery
 *
 *	L: store the intent (release)		read the counter	(I)
 *	I: move the counter (acquire-release)	read the live intents	(J, L)
 *	K: store the laps (release)		read the laps		(K)
 *	J: clear the intent (release)		read the counter again
 *
 * Recovery that reads a counter beyond a slot reads also the intent of whoever
 * claimed it, or what that one did later: then it reads the slot's lap.  So a slot
 * below the counter that no live intent covers and that has no lap is nobody's,
 * unless the counter is a whole ring further by now: then the lap that was read may
 * be a later one.  What is nobody's is aborted, or is for another worker.  L keeps
 * the intent of the next claim from being seen before the laps of the last.  A slot
 * that is covered may be somebody's: it is left until that one moves on.  What an
 * intent says is a hint: a false one can hold up the recovery of others for as long
 * as its owner is attached, but takes no slot from its honest owner.
 *
 * selftests/models/claim.pml checks this, and that each step is needed.
 */
#include "core.h"

static bool has_lap(const struct disruptor_core *core,
		    const struct disruptor_claims *claims, u64 sequence)
{
	/* K: matches the release of whoever settled it. */
	u32 lap = smp_load_acquire(disruptor_lap(core, claims, sequence));

	return (lap & DISRUPTOR_LAP_MASK) ==
	       DISRUPTOR_LAP(sequence, core->lap_shift);
}

/*
 * Below the counter that recovery has read, and settled by now.  Since then others
 * go on: once the event is consumed, its slot may be claimed anew and have a later
 * lap.  Whoever stored that had moved the counter before.
 */
static bool is_settled(const struct disruptor_core *core,
		       const struct disruptor_claims *claims, u64 sequence)
{
	return has_lap(core, claims, sequence) ||
	       READ_ONCE(*claims->claimed) - sequence > core->geometry.slots;
}

/* The first of [@from, @to) that is not settled; not many at a time. */
u64 disruptor_settled(const struct disruptor_core *core,
		      const struct disruptor_claims *claims, u64 from, u64 to)
{
	u64 end = min(to, from + DISRUPTOR_MAX_WAIT_AHEAD);

	while (from < end && has_lap(core, claims, from))
		from++;
	return from;
}

/* Likewise, however many; @to is not far from @from. */
u64 disruptor_all_settled(const struct disruptor_core *core,
			  const struct disruptor_claims *claims, u64 from, u64 to)
{
	u64 next;

	for (;; from = next) {
		next = disruptor_settled(core, claims, from, to);
		if (next == from || next == to)
			return next;
		cond_resched();
	}
}

struct disruptor_intent *disruptor_intent_of(const struct disruptor_core *core,
					     const struct disruptor_claims *claims,
					     unsigned int index)
{
	unsigned int seat = claims->first + index;

	return (struct disruptor_intent *)disruptor_counter(core, seat);
}

/* An intent, cut down to what can have been claimed. */
static struct disruptor_intent read_intent(const struct disruptor_core *core,
					   const struct disruptor_claims *claims,
					   unsigned int index, u64 lo, u64 hi)
{
	struct disruptor_intent *from = disruptor_intent_of(core, claims, index);
	struct disruptor_intent intent;

	/* J: matches the release that cleared it. */
	intent.hi = smp_load_acquire(&from->hi);
	/* L: matches the release of the next claim's. */
	intent.lo = smp_load_acquire(&from->lo);
	intent.lo = max(intent.lo, lo);
	intent.hi = min(intent.hi, hi);
	return intent;
}

void disruptor_claims_init(struct disruptor_core *core)
{
	struct disruptor_claims *producers = &core->producers;

	if (!core->availability)
		return;
	producers->claimed = disruptor_counter(core, DISRUPTOR_SEAT_PRODUCERS);
	producers->laps = core->availability;
	producers->first = 1 + core->nr_consumers;
	producers->nr = core->nr_producers;
}

/* A place for one more; -EBUSY. */
int disruptor_claimant_joins(struct disruptor_claims *claims)
{
	unsigned int i;

	for (i = 0; i < claims->nr; i++) {
		if ((claims->living | claims->abandoned) & 1ULL << i)
			continue;
		claims->living |= 1ULL << i;
		return i;
	}
	return -EBUSY;
}

/*
 * Nobody can write its intent now.  What it claimed and did not settle, and there
 * may be some left of earlier claims from the same place, is to be settled.
 */
void disruptor_claimant_abandons(struct disruptor_core *core,
				 struct disruptor_claims *claims,
				 unsigned int index)
{
	struct disruptor_intent *intent = disruptor_intent_of(core, claims, index);
	struct disruptor_intent *left = &claims->left[index];
	struct disruptor_intent claim;

	claim = read_intent(core, claims, index, 0, READ_ONCE(*claims->claimed));
	WRITE_ONCE(intent->lo, 0);
	WRITE_ONCE(intent->hi, 0);
	if (claim.lo >= claim.hi)
		return;
	claims->look = true;
	if (claims->abandoned & 1ULL << index) {
		claim.lo = min(claim.lo, left->lo);
		claim.hi = max(claim.hi, left->hi);
	}
	*left = claim;
	claims->abandoned |= 1ULL << index;
}

void disruptor_claimant_dies(struct disruptor_core *core,
			     struct disruptor_claims *claims, unsigned int index)
{
	disruptor_claimant_abandons(core, claims, index);
	claims->living &= ~(1ULL << index);
	/* It may have cleared an intent that did not cover all that it claimed. */
	claims->look = true;
}

static bool covers(const struct disruptor_intent *intent, u64 sequence)
{
	return intent->lo <= sequence && sequence < intent->hi;
}

/**
 * struct living - one look at the claims of the living
 * @intents: those that are not empty
 * @nr: how many
 */
struct living {
	struct disruptor_intent intents[DISRUPTOR_MAX_CLAIMANTS];
	unsigned int nr;
};

static void read_living(const struct disruptor_core *core,
			const struct disruptor_claims *claims,
			struct living *living, u64 lo, u64 hi)
{
	struct disruptor_intent intent;
	unsigned int i;

	living->nr = 0;
	for (i = 0; i < claims->nr; i++) {
		if (!(claims->living & 1ULL << i))
			continue;
		intent = read_intent(core, claims, i, lo, hi);
		if (intent.lo < intent.hi)
			living->intents[living->nr++] = intent;
	}
}

static bool may_be_owned(const struct living *living, u64 sequence)
{
	unsigned int i;

	for (i = 0; i < living->nr; i++) {
		if (covers(&living->intents[i], sequence))
			return true;
	}
	return false;
}

/* A slot that may be a living one's may also be an abandoned claim's. */
static void keep_waiting(const struct disruptor_claims *claims, u64 sequence,
			 u64 *unsettled)
{
	unsigned int i;

	for (i = 0; i < claims->nr; i++) {
		if (claims->abandoned & 1ULL << i &&
		    covers(&claims->left[i], sequence))
			*unsettled |= 1ULL << i;
	}
}

/*
 * An event of a producer is one that all skip now, an event of a group an orphan: the
 * flag says so whatever stale intents come to cover it.
 */
static void abort_slot(struct disruptor_core *core,
		       struct disruptor_claims *claims, u64 sequence)
{
	u64 aborted = core->control->aborted;

	if (claims == &core->producers) {
		core->aborted++;
		/* Known before the slot is: a consumer looks here, then there. */
		smp_store_release(&core->control->aborted,
				  max(aborted, sequence + 1));
	}
	/* Matches the look of a consumer at what is published. */
	smp_store_release(disruptor_lap(core, claims, sequence),
			  DISRUPTOR_LAP(sequence, core->lap_shift) |
			  DISRUPTOR_LAP_ABORTED);
}

/*
 * Abort what of [@lo, @hi), which is claimed, is nobody's.  False: some of what was
 * abandoned may be a living one's; ask again later.
 */
bool disruptor_settle(struct disruptor_core *core,
		      struct disruptor_claims *claims, u64 lo, u64 hi)
{
	struct living living;
	u64 unsettled = 0;
	u64 sequence;

	read_living(core, claims, &living, lo, hi);
	for (sequence = lo; sequence < hi; sequence++) {
		if (!(sequence & 0xffff))
			cond_resched();
		if (is_settled(core, claims, sequence))
			continue;
		if (may_be_owned(&living, sequence))
			keep_waiting(claims, sequence, &unsettled);
		else
			abort_slot(core, claims, sequence);
	}
	claims->abandoned = unsettled;
	claims->look = unsettled;
	return !unsettled;
}

/* Of several producers.  Looks at every slot that is in use. */
static bool recover_producers(struct disruptor_core *core)
{
	/* I: matches the release of whoever moved it there. */
	u64 cursor = smp_load_acquire(core->producers.claimed);
	u64 slots = core->geometry.slots;

	return disruptor_settle(core, &core->producers,
				cursor - min(cursor, slots), cursor);
}

/*
 * Abort what a dead producer left, find what dead workers have.  False: ask again
 * later.
 */
bool disruptor_recover(struct disruptor_core *core)
{
	bool settled = true;
	unsigned int i;

	if (core->producers.look)
		settled = recover_producers(core);
	for (i = 0; i < core->nr_groups; i++) {
		if (core->groups[i].claims.look &&
		    !disruptor_group_recover(core, &core->groups[i]))
			settled = false;
	}
	return settled;
}
