// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sleeping and waking.
 *
 * A waiter has a target that its barrier must reach.  It is armed on every
 * counter that is below its target: wake_at of that seat is lowered, so that the
 * holder, when it publishes the target, calls WAKE.  WAKE looks at all waiters
 * and fires those whose targets are met.
 *
 * No wake is lost:
 *
 *	sleeper				publisher
 *
 *	lower wake_at, look_at		store the counter (release)
 *	G: barrier on both sides	H: barrier, if fencing
 *	read the counter, sleep		read wake_at; WAKE
 *
 * Either the sleeper reads the new counter, or the publisher reads the new
 * wake_at.  H costs the publisher more than everything else that it does, so it
 * is the sleeper that makes it pass a barrier, by an interrupt (fence.c).  Where
 * sleeps are frequent for the events between them, that would cost more than
 * H does: then the publisher is told to fence (look_at is 0, so that its one
 * compare takes it to the slow path), that is made known by one last interrupt, and
 * from then on G is the sleeper's own barrier.  Until that interrupt is over
 * (DISRUPTOR_FENCING_COMING) other sleepers do not rely on it.  A publisher that
 * has fenced long for nothing asks for it to be taken back.
 *
 * Whatever else can make a target true or hopeless (a role came, went or was
 * evicted, the stream ended) fires all waiters; those that sleep in WAIT look
 * and arm themselves again.
 *
 * selftests/models/wake.pml checks this, and that each step is needed.
 */
#include <linux/bitmap.h>
#include <linux/bits.h>
#include <linux/hrtimer.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "internal.h"

/*
 * An interrupt costs some tens of microseconds, a fence some tens of
 * nanoseconds: sleeps less than so many events apart are cheaper with fences.
 * A few of them in a row make a habit.
 */
#define NEAR_EVENTS	1024
#define NEAR_SLEEPS	4

typedef DECLARE_BITMAP(seat_set, DISRUPTOR_MAX_SEATS);

static bool stream_ended(const struct disruptor_ring *ring)
{
	/* Before the cursor is read: see set_ended(). */
	return smp_load_acquire(&ring->memory.control->state) &
	       DISRUPTOR_STATE_ENDED;
}

static u64 counter(const struct disruptor_ring *ring, unsigned int seat)
{
	return READ_ONCE(*disruptor_counter(ring, seat));
}

/* Where things stand; -EAGAIN: a reason to wait. */
static int outcome(const struct disruptor_handle *handle, u64 target,
		   u64 *reached)
{
	const struct disruptor_ring *ring = handle->ring;
	bool ended = stream_ended(ring);

	if (READ_ONCE(handle->revoked))
		return -ESTALE;
	*reached = disruptor_barrier(ring, handle->seat);
	if (*reached >= target)
		return 0;
	if (handle->role == DISRUPTOR_ROLE_CONSUMER && ended &&
	    *reached >= counter(ring, DISRUPTOR_SEAT_PRODUCERS))
		return -ENODATA;
	return -EAGAIN;
}

/* The barrier at which outcome() changes: no more comes after the end. */
static u64 goal(const struct disruptor_waiter *waiter)
{
	const struct disruptor_ring *ring = waiter->handle->ring;

	if (!stream_ended(ring))
		return waiter->target;
	return min(waiter->target, counter(ring, DISRUPTOR_SEAT_PRODUCERS));
}

/*
 * Under ring->wait_lock.  The seats whose counters hold @waiter up: those below
 * its goal that it waits on, or else the cursor.
 */
static void held_up_by(const struct disruptor_waiter *waiter,
		       seat_set seats)
{
	const struct disruptor_ring *ring = waiter->handle->ring;
	u64 mask = ring->memory.control->seat[waiter->handle->seat].waits_on;
	u64 least = goal(waiter);
	unsigned int i;

	bitmap_zero(seats, DISRUPTOR_MAX_SEATS);
	for (i = 0; i < ring->nr_consumers; i++) {
		unsigned int seat = DISRUPTOR_SEAT_CONSUMER(i);

		if (mask & BIT_ULL(i) && counter(ring, seat) < least)
			__set_bit(seat, seats);
	}
	if (bitmap_empty(seats, DISRUPTOR_MAX_SEATS))
		__set_bit(DISRUPTOR_SEAT_PRODUCERS, seats);
}

