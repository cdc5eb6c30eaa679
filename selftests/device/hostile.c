// SPDX-License-Identifier: GPL-2.0-only
/* rig: user=root,plain timeout=90 */
/*
 * A consumer can write anything into its own counter.  It harms itself and those
 * that come after it; those beside it and the producer see at worst a ring that
 * stands still, and go on when it is evicted.  The kernel keeps its promises.
 *
 * A producer can write much more, and wreck its ring; others' it cannot.
 *
 * HOSTILE_MS=n: for how long every page is written that can be.
 */
#include "stream.h"

#include <poll.h>
#include <pthread.h>

#include "kselftest_harness.h"

#define SLOTS		16
#define EVENT_BYTES	64
#define HOSTILE		DISRUPTOR_SEAT_CONSUMER(0)

/* Of the moment: counters move. */
static uint64_t hostile_value(uint64_t *chances, uint64_t cursor, unsigned int kind)
{
	switch (kind) {
	case 0:
		return 0;
	case 1:
		return ~0ULL;
	case 2:
		return 1ULL << 63;
	case 3:
		return cursor + 1;
	case 4:
		return cursor - SLOTS - 1;
	case 5:
		return (1ULL << 63) - 1;
	case 6:
		return ~0ULL - chance_below(chances, 2 * SLOTS);
	case 7:
		return cursor + SLOTS + chance_below(chances, 2);
	case 8:
		return cursor;
	}
	return chance(chances);
}

#define NR_KINDS	10

/* ---- one value at a time: where the next holder goes on --------------------------- */

static int write_and_stay(void *context)
{
	uint64_t *args = context;	/* ring, value, pipe */
	__u64 *counter = map_own(attach_consumer(args[0], "hostile", NULL),
				 HOSTILE);

	CHILD_CHECK(counter);
	counter_set(counter, args[1]);
	CHILD_CHECK(signal_byte(args[2]));
	pause();
	return 0;
}

FIXTURE(hostile_value) {
	int ring;
	int pipe[2];
	struct disruptor_producer *producer;
	struct disruptor_consumer *sibling;
	uint64_t cursor;
};

FIXTURE_SETUP(hostile_value)
{
	struct disruptor_consumer *fair;
	struct disruptor_range range;
	uint64_t lo;
	unsigned int i;

	self->ring = ring_create(.slots = SLOTS, .graph = "hostile sibling");
	ASSERT_LE(0, self->ring);
	ASSERT_EQ(0, pipe(self->pipe));
	ASSERT_EQ(0, producer_use(&self->producer,
				  attach_producer(self->ring, NULL), &sleeping));
	ASSERT_EQ(0, consumer_use(&self->sibling,
				  attach_consumer(self->ring, "sibling", NULL),
				  &sleeping));
	ASSERT_EQ(0, consumer_use(&fair,
				  attach_consumer(self->ring, "hostile", NULL),
				  &sleeping));
	/* Some laps, and then half a ring that the fair one leaves. */
	for (i = 0; i < 7; i++) {
		ASSERT_EQ(0, disruptor_claim(self->producer, SLOTS / 2, &lo));
		disruptor_publish(self->producer, lo, lo + SLOTS / 2);
		ASSERT_EQ(0, disruptor_wait(self->sibling, &range));
		disruptor_release(self->sibling, range.hi);
		if (i == 6)
			break;
		ASSERT_EQ(0, disruptor_wait(fair, &range));
		disruptor_release(fair, range.hi);
	}
	self->cursor = lo + SLOTS / 2;
	disruptor_consumer_detach(fair);
}

FIXTURE_TEARDOWN(hostile_value)
{
	disruptor_producer_detach(self->producer);
	disruptor_consumer_detach(self->sibling);
	close(self->pipe[0]);
	close(self->pipe[1]);
	close(self->ring);
}

