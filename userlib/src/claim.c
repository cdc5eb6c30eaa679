// SPDX-License-Identifier: MIT
/*
 * Claims that reach the producer's limit.  It is given out in bursts of slots, up to
 * the room that there is known to be, for two things are best done once for several
 * events: reading the counters of others, and getting back what they have read.
 */
#include "internal.h"

/*
 * Between far cores, events of 8 bytes, in millions a second: 256 bytes 166, 512 254,
 * 1024 232, 2048 180.
 */
#define BURST_BYTES	512
#define LINE		64
#define OWN_CACHE	(1 << 20)

/* A slot may hold anything. */
typedef uint32_t __attribute__((may_alias)) word;

/*
 * Lines that are to be written were last read by consumers, so the first store to
 * each waits until these have given it up.  Stores reach memory in their order:
 * while events and the cursor are stored by turns, a processor waits for one line
 * after the other.  For lines that are stored to one right after the other it waits
 * for many at once.  So each is stored to beforehand, what it holds already, for an
 * observer may be reading it.  (A prefetch for writing did nothing, on the
 * processors seen, to a line that others have a copy of.)
 *
 * Nobody else writes there: who came last let go of it before C, or the claim is of
 * one of several producers, which has it alone.
 */
void take_lines(const struct disruptor_role *role, unsigned char *at,
		size_t bytes)
{
	const unsigned char *end = at + bytes;

	if (!role->takes)
		return;
	while (at < end) {
		word *first = (word *)at;

		__atomic_store_n(first, load_relaxed(first), __ATOMIC_RELAXED);
		at += LINE - (uintptr_t)at % LINE;
	}
}

/*
 * A larger ring does not stay in the caches that a producer's and a consumer's
 * processor have to themselves, usually 1 MiB each.  When its lines are written
 * again they have left them, and there is nobody to take them from: between near
 * cores, in ns, taken and not, an event of 8 bytes with rings of 1 MiB 1.66 and 4.3,
 * of 4 MiB 1.49 and 1.38; one of 64 bytes 6.1 and 8.0, and 3.5 and 2.9.
 */
static bool stays_in_caches(const struct disruptor_view *view)
{
	return (view->index_mask + 1) * view->slot_size <= 2 * OWN_CACHE;
}

void claims_init(struct disruptor_role *role, const struct disruptor_view *view)
{
	role->burst = min(max(BURST_BYTES / view->slot_size, 1), view->slots);
	role->takes = stays_in_caches(view);
}

/*
 * What can be claimed, up to here.
 *
 * C: the acquire in here (B) matches the release of consumers (D): they have read
 *    the slots that are claimed from now on.  None has read what is not published,
 *    whatever it says.
 */
static uint64_t find_room(const struct disruptor_producer *producer)
{
	uint64_t gate = __disruptor_lowest(&producer->view,
					   DISRUPTOR_SEAT_PRODUCERS, false, 0);
	uint64_t published = load_relaxed(producer->cursor);

	__disruptor_order_stores(); /* O */
	return min(gate, published) + producer->view.slots;
}

/*
 * Raise the limit so that @n can be claimed; 0, -EAGAIN (no room), -EINVAL (@n).
 */
int __disruptor_more(struct disruptor_producer *producer, uint64_t n)
{
	const struct disruptor_view *view = &producer->view;
	uint64_t burst = producer->role->burst;
	uint64_t next = producer->next;

	if (n - 1 >= view->slots)
		return -EINVAL;
	if (next + n > producer->room) {
		producer->room = find_room(producer);
		if (next + n > producer->room)
			return -EAGAIN;
	}
	producer->limit = min(next + max(n, burst), producer->room);
	take_lines(producer->role, __disruptor_slot(view, next),
		   min((producer->limit - next) * view->slot_size,
		       TAKEN_BYTES));
	return 0;
}
