/* SPDX-License-Identifier: MIT */
/*
 * Contenders that are plain queues: every shape, made of putting events into a queue
 * and taking them out.  A shape with several edges is made of as many queues, as it is
 * where LMAX compares itself with queues.
 */
#ifndef DISRUPTOR_BENCH_QUEUE_H
#define DISRUPTOR_BENCH_QUEUE_H

#include <stdlib.h>
#include <string.h>

#include "contender.h"

#define QUEUE_MAX	4	/* of a shape */
#define QUEUE_BUFFER	65536	/* bytes that a queue which copies is given at once */
#define QUEUE_BURST	64	/* events that a stage passes on at once */

/* Write the event of a slot, the @i-th of those put, or read one. */
typedef void queue_fill_fn(void *context, void *slot, uint64_t i);
typedef void queue_use_fn(void *context, const void *slot);

/**
 * struct queue_kind - how a queue is worked
 * @blocks: it puts its users to sleep where WAIT_BLOCK and WAIT_SLEEP want that
 * @several: it is for several producers too
 * @make: make one, for @producers; what cannot be done is refused with
 *	contest_refuse()
 * @drop: undo it
 * @put: put up to @n events, which @fill writes; how many there was room for
 * @write: likewise, @events are copied.  One of the two may be NULL
 * @take: take up to @n events, which @use reads; how many there were
 * @read: likewise, they are copied to @events.  One of the two may be NULL
 *
 * Putting and taking are inlined, and @size is a constant where it is 8: the compiler
 * is given what it would be by a loop that somebody wrote for one queue.
 */
struct queue_kind {
	bool blocks;
	bool several;
	int (*make)(struct contest *contest, unsigned int producers, void **queue);
	void (*drop)(struct contest *contest, void *queue);
	uint64_t (*put)(void *queue, uint64_t size, uint64_t n,
			queue_fill_fn *fill, void *context);
	uint64_t (*write)(void *queue, uint64_t size, const void *events, uint64_t n);
	uint64_t (*take)(void *queue, uint64_t size, uint64_t n,
			 queue_use_fn *use, void *context);
	uint64_t (*read)(void *queue, uint64_t size, void *events, uint64_t n);
};

/* ---- one in terms of the other ------------------------------------------------ */

static __thread unsigned char queue_buffer[QUEUE_BUFFER]
	__attribute__((aligned(LINE_BYTES)));

CONTEST_INLINE uint64_t queue_at_once(uint64_t size, uint64_t n)
{
	return n < QUEUE_BUFFER / size ? n : QUEUE_BUFFER / size;
}

CONTEST_INLINE uint64_t
queue_put(const struct queue_kind *kind, void *queue, uint64_t size, uint64_t n,
	  queue_fill_fn *fill, void *context)
{
	uint64_t i;

	if (kind->put)
		return kind->put(queue, size, n, fill, context);
	n = queue_at_once(size, n);
	for (i = 0; i < n; i++)
		fill(context, queue_buffer + i * size, i);
	return kind->write(queue, size, queue_buffer, n);
}

CONTEST_INLINE uint64_t
queue_take(const struct queue_kind *kind, void *queue, uint64_t size, uint64_t n,
	   queue_use_fn *use, void *context)
{
	uint64_t i;

	if (kind->take)
		return kind->take(queue, size, n, use, context);
	n = kind->read(queue, size, queue_buffer, queue_at_once(size, n));
	for (i = 0; i < n; i++)
		use(context, queue_buffer + i * size);
	return n;
}

/* An array that is copied in, or out. */
struct queue_array {
	unsigned char *at;
	uint64_t size;
};

CONTEST_INLINE void queue_fill_copy(void *context, void *slot, uint64_t i)
{
	struct queue_array *array = (struct queue_array *)context;

	memcpy(slot, array->at + i * array->size, array->size);
}

CONTEST_INLINE void queue_use_copy(void *context, const void *slot)
{
	struct queue_array *array = (struct queue_array *)context;

	memcpy(array->at, slot, array->size);
	array->at += array->size;
}

CONTEST_INLINE uint64_t
queue_write(const struct queue_kind *kind, void *queue, uint64_t size,
	    void *events, uint64_t n)
{
	struct queue_array array = { (unsigned char *)events, size };

	return kind->write ? kind->write(queue, size, events, n) :
			     kind->put(queue, size, n, queue_fill_copy, &array);
}

