// SPDX-License-Identifier: MIT
/*
 * An array in shared memory and two eventfds: one counts events, the other the slots that
 * are free again.
 */
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "array.h"

/**
 * struct queue - two counters and what they count
 * @events_fd: what was put and is not known to be there
 * @room_fd: slots that are free and not known to be
 * @array: the slots
 * @ends: how far they are
 */
struct queue {
	int events_fd;
	int room_fd;
	struct array *array;
	struct array_ends ends;
};

static void drop(struct contest *contest, void *at)
{
	struct queue *queue = at;

	close(queue->events_fd);
	close(queue->room_fd);
	array_free(contest, queue->array);
	shared_free(queue, sizeof(*queue));
}

static int make(struct contest *contest, unsigned int producers, void **out)
{
	bool sleeps = contest->wait >= WAIT_BLOCK;
	struct queue *queue;

	(void)producers;
	queue = shared_alloc(sizeof(*queue));
	queue->array = array_alloc(contest);
	queue->ends.room = contest->slots;
	queue->events_fd = eventfd(0, sleeps ? 0 : EFD_NONBLOCK);
	queue->room_fd = eventfd(0, sleeps ? 0 : EFD_NONBLOCK);
	*out = queue;
	if (queue->events_fd >= 0 && queue->room_fd >= 0)
		return 0;
	drop(contest, queue);
	return -EMFILE;
}

static void add(int fd, uint64_t n)
{
	if (write(fd, &n, sizeof(n)) != sizeof(n)) {
		perror("eventfd: write");
		_exit(1);
	}
}

/* What has been added; 0: nothing, and the file does not wait. */
static uint64_t take_all(int fd)
{
	uint64_t n;

	if (read(fd, &n, sizeof(n)) == sizeof(n))
		return n;
	if (errno != EAGAIN && errno != EINTR) {
		perror("eventfd: read");
		_exit(1);
	}
	return 0;
}

static uint64_t look_for_room(struct queue *queue)
{
	return take_all(queue->room_fd);
}

static void tell_published(struct queue *queue, uint64_t n)
{
	add(queue->events_fd, n);
}

static uint64_t look_for_events(struct queue *queue)
{
	return take_all(queue->events_fd);
}

static void tell_released(struct queue *queue, uint64_t n)
{
	add(queue->room_fd, n);
}

ARRAY_KIND(counted);

#define COUNTED(of)	(&counted)

QUEUE_FUNCTIONS(array, QUEUE_ANY_SIZE, COUNTED, COUNTED)

int main(void)
{
	static const struct contender_way ways[] = {
		QUEUE_WAY("array", array, true),
	};
	static const struct contender contender = {
		.name = "eventfd",
		.ways = ways,
		.nr_ways = 1,
	};

	return contender_main(&contender);
}
