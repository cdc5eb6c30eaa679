// SPDX-License-Identifier: GPL-2.0-only
/*
 * Running and polling a stage.
 */
#include <signal.h>

#include "library.h"

#define LOG_MAX	64

/* What the handler was called for, in order, and what it is to do. */
struct log {
	struct disruptor_consumer *consumer;
	char calls[LOG_MAX + 1];	/* s(tart) b(atch) e(vent) E(nd) t x(error) q */
	size_t nr;
	uint64_t sizes[LOG_MAX];	/* of batches */
	size_t batches;
	uint64_t events;
	uint64_t sum;			/* of their sequences */
	uint64_t next;			/* on_timeout */
	int start_error;
	uint64_t fail_at;		/* on_event: this sequence, */
	int fail_times;			/* so often, */
	int error;			/* with this */
	int seen_error;
	enum disruptor_error_action action;
	uint64_t halt_at;		/* on_event: halt itself at this one */
	int halt_after_errors;
	int errors;
};

static void called(struct log *log, char what)
{
	if (log->nr < LOG_MAX)
		log->calls[log->nr++] = what;
}

static int on_start(void *context, struct disruptor_consumer *consumer)
{
	struct log *log = context;

	called(log, 's');
	log->consumer = consumer;
	return log->start_error;
}

static void on_batch_start(void *context, uint64_t size)
{
	struct log *log = context;

	called(log, 'b');
	if (log->batches < LOG_MAX)
		log->sizes[log->batches++] = size;
}

static int on_event(void *context, void *event, uint64_t seq, bool end_of_batch)
{
	struct log *log = context;

	if (!event_ok(event, 8, seq))
		return -EILSEQ;
	if (log->fail_times && seq == log->fail_at) {
		log->fail_times--;
		return log->error;
	}
	called(log, end_of_batch ? 'E' : 'e');
	log->events++;
	log->sum += seq;
	if (seq == log->halt_at)
		disruptor_halt(log->consumer);
	return 0;
}

static void on_timeout(void *context, uint64_t next)
{
	struct log *log = context;

	called(log, 't');
	log->next = next;
	disruptor_halt(log->consumer);
}

static enum disruptor_error_action
on_error(void *context, int error, void *event, uint64_t seq)
{
	struct log *log = context;

	called(log, 'x');
	log->seen_error = seq == log->fail_at && event ? error : 1;
	if (++log->errors == log->halt_after_errors)
		disruptor_halt(log->consumer);
	return log->action;
}

static void on_shutdown(void *context)
{
	called(context, 'q');
}

FIXTURE(run) {
	struct pair pair;
	struct log log;
	struct disruptor_handler handler;
};

FIXTURE_SETUP(run)
{
	ASSERT_EQ(0, pair_open(&self->pair, 16, 8));
	memset(&self->log, 0, sizeof(self->log));
	self->log.consumer = self->pair.consumer;
	self->log.halt_at = UINT64_MAX;
	self->handler = (struct disruptor_handler){
		.context = &self->log,
		.on_start = on_start,
		.on_batch_start = on_batch_start,
		.on_event = on_event,
		.on_timeout = on_timeout,
		.on_error = on_error,
		.on_shutdown = on_shutdown,
	};
}

FIXTURE_TEARDOWN(run)
{
	pair_close(&self->pair);
}

static void end_stream(struct pair *pair)
{
	disruptor_producer_detach(pair->producer);
	pair->producer = NULL;
}

static uint64_t released(struct pair *pair)
{
	return seat_stats(pair->ring, DISRUPTOR_SEAT_CONSUMER(0)).sequence;
}

TEST_F(run, a_stage_handles_every_event_and_stops_at_the_end_of_the_stream)
{
	ASSERT_EQ(0, publish_events(self->pair.producer, 5));
	end_stream(&self->pair);
	EXPECT_EQ(0, disruptor_run(self->pair.consumer, &self->handler));
	EXPECT_STREQ("sbeeeeEq", self->log.calls);
	EXPECT_EQ(5, self->log.sizes[0]);
	EXPECT_EQ(10, self->log.sum);
	EXPECT_EQ(5, released(&self->pair));
}