CONTEST_INLINE uint64_t
queue_read(const struct queue_kind *kind, void *queue, uint64_t size,
	   void *events, uint64_t n)
{
	struct queue_array array = { (unsigned char *)events, size };

	return kind->read ? kind->read(queue, size, events, n) :
			    kind->take(queue, size, n, queue_use_copy, &array);
}

/* All of @events, however long there is no room, or none. */
CONTEST_INLINE void
queue_write_all(const struct queue_kind *kind, const struct contest *contest,
		void *queue, uint64_t size, void *events, uint64_t n)
{
	unsigned char *at = (unsigned char *)events;
	unsigned int looks = 0;
	uint64_t done, some;

	for (done = 0; done < n; done += some) {
		some = queue_write(kind, queue, size, at + done * size, n - done);
		if (some)
			looks = 0;
		else
			contest_idle(contest->wait, &looks);
	}
}

CONTEST_INLINE void
queue_read_all(const struct queue_kind *kind, const struct contest *contest,
	       void *queue, uint64_t size, void *events, uint64_t n)
{
	unsigned char *at = (unsigned char *)events;
	unsigned int looks = 0;
	uint64_t done, some;

	for (done = 0; done < n; done += some) {
		some = queue_read(kind, queue, size, at + done * size, n - done);
		if (some)
			looks = 0;
		else
			contest_idle(contest->wait, &looks);
	}
}

/* ---- the queues of a shape ---------------------------------------------------- */

struct queues {
	unsigned int nr;
	void *at[QUEUE_MAX];
};

static inline void *queue_of(const struct contest_side *side, unsigned int nr)
{
	return ((struct queues *)side->contest->state)->at[nr];
}

static inline unsigned int queue_count(enum contest_shape shape)
{
	switch (shape) {
	case SHAPE_PING_PONG:		/* there, and back */
		return 2;
	case SHAPE_PIPELINE:		/* to the first, to the second, to the third */
	case SHAPE_MULTICAST:		/* to each */
	case SHAPE_THREE_TO_THREE:	/* from each */
		return 3;
	case SHAPE_DIAMOND:		/* to the first and second, from them to the third */
		return 4;
	default:
		return 1;
	}
}

static inline void queues_drop(const struct queue_kind *kind, struct contest *contest)
{
	struct queues *queues = (struct queues *)contest->state;

	while (queues->nr)
		kind->drop(contest, queues->at[--queues->nr]);
	free(queues);
}

static inline int
queues_refuse(const struct queue_kind *kind, const struct contest *contest)
{
	bool sleeps = contest->wait >= WAIT_BLOCK;

	if (contest->shape == SHAPE_RAW)
		return contest_refuse(contest, "a queue is nothing without events");
	if (contest->shape == SHAPE_POLLER)
		return contest_refuse(contest, "a queue is polled anyway");
	if (contest->shape == SHAPE_THREE_TO_ONE && !kind->several)
		return contest_refuse(contest, "it is for one producer");
	if (sleeps && !kind->blocks)
		return contest_refuse(contest, "it puts nobody to sleep");
	if (sleeps && contest->shape == SHAPE_THREE_TO_THREE)
		return contest_refuse(contest, "it sleeps on one queue of three");
	if (contest->slots & (contest->slots - 1))
		return contest_refuse(contest, "slots are a power of two");
	return 0;
}

static inline int queues_make(const struct queue_kind *kind, struct contest *contest)
{
	unsigned int producers = contest->shape == SHAPE_THREE_TO_ONE ? 3 : 1;
	unsigned int nr = queue_count(contest->shape);
	int err = queues_refuse(kind, contest);
	struct queues *queues;

	if (err)
		return err;
	queues = (struct queues *)calloc(1, sizeof(*queues));
	if (!queues)
		return -ENOMEM;
	contest->state = queues;
	while (!err && queues->nr < nr) {
		err = kind->make(contest, producers, &queues->at[queues->nr]);
		queues->nr += !err;
	}
	if (err)
		queues_drop(kind, contest);
	return err;
}

/* ---- messages ------------------------------------------------------------------- */

/**
 * struct queue_messages - some that are sent or awaited
 * @size: of each
 * @next: the first that is not yet sent, or seen
 * @producer: who sends them
 * @wrong: bits that were wrong in what was seen
 */
struct queue_messages {
	uint64_t size;
	uint64_t next;
	unsigned int producer;
	uint64_t wrong;
};

CONTEST_INLINE void queue_fill_message(void *context, void *slot, uint64_t i)
{
	struct queue_messages *messages = (struct queue_messages *)context;

	contest_fill(slot, messages->size,
		     contest_value(messages->producer, messages->next + i));
}