TEST_F(hostile_value, is_put_right_for_the_next_holder)
{
	uint64_t chances = chosen_seed();
	unsigned int kind;

	for (kind = 0; kind < 2 * NR_KINDS; kind++) {
		uint64_t value = hostile_value(&chances, self->cursor, kind);
		uint64_t args[] = { self->ring, value, self->pipe[1] };
		pid_t pid = stage_start(write_and_stay, args);
		__u64 start;
		int fd;

		ASSERT_TRUE(await_byte(self->pipe[0]));
		ASSERT_EQ(value, counter_of(self->ring, HOSTILE));
		/* By eviction and by death. */
		if (kind % 2)
			ASSERT_EQ(0, evict(self->ring, "hostile", 0));
		kill(pid, SIGKILL);
		ASSERT_EQ(-SIGKILL, child_wait(pid));
		fd = attach_consumer(self->ring, "hostile", &start);
		ASSERT_LE(0, fd);
		EXPECT_GE(self->cursor, start);
		EXPECT_LE(self->cursor - SLOTS, start);
		if (value <= self->cursor && value >= self->cursor - SLOTS)
			EXPECT_EQ(value, start);
		EXPECT_EQ(start, counter_of(self->ring, HOSTILE));
		close(fd);
	}
}

TEST_F(hostile_value, does_not_keep_the_kernel)
{
	uint64_t chances = chosen_seed();
	struct disruptor_range range;
	struct full_stats stats;
	unsigned int kind;
	uint64_t lo;

	for (kind = 0; kind < 2 * NR_KINDS; kind++) {
		uint64_t value = hostile_value(&chances, self->cursor, kind);
		uint64_t args[] = { self->ring, value, self->pipe[1] };
		pid_t pid = stage_start(write_and_stay, args);
		uint64_t begun = now_ns();
		int err;

		ASSERT_TRUE(await_byte(self->pipe[0]));
		ASSERT_EQ(0, stats_of(self->ring, &stats));
		EXPECT_EQ(value, stats.seats[HOSTILE].sequence);
		/* Sleeps through it, and up to the deadline at the most. */
		err = disruptor_wait_until(self->sibling, in_ms(20), &range);
		EXPECT_EQ(-ETIMEDOUT, err);
		err = disruptor_claim_until(self->producer, SLOTS, in_ms(20), &lo);
		EXPECT_TRUE(err == 0 || err == -ETIMEDOUT);
		if (!err) {
			/* Never more than the ring ahead of the fair ones. */
			EXPECT_EQ(self->cursor, lo);
			disruptor_publish(self->producer, lo, lo + SLOTS);
			self->cursor += SLOTS;
			ASSERT_EQ(0, disruptor_wait(self->sibling, &range));
			EXPECT_EQ(lo, range.lo);
			EXPECT_EQ(self->cursor, range.hi);
			disruptor_release(self->sibling, range.hi);
		}
		EXPECT_GT(10000000000ULL, now_ns() - begun);
		ASSERT_EQ(0, evict(self->ring, "hostile", 0));
		kill(pid, SIGKILL);
		ASSERT_EQ(-SIGKILL, child_wait(pid));
	}
}

/* ---- a storm of values, while others work ------------------------------------------- */

struct siege {
	int ring;
	uint64_t seed;
	__u32 stop;
	uint64_t published;
	uint64_t sibling;	/* what it handled */
	uint64_t other;		/* likewise; comes after the sibling */
	uint64_t writes;	/* of the hostile one */
	uint64_t refusals;	/* -EBADMSG, to those that come after it */
};

static int produce(void *context)
{
	struct siege *siege = context;
	struct disruptor_producer *producer;
	uint64_t chances = siege->seed;
	uint64_t next = 0, lo, n;
	int err;

	CHILD_CHECK(!producer_use(&producer, attach_producer(siege->ring, NULL),
				  &yielding));
	while (!shared_load(&siege->stop)) {
		n = chance_part(&chances, SLOTS);
		err = disruptor_claim_until(producer, n, in_ms(5), &lo);
		if (err == -ETIMEDOUT)
			continue;
		CHILD_CHECK(!err);
		CHILD_CHECK(lo == next);
		for (; next < lo + n; next++)
			event_fill(disruptor_producer_slot(producer, next),
				   EVENT_BYTES, next);
		disruptor_publish(producer, lo, next);
		shared_store(&siege->published, next);
	}
	return 0;
}

