// SPDX-License-Identifier: MIT
/*
 * moodycamel's queues for one producer and one consumer: the one that grows, kept from
 * growing, and for who wants to sleep the circular buffer.  They have no batches.
 */
#include <new>
#include <readerwriterqueue/readerwritercircularbuffer.h>
#include <readerwriterqueue/readerwriterqueue.h>

#include "queue.h"

/* Is written where it will be read. */
template <size_t size>
struct message {
	uint64_t words[size / 8];

	message() = default;
	message(queue_fill_fn *fill, void *context, uint64_t i)
	{
		fill(context, words, i);
	}
};

/* ---- one that is kept from growing ---------------------------------------------------- */

template <size_t of>
struct growing {
	using queue = moodycamel::ReaderWriterQueue<message<of>>;

	static int make(struct contest *contest, unsigned int, void **out)
	{
		*out = new (std::nothrow) queue(contest->slots);
		return *out ? 0 : -ENOMEM;
	}

	static void drop(struct contest *, void *at)
	{
		delete static_cast<queue *>(at);
	}

	CONTEST_INLINE uint64_t put(void *to, uint64_t, uint64_t n, queue_fill_fn *fill,
				    void *context)
	{
		uint64_t i;

		for (i = 0; i < n; i++) {
			if (!static_cast<queue *>(to)->try_emplace(fill, context, i))
				break;
		}
		return i;
	}

	CONTEST_INLINE uint64_t take(void *from, uint64_t, uint64_t n, queue_use_fn *use,
				     void *context)
	{
		message<of> *event;
		uint64_t i;

		for (i = 0; i < n; i++) {
			event = static_cast<queue *>(from)->peek();
			if (!event)
				break;
			use(context, event);
			static_cast<queue *>(from)->pop();
		}
		return i;
	}

	static constexpr struct queue_kind kind = {
		false, false, make, drop, put, nullptr, take, nullptr,
	};
};

/* ---- the circular buffer ----------------------------------------------------------------- */

template <size_t of>
struct circular {
	using queue = moodycamel::BlockingReaderWriterCircularBuffer<message<of>>;

	static int make(struct contest *contest, unsigned int, void **out)
	{
		if (contest->wait < WAIT_BLOCK)
			return contest_refuse(contest, "it is for sleepers");
		*out = new (std::nothrow) queue(contest->slots);
		return *out ? 0 : -ENOMEM;
	}

	static void drop(struct contest *, void *at)
	{
		delete static_cast<queue *>(at);
	}

	CONTEST_INLINE uint64_t write(void *to, uint64_t, const void *events, uint64_t n)
	{
		auto event = static_cast<const message<of> *>(events);
		uint64_t i;

		for (i = 0; i < n; i++)
			static_cast<queue *>(to)->wait_enqueue(event[i]);
		return n;
	}

	CONTEST_INLINE uint64_t read(void *from, uint64_t, void *events, uint64_t n)
	{
		if (n)
			static_cast<queue *>(from)->wait_dequeue(
				*static_cast<message<of> *>(events));
		return n > 0;
	}

	static constexpr struct queue_kind kind = {
		true, false, make, drop, nullptr, write, nullptr, read,
	};
};

/* ---- the contender ------------------------------------------------------------------------- */

#define GROWING(of)	(&growing<of>::kind)
#define CIRCULAR(of)	(&circular<of>::kind)

QUEUE_FUNCTIONS(growing, QUEUE_SOME_SIZES, GROWING, GROWING)
QUEUE_FUNCTIONS(circular, QUEUE_SOME_SIZES, CIRCULAR, CIRCULAR)

int main()
{
	static const struct contender_way ways[] = {
		QUEUE_WAY("queue", growing, false),
		QUEUE_WAY("circular", circular, false),
	};
	static const struct contender contender = {
		"readerwriterqueue", PEER_VERSION, ways, 2,
	};

	return contender_main(&contender);
}
