// SPDX-License-Identifier: GPL-2.0-only
/*
 * Worker groups: who gets which event, what those after the group see, and what
 * becomes of what a worker leaves.
 */
#include <sched.h>

#include "library.h"

#define EVENT_BYTES	16

static const struct disruptor_wait_strategy yielding = {
	.kind = DISRUPTOR_WAIT_YIELD,
	.spins = 1,
};

static const struct disruptor_wait_strategy sleeping = {
	.kind = DISRUPTOR_WAIT_BLOCK,
	.spins = 1,
};

/* A producer, two workers of "group", which has room for three, and "after" it. */
struct team {
	struct disruptor_ring *ring;
	struct disruptor_producer *producer;
	struct disruptor_worker *a;
	struct disruptor_worker *b;
	struct disruptor_consumer *after;
};

static int team_open(struct team *team, uint32_t slots, unsigned int flags)
{
	struct disruptor_config config = { 0 };
	int err;

	disruptor_graph_add(&config.graph, "group", NULL, flags);
	disruptor_graph_add(&config.graph, "after", DISRUPTOR_AFTER("group"), 0);
	err = disruptor_graph_workers(&config.graph, "group", 3);
	if (!err)
		err = private_ring(&team->ring, &config, slots, EVENT_BYTES);
	if (!err)
		err = disruptor_producer_attach(&team->producer, team->ring);
	if (!err)
		err = disruptor_worker_attach(&team->a, team->ring, "group");
	if (!err)
		err = disruptor_worker_attach(&team->b, team->ring, "group");
	if (!err)
		err = disruptor_consumer_attach(&team->after, team->ring, "after");
	return err;
}

static void team_close(struct team *team)
{
	disruptor_producer_detach(team->producer);
	disruptor_worker_detach(team->a);
	disruptor_worker_detach(team->b);
	disruptor_consumer_detach(team->after);
	disruptor_close(team->ring);
}

static bool taken_ok(struct disruptor_worker *worker,
		     const struct disruptor_range *range)
{
	uint64_t seq;

	for (seq = range->lo; seq < range->hi; seq++) {
		if (!event_ok(disruptor_worker_slot(worker, seq), EVENT_BYTES,
			      seq))
			return false;
	}
	return true;
}

#define EXPECT_TAKES(worker, most, from, to) do {			\
	struct disruptor_range __range = { 77, 77 };			\
									\
	ASSERT_EQ(0, disruptor_worker_try_take(worker, most, &__range)); \
	EXPECT_EQ(from, __range.lo);					\
	EXPECT_EQ(to, __range.hi);					\
	EXPECT_TRUE(taken_ok(worker, &__range));			\
} while (0)

#define EXPECT_TAKES_NOTHING(err, worker) do {				\
	struct disruptor_range __range = { 77, 77 };			\
									\
	EXPECT_EQ(err, disruptor_worker_try_take(worker, 1, &__range));	\
	EXPECT_EQ(77, __range.lo);					\
	EXPECT_EQ(77, __range.hi);					\
} while (0)

/* Where those after the group may go. */
static uint64_t group_at(const struct team *team)
{
	return seat_stats(team->ring, DISRUPTOR_SEAT_CONSUMER(0)).sequence;
}

static uint64_t adopted(struct disruptor_ring *ring)
{
	struct disruptor_stats stats = { .adopted = 0xcc };

	return disruptor_get_stats(ring, &stats) ? ~0ULL : stats.adopted;
}

/* So that it is likely to be asleep: sleeps are counted when they are over. */
static void let_it_sleep(void)
{
	uint64_t until = soon(50 * MSEC);

	while (disruptor_now_ns() < until)
		sched_yield();
}

FIXTURE(team) {
	struct team team;
};

FIXTURE_SETUP(team)
{
	ASSERT_EQ(0, team_open(&self->team, 8, 0));
}

FIXTURE_TEARDOWN(team)
{
	team_close(&self->team);
}

/* ---- fellows that lie -------------------------------------------------------- */

TEST_F(team, what_is_not_published_is_not_done_whatever_a_fellow_says)
{
	struct disruptor_worker *a = self->team.a;
	uint64_t seq;

	ASSERT_EQ(0, publish_events(self->team.producer, 2));
	EXPECT_TAKES(a, 2, 0, 2);
	for (seq = 2; seq < 20; seq++)
		a->done[seq & a->view.index_mask] =
			DISRUPTOR_LAP(seq, a->view.lap_shift);
	EXPECT_EQ(0, disruptor_worker_done(a, 2));
	EXPECT_EQ(2, group_at(&self->team));
}

/* Their counter was far ahead when this one looked, and is not any more. */
TEST_F(team, what_is_further_than_can_be_is_not_taken_for_there)
{
	ASSERT_EQ(0, publish_events(self->team.producer, 2));
	self->team.a->available = UINT64_MAX - 5;
	EXPECT_TAKES(self->team.a, 8, 0, 2);
}

/* ---- what is refused --------------------------------------------------------- */