static void tell_publisher(struct disruptor_ring *ring, unsigned int seat,
			   u64 wake_at)
{
	struct disruptor_publisher *told = &ring->memory.control->seat[seat];
	bool fence = ring->seats[seat].fencing != DISRUPTOR_FENCING_OFF;
	u64 look_at = fence ? 0 : wake_at;

	/* The line is the publisher's: leave it alone unless there is news. */
	if (told->fence != fence)
		WRITE_ONCE(told->fence, fence);
	if (told->wake_at != wake_at)
		WRITE_ONCE(told->wake_at, wake_at);
	if (told->look_at != look_at)
		WRITE_ONCE(told->look_at, look_at);
}

/* Under ring->wait_lock.  Tell every publisher when it is next wanted. */
static void tell_publishers(struct disruptor_ring *ring)
{
	u64 wake_at[DISRUPTOR_MAX_SEATS];
	struct disruptor_waiter *waiter;
	unsigned int seat;
	seat_set seats;

	for (seat = 0; seat <= ring->nr_consumers; seat++)
		wake_at[seat] = DISRUPTOR_NOBODY_SLEEPS;
	list_for_each_entry(waiter, &ring->waiters, node) {
		u64 least = goal(waiter);

		held_up_by(waiter, seats);
		for_each_set_bit(seat, seats, DISRUPTOR_MAX_SEATS)
			wake_at[seat] = min(wake_at[seat], least);
	}
	for (seat = 0; seat <= ring->nr_consumers; seat++)
		tell_publisher(ring, seat, wake_at[seat]);
}

/*
 * Under ring->wait_lock.  Somebody is about to sleep until @seat publishes.
 * Returns whether that is often for what it publishes.
 */
static bool sleeps_often(struct disruptor_seat *seat, u64 now)
{
	bool near = now - seat->slept_at < NEAR_EVENTS;

	seat->slept_at = now;
	seat->near_sleeps = near ? seat->near_sleeps + 1 : 0;
	return seat->near_sleeps >= NEAR_SLEEPS;
}

/*
 * Under ring->wait_lock.  Of @seats, those to interrupt (@heavy), and of these
 * the ones that the caller is the first to have fence (@coming).
 */
static void choose_fences(struct disruptor_ring *ring, const seat_set seats,
			  seat_set heavy, seat_set coming)
{
	unsigned int i;

	bitmap_zero(heavy, DISRUPTOR_MAX_SEATS);
	bitmap_zero(coming, DISRUPTOR_MAX_SEATS);
	for_each_set_bit(i, seats, DISRUPTOR_MAX_SEATS) {
		struct disruptor_seat *seat = &ring->seats[i];
		bool often = sleeps_often(seat, counter(ring, i));

		if (seat->fencing == DISRUPTOR_FENCING_ON)
			continue;
		__set_bit(i, heavy);
		seat->interrupts++;
		if (often && seat->fencing == DISRUPTOR_FENCING_OFF) {
			seat->fencing = DISRUPTOR_FENCING_COMING;
			__set_bit(i, coming);
		}
	}
}

static void fences_have_come(struct disruptor_ring *ring,
			     const seat_set coming)
{
	unsigned int i;

	spin_lock(&ring->wait_lock);
	for_each_set_bit(i, coming, DISRUPTOR_MAX_SEATS)
		ring->seats[i].fencing = DISRUPTOR_FENCING_ON;
	spin_unlock(&ring->wait_lock);
}

static void interrupt_publishers(struct disruptor_ring *ring,
				 const seat_set heavy, const seat_set coming)
{
	if (bitmap_empty(heavy, DISRUPTOR_MAX_SEATS))
		return;
	mutex_lock(&ring->lock);
	disruptor_fence_holders(ring, heavy);
	mutex_unlock(&ring->lock);
	if (!bitmap_empty(coming, DISRUPTOR_MAX_SEATS))
		fences_have_come(ring, coming);
}

