// SPDX-License-Identifier: MIT
/*
 * Running a stage: events to a handler, batch by batch.
 */
#include "internal.h"

/*
 * One event, as often as the handler wants it.  A handler that fails for ever
 * and always says retry can be halted.
 *
 * Return: 0 (done, or skipped), -EINTR in @interrupted, the error to stop with.
 */
static int handle_event(const struct disruptor_view *view,
			const uint32_t *halted,
			const struct disruptor_handler *handler, uint64_t seq,
			bool end_of_batch, bool *interrupted)
{
	void *event = __disruptor_slot(view, seq);
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
		if (load_relaxed(halted)) {
			*interrupted = true;
			return 0;
		}
	}
}

/*
 * The events of @range, or the first of them up to the limit: one batch.  @reached:
 * the end of what was handled.
 */
int handle_events(const struct disruptor_view *view, const uint32_t *halted,
		  const struct disruptor_handler *handler,
		  const struct disruptor_range *range, uint64_t *reached)
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
		err = handle_event(view, halted, handler, seq, seq + 1 == hi,
				   &interrupted);
		if (err || interrupted)
			break;
	}
	*reached = seq;
	return err;
}

static int handle_batch(struct disruptor_consumer *consumer,
			const struct disruptor_handler *handler,
			const struct disruptor_range *range)
{
	uint64_t reached;
	int err = handle_events(&consumer->view, &consumer->halted, handler,
				range, &reached);

	disruptor_release(consumer, reached);
	return err;
}

uint64_t deadline_after(uint64_t ns)
{
	uint64_t now = disruptor_now_ns();

	return ns < DISRUPTOR_FOREVER - now ? now + ns : DISRUPTOR_FOREVER;
}

/* The clock is read only if there is nothing to do. */
static int wait_for_events(struct disruptor_consumer *consumer,
			   const struct disruptor_handler *handler,
			   struct disruptor_range *range)
{
	uint64_t deadline = DISRUPTOR_FOREVER;
	int err;

	if (handler->timeout_ns) {
		err = load_relaxed(&consumer->halted) ? -EAGAIN :
		      disruptor_try_wait(consumer, range);
		if (err != -EAGAIN)
			return err;
		deadline = deadline_after(handler->timeout_ns);
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

int start_handler(const struct disruptor_handler *handler,
		  struct disruptor_consumer *consumer)
{
	if (!handler->on_event)
		return -EINVAL;
	return handler->on_start ? handler->on_start(handler->context, consumer) :
				   0;
}

int disruptor_run(struct disruptor_consumer *consumer,
		  const struct disruptor_handler *handler)
{
	int err = start_handler(handler, consumer);

	if (err)
		return err;
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
