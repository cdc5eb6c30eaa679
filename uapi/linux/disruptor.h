/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/*
 * disruptor - a ring between processes: ioctls of /dev/disruptor and the
 * layout of the memory it maps.
 *
 * Every file descriptor is one capability:
 *
 *   /dev/disruptor --CREATE, OPEN--> ring fd --ATTACH--> producer or consumer fd
 *
 * A sequence is the 64-bit number of an event; the first is 0 and it never
 * wraps.  A sequence counter holds the *next* sequence: the events below it are
 * done.  Ranges are half-open, [lo, hi).  (LMAX stores the last sequence done
 * and starts at -1.)
 *
 * Every ioctl answers a negative errno through ioctl(2).  Common to all:
 *
 *   ENOTTY   no such ioctl on this kind of fd
 *   EFAULT   a pointer is bad
 *   EINVAL   @size is below the first published size of the struct, a reserved
 *            field is not 0, or a flag is unknown
 *   E2BIG    @size is above what this kernel knows and the tail is not 0
 *   ENOMEM   kernel memory is short
 *   ESTALE   a role fd whose role was detached or evicted
 *
 * A call that fails changes nothing.
 */
#ifndef _UAPI_LINUX_DISRUPTOR_H
#define _UAPI_LINUX_DISRUPTOR_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define DISRUPTOR_MAX_CONSUMERS		64
#define DISRUPTOR_MAX_PRODUCERS		64
#define DISRUPTOR_MAX_WORKERS		64	/* of a group */
#define DISRUPTOR_MAX_ALL_WORKERS	256	/* of all groups of a ring */
#define DISRUPTOR_MAX_SLOTS		(1U << 28)
#define DISRUPTOR_MIN_SLOT_SIZE		4	/* bytes; and the unit of slot sizes */
#define DISRUPTOR_MAX_SLOT_SIZE		65536	/* bytes */
#define DISRUPTOR_MAX_EVENTS_BYTES	(1ULL << 39)	/* of all slots */
#define DISRUPTOR_RING_NAME_LEN		64	/* with the final NUL */
#define DISRUPTOR_CONSUMER_NAME_LEN	32	/* with the final NUL */

/*
 * Names are 1 to LEN - 1 bytes of printable ASCII without space and '/', and
 * end with a NUL.
 */

/* disruptor_consumer_config.flags */
#define DISRUPTOR_CONSUMER_OPTIONAL	(1U << 0)	/* gates nobody while it is away */
#define DISRUPTOR_CONSUMER_MODIFIES	(1U << 1)	/* maps the events read-write */

/**
 * struct disruptor_consumer_config - one consumer of the graph
 * @name: unique within the ring
 * @after: bit i: comes after the i-th consumer of the array, which must stand
 *	before this one; 0: straight after the producers
 * @flags: DISRUPTOR_CONSUMER_*
 * @expires_ms: of one that is not optional: how long after its holder has gone the
 *	others still wait for it, in milliseconds; then they do not until it is
 *	back, and it starts at its barrier; 0: for ever
 * @workers: how many may be attached at once, up to DISRUPTOR_MAX_WORKERS, and
 *	DISRUPTOR_MAX_ALL_WORKERS in the graph; 0 and 1: one.  Where there may be
 *	several it is a group of workers, and each event goes to one of them: see
 *	struct disruptor_intent
 * @reserved: 0
 */
struct disruptor_consumer_config {
	char name[DISRUPTOR_CONSUMER_NAME_LEN];
	__aligned_u64 after;
	__u32 flags;
	__u32 expires_ms;
	__u32 workers;
	__u32 reserved;
};

/* disruptor_create_args.flags */
#define DISRUPTOR_RING_OUTLIVES		(1U << 0)	/* the stream outlives its producers */
#define DISRUPTOR_RING_OBSERVED		(1U << 1)	/* past events stay; twice the memory */
#define DISRUPTOR_RING_NODE		(1U << 2)	/* memory of the NUMA node @node */
#define DISRUPTOR_RING_HUGE		(1U << 3)	/* events in huge pages, if it can be */