/* After this, look once more before sleeping. */
static void arm(struct disruptor_waiter *waiter)
{
	struct disruptor_ring *ring = waiter->handle->ring;
	seat_set seats, heavy, coming;

	spin_lock(&ring->wait_lock);
	if (list_empty(&waiter->node))
		list_add_tail(&waiter->node, &ring->waiters);
	waiter->fired = false;
	held_up_by(waiter, seats);
	choose_fences(ring, seats, heavy, coming);
	tell_publishers(ring);
	spin_unlock(&ring->wait_lock);

	/* G, matches H: after wake_at is lowered, before counters are read. */
	smp_mb();
	interrupt_publishers(ring, heavy, coming);
}

static void disarm(struct disruptor_waiter *waiter)
{
	struct disruptor_ring *ring = waiter->handle->ring;

	spin_lock(&ring->wait_lock);
	if (!list_empty(&waiter->node)) {
		list_del_init(&waiter->node);
		tell_publishers(ring);
	}
	spin_unlock(&ring->wait_lock);
}

/*
 * Under ring->wait_lock.  Pollers are woken without a key, so that each asks
 * ->poll() again, which arms the waiter anew.
 */
static void fire(struct disruptor_waiter *waiter)
{
	list_del_init(&waiter->node);
	WRITE_ONCE(waiter->fired, true);
	if (waiter->task)
		wake_up_process(waiter->task);
	else
		wake_up_all(&waiter->handle->poll_queue);
}

static bool is_met(const struct disruptor_waiter *waiter)
{
	u64 reached;

	return outcome(waiter->handle, waiter->target, &reached) != -EAGAIN;
}

/* Something other than a publisher may have changed what waiters wait for. */
void disruptor_wait_kick(struct disruptor_ring *ring)
{
	struct disruptor_waiter *waiter, *next;

	spin_lock(&ring->wait_lock);
	list_for_each_entry_safe(waiter, next, &ring->waiters, node)
		fire(waiter);
	tell_publishers(ring);
	spin_unlock(&ring->wait_lock);
}

long disruptor_wake(struct disruptor_handle *handle, unsigned long flags)
{
	struct disruptor_ring *ring = handle->ring;
	struct disruptor_seat *seat = &ring->seats[handle->seat];
	struct disruptor_waiter *waiter, *next;

	if (flags & ~DISRUPTOR_WAKE_UNFENCE)
		return -EINVAL;
	if (READ_ONCE(handle->revoked))
		return -ESTALE;

	spin_lock(&ring->wait_lock);
	seat->wakes++;
	list_for_each_entry_safe(waiter, next, &ring->waiters, node) {
		if (is_met(waiter))
			fire(waiter);
	}
	if (flags & DISRUPTOR_WAKE_UNFENCE && list_empty(&ring->waiters) &&
	    seat->fencing == DISRUPTOR_FENCING_ON) {
		seat->fencing = DISRUPTOR_FENCING_OFF;
		seat->near_sleeps = 0;
	}
	tell_publishers(ring);
	spin_unlock(&ring->wait_lock);
	return 0;
}

/* 0: fired; -ETIMEDOUT; -ERESTARTSYS. */
static int sleep_until(const struct disruptor_waiter *waiter, u64 deadline_ns)
{
	ktime_t deadline = ns_to_ktime(min_t(u64, deadline_ns, KTIME_MAX));
	ktime_t *expires = deadline_ns == U64_MAX ? NULL : &deadline;
	int err = 0;

	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (READ_ONCE(waiter->fired))
			break;
		if (signal_pending(current)) {
			err = -ERESTARTSYS;
			break;
		}
		if (!schedule_hrtimeout(expires, HRTIMER_MODE_ABS)) {
			err = -ETIMEDOUT;
			break;
		}
	}
	__set_current_state(TASK_RUNNING);
	return err;
}

