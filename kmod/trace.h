/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: the life of rings and roles, and their sleep.  None is on the hot path,
 * which never enters the kernel.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM disruptor

#if !defined(_DISRUPTOR_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _DISRUPTOR_TRACE_H

#include <linux/tracepoint.h>

#include "internal.h"

/* How a role left; user space's trace readers see these numbers. */
#define DISRUPTOR_LEFT_DETACHED	0
#define DISRUPTOR_LEFT_LOST	1
#define DISRUPTOR_LEFT_EVICTED	2
#define DISRUPTOR_LEFT_UNGATED	3
#define DISRUPTOR_LEFT_EXPIRED	4

TRACE_EVENT(disruptor_create,
	TP_PROTO(const struct disruptor_ring *ring),
	TP_ARGS(ring),
	TP_STRUCT__entry(
		__field(u64, ring)
		__field(u32, slots)
		__field(u32, slot_size)
		__field(u32, consumers)
		__array(char, name, DISRUPTOR_RING_NAME_LEN)
	),
	TP_fast_assign(
		__entry->ring = ring->id;
		__entry->slots = ring->core.geometry.slots;
		__entry->slot_size = ring->core.geometry.slot_size;
		__entry->consumers = ring->core.nr_consumers;
		memcpy(__entry->name, ring->name, DISRUPTOR_RING_NAME_LEN);
	),
	TP_printk("ring=%llu slots=%u slot_size=%u consumers=%u name=%s",
		  __entry->ring, __entry->slots, __entry->slot_size,
		  __entry->consumers, __entry->name)
);

TRACE_EVENT(disruptor_destroy,
	TP_PROTO(const struct disruptor_ring *ring),
	TP_ARGS(ring),
	TP_STRUCT__entry(
		__field(u64, ring)
		__field(u64, cursor)
	),
	TP_fast_assign(
		__entry->ring = ring->id;
		__entry->cursor = READ_ONCE(*disruptor_counter(&ring->core,
						DISRUPTOR_SEAT_PRODUCERS));
	),
	TP_printk("ring=%llu cursor=%llu", __entry->ring, __entry->cursor)
);

TRACE_EVENT(disruptor_abort,
	TP_PROTO(const struct disruptor_ring *ring, u64 events),
	TP_ARGS(ring, events),
	TP_STRUCT__entry(
		__field(u64, ring)
		__field(u64, events)
		__field(u64, below)
	),
	TP_fast_assign(
		__entry->ring = ring->id;
		__entry->events = events;
		__entry->below = ring->core.control->aborted;
	),
	TP_printk("ring=%llu events=%llu below=%llu", __entry->ring,
		  __entry->events, __entry->below)
);

/* What dead workers left; and what of it has gone to another. */
DECLARE_EVENT_CLASS(disruptor_left,
	TP_PROTO(const struct disruptor_ring *ring, unsigned int seat,
		 const struct disruptor_intent *events),
	TP_ARGS(ring, seat, events),
	TP_STRUCT__entry(
		__field(u64, ring)
		__field(u64, lo)
		__field(u64, hi)
		__field(u32, seat)
		__array(char, name, DISRUPTOR_CONSUMER_NAME_LEN)
	),
	TP_fast_assign(
		__entry->ring = ring->id;
		__entry->lo = events->lo;
		__entry->hi = events->hi;
		__entry->seat = seat;
		strscpy(__entry->name, disruptor_seat_name(ring, seat),
			DISRUPTOR_CONSUMER_NAME_LEN);
	),
	TP_printk("ring=%llu seat=%u name=%s lo=%llu hi=%llu", __entry->ring,
		  __entry->seat, __entry->name, __entry->lo, __entry->hi)
);

/* The group's seat; from the first to the last. */
DEFINE_EVENT(disruptor_left, disruptor_orphan,
	TP_PROTO(const struct disruptor_ring *ring, unsigned int seat,
		 const struct disruptor_intent *events),
	TP_ARGS(ring, seat, events)
);