CONTEST_INLINE void queue_use_message(void *context, const void *slot)
{
	struct queue_messages *messages = (struct queue_messages *)context;

	messages->wrong |= contest_check(slot, messages->size,
					 contest_value(messages->producer,
						       messages->next++));
}

/* From any producer. */
struct queue_crowd {
	uint64_t size;
	struct contest_side *side;
};

CONTEST_INLINE void queue_use_any(void *context, const void *slot)
{
	struct queue_crowd *crowd = (struct queue_crowd *)context;

	contest_check_any(crowd->side, slot, crowd->size);
}

CONTEST_INLINE void
queue_send_messages(const struct queue_kind *kind, struct contest_side *side,
		    uint64_t size, unsigned int nr, uint64_t lo, uint64_t hi,
		    uint64_t batch)
{
	struct queue_messages messages = { size, lo, side->nr, 0 };
	const struct contest *contest = side->contest;
	void *queue = queue_of(side, nr);
	unsigned int looks = 0;
	uint64_t n;

	while (messages.next < hi) {
		n = hi - messages.next < batch ? hi - messages.next : batch;
		n = queue_put(kind, queue, size, n, queue_fill_message, &messages);
		messages.next += n;
		if (n)
			looks = 0;
		else
			contest_idle(contest->wait, &looks);
	}
}

/* From the only producer of queue @nr. */
CONTEST_INLINE void
queue_take_messages(const struct queue_kind *kind, struct contest_side *side,
		    uint64_t size, unsigned int nr, uint64_t count)
{
	struct queue_messages messages = { size, 0, 0, 0 };
	void *queue = queue_of(side, nr);
	unsigned int looks = 0;

	while (messages.next < count) {
		if (queue_take(kind, queue, size, count - messages.next,
			       queue_use_message, &messages))
			looks = 0;
		else
			contest_idle(side->contest->wait, &looks);
	}
	side->wrong |= messages.wrong;
}

/* From all of @nr queues, whoever put them there. */
CONTEST_INLINE int
queue_consume_any(const struct queue_kind *kind, struct contest_side *side,
	       uint64_t size, unsigned int nr, uint64_t count)
{
	struct queue_crowd crowd = { size, side };
	unsigned int looks = 0, i;
	uint64_t some;

	while (count) {
		for (some = 0, i = 0; i < nr; i++)
			some += queue_take(kind, queue_of(side, i), size,
					   count - some, queue_use_any, &crowd);
		count -= some;
		if (some)
			looks = 0;
		else
			contest_idle(side->contest->wait, &looks);
	}
	return 0;
}

/* A batch at a time to each, so that nobody waits for what another has no room for. */
CONTEST_INLINE void
queue_send_to_each(const struct queue_kind *kind, struct contest_side *side,
		   uint64_t size, unsigned int nr, uint64_t lo, uint64_t hi)
{
	uint64_t batch = side->contest->batch, end;
	unsigned int i;

	for (; lo < hi; lo = end) {
		end = hi - lo < batch ? hi : lo + batch;
		for (i = 0; i < nr; i++)
			queue_send_messages(kind, side, size, i, lo, end, batch);
	}
}

/* ---- stages ----------------------------------------------------------------------- */

/* Take from queue @from, do what consumer @side does, pass it on to queue @to. */
CONTEST_INLINE void
queue_pass_on(const struct queue_kind *kind, struct contest_side *side,
	      uint64_t size, unsigned int from, unsigned int to, uint64_t count)
{
	struct contest_event events[QUEUE_BURST];
	unsigned int looks = 0;
	uint64_t next = 0, n, i;

	while (next < count) {
		n = count - next < QUEUE_BURST ? count - next : QUEUE_BURST;
		n = queue_read(kind, queue_of(side, from), size, events, n);
		for (i = 0; i < n; i++)
			side->wrong |= contest_stage(side->contest->shape, side->nr,
						     &events[i],
						     contest_value(0, next + i));
		if (to < QUEUE_MAX)
			queue_write_all(kind, side->contest, queue_of(side, to), size,
					events, n);
		next += n;
		if (n)
			looks = 0;
		else
			contest_idle(side->contest->wait, &looks);
	}
}

