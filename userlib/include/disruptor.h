/* SPDX-License-Identifier: MIT */
/*
 * libdisruptor - events from process to process through a ring.
 *
 * Link with -ldisruptor.  Set-up and waiting are functions of the library; the
 * hot path (claim, publish, look, release) is inline, works on mapped memory
 * and never enters the kernel.
 *
 * Conventions, for every function here:
 *
 * - An int result is 0 or a negative errno.  A function that fails changes
 *   nothing, unless it says so.
 * - A sequence counter holds the *next* sequence; ranges are half-open,
 *   [lo, hi).  The first event is 0.  (LMAX stores the last one, from -1.)
 * - A handle belongs to one thread at a time; different handles are independent.
 * - Deadlines are absolute, in nanoseconds of CLOCK_MONOTONIC.
 * - When a role is evicted, its next touch of the ring raises SIGBUS.
 *
 * <linux/disruptor.h> describes the ring, its memory and the flags used here.
 */
#ifndef DISRUPTOR_H
#define DISRUPTOR_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include <linux/disruptor.h>

/* Where the library's own tests can stop or kill a process; nothing for others. */
#ifdef DISRUPTOR_POINTS
#include <disruptor_points.h>
#else
#define __DISRUPTOR_POINT(name)	((void)0)
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define DISRUPTOR_FOREVER	UINT64_MAX

/* libdisruptor-ffi.so has the inline functions as symbols, for other languages. */
#ifndef DISRUPTOR_INLINE
#define DISRUPTOR_INLINE	static inline
#endif

/* What a process is given by its ring fd: created, opened or received. */
struct disruptor_ring;

/* ---- the graph ------------------------------------------------------- */

/**
 * struct disruptor_graph - the consumers of a ring, in the making
 * @nr: how many there are
 * @error: the first error of disruptor_graph_add(), which disruptor_create()
 *	answers; so its result need not be checked call by call
 *
 * Starts as all zeroes.
 */
struct disruptor_graph {
	unsigned int nr;
	int error;
	struct disruptor_consumer_config consumers[DISRUPTOR_MAX_CONSUMERS];
};

/* DISRUPTOR_AFTER("journal", "replicate"): for disruptor_graph_add(). */
#ifdef __cplusplus
extern "C++" {
struct disruptor_names {
	const char *list[DISRUPTOR_MAX_CONSUMERS + 1];
};
}
#define DISRUPTOR_AFTER(...)	(disruptor_names{{__VA_ARGS__, nullptr}}.list)
#else
#define DISRUPTOR_AFTER(...)	((const char *const[]){__VA_ARGS__, NULL})
#endif

/**
 * disruptor_graph_add() - add a consumer
 * @graph: the graph
 * @name: its name, unique in the graph
 * @after: names of the consumers it comes after, NULL at the end; NULL: straight
 *	after the producers
 * @flags: DISRUPTOR_CONSUMER_*
 *
 * Return: its index; -EINVAL (@name is no name, an unknown flag), -EEXIST
 * (@name is taken), -ENOENT (a name of @after is not in the graph), -E2BIG
 * (DISRUPTOR_MAX_CONSUMERS are in it).
 */
int disruptor_graph_add(struct disruptor_graph *graph, const char *name,
			const char *const *after, unsigned int flags);

/**
 * disruptor_graph_expire() - wait for a consumer only so long
 * @graph: the graph
 * @name: a consumer in it, not optional
 * @ms: how long after its holder has gone the others still wait for it, in
 *	milliseconds; 0: for ever
 *
 * Then nothing waits for it until it is back, and it starts at its barrier.
 *
 * Return: 0; -ENOENT (@name is not in the graph), -EINVAL (it is optional).
 */
int disruptor_graph_expire(struct disruptor_graph *graph, const char *name,
			   uint32_t ms);

/**
 * disruptor_graph_workers() - let several share a consumer's events
 * @graph: the graph
 * @name: a consumer in it
 * @workers: how many may be attached at once, up to DISRUPTOR_MAX_WORKERS, each as a
 *	struct disruptor_worker; 0 and 1: it is no group
 *
 * Return: 0; -ENOENT (@name is not in the graph), -EINVAL (@workers).
 */
int disruptor_graph_workers(struct disruptor_graph *graph, const char *name,
			    unsigned int workers);

/* ---- rings ----------------------------------------------------------- */

/*
 * disruptor_config.flags, beside DISRUPTOR_RING_*: a ring over anonymous memory
 * for the threads of this process.  Needs no module and no privilege, and
 * promises neither isolation nor recovery from a crash.
 */
#define DISRUPTOR_PRIVATE	(1U << 31)

/**
 * struct disruptor_config - a ring to be
 * @slots: how many events it holds; a power of two
 * @slot_size: bytes of an event; a multiple of 4
 * @flags: DISRUPTOR_RING_*, DISRUPTOR_PRIVATE
 * @producers: how many may be attached at once; 0 and 1: one, with struct
 *	disruptor_producer; more, up to DISRUPTOR_MAX_PRODUCERS: with struct
 *	disruptor_multi
 * @mode: permission bits if named, less the umask: r may consume and observe, w may
 *	produce
 * @name: NULL for an unnamed ring; a private ring has no name
 * @node: with DISRUPTOR_RING_NODE, the NUMA node of its memory; else 0
 * @graph: its consumers
 *
 * Members not set must be zero.
 */
struct disruptor_config {
	uint32_t slots;
	uint32_t slot_size;
	unsigned int flags;
	unsigned int producers;
	mode_t mode;
	const char *name;
	unsigned int node;
	struct disruptor_graph graph;
};

/**
 * disruptor_create() - make a ring
 * @ring: out: the ring, with all access; disruptor_close() it
 * @config: what to make
 *
 * Return: 0, the error of @config->graph, those of DISRUPTOR_IOC_CREATE, those
 * of opening /dev/disruptor (-ENOENT: the module is not loaded), -EOPNOTSUPP (a
 * consumer of a private ring does not expire).
 */
int disruptor_create(struct disruptor_ring **ring,
		     const struct disruptor_config *config);

/**
 * disruptor_open() - open a named ring
 * @ring: out: the ring; disruptor_close() it
 * @name: its name
 * @access: DISRUPTOR_ACCESS_*
 *
 * Return: 0, those of DISRUPTOR_IOC_OPEN, those of opening /dev/disruptor.
 */