/**
 * struct disruptor_create_args - argument of DISRUPTOR_IOC_CREATE
 * @size: sizeof(struct disruptor_create_args)
 * @flags: DISRUPTOR_RING_*
 * @slots: how many events the ring holds; a power of two up to
 *	DISRUPTOR_MAX_SLOTS
 * @slot_size: bytes of an event; a multiple of DISRUPTOR_MIN_SLOT_SIZE up to
 *	DISRUPTOR_MAX_SLOT_SIZE; of all slots together DISRUPTOR_MAX_EVENTS_BYTES
 * @consumers: address of @nr_consumers structs disruptor_consumer_config
 * @nr_consumers: 0 to DISRUPTOR_MAX_CONSUMERS
 * @consumer_size: sizeof(struct disruptor_consumer_config)
 * @mode: permission bits of a named ring, less the caller's umask: r may
 *	attach as consumer and observe, w may attach as producer; 0 if unnamed
 * @producers: how many may be attached at once, up to DISRUPTOR_MAX_PRODUCERS;
 *	0 and 1: one.  Where there may be several, events are claimed and
 *	published otherwise: see struct disruptor_intent
 * @name: empty for an unnamed ring
 * @node: with DISRUPTOR_RING_NODE, where the memory is to be, which another node gives
 *	if that one has none left; else 0
 * @reserved: 0
 *
 * DISRUPTOR_RING_HUGE is a wish, and struct disruptor_stats has what came of it.  It
 * takes events in a multiple of huge pages, and a kernel, from 6.12 on, that can
 * map them so that nobody pins them.
 */
struct disruptor_create_args {
	__u32 size;
	__u32 flags;
	__u32 slots;
	__u32 slot_size;
	__aligned_u64 consumers;
	__u32 nr_consumers;
	__u32 consumer_size;
	__u32 mode;
	__u32 producers;
	char name[DISRUPTOR_RING_NAME_LEN];
	__u32 node;
	__u32 reserved;
};

/* Access of a ring fd: disruptor_open_args.access, disruptor_info.access. */
#define DISRUPTOR_ACCESS_READ		(1U << 0)	/* attach consumers, observe */
#define DISRUPTOR_ACCESS_WRITE		(1U << 1)	/* attach producers */

/**
 * struct disruptor_open_args - argument of DISRUPTOR_IOC_OPEN
 * @size: sizeof(struct disruptor_open_args)
 * @access: DISRUPTOR_ACCESS_*, at least one
 * @name: name of the ring
 */
struct disruptor_open_args {
	__u32 size;
	__u32 access;
	char name[DISRUPTOR_RING_NAME_LEN];
};

/**
 * struct disruptor_unlink_args - argument of DISRUPTOR_IOC_UNLINK
 * @size: sizeof(struct disruptor_unlink_args)
 * @reserved: 0
 * @name: name of the ring; empty on a ring fd, which unlinks its own ring
 */
struct disruptor_unlink_args {
	__u32 size;
	__u32 reserved;
	char name[DISRUPTOR_RING_NAME_LEN];
};

/* Roles: disruptor_attach_args.role, disruptor_evict_args.role, disruptor_info.role. */
#define DISRUPTOR_ROLE_NONE		0	/* a ring fd */
#define DISRUPTOR_ROLE_PRODUCER		1
#define DISRUPTOR_ROLE_CONSUMER		2

/**
 * struct disruptor_attach_args - argument of DISRUPTOR_IOC_ATTACH
 * @size: sizeof(struct disruptor_attach_args)
 * @role: DISRUPTOR_ROLE_PRODUCER or DISRUPTOR_ROLE_CONSUMER
 * @flags: 0
 * @index: out: the consumer's index in the graph; the producer's among those that
 *	may be attached at once
 * @sequence: out: the sequence at which the role goes on; of a worker: from which
 *	on its group has claimed nothing yet
 * @worker: out: of a worker, which of those that may be attached at once; else 0
 * @reserved: 0
 * @name: the consumer's name; empty for a producer
 */