static int wait_armed(struct disruptor_waiter *waiter, u64 deadline_ns,
		      u64 *reached)
{
	struct disruptor_handle *handle = waiter->handle;
	int err, woken;

	do {
		arm(waiter);
		err = outcome(handle, waiter->target, reached);
		if (err != -EAGAIN)
			return err;
		woken = sleep_until(waiter, deadline_ns);
		err = outcome(handle, waiter->target, reached);
	} while (err == -EAGAIN && !woken);
	return err == -EAGAIN ? woken : err;
}

/* Account for a wait; a handle has only so many at a time. */
static int enter_wait(struct disruptor_handle *handle)
{
	struct disruptor_ring *ring = handle->ring;
	int err = -EBUSY;

	spin_lock(&ring->wait_lock);
	if (handle->waits < DISRUPTOR_MAX_WAITS) {
		handle->waits++;
		ring->seats[handle->seat].sleeps++;
		err = 0;
	}
	spin_unlock(&ring->wait_lock);
	return err;
}

static void leave_wait(struct disruptor_handle *handle)
{
	spin_lock(&handle->ring->wait_lock);
	handle->waits--;
	spin_unlock(&handle->ring->wait_lock);
}

/* @target and *@reached are barriers: what the handle's seat waits on. */
static int wait_for_barrier(struct disruptor_handle *handle, u64 target,
			    u64 deadline_ns, u64 *reached)
{
	struct disruptor_waiter waiter = {
		.node = LIST_HEAD_INIT(waiter.node),
		.handle = handle,
		.target = target,
		.task = current,
	};
	int err;

	err = outcome(handle, target, reached);
	if (err != -EAGAIN)
		return err;
	if (deadline_ns <= ktime_get_ns())
		return -ETIMEDOUT;
	err = enter_wait(handle);
	if (err)
		return err;
	err = wait_armed(&waiter, deadline_ns, reached);
	disarm(&waiter);
	leave_wait(handle);
	return err;
}

/*
 * A consumer waits until its barrier is at the target; a producer, who may be
 * ahead of its gate by all the slots, until it is that much short of it.
 */
int disruptor_wait_for(struct disruptor_handle *handle, u64 target,
		       u64 deadline_ns, u64 *reached)
{
	const struct disruptor_ring *ring = handle->ring;
	bool produces = handle->role == DISRUPTOR_ROLE_PRODUCER;
	u64 ahead = produces ? ring->geometry.slots : 0;
	u64 own = counter(ring, handle->seat);
	int err;

	if (target > own && target - own > ring->geometry.slots)
		return -EINVAL;
	err = wait_for_barrier(handle, target - min(target, ahead), deadline_ns,
			       reached);
	*reached += ahead;
	return err;
}

long disruptor_wait(struct disruptor_handle *handle,
		    struct disruptor_wait_args __user *uargs)
{
	struct disruptor_wait_args args;
	long err;

	err = disruptor_args_get(&args, sizeof(args), uargs);
	if (err)
		return err;
	if (args.flags)
		return -EINVAL;
	args.reached = 0;
	err = disruptor_wait_for(handle, args.target, args.deadline_ns,
				 &args.reached);
	if (err == 0 || err == -ETIMEDOUT || err == -ENODATA)
		return disruptor_args_put(uargs, &args, sizeof(args)) ?: err;
	return err;
}

/*
 * A poller wants to hear of barrier @target.  Those who polled before it and
 * whose target is met by now must not be forgotten for it.
 */
void disruptor_poll_arm(struct disruptor_handle *handle, u64 target)
{
	struct disruptor_waiter *waiter = &handle->poll_waiter;

	spin_lock(&handle->ring->wait_lock);
	if (!list_empty(&waiter->node) && is_met(waiter))
		wake_up_all(&handle->poll_queue);
	waiter->target = target;
	spin_unlock(&handle->ring->wait_lock);
	arm(waiter);
}

void disruptor_wait_init(struct disruptor_handle *handle)
{
	init_waitqueue_head(&handle->poll_queue);
	INIT_LIST_HEAD(&handle->poll_waiter.node);
	handle->poll_waiter.handle = handle;
}

void disruptor_wait_exit(struct disruptor_handle *handle)
{
	disarm(&handle->poll_waiter);
}