int disruptor_open(struct disruptor_ring **ring, const char *name,
		   unsigned int access);

/**
 * disruptor_ring_from_fd() - use a ring fd, inherited or received over a socket
 * @ring: out: the ring, which owns @fd from now on
 * @fd: the ring fd
 *
 * Return: 0, -EINVAL (@fd is not a ring fd), -EBADF, -ENOMEM.
 */
int disruptor_ring_from_fd(struct disruptor_ring **ring, int fd);

/* Give @ring back.  Roles attached through it stay. */
void disruptor_close(struct disruptor_ring *ring);

/* Free the name of a ring; the ring lives on until its last fd is gone. */
int disruptor_unlink(const char *name);

/* The ring fd, owned by @ring; -EOPNOTSUPP for a private ring. */
int disruptor_ring_fileno(const struct disruptor_ring *ring);

/**
 * disruptor_get_info() - geometry, names and graph
 * @ring: the ring
 * @info: out; its @consumers, @nr_consumers, and nothing else, are also in
 *
 * Return: 0, those of DISRUPTOR_IOC_INFO.
 */
int disruptor_get_info(const struct disruptor_ring *ring,
		       struct disruptor_info *info);

/**
 * disruptor_get_stats() - sequences, holders and counts
 * @ring: the ring
 * @stats: out; its @seats, @nr_seats, and nothing else, are also in
 *
 * Return: 0, those of DISRUPTOR_IOC_STATS.
 */
int disruptor_get_stats(const struct disruptor_ring *ring,
			struct disruptor_stats *stats);

/**
 * disruptor_evict() - take a role away from who holds it
 * @ring: the ring
 * @name: the consumer's name; NULL: the producer
 * @flags: DISRUPTOR_EVICT_*
 *
 * Return: 0, those of DISRUPTOR_IOC_EVICT, -EOPNOTSUPP (a private ring can take
 * no pages back; with DISRUPTOR_EVICT_UNGATE it can be told not to wait for a
 * consumer that nobody holds).
 */
int disruptor_evict(struct disruptor_ring *ring, const char *name,
		    unsigned int flags);

/* Likewise, the producer whose index this is: ATTACH and INFO tell it. */
int disruptor_evict_producer(struct disruptor_ring *ring, unsigned int index);

/* Likewise, one worker of a group.  With UNGATE disruptor_evict() takes them all. */
int disruptor_evict_worker(struct disruptor_ring *ring, const char *name,
			   unsigned int worker);

/* ---- how to wait ------------------------------------------------------ */

enum disruptor_wait_kind {
	DISRUPTOR_WAIT_BLOCK,		/* spin for a moment, then sleep until woken; the default */
	DISRUPTOR_WAIT_BACKOFF,		/* spin, then yield, then sleep ever longer */
	DISRUPTOR_WAIT_SPIN,		/* a core of its own: the lowest latency */
	DISRUPTOR_WAIT_YIELD,		/* spin a little, then give the core to others */
};

/**
 * struct disruptor_wait_strategy - how a handle waits
 * @kind: which
 * @spins: BLOCK, YIELD, BACKOFF: looks before the first sleep or yield
 * @yields: BACKOFF: yields before the first sleep
 * @sleep_for: BLOCK: how many events a consumer, how much room a producer sleeps
 *	for, if that is more than the call needs; so that a producer can sleep
 *	until a quarter of the ring is free instead of waking for every slot
 * @max_sleep_ns: BACKOFF: the longest sleep; sleeps start at 1 us and double.  BLOCK:
 *	likewise, while a claim finds DISRUPTOR_MAX_WAIT_AHEAD free and needs more
 *
 * A 0 means the default.  How one end of the ring waits costs the other nothing
 * while it is awake: publishing pays one compare in either case, and a system
 * call for a sleeper whose target it meets.
 *
 * Who sleeps for more than it needs has to be sure that the others need nothing
 * from it before.
 */
struct disruptor_wait_strategy {
	enum disruptor_wait_kind kind;
	uint32_t spins;
	uint32_t yields;
	uint32_t sleep_for;
	uint64_t max_sleep_ns;
};

/* ---- the handles ------------------------------------------------------- */

/*
 * A counter, where it lies: in 32 bits a uint64_t need not be aligned, and clang has
 * libatomic load one that it does not know to be.
 */
typedef uint64_t __disruptor_u64 __attribute__((aligned(8)));

/*
 * What all handles see of the ring.  Read by the inline functions; nobody
 * else should.
 */
struct disruptor_view {
	unsigned char *events;
	uint64_t index_mask;
	uint64_t slots;
	uint64_t slot_size;
	const unsigned char *sequences;
	uint64_t page_size;
	const struct disruptor_control *control;
	const uint32_t *availability;	/* NULL: there is one producer at a time */
	uint64_t consumers;		/* bit i: there is a consumer i */
	uint32_t lap_shift;
};

/* A producer: made by disruptor_producer_attach(), the members are private. */
struct disruptor_producer {
	uint64_t next;			/* first sequence not claimed */
	uint64_t limit;			/* sequences below it are there to be claimed */
	uint64_t room;			/* sequences below it are known to have room */
	__disruptor_u64 *cursor;
	const struct disruptor_publisher *told;
	struct disruptor_view view;
	struct disruptor_role *role;	/* what only the library knows */
};

/* A consumer: made by disruptor_consumer_attach(), the members are private. */
struct disruptor_consumer {
	uint64_t next;			/* first sequence not released */
	uint64_t available;		/* sequences below it are there to be handled */
	__disruptor_u64 *sequence;
	const struct disruptor_publisher *told;
	struct disruptor_view view;
	uint32_t seat;
	uint32_t halted;		/* disruptor_halt() was called */
	struct disruptor_role *role;	/* what only the library knows */
};

/* The events [lo, hi). */
struct disruptor_range {
	uint64_t lo;
	uint64_t hi;
};

/**
 * disruptor_producer_attach() - become the producer
 * @producer: out: the handle; disruptor_producer_detach() it
 * @ring: the ring; may be closed while the handle is in use
 *
 * Return: 0, -EINVAL (there may be several: disruptor_multi_attach()), those of
 * DISRUPTOR_IOC_ATTACH, those of mmap(2).
 */