/* The seat of the worker that has them now. */
DEFINE_EVENT(disruptor_left, disruptor_adopt,
	TP_PROTO(const struct disruptor_ring *ring, unsigned int seat,
		 const struct disruptor_intent *events),
	TP_ARGS(ring, seat, events)
);

DECLARE_EVENT_CLASS(disruptor_stands,
	TP_PROTO(const struct disruptor_ring *ring, unsigned int seat,
		 u64 sequence),
	TP_ARGS(ring, seat, sequence),
	TP_STRUCT__entry(
		__field(u64, ring)
		__field(u64, sequence)
		__field(u32, seat)
		__array(char, name, DISRUPTOR_CONSUMER_NAME_LEN)
	),
	TP_fast_assign(
		__entry->ring = ring->id;
		__entry->sequence = sequence;
		__entry->seat = seat;
		strscpy(__entry->name, disruptor_seat_name(ring, seat),
			DISRUPTOR_CONSUMER_NAME_LEN);
	),
	TP_printk("ring=%llu seat=%u name=%s sequence=%llu", __entry->ring,
		  __entry->seat, __entry->name, __entry->sequence)
);

/* Where it goes on. */
DEFINE_EVENT(disruptor_stands, disruptor_attach,
	TP_PROTO(const struct disruptor_ring *ring, unsigned int seat,
		 u64 sequence),
	TP_ARGS(ring, seat, sequence)
);

/* It goes to sleep until its barrier is there. */
DEFINE_EVENT(disruptor_stands, disruptor_wait,
	TP_PROTO(const struct disruptor_ring *ring, unsigned int seat,
		 u64 sequence),
	TP_ARGS(ring, seat, sequence)
);

/* It calls for those who sleep, having come so far. */
DEFINE_EVENT(disruptor_stands, disruptor_wake,
	TP_PROTO(const struct disruptor_ring *ring, unsigned int seat,
		 u64 sequence),
	TP_ARGS(ring, seat, sequence)
);

DECLARE_EVENT_CLASS(disruptor_leave,
	TP_PROTO(const struct disruptor_ring *ring, unsigned int seat, u32 how),
	TP_ARGS(ring, seat, how),
	TP_STRUCT__entry(
		__field(u64, ring)
		__field(u64, sequence)
		__field(u32, seat)
		__field(u32, how)
		__array(char, name, DISRUPTOR_CONSUMER_NAME_LEN)
	),
	TP_fast_assign(
		__entry->ring = ring->id;
		__entry->sequence = READ_ONCE(*disruptor_counter(&ring->core, seat));
		__entry->seat = seat;
		__entry->how = how;
		strscpy(__entry->name, disruptor_seat_name(ring, seat),
			DISRUPTOR_CONSUMER_NAME_LEN);
	),
	TP_printk("ring=%llu seat=%u name=%s sequence=%llu how=%s",
		  __entry->ring, __entry->seat, __entry->name,
		  __entry->sequence,
		  __print_symbolic(__entry->how,
				   { DISRUPTOR_LEFT_DETACHED, "detached" },
				   { DISRUPTOR_LEFT_LOST, "lost" },
				   { DISRUPTOR_LEFT_EVICTED, "evicted" },
				   { DISRUPTOR_LEFT_UNGATED, "ungated" },
				   { DISRUPTOR_LEFT_EXPIRED, "expired" }))
);

/* By DETACH, or by the last close. */
DEFINE_EVENT(disruptor_leave, disruptor_detach,
	TP_PROTO(const struct disruptor_ring *ring, unsigned int seat, u32 how),
	TP_ARGS(ring, seat, how)
);

/*
 * By EVICT; ungated: and the others no longer wait for it; expired: they no longer
 * do, for it has been gone too long.
 */
DEFINE_EVENT(disruptor_leave, disruptor_evict,
	TP_PROTO(const struct disruptor_ring *ring, unsigned int seat, u32 how),
	TP_ARGS(ring, seat, how)
);

#endif /* _DISRUPTOR_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