TEST_F(run, a_handler_needs_nothing_but_on_event)
{
	const struct disruptor_handler handler = {
		.context = &self->log,
		.on_event = on_event,
	};

	ASSERT_EQ(0, publish_events(self->pair.producer, 3));
	end_stream(&self->pair);
	EXPECT_EQ(0, disruptor_run(self->pair.consumer, &handler));
	EXPECT_STREQ("eeE", self->log.calls);
}

TEST_F(run, a_handler_without_on_event_is_EINVAL)
{
	self->handler.on_event = NULL;
	EXPECT_EQ(-EINVAL, disruptor_run(self->pair.consumer, &self->handler));
	EXPECT_EQ(-EINVAL, disruptor_poll(self->pair.consumer, &self->handler));
	EXPECT_STREQ("", self->log.calls);
}

TEST_F(run, the_batch_limit_cuts_batches)
{
	self->handler.batch_limit = 4;
	ASSERT_EQ(0, publish_events(self->pair.producer, 10));
	end_stream(&self->pair);
	EXPECT_EQ(0, disruptor_run(self->pair.consumer, &self->handler));
	EXPECT_STREQ("sbeeeEbeeeEbeEq", self->log.calls);
	EXPECT_EQ(4, self->log.sizes[0]);
	EXPECT_EQ(4, self->log.sizes[1]);
	EXPECT_EQ(2, self->log.sizes[2]);
}

TEST_F(run, an_error_of_on_start_ends_the_run_without_shutdown)
{
	self->log.start_error = -EPERM;
	ASSERT_EQ(0, publish_events(self->pair.producer, 1));
	EXPECT_EQ(-EPERM, disruptor_run(self->pair.consumer, &self->handler));
	EXPECT_STREQ("s", self->log.calls);
	EXPECT_EQ(0, released(&self->pair));
}

TEST_F(run, an_error_without_on_error_stops_the_run)
{
	self->handler.on_error = NULL;
	self->log.fail_at = 2;
	self->log.fail_times = 1;
	self->log.error = -EIO;
	ASSERT_EQ(0, publish_events(self->pair.producer, 5));
	EXPECT_EQ(-EIO, disruptor_run(self->pair.consumer, &self->handler));
	EXPECT_STREQ("sbeeq", self->log.calls);
	EXPECT_EQ(2, released(&self->pair));
}

TEST_F(run, stop_releases_what_was_done_and_the_rest_comes_again)
{
	self->log.fail_at = 3;
	self->log.fail_times = 1;
	self->log.error = -EIO;
	self->log.action = DISRUPTOR_ERROR_STOP;
	ASSERT_EQ(0, publish_events(self->pair.producer, 5));
	end_stream(&self->pair);
	EXPECT_EQ(-EIO, disruptor_run(self->pair.consumer, &self->handler));
	EXPECT_STREQ("sbeeexq", self->log.calls);
	EXPECT_EQ(-EIO, self->log.seen_error);
	EXPECT_EQ(3, released(&self->pair));

	EXPECT_EQ(0, disruptor_run(self->pair.consumer, &self->handler));
	EXPECT_STREQ("sbeeexqsbeEq", self->log.calls);
	EXPECT_EQ(10, self->log.sum);
}

TEST_F(run, retry_hands_over_the_event_again)
{
	self->log.fail_at = 1;
	self->log.fail_times = 3;
	self->log.error = -EAGAIN;
	self->log.action = DISRUPTOR_ERROR_RETRY;
	ASSERT_EQ(0, publish_events(self->pair.producer, 3));
	end_stream(&self->pair);
	EXPECT_EQ(0, disruptor_run(self->pair.consumer, &self->handler));
	EXPECT_STREQ("sbexxxeEq", self->log.calls);
	EXPECT_EQ(3, self->log.sum);
}