int disruptor_producer_attach(struct disruptor_producer **producer,
			      struct disruptor_ring *ring);

/*
 * Use a producer fd received over a socket; the handle owns it from now on.
 * -EINVAL: not a producer fd; -EBUSY: another process has its maps; -ESTALE; -EBADF;
 * -ENOMEM.
 */
int disruptor_producer_from_fd(struct disruptor_producer **producer, int fd);

/* Give the role back.  What was claimed and not published was never there. */
void disruptor_producer_detach(struct disruptor_producer *producer);

/*
 * Likewise, and the stream ends here: consumers drain it and see -ENODATA, even
 * on a ring that outlives its producers.
 */
void disruptor_producer_end(struct disruptor_producer *producer);

/* Choose how the producer waits for room; -EINVAL: no such kind. */
int disruptor_producer_set_wait(struct disruptor_producer *producer,
				const struct disruptor_wait_strategy *strategy);

/* The role fd, owned by the handle; -EOPNOTSUPP for a private ring. */
int disruptor_producer_fileno(const struct disruptor_producer *producer);

/**
 * disruptor_consumer_attach() - become a consumer
 * @consumer: out: the handle; disruptor_consumer_detach() it
 * @ring: the ring; may be closed while the handle is in use
 * @name: the consumer's name in the graph
 *
 * A required consumer goes on where the last holder of the name stopped.  An
 * optional one starts at its barrier: at the cursor, or at the lowest of the
 * consumers it comes after.
 *
 * Return: 0, -EINVAL (it is a group: disruptor_worker_attach()), those of
 * DISRUPTOR_IOC_ATTACH, those of mmap(2).
 */
int disruptor_consumer_attach(struct disruptor_consumer **consumer,
			      struct disruptor_ring *ring, const char *name);

/*
 * Use a consumer fd received over a socket; the handle owns it from now on.
 * -EINVAL: not a consumer fd; -EBUSY: another process has its maps; -ESTALE; -EBADF;
 * -ENOMEM.
 */
int disruptor_consumer_from_fd(struct disruptor_consumer **consumer, int fd);

/* Give the role back.  What was not released comes again to the next holder. */
void disruptor_consumer_detach(struct disruptor_consumer *consumer);

/* Choose how the consumer waits for events; -EINVAL: no such kind. */
int disruptor_consumer_set_wait(struct disruptor_consumer *consumer,
				const struct disruptor_wait_strategy *strategy);

/* The role fd, owned by the handle; -EOPNOTSUPP for a private ring. */
int disruptor_consumer_fileno(const struct disruptor_consumer *consumer);

/* ---- sequences, shared ------------------------------------------------- */

/*
 * Before slots are written again.  O: what this thread stored in the cursor is
 * seen no later than what it writes next, so that an observer that reads the one
 * after the other knows what may be overwritten.  On x86 stores are seen in order.
 */
DISRUPTOR_INLINE void
__disruptor_order_stores(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__atomic_signal_fence(__ATOMIC_RELEASE);
#else
	__atomic_thread_fence(__ATOMIC_RELEASE);
#endif
}

/* The counter of a seat. */
DISRUPTOR_INLINE const __disruptor_u64 *
__disruptor_counter(const struct disruptor_view *view, unsigned int seat)
{
	return (const __disruptor_u64 *)(view->sequences +
					 seat * view->page_size +
					 DISRUPTOR_COUNTER_OFFSET(seat));
}

/*
 * Of several producers: the first sequence from @from on that is not published, or
 * the one that lies all slots further.
 *
 * K: load-acquire of each lap, matches the store-release of whoever published the
 *    event, or of the kernel that aborted it.
 */
DISRUPTOR_INLINE uint64_t
__disruptor_first_gap(const struct disruptor_view *view, uint64_t from)
{
	const uint32_t *laps = view->availability;
	uint32_t lap = DISRUPTOR_LAP(from, view->lap_shift);
	uint64_t at = from & view->index_mask;
	uint64_t end = from + view->slots;

	for (; from != end; from++) {
		if ((__atomic_load_n(&laps[at], __ATOMIC_ACQUIRE) /* K */ &
		     DISRUPTOR_LAP_MASK) != lap)
			break;
		if (at++ == view->index_mask) {
			at = 0;
			lap = (lap + 1) & DISRUPTOR_LAP_MASK;
		}
	}
	return from;
}

/* What is published: all of it below the cursor, or up to the first gap. */
DISRUPTOR_INLINE uint64_t
__disruptor_published(const struct disruptor_view *view, bool gaps,
		      uint64_t from)
{
	if (gaps && view->availability)
		return __disruptor_first_gap(view, from);
	return __atomic_load_n(__disruptor_counter(view,
						   DISRUPTOR_SEAT_PRODUCERS),
			       __ATOMIC_ACQUIRE); /* B */
}

/* The second look, see below. */
DISRUPTOR_INLINE bool
__disruptor_is_epoch(const struct disruptor_control *control, uint64_t epoch)
{
	return __atomic_load_n(&control->epoch, __ATOMIC_RELAXED) == epoch;
}

/*
 * The lowest of the sequences that @seat waits on; for the producers with no
 * gating sequence, and for a consumer straight after them, what is published.
 * Where there may be several producers, @gaps: look for them, from @from on.
 *
 * A: load-acquire of the epoch, matches the store-release in
 *    set_present() of kmod/membership.c: a mask is at least as new as the epoch
 *    read before it.
 * A': load-acquire of the mask, matches the store-release there: a consumer that
 *    is missing from it has done its last reads, though its counter never said so.
 * B: load-acquire of each sequence, matches the store-release of its owner
 *    (D): what its owner did to those events has been done.  And it keeps the
 *    second look at the epoch behind it.
 * The second look: whoever used an old mask and finds the epoch unmoved has read
 * its sequences before the barrier that the kernel makes all CPUs pass, so the
 * result is no higher than where the kernel then lets a joiner start.
 */