/* Not behind the hostile one: all is as if it were not there, but for the time. */
static int stay_right(struct siege *siege, const char *name, uint64_t *handled)
{
	struct disruptor_consumer *consumer;
	struct disruptor_range range;
	uint64_t next = 0;
	int err;

	CHILD_CHECK(!consumer_use(&consumer,
				  attach_consumer(siege->ring, name, NULL),
				  &sleeping));
	while (!shared_load(&siege->stop)) {
		err = disruptor_wait_until(consumer, in_ms(5), &range);
		if (err == -ETIMEDOUT || err == -ENODATA)
			continue;
		CHILD_CHECK(!err);
		CHILD_CHECK(range.lo == next);
		CHILD_CHECK(range.hi - range.lo <= SLOTS);
		for (; next < range.hi; next++)
			CHILD_CHECK(event_right(disruptor_consumer_slot(consumer,
									next),
						EVENT_BYTES, next));
		sched_yield();
		CHILD_CHECK(event_right(disruptor_consumer_slot(consumer, range.lo),
					EVENT_BYTES, range.lo));
		disruptor_release(consumer, next);
		shared_store(handled, next);
	}
	return 0;
}

static int consume_beside(void *context)
{
	struct siege *siege = context;

	return stay_right(siege, "sibling", &siege->sibling);
}

static int consume_behind_sibling(void *context)
{
	struct siege *siege = context;

	return stay_right(siege, "other", &siege->other);
}

/* It may get anything, but no crash, and no error that is not documented. */
static int consume_behind_hostile(void *context)
{
	struct siege *siege = context;
	struct disruptor_consumer *consumer;
	struct disruptor_range range;
	uint64_t seq;
	int err;

	CHILD_CHECK(!consumer_use(&consumer,
				  attach_consumer(siege->ring, "victim", NULL),
				  &sleeping));
	while (!shared_load(&siege->stop)) {
		err = disruptor_wait_until(consumer, in_ms(5), &range);
		if (err == -EBADMSG) {
			shared_store(&siege->refusals, siege->refusals + 1);
			sched_yield();
			continue;
		}
		if (err == -ETIMEDOUT || err == -ENODATA)
			continue;
		if (err == -ESTALE)
			return 0;
		CHILD_CHECK(!err);
		CHILD_CHECK(range.hi - range.lo <= SLOTS);
		for (seq = range.lo; seq < range.hi; seq++)
			event_right(disruptor_consumer_slot(consumer, seq),
				    EVENT_BYTES, seq);
		disruptor_release(consumer, range.hi);
	}
	return 0;
}

/* Until it is evicted, which is a SIGBUS. */
static int write_nonsense(void *context)
{
	struct siege *siege = context;
	uint64_t chances = ~siege->seed;
	__u64 *counter = map_own(attach_consumer(siege->ring, "hostile", NULL),
				 HOSTILE);
	uint64_t cursor;

	CHILD_CHECK(counter);
	for (;;) {
		cursor = shared_load(&siege->published);
		counter_set(counter, hostile_value(&chances, cursor,
						   chance_below(&chances, NR_KINDS)));
		shared_store(&siege->writes, siege->writes + 1);
		if (!chance_below(&chances, 16))
			sched_yield();
	}
}

static bool goes_on(const uint64_t *handled, uint64_t by)
{
	uint64_t from = shared_load(handled);

	return BECOMES_TRUE(shared_load(handled) >= from + by, 15000);
}

#define SIEGE_MS	4000

TEST_F_TIMEOUT(hostile_value, storm_harms_only_those_behind, 60)
{
	static const child_fn fns[] = {
		produce, consume_beside, consume_behind_sibling,
		consume_behind_hostile,
	};
	struct siege *siege = shared_alloc(sizeof(*siege));
	struct full_stats stats;
	pid_t pids[ARRAY_SIZE(fns)];
	uint64_t end_ns;
	pid_t hostile;
	unsigned int i;
	int status;

	ASSERT_NE(NULL, siege);
	siege->seed = chosen_seed();
	siege->ring = ring_create(.slots = SLOTS, .slot_size = EVENT_BYTES,
				  .graph = "hostile sibling victim:hostile other:sibling");
	ASSERT_LE(0, siege->ring);
	for (i = 0; i < ARRAY_SIZE(fns); i++)
		pids[i] = stage_start(fns[i], siege);
	hostile = stage_start(write_nonsense, siege);

	for (end_ns = now_ns() + SIEGE_MS * 1000000ULL; now_ns() < end_ns;) {
		ASSERT_EQ(0, stats_of(siege->ring, &stats));
		sleep_ms(1);
	}
	EXPECT_LT(100, siege->writes);
	printf("# %lu writes, %lu refusals, %lu events\n", siege->writes,
	       siege->refusals, siege->published);

	/* Evicted and no longer waited for: the ring goes on. */
	ASSERT_EQ(0, evict(siege->ring, "hostile", DISRUPTOR_EVICT_UNGATE));
	EXPECT_EQ(-SIGBUS, child_wait(hostile));
	ASSERT_EQ(0, stats_of(siege->ring, &stats));
	EXPECT_EQ(0, stats.seats[HOSTILE].flags);
	/* The one behind it may have been led astray; that one is evicted, too. */
	ASSERT_EQ(0, evict(siege->ring, "victim", DISRUPTOR_EVICT_UNGATE));
	status = child_wait(pids[3]);
	EXPECT_TRUE(status == 0 || status == -SIGBUS);
	EXPECT_TRUE(goes_on(&siege->sibling, 20 * SLOTS));
	EXPECT_TRUE(goes_on(&siege->other, 20 * SLOTS));

	shared_store(&siege->stop, 1);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, child_wait(pids[i]));
	close(siege->ring);
}