TEST(a_graph_has_so_many_workers_and_no_more)
{
	struct disruptor_config config = { 0 };
	struct disruptor_ring *ring;
	char name[8];
	unsigned int i;

	EXPECT_EQ(-ENOENT, disruptor_graph_workers(&config.graph, "g", 2));
	EXPECT_EQ(-ENOENT, disruptor_graph_workers(&config.graph, NULL, 2));
	for (i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "g%u", i);
		disruptor_graph_add(&config.graph, name, NULL, 0);
		EXPECT_EQ(-EINVAL, disruptor_graph_workers(&config.graph, name, 65));
		ASSERT_EQ(0, disruptor_graph_workers(&config.graph, name, 64));
	}
	EXPECT_EQ(-EINVAL, private_ring(&ring, &config, 8, 8));
	disruptor_graph_workers(&config.graph, "g4", 1);
	ASSERT_EQ(0, private_ring(&ring, &config, 8, 8));
	disruptor_close(ring);
	config.graph.consumers[0].workers = 65;
	EXPECT_EQ(-EINVAL, private_ring(&ring, &config, 8, 8));
	config.graph.consumers[0].workers = 2;
	config.graph.consumers[0].reserved = 1;
	EXPECT_EQ(-EINVAL, private_ring(&ring, &config, 8, 8));
}

TEST_F(team, no_more_attach_than_may)
{
	struct disruptor_worker *third = NULL, *fourth = NULL;

	ASSERT_EQ(0, disruptor_worker_attach(&third, self->team.ring, "group"));
	EXPECT_EQ(-EBUSY, disruptor_worker_attach(&fourth, self->team.ring,
						  "group"));
	EXPECT_EQ(NULL, fourth);
	disruptor_worker_detach(third);
	ASSERT_EQ(0, disruptor_worker_attach(&fourth, self->team.ring, "group"));
	disruptor_worker_detach(fourth);
}

TEST_F(team, a_group_is_no_consumer_and_a_consumer_no_group)
{
	struct disruptor_consumer *consumer = NULL;
	struct disruptor_worker *worker = NULL;

	EXPECT_EQ(-EINVAL, disruptor_consumer_attach(&consumer, self->team.ring,
						     "group"));
	EXPECT_EQ(-EINVAL, disruptor_worker_attach(&worker, self->team.ring,
						   "after"));
	EXPECT_EQ(-ENOENT, disruptor_worker_attach(&worker, self->team.ring,
						   "nobody"));
	EXPECT_EQ(-EINVAL, disruptor_worker_attach(&worker, self->team.ring, ""));
	EXPECT_EQ(-EOPNOTSUPP, disruptor_worker_fileno(self->team.a));
	EXPECT_EQ(NULL, consumer);
	EXPECT_EQ(NULL, worker);
}

TEST_F(team, what_was_not_taken_cannot_be_done)
{
	struct disruptor_worker *a = self->team.a;
	struct disruptor_range range = { 77, 77 };
	char event[EVENT_BYTES];

	ASSERT_EQ(0, publish_events(self->team.producer, 4));
	EXPECT_EQ(-EINVAL, disruptor_worker_try_take(a, 0, &range));
	EXPECT_EQ(-EINVAL, disruptor_worker_take_until(a, 0, soon(SEC), &range));
	EXPECT_EQ(-EINVAL, disruptor_worker_read(a, event, 0));
	EXPECT_EQ(-EINVAL, disruptor_worker_read(a, event, 1ULL << 63));
	EXPECT_EQ(-EINVAL, disruptor_worker_done(a, 1));
	EXPECT_EQ(0, disruptor_worker_done(a, 0));
	EXPECT_TAKES(a, 2, 0, 2);
	EXPECT_EQ(-EINVAL, disruptor_worker_done(a, 3));
	EXPECT_EQ(-EINVAL, disruptor_worker_done(a, UINT64_MAX));
	EXPECT_EQ(0, disruptor_worker_done(a, 1));
	EXPECT_EQ(-EINVAL, disruptor_worker_done(a, 0));
	EXPECT_EQ(1, group_at(&self->team));
}

TEST_F(team, cannot_be_evicted_while_they_are_there)
{
	struct disruptor_ring *ring = self->team.ring;

	EXPECT_EQ(-EOPNOTSUPP, disruptor_evict(ring, "group", 0));
	EXPECT_EQ(-EOPNOTSUPP, disruptor_evict_worker(ring, "group", 1));
	EXPECT_EQ(-ESRCH, disruptor_evict_worker(ring, "group", 2));
	EXPECT_EQ(-EINVAL, disruptor_evict_worker(ring, "group", 3));
	EXPECT_EQ(-EINVAL, disruptor_evict_worker(ring, "after", 1));
	EXPECT_EQ(-ENOENT, disruptor_evict_worker(ring, "nobody", 0));
	EXPECT_EQ(-EINVAL, disruptor_evict_worker(ring, "", 0));
	EXPECT_EQ(-EOPNOTSUPP, disruptor_evict(ring, "group",
					       DISRUPTOR_EVICT_UNGATE));
	disruptor_worker_detach(self->team.a);
	disruptor_worker_detach(self->team.b);
	self->team.a = NULL;
	self->team.b = NULL;
	ASSERT_EQ(0, publish_events(self->team.producer, 8));
	EXPECT_EQ(0, disruptor_evict(ring, "group", DISRUPTOR_EVICT_UNGATE));
	EXPECT_EQ(-ESRCH, disruptor_evict(ring, "group", DISRUPTOR_EVICT_UNGATE));
	/* It left: those after it go on without it, and it comes back at the cursor. */
	ASSERT_EQ(0, disruptor_worker_attach(&self->team.a, ring, "group"));
	EXPECT_EQ(8, group_at(&self->team));
	EXPECT_TAKES_NOTHING(-EAGAIN, self->team.a);
}

