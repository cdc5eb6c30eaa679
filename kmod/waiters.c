// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Who must be woken when.  Everything here runs under the owner's lock; the
 * publishers take none.
 *
 * A waiter has a target that its barrier must reach.  It is armed on every
 * counter that is below its target: wake_at of that seat is lowered, so that the
 * holder, when it publishes the target, calls for a wake.  That looks at all
 * waiters and fires those whose targets are met.
 *
 * No wake is lost:
 *
 *	sleeper				publisher
 *
 *	lower wake_at, look_at		store the counter (release)
 *	G: barrier on both sides	H: barrier, if fencing
 *	read the counter, sleep		read wake_at; call for a wake
 *
 * Either the sleeper reads the new counter, or the publisher reads the new
 * wake_at.  H costs the publisher more than everything else that it does, so it
 * is the sleeper that makes it pass a barrier, by an interrupt.  Where sleeps are
 * frequent for the events between them, that would cost more than H does: then
 * the publisher is told to fence (look_at is 0, so that its one compare takes it
 * to the slow path), that is made known by one last interrupt, and from then on G
 * is the sleeper's own barrier.  Until that interrupt is over
 * (DISRUPTOR_FENCING_COMING) other sleepers do not rely on it, and it is over
 * when whoever began it says so.  A publisher that has fenced long for nothing
 * asks for it to be taken back.
 *
 * Whatever else can make a target true or hopeless (a role came, went or was
 * evicted, the stream ended) fires all waiters; those that sleep look and arm
 * themselves again.
 *
 * selftests/models/wake.pml checks this, and that each step is needed.
 */
#include "core.h"

/*
 * An interrupt costs some tens of microseconds, a fence some tens of
 * nanoseconds: sleeps less than so many events apart are cheaper with fences.
 * A few of them in a row make a habit.
 */
#define NEAR_EVENTS	1024
#define NEAR_SLEEPS	4

/*
 * Slots that are looked at for one waiter, under the lock.  There may be thousands
 * of waiters, and for each DISRUPTOR_MAX_WAIT_AHEAD slots before its target.
 */
#define MOST_LOOKS	256

static u64 counter(const struct disruptor_core *core, unsigned int seat)
{
	return READ_ONCE(*disruptor_counter(core, seat));
}

/* Take one of @set out of it, and say which; false: there is none. */
static bool pop_seat(struct disruptor_seat_set *set, unsigned int *seat)
{
	if (set->producers) {
		set->producers = false;
		*seat = DISRUPTOR_SEAT_PRODUCERS;
		return true;
	}
	if (!set->consumers)
		return false;
	*seat = disruptor_pop_consumer(&set->consumers);
	return true;
}

static void add_seat(struct disruptor_seat_set *set, unsigned int seat)
{
	if (seat == DISRUPTOR_SEAT_PRODUCERS)
		set->producers = true;
	else
		set->consumers |= disruptor_consumer_bit(seat);
}

/* One who has no part in the rest may have to: another worker may die over it. */
static bool may_leave(const struct disruptor_core *core, unsigned int seat)
{
	return !disruptor_group_of(core, seat) ||
	       counter(core, seat) >= counter(core, DISRUPTOR_SEAT_PRODUCERS);
}

/* @ended: asked before its barrier was found at @reached. */
static int outcome_at(const struct disruptor_core *core, unsigned int seat,
		      u64 target, bool ended, u64 reached)
{
	if (reached >= target || disruptor_has_orphans(core, seat))
		return 0;
	if (seat != DISRUPTOR_SEAT_PRODUCERS && ended &&
	    reached >= counter(core, DISRUPTOR_SEAT_PRODUCERS) &&
	    may_leave(core, seat))
		return -ENODATA;
	return -EAGAIN;
}

/*
 * Where things stand: 0, the target is met; -ENODATA, it never will be, for the
 * stream has ended and the seat has all of it before it, or of a group, behind it;
 * -EAGAIN.  Workers also wait for what others leave.
 */
int disruptor_outcome(const struct disruptor_core *core, unsigned int seat,
		      u64 target, u64 *reached)
{
	bool ended = disruptor_stream_ended(core);

	*reached = disruptor_barrier(core, seat);
	return outcome_at(core, seat, target, ended, *reached);
}