/* ---- all pages that may be written, of every role --------------------------------------- */

#define HOSTILE_MS	4000
#define NR_HOSTILE	5
#define CALL_NS		10000000000ULL	/* far more than any call takes */

/**
 * struct vandal - a role, and its pages that may be written
 * @seat: whose counter it moves
 * @intent_seat: of one of several producers, or of a worker: where its intent is; else 0
 * @own: its own page; of one of several, that of the counter and then its own
 * @laps: the availability array, of a worker what is done at each slot; or NULL
 * @events: or NULL
 */
struct vandal {
	int fd;
	bool produces;
	unsigned int seat;
	unsigned int intent_seat;
	struct full_info full;
	unsigned char *own;
	__u32 *laps;
	__u64 *events;
	uint64_t chances;
	uint64_t *writes;
};

/* Shared by all. */
struct mob {
	int rings[3];
	uint64_t chances;
	uint64_t writes;
	uint64_t lives;
};

static void *map_rw(const struct vandal *vandal, unsigned int region, size_t bytes)
{
	void *at = map_region(vandal->fd, region, (bytes + page_bytes() - 1) &
			      ~(page_bytes() - 1), PROT_READ | PROT_WRITE);

	return at == MAP_FAILED ? NULL : at;
}

/* In the rings below the one group is the last consumer. */
static unsigned int intent_seat(const struct vandal *vandal)
{
	const struct disruptor_info *info = &vandal->full.info;
	unsigned int producers = info->producers > 1 ? info->producers : 0;

	if (vandal->produces)
		return producers ? 1 + info->nr_consumers + info->index : 0;
	return vandal->full.graph[info->index].workers > 1 ?
	       1 + info->nr_consumers + producers + info->worker : 0;
}

static bool vandal_map(struct vandal *vandal)
{
	const struct disruptor_info *info = &vandal->full.info;

	if (info_of(vandal->fd, &vandal->full))
		return false;
	vandal->seat = vandal->produces ? 0 : DISRUPTOR_SEAT_CONSUMER(info->index);
	vandal->intent_seat = intent_seat(vandal);
	vandal->own = map_rw(vandal, DISRUPTOR_REGION_OWN,
			     (vandal->intent_seat ? 2 : 1) * page_bytes());
	vandal->laps = vandal->intent_seat ?
		map_rw(vandal, vandal->produces ? DISRUPTOR_REGION_AVAILABILITY :
						  DISRUPTOR_REGION_DONE,
		       4 * (info->index_mask + 1)) : NULL;
	vandal->events = map_rw(vandal, DISRUPTOR_REGION_EVENTS,
				2 * info->events_bytes);
	return vandal->own;
}

static struct disruptor_intent *intent_of(const struct vandal *vandal)
{
	return (void *)(vandal->own + page_bytes() +
			DISRUPTOR_COUNTER_OFFSET(vandal->intent_seat));
}

static void write_lap(struct vandal *vandal, uint64_t near)
{
	unsigned int shift = __builtin_ctzll(vandal->full.info.index_mask + 1);
	uint64_t seq = near + chance_below(&vandal->chances, 4 * SLOTS) - 2 * SLOTS;
	__u32 lap = DISRUPTOR_LAP(seq, shift);

	if (!chance_below(&vandal->chances, 3))
		lap |= DISRUPTOR_LAP_ABORTED;
	if (!chance_below(&vandal->chances, 8))
		lap = chance(&vandal->chances);
	shared_store(&vandal->laps[seq & vandal->full.info.index_mask], lap);
}