/* ---- who gets what -------------------------------------------------------------- */

TEST_F(team, take_turns_and_those_after_wait_for_the_slowest)
{
	struct team *team = &self->team;
	struct disruptor_range range;

	EXPECT_TAKES_NOTHING(-EAGAIN, team->a);
	ASSERT_EQ(0, publish_events(team->producer, 5));
	EXPECT_TAKES(team->a, 2, 0, 2);
	EXPECT_TAKES(team->b, 100, 2, 5);
	EXPECT_TAKES_NOTHING(-EAGAIN, ({
		ASSERT_EQ(0, disruptor_worker_done(team->b, 5));
		team->b;
	}));
	EXPECT_EQ(0, group_at(team));
	EXPECT_EQ(-EAGAIN, disruptor_try_wait(team->after, &range));
	ASSERT_EQ(0, disruptor_worker_done(team->a, 1));
	ASSERT_EQ(0, disruptor_try_wait(team->after, &range));
	EXPECT_EQ(0, range.lo);
	EXPECT_EQ(1, range.hi);
	disruptor_release(team->after, 1);
	/* What is left of the claim comes first. */
	EXPECT_TAKES(team->a, 7, 1, 2);
	ASSERT_EQ(0, disruptor_worker_done(team->a, 2));
	EXPECT_EQ(5, group_at(team));
	ASSERT_EQ(0, disruptor_try_wait(team->after, &range));
	EXPECT_EQ(5, range.hi);
}

TEST_F(team, hold_the_producer_up_with_what_they_are_not_done_with)
{
	struct team *team = &self->team;
	uint64_t lo;

	ASSERT_EQ(0, publish_events(team->producer, 8));
	EXPECT_TAKES(team->a, 1, 0, 1);
	EXPECT_TAKES(team->b, 7, 1, 8);
	ASSERT_EQ(0, disruptor_worker_done(team->b, 8));
	EXPECT_EQ(-EAGAIN, disruptor_try_claim(team->producer, 1, &lo));
	ASSERT_EQ(0, disruptor_worker_done(team->a, 1));
	disruptor_release(team->after, 8);
	EXPECT_EQ(0, disruptor_try_claim(team->producer, 8, &lo));
}

TEST_F(team, without_one_that_takes_hold_nothing)
{
	struct team *team = &self->team;
	uint64_t lap;

	for (lap = 0; lap < 2000; lap++) {
		EXPECT_TAKES_NOTHING(-EAGAIN, team->b);
		ASSERT_EQ(0, publish_events(team->producer, 3));
		EXPECT_TAKES(team->a, 8, 3 * lap, 3 * lap + 3);
		ASSERT_EQ(0, disruptor_worker_done(team->a, 3 * lap + 3));
		disruptor_release(team->after, 3 * lap + 3);
	}
	EXPECT_TAKES_NOTHING(-EAGAIN, team->b);
}

TEST_F(team, are_seen_in_the_statistics)
{
	struct team *team = &self->team;
	struct disruptor_seat_stats seats[6];
	struct disruptor_stats stats = {
		.seats = (uintptr_t)seats,
		.nr_seats = 5,
	};

	EXPECT_EQ(-ENOSPC, disruptor_get_stats(team->ring, &stats));
	stats.nr_seats = 6;
	ASSERT_EQ(0, publish_events(team->producer, 4));
	EXPECT_TAKES(team->a, 2, 0, 2);
	EXPECT_TAKES(team->b, 2, 2, 4);
	ASSERT_EQ(0, disruptor_get_stats(team->ring, &stats));
	EXPECT_EQ(6, stats.nr_seats);
	EXPECT_EQ(DISRUPTOR_SEAT_HELD | DISRUPTOR_SEAT_GATING, seats[1].flags);
	EXPECT_EQ(0, seats[1].pid);
	EXPECT_EQ(0, seats[1].attaches);
	EXPECT_EQ(DISRUPTOR_SEAT_HELD, seats[3].flags);
	EXPECT_EQ(DISRUPTOR_SEAT_HELD, seats[4].flags);
	EXPECT_EQ(0, seats[5].flags);
	EXPECT_EQ(1, seats[4].attaches);
	EXPECT_EQ(2, seats[4].sequence);
	EXPECT_EQ(0, stats.adopted);
}

/* ---- what is left to others ------------------------------------------------------- */