/* The barrier at which the outcome changes: no more comes after the end. */
static u64 goal(const struct disruptor_core *core,
		const struct disruptor_waiter *waiter)
{
	u64 cursor;

	if (!disruptor_stream_ended(core))
		return waiter->target;
	cursor = counter(core, DISRUPTOR_SEAT_PRODUCERS);
	return min(waiter->target, cursor);
}

/*
 * The seats whose counters hold @waiter up: those below its goal that it waits
 * on, or else the cursor.  When the stream has ended and is all there, nobody
 * does; then its own, for it may want to hear that it has consumed it, or that
 * its group has.
 *
 * When all that it waits on are there, they still count: the last of them may be
 * between storing its counter and reading wake_at, and nobody else will call for
 * the wake.
 */
static void held_up_by(const struct disruptor_core *core,
		       const struct disruptor_waiter *waiter,
		       struct disruptor_seat_set *seats)
{
	u64 mask = core->control->seat[waiter->seat].waits_on;
	u64 least = goal(core, waiter);
	u64 rest = mask;

	*seats = (struct disruptor_seat_set){};
	while (rest) {
		unsigned int seat = disruptor_pop_consumer(&rest);

		if (counter(core, seat) < least)
			add_seat(seats, seat);
	}
	if (!seats->consumers) {
		seats->consumers = mask;
		add_seat(seats, disruptor_stream_ended(core) ?
				waiter->seat : DISRUPTOR_SEAT_PRODUCERS);
	}
}

static void tell_publisher(struct disruptor_core *core, unsigned int seat,
			   u64 wake_at)
{
	struct disruptor_publisher *told = &core->control->seat[seat];
	u32 fence = core->fencing[seat].state != DISRUPTOR_FENCING_OFF;
	u64 look_at = fence ? 0 : wake_at;

	/* The line is the publisher's: leave it alone unless there is news. */
	if (told->fence != fence)
		WRITE_ONCE(told->fence, fence);
	if (told->wake_at != wake_at)
		WRITE_ONCE(told->wake_at, wake_at);
	if (told->look_at != look_at)
		WRITE_ONCE(told->look_at, look_at);
}

/*
 * When @seat, which holds @waiter up, is next wanted: when it gets to the goal.
 * Several producers publish out of order, and whoever is last to fill a gap may
 * fill one far below the goal: they are wanted when they publish anything that the
 * waiter has not seen.  Where the first gap is by now does not matter: whoever
 * filled the one before may have yet to look.
 */
static u64 wanted_at(const struct disruptor_core *core,
		     const struct disruptor_waiter *waiter, unsigned int seat)
{
	if (core->availability && seat == DISRUPTOR_SEAT_PRODUCERS)
		return waiter->seen + 1;
	return goal(core, waiter);
}

/* @waiter's part in when each publisher is next wanted. */
static void want_publishers(const struct disruptor_core *core,
			    const struct disruptor_waiter *waiter, u64 *wake_at)
{
	struct disruptor_seat_set seats;
	unsigned int seat;

	held_up_by(core, waiter, &seats);
	while (pop_seat(&seats, &seat)) {
		u64 at = wanted_at(core, waiter, seat);

		wake_at[seat] = min(wake_at[seat], at);
	}
}

/* Tell every publisher when it is next wanted. */
static void tell_publishers(struct disruptor_core *core)
{
	u64 wake_at[DISRUPTOR_MAX_SEATS];
	struct disruptor_waiter *waiter;
	unsigned int seat;

	for (seat = 0; seat <= core->nr_consumers; seat++)
		wake_at[seat] = DISRUPTOR_NOBODY_SLEEPS;
	for (waiter = core->waiters; waiter; waiter = waiter->next)
		want_publishers(core, waiter, wake_at);
	for (seat = 0; seat <= core->nr_consumers; seat++)
		tell_publisher(core, seat, wake_at[seat]);
}

/*
 * Somebody is about to sleep until a seat publishes.  Is that often, for what it
 * publishes?
 */
