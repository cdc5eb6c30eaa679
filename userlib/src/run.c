// SPDX-License-Identifier: MIT
/*
 * Running a stage: events to a handler, batch by batch.
 */
#include "internal.h"

static bool halted(const struct disruptor_consumer *consumer)
{
	return load_relaxed(&consumer->halted);
}

/*
 * One event, as often as the handler wants it.  A handler that fails for ever
 * and always says retry can be halted.
 *
 * Return: 0 (done, or skipped), -EINTR in @interrupted, the error to stop with.
 */
static int handle_event(struct disruptor_consumer *consumer,
			const struct disruptor_handler *handler, uint64_t seq,
			bool end_of_batch, bool *interrupted)
{
	void *event = disruptor_consumer_slot(consumer, seq);
	enum disruptor_error_action action = DISRUPTOR_ERROR_STOP;
	int err;

	for (;;) {
		err = handler->on_event(handler->context, event, seq,
					end_of_batch);
		if (!err)
			return 0;
		if (handler->on_error)
			action = handler->on_error(handler->context, err,
						   event, seq);
		if (action == DISRUPTOR_ERROR_SKIP)
			return 0;
		if (action != DISRUPTOR_ERROR_RETRY)
			return err;
		if (halted(consumer)) {
			*interrupted = true;
			return 0;
		}
	}
}

/* The events of @range, or the first of them up to the limit: one batch. */
static int handle_batch(struct disruptor_consumer *consumer,
			const struct disruptor_handler *handler,
			const struct disruptor_range *range)
{
	uint64_t hi = range->hi;
	bool interrupted = false;
	uint64_t seq;
	int err = 0;

	if (handler->batch_limit && hi - range->lo > handler->batch_limit)
		hi = range->lo + handler->batch_limit;
	if (handler->on_batch_start)
		handler->on_batch_start(handler->context, hi - range->lo);
	for (seq = range->lo; seq != hi; seq++) {
		err = handle_event(consumer, handler, seq, seq + 1 == hi,
				   &interrupted);
		if (err || interrupted)
			break;
	}
	disruptor_release(consumer, seq);
	return err;
}

/* The clock is read only if there is nothing to do. */
static int wait_for_events(struct disruptor_consumer *consumer,
			   const struct disruptor_handler *handler,
			   struct disruptor_range *range)
{
	uint64_t deadline = DISRUPTOR_FOREVER;
	uint64_t now;
	int err;

	if (handler->timeout_ns) {
		err = halted(consumer) ? -EAGAIN :
					 disruptor_try_wait(consumer, range);
		if (err != -EAGAIN)
			return err;
		now = disruptor_now_ns();
		if (handler->timeout_ns < DISRUPTOR_FOREVER - now)
			deadline = now + handler->timeout_ns;
	}
	return disruptor_wait_until(consumer, deadline, range);
}

/* Return: 0 (the stream ended, or halted), the error to stop with. */
static int run(struct disruptor_consumer *consumer,
	       const struct disruptor_handler *handler)
{
	struct disruptor_range range;
	int err;

	for (;;) {
		err = wait_for_events(consumer, handler, &range);
		if (err == -ENODATA || err == -ECANCELED)
			return 0;
		if (err == -ETIMEDOUT) {
			if (handler->on_timeout)
				handler->on_timeout(handler->context,
						    consumer->next);
			continue;
		}
		if (!err)
			err = handle_batch(consumer, handler, &range);
		if (err)
			return err;
	}
}

int disruptor_run(struct disruptor_consumer *consumer,
		  const struct disruptor_handler *handler)
{
	int err;

	if (!handler->on_event)
		return -EINVAL;
	if (handler->on_start) {
		err = handler->on_start(handler->context, consumer);
		if (err)
			return err;
	}
	err = run(consumer, handler);
	if (handler->on_shutdown)
		handler->on_shutdown(handler->context);
	return err;
}

int disruptor_poll(struct disruptor_consumer *consumer,
		   const struct disruptor_handler *handler)
{
	const uint64_t *cursor = __disruptor_counter(&consumer->view,
						     DISRUPTOR_SEAT_PRODUCERS);
	struct disruptor_range range;
	int err;

	if (!handler->on_event)
		return -EINVAL;
	err = disruptor_try_wait(consumer, &range);
	switch (err) {
	case 0:
		err = handle_batch(consumer, handler, &range);
		return err ? err : DISRUPTOR_POLL_PROCESSING;
	case -EAGAIN:
		return load_acquire(cursor) == consumer->next ?
		       DISRUPTOR_POLL_IDLE : DISRUPTOR_POLL_GATING;
	case -ENODATA:
		return DISRUPTOR_POLL_ENDED;
	default:
		return err;
	}
}