TEST_F(team, get_what_one_that_leaves_was_not_done_with)
{
	struct team *team = &self->team;

	ASSERT_EQ(0, publish_events(team->producer, 8));
	EXPECT_TAKES(team->a, 4, 0, 4);
	EXPECT_TAKES(team->b, 2, 4, 6);
	ASSERT_EQ(0, disruptor_worker_done(team->a, 1));
	disruptor_worker_detach(team->a);
	team->a = NULL;
	ASSERT_EQ(0, disruptor_worker_done(team->b, 6));
	EXPECT_EQ(1, group_at(team));
	EXPECT_TAKES(team->b, 2, 1, 3);
	ASSERT_EQ(0, disruptor_worker_done(team->b, 3));
	EXPECT_EQ(3, group_at(team));
	EXPECT_TAKES(team->b, 8, 3, 4);
	ASSERT_EQ(0, disruptor_worker_done(team->b, 4));
	EXPECT_EQ(6, group_at(team));
	EXPECT_TAKES(team->b, 8, 6, 8);
	ASSERT_EQ(0, disruptor_worker_done(team->b, 8));
	EXPECT_EQ(3, adopted(team->ring));
}

TEST_F(team, leave_what_they_had_for_the_next_to_come)
{
	struct team *team = &self->team;

	ASSERT_EQ(0, publish_events(team->producer, 6));
	EXPECT_TAKES(team->a, 2, 0, 2);
	EXPECT_TAKES(team->b, 2, 2, 4);
	disruptor_worker_detach(team->a);
	ASSERT_EQ(0, disruptor_worker_done(team->b, 4));
	disruptor_worker_detach(team->b);
	team->b = NULL;
	EXPECT_EQ(0, group_at(team));
	ASSERT_EQ(0, disruptor_worker_attach(&team->a, team->ring, "group"));
	EXPECT_TAKES(team->a, 8, 0, 2);
	ASSERT_EQ(0, disruptor_worker_done(team->a, 2));
	EXPECT_EQ(4, group_at(team));
	EXPECT_TAKES(team->a, 8, 4, 6);
}

TEST_F(team, get_what_is_left_in_pieces_as_often_as_it_is)
{
	struct team *team = &self->team;
	struct disruptor_worker *worker;
	uint64_t round;

	ASSERT_EQ(0, publish_events(team->producer, 8));
	EXPECT_TAKES(team->a, 8, 0, 8);
	disruptor_worker_detach(team->a);
	team->a = NULL;
	for (round = 0; round < 8; round++) {
		ASSERT_EQ(0, disruptor_worker_attach(&worker, team->ring, "group"));
		EXPECT_TAKES(worker, 3, round, round + 3 > 8 ? 8 : round + 3);
		ASSERT_EQ(0, disruptor_worker_done(worker, round + 1));
		disruptor_worker_detach(worker);
	}
	EXPECT_EQ(8, group_at(team));
	EXPECT_TAKES_NOTHING(-EAGAIN, team->b);
	/* All eight, and what was left of three, three, ... and one. */
	EXPECT_EQ(3 * 6 + 2 + 1, adopted(team->ring));
}

TEST(an_optional_group_leaves_with_its_last_worker)
{
	struct disruptor_range range;
	struct team team;

	ASSERT_EQ(0, team_open(&team, 8, DISRUPTOR_CONSUMER_OPTIONAL));
	ASSERT_EQ(0, publish_events(team.producer, 4));
	EXPECT_TAKES(team.a, 2, 0, 2);
	EXPECT_TAKES(team.b, 1, 2, 3);
	disruptor_worker_detach(team.a);
	EXPECT_EQ(-EAGAIN, disruptor_try_wait(team.after, &range));
	disruptor_worker_detach(team.b);
	ASSERT_EQ(0, disruptor_try_wait(team.after, &range));
	EXPECT_EQ(4, range.hi);
	disruptor_release(team.after, 4);
	ASSERT_EQ(0, publish_events(team.producer, 8));
	ASSERT_EQ(0, disruptor_try_wait(team.after, &range));
	disruptor_release(team.after, 6);
	/* It is back at the cursor: nothing of what it left is waiting. */
	ASSERT_EQ(0, disruptor_worker_attach(&team.a, team.ring, "group"));
	ASSERT_EQ(0, disruptor_worker_attach(&team.b, team.ring, "group"));
	EXPECT_TAKES_NOTHING(-EAGAIN, team.a);
	EXPECT_EQ(12, group_at(&team));
	ASSERT_EQ(0, disruptor_try_wait(team.after, &range));
	disruptor_release(team.after, range.hi);
	ASSERT_EQ(0, publish_events(team.producer, 1));
	EXPECT_TAKES(team.b, 1, 12, 13);
	team_close(&team);
}

static void *leave(void *worker)
{
	disruptor_worker_detach(worker);
	return NULL;
}

