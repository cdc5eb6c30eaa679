/* SPDX-License-Identifier: MIT */
/*
 * Queues of the kernel, behind file descriptors.
 */
#ifndef DISRUPTOR_BENCH_DESCRIPTOR_H
#define DISRUPTOR_BENCH_DESCRIPTOR_H

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "queue.h"

/* The ends of a pipe or the like: one is written, the other read. */
struct ends {
	int from;
	int to;
};

/* Which do not wait, but where the contest wants sleep. */
static inline bool descriptor_waits(const struct contest *contest)
{
	return contest->wait >= WAIT_BLOCK;
}

static inline void ends_drop(struct contest *contest, void *queue)
{
	struct ends *ends = queue;

	(void)contest;
	close(ends->from);
	close(ends->to);
	free(ends);
}

/*
 * What a call on a descriptor has done, if anything; 0: there is nothing, or no room.
 * A side cannot go on after an error.
 */
static inline uint64_t descriptor_done(const char *call, ssize_t result)
{
	if (result > 0)
		return result;
	if (result < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	fprintf(stderr, "%s: %s\n", call, result ? strerror(errno) : "end of file");
	_exit(1);
}

/* ---- streams of bytes ----------------------------------------------------------- */

/*
 * Whole events.  Of what is no more than PIPE_BUF all goes in or nothing, so that several
 * producers can write; of more, a part, and the rest of the last event has to follow.
 */
static inline uint64_t
stream_write(void *queue, uint64_t size, const void *events, uint64_t n)
{
	const struct ends *ends = queue;
	uint64_t bytes = descriptor_done("write", write(ends->to, events, n * size));

	while (bytes % size)
		bytes += descriptor_done("write", write(ends->to,
							(const char *)events + bytes,
							size - bytes % size));
	return bytes / size;
}

static inline uint64_t
stream_write_atomic(void *queue, uint64_t size, const void *events, uint64_t n)
{
	uint64_t most = PIPE_BUF / size;

	return stream_write(queue, size, events, n < most ? n : most);
}

static inline uint64_t
stream_read(void *queue, uint64_t size, void *events, uint64_t n)
{
	const struct ends *ends = queue;
	uint64_t bytes;

	if (!n)
		return 0;
	bytes = descriptor_done("read", read(ends->from, events, n * size));
	while (bytes % size)
		bytes += descriptor_done("read", read(ends->from,
						      (char *)events + bytes,
						      size - bytes % size));
	return bytes / size;
}

/* The kinds of queue @name and @name_of_several of a stream that @maker makes. */
#define STREAM_KINDS(name, maker)						\
	static const struct queue_kind name = {					\
		.blocks = true,							\
		.make = maker,							\
		.drop = ends_drop,						\
		.write = stream_write,						\
		.read = stream_read,						\
	};									\
	static const struct queue_kind name##_of_several = {			\
		.blocks = true,							\
		.several = true,						\
		.make = maker,							\
		.drop = ends_drop,						\
		.write = stream_write_atomic,					\
		.read = stream_read,						\
	}

#endif /* DISRUPTOR_BENCH_DESCRIPTOR_H */
