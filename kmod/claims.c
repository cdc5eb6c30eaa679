// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What several producers have claimed and published, and what becomes of the
 * claims of those who die.
 *
 * Everything below the cursor has been claimed by somebody.  Who claimed it noted
 * the intent first, and clears it when all is published:
 *
 *	producer				recovery
 *
 *	L: store the intent (release)		read the cursor		(I)
 *	I: move the cursor (acquire-release)	read the live intents	(J, L)
 *	K: store the laps (release)		read the laps		(K)
 *	J: clear the intent (release)		read the cursor again
 *
 * Recovery that reads a cursor beyond a slot reads also the intent of whoever
 * claimed it, or what that one did later: then it reads the slot's lap.  So a slot
 * below the cursor that no live producer's intent covers and that has no lap is
 * nobody's, and is aborted, unless the cursor is a whole ring further by now: then
 * the lap that was read may be a later one.  L keeps the intent of the next claim
 * from being seen before the laps of the last.  A slot that is covered may be
 * somebody's: it is left until that producer moves on.  What an intent says is a
 * hint: a false one can hold up the recovery of others for as long as its owner is
 * attached, but has no slot aborted that an honest producer owns.
 *
 * selftests/models/claim.pml checks this, and that each step is needed.
 */
#include "core.h"

static u32 *slot_lap(const struct disruptor_core *core, u64 sequence)
{
	return &core->availability[sequence & core->geometry.index_mask];
}

static bool is_published(const struct disruptor_core *core, u64 sequence)
{
	/* K: matches the release of whoever published or aborted it. */
	u32 lap = smp_load_acquire(slot_lap(core, sequence));

	return (lap & DISRUPTOR_LAP_MASK) ==
	       DISRUPTOR_LAP(sequence, core->lap_shift);
}

/*
 * Below the cursor that recovery has read, and settled by now.  Since then others go
 * on: once the event is consumed, its slot may be claimed anew and have a later lap.
 * Whoever stored that had moved the cursor before.
 */
static bool is_settled(const struct disruptor_core *core, u64 sequence)
{
	u64 *cursor = disruptor_counter(core, DISRUPTOR_SEAT_PRODUCERS);

	return is_published(core, sequence) ||
	       READ_ONCE(*cursor) - sequence > core->geometry.slots;
}

/* The first of [@from, @to) that is not published; not many at a time. */
u64 disruptor_published(const struct disruptor_core *core, u64 from, u64 to)
{
	u64 end = min(to, from + DISRUPTOR_MAX_WAIT_AHEAD);

	while (from < end && is_published(core, from))
		from++;
	return from;
}

static struct disruptor_intent *intent_of(const struct disruptor_core *core,
					  unsigned int index)
{
	unsigned int seat = disruptor_producer_seat(core, index);

	return (struct disruptor_intent *)disruptor_counter(core, seat);
}

/* The intent of a producer, cut down to what it can have claimed. */
static struct disruptor_intent read_intent(const struct disruptor_core *core,
					   unsigned int index, u64 lo, u64 hi)
{
	struct disruptor_intent *from = intent_of(core, index);
	struct disruptor_intent intent;

	/* J: matches the release that cleared it. */
	intent.hi = smp_load_acquire(&from->hi);
	/* L: matches the release of the next claim's. */
	intent.lo = smp_load_acquire(&from->lo);
	intent.lo = max(intent.lo, lo);
	intent.hi = min(intent.hi, hi);
	return intent;
}

/* A seat for one more producer; -EBUSY. */
int disruptor_producer_joins(struct disruptor_core *core)
{
	unsigned int i;

	for (i = 0; i < core->nr_producers; i++) {
		if ((core->producing | core->abandoned) & 1ULL << i)
			continue;
		core->producing |= 1ULL << i;
		return i;
	}
	return -EBUSY;
}

/*
 * Nobody can write its intent now.  What it claimed and did not publish is to be
 * settled, with what may be left of earlier claims of the same seat.
 */