TEST_F(run, skip_goes_on_with_the_next_event)
{
	self->log.fail_at = 2;
	self->log.fail_times = 1;
	self->log.error = 7;
	self->log.action = DISRUPTOR_ERROR_SKIP;
	ASSERT_EQ(0, publish_events(self->pair.producer, 3));
	end_stream(&self->pair);
	EXPECT_EQ(0, disruptor_run(self->pair.consumer, &self->handler));
	EXPECT_STREQ("sbeexq", self->log.calls);
	EXPECT_EQ(7, self->log.seen_error);
	EXPECT_EQ(1, self->log.sum);
	EXPECT_EQ(3, released(&self->pair));
}

TEST_F(run, an_error_of_the_handler_is_never_taken_for_the_end_of_the_stream)
{
	const int errors[] = { -ENODATA, -ECANCELED, -ETIMEDOUT, -EAGAIN };
	size_t i;

	for (i = 0; i < 4; i++) {
		self->log.fail_at = i;
		self->log.fail_times = 1;
		self->log.error = errors[i];
		ASSERT_EQ(0, publish_events(self->pair.producer, 1));
		EXPECT_EQ(errors[i], disruptor_run(self->pair.consumer,
						   &self->handler));
		EXPECT_EQ(i, released(&self->pair));
		ASSERT_EQ(DISRUPTOR_POLL_PROCESSING,
			  disruptor_poll(self->pair.consumer, &self->handler));
	}
}

TEST_F(run, on_timeout_is_told_what_is_awaited)
{
	self->handler.timeout_ns = 2 * MSEC;
	ASSERT_EQ(0, publish_events(self->pair.producer, 2));
	EXPECT_EQ(0, disruptor_run(self->pair.consumer, &self->handler));
	EXPECT_STREQ("sbeEtq", self->log.calls);
	EXPECT_EQ(2, self->log.next);
}

TEST_F(run, a_timeout_near_for_ever_does_not_wrap)
{
	self->handler.timeout_ns = UINT64_MAX - 1;
	self->log.halt_at = 0;
	ASSERT_EQ(0, publish_events(self->pair.producer, 1));
	EXPECT_EQ(0, disruptor_run(self->pair.consumer, &self->handler));
	EXPECT_STREQ("sbEq", self->log.calls);
}

TEST_F(run, a_halt_ends_the_run_after_the_batch_that_is_being_handled)
{
	self->handler.batch_limit = 3;
	self->log.halt_at = 4;
	ASSERT_EQ(0, publish_events(self->pair.producer, 10));
	EXPECT_EQ(0, disruptor_run(self->pair.consumer, &self->handler));
	EXPECT_STREQ("sbeeEbeeEq", self->log.calls);
	EXPECT_EQ(6, released(&self->pair));

	/* Works once. */
	end_stream(&self->pair);
	EXPECT_EQ(0, disruptor_run(self->pair.consumer, &self->handler));
	EXPECT_EQ(45, self->log.sum);
}

TEST_F(run, a_halt_before_the_run_ends_it_as_it_starts)
{
	ASSERT_EQ(0, publish_events(self->pair.producer, 10));
	disruptor_halt(self->pair.consumer);
	EXPECT_EQ(0, disruptor_run(self->pair.consumer, &self->handler));
	self->handler.timeout_ns = SEC;
	disruptor_halt(self->pair.consumer);
	EXPECT_EQ(0, disruptor_run(self->pair.consumer, &self->handler));
	EXPECT_STREQ("sqsq", self->log.calls);
	EXPECT_EQ(0, released(&self->pair));
}

TEST_F(run, retrying_for_ever_can_be_halted)
{
	self->log.fail_at = 1;
	self->log.fail_times = INT32_MAX;
	self->log.error = -EIO;
	self->log.action = DISRUPTOR_ERROR_RETRY;
	self->log.halt_after_errors = 10;
	ASSERT_EQ(0, publish_events(self->pair.producer, 3));
	EXPECT_EQ(0, disruptor_run(self->pair.consumer, &self->handler));
	EXPECT_STREQ("sbexxxxxxxxxxq", self->log.calls);
	EXPECT_EQ(1, released(&self->pair));
}