struct disruptor_attach_args {
	__u32 size;
	__u32 role;
	__u32 flags;
	__u32 index;
	__aligned_u64 sequence;
	__u32 worker;
	__u32 reserved;
	char name[DISRUPTOR_CONSUMER_NAME_LEN];
};

/* disruptor_detach_args.flags */
#define DISRUPTOR_DETACH_END		(1U << 0)	/* producer: and the stream ends here */

/**
 * struct disruptor_detach_args - argument of DISRUPTOR_IOC_DETACH
 * @size: sizeof(struct disruptor_detach_args)
 * @flags: DISRUPTOR_DETACH_*
 */
struct disruptor_detach_args {
	__u32 size;
	__u32 flags;
};

/* disruptor_evict_args.flags */
#define DISRUPTOR_EVICT_UNGATE		(1U << 0)	/* consumer: nobody waits till it is back */

/**
 * struct disruptor_evict_args - argument of DISRUPTOR_IOC_EVICT
 * @size: sizeof(struct disruptor_evict_args)
 * @role: DISRUPTOR_ROLE_PRODUCER or DISRUPTOR_ROLE_CONSUMER
 * @flags: DISRUPTOR_EVICT_*
 * @index: which producer, or which worker of a group; else 0.  With
 *	DISRUPTOR_EVICT_UNGATE 0, and all workers go
 * @name: the consumer's name; empty for a producer
 */
struct disruptor_evict_args {
	__u32 size;
	__u32 role;
	__u32 flags;
	__u32 index;
	char name[DISRUPTOR_CONSUMER_NAME_LEN];
};

/**
 * struct disruptor_info - argument of DISRUPTOR_IOC_INFO: what never changes
 * @size: sizeof(struct disruptor_info)
 * @flags: out: DISRUPTOR_RING_*
 * @slots: out: how many events the ring holds
 * @slot_size: out: bytes of an event
 * @index_mask: out: the event of a sequence is slot (sequence & index_mask) of
 *	the events region; at least @slots - 1, more where small rings are
 *	rounded up to whole pages, and twice as many with
 *	DISRUPTOR_RING_OBSERVED
 * @events_bytes: out: bytes of the events, (@index_mask + 1) * @slot_size, a
 *	multiple of the page size; the events region holds them twice
 * @consumers: in: where to put the graph, an array of structs
 *	disruptor_consumer_config; may be 0 if @nr_consumers is 0
 * @nr_consumers: in: how many fit at @consumers; out: how many there are
 * @consumer_size: in: sizeof(struct disruptor_consumer_config)
 * @role: out: DISRUPTOR_ROLE_*, of the fd
 * @index: out: of a role fd, as ATTACH gave it; else 0
 * @access: out: of a ring fd, DISRUPTOR_ACCESS_*; else 0
 * @page_size: out: bytes from one sequence to the next in the sequences region
 * @mode: out: permission bits, 0 if unnamed
 * @uid: out: owner, as the caller's user namespace sees it
 * @gid: out: group, likewise
 * @producers: out: how many producers may be attached at once
 * @worker: out: of a worker's fd, as ATTACH gave it; else 0
 * @node: out: as in struct disruptor_create_args
 * @name: out: name, empty if unnamed
 */
struct disruptor_info {
	__u32 size;
	__u32 flags;
	__u32 slots;
	__u32 slot_size;
	__aligned_u64 index_mask;
	__aligned_u64 events_bytes;
	__aligned_u64 consumers;
	__u32 nr_consumers;
	__u32 consumer_size;
	__u32 role;
	__u32 index;
	__u32 access;
	__u32 page_size;
	__u32 mode;
	__u32 uid;
	__u32 gid;
	__u32 producers;
	__u32 worker;
	__u32 node;
	char name[DISRUPTOR_RING_NAME_LEN];
};

/* disruptor_seat_stats.flags */
#define DISRUPTOR_SEAT_HELD		(1U << 0)	/* by a process, or some of a group */
#define DISRUPTOR_SEAT_GATING		(1U << 1)	/* consumer: the others wait for it */