DISRUPTOR_INLINE uint64_t
__disruptor_lowest(const struct disruptor_view *view, unsigned int seat,
		   bool gaps, uint64_t from)
{
	const struct disruptor_control *control = view->control;
	uint64_t epoch, mask, lowest, seq;

	for (;;) {
		epoch = __atomic_load_n(&control->epoch, __ATOMIC_ACQUIRE); /* A */
		mask = __atomic_load_n(&control->seat[seat].waits_on,
				       __ATOMIC_ACQUIRE) /* A' */ &
		       view->consumers;
		if (!mask) {
			lowest = __disruptor_published(view, gaps, from);
			if (__disruptor_is_epoch(control, epoch))
				return lowest;
			from = lowest;	/* so much stays published */
			continue;
		}
		lowest = UINT64_MAX;
		do {
			seq = __atomic_load_n(
				__disruptor_counter(view,
					DISRUPTOR_SEAT_CONSUMER(
						__builtin_ctzll(mask))),
				__ATOMIC_ACQUIRE); /* B */
			if (seq < lowest)
				lowest = seq;
			mask &= mask - 1;
		} while (mask);
		if (__disruptor_is_epoch(control, epoch))
			return lowest;
	}
}

/*
 * An index is always sequence & mask, and a consumer one that there is: nothing that
 * others write leaves the mapping.
 */
DISRUPTOR_INLINE void *
__disruptor_slot(const struct disruptor_view *view, uint64_t seq)
{
	return view->events + (seq & view->index_mask) * view->slot_size;
}

/* Eight bytes, wherever they lie; volatile: not to be made one of more. */
struct __disruptor_word {
	uint64_t word;
} __attribute__((packed, may_alias));

DISRUPTOR_INLINE void
__disruptor_copy_words(void *to, const void *from, unsigned int nr)
{
	volatile struct __disruptor_word *at =
		(volatile struct __disruptor_word *)to;
	const volatile struct __disruptor_word *event =
		(const volatile struct __disruptor_word *)from;

#pragma GCC unroll 8
	while (nr--)
		at[nr].word = event[nr].word;
}

/* Has @from so many words?  Where the compiler knows that it has not, it need not warn. */
DISRUPTOR_INLINE bool
__disruptor_is(uint64_t size, uint64_t words, const void *from)
{
	return size == 8 * words &&
	       __builtin_object_size(from, 0) >= 8 * words;
}

/*
 * One event.  Of the sizes that most have, by words: so its caller has just stored
 * it, and a wider load would wait for those stores to reach the cache.
 */
DISRUPTOR_INLINE void
__disruptor_copy(void *to, const void *from, uint64_t size)
{
	if (__disruptor_is(size, 1, from))
		memcpy(to, from, 8);
	else if (__disruptor_is(size, 2, from))
		__disruptor_copy_words(to, from, 2);
	else if (__disruptor_is(size, 4, from))
		__disruptor_copy_words(to, from, 4);
	else if (__disruptor_is(size, 8, from))
		__disruptor_copy_words(to, from, 8);
	else
		memcpy(to, from, size);
}

/* Not for callers: somebody may be asleep who waits for @hi, or a fence is due. */
void __disruptor_wake(struct disruptor_role *role, uint64_t hi);

/*
 * After what is below @hi was published: wake whoever sleeps for it.
 *
 * H: no barrier here between that store and the load of look_at.  Whoever goes to
 *    sleep lowers look_at first, then has this thread pass a barrier or finds it
 *    told to fence, and then looks at what is published (G in kmod/waiters.c):
 *    either it finds that store, or this finds look_at lowered.  The compiler is
 *    kept from exchanging the two.
 */
DISRUPTOR_INLINE void
__disruptor_look_for_sleepers(const struct disruptor_publisher *told,
			      struct disruptor_role *role, uint64_t hi)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST); /* H */
	if (__builtin_expect(hi >= __atomic_load_n(&told->look_at,
						   __ATOMIC_RELAXED), 0))
		__disruptor_wake(role, hi);
}

/*
 * Store a counter, and wake whoever sleeps for it.
 *
 * D: store-release, matches B: what its owner did to the events below @hi is done.
 */
DISRUPTOR_INLINE void
__disruptor_publish(__disruptor_u64 *counter,
		    const struct disruptor_publisher *told,
		    struct disruptor_role *role, uint64_t hi)
{
	__atomic_store_n(counter, hi, __ATOMIC_RELEASE); /* D */
	__DISRUPTOR_POINT(COUNTER_STORED);
	__disruptor_look_for_sleepers(told, role, hi);
}

/* ---- produce ------------------------------------------------------------ */

/* Not for callers: claims that reach the limit, or that found the ring full. */
int __disruptor_more(struct disruptor_producer *producer, uint64_t n);
int __disruptor_claim_wait(struct disruptor_producer *producer, uint64_t n,
			   uint64_t deadline_ns, uint64_t *lo);

/**
 * disruptor_try_claim() - claim the next @n sequences if there is room
 * @producer: the handle
 * @n: how many; 1 to the slots of the ring
 * @lo: out: the claim is [*lo, *lo + n)
 *
 * The slots of a claim lie back to back, wherever the ring wraps: the slot of
 * *lo is an array of @n.
 *
 * Return: 0, -EAGAIN (no room), -EINVAL (@n).
 */
DISRUPTOR_INLINE int
disruptor_try_claim(struct disruptor_producer *producer, uint64_t n,
		    uint64_t *lo)
{
	__DISRUPTOR_POINT(CLAIM);
	/* The next is never above the limit.  0 is for the other to refuse. */
	if (__builtin_expect(n - 1 >= producer->limit - producer->next, 0)) {
		int err = __disruptor_more(producer, n);

		if (__builtin_expect(err, 0))
			return err;
	}
	*lo = producer->next;
	producer->next += n;
	__DISRUPTOR_POINT(CLAIMED);
	return 0;
}

/**
 * disruptor_claim_until() - claim the next @n sequences, wait for room
 * @producer: the handle
 * @n: how many; 1 to the slots of the ring
 * @deadline_ns: when to give up; DISRUPTOR_FOREVER: never
 * @lo: out: the claim is [*lo, *lo + n)
 *
 * Return: 0, -ETIMEDOUT, -EINVAL (@n, or room for it can never come: so much is
 * claimed and not published), -ESTALE (the role was evicted).
 */