/* ---- from outside ------------------------------------------------------------ */

struct runner {
	struct disruptor_consumer *consumer;
	const struct disruptor_handler *handler;
	int result;
};

static void *run_stage(void *arg)
{
	struct runner *runner = arg;

	runner->result = disruptor_run(runner->consumer, runner->handler);
	return NULL;
}

static void until_released(struct pair *pair, uint64_t seq)
{
	while (released(pair) < seq)
		sched_yield();
}

TEST_F(run, on_timeout_is_not_called_when_less_came_than_was_slept_for)
{
	pthread_t thread;

	self->handler.timeout_ns = SEC;
	self->log.halt_at = 2;
	ASSERT_EQ(0, disruptor_consumer_set_wait(self->pair.consumer, &patient));
	ASSERT_EQ(0, pthread_create(&thread, NULL, publish_soon,
				    self->pair.producer));
	EXPECT_EQ(0, disruptor_run(self->pair.consumer, &self->handler));
	EXPECT_STREQ("sbeeEq", self->log.calls);
	ASSERT_EQ(0, pthread_join(thread, NULL));
}

TEST_F(run, a_halt_from_another_thread_ends_a_run_that_waits)
{
	struct runner runner = { self->pair.consumer, &self->handler, 1 };
	pthread_t thread;

	ASSERT_EQ(0, publish_events(self->pair.producer, 7));
	ASSERT_EQ(0, pthread_create(&thread, NULL, run_stage, &runner));
	until_released(&self->pair, 7);
	disruptor_halt(self->pair.consumer);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, runner.result);
	EXPECT_EQ(7, self->log.events);
}

TEST_F(run, a_halt_from_another_thread_ends_a_run_that_never_waits)
{
	struct runner runner = { self->pair.consumer, &self->handler, 1 };
	pthread_t thread;
	uint64_t lo, i;

	ASSERT_EQ(0, pthread_create(&thread, NULL, run_stage, &runner));
	for (i = 0; i < 1000; i++) {
		ASSERT_EQ(0, disruptor_claim(self->pair.producer, 1, &lo));
		event_fill(disruptor_producer_slot(self->pair.producer, lo), 8, lo);
		disruptor_publish(self->pair.producer, lo, lo + 1);
	}
	disruptor_halt(self->pair.consumer);
	while (!disruptor_claim_until(self->pair.producer, 1, soon(20 * MSEC),
				      &lo)) {
		event_fill(disruptor_producer_slot(self->pair.producer, lo), 8, lo);
		disruptor_publish(self->pair.producer, lo, lo + 1);
	}
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, runner.result);
	EXPECT_EQ(self->log.events, released(&self->pair));
}

static struct disruptor_consumer *halt_on_signal;

static void halt_it(int sig)
{
	(void)sig;
	disruptor_halt(halt_on_signal);
}

TEST_F(run, a_halt_from_a_signal_handler_ends_a_run)
{
	struct runner runner = { self->pair.consumer, &self->handler, 1 };
	const struct sigaction action = { .sa_handler = halt_it };
	pthread_t thread;

	halt_on_signal = self->pair.consumer;
	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_EQ(0, publish_events(self->pair.producer, 1));
	ASSERT_EQ(0, pthread_create(&thread, NULL, run_stage, &runner));
	until_released(&self->pair, 1);
	ASSERT_EQ(0, pthread_kill(thread, SIGUSR1));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, runner.result);
	EXPECT_STREQ("sbEq", self->log.calls);
}

/* ---- poll ---------------------------------------------------------------------- */

