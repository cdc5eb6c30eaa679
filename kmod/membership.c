// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Who waits for whom.  Everything here runs under the owner's lock, but the
 * readers of the masks are on the hot path and take none: they use a mask under the
 * membership epoch (__disruptor_lowest() in the library's header).
 *
 * Joining.  The joiner is put into the masks, the epoch is advanced, every CPU
 * that may run a participant passes a full barrier, and only then is the joiner's
 * start read.  A reader that has used an old mask and found the epoch unmoved at
 * its second look finished its reads before the barrier, so its result is no
 * higher than the start: no producer laps the joiner, and nobody downstream runs
 * past it.  selftests/models/join.pml checks this, and that each step is needed.
 *
 * A joiner starts at its barrier: the cursor, or the lowest of the consumers it
 * comes after.  So nobody is ever ahead of what it comes after, and what waits
 * on the joiner keeps waiting, through it, on what it waited on before.
 *
 * The producers wait for every consumer that is present, not just for the last
 * in line: a consumer that writes nonsense to its own counter harms itself and
 * those after it, but cannot have the producers overrun those before it.
 */
#include "core.h"

#define MOST_LOOKS	64	/* for a gap among slots that are claimed anew */

static u64 waits_on(const struct disruptor_core *core, unsigned int seat)
{
	if (seat == DISRUPTOR_SEAT_PRODUCERS)
		return core->present;
	return disruptor_graph_waits_on(core->consumers, core->present,
					seat - DISRUPTOR_SEAT_CONSUMER(0));
}

static u64 load_counter(const struct disruptor_core *core, unsigned int seat)
{
	/* Matches the release of whoever owns the counter. */
	return smp_load_acquire(disruptor_counter(core, seat));
}

static void store_counter(const struct disruptor_core *core, unsigned int seat,
			  u64 sequence)
{
	/* Matches B in __disruptor_lowest(). */
	smp_store_release(disruptor_counter(core, seat), sequence);
}

/* Where a seat is, by its own account: of a group, what it has claimed. */
u64 disruptor_position(const struct disruptor_core *core, unsigned int seat)
{
	const struct disruptor_group *group = disruptor_group_of(core, seat);

	if (!group)
		return load_counter(core, seat);
	/* I: matches the release of whoever moved it there. */
	return smp_load_acquire(group->claims.claimed);
}

static void set_position(struct disruptor_core *core, unsigned int seat,
			 u64 sequence)
{
	struct disruptor_group *group = disruptor_group_of(core, seat);

	if (group)
		disruptor_group_begins(core, group, sequence, sequence);
	else
		store_counter(core, seat, sequence);
}

static u64 oldest_kept(const struct disruptor_core *core, u64 cursor)
{
	u64 slots = core->geometry.slots;

	return cursor - min(cursor, slots);
}

/*
 * Of several producers, who waits on the cursor alone waits for the first gap
 * below it: a consumer to read up to it, a producer not to lap it.
 */
static bool sees_gaps(const struct disruptor_core *core, u64 mask)
{
	return core->availability && !mask;
}

bool disruptor_sees_gaps(const struct disruptor_core *core, unsigned int seat)
{
	return sees_gaps(core, READ_ONCE(core->control->seat[seat].waits_on));
}

/* The first from @from on, or, after a look at @most slots, where that ended. */
static u64 first_gap(const struct disruptor_core *core, u64 from, u64 cursor,
		     u64 most)
{
	u64 oldest = oldest_kept(core, cursor);

	from = max(from, oldest);
	from = min(from, cursor);
	return disruptor_settled(core, &core->producers, from,
				 from + min(cursor - from, most));
}

/*
 * The barrier of a seat, for one who found it at @seen before: of several
 * producers, the slots below need no other look, and of those above @most are
 * looked at.
 */
u64 disruptor_barrier_since(const struct disruptor_core *core, unsigned int seat,
			    u64 seen, u64 most)
{
	u64 mask = READ_ONCE(core->control->seat[seat].waits_on);
	u64 lowest = load_counter(core, DISRUPTOR_SEAT_PRODUCERS);
	u64 sequence = 0;

	if (sees_gaps(core, mask)) {
		if (seat != DISRUPTOR_SEAT_PRODUCERS)
			sequence = disruptor_position(core, seat);
		return first_gap(core, max(sequence, seen), lowest, most);
	}
	while (mask) {
		sequence = load_counter(core, disruptor_pop_consumer(&mask));
		lowest = min(lowest, sequence);
	}
	return lowest;
}

/*
 * The lowest sequence that a seat waits on, at most the cursor whatever the
 * counters say: others write them.  Of several producers, not much further than
 * DISRUPTOR_MAX_WAIT_AHEAD of where the seat is.
 */
u64 disruptor_barrier(const struct disruptor_core *core, unsigned int seat)
{
	return disruptor_barrier_since(core, seat, 0, DISRUPTOR_MAX_WAIT_AHEAD);
}

static void set_present(struct disruptor_core *core, u64 present)
{
	struct disruptor_control *control = core->control;
	unsigned int seat;

	core->present = present;
	for (seat = 0; seat <= core->nr_consumers; seat++) {
		/*
		 * A mask is released, too: who finds a consumer gone may write
		 * where that one was reading, without having seen the epoch.
		 */
		smp_store_release(&control->seat[seat].waits_on,
				  waits_on(core, seat));
	}
	/* Matches A in __disruptor_lowest(). */
	smp_store_release(&control->epoch, control->epoch + 1);
}

/* A new ring: the required consumers are waited for from the first event on. */
void disruptor_core_init(struct disruptor_core *core)
{
	struct disruptor_control *control = core->control;
	u64 present = 0;
	unsigned int i;

	control->layout = DISRUPTOR_LAYOUT_VERSION;
	control->slot_size = core->geometry.slot_size;
	control->slots = core->geometry.slots;
	control->index_mask = core->geometry.index_mask;
	control->nr_consumers = core->nr_consumers;
	control->nr_producers = core->nr_producers;
	while (core->geometry.index_mask >> core->lap_shift)
		core->lap_shift++;
	for (i = 0; i < DISRUPTOR_MAX_SEATS; i++) {
		control->seat[i].look_at = DISRUPTOR_NOBODY_SLEEPS;
		control->seat[i].wake_at = DISRUPTOR_NOBODY_SLEEPS;
	}
	for (i = 0; i < core->nr_consumers; i++) {
		if (!disruptor_is_optional(core, DISRUPTOR_SEAT_CONSUMER(i)))
			present |= 1ULL << i;
	}
	disruptor_claims_init(core);
	disruptor_groups_init(core);
	set_present(core, present);
}

/*
 * Where a joiner would start now: its barrier, wherever it was before.  Of several
 * producers, it may take a look at every slot; and another if these have gone
 * round meanwhile, for then the gap may have been none, but a later lap.  That is
 * rare, and a producer that moves the cursor for sport is not followed for ever.
 */
u64 disruptor_start(const struct disruptor_core *core, unsigned int seat)
{
	u64 mask = READ_ONCE(core->control->seat[seat].waits_on);
	unsigned int looks = MOST_LOOKS;
	u64 cursor, gap;

	if (!sees_gaps(core, mask))
		return disruptor_barrier(core, seat);
	cursor = load_counter(core, DISRUPTOR_SEAT_PRODUCERS);
	do {
		gap = disruptor_all_settled(core, &core->producers,
					    oldest_kept(core, cursor), cursor);
		cursor = load_counter(core, DISRUPTOR_SEAT_PRODUCERS);
	} while (gap < oldest_kept(core, cursor) && --looks);
	return gap;
}

/* Until its start is known, the joiner's counter holds everybody back. */
void disruptor_join_begin(struct disruptor_core *core, unsigned int seat, u64 at)
{
	set_position(core, seat, at);
	set_present(core, core->present | disruptor_consumer_bit(seat));
}

/* @at: read after the barrier on every CPU that may run a participant. */
void disruptor_join_finish(struct disruptor_core *core, unsigned int seat,
			   u64 at)
{
	set_position(core, seat, at);
}

/*
 * A consumer that the others have waited for goes on where the last holder
 * stopped, but for what no consumer can have reached by playing fair.  So does a
 * group; what its last workers left is found by disruptor_recover().
 */
void disruptor_resume(struct disruptor_core *core, unsigned int seat)
{
	u64 cursor = load_counter(core, DISRUPTOR_SEAT_PRODUCERS);
	u64 oldest = oldest_kept(core, cursor);
	u64 barrier = disruptor_start(core, seat);
	struct disruptor_group *group = disruptor_group_of(core, seat);
	u64 sequence = load_counter(core, seat);
	u64 claimed = disruptor_position(core, seat);

	sequence = max(sequence, oldest);
	sequence = min(sequence, barrier);
	claimed = min(claimed, barrier);
	if (group)
		disruptor_group_begins(core, group, sequence,
				       max(claimed, sequence));
	else
		store_counter(core, seat, sequence);
}

/*
 * Whoever still uses the old mask waits for a counter that does not move: it
 * finds the new epoch at its next look.
 */
void disruptor_leave(struct disruptor_core *core, unsigned int seat)
{
	set_present(core, core->present & ~disruptor_consumer_bit(seat));
}

void disruptor_set_producers(struct disruptor_core *core,
			     unsigned int producers, bool ended)
{
	struct disruptor_control *control = core->control;

	WRITE_ONCE(control->producers, producers);
	/*
	 * The end of the stream is seen after the last event: matches the acquire
	 * of a consumer that has found nothing, and looks once more after it.
	 */
	smp_store_release(&control->state, ended ? DISRUPTOR_STATE_ENDED : 0);
}

/* Ask before reading the cursor. */
bool disruptor_stream_ended(const struct disruptor_core *core)
{
	/* Matches the release in disruptor_set_producers(). */
	return smp_load_acquire(&core->control->state) & DISRUPTOR_STATE_ENDED;
}