DISRUPTOR_INLINE int
disruptor_claim_until(struct disruptor_producer *producer, uint64_t n,
		      uint64_t deadline_ns, uint64_t *lo)
{
	int err = disruptor_try_claim(producer, n, lo);

	if (__builtin_expect(err == -EAGAIN, 0)) {
		uint64_t first = 0;	/* so that *lo can stay in a register */

		err = __disruptor_claim_wait(producer, n, deadline_ns, &first);
		if (!err)
			*lo = first;
	}
	return err;
}

/* Claim the next @n sequences, wait for room as long as it takes. */
DISRUPTOR_INLINE int
disruptor_claim(struct disruptor_producer *producer, uint64_t n, uint64_t *lo)
{
	return disruptor_claim_until(producer, n, DISRUPTOR_FOREVER, lo);
}

/* The slot of a claimed sequence: slot_size bytes, to be written. */
DISRUPTOR_INLINE void *
disruptor_producer_slot(const struct disruptor_producer *producer, uint64_t seq)
{
	return __disruptor_slot(&producer->view, seq);
}

/**
 * disruptor_publish() - make events visible to the consumers
 * @producer: the handle
 * @lo: first of them: the first claimed and not yet published
 * @hi: end of them; what is claimed from there on stays claimed
 */
DISRUPTOR_INLINE void
disruptor_publish(struct disruptor_producer *producer, uint64_t lo, uint64_t hi)
{
	(void)lo;
	__DISRUPTOR_POINT(PUBLISH);
	__disruptor_publish(producer->cursor, producer->told, producer->role, hi);
}

/**
 * disruptor_publish_one() - claim, copy and publish one event
 * @producer: the handle
 * @event: slot_size bytes
 *
 * Return: 0; waits for room as disruptor_claim() does.
 */
DISRUPTOR_INLINE int
disruptor_publish_one(struct disruptor_producer *producer, const void *event)
{
	uint64_t lo;
	int err = disruptor_claim(producer, 1, &lo);

	if (__builtin_expect(err, 0))
		return err;
	__disruptor_copy(disruptor_producer_slot(producer, lo), event,
			 producer->view.slot_size);
	disruptor_publish(producer, lo, lo + 1);
	return 0;
}

/**
 * disruptor_write() - copy a batch into the ring
 * @producer: the handle
 * @events: array of @n events of slot_size bytes
 * @n: how many; more than the ring holds go in by parts
 *
 * Return: 0; waits for room as disruptor_claim() does.
 */
int disruptor_write(struct disruptor_producer *producer, const void *events,
		    uint64_t n);

/* ---- produce, one of several -------------------------------------------- */

/*
 * One of several producers: made by disruptor_multi_attach(), the members are
 * private.  It has one claim at a time.  Producers publish out of order and never
 * wait for one another; consumers read up to the first gap.
 */
struct disruptor_multi {
	uint64_t limit;			/* sequences below it are known to have room */
	uint64_t unpublished;		/* of the claim */
	__disruptor_u64 *cursor;	/* what is claimed, by anybody */
	struct disruptor_intent *intent;
	uint32_t *availability;
	const struct disruptor_publisher *told;
	struct disruptor_view view;
	struct disruptor_role *role;	/* what only the library knows */
};

/**
 * disruptor_multi_attach() - become one of several producers
 * @multi: out: the handle; disruptor_multi_detach() it
 * @ring: the ring, made for several; may be closed while the handle is in use
 *
 * Return: 0, -EINVAL (there may be only one: disruptor_producer_attach()), -EBUSY
 * (so many are attached as may be), those of DISRUPTOR_IOC_ATTACH, those of
 * mmap(2).
 */
int disruptor_multi_attach(struct disruptor_multi **multi,
			   struct disruptor_ring *ring);

/*
 * Use a producer fd received over a socket; the handle owns it from now on.
 * -EINVAL: not an fd of one of several producers; -EBUSY: another process has its
 * maps; -ESTALE; -EBADF; -ENOMEM.
 */
int disruptor_multi_from_fd(struct disruptor_multi **multi, int fd);

/* Give the role back.  What was claimed and not published is skipped by all. */
void disruptor_multi_detach(struct disruptor_multi *multi);

/*
 * Likewise, and if it was the last, the stream ends here, even on a ring that
 * outlives its producers.
 */
void disruptor_multi_end(struct disruptor_multi *multi);

/* Choose how it waits for room; -EINVAL: no such kind. */
int disruptor_multi_set_wait(struct disruptor_multi *multi,
			     const struct disruptor_wait_strategy *strategy);

/* The role fd, owned by the handle; -EOPNOTSUPP for a private ring. */
int disruptor_multi_fileno(const struct disruptor_multi *multi);

/* Not for callers: claims that found the ring full, or the limit reached. */
bool __disruptor_multi_room(struct disruptor_multi *multi, uint64_t hi);
int __disruptor_multi_claim_wait(struct disruptor_multi *multi, uint64_t n,
				 uint64_t deadline_ns, uint64_t *lo);

/**
 * disruptor_multi_try_claim() - claim the next @n sequences if there is room
 * @multi: the handle
 * @n: how many; 1 to the slots of the ring
 * @lo: out: the claim is [*lo, *lo + n); its slots lie back to back
 *
 * The intent is stored before the cursor is moved (I: the release in the
 * exchange), so that who reads a cursor beyond a slot knows who may own it; and after
 * the laps of the last claim (L): see kmod/claims.c.
 *
 * Return: 0, -EAGAIN (no room), -EINVAL (@n), -EBUSY (the last claim is not yet
 * published).
 */
DISRUPTOR_INLINE int
disruptor_multi_try_claim(struct disruptor_multi *multi, uint64_t n,
			  uint64_t *lo)
{
	uint64_t next;

	if (__builtin_expect(n - 1 >= multi->view.slots, 0))
		return -EINVAL;
	if (__builtin_expect(multi->unpublished != 0, 0))
		return -EBUSY;
	next = __atomic_load_n(multi->cursor, __ATOMIC_RELAXED);
	do {
		__DISRUPTOR_POINT(MULTI_CLAIM);
		if (__builtin_expect(next + n > multi->limit, 0) &&
		    !__disruptor_multi_room(multi, next + n))
			return -EAGAIN;
		__atomic_store_n(&multi->intent->lo, next, __ATOMIC_RELEASE); /* L */
		__DISRUPTOR_POINT(MULTI_INTENT_LO);
		__atomic_store_n(&multi->intent->hi, next + n, __ATOMIC_RELAXED);
		__DISRUPTOR_POINT(MULTI_INTENT);
	} while (!__atomic_compare_exchange_n(multi->cursor, &next, next + n,
					      false, __ATOMIC_ACQ_REL,
					      __ATOMIC_RELAXED)); /* I */
	__disruptor_order_stores(); /* O */
	__DISRUPTOR_POINT(MULTI_CLAIMED);
	multi->unpublished = n;
	*lo = next;
	return 0;
}