/* The end of a diamond: the same event by both ways. */
CONTEST_INLINE void
queue_join(const struct queue_kind *kind, struct contest_side *side, uint64_t size,
	   unsigned int a, unsigned int b, uint64_t count)
{
	struct contest_event events[QUEUE_BURST], others[QUEUE_BURST];
	unsigned int looks = 0;
	uint64_t next = 0, n, i;

	while (next < count) {
		n = count - next < QUEUE_BURST ? count - next : QUEUE_BURST;
		n = queue_read(kind, queue_of(side, a), size, events, n);
		queue_read_all(kind, side->contest, queue_of(side, b), size, others, n);
		for (i = 0; i < n; i++, next++) {
			events[i].two = others[i].two;
			side->wrong |= contest_stage(SHAPE_DIAMOND, side->nr,
						     &events[i],
						     contest_value(0, next));
		}
		if (n)
			looks = 0;
		else
			contest_idle(side->contest->wait, &looks);
	}
}

/* ---- a way ------------------------------------------------------------------------ */

/* All to queue @nr. */
CONTEST_INLINE int
queue_produce(const struct queue_kind *kind, struct contest_side *side, uint64_t size,
	      unsigned int nr, uint64_t lo, uint64_t hi)
{
	if (side->contest->batch == 1)
		queue_send_messages(kind, side, size, nr, lo, hi, 1);
	else
		queue_send_messages(kind, side, size, nr, lo, hi, side->contest->batch);
	return 0;
}

CONTEST_INLINE void
queue_copy_in(const struct queue_kind *kind, struct contest_side *side, uint64_t lo,
	      uint64_t hi)
{
	uint64_t batch = side->contest->batch;

	for (; lo < hi; lo += batch) {
		contest_mark(side, lo / batch);
		queue_write_all(kind, side->contest, queue_of(side, 0), 8, side->array,
				batch);
	}
}

CONTEST_INLINE int
queues_produce(const struct queue_kind *kind, struct contest_side *side, uint64_t size,
	       uint64_t lo, uint64_t hi)
{
	switch (side->contest->shape) {
	case SHAPE_COPY:
		if (size == 8)
			queue_copy_in(kind, side, lo, hi);
		return 0;
	case SHAPE_MULTICAST:
		queue_send_to_each(kind, side, size, 3, lo, hi);
		return 0;
	case SHAPE_DIAMOND:
		queue_send_to_each(kind, side, size, 2, lo, hi);
		return 0;
	case SHAPE_THREE_TO_THREE:
		return queue_produce(kind, side, size, side->nr, lo, hi);
	default:
		return queue_produce(kind, side, size, 0, lo, hi);
	}
}

CONTEST_INLINE void
queue_copy_out(const struct queue_kind *kind, struct contest_side *side, uint64_t count)
{
	uint64_t batch = side->contest->batch, nr;

	for (nr = 0; nr < count / batch; nr++) {
		queue_read_all(kind, side->contest, queue_of(side, 0), 8, side->array,
			       batch);
		contest_look(side, nr);
	}
}

CONTEST_INLINE void
queue_stage(const struct queue_kind *kind, struct contest_side *side, uint64_t count)
{
	const uint64_t size = sizeof(struct contest_event);
	bool last = side->nr == 2;

	if (side->contest->shape == SHAPE_PIPELINE)
		queue_pass_on(kind, side, size, side->nr,
			      last ? QUEUE_MAX : side->nr + 1, count);
	else if (last)
		queue_join(kind, side, size, 2, 3, count);
	else
		queue_pass_on(kind, side, size, side->nr, side->nr + 2, count);
}

CONTEST_INLINE int
queues_consume(const struct queue_kind *kind, struct contest_side *side,
	       uint64_t size, uint64_t count)
{
	switch (side->contest->shape) {
	case SHAPE_COPY:
		if (size == 8)
			queue_copy_out(kind, side, count);
		break;
	case SHAPE_PIPELINE:
	case SHAPE_DIAMOND:
		if (size == sizeof(struct contest_event))
			queue_stage(kind, side, count);
		break;
	case SHAPE_MULTICAST:
		queue_take_messages(kind, side, size, side->nr, count);
		break;
	case SHAPE_THREE_TO_THREE:
		return queue_consume_any(kind, side, size, 3, count);
	default:
		queue_take_messages(kind, side, size, 0, count);
	}
	return 0;
}

CONTEST_INLINE int
queues_send(const struct queue_kind *kind, struct contest_side *side, uint64_t value)
{
	queue_write_all(kind, side->contest, queue_of(side, side->nr), sizeof(value),
			&value, 1);
	return 0;
}

CONTEST_INLINE int
queues_receive(const struct queue_kind *kind, struct contest_side *side, uint64_t *value)
{
	queue_read_all(kind, side->contest, queue_of(side, !side->nr), sizeof(*value),
		       value, 1);
	return 0;
}

