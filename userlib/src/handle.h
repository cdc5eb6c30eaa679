/* SPDX-License-Identifier: MIT */
/*
 * Events to a handler, batch by batch: of a consumer and of a worker, inline in the
 * loop of each.
 */
#ifndef LIBDISRUPTOR_HANDLE_H
#define LIBDISRUPTOR_HANDLE_H

#include "internal.h"

/*
 * One event, as often as the handler wants it.  A handler that fails for ever
 * and always says retry can be halted.
 *
 * Return: 0 (done, or skipped), -EINTR in @interrupted, the error to stop with.
 */
static inline int
handle_event(const struct disruptor_view *view, const uint32_t *halted,
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
static inline int
handle_events(const struct disruptor_view *view, const uint32_t *halted,
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

#endif /* LIBDISRUPTOR_HANDLE_H */