/*
 * Claim the next @n sequences, wait for room until @deadline_ns.
 * Return: as disruptor_multi_try_claim(), -ETIMEDOUT for -EAGAIN; -ESTALE.
 */
DISRUPTOR_INLINE int
disruptor_multi_claim_until(struct disruptor_multi *multi, uint64_t n,
			    uint64_t deadline_ns, uint64_t *lo)
{
	int err = disruptor_multi_try_claim(multi, n, lo);

	if (__builtin_expect(err == -EAGAIN, 0)) {
		uint64_t first = 0;	/* so that *lo can stay in a register */

		err = __disruptor_multi_claim_wait(multi, n, deadline_ns,
						   &first);
		if (!err)
			*lo = first;
	}
	return err;
}

/* Claim the next @n sequences, wait for room as long as it takes. */
DISRUPTOR_INLINE int
disruptor_multi_claim(struct disruptor_multi *multi, uint64_t n, uint64_t *lo)
{
	return disruptor_multi_claim_until(multi, n, DISRUPTOR_FOREVER, lo);
}

/* The slot of a claimed sequence: slot_size bytes, to be written. */
DISRUPTOR_INLINE void *
disruptor_multi_slot(const struct disruptor_multi *multi, uint64_t seq)
{
	return __disruptor_slot(&multi->view, seq);
}

/**
 * disruptor_multi_publish() - make events visible to the consumers
 * @multi: the handle
 * @lo: first of them, in the claim
 * @hi: end of them; what else is in the claim stays claimed
 *
 * K: each lap is stored with release: its slot is written.
 * J: the intent is cleared with release: whoever reads it so reads the laps.
 */
DISRUPTOR_INLINE void
disruptor_multi_publish(struct disruptor_multi *multi, uint64_t lo, uint64_t hi)
{
	uint64_t mask = multi->view.index_mask;
	uint32_t lap = DISRUPTOR_LAP(lo, multi->view.lap_shift);
	uint32_t *laps = multi->availability;
	uint64_t at = lo & mask;
	uint64_t left;

	__DISRUPTOR_POINT(MULTI_PUBLISH);
	for (left = hi - lo; left; left--) {
		__atomic_store_n(&laps[at], lap, __ATOMIC_RELEASE); /* K */
		__DISRUPTOR_POINT(MULTI_LAP);
		if (at++ == mask) {
			at = 0;
			lap = (lap + 1) & DISRUPTOR_LAP_MASK;
		}
	}
	__DISRUPTOR_POINT(MULTI_LAPS);
	multi->unpublished -= hi - lo;
	if (!multi->unpublished)
		__atomic_store_n(&multi->intent->hi, 0, __ATOMIC_RELEASE); /* J */
	__DISRUPTOR_POINT(MULTI_CLEARED);
	__disruptor_look_for_sleepers(multi->told, multi->role, hi);
}

/* Claim, copy and publish one event of slot_size bytes. */
DISRUPTOR_INLINE int
disruptor_multi_publish_one(struct disruptor_multi *multi, const void *event)
{
	uint64_t lo = 0;
	int err = disruptor_multi_claim(multi, 1, &lo);

	if (__builtin_expect(err, 0))
		return err;
	__disruptor_copy(disruptor_multi_slot(multi, lo), event,
			 multi->view.slot_size);
	disruptor_multi_publish(multi, lo, lo + 1);
	return 0;
}

/**
 * disruptor_multi_write() - copy a batch into the ring
 * @multi: the handle
 * @events: array of @n events of slot_size bytes
 * @n: how many; more than the ring holds go in by parts, and others' events may
 *	come between these
 *
 * Return: 0, -EBUSY, -ESTALE; waits for room as disruptor_multi_claim() does.
 */
int disruptor_multi_write(struct disruptor_multi *multi, const void *events,
			  uint64_t n);

/* ---- consume ------------------------------------------------------------ */

/* Not for callers: all that was available is released, or nothing is. */
int __disruptor_consumer_look(struct disruptor_consumer *consumer);
int __disruptor_consumer_wait(struct disruptor_consumer *consumer,
			      uint64_t deadline_ns,
			      struct disruptor_range *range);

/**
 * disruptor_try_wait() - the events that are there
 * @consumer: the handle
 * @range: out: at least one event, all not yet released
 *
 * The slots of a range lie back to back, wherever the ring wraps: the slot of
 * @range->lo is an array.  Events that a producer died over are in no range: the
 * next one begins behind them.
 *
 * Return: 0, -EAGAIN (none), -ENODATA (end of the stream: all are consumed and no
 * producer is left), -EBADMSG (a sequence that this consumer waits on is more
 * than the ring ahead: its writer is broken).
 */
DISRUPTOR_INLINE int
disruptor_try_wait(struct disruptor_consumer *consumer,
		   struct disruptor_range *range)
{
	if (__builtin_expect(consumer->next == consumer->available, 0)) {
		int err = __disruptor_consumer_look(consumer);

		if (__builtin_expect(err, 0))
			return err;
	}
	range->lo = consumer->next;
	range->hi = consumer->available;
	return 0;
}

/**
 * disruptor_wait_until() - wait for events
 * @consumer: the handle
 * @deadline_ns: when to give up; DISRUPTOR_FOREVER: never
 * @range: out: at least one event, all not yet released
 *
 * Return: 0, -ETIMEDOUT, -ECANCELED (disruptor_halt()), -ESTALE (the role was
 * evicted), and as disruptor_try_wait() but -EAGAIN.
 */
