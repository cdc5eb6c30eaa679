// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sleeping and waking: what waiters.c decides, carried out.
 */
#include <linux/hrtimer.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/time_namespace.h>

#include "internal.h"
#include "trace.h"

#define DISRUPTOR_WAKE_FLAGS	(DISRUPTOR_WAKE_UNFENCE | DISRUPTOR_WAKE_HALT)

/**
 * struct sleeper - a task that sleeps in WAIT
 * @waiter: what for
 * @handle: whose barrier
 * @task: which
 * @fired: the wake is on its way
 */
struct sleeper {
	struct disruptor_waiter waiter;
	struct disruptor_handle *handle;
	struct task_struct *task;
	bool fired;
};

/* The task cannot be gone: to leave it must disarm, under ring->wait_lock. */
static void fire_sleeper(struct disruptor_waiter *waiter)
{
	struct sleeper *sleeper = container_of(waiter, struct sleeper, waiter);

	WRITE_ONCE(sleeper->fired, true);
	wake_up_process(sleeper->task);
}

/* Without a key, so that each poller asks ->poll() again, which arms anew. */
static void fire_pollers(struct disruptor_waiter *waiter)
{
	struct disruptor_handle *handle =
		container_of(waiter, struct disruptor_handle, poll_waiter);

	wake_up_all(&handle->poll_queue);
}

static int outcome(const struct disruptor_handle *handle, u64 target,
		   u64 *reached)
{
	if (READ_ONCE(handle->revoked))
		return -ESTALE;
	return disruptor_outcome(&handle->ring->core, handle->publishes, target,
				 reached);
}

static void interrupt_publishers(struct disruptor_ring *ring,
				 const struct disruptor_fences *fences)
{
	mutex_lock(&ring->lock);
	disruptor_fence_holders(ring, &fences->heavy);
	mutex_unlock(&ring->lock);
	if (disruptor_seats_empty(&fences->coming))
		return;
	spin_lock(&ring->wait_lock);
	disruptor_fences_came(&ring->core, fences);
	spin_unlock(&ring->wait_lock);
}

/* After this, look once more before sleeping. */
static void arm(struct disruptor_ring *ring, struct disruptor_waiter *waiter)
{
	struct disruptor_fences fences;

	spin_lock(&ring->wait_lock);
	disruptor_arm(&ring->core, waiter, &fences);
	spin_unlock(&ring->wait_lock);

	/* G, matches H: after wake_at is lowered, before counters are read. */
	smp_mb();
	if (!disruptor_seats_empty(&fences.heavy))
		interrupt_publishers(ring, &fences);
}

static void disarm(struct disruptor_ring *ring, struct disruptor_waiter *waiter)
{
	spin_lock(&ring->wait_lock);
	disruptor_disarm(&ring->core, waiter);
	spin_unlock(&ring->wait_lock);
}

/* Something other than a publisher may have changed what waiters wait for. */
void disruptor_wait_kick(struct disruptor_ring *ring)
{
	spin_lock(&ring->wait_lock);
	disruptor_fire_all(&ring->core);
	spin_unlock(&ring->wait_lock);
}

long disruptor_wake(struct disruptor_handle *handle, unsigned long flags)
{
	struct disruptor_ring *ring = handle->ring;

	if (flags & ~DISRUPTOR_WAKE_FLAGS || flags == DISRUPTOR_WAKE_FLAGS)
		return -EINVAL;
	if (READ_ONCE(handle->revoked))
		return -ESTALE;
	if (flags & DISRUPTOR_WAKE_HALT) {
		WRITE_ONCE(handle->halted, 1);
		disruptor_wait_kick(ring);
		return 0;
	}
	trace_disruptor_wake(ring, handle->seat,
			     READ_ONCE(*disruptor_counter(&ring->core,
							  handle->publishes)));
	spin_lock(&ring->wait_lock);
	disruptor_count(&ring->seats[handle->seat].wakes);
	disruptor_fire_met(&ring->core);
	if (flags & DISRUPTOR_WAKE_UNFENCE)
		disruptor_unfence(&ring->core, handle->publishes);
	spin_unlock(&ring->wait_lock);
	return 0;
}