/**
 * struct disruptor_seat_stats - one place in the graph
 * @sequence: its counter; of one of several producers, or of a worker, where its
 *	claim begins, or 0
 * @waits_on: consumers whose sequences it waits on now; 0: the cursor.  For
 *	the producers: the gating sequences
 * @flags: DISRUPTOR_SEAT_*
 * @pid: process that attached, as the caller's pid namespace sees it; 0 if
 *	none holds it or it is not visible from there
 * @attaches: how often the role was taken.  This and what follows is counted at
 *	each worker's seat, not at its group's
 * @detaches: how often it was given back by DETACH
 * @losses: how often its fd was closed without, as a death does
 * @evictions: how often it was taken away
 * @sleeps: how often its holder was put to sleep by WAIT
 * @wakes: how often its holder called WAKE, but for HALT
 * @interrupts: how often a waiter had its holder's processors interrupted; of
 *	several producers, at the cursor's seat, of workers, at their group's
 */
struct disruptor_seat_stats {
	__aligned_u64 sequence;
	__aligned_u64 waits_on;
	__u32 flags;
	__u32 pid;
	__aligned_u64 attaches;
	__aligned_u64 detaches;
	__aligned_u64 losses;
	__aligned_u64 evictions;
	__aligned_u64 sleeps;
	__aligned_u64 wakes;
	__aligned_u64 interrupts;
};

/* disruptor_stats.state, disruptor_control.state */
#define DISRUPTOR_STATE_ENDED		(1U << 0)	/* no producer, and none is awaited */

/**
 * struct disruptor_stats - argument of DISRUPTOR_IOC_STATS: what changes
 * @size: sizeof(struct disruptor_stats)
 * @state: out: DISRUPTOR_STATE_*
 * @epoch: out: membership epoch
 * @memory_bytes: out: memory charged for the ring
 * @huge_bytes: out: how much of the events is in huge pages
 * @aborted: out: how many events were claimed by producers that died, and are
 *	skipped
 * @adopted: out: how many events were claimed by workers that died, and went to
 *	others
 * @seats: in: where to put an array of structs disruptor_seat_stats, first the
 *	producers' cursor, then the consumers' in the order of the graph, then,
 *	where there may be several, each producer's, then, group by group, each
 *	worker's; may be 0 if @nr_seats is 0
 * @nr_seats: in: how many fit at @seats; out: how many there are
 * @seat_size: in: sizeof(struct disruptor_seat_stats)
 */
struct disruptor_stats {
	__u32 size;
	__u32 state;
	__aligned_u64 epoch;
	__aligned_u64 memory_bytes;
	__aligned_u64 huge_bytes;
	__aligned_u64 aborted;
	__aligned_u64 adopted;
	__aligned_u64 seats;
	__u32 nr_seats;
	__u32 seat_size;
};

#define DISRUPTOR_IOC_TYPE	0xDE

/*
 * The number of an ioctl never changes, whatever its struct grows to: @size
 * says which version of the struct the caller was built with.
 */

/*
 * On /dev/disruptor.  Returns a ring fd with all access.
 *   EINVAL   @slots, @slot_size, @nr_consumers, @consumer_size, @mode, @producers,
 *            a name or the graph is wrong: a name that is not unique, a consumer after
 *            itself or after one that is not before it, an optional one that
 *            expires, too many workers; @node has no memory, or none that the
 *            caller may have
 *   EEXIST   a ring of that name exists
 *   EPERM    RLIMIT_MEMLOCK would be exceeded and the caller lacks CAP_IPC_LOCK
 *   ENOMEM   the module's limit (parameter max_bytes) or that of the
 *            caller's memory cgroup would be exceeded, or memory is short
 *   EMFILE, ENFILE  no fd is left
 */
#define DISRUPTOR_IOC_CREATE	_IO(DISRUPTOR_IOC_TYPE, 0x00)

