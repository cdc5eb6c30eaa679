// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting among other things: poll, epoll, select, and io_uring.
 */
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "internal.h"

static __poll_t consumer_events(const struct disruptor_handle *handle,
				bool ended, u64 barrier)
{
	const struct disruptor_ring *ring = handle->ring;
	const u64 *cursor = disruptor_counter(&ring->core,
					      DISRUPTOR_SEAT_PRODUCERS);
	u64 own = READ_ONCE(*disruptor_counter(&ring->core, handle->publishes));

	if (barrier > disruptor_position(&ring->core, handle->publishes) ||
	    disruptor_has_orphans(&ring->core, handle->publishes))
		return EPOLLIN | EPOLLRDNORM;
	if (ended && own >= READ_ONCE(*cursor))
		return EPOLLHUP;
	return 0;
}

static __poll_t producer_events(const struct disruptor_handle *handle,
				u64 gate)
{
	const struct disruptor_ring *ring = handle->ring;
	u64 cursor = READ_ONCE(*disruptor_counter(&ring->core, handle->publishes));

	return gate + ring->core.geometry.slots > cursor ?
		EPOLLOUT | EPOLLWRNORM : 0;
}

static __poll_t role_events(const struct disruptor_handle *handle)
{
	const struct disruptor_ring *ring = handle->ring;
	bool ended = disruptor_stream_ended(&ring->core);
	u64 barrier;

	if (READ_ONCE(handle->revoked))
		return EPOLLERR;
	barrier = disruptor_barrier(&ring->core, handle->publishes);
	return handle->role == DISRUPTOR_ROLE_PRODUCER ?
		producer_events(handle, barrier) :
		consumer_events(handle, ended, barrier);
}

/*
 * Whether he who polls must be told when the barrier moves on: not if a change of
 * the membership is all that can bring news, for that is told to every poller;
 * nor if he has what he asked for, but for one who is edge-triggered: he does
 * not ask again until he is told.  Who wants no events need not hear of each; of
 * the last one he must, for it brings EPOLLHUP.
 */
static bool awaits_news(const struct disruptor_handle *handle,
			__poll_t requested, __poll_t events)
{
	const __poll_t news = EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM;

	if (events & (EPOLLERR | EPOLLHUP))
		return false;
	if (events & requested && !(requested & EPOLLET))
		return false;
	return requested & news || disruptor_stream_ended(&handle->ring->core);
}

__poll_t disruptor_role_poll(struct file *file, struct poll_table_struct *pt)
{
	struct disruptor_handle *handle = file->private_data;
	__poll_t events;

	poll_wait(file, &handle->poll_queue, pt);
	events = role_events(handle);
	if (!awaits_news(handle, poll_requested_events(pt), events))
		return events;
	disruptor_poll_arm(handle);
	return role_events(handle);
}

__poll_t disruptor_ring_poll(struct file *file, struct poll_table_struct *pt)
{
	struct disruptor_handle *handle = file->private_data;
	struct disruptor_ring *ring = handle->ring;
	__poll_t events = 0;

	poll_wait(file, &ring->watchers, pt);
	mutex_lock(&ring->lock);
	if (ring->changes != handle->seen_changes)
		events |= EPOLLPRI;
	if (ring->core.control->state & DISRUPTOR_STATE_ENDED)
		events |= EPOLLHUP;
	mutex_unlock(&ring->lock);
	return events;
}

/*
 * Why one of io_uring's workers woke: by a notice, its request is cancelled, or its
 * task or its io_uring goes away; by a signal, the process is stopped or frozen.
 */
static int why_interrupted(void)
{
	return task_sigpending(current) ? -EINTR : -ECANCELED;
}

/*
 * Done at once if it can be, else by one of io_uring's workers, which sleeps
 * as WAIT does.
 */
int disruptor_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	struct disruptor_handle *handle = cmd->file->private_data;
	const struct disruptor_uring_wait *payload = disruptor_uring_payload(cmd);
	bool may_sleep = !(issue_flags & IO_URING_F_NONBLOCK);
	/* In memory that user space may write: read once. */
	u64 deadline_ns = READ_ONCE(payload->deadline_ns);
	u64 target = READ_ONCE(payload->target);
	u64 reached = 0;
	int err;

	if (cmd->cmd_op != DISRUPTOR_URING_WAIT)
		return -ENOTTY;
	err = disruptor_wait_for(handle, target, may_sleep ? deadline_ns : 0,
				 &reached);
	if (err == -ETIMEDOUT && !may_sleep)
		return -EAGAIN;
	return err == -ERESTARTSYS ? why_interrupted() : err;
}
