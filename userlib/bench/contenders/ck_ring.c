// SPDX-License-Identifier: MIT
/*
 * Concurrency Kit's ck_ring: events are put in place, one by one, and copied out; it
 * has no batches.
 *
 * Its ring for several producers is not here: they publish in the order of their claims,
 * each spinning until those before it have.  Where two share a processor, one that loses
 * it in between makes every event after it take a slice of time.
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

	(void)producers;
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
 * A ring is of one type of events: one for every size.
 *
 * CK_RING_ENQUEUE_RESERVE_SPSC() does not compile; what it stands for does.
 */
#define RING_OF(of, ...)							\
	struct message_##of {							\
		uint64_t words[(of) / 8];					\
	};									\
										\
	CK_RING_PROTOTYPE(message_##of, message_##of)				\
										\
	CONTEST_INLINE uint64_t							\
	put_##of(void *queue, uint64_t size, uint64_t n, queue_fill_fn *fill,	\
		 void *context)							\
	{									\
		struct ring *ring = queue;					\
		struct message_##of *slots = (void *)ring->events, *slot;	\
		uint64_t i;							\
										\
		(void)size;							\
		for (i = 0; i < n; i++) {					\
			slot = ck_ring_enqueue_reserve_spsc_message_##of(	\
				&ring->ring, slots);				\
			if (!slot)						\
				break;						\
			fill(context, slot, i);					\
			ck_ring_enqueue_commit_spsc(&ring->ring);		\
		}								\
		return i;							\
	}									\
										\
	CONTEST_INLINE uint64_t							\
	read_##of(void *queue, uint64_t size, void *events, uint64_t n)		\
	{									\
		struct ring *ring = queue;					\
										\
		(void)size;							\
		return n && CK_RING_DEQUEUE_SPSC(message_##of, &ring->ring,	\
						 (void *)ring->events, events);	\
	}

QUEUE_SOME_SIZES(RING_OF, )

#define KIND(of)								\
	(&(const struct queue_kind){						\
		.make = make_ring,						\
		.drop = drop_ring,						\
		.put = put_##of,						\
		.read = read_##of,						\
	})

QUEUE_FUNCTIONS(ring, QUEUE_SOME_SIZES, KIND, KIND)

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
