// SPDX-License-Identifier: MIT
/*
 * A ring in shared memory as people write it: two counters, either cached by the other
 * end, and futexes on them.  Who sleeps says so first; so every publish needs a fence
 * before it looks whether somebody does, as every release.
 */
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "array.h"

#define SPINS	1000	/* looks before a sleep, with WAIT_BLOCK */

/* What one end tells the other: how far it is; and whether the other sleeps on that. */
struct counter {
	uint32_t count __attribute__((aligned(LINE_BYTES)));
	uint32_t asleep __attribute__((aligned(LINE_BYTES)));
};

/**
 * struct queue - two counters and what they count
 * @array: the slots
 * @spins: looks before a sleep
 * @sleeps: there is a sleep
 * @published: told by the producer
 * @released: told by the consumer
 * @ends: how far they are
 */
struct queue {
	struct array *array;
	unsigned int spins;
	bool sleeps;
	struct counter published;
	struct counter released;
	struct array_ends ends;
};

static void drop(struct contest *contest, void *at)
{
	struct queue *queue = at;

	array_free(contest, queue->array);
	shared_free(queue, sizeof(*queue));
}

static int make(struct contest *contest, unsigned int producers, void **out)
{
	struct queue *queue;

	(void)producers;
	queue = shared_alloc(sizeof(*queue));
	queue->array = array_alloc(contest);
	queue->sleeps = contest->wait >= WAIT_BLOCK;
	queue->spins = contest->wait == WAIT_BLOCK ? SPINS : 0;
	*out = queue;
	return 0;
}

/* ---- counters -------------------------------------------------------------------- */

static long futex(uint32_t *word, int operation, uint32_t value)
{
	return syscall(SYS_futex, word, operation, value, NULL, NULL, 0);
}

/* The fence pairs with the one in sleep_until_moved(): one of both sees the other. */
CONTEST_INLINE void tell(struct counter *counter, uint32_t count)
{
	store_release(&counter->count, count);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__builtin_expect(load_relaxed(&counter->asleep), 0))
		futex(&counter->count, FUTEX_WAKE, 1);
}

static void sleep_until_moved(struct counter *counter, uint32_t from)
{
	__atomic_store_n(&counter->asleep, 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	while (load_acquire(&counter->count) == from)
		futex(&counter->count, FUTEX_WAIT, from);
	__atomic_store_n(&counter->asleep, 0, __ATOMIC_RELAXED);
}

/* How far @counter is beyond @from; 0 only if the queue does not sleep. */
static uint32_t moved(const struct queue *queue, struct counter *counter, uint32_t from)
{
	uint32_t count = load_acquire(&counter->count);
	unsigned int looks;

	if (count != from || !queue->sleeps)
		return count - from;
	for (looks = 0; looks < queue->spins; looks++) {
		cpu_relax();
		count = load_acquire(&counter->count);
		if (count != from)
			return count - from;
	}
	sleep_until_moved(counter, from);
	return load_acquire(&counter->count) - from;
}

/* ---- the ends ------------------------------------------------------------------------ */

/* Full is where the consumer has released nothing of the last lap. */
static uint64_t look_for_room(struct queue *queue)
{
	uint32_t slots = queue->array->mask + 1;

	return moved(queue, &queue->released, (uint32_t)queue->ends.tail - slots);
}

CONTEST_INLINE void tell_published(struct queue *queue, uint64_t n)
{
	(void)n;
	tell(&queue->published, queue->ends.tail);
}

static uint64_t look_for_events(struct queue *queue)
{
	return moved(queue, &queue->published, queue->ends.head);
}

CONTEST_INLINE void tell_released(struct queue *queue, uint64_t n)
{
	(void)n;
	tell(&queue->released, queue->ends.head);
}

ARRAY_KIND(shared);

#define SHARED(of)	(&shared)

QUEUE_FUNCTIONS(ring, QUEUE_ANY_SIZE, SHARED, SHARED)

int main(void)
{
	static const struct contender_way ways[] = {
		QUEUE_WAY("ring", ring, true),
	};
	static const struct contender contender = {
		.name = "futex",
		.ways = ways,
		.nr_ways = 1,
	};

	return contender_main(&contender);
}