/*
 * The functions of a way, for every size that it is compiled for: @sizes(do, ...) says
 * do(size, ...) of each.  @one(size) and @several(size) are its kinds of queue, for one
 * and for several producers.
 */
#define QUEUE_FUNCTIONS(name, sizes, one, several)				\
	sizes(__QUEUE_OF_SIZE, name, one, several)				\
	static int name##_make(struct contest *contest)				\
	{									\
		return sizes(__QUEUE_CHOICE, contest, name##_make, (contest))	\
		       contest_refuse(contest, "is not compiled for this size"); \
	}									\
	static void name##_drop(struct contest *contest)			\
	{									\
		sizes(__QUEUE_CHOICE, contest, name##_drop, (contest)) (void)0;	\
	}									\
	static int name##_produce(struct contest_side *side,			\
				  uint64_t lo, uint64_t hi)			\
	{									\
		return sizes(__QUEUE_CHOICE, side->contest, name##_produce,	\
			     (side, lo, hi)) -EINVAL;				\
	}									\
	static int name##_consume(struct contest_side *side, uint64_t count)	\
	{									\
		return sizes(__QUEUE_CHOICE, side->contest, name##_consume,	\
			     (side, count)) -EINVAL;				\
	}									\
	static int name##_send(struct contest_side *side, uint64_t value)	\
	{									\
		return queues_send(one(8), side, value);			\
	}									\
	static int name##_receive(struct contest_side *side, uint64_t *value)	\
	{									\
		return queues_receive(one(8), side, value);			\
	}

/*
 * Compiled for 8 and for any other; or for what the bench asks for, each for itself, as
 * queues of one type of events are.
 */
#define QUEUE_ANY_SIZE(do, ...)		do(8, __VA_ARGS__) do(0, __VA_ARGS__)
#define QUEUE_SOME_SIZES(do, ...)						\
	do(8, __VA_ARGS__) do(24, __VA_ARGS__) do(32, __VA_ARGS__)		\
	do(64, __VA_ARGS__) do(256, __VA_ARGS__) do(1024, __VA_ARGS__)		\
	do(4096, __VA_ARGS__)

/* All of them make a chain, which ends with what is done for no other size. */
#define __QUEUE_CHOICE(of, contest, function, arguments)			\
	!(of) || (contest)->size == (of) ? function##_##of arguments :

#define __QUEUE_OF_SIZE(of, name, one, several)					\
	static int name##_make_##of(struct contest *contest)			\
	{									\
		return contest->shape == SHAPE_THREE_TO_ONE ?			\
		       queues_make(several(of), contest) :			\
		       queues_make(one(of), contest);				\
	}									\
	static void name##_drop_##of(struct contest *contest)			\
	{									\
		queues_drop(contest->shape == SHAPE_THREE_TO_ONE ?		\
			    several(of) : one(of), contest);			\
	}									\
	static int name##_produce_##of(struct contest_side *side,		\
				       uint64_t lo, uint64_t hi)		\
	{									\
		uint64_t size = (of) ? (of) : side->contest->size;		\
										\
		return side->contest->shape == SHAPE_THREE_TO_ONE ?		\
		       queue_produce(several(of), side, size, 0, lo, hi) :	\
		       queues_produce(one(of), side, size, lo, hi);		\
	}									\
	static int name##_consume_##of(struct contest_side *side,		\
				       uint64_t count)				\
	{									\
		uint64_t size = (of) ? (of) : side->contest->size;		\
										\
		return side->contest->shape == SHAPE_THREE_TO_ONE ?		\
		       queue_consume_any(several(of), side, size, 1, count) :	\
		       queues_consume(one(of), side, size, count);		\
	}

/* The way of these functions; @enter and @leave are as in struct contender_way. */
#define QUEUE_WAY_WITH(word, function, between_processes, on_enter, on_leave)	\
	{									\
		.name = word,							\
		.processes = between_processes,					\
		.make = function##_make,					\
		.drop = function##_drop,					\
		.enter = on_enter,						\
		.leave = on_leave,						\
		.produce = function##_produce,					\
		.consume = function##_consume,					\
		.send = function##_send,					\
		.receive = function##_receive,					\
	}

#define QUEUE_WAY(word, function, between_processes)				\
	QUEUE_WAY_WITH(word, function, between_processes, NULL, NULL)

#endif /* DISRUPTOR_BENCH_QUEUE_H */
