// SPDX-License-Identifier: MIT
/*
 * Running a stage: events to a handler, batch by batch.
 */
#include "handle.h"

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

static int wait_for_events(struct disruptor_consumer *consumer,
			   const struct disruptor_handler *handler,
			   struct disruptor_range *range)
{
	if (handler->timeout_ns)
		return consumer_wait_for(consumer, handler->timeout_ns, range);
	return disruptor_wait(consumer, range);
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

/* Is what comes next published?  Of several producers the cursor says what is claimed. */
static bool is_published(const struct disruptor_consumer *consumer)
{
	const struct disruptor_view *view = &consumer->view;
	const uint64_t *cursor = __disruptor_counter(view,
						     DISRUPTOR_SEAT_PRODUCERS);
	uint64_t next = consumer->next;
	uint32_t lap;

	if (!view->availability)
		return load_acquire(cursor) > next; /* B */
	lap = load_acquire(&view->availability[next & view->index_mask]); /* K */
	return (lap & DISRUPTOR_LAP_MASK) == DISRUPTOR_LAP(next, view->lap_shift);
}

int disruptor_poll(struct disruptor_consumer *consumer,
		   const struct disruptor_handler *handler)
{
	struct disruptor_range range;
	bool published = false;
	int err;

	if (!handler->on_event)
		return -EINVAL;
	err = disruptor_try_wait(consumer, &range);
	if (err == -EAGAIN && is_published(consumer)) {
		/* Since that look?  After B or K, this one finds it. */
		published = true;
		err = disruptor_try_wait(consumer, &range);
	}
	switch (err) {
	case 0:
		err = handle_batch(consumer, handler, &range);
		return err ? err : DISRUPTOR_POLL_PROCESSING;
	case -EAGAIN:
		return published ? DISRUPTOR_POLL_GATING : DISRUPTOR_POLL_IDLE;
	case -ENODATA:
		return DISRUPTOR_POLL_ENDED;
	default:
		return err;
	}
}
