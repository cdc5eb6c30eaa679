/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claiming by hand, step by step, as the library does in one: for one of several
 * producers, and for a worker of a group.
 *
 * Functions answer as the kernel does: what the call returned, or -errno.
 */
#ifndef SELFTESTS_DEVICE_CLAIMANT_H
#define SELFTESTS_DEVICE_CLAIMANT_H

#include "wait.h"

/**
 * struct claimant - one of several who move one counter
 * @fd: the role
 * @index: among them, as ATTACH gives it
 * @start: where it begins, likewise
 * @own: its two pages: theirs, and its own
 * @counter: of their seat: the cursor, or what the group is done with
 * @claimed: what they have claimed: the cursor, or the counter beside the group's
 * @intent: its own
 * @laps: of what they have settled
 */
struct claimant {
	int fd;
	__u32 index;
	__u64 start;
	char *own;
	__u64 *counter;
	__u64 *claimed;
	struct disruptor_intent *intent;
	__u32 *laps;
};

static inline __u32 index_mask_of(int fd)
{
	struct full_info full;

	return info_of(fd, &full) ? 0 : full.info.index_mask;
}

/* Of an array of laps. */
static inline size_t laps_bytes(int fd)
{
	return (4 * (index_mask_of(fd) + 1) + page_bytes() - 1) / page_bytes() *
	       page_bytes();
}

static inline __u32 lap_of(int fd, __u64 seq)
{
	return DISRUPTOR_LAP(seq, __builtin_ctz(index_mask_of(fd) + 1));
}

/* The seat of the first producer; of the first worker of consumer @index. */
static inline unsigned int first_claimant(int fd, bool produces, __u32 index)
{
	struct full_info full;
	unsigned int seat;
	__u32 i;

	info_of(fd, &full);
	seat = 1 + full.info.nr_consumers;
	if (produces)
		return seat;
	if (full.info.producers > 1)
		seat += full.info.producers;
	for (i = 0; i < index; i++)
		seat += full.graph[i].workers > 1 ? full.graph[i].workers : 0;
	return seat;
}

/* @name NULL: a producer.  0 or -errno. */
static inline int claimant_attach(struct claimant *claimant, int ring,
				  const char *name)
{
	struct disruptor_attach_args args = attach_args(name);
	unsigned int region = name ? DISRUPTOR_REGION_DONE :
				     DISRUPTOR_REGION_AVAILABILITY;
	unsigned int seat, first;

	claimant->fd = ring_ioctl(ring, DISRUPTOR_IOC_ATTACH, &args);
	if (claimant->fd < 0)
		return claimant->fd;
	claimant->index = name ? args.worker : args.index;
	claimant->start = args.sequence;
	claimant->own = map_region(claimant->fd, DISRUPTOR_REGION_OWN,
				   2 * page_bytes(), PROT_READ | PROT_WRITE);
	claimant->laps = map_region(claimant->fd, region,
				    laps_bytes(claimant->fd),
				    PROT_READ | PROT_WRITE);
	if (claimant->own == MAP_FAILED || claimant->laps == MAP_FAILED)
		return -errno;
	seat = name ? DISRUPTOR_SEAT_CONSUMER(args.index) :
		      DISRUPTOR_SEAT_PRODUCERS;
	first = first_claimant(claimant->fd, !name, args.index);
	claimant->counter = counter_in(claimant->own, seat);
	claimant->claimed = name ?
		(__u64 *)(claimant->own + DISRUPTOR_CLAIMED_OFFSET(seat)) :
		claimant->counter;
	claimant->intent = (void *)counter_in(claimant->own + page_bytes(),
					      first + claimant->index);
	return 0;
}

/* As its death does. */
static inline void claimant_leave(struct claimant *claimant)
{
	munmap(claimant->own, 2 * page_bytes());
	munmap(claimant->laps, laps_bytes(claimant->fd));
	close(claimant->fd);
}

/* True or not. */
static inline void claimant_tell(struct claimant *claimant, __u64 lo, __u64 hi)
{
	__atomic_store_n(&claimant->intent->lo, lo, __ATOMIC_RELEASE);
	__atomic_store_n(&claimant->intent->hi, hi, __ATOMIC_RELEASE);
}

/* Of room, or events, that the caller knows to be there. */
static inline __u64 claimant_claim(struct claimant *claimant, __u64 n)
{
	__u64 lo = __atomic_load_n(claimant->claimed, __ATOMIC_RELAXED);

	do {
		claimant_tell(claimant, lo, lo + n);
	} while (!__atomic_compare_exchange_n(claimant->claimed, &lo, lo + n,
					      false, __ATOMIC_ACQ_REL,
					      __ATOMIC_RELAXED));
	return lo;
}

/* Mark it published, or done. */
static inline void claimant_settle(struct claimant *claimant, __u64 lo, __u64 hi)
{
	__u32 mask = index_mask_of(claimant->fd);
	unsigned int shift = __builtin_ctz(mask + 1);

	for (; lo < hi; lo++)
		__atomic_store_n(&claimant->laps[lo & mask],
				 DISRUPTOR_LAP(lo, shift), __ATOMIC_RELEASE);
}

/* It has nothing any more; and whoever waited for that is woken. */
static inline void claimant_rest(struct claimant *claimant)
{
	__atomic_store_n(&claimant->intent->hi, 0, __ATOMIC_RELEASE);
	wake(claimant->fd, 0);
}

#endif /* SELFTESTS_DEVICE_CLAIMANT_H */