static void write_something(struct vandal *vandal)
{
	__u64 *counter = counter_in(vandal->own, vandal->seat);
	uint64_t near = shared_load(counter);
	uint64_t value = hostile_value(&vandal->chances, near,
				       chance_below(&vandal->chances, NR_KINDS));
	struct disruptor_intent *intent;

	switch (chance_below(&vandal->chances, 5)) {
	case 4:		/* what its group has claimed */
		if (vandal->laps && !vandal->produces)
			counter_set((__u64 *)(vandal->own +
					      DISRUPTOR_CLAIMED_OFFSET(vandal->seat)),
				    value);
		break;
	case 0:
		counter_set(counter, value);
		break;
	case 1:		/* as if it played fair */
		counter_set(counter, near + chance_below(&vandal->chances, SLOTS));
		break;
	case 2:
		if (vandal->laps)
			write_lap(vandal, near);
		else if (vandal->events)
			vandal->events[chance_below(&vandal->chances,
					vandal->full.info.events_bytes / 4)] = value;
		break;
	case 3:
		if (!vandal->laps)
			break;
		intent = intent_of(vandal);
		counter_set(&intent->lo, value);
		counter_set(&intent->hi, chance_below(&vandal->chances, 2) ?
			    value + chance_below(&vandal->chances, 2 * SLOTS) :
			    chance(&vandal->chances));
	}
	__atomic_fetch_add(vandal->writes, 1, __ATOMIC_RELAXED);
}

static void *write_for_ever(void *context)
{
	struct vandal *vandal = context;

	for (;;)
		write_something(vandal);
	return NULL;
}

/* Meanwhile, what has the kernel look at the pages. */
static void call_something(struct vandal *vandal)
{
	struct disruptor_wait_args wait = {
		.size = sizeof(wait),
		.target = shared_load(counter_in(vandal->own, vandal->seat)) +
			  chance_below(&vandal->chances, 2 * SLOTS),
		.deadline_ns = in_ms(chance_below(&vandal->chances, 4)),
	};
	struct disruptor_adopt_args adopt = {
		.size = sizeof(adopt),
		.most = 1 + chance_below(&vandal->chances, SLOTS),
	};
	struct pollfd poll_fd = { .fd = vandal->fd, .events = POLLIN | POLLOUT };
	struct full_stats stats;

	switch (chance_below(&vandal->chances, 6)) {
	case 5:
		ring_ioctl(vandal->fd, DISRUPTOR_IOC_ADOPT, &adopt);
		break;
	case 0:
		ring_ioctl(vandal->fd, DISRUPTOR_IOC_WAIT, &wait);
		break;
	case 1:
		poll(&poll_fd, 1, chance_below(&vandal->chances, 3));
		break;
	case 2:
		ring_ioctl(vandal->fd, DISRUPTOR_IOC_WAKE,
			   (void *)chance_below(&vandal->chances, 4));
		break;
	case 3:
		stats_of(vandal->fd, &stats);
		break;
	case 4:
		munmap(vandal->own, page_bytes());
		vandal->own = map_rw(vandal, DISRUPTOR_REGION_OWN,
				     (vandal->laps ? 2 : 1) * page_bytes());
		if (!vandal->own)
			_exit(0);
	}
}

/* One life: a role, taken, misused, and left in one way or another. */
static int vandalise(void *context)
{
	static const char *const names[] = { NULL, "a", "b", "m", "o", NULL, "w", "w" };
	struct mob *mob = context;
	struct vandal vandal = {
		.chances = mob->chances + __atomic_fetch_add(&mob->lives, 1,
							     __ATOMIC_RELAXED),
		.writes = &mob->writes,
	};
	int ring = mob->rings[chance_below(&vandal.chances, 3)];
	const char *name = names[chance_below(&vandal.chances, ARRAY_SIZE(names))];
	unsigned int calls = chance_below(&vandal.chances, 40);
	pthread_t thread;

	vandal.produces = !name;
	vandal.fd = attach(ring, name, NULL);
	if (vandal.fd < 0 || !vandal_map(&vandal))
		return 0;
	/* A fork would have none of the maps. */
	CHILD_CHECK(!pthread_create(&thread, NULL, write_for_ever, &vandal));
	while (calls--)
		call_something(&vandal);
	switch (chance_below(&vandal.chances, 3)) {
	case 0:
		kill(getpid(), SIGKILL);
		break;
	case 1:
		detach(vandal.fd, vandal.produces ? DISRUPTOR_DETACH_END : 0);
	}
	_exit(0);
}