DISRUPTOR_INLINE int
disruptor_wait_until(struct disruptor_consumer *consumer, uint64_t deadline_ns,
		     struct disruptor_range *range)
{
	/* Halted: also when events never run out. */
	if (__builtin_expect(consumer->next == consumer->available ||
			     __atomic_load_n(&consumer->halted,
					     __ATOMIC_RELAXED), 0)) {
		struct disruptor_range found = { 0, 0 };	/* as above */
		int err = __disruptor_consumer_wait(consumer, deadline_ns,
						    &found);

		if (!err)
			*range = found;
		return err;
	}
	range->lo = consumer->next;
	range->hi = consumer->available;
	return 0;
}

/* Wait for events as long as it takes. */
DISRUPTOR_INLINE int
disruptor_wait(struct disruptor_consumer *consumer,
	       struct disruptor_range *range)
{
	return disruptor_wait_until(consumer, DISRUPTOR_FOREVER, range);
}

/*
 * The slot of a sequence of the last range.  Only a consumer declared with
 * DISRUPTOR_CONSUMER_MODIFIES may write it; for others that is a SIGSEGV.
 */
DISRUPTOR_INLINE void *
disruptor_consumer_slot(const struct disruptor_consumer *consumer, uint64_t seq)
{
	return __disruptor_slot(&consumer->view, seq);
}

/**
 * disruptor_release() - be done with events
 * @consumer: the handle
 * @hi: end of them, in the last range; what is left comes again with the next wait
 */
DISRUPTOR_INLINE void
disruptor_release(struct disruptor_consumer *consumer, uint64_t hi)
{
	__DISRUPTOR_POINT(RELEASE);
	consumer->next = hi;
	__disruptor_publish(consumer->sequence, consumer->told, consumer->role, hi);
}

/**
 * disruptor_read() - copy a batch out of the ring
 * @consumer: the handle
 * @events: out: room for @n events of slot_size bytes
 * @n: how many at the most, 1 to INT64_MAX
 *
 * Waits for the first; takes what is there.  They are released.
 *
 * Return: how many, or as disruptor_wait().
 */
int64_t disruptor_read(struct disruptor_consumer *consumer, void *events,
		       uint64_t n);

/* ---- consume, one of several ---------------------------------------------- */

/*
 * A worker of a group: made by disruptor_worker_attach(), the members are private.
 * The workers of a group share one consumer's events, each of which goes to one of
 * them.  To everybody else the group is one consumer, that is done with what is below
 * its sequence.
 *
 * When a worker dies or detaches, what it had taken and was not done with goes to
 * another, or to the next to attach; what it was done with never comes again.
 */
struct disruptor_worker {
	uint64_t next;			/* first sequence of the claim that is not done */
	uint64_t end;			/* of the claim; there is none: @next */
	uint64_t available;		/* sequences below it are known to be there */
	uint64_t aborted;		/* of these, none from here on was aborted */
	__disruptor_u64 *sequence;	/* what the group is done with */
	__disruptor_u64 *claimed;	/* what the group has claimed */
	struct disruptor_intent *intent;
	uint32_t *done;			/* what is done at each slot */
	const struct disruptor_publisher *told;
	struct disruptor_view view;
	uint32_t seat;			/* the group's */
	uint32_t halted;		/* disruptor_worker_halt() was called */
	struct disruptor_role *role;	/* what only the library knows */
};

/**
 * disruptor_worker_attach() - become a worker of a group
 * @worker: out: the handle; disruptor_worker_detach() it
 * @ring: the ring; may be closed while the handle is in use
 * @name: the name of the group in the graph
 *
 * A group without workers is as a consumer without a holder, required or optional.
 *
 * Return: 0, -EINVAL (it is no group: disruptor_consumer_attach()), -EBUSY (so many
 * are attached as may be), those of DISRUPTOR_IOC_ATTACH, those of mmap(2).
 */
int disruptor_worker_attach(struct disruptor_worker **worker,
			    struct disruptor_ring *ring, const char *name);

/*
 * Use a worker's fd received over a socket; the handle owns it from now on.
 * -EINVAL: not an fd of a worker; -EBUSY: another process has its maps; -ESTALE; -EBADF;
 * -ENOMEM.
 */
int disruptor_worker_from_fd(struct disruptor_worker **worker, int fd);

/* Give the role back.  What was taken and is not done goes to another. */
void disruptor_worker_detach(struct disruptor_worker *worker);

/* Choose how it waits for events; -EINVAL: no such kind. */
int disruptor_worker_set_wait(struct disruptor_worker *worker,
			      const struct disruptor_wait_strategy *strategy);

/* The role fd, owned by the handle; -EOPNOTSUPP for a private ring. */
int disruptor_worker_fileno(const struct disruptor_worker *worker);

/**
 * disruptor_worker_try_take() - take events for this worker alone
 * @worker: the handle
 * @most: how many at the most, so that there are some for others, too; at least 1
 * @range: out: at least one event
 *
 * What is left of the last range comes first.  The slots of a range lie back to back.
 * Ranges ascend, but for what others have left; events that a producer died over are
 * in none.
 *
 * Return: 0, -EAGAIN (none), -ENODATA (end of the stream: the whole group is done with
 * it, and no producer is left), -EINVAL (@most), -ESTALE (the role was evicted),
 * -EBADMSG (a sequence that the group waits on is more than the ring ahead).
 */
int disruptor_worker_try_take(struct disruptor_worker *worker, uint64_t most,
			      struct disruptor_range *range);

/*
 * Likewise, and wait for them until @deadline_ns: -ETIMEDOUT for -EAGAIN; -ECANCELED
 * (disruptor_worker_halt()).
 */
int disruptor_worker_take_until(struct disruptor_worker *worker, uint64_t most,
				uint64_t deadline_ns,
				struct disruptor_range *range);

/* Take events, wait for them as long as it takes. */
DISRUPTOR_INLINE int
disruptor_worker_take(struct disruptor_worker *worker, uint64_t most,
		      struct disruptor_range *range)
{
	return disruptor_worker_take_until(worker, most, DISRUPTOR_FOREVER, range);
}

/* The slot of a sequence of the last range: as disruptor_consumer_slot(). */
DISRUPTOR_INLINE void *
disruptor_worker_slot(const struct disruptor_worker *worker, uint64_t seq)
{
	return __disruptor_slot(&worker->view, seq);
}

/**
 * disruptor_worker_done() - be done with events, for good
 * @worker: the handle
 * @hi: end of them, in the last range
 *
 * Return: 0, -EINVAL (@hi is not in what was taken and is not done).
 */