/* An intent is stored, though nothing is claimed yet: those who leave wait for it. */
TEST(an_optional_group_leaves_whoever_came_while_others_were_leaving)
{
	struct disruptor_worker *c, *d = NULL;
	struct disruptor_range range;
	struct disruptor_intent *intent;
	pthread_t threads[2];
	struct team team;

	ASSERT_EQ(0, team_open(&team, 8, DISRUPTOR_CONSUMER_OPTIONAL));
	ASSERT_EQ(0, disruptor_worker_attach(&c, team.ring, "group"));
	ASSERT_EQ(0, publish_events(team.producer, 1));
	EXPECT_TAKES(team.a, 1, 0, 1);
	intent = c->intent;
	__atomic_store_n(&intent->lo, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&intent->hi, 1, __ATOMIC_RELEASE);
	ASSERT_EQ(0, pthread_create(&threads[0], NULL, leave, team.a));
	let_it_sleep();
	ASSERT_EQ(0, pthread_create(&threads[1], NULL, leave, team.b));
	let_it_sleep();
	EXPECT_EQ(0, disruptor_worker_attach(&d, team.ring, "group"));
	__atomic_store_n(&intent->hi, 0, __ATOMIC_RELEASE);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	disruptor_worker_detach(d);
	EXPECT_EQ(-EAGAIN, disruptor_try_wait(team.after, &range));
	disruptor_worker_detach(c);
	EXPECT_EQ(0, disruptor_try_wait(team.after, &range));
	team.a = NULL;
	team.b = NULL;
	team_close(&team);
}

/* ---- several producers ---------------------------------------------------------------- */

TEST(what_a_producer_left_is_skipped)
{
	struct disruptor_config config = { .producers = 2 };
	struct disruptor_multi *one, *other;
	struct disruptor_worker *worker;
	struct disruptor_range range;
	struct disruptor_ring *ring;
	uint64_t lo, round, at;

	disruptor_graph_add(&config.graph, "group", NULL, 0);
	disruptor_graph_workers(&config.graph, "group", 2);
	ASSERT_EQ(0, private_ring(&ring, &config, 8, EVENT_BYTES));
	ASSERT_EQ(0, disruptor_multi_attach(&one, ring));
	ASSERT_EQ(0, disruptor_worker_attach(&worker, ring, "group"));
	for (round = 0; round < rounds(1000); round++) {
		at = 6 * round;
		ASSERT_EQ(0, disruptor_multi_attach(&other, ring));
		ASSERT_EQ(0, disruptor_multi_try_claim(one, 1, &lo));
		event_fill(disruptor_multi_slot(one, lo), EVENT_BYTES, lo);
		disruptor_multi_publish(one, lo, lo + 1);
		ASSERT_EQ(0, disruptor_multi_try_claim(other, 2, &lo));
		ASSERT_EQ(0, disruptor_multi_try_claim(one, 1, &lo));
		event_fill(disruptor_multi_slot(one, lo), EVENT_BYTES, lo);
		disruptor_multi_publish(one, lo, lo + 1);
		EXPECT_TAKES(worker, 8, at, at + 1);
		ASSERT_EQ(0, disruptor_worker_done(worker, at + 1));
		EXPECT_TAKES_NOTHING(-EAGAIN, worker);
		disruptor_multi_detach(other);
		EXPECT_TAKES(worker, 8, at + 3, at + 4);
		ASSERT_EQ(0, disruptor_worker_done(worker, at + 4));
		/* A claim of nothing else. */
		ASSERT_EQ(0, disruptor_multi_attach(&other, ring));
		ASSERT_EQ(0, disruptor_multi_try_claim(other, 2, &lo));
		disruptor_multi_detach(other);
		EXPECT_EQ(-EAGAIN, disruptor_worker_try_take(worker, 1, &range));
		EXPECT_EQ(at + 6, seat_stats(ring, 1).sequence);
	}
	disruptor_worker_detach(worker);
	disruptor_multi_detach(one);
	disruptor_close(ring);
}

/* ---- the end --------------------------------------------------------------------------- */

TEST_F(team, see_the_end_when_all_of_them_are_done)
{
	struct team *team = &self->team;

	ASSERT_EQ(0, publish_events(team->producer, 2));
	EXPECT_TAKES(team->a, 2, 0, 2);
	disruptor_producer_detach(team->producer);
	team->producer = NULL;
	EXPECT_TAKES_NOTHING(-EAGAIN, team->b);
	ASSERT_EQ(0, disruptor_worker_done(team->a, 1));
	EXPECT_TAKES_NOTHING(-EAGAIN, team->b);
	ASSERT_EQ(0, disruptor_worker_done(team->a, 2));
	EXPECT_TAKES_NOTHING(-ENODATA, team->b);
	EXPECT_TAKES_NOTHING(-ENODATA, team->a);
}

struct taker {
	struct disruptor_worker *worker;
	struct disruptor_range range;
	int err;
	pthread_t thread;
};

static void *take_one(void *arg)
{
	struct taker *taker = arg;

	taker->err = disruptor_worker_take_until(taker->worker, 1, soon(10 * SEC),
						 &taker->range);
	return NULL;
}