/* It died as the test had it, or of a page that was taken from it. */
static bool died_well(int status)
{
	return !status || (WIFSIGNALED(status) && (WTERMSIG(status) == SIGKILL ||
						   WTERMSIG(status) == SIGBUS ||
						   WTERMSIG(status) == SIGSEGV));
}

/* Other roles are taken away at random; no call takes long. */
static bool disturb(const struct mob *mob, uint64_t *chances)
{
	static const char *const names[] = { NULL, "a", "b", "m", "o", "w" };
	int ring = mob->rings[chance_below(chances, 3)];
	uint64_t begun = now_ns();
	struct full_stats stats;

	stats_of(ring, &stats);
	if (!chance_below(chances, 4))
		evict(ring, names[chance_below(chances, ARRAY_SIZE(names))],
		      chance_below(chances, 2) * DISRUPTOR_EVICT_UNGATE);
	return now_ns() - begun < CALL_NS;
}

static uint64_t hostile_ms(void)
{
	const char *given = getenv("HOSTILE_MS");

	return given ? strtoull(given, NULL, 0) : HOSTILE_MS;
}

TEST(every_page_that_can_be_written_harms_no_other_ring)
{
	static const child_fn fns[] = {
		produce, consume_beside, consume_behind_sibling,
	};
	struct siege *siege = shared_alloc(sizeof(*siege));
	struct mob *mob = shared_alloc(sizeof(*mob));
	pid_t pids[ARRAY_SIZE(fns)], vandals[NR_HOSTILE] = {};
	uint64_t chances, end_ns;
	unsigned int i;
	int status;

	ASSERT_TRUE(siege && mob);
	chances = chosen_seed();
	siege->seed = chances;
	mob->chances = chances;
	siege->ring = ring_create(.slots = SLOTS, .slot_size = EVENT_BYTES,
				  .graph = "sibling other:sibling");
	ASSERT_LE(0, siege->ring);
	for (i = 0; i < 3; i++) {
		mob->rings[i] = ring_create(.slots = SLOTS, .slot_size = 8,
					    .producers = i ? 4 : 1,
					    .flags = i == 2 ? DISRUPTOR_RING_OUTLIVES : 0,
					    .graph = "a b:a m!:b o? w*3:a");
		ASSERT_LE(0, mob->rings[i]);
	}
	for (i = 0; i < ARRAY_SIZE(fns); i++)
		pids[i] = stage_start(fns[i], siege);

	for (end_ns = now_ns() + hostile_ms() * 1000000; now_ns() < end_ns;) {
		for (i = 0; i < NR_HOSTILE; i++) {
			if (vandals[i] && !waitpid(vandals[i], &status, WNOHANG))
				continue;
			if (vandals[i])
				EXPECT_TRUE(died_well(status));
			vandals[i] = stage_start(vandalise, mob);
		}
		ASSERT_TRUE(disturb(mob, &chances));
		sleep_ms(1);
	}
	for (i = 0; i < NR_HOSTILE; i++) {
		kill(vandals[i], SIGKILL);
		EXPECT_NE(-1000, child_wait(vandals[i]));
	}
	printf("# %lu writes in %lu lives, %lu events beside\n", mob->writes,
	       mob->lives, siege->published);
	EXPECT_LT(100, mob->writes);

	/* Beside them, nothing was out of order. */
	EXPECT_TRUE(goes_on(&siege->sibling, 20 * SLOTS));
	EXPECT_TRUE(goes_on(&siege->other, 20 * SLOTS));
	shared_store(&siege->stop, 1);
	for (i = 0; i < ARRAY_SIZE(fns); i++)
		EXPECT_EQ(0, child_wait(pids[i]));
	close(siege->ring);
	for (i = 0; i < 3; i++)
		close(mob->rings[i]);
}

TEST_HARNESS_MAIN
