// SPDX-License-Identifier: MIT
/*
 * handler - a stage as callbacks, until a signal.
 *
 * A thread publishes readings of a thermometer for ever; one in a while is broken.
 * The main thread averages them by batches.  End it with ^C, or kill.
 */
#include <disruptor.h>

#include <err.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BROKEN	INT32_MIN

static struct disruptor_consumer *consumer;

struct averages {
	int64_t sum;
	uint64_t readings;
	uint64_t broken;
	uint64_t batches;
};

static void check(int error, const char *what)
{
	if (error)
		errx(1, "%s: %s", what, strerror(-error));
}

/* ---- the stage ----------------------------------------------------------------- */

static int on_start(void *context, struct disruptor_consumer *unused)
{
	(void)context;
	(void)unused;
	printf("averaging\n");
	return fflush(stdout) ? -errno : 0;
}

static void on_batch_start(void *context, uint64_t size)
{
	struct averages *averages = context;

	(void)size;
	averages->batches++;
}

static int on_event(void *context, void *event, uint64_t seq, bool end_of_batch)
{
	struct averages *averages = context;
	int32_t reading = *(int32_t *)event;

	(void)seq;
	(void)end_of_batch;
	if (reading == BROKEN)
		return -EIO;
	averages->sum += reading;
	averages->readings++;
	return 0;
}

static enum disruptor_error_action on_error(void *context, int error, void *event,
					    uint64_t seq)
{
	struct averages *averages = context;

	(void)error;
	(void)event;
	(void)seq;
	averages->broken++;
	return DISRUPTOR_ERROR_SKIP;
}

static void on_shutdown(void *context)
{
	struct averages *averages = context;

	printf("%" PRIu64 " readings in %" PRIu64 " batches, %" PRIu64
	       " broken, average %.1f\n", averages->readings, averages->batches,
	       averages->broken,
	       averages->readings ? (double)averages->sum / averages->readings : 0);
}

/* ---- around it ------------------------------------------------------------------- */

static void on_signal(int signal)
{
	(void)signal;
	disruptor_halt(consumer);
}

static void *measure(void *ring)
{
	static const struct timespec pause = { .tv_nsec = 1000000 };
	struct disruptor_producer *producer;
	int32_t reading;
	uint64_t n;

	check(disruptor_producer_attach(&producer, ring), "producer");
	for (n = 0;; n++) {
		reading = n % 16 == 15 ? BROKEN : 15 + (int32_t)(n % 11);
		check(disruptor_publish_one(producer, &reading), "publish");
		nanosleep(&pause, NULL);
	}
	return NULL;
}

/* In the main thread alone: its sleep is what a signal has to end. */
static void start_measuring(struct disruptor_ring *ring)
{
	pthread_t thread;
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	check(-pthread_create(&thread, NULL, measure, ring), "thread");
	sigemptyset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
}

int main(void)
{
	struct disruptor_config config = {
		.slots = 1024,
		.slot_size = sizeof(int32_t),
		.flags = DISRUPTOR_PRIVATE,
	};
	struct sigaction action = { .sa_handler = on_signal };
	struct averages averages = { 0 };
	struct disruptor_handler handler = {
		.context = &averages,
		.on_start = on_start,
		.on_batch_start = on_batch_start,
		.on_event = on_event,
		.on_error = on_error,
		.on_shutdown = on_shutdown,
		.batch_limit = 64,
	};
	struct disruptor_ring *ring;

	disruptor_graph_add(&config.graph, "average", NULL, 0);
	check(disruptor_create(&ring, &config), "ring");
	check(disruptor_consumer_attach(&consumer, ring, "average"), "consumer");
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	start_measuring(ring);
	check(disruptor_run(consumer, &handler), "run");
	return 0;	/* and with it goes the thread */
}