TEST_F(team, that_sleep_get_what_is_left_also_after_the_end)
{
	struct team *team = &self->team;
	struct taker taker = { .worker = team->b };

	disruptor_worker_set_wait(team->b, &sleeping);
	ASSERT_EQ(0, publish_events(team->producer, 2));
	EXPECT_TAKES(team->a, 2, 0, 2);
	disruptor_producer_detach(team->producer);
	team->producer = NULL;
	ASSERT_EQ(0, pthread_create(&taker.thread, NULL, take_one, &taker));
	let_it_sleep();
	ASSERT_EQ(0, disruptor_worker_done(team->a, 1));
	disruptor_worker_detach(team->a);
	team->a = NULL;
	pthread_join(taker.thread, NULL);
	EXPECT_EQ(0, taker.err);
	EXPECT_EQ(1, taker.range.lo);
	ASSERT_EQ(0, disruptor_worker_done(team->b, 2));
	EXPECT_TAKES_NOTHING(-ENODATA, team->b);
}

TEST_F(team, that_sleep_hear_that_the_last_is_done)
{
	struct team *team = &self->team;
	struct taker taker = { .worker = team->b };

	disruptor_worker_set_wait(team->b, &sleeping);
	ASSERT_EQ(0, publish_events(team->producer, 2));
	EXPECT_TAKES(team->a, 2, 0, 2);
	disruptor_producer_detach(team->producer);
	team->producer = NULL;
	ASSERT_EQ(0, pthread_create(&taker.thread, NULL, take_one, &taker));
	let_it_sleep();
	ASSERT_EQ(0, disruptor_worker_done(team->a, 2));
	pthread_join(taker.thread, NULL);
	EXPECT_EQ(-ENODATA, taker.err);
}

TEST_F(team, wait_no_longer_than_they_are_told_to)
{
	struct team *team = &self->team;
	struct disruptor_range range;
	uint64_t begin = disruptor_now_ns();

	EXPECT_EQ(-ETIMEDOUT, disruptor_worker_take_until(team->a, 1,
							  begin + 20 * MSEC,
							  &range));
	EXPECT_LE(begin + 20 * MSEC, disruptor_now_ns());
	disruptor_worker_halt(team->a);
	EXPECT_EQ(-ECANCELED, disruptor_worker_take(team->a, 1, &range));
	EXPECT_EQ(-ETIMEDOUT, disruptor_worker_take_until(team->a, 1, 1, &range));
}

TEST_F(team, take_at_the_deadline_what_is_less_than_was_slept_for)
{
	struct disruptor_range range = { 77, 77 };
	uint64_t deadline;
	pthread_t thread;

	ASSERT_EQ(0, disruptor_worker_set_wait(self->team.a, &patient));
	deadline = soon(SEC);
	ASSERT_EQ(0, pthread_create(&thread, NULL, publish_soon,
				    self->team.producer));
	EXPECT_EQ(0, disruptor_worker_take_until(self->team.a, 8, deadline,
						 &range));
	EXPECT_GE(disruptor_now_ns(), deadline);
	EXPECT_EQ(0, range.lo);
	EXPECT_EQ(3, range.hi);
	ASSERT_EQ(0, pthread_join(thread, NULL));
}

/* ---- read and run --------------------------------------------------------------------------- */

TEST_F(team, read_what_is_theirs)
{
	struct team *team = &self->team;
	uint32_t events[8][EVENT_BYTES / 4];
	unsigned int i;

	ASSERT_EQ(0, publish_events(team->producer, 8));
	EXPECT_EQ(3, disruptor_worker_read(team->a, events, 3));
	EXPECT_EQ(5, disruptor_worker_read(team->b, events + 3, 100));
	for (i = 0; i < 8; i++)
		EXPECT_TRUE(event_ok(events[i], EVENT_BYTES, i));
	EXPECT_EQ(8, group_at(team));
	disruptor_producer_detach(team->producer);
	team->producer = NULL;
	EXPECT_EQ(-ENODATA, disruptor_worker_read(team->a, events, 1));
}

struct handled {
	struct disruptor_worker *worker;
	uint64_t next;
	uint64_t batches;
	uint64_t largest;
	unsigned int timeouts;
	unsigned int fail_at;
	bool started;
	bool shut_down;
	bool no_consumer;
};

static int on_start(void *context, struct disruptor_consumer *consumer)
{
	struct handled *handled = context;

	handled->started = true;
	handled->no_consumer = !consumer;
	return 0;
}

static void on_batch_start(void *context, uint64_t size)
{
	struct handled *handled = context;

	handled->batches++;
	if (handled->largest < size)
		handled->largest = size;
}

static int on_event(void *context, void *event, uint64_t seq, bool end_of_batch)
{
	struct handled *handled = context;

	if (!event_ok(event, EVENT_BYTES, seq))
		return -EIO;
	if (handled->fail_at && seq == handled->fail_at)
		return -ENOEXEC;
	handled->next = seq + 1;
	return 0;
}

static void on_timeout(void *context, uint64_t next)
{
	struct handled *handled = context;

	handled->timeouts += next == handled->next;
	disruptor_worker_halt(handled->worker);
}

static void on_shutdown(void *context)
{
	((struct handled *)context)->shut_down = true;
}