TEST_F(run, poll_handles_what_is_there_and_returns_the_state)
{
	struct disruptor_consumer *consumer = self->pair.consumer;

	EXPECT_EQ(DISRUPTOR_POLL_IDLE, disruptor_poll(consumer, &self->handler));
	ASSERT_EQ(0, publish_events(self->pair.producer, 3));
	EXPECT_EQ(DISRUPTOR_POLL_PROCESSING,
		  disruptor_poll(consumer, &self->handler));
	EXPECT_EQ(DISRUPTOR_POLL_IDLE, disruptor_poll(consumer, &self->handler));
	EXPECT_EQ(3, released(&self->pair));
	end_stream(&self->pair);
	EXPECT_EQ(DISRUPTOR_POLL_ENDED, disruptor_poll(consumer, &self->handler));
	EXPECT_STREQ("beeE", self->log.calls);
}

TEST_F(run, poll_keeps_to_the_batch_limit)
{
	self->handler.batch_limit = 2;
	ASSERT_EQ(0, publish_events(self->pair.producer, 3));
	EXPECT_EQ(DISRUPTOR_POLL_PROCESSING,
		  disruptor_poll(self->pair.consumer, &self->handler));
	EXPECT_EQ(2, released(&self->pair));
	EXPECT_EQ(DISRUPTOR_POLL_PROCESSING,
		  disruptor_poll(self->pair.consumer, &self->handler));
	EXPECT_STREQ("beEbE", self->log.calls);
}

TEST_F(run, poll_stops_at_an_error_skips_and_retries)
{
	self->log.fail_at = 1;
	self->log.fail_times = 1;
	self->log.error = -EIO;
	self->log.action = DISRUPTOR_ERROR_STOP;
	ASSERT_EQ(0, publish_events(self->pair.producer, 4));
	EXPECT_EQ(-EIO, disruptor_poll(self->pair.consumer, &self->handler));
	EXPECT_EQ(1, released(&self->pair));
	self->log.fail_times = 1;
	self->log.action = DISRUPTOR_ERROR_RETRY;
	self->handler.batch_limit = 2;
	EXPECT_EQ(DISRUPTOR_POLL_PROCESSING,
		  disruptor_poll(self->pair.consumer, &self->handler));
	self->log.fail_at = 3;
	self->log.fail_times = 1;
	self->log.action = DISRUPTOR_ERROR_SKIP;
	EXPECT_EQ(DISRUPTOR_POLL_PROCESSING,
		  disruptor_poll(self->pair.consumer, &self->handler));
	EXPECT_STREQ("bexbxeEbx", self->log.calls);
	EXPECT_EQ(4, released(&self->pair));
}

TEST(poll_tells_gating_from_idle)
{
	struct disruptor_handler handler = { .on_event = (void *)abort };
	struct disruptor_config config = { 0 };
	struct disruptor_producer *producer;
	struct disruptor_consumer *a, *b;
	struct disruptor_ring *ring;

	disruptor_graph_add(&config.graph, "a", NULL, 0);
	disruptor_graph_add(&config.graph, "b", DISRUPTOR_AFTER("a"), 0);
	ASSERT_EQ(0, private_ring(&ring, &config, 8, 8));
	ASSERT_EQ(0, disruptor_producer_attach(&producer, ring));
	ASSERT_EQ(0, disruptor_consumer_attach(&a, ring, "a"));
	ASSERT_EQ(0, disruptor_consumer_attach(&b, ring, "b"));
	EXPECT_EQ(DISRUPTOR_POLL_IDLE, disruptor_poll(b, &handler));
	ASSERT_EQ(0, publish_events(producer, 1));
	EXPECT_EQ(DISRUPTOR_POLL_GATING, disruptor_poll(b, &handler));
	disruptor_producer_detach(producer);
	EXPECT_EQ(DISRUPTOR_POLL_GATING, disruptor_poll(b, &handler));
	disruptor_consumer_detach(b);
	disruptor_consumer_detach(a);
	disruptor_close(ring);
}

TEST_HARNESS_MAIN
