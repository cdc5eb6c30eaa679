// SPDX-License-Identifier: MIT
/*
 * Observers: they read behind the producers' backs.
 *
 * A single producer may be writing any slot up to all slots beyond its cursor, for
 * its claims are nobody's business; several claim by moving the cursor.  So an
 * event was read whole if, by the cursor read after the copy, nobody can have been
 * writing the slot that it shares with a later one.
 *
 * Why the cursor is not read too old: whoever writes over an event has before that
 * stored a cursor far enough on, or acquired it from the others who did, and O in
 * the header keeps it so.  selftests/models/observe.pml checks this.
 */
#include <stdlib.h>

#include "internal.h"

#define MOST_LOOKS	64	/* of one call: some producers are faster for ever */

/**
 * struct disruptor_observer - the handle
 * @view: of the ring
 * @next: the first event not yet seen
 * @role: its maps, or its private ring, and how it waits
 */
struct disruptor_observer {
	struct disruptor_view view;
	uint64_t next;
	struct disruptor_role role;
};

static const uint64_t *cursor_of(const struct disruptor_observer *observer)
{
	return __disruptor_counter(&observer->view, DISRUPTOR_SEAT_PRODUCERS);
}

/* The first event that nobody can be writing over, by @cursor. */
static uint64_t oldest(const struct disruptor_view *view, uint64_t cursor)
{
	uint64_t kept = view->index_mask + 1;
	uint64_t written = view->availability ? cursor : cursor + view->slots;

	return written - min(written, kept);
}

/* What is published: up to the first gap, of several producers. */
static uint64_t published(const struct disruptor_observer *observer,
			  uint64_t cursor)
{
	uint64_t gap;

	if (!observer->view.availability)
		return cursor;
	gap = __disruptor_first_gap(&observer->view, observer->next);
	return min(gap, cursor);
}

/* What may be copied as one: [*lo, *hi), cut at what was aborted. */
static void leave_out_aborted(const struct disruptor_view *view, uint64_t *lo,
			      uint64_t *hi)
{
	uint64_t seq;

	while (*lo < *hi && is_aborted(view, *lo))
		++*lo;
	for (seq = *lo; seq < *hi && !is_aborted(view, seq); seq++)
		;
	*hi = seq;
}

/*
 * Somebody may be writing there: the copy is thrown away if so.  Word by word, for
 * ThreadSanitizer must not look, and it looks into memcpy().
 */
__attribute__((no_sanitize("thread")))
static void copy_events(const struct disruptor_view *view, void *events,
			uint64_t lo, uint64_t hi)
{
	const volatile uint32_t *from = __disruptor_slot(view, lo);
	size_t words = (hi - lo) * view->slot_size / sizeof(*from);
	unsigned char *to = events;
	size_t i;

	for (i = 0; i < words; i++) {
		uint32_t word = from[i];

		__builtin_memcpy(to + i * sizeof(word), &word, sizeof(word));
	}
}

/*
 * It has fallen behind so far that events are gone: go on half a ring before the
 * newest, so that it is not overtaken at once again.
 */
static void catch_up(struct disruptor_observer *observer, uint64_t first,
		     uint64_t cursor, uint64_t *missed)
{
	uint64_t half = observer->view.slots / 2;
	uint64_t to = max(first, cursor - min(cursor, half));

	if (observer->next >= first)
		return;
	*missed += to - observer->next;
	observer->next = to;
}

static int nothing_new(const struct disruptor_observer *observer)
{
	bool ended = load_acquire(&observer->view.control->state) &
		     DISRUPTOR_STATE_ENDED;

	return ended && load_acquire(cursor_of(observer)) <= observer->next ?
	       -ENODATA : -EAGAIN;
}

/* Return: how many; 0: none of them was read whole, look again; -EAGAIN. */
static int64_t observe_some(struct disruptor_observer *observer, void *events,
			    uint64_t n, uint64_t *first, uint64_t *missed)
{
	const struct disruptor_view *view = &observer->view;
	uint64_t cursor = load_acquire(cursor_of(observer));
	uint64_t lo, hi, kept;

	catch_up(observer, oldest(view, cursor), cursor, missed);
	lo = observer->next;
	hi = published(observer, cursor);
	if (lo >= hi)
		return -EAGAIN;
	/* A cursor can be anything; a ring is the most that can be there. */
	hi = lo + min(hi - lo, view->slots);
	leave_out_aborted(view, &lo, &hi);
	hi = lo + min(hi - lo, n);
	copy_events(view, events, lo, hi);

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	kept = oldest(view, load_relaxed(cursor_of(observer)));
	if (lo < kept)
		return 0;
	observer->next = hi;
	*first = lo;
	return hi - lo;
}

int64_t disruptor_observe(struct disruptor_observer *observer, void *events,
			  uint64_t n, uint64_t *lo, uint64_t *missed)
{
	unsigned int looks = MOST_LOOKS;
	int64_t some;

	if (!n || n > INT64_MAX)
		return -EINVAL;
	n = min(n, observer->view.slots);
	do {
		some = observe_some(observer, events, n, lo, missed);
	} while (!some && --looks);
	return some > 0 ? some : nothing_new(observer);
}

int64_t disruptor_observe_until(struct disruptor_observer *observer,
				void *events, uint64_t n, uint64_t deadline_ns,
				uint64_t *lo, uint64_t *missed)
{
	struct wait wait;
	int64_t some;
	int err = 0;

	wait_begin(&wait, &observer->role, &observer->view, 0, 1,
		   deadline_ns);
	do {
		some = disruptor_observe(observer, events, n, lo, missed);
		if (some == -EAGAIN)
			err = wait_some(&wait);
	} while (some == -EAGAIN && !err);
	return err ? err : some;
}

/* ---- coming and going ------------------------------------------------------ */

static int map_ring(struct disruptor_observer *observer,
		    struct disruptor_ring *ring)
{
	struct maps *maps = &observer->role.maps;
	struct disruptor_info info = {};
	int err;

	observer->role.fd = -1;
	if (ring->local) {
		private_get(ring->local);
		observer->role.local = ring->local;
		private_view(ring->local, &observer->view);
		return 0;
	}
	err = disruptor_get_info(ring, &info);
	if (!err)
		err = maps_open(maps, ring->fd, &info, NULL);
	if (!err)
		maps_view(maps, &info, &observer->view);
	return err;
}

int disruptor_observer_open(struct disruptor_observer **observer,
			    struct disruptor_ring *ring)
{
	const struct disruptor_wait_strategy strategy = {
		.kind = DISRUPTOR_WAIT_BACKOFF,
	};
	struct disruptor_observer *new = calloc(1, sizeof(*new));
	const struct disruptor_view *view;
	int err;

	if (!new)
		return -ENOMEM;
	waiting_init(&new->role.waiting, &strategy);
	err = map_ring(new, ring);
	if (err) {
		free(new);
		return err;
	}
	view = &new->view;
	if (!view->availability && view->index_mask + 1 < 2 * view->slots) {
		disruptor_observer_close(new);
		return -EOPNOTSUPP;
	}
	new->next = load_acquire(cursor_of(new));
	*observer = new;
	return 0;
}

void disruptor_observer_close(struct disruptor_observer *observer)
{
	if (!observer)
		return;
	if (observer->role.local)
		private_put(observer->role.local);
	maps_close(&observer->role.maps);
	free(observer);
}
