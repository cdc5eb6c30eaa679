// SPDX-License-Identifier: MIT
/*
 * Ways to hand a value from one side to the other.  Whoever receives goes to
 * sleep until there is one.
 */
#include <errno.h>
#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "wait.h"

/* ---- a ring -------------------------------------------------------------------- */

/* For one consumer, "reader"; does not end when a run does. */
int ring_make(struct disruptor_ring **ring, bool processes, uint32_t slots)
{
	struct disruptor_config config = {
		.slots = slots,
		.slot_size = sizeof(uint64_t),
		.flags = DISRUPTOR_RING_OUTLIVES |
			 (processes ? 0 : DISRUPTOR_PRIVATE),
	};

	disruptor_graph_add(&config.graph, "reader", NULL, 0);
	return disruptor_create(ring, &config);
}

static int make_ring(struct link *link)
{
	return ring_make(&link->ring, link->processes, link->ring_slots);
}

static void drop_ring(struct link *link)
{
	disruptor_close(link->ring);
}

static int send_ring(struct link_end *end, uint64_t value)
{
	struct disruptor_producer *producer = end->producer;
	uint64_t lo;
	int err = disruptor_claim(producer, 1, &lo);

	if (err)
		return err;
	*(uint64_t *)disruptor_producer_slot(producer, lo) = value;
	disruptor_publish(producer, lo, lo + 1);
	return 0;
}

static int receive_ring(struct link_end *end, uint64_t *value)
{
	struct disruptor_consumer *consumer = end->consumer;
	struct disruptor_range range;
	int err = disruptor_wait(consumer, &range);

	if (err)
		return err;
	*value = *(uint64_t *)disruptor_consumer_slot(consumer, range.lo);
	disruptor_release(consumer, range.lo + 1);
	return 0;
}

const struct link_kind ring_link = {
	.make = make_ring,
	.drop = drop_ring,
	.send = send_ring,
	.receive = receive_ring,
};

/* ---- a futex -------------------------------------------------------------------- */

static int futex(struct link *link, int op, uint32_t value)
{
	if (!link->processes)
		op |= FUTEX_PRIVATE_FLAG;
	return syscall(SYS_futex, &link->word, op, value, NULL, NULL, 0) < 0 ?
	       -errno : 0;
}

static int make_futex(struct link *link)
{
	(void)link;
	return 0;
}

static void drop_futex(struct link *link)
{
	(void)link;
}

static int send_futex(struct link_end *end, uint64_t value)
{
	store_release(&end->link->word, (uint32_t)value);
	return futex(end->link, FUTEX_WAKE, 1);
}

/* Values count up from 1: one that is not the last one has come. */
static int receive_futex(struct link_end *end, uint64_t *value)
{
	uint32_t last = end->next;
	uint32_t word;
	int err;

	while ((word = load_acquire(&end->link->word)) == last) {
		err = futex(end->link, FUTEX_WAIT, last);
		if (err && err != -EAGAIN && err != -EINTR)
			return err;
	}
	*value = word;
	end->next = word;
	return 0;
}

const struct link_kind futex_link = {
	.make = make_futex,
	.drop = drop_futex,
	.send = send_futex,
	.receive = receive_futex,
};

/* ---- file descriptors -------------------------------------------------------------- */

static int make_eventfd(struct link *link)
{
	link->fds[0] = eventfd(0, EFD_CLOEXEC);
	if (link->fds[0] < 0)
		return -errno;
	link->fds[1] = link->fds[0];
	return 0;
}

static int make_pipe(struct link *link)
{
	return pipe(link->fds) ? -errno : 0;
}

static void drop_fds(struct link *link)
{
	close(link->fds[0]);
	if (link->fds[1] != link->fds[0])
		close(link->fds[1]);
}

static int send_fd(struct link_end *end, uint64_t value)
{
	ssize_t done = write(end->link->fds[1], &value, sizeof(value));

	if (done < 0)
		return -errno;
	return done == sizeof(value) ? 0 : -EIO;
}

static int receive_fd(struct link_end *end, uint64_t *value)
{
	ssize_t done = read(end->link->fds[0], value, sizeof(*value));

	if (done < 0)
		return -errno;
	return done == sizeof(*value) ? 0 : -EIO;
}

const struct link_kind eventfd_link = {
	.make = make_eventfd,
	.drop = drop_fds,
	.send = send_fd,
	.receive = receive_fd,
};

const struct link_kind pipe_link = {
	.make = make_pipe,
	.drop = drop_fds,
	.send = send_fd,
	.receive = receive_fd,
};

/* ---- an array, and an eventfd ------------------------------------------------------- */

/* Never full: a run has fewer events than it has slots. */
static int send_array(struct link_end *end, uint64_t value)
{
	end->link->slots[end->next++ % LINK_SLOTS] = value;
	return send_fd(end, 1);
}

static int receive_array(struct link_end *end, uint64_t *value)
{
	if (!end->ready) {
		int err = receive_fd(end, &end->ready);

		if (err)
			return err;
	}
	end->ready--;
	*value = end->link->slots[end->next++ % LINK_SLOTS];
	return 0;
}

const struct link_kind array_link = {
	.make = make_eventfd,
	.drop = drop_fds,
	.send = send_array,
	.receive = receive_array,
};

/* ---- ends ------------------------------------------------------------------------- */

int link_sender(struct link *link, struct link_end *end)
{
	int err;

	*end = (struct link_end){ .link = link };
	if (link->kind != &ring_link)
		return 0;
	err = disruptor_producer_attach(&end->producer, link->ring);
	return err ? err : disruptor_producer_set_wait(end->producer,
						       &link->strategy);
}

int link_receiver(struct link *link, struct link_end *end)
{
	int err;

	*end = (struct link_end){ .link = link };
	if (link->kind != &ring_link)
		return 0;
	err = disruptor_consumer_attach(&end->consumer, link->ring, "reader");
	return err ? err : disruptor_consumer_set_wait(end->consumer,
						       &link->strategy);
}

void link_leave(struct link_end *end)
{
	disruptor_producer_detach(end->producer);
	disruptor_consumer_detach(end->consumer);
}