static struct disruptor_handler handler_for(struct handled *handled)
{
	return (struct disruptor_handler){
		.context = handled,
		.on_start = on_start,
		.on_batch_start = on_batch_start,
		.on_event = on_event,
		.on_timeout = on_timeout,
		.on_shutdown = on_shutdown,
		.timeout_ns = MSEC,
	};
}

TEST_F(team, run_one_by_one_if_not_told_otherwise)
{
	struct handled handled = { .worker = self->team.a };
	struct disruptor_handler handler = handler_for(&handled);
	struct disruptor_handler nothing = { 0 };

	ASSERT_EQ(0, publish_events(self->team.producer, 6));
	EXPECT_EQ(-EINVAL, disruptor_worker_run(self->team.a, &nothing));
	EXPECT_EQ(0, disruptor_worker_run(self->team.a, &handler));
	EXPECT_TRUE(handled.started && handled.no_consumer && handled.shut_down);
	EXPECT_EQ(6, handled.next);
	EXPECT_EQ(6, handled.batches);
	EXPECT_EQ(1, handled.largest);
	EXPECT_EQ(1, handled.timeouts);
	handler.batch_limit = 4;
	ASSERT_EQ(0, publish_events(self->team.producer, 2));
	disruptor_producer_detach(self->team.producer);
	self->team.producer = NULL;
	EXPECT_EQ(0, disruptor_worker_run(self->team.a, &handler));
	EXPECT_EQ(8, handled.next);
	EXPECT_EQ(2, handled.largest);
}

TEST_F(team, that_fail_leave_the_event_to_another)
{
	struct team *team = &self->team;
	struct handled handled = { .worker = team->a, .fail_at = 3 };
	struct disruptor_handler handler = handler_for(&handled);

	handler.batch_limit = 8;
	ASSERT_EQ(0, publish_events(team->producer, 6));
	EXPECT_EQ(-ENOEXEC, disruptor_worker_run(team->a, &handler));
	EXPECT_EQ(3, group_at(team));
	disruptor_worker_detach(team->a);
	team->a = NULL;
	EXPECT_TAKES(team->b, 8, 3, 6);
}

/* ---- threads ---------------------------------------------------------------------- */

#define MOST_WORKERS	8

/**
 * struct scene - many threads at one ring
 * @seen: how often each event was done
 * @leaving: workers leave now and then, with events not done
 */
struct scene {
	struct disruptor_ring *ring;
	const struct disruptor_wait_strategy *strategy;
	uint64_t events;
	uint64_t most;
	bool leaving;
	uint32_t *seen;
};

struct actor {
	struct scene *scene;
	unsigned int seed;
	uint64_t done;
	uint64_t left;
	const char *wrong;
	pthread_t thread;
};

static void *scene_produce(void *arg)
{
	struct actor *actor = arg;
	struct scene *scene = actor->scene;
	struct disruptor_producer *producer;
	uint64_t seq, lo, n;

	if (disruptor_producer_attach(&producer, scene->ring)) {
		actor->wrong = "no producer";
		return NULL;
	}
	disruptor_producer_set_wait(producer, scene->strategy);
	for (seq = 0; seq < scene->events; seq += n) {
		n = 1 + rand_r(&actor->seed) % scene->most;
		if (n > scene->events - seq)
			n = scene->events - seq;
		if (disruptor_claim_until(producer, n, soon(60 * SEC), &lo)) {
			actor->wrong = "a claim failed";
			break;
		}
		for (; lo < seq + n; lo++)
			event_fill(disruptor_producer_slot(producer, lo),
				   EVENT_BYTES, lo);
		disruptor_publish(producer, seq, seq + n);
	}
	disruptor_producer_end(producer);
	return NULL;
}

static void scene_handle(struct actor *actor, struct disruptor_worker *worker,
			 const struct disruptor_range *range)
{
	uint64_t hi = range->hi;
	uint64_t seq;

	if (actor->scene->leaving && rand_r(&actor->seed) % 4 == 0)
		hi -= rand_r(&actor->seed) % (hi - range->lo + 1);
	for (seq = range->lo; seq < hi; seq++) {
		if (!event_ok(disruptor_worker_slot(worker, seq), EVENT_BYTES, seq))
			actor->wrong = "not the event";
		/* Plain: the ring orders it before the consumer behind. */
		actor->scene->seen[seq]++;
	}
	actor->done += hi - range->lo;
	actor->left += range->hi - hi;
	if (disruptor_worker_done(worker, hi))
		actor->wrong = "not mine";
}

static void *scene_work(void *arg)
{
	struct actor *actor = arg;
	struct scene *scene = actor->scene;
	struct disruptor_worker *worker = NULL;
	struct disruptor_range range;
	uint64_t left;
	int err = 0;

	while (!err && !actor->wrong) {
		if (!worker && disruptor_worker_attach(&worker, scene->ring, "group")) {
			actor->wrong = "no worker";
			break;
		}
		disruptor_worker_set_wait(worker, scene->strategy);
		err = disruptor_worker_take_until(worker, scene->most,
						  soon(60 * SEC), &range);
		if (err)
			break;
		left = actor->left;
		scene_handle(actor, worker, &range);
		if (left == actor->left)
			continue;
		disruptor_worker_detach(worker);
		worker = NULL;
	}
	if (err && err != -ENODATA)
		actor->wrong = "a wait failed";
	disruptor_worker_detach(worker);
	return NULL;
}

