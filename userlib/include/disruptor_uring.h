/* SPDX-License-Identifier: MIT */
/*
 * libdisruptor with liburing: requests that complete when a ring moves.
 *
 * They are for rings of the device.  Each function prepares @sqe and returns 0, or
 * -EOPNOTSUPP for a private ring.  The handle must stay attached until the
 * request has completed or was cancelled (io_uring_prep_cancel()).
 *
 * A request that polls is cheaper: it needs no thread of the kernel while it
 * waits.  One that waits knows an exact target and a deadline.
 */
#ifndef DISRUPTOR_URING_H
#define DISRUPTOR_URING_H

#include <liburing.h>
#include <poll.h>

#include <disruptor.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A completion whenever events have come, until one comes without
 * IORING_CQE_F_MORE.  Each stands for all that has come until now: consume until
 * disruptor_try_wait() says -EAGAIN.  @cqe->res is POLLIN, POLLHUP at the end of
 * the stream, POLLERR after an eviction.
 */
static inline int
disruptor_consumer_prep_poll(struct io_uring_sqe *sqe,
			     const struct disruptor_consumer *consumer)
{
	int fd = disruptor_consumer_fileno(consumer);

	if (fd < 0)
		return fd;
	io_uring_prep_poll_multishot(sqe, fd, POLLIN);
	return 0;
}

/* Likewise, of a worker: take until disruptor_worker_try_take() says -EAGAIN. */
static inline int
disruptor_worker_prep_poll(struct io_uring_sqe *sqe,
			   const struct disruptor_worker *worker)
{
	int fd = disruptor_worker_fileno(worker);

	if (fd < 0)
		return fd;
	io_uring_prep_poll_multishot(sqe, fd, POLLIN);
	return 0;
}

/* Likewise, whenever there is room: @cqe->res is POLLOUT or POLLERR. */
static inline int
disruptor_producer_prep_poll(struct io_uring_sqe *sqe,
			     const struct disruptor_producer *producer)
{
	int fd = disruptor_producer_fileno(producer);

	if (fd < 0)
		return fd;
	io_uring_prep_poll_multishot(sqe, fd, POLLOUT);
	return 0;
}

static inline void
__disruptor_prep_wait(struct io_uring_sqe *sqe, int fd, uint64_t target,
		      uint64_t deadline_ns)
{
	struct disruptor_uring_wait wait;

	wait.target = target;
	wait.deadline_ns = deadline_ns;
	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, fd, NULL, 0, 0);
	sqe->cmd_op = DISRUPTOR_URING_WAIT;
	memcpy(sqe->cmd, &wait, sizeof(wait));
}

/*
 * One completion when @n events not yet released are there.  @cqe->res is 0, or
 * as DISRUPTOR_IOC_WAIT: -ETIMEDOUT, -ENODATA (the stream ends before; there may
 * be some), -ECANCELED, -ESTALE, -EINVAL (@n is more than the ring holds).
 *
 * A disruptor_halt() meanwhile may end it, and not a wait of the same handle.
 */
static inline int
disruptor_consumer_prep_wait(struct io_uring_sqe *sqe,
			     const struct disruptor_consumer *consumer,
			     uint64_t n, uint64_t deadline_ns)
{
	int fd = disruptor_consumer_fileno(consumer);

	if (fd < 0)
		return fd;
	__disruptor_prep_wait(sqe, fd, consumer->next + n, deadline_ns);
	return 0;
}

/* Likewise, when @n events are there that no worker has taken, or one has left some. */
static inline int
disruptor_worker_prep_wait(struct io_uring_sqe *sqe,
			   const struct disruptor_worker *worker, uint64_t n,
			   uint64_t deadline_ns)
{
	int fd = disruptor_worker_fileno(worker);

	if (fd < 0)
		return fd;
	__disruptor_prep_wait(sqe, fd, __atomic_load_n(worker->claimed,
						       __ATOMIC_RELAXED) + n,
			      deadline_ns);
	return 0;
}

/* Likewise, when @n events can be claimed. */
static inline int
disruptor_producer_prep_wait(struct io_uring_sqe *sqe,
			     const struct disruptor_producer *producer,
			     uint64_t n, uint64_t deadline_ns)
{
	int fd = disruptor_producer_fileno(producer);

	if (fd < 0)
		return fd;
	__disruptor_prep_wait(sqe, fd, producer->next + n, deadline_ns);
	return 0;
}

#ifdef __cplusplus
}
#endif

#endif /* DISRUPTOR_URING_H */