void disruptor_producer_abandons(struct disruptor_core *core, unsigned int index)
{
	struct disruptor_intent claim = read_intent(core, index, 0, ~0ULL);
	struct disruptor_intent *intent = intent_of(core, index);
	struct disruptor_intent *left = &core->claims[index];

	WRITE_ONCE(intent->lo, 0);
	WRITE_ONCE(intent->hi, 0);
	if (claim.lo >= claim.hi)
		return;
	if (core->abandoned & 1ULL << index) {
		claim.lo = min(claim.lo, left->lo);
		claim.hi = max(claim.hi, left->hi);
	}
	*left = claim;
	core->abandoned |= 1ULL << index;
}

void disruptor_producer_dies(struct disruptor_core *core, unsigned int index)
{
	disruptor_producer_abandons(core, index);
	core->producing &= ~(1ULL << index);
}

/* A hint, for those who cannot keep it from changing. */
bool disruptor_producer_claims(const struct disruptor_core *core,
			       unsigned int index)
{
	return READ_ONCE(intent_of(core, index)->hi);
}

static bool covers(const struct disruptor_intent *intent, u64 sequence)
{
	return intent->lo <= sequence && sequence < intent->hi;
}

/**
 * struct recovery - one look at the claims of the living
 * @live: their intents, those that are not empty
 * @nr: how many
 */
struct recovery {
	struct disruptor_intent live[DISRUPTOR_MAX_PRODUCERS];
	unsigned int nr;
};

static void read_live_intents(const struct disruptor_core *core,
			      struct recovery *recovery, u64 lo, u64 hi)
{
	struct disruptor_intent intent;
	unsigned int i;

	recovery->nr = 0;
	for (i = 0; i < core->nr_producers; i++) {
		if (!(core->producing & 1ULL << i))
			continue;
		intent = read_intent(core, i, lo, hi);
		if (intent.lo < intent.hi)
			recovery->live[recovery->nr++] = intent;
	}
}

static bool may_be_owned(const struct recovery *recovery, u64 sequence)
{
	unsigned int i;

	for (i = 0; i < recovery->nr; i++) {
		if (covers(&recovery->live[i], sequence))
			return true;
	}
	return false;
}

static void abort_slot(struct disruptor_core *core, u64 sequence)
{
	u64 aborted = core->control->aborted;

	core->aborted++;
	/* Known before the slot is: a consumer looks here, then for the flag. */
	smp_store_release(&core->control->aborted, max(aborted, sequence + 1));
	/* Matches the look of a consumer at what is published. */
	smp_store_release(slot_lap(core, sequence),
			  DISRUPTOR_LAP(sequence, core->lap_shift) |
			  DISRUPTOR_LAP_ABORTED);
}

/* A slot that may be a living producer's may also be an abandoned claim's. */
static void keep_waiting(const struct disruptor_core *core, u64 sequence,
			 u64 *unsettled)
{
	unsigned int i;

	for (i = 0; i < core->nr_producers; i++) {
		if (core->abandoned & 1ULL << i &&
		    covers(&core->claims[i], sequence))
			*unsettled |= 1ULL << i;
	}
}

/*
 * Abort what nobody owns.  Looks at every slot that is in use.  False: some of what
 * was abandoned may be a living producer's; ask again later.
 */
bool disruptor_recover(struct disruptor_core *core)
{
	struct recovery recovery;
	u64 slots = core->geometry.slots;
	u64 unsettled = 0;
	u64 cursor, sequence;

	/* I: matches the release of whoever moved it there. */
	cursor = smp_load_acquire(disruptor_counter(core,
						    DISRUPTOR_SEAT_PRODUCERS));
	sequence = cursor - min(cursor, slots);
	read_live_intents(core, &recovery, sequence, cursor);
	for (; sequence < cursor; sequence++) {
		if (!(sequence & 0xffff))
			cond_resched();
		if (is_settled(core, sequence))
			continue;
		if (may_be_owned(&recovery, sequence))
			keep_waiting(core, sequence, &unsettled);
		else
			abort_slot(core, sequence);
	}
	core->abandoned = unsettled;
	return !unsettled;
}