/*
 * On /dev/disruptor.  Returns a ring fd.
 *   EINVAL   @access or @name is wrong
 *   ENOENT   no ring of that name in the caller's network namespace
 *   EACCES   the ring's mode does not grant @access
 *   EMFILE, ENFILE  no fd is left
 */
#define DISRUPTOR_IOC_OPEN	_IO(DISRUPTOR_IOC_TYPE, 0x01)

/*
 * On /dev/disruptor with a name, on a ring fd without.  The ring lives on
 * until its last fd is gone; the name is free at once.  Returns 0.
 *   EINVAL   @name is wrong
 *   ENOENT   no ring has that name (any more)
 *   EPERM    the caller neither owns the ring nor has CAP_FOWNER
 */
#define DISRUPTOR_IOC_UNLINK	_IO(DISRUPTOR_IOC_TYPE, 0x02)

/*
 * On a ring fd.  Returns a role fd, close-on-exec.
 *   EINVAL   @role or @name is wrong
 *   EACCES   the ring fd lacks DISRUPTOR_ACCESS_READ (consumer) or
 *            DISRUPTOR_ACCESS_WRITE (producer)
 *   ENOENT   the graph has no consumer of that name
 *   EBUSY    the role is held, by as many as may hold it
 *   EMFILE, ENFILE, ENOMEM  no fd or no memory is left
 */
#define DISRUPTOR_IOC_ATTACH	_IO(DISRUPTOR_IOC_TYPE, 0x03)

/*
 * On a role fd.  Gives the role back and revokes its maps, as the last close
 * does.  Returns 0.
 *   EINVAL   DISRUPTOR_DETACH_END on a consumer fd
 */
#define DISRUPTOR_IOC_DETACH	_IO(DISRUPTOR_IOC_TYPE, 0x04)

/*
 * On a ring fd.  Takes a role away from who holds it: its maps are revoked
 * (the next touch is a SIGBUS) and its fd answers ESTALE.  Returns 0.
 *   EINVAL   @role, @index or @name is wrong, or DISRUPTOR_EVICT_UNGATE with a
 *            producer
 *   EPERM    the caller neither owns the ring nor has CAP_FOWNER
 *   ENOENT   the graph has no consumer of that name
 *   ESRCH    nobody holds the role; with DISRUPTOR_EVICT_UNGATE: and nobody
 *            waits for it
 */
#define DISRUPTOR_IOC_EVICT	_IO(DISRUPTOR_IOC_TYPE, 0x05)

/*
 * On a ring or role fd.  Returns 0.
 *   EINVAL   @consumer_size is wrong
 *   ENOSPC   @nr_consumers is above 0 and less than there are
 */
#define DISRUPTOR_IOC_INFO	_IO(DISRUPTOR_IOC_TYPE, 0x06)

/*
 * On a ring or role fd.  Returns 0.
 *   EINVAL   @seat_size is wrong
 *   ENOSPC   @nr_seats is above 0 and less than there are
 */
#define DISRUPTOR_IOC_STATS	_IO(DISRUPTOR_IOC_TYPE, 0x07)

/**
 * struct disruptor_wait_args - argument of DISRUPTOR_IOC_WAIT
 * @size: sizeof(struct disruptor_wait_args)
 * @flags: 0
 * @target: consumer: wait until the events below it are published, and done by
 *	those before; producer: until the sequences below it can be claimed;
 *	worker: as a consumer, or until there is something to ADOPT
 * @deadline_ns: when to give up, absolute CLOCK_MONOTONIC; all ones: never; in
 *	the past: only look
 * @reached: out: where it stands now, in terms of @target; also with ETIMEDOUT
 *	and ENODATA
 */
struct disruptor_wait_args {
	__u32 size;
	__u32 flags;
	__aligned_u64 target;
	__aligned_u64 deadline_ns;
	__aligned_u64 reached;
};

