// SPDX-License-Identifier: MIT
/*
 * Boost.Lockfree: spsc_queue in batches, read in place; for several producers its queue,
 * which takes and gives one at a time and is kept from growing.
 */
#include <boost/lockfree/queue.hpp>
#include <boost/lockfree/spsc_queue.hpp>
#include <new>

#include "queue.h"

template <size_t size>
struct message {
	uint64_t words[size / 8];
};

template <class Queue>
static int make_queue(struct contest *contest, unsigned int, void **queue)
{
	*queue = new (std::nothrow) Queue(contest->slots);
	return *queue ? 0 : -ENOMEM;
}

template <class Queue>
static void drop_queue(struct contest *, void *queue)
{
	delete static_cast<Queue *>(queue);
}

/* ---- one producer ----------------------------------------------------------------- */

template <size_t of>
struct spsc {
	using queue = boost::lockfree::spsc_queue<message<of>>;

	CONTEST_INLINE uint64_t write(void *to, uint64_t, const void *events, uint64_t n)
	{
		auto from = static_cast<const message<of> *>(events);

		if (n == 1)
			return static_cast<queue *>(to)->push(*from);
		return static_cast<queue *>(to)->push(from, n);
	}

	CONTEST_INLINE uint64_t take(void *from, uint64_t, uint64_t, queue_use_fn *use,
				     void *context)
	{
		return static_cast<queue *>(from)->consume_all(
			[=](const message<of> &event) { use(context, &event); });
	}

	CONTEST_INLINE uint64_t read(void *from, uint64_t, void *events, uint64_t n)
	{
		return static_cast<queue *>(from)->pop(
			static_cast<message<of> *>(events), n);
	}

	static constexpr struct queue_kind kind = {
		false, false, make_queue<queue>, drop_queue<queue>,
		nullptr, write, take, read,
	};
};

/* ---- several producers ---------------------------------------------------------------- */

template <size_t of>
struct mpmc {
	using queue = boost::lockfree::queue<message<of>>;

	CONTEST_INLINE uint64_t write(void *to, uint64_t, const void *events, uint64_t n)
	{
		auto from = static_cast<const message<of> *>(events);
		uint64_t i;

		for (i = 0; i < n; i++) {
			if (!static_cast<queue *>(to)->bounded_push(from[i]))
				break;
		}
		return i;
	}

	CONTEST_INLINE uint64_t read(void *from, uint64_t, void *events, uint64_t n)
	{
		auto to = static_cast<message<of> *>(events);
		uint64_t i;

		for (i = 0; i < n; i++) {
			if (!static_cast<queue *>(from)->pop(to[i]))
				break;
		}
		return i;
	}

	static constexpr struct queue_kind kind = {
		false, true, make_queue<queue>, drop_queue<queue>,
		nullptr, write, nullptr, read,
	};
};

/* ---- the contender ----------------------------------------------------------------------- */

#define SPSC(of)	(&spsc<of>::kind)
#define MPMC(of)	(&mpmc<of>::kind)

QUEUE_FUNCTIONS(lockfree, QUEUE_SOME_SIZES, SPSC, MPMC)

int main()
{
	static const struct contender_way ways[] = {
		QUEUE_WAY("lockfree", lockfree, false),
	};
	static const struct contender contender = {
		"boost", PEER_VERSION, ways, 1,
	};

	return contender_main(&contender);
}
