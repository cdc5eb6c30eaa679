// SPDX-License-Identifier: MIT
/*
 * Batches copied in and out.  The events are mapped twice back to back, so a
 * part is one memcpy() wherever the ring wraps.
 */
#include "internal.h"

/* Into slots that are claimed. */
static void copy_in(const struct disruptor_role *role, unsigned char *to,
		    const unsigned char *from, size_t bytes)
{
	size_t some;

	for (; bytes; bytes -= some) {
		some = min(bytes, TAKEN_BYTES);
		take_lines(role, to, some);
		memcpy(to, from, some);
		to += some;
		from += some;
	}
}

/* Claim what there is room for, at least 1 and @n at the most. */
static int claim_some(struct disruptor_producer *producer, uint64_t n,
		      uint64_t *lo, uint64_t *hi)
{
	uint64_t more;
	int err;

	n = min(n, producer->view.slots);
	if (!disruptor_try_claim(producer, n, lo)) {
		*hi = *lo + n;
		return 0;
	}
	err = disruptor_claim(producer, 1, lo);
	if (err)
		return err;
	n = min(n - 1, producer->room - producer->next);
	if (n)
		disruptor_try_claim(producer, n, &more);
	*hi = producer->next;
	return 0;
}

int disruptor_write(struct disruptor_producer *producer, const void *events,
		    uint64_t n)
{
	const unsigned char *from = events;
	uint64_t lo = 0, hi;
	size_t bytes;
	int err;

	while (n) {
		err = claim_some(producer, n, &lo, &hi);
		if (err)
			return err;
		bytes = (hi - lo) * producer->view.slot_size;
		copy_in(producer->role, disruptor_producer_slot(producer, lo),
			from, bytes);
		disruptor_publish(producer, lo, hi);
		from += bytes;
		n -= hi - lo;
	}
	return 0;
}

int disruptor_multi_write(struct disruptor_multi *multi, const void *events,
			  uint64_t n)
{
	const unsigned char *from = events;
	uint64_t lo = 0, some;
	size_t bytes;
	int err;

	while (n) {
		some = min(n, multi->view.slots);
		err = disruptor_multi_claim(multi, some, &lo);
		if (err)
			return err;
		bytes = some * multi->view.slot_size;
		copy_in(multi->role, disruptor_multi_slot(multi, lo), from,
			bytes);
		disruptor_multi_publish(multi, lo, lo + some);
		from += bytes;
		n -= some;
	}
	return 0;
}

int64_t disruptor_read(struct disruptor_consumer *consumer, void *events,
		       uint64_t n)
{
	struct disruptor_range range;
	int err;

	if (!n || n > INT64_MAX)
		return -EINVAL;
	err = disruptor_wait(consumer, &range);
	if (err)
		return err;
	if (n > range.hi - range.lo)
		n = range.hi - range.lo;
	memcpy(events, disruptor_consumer_slot(consumer, range.lo),
	       n * consumer->view.slot_size);
	disruptor_release(consumer, range.lo + n);
	return n;
}