/*
 * On a role fd.  Sleeps until the target is met, and not for less: whoever makes
 * it true wakes it; all workers of a group, if several wait for the same.  Returns 0.
 *   EINVAL     @target is more than the ring ahead, and could never be met; or
 *              more than DISRUPTOR_MAX_WAIT_AHEAD, where there may be several
 *              producers
 *   ETIMEDOUT  @deadline_ns has come
 *   ENODATA    consumer: the stream ends before @target, and it has all of it;
 *              worker: and its group is done with all of it
 *   EINTR      a signal (a handler with SA_RESTART has the wait go on)
 *   ESTALE     the role was detached or evicted, before or meanwhile
 *   ECANCELED  DISRUPTOR_WAKE_HALT
 *   EBUSY      DISRUPTOR_MAX_WAITS waits on this fd are under way
 */
#define DISRUPTOR_IOC_WAIT	_IO(DISRUPTOR_IOC_TYPE, 0x08)
#define DISRUPTOR_MAX_WAITS	16
#define DISRUPTOR_MAX_WAIT_AHEAD	65536

/* Argument of DISRUPTOR_IOC_WAKE. */
#define DISRUPTOR_WAKE_UNFENCE	1	/* and publishing without a fence is wanted again */
#define DISRUPTOR_WAKE_HALT	2	/* end a wait of this fd instead */

/*
 * On a role fd, with an int for argument: DISRUPTOR_WAKE_* or 0.  Wakes those
 * whose targets are met.  HALT: ends one wait on this fd with ECANCELED, the one
 * that is under way, or else the next that would sleep.  Returns 0.
 *   EINVAL     an unknown flag, or HALT with another
 */
#define DISRUPTOR_IOC_WAKE	_IO(DISRUPTOR_IOC_TYPE, 0x09)

/**
 * struct disruptor_adopt_args - argument of DISRUPTOR_IOC_ADOPT
 * @size: sizeof(struct disruptor_adopt_args)
 * @flags: 0
 * @most: in: how many events at the most, at least 1
 * @lo: out: the first of them
 * @hi: out: their end
 */
struct disruptor_adopt_args {
	__u32 size;
	__u32 flags;
	__aligned_u64 most;
	__aligned_u64 lo;
	__aligned_u64 hi;
};

/*
 * On a worker's fd, when @orphans of its group's struct disruptor_publisher is not
 * 0: claims events that a worker of the group had claimed and was not done with
 * when it died.  The kernel stores the intent.  Returns 0.
 *   EINVAL     @most is 0, or its pages are not mapped
 *   EBUSY      it has a claim
 *   EAGAIN     there are none, any more
 */
#define DISRUPTOR_IOC_ADOPT	_IO(DISRUPTOR_IOC_TYPE, 0x0a)

/*
 * poll(2), epoll(7), select(2) and io_uring's poll:
 *
 *   consumer   EPOLLIN   there are events
 *              EPOLLHUP  it has consumed the stream, and no producer is left
 *   worker     EPOLLIN   there are events to claim or to ADOPT
 *              EPOLLHUP  its group is done with the stream, and no producer is left
 *   producer   EPOLLOUT  there is room for an event
 *   either     EPOLLERR  the role was detached or evicted
 *   ring       EPOLLPRI  a role came or went since this fd's last STATS
 *              EPOLLHUP  no producer is left, and none is awaited
 *
 * io_uring's IORING_OP_URING_CMD on a role fd: cmd_op DISRUPTOR_URING_WAIT with a
 * struct disruptor_uring_wait in the SQE's cmd.  Completes as WAIT returns, or
 * with ECANCELED; with EINTR, the process was stopped or frozen meanwhile: wait again.
 * One that has to sleep takes a worker of io_uring's, of which a task has no more than
 * entries in its ring or four for each processor (IORING_REGISTER_IOWQ_MAX_WORKERS):
 * those beyond do not begin before others end.
 */
#define DISRUPTOR_URING_WAIT	1

/**
 * struct disruptor_uring_wait - in the SQE of DISRUPTOR_URING_WAIT
 * @target: see struct disruptor_wait_args
 * @deadline_ns: likewise
 */
struct disruptor_uring_wait {
	__aligned_u64 target;
	__aligned_u64 deadline_ns;
};