int disruptor_worker_done(struct disruptor_worker *worker, uint64_t hi);

/**
 * disruptor_worker_read() - copy a batch out of the ring
 * @worker: the handle
 * @events: out: room for @n events of slot_size bytes
 * @n: how many at the most, 1 to INT64_MAX
 *
 * Waits for the first; takes what is there, and is done with it.
 *
 * Return: how many, or as disruptor_worker_take().
 */
int64_t disruptor_worker_read(struct disruptor_worker *worker, void *events,
			      uint64_t n);

/* ---- run a stage --------------------------------------------------------- */

enum disruptor_error_action {
	DISRUPTOR_ERROR_STOP,		/* release what was done; return the error */
	DISRUPTOR_ERROR_RETRY,		/* from the event that failed */
	DISRUPTOR_ERROR_SKIP,		/* go on with the next event */
};

/**
 * struct disruptor_handler - what a stage does; any callback may be NULL but
 *	@on_event
 * @context: handed to every callback
 * @on_start: before the first event; an error ends the run.  Of a worker, @consumer
 *	is NULL
 * @on_batch_start: before a batch of @size events
 * @on_event: one event; @end_of_batch with the last of a batch.  An error goes
 *	to @on_error
 * @on_timeout: no event for @timeout_ns; @next is awaited
 * @on_error: @on_event answered @error; says what to do.  NULL: stop
 * @on_shutdown: after the last event, however the run ends, if @on_start did
 *	not fail
 * @batch_limit: events of a batch at the most; 0: all that are there, of a worker 1
 * @timeout_ns: 0: wait for ever
 *
 * Events are released batch by batch, after on_event with @end_of_batch.
 */
struct disruptor_handler {
	void *context;
	int (*on_start)(void *context, struct disruptor_consumer *consumer);
	void (*on_batch_start)(void *context, uint64_t size);
	int (*on_event)(void *context, void *event, uint64_t seq,
			bool end_of_batch);
	void (*on_timeout)(void *context, uint64_t next);
	enum disruptor_error_action (*on_error)(void *context, int error,
						void *event, uint64_t seq);
	void (*on_shutdown)(void *context);
	uint64_t batch_limit;
	uint64_t timeout_ns;
};

/**
 * disruptor_run() - handle events until the stream ends
 * @consumer: the handle
 * @handler: what to do
 *
 * Return: 0 (end of the stream, or disruptor_halt()), an error of @handler that
 * stopped it, -EINVAL (no on_event), -EBADMSG, -ESTALE (the role was evicted).
 */
int disruptor_run(struct disruptor_consumer *consumer,
		  const struct disruptor_handler *handler);

/*
 * End the disruptor_run() or the wait of a handle, now or as soon as it starts:
 * after the batch that is being handled.  From any thread, or a signal handler.
 * Works once: the run or the wait that it ends takes it back.  A request of
 * disruptor_consumer_prep_wait() that is under way may be what it ends instead.
 */
void disruptor_halt(struct disruptor_consumer *consumer);

/* Likewise, as a worker, and for a worker. */
int disruptor_worker_run(struct disruptor_worker *worker,
			 const struct disruptor_handler *handler);
void disruptor_worker_halt(struct disruptor_worker *worker);

enum disruptor_poll_state {
	DISRUPTOR_POLL_PROCESSING,	/* handled events */
	DISRUPTOR_POLL_GATING,		/* published, but the consumers before are not done */
	DISRUPTOR_POLL_IDLE,		/* not published */
	DISRUPTOR_POLL_ENDED,		/* nothing left, and no producer */
};

/**
 * disruptor_poll() - handle what is there, and return
 * @consumer: the handle
 * @handler: what to do; only on_batch_start, on_event, on_error and batch_limit
 *	are used
 *
 * Return: enum disruptor_poll_state, an error of @handler that stopped it,
 * -EINVAL (no on_event), -EBADMSG.
 */
int disruptor_poll(struct disruptor_consumer *consumer,
		   const struct disruptor_handler *handler);

/* ---- observe -------------------------------------------------------------- */

/*
 * Who watches a ring without a place in its graph: reads what consumers read, holds
 * nobody up, and is told how many events it was too slow for.
 */
struct disruptor_observer;

/**
 * disruptor_observer_open() - watch a ring
 * @observer: out: starts at the cursor; disruptor_observer_close() it
 * @ring: the ring, with DISRUPTOR_ACCESS_READ; may be closed meanwhile
 *
 * The ring must keep past events: be made with DISRUPTOR_RING_OBSERVED, or for
 * several producers.
 *
 * Return: 0, -EOPNOTSUPP (it does not), -ENOMEM, those of mmap(2).
 */
int disruptor_observer_open(struct disruptor_observer **observer,
			    struct disruptor_ring *ring);

void disruptor_observer_close(struct disruptor_observer *observer);

/**
 * disruptor_observe() - copy events that nobody keeps for the observer
 * @observer: the handle
 * @events: out: room for @n events of slot_size bytes
 * @n: how many at the most, 1 to INT64_MAX
 * @lo: out: the sequence of the first; the others follow it without a gap
 * @missed: in, out: the number of events that were overwritten before they were
 *	read is added, also when there are none to copy
 *
 * An event was read whole, or counts as missed: after the copy, the cursor is
 * read behind an acquire fence.  Events that a producer died over are left out.
 * A consumer that modifies events may be doing so while one is copied.
 *
 * Return: how many, -EAGAIN (nothing new, or overtaken at every look), -ENODATA
 * (the stream has ended), -EINVAL (@n).
 */
int64_t disruptor_observe(struct disruptor_observer *observer, void *events,
			  uint64_t n, uint64_t *lo, uint64_t *missed);

/* Likewise, and wait for the first until @deadline_ns; -ETIMEDOUT for -EAGAIN. */
int64_t disruptor_observe_until(struct disruptor_observer *observer,
				void *events, uint64_t n, uint64_t deadline_ns,
				uint64_t *lo, uint64_t *missed);

/* Nanoseconds of CLOCK_MONOTONIC, for deadlines. */
uint64_t disruptor_now_ns(void);

#ifdef __cplusplus
}
#endif

#endif /* DISRUPTOR_H */
