// SPDX-License-Identifier: MIT
/*
 * moodycamel's queue for several producers, with the tokens and in the bulk that its
 * author advises, and its kin that sleeps.  The events of one producer come in order, those
 * of several have none.
 */
#include <concurrentqueue/blockingconcurrentqueue.h>
#include <concurrentqueue/concurrentqueue.h>
#include <memory>
#include <new>

#include "queue.h"

/* Which producer of its queue a thread is. */
static thread_local unsigned int me;

static int enter(struct contest_side *side)
{
	me = side->contest->shape == SHAPE_THREE_TO_ONE && side->produces ? side->nr : 0;
	return 0;
}

/* Enqueueing never allocates: what is allocated at first has to be enough for all slots. */
struct traits : moodycamel::ConcurrentQueueDefaultTraits {
	static const size_t EXPLICIT_INITIAL_INDEX_SIZE = 4096;
};

#define MAX_SLOTS	(traits::EXPLICIT_INITIAL_INDEX_SIZE / 2 * traits::BLOCK_SIZE)

template <size_t size>
struct message {
	uint64_t words[size / 8];
};

template <class Queue>
struct queue_and_tokens {
	Queue queue;
	std::unique_ptr<moodycamel::ProducerToken> producers[3];
	moodycamel::ConsumerToken consumer;

	queue_and_tokens(const struct contest *contest, unsigned int nr)
		: queue(contest->slots, nr, 0), consumer(queue)
	{
		while (nr--)
			producers[nr].reset(new moodycamel::ProducerToken(queue));
	}
};

template <class Queue, bool sleeps>
static int make_queue(struct contest *contest, unsigned int producers, void **out)
{
	if (contest->slots > MAX_SLOTS)
		return contest_refuse(contest, "is not compiled for so many slots");
	if (sleeps != (contest->wait >= WAIT_BLOCK))
		return contest_refuse(contest, sleeps ? "it is for sleepers" :
						"it puts nobody to sleep");
	*out = new (std::nothrow) queue_and_tokens<Queue>(contest, producers);
	return *out ? 0 : -ENOMEM;
}

template <class Queue>
static void drop_queue(struct contest *, void *at)
{
	delete static_cast<queue_and_tokens<Queue> *>(at);
}

template <class Queue, size_t of>
CONTEST_INLINE uint64_t
write_queue(void *to, uint64_t, const void *events, uint64_t n)
{
	auto at = static_cast<queue_and_tokens<Queue> *>(to);
	auto event = static_cast<const message<of> *>(events);

	if (n == 1)
		return at->queue.try_enqueue(*at->producers[me], *event);
	return at->queue.try_enqueue_bulk(*at->producers[me], event, n) ? n : 0;
}

template <size_t of>
struct plain {
	using queue = moodycamel::ConcurrentQueue<message<of>, traits>;

	CONTEST_INLINE uint64_t read(void *from, uint64_t, void *events, uint64_t n)
	{
		auto at = static_cast<queue_and_tokens<queue> *>(from);

		return at->queue.try_dequeue_bulk(at->consumer,
						  static_cast<message<of> *>(events), n);
	}

	static constexpr struct queue_kind kind = {
		false, true, make_queue<queue, false>, drop_queue<queue>,
		nullptr, write_queue<queue, of>, nullptr, read,
	};
};

template <size_t of>
struct blocking {
	using queue = moodycamel::BlockingConcurrentQueue<message<of>, traits>;

	CONTEST_INLINE uint64_t read(void *from, uint64_t, void *events, uint64_t n)
	{
		auto at = static_cast<queue_and_tokens<queue> *>(from);

		if (!n)
			return 0;
		return at->queue.wait_dequeue_bulk(at->consumer,
						   static_cast<message<of> *>(events), n);
	}

	static constexpr struct queue_kind kind = {
		true, true, make_queue<queue, true>, drop_queue<queue>,
		nullptr, write_queue<queue, of>, nullptr, read,
	};
};

#define PLAIN(of)	(&plain<of>::kind)
#define BLOCKING(of)	(&blocking<of>::kind)

QUEUE_FUNCTIONS(plain, QUEUE_SOME_SIZES, PLAIN, PLAIN)
QUEUE_FUNCTIONS(blocking, QUEUE_SOME_SIZES, BLOCKING, BLOCKING)

int main()
{
	static const struct contender_way ways[] = {
		QUEUE_WAY_WITH("queue", plain, false, enter, nullptr),
		QUEUE_WAY_WITH("blocking", blocking, false, enter, nullptr),
	};
	static const struct contender contender = {
		"concurrentqueue", PEER_VERSION, ways, 2,
	};

	return contender_main(&contender);
}