/*
 * The map.  The offset given to mmap(2) selects a region; regions are mapped
 * MAP_SHARED, in whole or from any page on.
 *
 *   region     ring fd    producer    consumer     length
 *   CONTROL    r          r           r            sizeof(struct disruptor_control)
 *   SEQUENCES  r          r           r            (seats) * page_size
 *   OWN        -          rw          rw           page_size, or twice that for
 *                                                  one of several producers, and
 *                                                  for a worker
 *   AVAILAB.   r          rw          r            4 * (index_mask + 1), to pages;
 *                                                  where there may be several
 *   EVENTS     r          rw          r, or rw     2 * events_bytes
 *                                     if MODIFIES
 *   DONE       -          -           rw           4 * (index_mask + 1), to pages;
 *                                                  for a worker
 *
 *   EINVAL   no such region, or beyond its end, or MAP_PRIVATE
 *   EACCES   write access to a region that is read-only for this fd, or any
 *            access that it does not give; a ring fd without
 *            DISRUPTOR_ACCESS_READ; mprotect(2) upgrades, too
 *   EPERM    execution
 *   EBUSY    another process has a writable map of this role; or the last one left a
 *            claim, which the kernel is about to take: try again
 *   ESTALE   the role was detached or evicted
 *
 * Maps are not inherited by fork(2), a writable one whatever madvise(2) is told,
 * cannot grow with mremap(2), are left out of core dumps, and writable ones cannot be
 * pinned (O_DIRECT, registered buffers): a revoked page has no other way in.  Nor can
 * events in huge pages.
 */
#define DISRUPTOR_REGION_SHIFT		40
#define DISRUPTOR_REGION_CONTROL	0
#define DISRUPTOR_REGION_SEQUENCES	1
#define DISRUPTOR_REGION_OWN		2
#define DISRUPTOR_REGION_AVAILABILITY	3	/* of rings with several producers */
#define DISRUPTOR_REGION_EVENTS		4
#define DISRUPTOR_REGION_DONE		5	/* of a worker's group */
#define DISRUPTOR_REGION_OFFSET(region)	((__u64)(region) << DISRUPTOR_REGION_SHIFT)

/*
 * Seats number the sequences: 0 is the producers' cursor, 1 + i is the i-th
 * consumer, 1 + consumers + i is the i-th producer where there may be several;
 * behind these are the workers of the first group, of the next, and so on.
 * Each has a page of its own, because a page is what a permission
 * is given for.  Its counter stands alone on a pair of cache lines, at an
 * offset that differs from page to page: counters at one offset would compete
 * for one set of the first-level cache.  What a group has claimed is counted in
 * the page of its seat, half a page from what it is done with.
 */
#define DISRUPTOR_SEAT_PRODUCERS	0
#define DISRUPTOR_SEAT_CONSUMER(i)	(1 + (i))
#define DISRUPTOR_MAX_SEATS		(1 + DISRUPTOR_MAX_CONSUMERS)	/* of those that publish */
#define DISRUPTOR_LINE			128	/* bytes; prefetchers take lines in pairs */
#define DISRUPTOR_COUNTER_OFFSET(seat)	(((seat) % 32) * DISRUPTOR_LINE)
#define DISRUPTOR_CLAIMED_OFFSET(seat)	DISRUPTOR_COUNTER_OFFSET((seat) + 16)

