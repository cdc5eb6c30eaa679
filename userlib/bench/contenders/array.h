/* SPDX-License-Identifier: MIT */
/*
 * An array of slots that is used round and round, for queues that only count what is in
 * it.  @at counts slots from the first ever used; there is a power of two of them.
 */
#ifndef DISRUPTOR_BENCH_ARRAY_H
#define DISRUPTOR_BENCH_ARRAY_H

#include "queue.h"

struct array {
	uint64_t mask;
	unsigned char slots[] __attribute__((aligned(LINE_BYTES)));
};

static inline struct array *array_alloc(const struct contest *contest)
{
	struct array *array = shared_alloc(sizeof(*array) +
					   contest->slots * contest->size);

	array->mask = contest->slots - 1;
	return array;
}

static inline void array_free(const struct contest *contest, struct array *array)
{
	shared_free(array, sizeof(*array) + contest->slots * contest->size);
}

/* How many of @n lie before the end of the array. */
CONTEST_INLINE uint64_t
array_before_end(const struct array *array, uint64_t at, uint64_t n)
{
	uint64_t left = array->mask + 1 - (at & array->mask);

	return n < left ? n : left;
}

CONTEST_INLINE void
array_fill(struct array *array, uint64_t size, uint64_t at, uint64_t n,
	   queue_fill_fn *fill, void *context)
{
	uint64_t first = array_before_end(array, at, n), i;
	unsigned char *slot = array->slots + (at & array->mask) * size;

	for (i = 0; i < first; i++)
		fill(context, slot + i * size, i);
	for (; i < n; i++)
		fill(context, array->slots + (i - first) * size, i);
}

CONTEST_INLINE void
array_use(const struct array *array, uint64_t size, uint64_t at, uint64_t n,
	  queue_use_fn *use, void *context)
{
	uint64_t first = array_before_end(array, at, n), i;
	const unsigned char *slot = array->slots + (at & array->mask) * size;

	for (i = 0; i < first; i++)
		use(context, slot + i * size);
	for (; i < n; i++)
		use(context, array->slots + (i - first) * size);
}

CONTEST_INLINE void
array_write(struct array *array, uint64_t size, uint64_t at, const void *events,
	    uint64_t n)
{
	uint64_t first = array_before_end(array, at, n);

	memcpy(array->slots + (at & array->mask) * size, events, first * size);
	memcpy(array->slots, (const char *)events + first * size, (n - first) * size);
}

CONTEST_INLINE void
array_read(const struct array *array, uint64_t size, uint64_t at, void *events,
	   uint64_t n)
{
	uint64_t first = array_before_end(array, at, n);

	memcpy(events, array->slots + (at & array->mask) * size, first * size);
	memcpy((char *)events + first * size, array->slots, (n - first) * size);
}

/**
 * struct array_ends - who puts and who takes, on a line each
 * @tail: slots used by the producer
 * @room: slots that it knows to be free
 * @head: slots used by the consumer
 * @there: events that it knows to be there
 */
struct array_ends {
	uint64_t tail __attribute__((aligned(LINE_BYTES)));
	uint64_t room;
	uint64_t head __attribute__((aligned(LINE_BYTES)));
	uint64_t there;
};

/*
 * The kind of queue of a struct queue with an @array and @ends.  look_for_room() and
 * look_for_events() say how much of it there is if none is known, tell_published() and
 * tell_released() tell the other end of @n more.
 */
#define ARRAY_KIND(name)							\
	CONTEST_INLINE uint64_t name##_room(struct queue *queue, uint64_t n)	\
	{									\
		if (!queue->ends.room)						\
			queue->ends.room = look_for_room(queue);		\
		return n < queue->ends.room ? n : queue->ends.room;		\
	}									\
										\
	CONTEST_INLINE uint64_t name##_publish(struct queue *queue, uint64_t n)	\
	{									\
		queue->ends.tail += n;						\
		queue->ends.room -= n;						\
		if (n)								\
			tell_published(queue, n);				\
		return n;							\
	}									\
										\
	CONTEST_INLINE uint64_t name##_there(struct queue *queue, uint64_t n)	\
	{									\
		if (n && !queue->ends.there)					\
			queue->ends.there = look_for_events(queue);		\
		return n < queue->ends.there ? n : queue->ends.there;		\
	}									\
										\
	CONTEST_INLINE uint64_t name##_release(struct queue *queue, uint64_t n)	\
	{									\
		queue->ends.head += n;						\
		queue->ends.there -= n;						\
		if (n)								\
			tell_released(queue, n);				\
		return n;							\
	}									\
										\
	CONTEST_INLINE uint64_t							\
	name##_put(void *at, uint64_t size, uint64_t n, queue_fill_fn *fill,	\
		   void *context)						\
	{									\
		struct queue *queue = at;					\
										\
		n = name##_room(queue, n);					\
		array_fill(queue->array, size, queue->ends.tail, n, fill,	\
			   context);						\
		return name##_publish(queue, n);				\
	}									\
										\
	CONTEST_INLINE uint64_t							\
	name##_write(void *at, uint64_t size, const void *events, uint64_t n)	\
	{									\
		struct queue *queue = at;					\
										\
		n = name##_room(queue, n);					\
		array_write(queue->array, size, queue->ends.tail, events, n);	\
		return name##_publish(queue, n);				\
	}									\
										\
	CONTEST_INLINE uint64_t							\
	name##_take(void *at, uint64_t size, uint64_t n, queue_use_fn *use,	\
		    void *context)						\
	{									\
		struct queue *queue = at;					\
										\
		n = name##_there(queue, n);					\
		array_use(queue->array, size, queue->ends.head, n, use,		\
			  context);						\
		return name##_release(queue, n);				\
	}									\
										\
	CONTEST_INLINE uint64_t							\
	name##_read(void *at, uint64_t size, void *events, uint64_t n)		\
	{									\
		struct queue *queue = at;					\
										\
		n = name##_there(queue, n);					\
		array_read(queue->array, size, queue->ends.head, events, n);	\
		return name##_release(queue, n);				\
	}									\
										\
	static const struct queue_kind name = {					\
		.blocks = true,							\
		.make = make,							\
		.drop = drop,							\
		.put = name##_put,						\
		.write = name##_write,						\
		.take = name##_take,						\
		.read = name##_read,						\
	}

#endif /* DISRUPTOR_BENCH_ARRAY_H */
