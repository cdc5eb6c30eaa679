/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An io_uring, without the library: WAIT and poll put into it, and what comes out.
 */
#ifndef SELFTESTS_DEVICE_URING_H
#define SELFTESTS_DEVICE_URING_H

#include "wait.h"

#include <linux/io_uring.h>

#define ENTRIES		256

/**
 * struct uring - an io_uring, without the library
 * @fd: the fd
 * @ring: both queues
 * @sqes: submissions
 * @params: what the kernel said of them
 */
struct uring {
	int fd;
	char *ring;
	struct io_uring_sqe *sqes;
	struct io_uring_params params;
};

static inline unsigned int *in_ring(const struct uring *u, __u32 offset)
{
	return (unsigned int *)(u->ring + offset);
}

/* 0 or -errno. */
static inline int uring_open(struct uring *u)
{
	memset(u, 0, sizeof(*u));
	u->fd = syscall(SYS_io_uring_setup, ENTRIES, &u->params);
	if (u->fd < 0)
		return -errno;
	u->ring = mmap(NULL, u->params.cq_off.cqes +
		       u->params.cq_entries * sizeof(struct io_uring_cqe),
		       PROT_READ | PROT_WRITE, MAP_SHARED, u->fd,
		       IORING_OFF_SQ_RING);
	u->sqes = mmap(NULL, ENTRIES * sizeof(*u->sqes), PROT_READ | PROT_WRITE,
		       MAP_SHARED, u->fd, IORING_OFF_SQES);
	return u->ring == MAP_FAILED || u->sqes == MAP_FAILED ? -ENOMEM : 0;
}

static inline struct io_uring_sqe *next_sqe(struct uring *u, __u8 opcode,
					    int fd, __u64 user_data)
{
	unsigned int tail = *in_ring(u, u->params.sq_off.tail);
	unsigned int index = tail & *in_ring(u, u->params.sq_off.ring_mask);
	struct io_uring_sqe *sqe = &u->sqes[index];

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = opcode;
	sqe->fd = fd;
	sqe->user_data = user_data;
	in_ring(u, u->params.sq_off.array)[index] = index;
	return sqe;
}

/* Put it into the queue. */
static inline void queue_sqe(struct uring *u)
{
	unsigned int *tail = in_ring(u, u->params.sq_off.tail);

	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
}

/* And all that are there to the kernel: how many it took. */
static inline int submit(struct uring *u, unsigned int nr)
{
	int ret = syscall(SYS_io_uring_enter, u->fd, nr, 0, 0, NULL, 0);

	return ret < 0 ? -errno : ret;
}

static inline void queue_wait(struct uring *u, int fd, __u64 target,
			      __u64 deadline_ns, __u64 user_data)
{
	struct io_uring_sqe *sqe = next_sqe(u, IORING_OP_URING_CMD, fd,
					    user_data);
	struct disruptor_uring_wait wait = {
		.target = target, .deadline_ns = deadline_ns,
	};

	sqe->cmd_op = DISRUPTOR_URING_WAIT;
	memcpy(sqe->cmd, &wait, sizeof(wait));
	queue_sqe(u);
}

static inline int submit_wait(struct uring *u, int fd, __u64 target,
			      __u64 deadline_ns, __u64 user_data)
{
	queue_wait(u, fd, target, deadline_ns, user_data);
	return submit(u, 1);
}

static inline int submit_poll(struct uring *u, int fd, __u32 events,
			      __u64 user_data)
{
	struct io_uring_sqe *sqe = next_sqe(u, IORING_OP_POLL_ADD, fd,
					    user_data);

	sqe->poll32_events = events;
	sqe->len = IORING_POLL_ADD_MULTI;
	queue_sqe(u);
	return submit(u, 1);
}

static inline int submit_cancel(struct uring *u, __u64 whom, __u64 user_data)
{
	struct io_uring_sqe *sqe = next_sqe(u, IORING_OP_ASYNC_CANCEL, -1,
					    user_data);

	sqe->addr = whom;
	queue_sqe(u);
	return submit(u, 1);
}

static inline bool take_cqe(struct uring *u, struct io_uring_cqe *cqe)
{
	unsigned int *head = in_ring(u, u->params.cq_off.head);
	unsigned int tail = __atomic_load_n(in_ring(u, u->params.cq_off.tail),
					    __ATOMIC_ACQUIRE);
	struct io_uring_cqe *cqes = (void *)(u->ring + u->params.cq_off.cqes);

	if (*head == tail)
		return false;
	*cqe = cqes[*head & *in_ring(u, u->params.cq_off.ring_mask)];
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return true;
}

/* The next completion, if there is one within @ms, with patience. */
static inline bool next_cqe(struct uring *u, struct io_uring_cqe *cqe,
			    unsigned int ms)
{
	__u64 end = in_ms(ms * patience());
	struct __kernel_timespec ts;
	struct io_uring_getevents_arg arg = { .ts = (uintptr_t)&ts };

	while (!take_cqe(u, cqe)) {
		__u64 now = now_ns();

		if (now >= end)
			return false;
		ts.tv_sec = (end - now) / 1000000000;
		ts.tv_nsec = (end - now) % 1000000000;
		syscall(SYS_io_uring_enter, u->fd, 0, 1,
			IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &arg,
			sizeof(arg));
	}
	return true;
}

#define NOTHING	0x7fffffff

/* The result of the next completion, which must be that of @user_data. */
static inline int result_of(struct uring *u, __u64 user_data)
{
	struct io_uring_cqe cqe;

	if (!next_cqe(u, &cqe, LONG_MS) || cqe.user_data != user_data)
		return NOTHING;
	return cqe.res;
}

static inline bool stays_quiet(struct uring *u)
{
	struct io_uring_cqe cqe;

	return !next_cqe(u, &cqe, QUIET_MS);
}

/* More of those workers that sleep in a WAIT. */
static inline int allow_workers(struct uring *u, unsigned int nr)
{
	unsigned int workers[2] = { nr, nr };

	return syscall(SYS_io_uring_register, u->fd,
		       IORING_REGISTER_IOWQ_MAX_WORKERS, workers, 2) ?
		-errno : 0;
}

#endif /* SELFTESTS_DEVICE_URING_H */