/**
 * struct disruptor_intent - what one of several producers, or a worker, is about
 * @lo: first sequence of its claim
 * @hi: end of it; 0: it has none
 *
 * Where there may be several producers, seat 0 counts what is claimed, and is
 * moved by compare-and-swap; page 0 of OWN is that counter's, page 1 has this, at
 * the offset of the producer's seat.  In this order, a producer
 *
 *   1. stores @lo (release), then @hi, of what it is about to claim,
 *   2. moves the counter from @lo to @hi (acquire and release), or goes back to 1,
 *   3. writes the events, and stores (release) the lap of each in the
 *      availability array,
 *   4. stores 0 in @hi (release).
 *
 * Slot i of the array has the lap of the event last published there.  Consumers
 * straight after the producers read up to the first that is not.  When a producer
 * dies, the kernel marks what it had claimed and not published as aborted:
 * consumers skip it.
 *
 * A worker's page 0 of OWN is its group's: with the counter that everybody else
 * knows, below which the group is done with all, and the one of what it has claimed.
 * Page 1 has the intent, DONE the lap of the event last done at each slot.  In this
 * order, a worker
 *
 *   1. stores @lo (release), then @hi, of events that are there,
 *   2. moves what is claimed from @lo to @hi (acquire and release), or goes back
 *      to 1,
 *   3. handles the events, and stores (release) the lap of each in DONE,
 *   4. passes a full barrier; then, as long as there are laps from the group's
 *      counter on, moves that to the end of them by compare-and-swap (a full
 *      barrier), until that fails,
 *   5. stores 0 in @hi (release), and looks for sleepers, if it moved the counter.
 *
 * When a worker dies, the kernel does 4 on its behalf; what it had claimed and was
 * not done with it marks as aborted in DONE, for others to ADOPT.
 */
struct disruptor_intent {
	__aligned_u64 lo;
	__aligned_u64 hi;
};

#define DISRUPTOR_LAP_MASK		0x7fffffffU
#define DISRUPTOR_LAP_ABORTED		0x80000000U
/* @shift: log2(index_mask + 1) */
#define DISRUPTOR_LAP(sequence, shift)	\
	((__u32)(((sequence) >> (shift)) + 1) & DISRUPTOR_LAP_MASK)

/**
 * struct disruptor_publisher - what the kernel tells the holder of a seat
 * @look_at: publishing this sequence or a later one needs a look at @fence and
 *	@wake_at; the one compare that every publish pays
 * @wake_at: publishing this sequence or a later one must be followed by WAKE; all
 *	ones while nobody sleeps
 * @waits_on: bit i: it waits on consumer i.  For the producers: the gating
 *	sequences; for a consumer, 0: it waits on the cursor alone.  Valid
 *	under the membership epoch
 * @fence: not 0: a publisher needs a full barrier between the store of its
 *	counter and the load of @wake_at, and @look_at is 0.  A publisher that
 *	has done so many times for nothing says so (DISRUPTOR_WAKE_UNFENCE)
 * @orphans: of a group, not 0: there are events to ADOPT
 * @reserved: 0
 *
 * A publisher that always has a full barrier there need read @wake_at alone.
 */
struct disruptor_publisher {
	__aligned_u64 look_at;
	__aligned_u64 wake_at;
	__aligned_u64 waits_on;
	__u32 fence;
	__u32 orphans;
	__u32 reserved[24];
};

#define DISRUPTOR_LAYOUT_VERSION	1
#define DISRUPTOR_NOBODY_SLEEPS		(~(__u64)0)

/**
 * struct disruptor_control - the control region: written by the kernel alone
 * @layout: DISRUPTOR_LAYOUT_VERSION
 * @slot_size: bytes of an event
 * @slots: how many events the ring holds
 * @index_mask: as in struct disruptor_info
 * @nr_consumers: how many there are
 * @nr_producers: how many may be attached at once
 * @reserved: 0
 * @epoch: moves whenever a @waits_on changes.  Read it, the mask, the
 *	sequences the mask names, and the epoch again; if it moved, start over
 * @aborted: no sequence from here on is aborted
 * @state: DISRUPTOR_STATE_*
 * @producers: how many are attached
 * @reserved2: 0
 * @seat: the producers' and every consumer's
 */
struct disruptor_control {
	__u32 layout;
	__u32 slot_size;
	__aligned_u64 slots;
	__aligned_u64 index_mask;
	__u32 nr_consumers;
	__u32 nr_producers;
	__u32 reserved[24];

	__aligned_u64 epoch;
	__aligned_u64 aborted;
	__u32 state;
	__u32 producers;
	__u32 reserved2[26];

	struct disruptor_publisher seat[DISRUPTOR_MAX_SEATS];
};

#endif /* _UAPI_LINUX_DISRUPTOR_H */