static bool sleeps_often(struct disruptor_fencing *fencing, u64 now)
{
	bool near = now - fencing->slept_at < NEAR_EVENTS;

	fencing->slept_at = now;
	fencing->near_sleeps = near ? fencing->near_sleeps + 1 : 0;
	return fencing->near_sleeps >= NEAR_SLEEPS;
}

static void choose_fences(struct disruptor_core *core,
			  struct disruptor_fences *fences)
{
	struct disruptor_seat_set rest = fences->all;
	unsigned int seat;

	while (pop_seat(&rest, &seat)) {
		struct disruptor_fencing *fencing = &core->fencing[seat];

		if (sleeps_often(fencing, counter(core, seat)) &&
		    fencing->state == DISRUPTOR_FENCING_OFF) {
			fencing->state = DISRUPTOR_FENCING_COMING;
			add_seat(&fences->coming, seat);
		}
		if (fencing->state != DISRUPTOR_FENCING_ON) {
			add_seat(&fences->heavy, seat);
			disruptor_count(&fencing->interrupts);
		}
	}
}

/*
 * Then, without the lock, the owner passes a full barrier and has the holders of
 * @fences->heavy pass one (G), says so with disruptor_fences_came(), and looks at
 * the outcome once more before it sleeps.
 */
void disruptor_arm(struct disruptor_core *core, struct disruptor_waiter *waiter,
		   struct disruptor_fences *fences)
{
	if (!waiter->link) {
		waiter->next = core->waiters;
		if (waiter->next)
			waiter->next->link = &waiter->next;
		waiter->link = &core->waiters;
		core->waiters = waiter;
	}
	*fences = (struct disruptor_fences){};
	held_up_by(core, waiter, &fences->all);
	choose_fences(core, fences);
	tell_publishers(core);
}

void disruptor_fences_came(struct disruptor_core *core,
			   const struct disruptor_fences *fences)
{
	struct disruptor_seat_set rest = fences->coming;
	unsigned int seat;

	while (pop_seat(&rest, &seat))
		core->fencing[seat].state = DISRUPTOR_FENCING_ON;
}

static void unlink_waiter(struct disruptor_waiter *waiter)
{
	*waiter->link = waiter->next;
	if (waiter->next)
		waiter->next->link = waiter->link;
	waiter->link = NULL;
}

void disruptor_disarm(struct disruptor_core *core,
		      struct disruptor_waiter *waiter)
{
	if (!waiter->link)
		return;
	unlink_waiter(waiter);
	tell_publishers(core);
}

static void fire(struct disruptor_waiter *waiter)
{
	unlink_waiter(waiter);
	waiter->fire(waiter);
}

/*
 * The outcome is known; or, of several producers, there is more to look at than
 * others should wait for.  Then the waiter looks, without the lock, and arms
 * itself again.
 */
static bool is_due(const struct disruptor_core *core,
		   struct disruptor_waiter *waiter)
{
	bool ended = disruptor_stream_ended(core);
	unsigned int seat = waiter->seat;
	u64 seen = waiter->seen;

	waiter->seen = disruptor_barrier_since(core, seat, seen, MOST_LOOKS);
	if (outcome_at(core, seat, waiter->target, ended, waiter->seen) != -EAGAIN)
		return true;
	return disruptor_sees_gaps(core, seat) &&
	       waiter->seen - seen >= MOST_LOOKS;
}

/* A publisher has got to its wake_at. */
void disruptor_fire_met(struct disruptor_core *core)
{
	struct disruptor_waiter *waiter, *next;

	for (waiter = core->waiters; waiter; waiter = next) {
		next = waiter->next;
		if (is_due(core, waiter))
			fire(waiter);
	}
	tell_publishers(core);
}

/* Something other than a publisher may have changed what they wait for. */
void disruptor_fire_all(struct disruptor_core *core)
{
	while (core->waiters)
		fire(core->waiters);
	tell_publishers(core);
}

/* A publisher wants to do without fences; not while somebody relies on them. */
void disruptor_unfence(struct disruptor_core *core, unsigned int seat)
{
	struct disruptor_fencing *fencing = &core->fencing[seat];

	if (core->waiters || fencing->state != DISRUPTOR_FENCING_ON)
		return;
	fencing->state = DISRUPTOR_FENCING_OFF;
	fencing->near_sleeps = 0;
	tell_publishers(core);
}
