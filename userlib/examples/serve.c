// SPDX-License-Identifier: MIT
/*
 * One thread serves 64 rings by io_uring: a multishot poll on each, one system
 * call for whatever has come.  A child process publishes to all of them, a few
 * events here, a few there.  At the end every event was seen once, in order.
 *
 *	cc serve.c -ldisruptor -luring
 */
#include <disruptor_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define RINGS		64
#define SLOTS		256
#define EVENTS		2000	/* to each ring */
#define MOST_AT_ONCE	8

struct service {
	struct disruptor_ring *ring;
	struct disruptor_consumer *consumer;
	uint64_t seen;
};

static struct service services[RINGS];

static void check(int err, const char *what)
{
	if (err < 0) {
		fprintf(stderr, "serve: %s: %s\n", what, strerror(-err));
		exit(EXIT_FAILURE);
	}
}

static void open_service(struct service *service)
{
	struct disruptor_config config = {
		.slots = SLOTS,
		.slot_size = sizeof(uint64_t),
	};

	disruptor_graph_add(&config.graph, "server", NULL, 0);
	check(disruptor_create(&service->ring, &config), "create");
	check(disruptor_consumer_attach(&service->consumer, service->ring,
					"server"), "attach");
}

/* Event number i of a ring is i. */
static uint64_t publish_some(struct disruptor_producer *producer, uint64_t n)
{
	uint64_t lo = 0;
	uint64_t i;

	check(disruptor_claim(producer, n, &lo), "claim");
	for (i = lo; i < lo + n; i++)
		*(uint64_t *)disruptor_producer_slot(producer, i) = i;
	disruptor_publish(producer, lo, lo + n);
	return lo + n;
}

static void produce(void)
{
	struct disruptor_producer *producers[RINGS];
	uint64_t published[RINGS] = {};
	int left = RINGS;
	int i;

	for (i = 0; i < RINGS; i++)
		check(disruptor_producer_attach(&producers[i],
						services[i].ring), "produce");
	while (left) {
		uint64_t n = 1 + rand() % MOST_AT_ONCE;

		i = rand() % RINGS;
		if (published[i] == EVENTS)
			continue;
		if (n > EVENTS - published[i])
			n = EVENTS - published[i];
		published[i] = publish_some(producers[i], n);
		if (published[i] < EVENTS)
			continue;
		disruptor_producer_detach(producers[i]);
		left--;
	}
}

static void submit_poll(struct io_uring *uring, int i)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(uring);

	check(sqe ? 0 : -EBUSY, "io_uring_get_sqe");
	check(disruptor_consumer_prep_poll(sqe, services[i].consumer), "poll");
	sqe->user_data = i;
}

/* Consume what is there; true: the stream has ended. */
static bool consume(struct service *service)
{
	struct disruptor_range range;
	uint64_t seq;
	int err;

	while (!(err = disruptor_try_wait(service->consumer, &range))) {
		for (seq = range.lo; seq < range.hi; seq++) {
			uint64_t *event = disruptor_consumer_slot(
						service->consumer, seq);

			if (*event != service->seen++)
				check(-EILSEQ, "event");
		}
		disruptor_release(service->consumer, range.hi);
	}
	if (err != -EAGAIN && err != -ENODATA)
		check(err, "consume");
	return err == -ENODATA;
}

static void serve(struct io_uring *uring)
{
	unsigned long completions = 0;
	struct io_uring_cqe *cqe;
	bool ended[RINGS] = {};
	int left = RINGS;

	for (int i = 0; i < RINGS; i++)
		submit_poll(uring, i);
	while (left) {
		int i;

		check(io_uring_submit_and_wait(uring, 1), "submit");
		check(io_uring_wait_cqe(uring, &cqe), "wait");
		i = cqe->user_data;
		check(cqe->res, "completion");
		completions++;
		if (!ended[i] && consume(&services[i])) {
			ended[i] = true;
			left--;
		}
		if (!(cqe->flags & IORING_CQE_F_MORE) && !ended[i])
			submit_poll(uring, i);
		io_uring_cqe_seen(uring, cqe);
	}
	printf("%lu completions", completions);
}

int main(void)
{
	struct io_uring uring;
	uint64_t seen = 0;
	pid_t child;

	for (int i = 0; i < RINGS; i++)
		open_service(&services[i]);
	child = fork();
	if (!child) {
		produce();
		return EXIT_SUCCESS;
	}
	check(io_uring_queue_init(2 * RINGS, &uring, 0), "io_uring");
	serve(&uring);
	for (int i = 0; i < RINGS; i++)
		seen += services[i].seen;
	printf(", %llu of %d events from %d rings\n", (unsigned long long)seen,
	       RINGS * EVENTS, RINGS);
	waitpid(child, NULL, 0);
	return seen == RINGS * EVENTS ? EXIT_SUCCESS : EXIT_FAILURE;
}