/* 0: fired; -ETIMEDOUT; -ERESTARTSYS. */
static int sleep_until(const struct sleeper *sleeper, u64 deadline_ns)
{
	ktime_t deadline = ns_to_ktime(min_t(u64, deadline_ns, KTIME_MAX));
	ktime_t *expires = deadline_ns == U64_MAX ? NULL : &deadline;
	int err = 0;

	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (READ_ONCE(sleeper->fired))
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

static int wait_armed(struct sleeper *sleeper, u64 deadline_ns, u64 *reached)
{
	struct disruptor_handle *handle = sleeper->handle;
	u64 target = sleeper->waiter.target;
	int err, woken;

	do {
		WRITE_ONCE(sleeper->fired, false);
		sleeper->waiter.seen = *reached;
		arm(handle->ring, &sleeper->waiter);
		err = outcome(handle, target, reached);
		if (err != -EAGAIN)
			return err;
		if (xchg(&handle->halted, 0))
			return -ECANCELED;
		woken = sleep_until(sleeper, deadline_ns);
		err = outcome(handle, target, reached);
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
		disruptor_count(&ring->seats[handle->seat].sleeps);
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
	struct sleeper sleeper = {
		.waiter = {
			.fire = fire_sleeper,
			.seat = handle->publishes,
			.target = target,
		},
		.handle = handle,
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
	trace_disruptor_wait(handle->ring, handle->seat, target);
	err = wait_armed(&sleeper, deadline_ns, reached);
	disarm(handle->ring, &sleeper.waiter);
	leave_wait(handle);
	return err;
}

/* A deadline of the caller's clock, which a time namespace may have moved. */
static u64 host_deadline(u64 deadline_ns)
{
	struct timespec64 moved = {};
	s64 ahead;

	if (!deadline_ns || deadline_ns == U64_MAX)
		return deadline_ns;
	timens_add_monotonic(&moved);
	ahead = timespec64_to_ns(&moved);
	if (ahead > 0)
		return deadline_ns - min_t(u64, deadline_ns, ahead);
	return deadline_ns + min_t(u64, U64_MAX - deadline_ns, -ahead);
}

/* Of several producers, a target that is far away is work at every look. */
static u64 most_ahead(const struct disruptor_core *core)
{
	u64 slots = core->geometry.slots;

	return core->availability ? min_t(u64, slots, DISRUPTOR_MAX_WAIT_AHEAD) :
				    slots;
}

/*
 * A consumer waits until its barrier is at the target; a producer, who may be
 * ahead of its gate by all the slots, until it is that much short of it.
 */
int disruptor_wait_for(struct disruptor_handle *handle, u64 target,
		       u64 deadline_ns, u64 *reached)
{
	const struct disruptor_core *core = &handle->ring->core;
	bool produces = handle->role == DISRUPTOR_ROLE_PRODUCER;
	u64 ahead = produces ? core->geometry.slots : 0;
	u64 own = disruptor_position(core, handle->publishes);
	int err;

	if (target > own && target - own > most_ahead(core))
		return -EINVAL;
	err = wait_for_barrier(handle, target - min(target, ahead),
			       host_deadline(deadline_ns), reached);
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

/* Under ring->wait_lock.  Armed for a @barrier that has come unnoticed? */
static bool poll_overtaken(const struct disruptor_handle *handle, u64 barrier)
{
	const struct disruptor_waiter *waiter = &handle->poll_waiter;

	return waiter->link && barrier >= waiter->target;
}

/*
 * A poller wants to hear of the barrier moving on.  Those who polled before it
 * and whose target is met by now must not be forgotten for it.
 *
 * A barrier that has moved on before the publishers knew may next be held up by
 * others than those who know.  One that sleeps in WAIT looks and leaves; a
 * poller who is edge-triggered stays, so he is sent to ask again.
 */
void disruptor_poll_arm(struct disruptor_handle *handle)
{
	struct disruptor_waiter *waiter = &handle->poll_waiter;
	struct disruptor_ring *ring = handle->ring;
	u64 barrier = disruptor_barrier(&ring->core, waiter->seat);

	spin_lock(&ring->wait_lock);
	if (poll_overtaken(handle, barrier))
		wake_up_all(&handle->poll_queue);
	waiter->target = barrier + 1;
	waiter->seen = barrier;
	spin_unlock(&ring->wait_lock);

	arm(ring, waiter);

	barrier = disruptor_barrier(&ring->core, waiter->seat);
	spin_lock(&ring->wait_lock);
	if (poll_overtaken(handle, barrier)) {
		disruptor_disarm(&ring->core, waiter);
		wake_up_all(&handle->poll_queue);
	}
	spin_unlock(&ring->wait_lock);
}

void disruptor_wait_init(struct disruptor_handle *handle)
{
	init_waitqueue_head(&handle->poll_queue);
	handle->poll_waiter.fire = fire_pollers;
	handle->poll_waiter.seat = handle->publishes;
}

void disruptor_wait_exit(struct disruptor_handle *handle)
{
	disarm(handle->ring, &handle->poll_waiter);
}
