// SPDX-License-Identifier: MIT
/*
 * Concurrency Kit's ck_ring: events are put in place, one by one, and copied out; it
 * has no batches.
 *
 * Several producers publish in the order of their claims, each spinning until those
 * before it have.  Where they share a processor and lose it in between, every event
 * takes a slice of time.
 */
#include <ck_md.h>
#include <ck_ring.h>

#include "queue.h"

struct ring {
	ck_ring_t ring;
	unsigned char events[] __attribute__((aligned(LINE_BYTES)));
};

static int make_ring(struct contest *contest, unsigned int producers, void **queue)
{
	struct ring *ring;

	if (producers > 1 && sched_getscheduler(0) == SCHED_OTHER)
		return contest_refuse(contest, "its producers only spin for one that has lost its processor: run it at a real-time priority");
	if (contest->slots < 4)
		return contest_refuse(contest, "it wants four slots");
	ring = shared_alloc(sizeof(*ring) + contest->slots * contest->size);
	ck_ring_init(&ring->ring, contest->slots);
	*queue = ring;
	return 0;
}

static void drop_ring(struct contest *contest, void *queue)
{
	shared_free(queue, sizeof(struct ring) + contest->slots * contest->size);
}

/*
 * A ring is of one type of events: one for every size.  @sync is spsc or mpsc, what
 * follows is what it needs to remember.
 *
 * CK_RING_ENQUEUE_RESERVE_SPSC() and its like do not compile; what they stand for does.
 */
#define FUNCTIONS(of, sync, ...)						\
	CONTEST_INLINE uint64_t							\
	put_##sync##_##of(void *queue, uint64_t size, uint64_t n,		\
			  queue_fill_fn *fill, void *context)			\
	{									\
		struct ring *ring = queue;					\
		struct message_##of *slots = (void *)ring->events, *slot;	\
		__VA_ARGS__;							\
		uint64_t i;							\
										\
		(void)size;							\
		for (i = 0; i < n; i++) {					\
			slot = RESERVE_##sync(of, &ring->ring, slots);		\
			if (!slot)						\
				break;						\
			fill(context, slot, i);					\
			COMMIT_##sync(&ring->ring);				\
		}								\
		return i;							\
	}									\
										\
	CONTEST_INLINE uint64_t							\
	read_##sync##_##of(void *queue, uint64_t size, void *events,		\
			   uint64_t n)						\
	{									\
		struct ring *ring = queue;					\
										\
		(void)size;							\
		return n && ck_ring_dequeue_##sync##_message_##of(		\
				&ring->ring, (void *)ring->events, events);	\
	}

#define RESERVE_spsc(of, ring, slots)						\
	ck_ring_enqueue_reserve_spsc_message_##of(ring, slots)
#define COMMIT_spsc(ring)	ck_ring_enqueue_commit_spsc(ring)

#define RESERVE_mpsc(of, ring, slots)						\
	ck_ring_enqueue_reserve_mpsc_message_##of(ring, slots, &ticket)
#define COMMIT_mpsc(ring)	ck_ring_enqueue_commit_mpsc(ring, ticket)

#define RING_OF(of, ...)							\
	struct message_##of {							\
		uint64_t words[(of) / 8];					\
	};									\
	CK_RING_PROTOTYPE(message_##of, message_##of)				\
	FUNCTIONS(of, spsc)						\
	FUNCTIONS(of, mpsc, unsigned int ticket)

QUEUE_SOME_SIZES(RING_OF, )

#define KIND(of, sync, is_several)						\
	(&(const struct queue_kind){						\
		.several = is_several,						\
		.make = make_ring,						\
		.drop = drop_ring,						\
		.put = put_##sync##_##of,					\
		.read = read_##sync##_##of,					\
	})
#define SPSC(of)	KIND(of, spsc, false)
#define MPSC(of)	KIND(of, mpsc, true)

QUEUE_FUNCTIONS(ring, QUEUE_SOME_SIZES, SPSC, MPSC)

int main(void)
{
	static const struct contender_way ways[] = {
		QUEUE_WAY("threads", ring, false),
		QUEUE_WAY("processes", ring, true),
	};
	static const struct contender contender = {
		.name = "ck_ring",
		.version = PEER_VERSION,
		.ways = ways,
		.nr_ways = 2,
	};

	return contender_main(&contender);
}