/* Every event has been done once when it gets here. */
static void *scene_follow(void *arg)
{
	struct actor *actor = arg;
	struct disruptor_consumer *consumer;
	struct disruptor_range range;
	uint64_t seq;
	int err;

	if (disruptor_consumer_attach(&consumer, actor->scene->ring, "after")) {
		actor->wrong = "no consumer";
		return NULL;
	}
	disruptor_consumer_set_wait(consumer, actor->scene->strategy);
	while (!(err = disruptor_wait_until(consumer, soon(60 * SEC), &range))) {
		for (seq = range.lo; seq < range.hi; seq++) {
			if (actor->scene->seen[seq] != 1)
				actor->wrong = "not done once";
		}
		actor->done += range.hi - range.lo;
		disruptor_release(consumer, range.hi);
	}
	if (err != -ENODATA)
		actor->wrong = "a wait failed";
	disruptor_consumer_detach(consumer);
	return NULL;
}

FIXTURE(threads) {
	struct scene scene;
	struct actor producer;
	struct actor after;
	struct actor workers[MOST_WORKERS];
};

FIXTURE_VARIANT(threads) {
	unsigned int workers;
	uint32_t slots;
	uint64_t events;
	uint64_t most;
	bool leaving;
	const struct disruptor_wait_strategy *strategy;
};

FIXTURE_VARIANT_ADD(threads, workers_2_one_by_one) {
	.workers = 2, .slots = 64, .events = 200000, .most = 1,
	.strategy = &yielding,
};

FIXTURE_VARIANT_ADD(threads, workers_3_in_batches_asleep) {
	.workers = 3, .slots = 256, .events = 300000, .most = 16,
	.strategy = &sleeping,
};

FIXTURE_VARIANT_ADD(threads, workers_2_at_1_slot) {
	.workers = 2, .slots = 1, .events = 4000, .most = 1,
	.strategy = &sleeping,
};

FIXTURE_VARIANT_ADD(threads, workers_3_at_4_slots) {
	.workers = 3, .slots = 4, .events = 10000, .most = 2,
	.strategy = &yielding,
};

FIXTURE_VARIANT_ADD(threads, workers_3_that_leave) {
	.workers = 3, .slots = 16, .events = 20000, .most = 4, .leaving = true,
	.strategy = &yielding,
};

FIXTURE_VARIANT_ADD(threads, workers_8_that_leave_asleep) {
	.workers = 8, .slots = 256, .events = 40000, .most = 16, .leaving = true,
	.strategy = &sleeping,
};

FIXTURE_SETUP(threads)
{
	struct disruptor_config config = { 0 };

	disruptor_graph_add(&config.graph, "group", NULL, 0);
	disruptor_graph_add(&config.graph, "after", DISRUPTOR_AFTER("group"), 0);
	/* One more place: that of one who left may not be free at once. */
	disruptor_graph_workers(&config.graph, "group", 2 * variant->workers);
	self->scene = (struct scene){
		.strategy = variant->strategy,
		.events = rounds(variant->events),
		.most = variant->most,
		.leaving = variant->leaving,
	};
	self->scene.seen = calloc(self->scene.events, sizeof(*self->scene.seen));
	ASSERT_NE(NULL, self->scene.seen);
	ASSERT_EQ(0, private_ring(&self->scene.ring, &config, variant->slots,
				  EVENT_BYTES));
}

FIXTURE_TEARDOWN(threads)
{
	disruptor_close(self->scene.ring);
	free(self->scene.seen);
}

static int start(struct actor *actor, struct scene *scene, unsigned int seed,
		 void *(*act)(void *))
{
	*actor = (struct actor){ .scene = scene, .seed = seed };
	return pthread_create(&actor->thread, NULL, act, actor);
}

TEST_F_TIMEOUT(threads, every_event_is_done_once, 120)
{
	struct scene *scene = &self->scene;
	uint64_t done = 0, left = 0;
	unsigned int i;

	ASSERT_EQ(0, start(&self->after, scene, 1, scene_follow));
	for (i = 0; i < variant->workers; i++)
		ASSERT_EQ(0, start(&self->workers[i], scene, i + 2, scene_work));
	ASSERT_EQ(0, start(&self->producer, scene, 0, scene_produce));
	pthread_join(self->producer.thread, NULL);
	EXPECT_STREQ("", said(self->producer.wrong));
	for (i = 0; i < variant->workers; i++) {
		pthread_join(self->workers[i].thread, NULL);
		EXPECT_STREQ("", said(self->workers[i].wrong));
		done += self->workers[i].done;
		left += self->workers[i].left;
	}
	pthread_join(self->after.thread, NULL);
	EXPECT_STREQ("", said(self->after.wrong));
	EXPECT_EQ(scene->events, done);
	EXPECT_EQ(scene->events, self->after.done);
	EXPECT_EQ(left, adopted(scene->ring));
}

TEST_HARNESS_MAIN
