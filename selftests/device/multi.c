// SPDX-License-Identifier: GPL-2.0-only
/* rig: user=root,plain timeout=200 */
/*
 * Rings with several producers, through the ABI: seats, pages, statistics, and
 * what a producer that lies can do, which is nothing to those that do not.
 */
#include "claimant.h"
#include "stream.h"

#include "kselftest_harness.h"

#define SLOTS		16
#define SOON_MS		5000

#define several(nr, ...)	ring_create(.producers = (nr), __VA_ARGS__)

/* A ring of SLOTS whose memory has no more than these. */
static int several_of_pages(__u32 producers, const char *graph)
{
	return several(producers, .slots = SLOTS, .slot_size = 4096,
		       .graph = graph, .flags = DISRUPTOR_RING_OUTLIVES);
}

/* Publish it. */
static void finish(struct claimant *producer, __u64 lo, __u64 hi)
{
	claimant_settle(producer, lo, hi);
	claimant_rest(producer);
}

static __u64 aborted(int fd)
{
	struct full_stats all;

	return stats_of(fd, &all) ? POISON64 : all.stats.aborted;
}

static int evict_index(int ring, __u32 index)
{
	struct disruptor_evict_args args = {
		.size = sizeof(args),
		.role = DISRUPTOR_ROLE_PRODUCER,
		.index = index,
	};

	return ring_ioctl(ring, DISRUPTOR_IOC_EVICT, &args);
}

/* ---- seats ------------------------------------------------------------------- */

TEST(a_ring_is_for_64_at_the_most)
{
	__u32 wrong[] = { 65, 66, 1U << 31, ~0U };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		EXPECT_EQ(-EINVAL, several(wrong[i], .graph = "c"));
	EXPECT_LE(0, several(64, .graph = "c"));
	EXPECT_LE(0, several(0, .graph = "c"));
	EXPECT_LE(0, several(1, .graph = "c"));
}

TEST(as_many_attach_as_may_and_each_has_an_index)
{
	struct disruptor_attach_args args;
	int ring = several(64, .graph = "c");
	struct full_info full;
	int fds[64];
	__u32 i;

	for (i = 0; i < 64; i++) {
		args = attach_args(NULL);
		fds[i] = ring_ioctl(ring, DISRUPTOR_IOC_ATTACH, &args);
		ASSERT_LE(0, fds[i]);
		EXPECT_EQ(i, args.index);
		EXPECT_EQ(0, args.sequence);
	}
	EXPECT_EQ(-EBUSY, attach_producer(ring, NULL));
	ASSERT_EQ(0, info_of(fds[17], &full));
	EXPECT_EQ(17, full.info.index);
	EXPECT_EQ(64, full.info.producers);
	close(fds[17]);
	EXPECT_EQ(0, detach(fds[33], 0));
	for (i = 0; i < 2; i++) {
		args = attach_args(NULL);
		ASSERT_LE(0, ring_ioctl(ring, DISRUPTOR_IOC_ATTACH, &args));
		EXPECT_EQ(i ? 33 : 17, args.index);
	}
	EXPECT_EQ(-EBUSY, attach_producer(ring, NULL));
}

TEST(where_there_may_be_one_there_is_one_and_it_has_one_page)
{
	int ring = several(1, .graph = "c");
	int fd = attach_producer(ring, NULL);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBUSY, attach_producer(ring, NULL));
	EXPECT_EQ(MAP_FAILED, map_region(fd, DISRUPTOR_REGION_OWN,
					 2 * page_bytes(), PROT_READ));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, map_region(fd, DISRUPTOR_REGION_AVAILABILITY,
					 page_bytes(), PROT_READ));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-EINVAL, evict_index(ring, 1));
	EXPECT_EQ(0, evict_index(ring, 0));
}

FIXTURE(two) {
	int ring;
	struct claimant a;
	struct claimant b;
	int consumer;
};

FIXTURE_SETUP(two)
{
	self->ring = several_of_pages(3, "c");
	ASSERT_LE(0, self->ring);
	ASSERT_EQ(0, claimant_attach(&self->a, self->ring, NULL));
	ASSERT_EQ(0, claimant_attach(&self->b, self->ring, NULL));
	self->consumer = attach_consumer(self->ring, "c", NULL);
	ASSERT_LE(0, self->consumer);
}

FIXTURE_TEARDOWN(two)
{
	close(self->consumer);
	close(self->ring);
}

/* ---- pages ------------------------------------------------------------------------ */

TEST_F(two, have_the_cursor_in_common_and_each_an_intent)
{
	off_t second = DISRUPTOR_REGION_OFFSET(DISRUPTOR_REGION_OWN) + page_bytes();
	size_t page = page_bytes();
	void *at;

	counter_set(self->a.claimed, 5);
	EXPECT_EQ(5, *self->b.claimed);
	EXPECT_EQ(5, counter_of(self->ring, DISRUPTOR_SEAT_PRODUCERS));
	counter_set(self->a.claimed, 0);
	self->a.intent->lo = 7;
	EXPECT_EQ(0, self->b.intent->lo);
	EXPECT_EQ(7, counter_of(self->b.fd, 2 + self->a.index));
	EXPECT_EQ(7, counter_of(self->consumer, 2 + self->a.index));
	self->a.intent->lo = 0;

	EXPECT_EQ(MAP_FAILED, map_region(self->a.fd, DISRUPTOR_REGION_OWN,
					 3 * page, PROT_READ));
	EXPECT_EQ(EINVAL, errno);
	at = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, self->a.fd,
		  second);
	ASSERT_NE(MAP_FAILED, at);
	*counter_in(at, 2 + self->a.index) = 9;
	EXPECT_EQ(9, self->a.intent->lo);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, page, PROT_READ, MAP_SHARED, self->a.fd,
				   second + page));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, map_region(self->a.fd, DISRUPTOR_REGION_SEQUENCES,
					 page, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
}

TEST_F(two, alone_write_the_laps)
{
	size_t bytes = laps_bytes(self->ring);
	int others[] = { self->ring, self->consumer };
	unsigned int i;
	char *at;

	self->a.laps[3] = 77;
	EXPECT_EQ(77, self->b.laps[3]);
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(MAP_FAILED,
			  map_region(others[i], DISRUPTOR_REGION_AVAILABILITY,
				     bytes, PROT_READ | PROT_WRITE));
		EXPECT_EQ(EACCES, errno);
		at = map_region(others[i], DISRUPTOR_REGION_AVAILABILITY, bytes,
				PROT_READ);
		ASSERT_NE(MAP_FAILED, at);
		EXPECT_EQ(77, ((__u32 *)at)[3]);
		EXPECT_EQ(-1, mprotect(at, bytes, PROT_READ | PROT_WRITE));
		EXPECT_EQ(EACCES, errno);
		EXPECT_EQ(SIGSEGV, write_fault(at, 1));
	}
	EXPECT_EQ(MAP_FAILED, map_region(self->a.fd, DISRUPTOR_REGION_AVAILABILITY,
					 bytes + page_bytes(), PROT_READ));
	EXPECT_EQ(EINVAL, errno);
}

/* ---- evicting and counting ---------------------------------------------------------- */

TEST_F(two, are_evicted_one_by_one)
{
	struct disruptor_evict_args ungate = {
		.size = sizeof(ungate),
		.role = DISRUPTOR_ROLE_PRODUCER,
		.flags = DISRUPTOR_EVICT_UNGATE,
	};
	struct disruptor_evict_args consumer = {
		.size = sizeof(consumer),
		.role = DISRUPTOR_ROLE_CONSUMER,
		.index = 1,
		.name = "c",
	};
	__u64 lo = claimant_claim(&self->b, 3);

	EXPECT_EQ(-EINVAL, evict_index(self->ring, 3));
	EXPECT_EQ(-EINVAL, evict_index(self->ring, ~0U));
	EXPECT_EQ(-ESRCH, evict_index(self->ring, 2));
	EXPECT_EQ(-EINVAL, ring_ioctl(self->ring, DISRUPTOR_IOC_EVICT, &ungate));
	EXPECT_EQ(-EINVAL, ring_ioctl(self->ring, DISRUPTOR_IOC_EVICT, &consumer));
	EXPECT_EQ(0, aborted(self->ring));
	EXPECT_EQ(0, evict_index(self->ring, 1));
	EXPECT_EQ(3, aborted(self->ring));
	EXPECT_EQ(-ESRCH, evict_index(self->ring, 1));
	EXPECT_EQ(-ESTALE, ring_ioctl(self->b.fd, DISRUPTOR_IOC_WAKE, NULL));
	EXPECT_EQ(SIGBUS, write_fault(self->b.claimed, 1));
	EXPECT_EQ(SIGBUS, write_fault(self->b.laps, 1));
	EXPECT_EQ(lo, 0);
	lo = claimant_claim(&self->a, 1);
	EXPECT_EQ(3, lo);
	finish(&self->a, 3, 4);
	EXPECT_EQ(0, look(self->consumer, 4, NULL));
}

TEST_F(two, are_counted_each_in_a_seat)
{
	struct full_stats all;
	struct claimant c;

	finish(&self->a, claimant_claim(&self->a, 2), 2);
	claimant_claim(&self->b, 4);
	ASSERT_EQ(0, claimant_attach(&c, self->ring, NULL));
	claimant_claim(&c, 1);
	claimant_leave(&c);
	ASSERT_EQ(0, claimant_attach(&c, self->ring, NULL));
	EXPECT_EQ(0, detach(c.fd, 0));
	ASSERT_EQ(0, stats_of(self->ring, &all));
	EXPECT_EQ(5, all.stats.nr_seats);
	EXPECT_EQ(1, all.stats.aborted);
	EXPECT_EQ(7, all.seats[0].sequence);
	EXPECT_EQ(0, all.seats[0].flags & DISRUPTOR_SEAT_HELD);
	EXPECT_EQ(2, all.seats[3].sequence);
	EXPECT_EQ(DISRUPTOR_SEAT_HELD, all.seats[2].flags);
	EXPECT_EQ(DISRUPTOR_SEAT_HELD, all.seats[3].flags);
	EXPECT_EQ(0, all.seats[4].flags);
	EXPECT_EQ(0, all.seats[4].sequence);
	EXPECT_EQ(getpid(), all.seats[3].pid);
	EXPECT_EQ(1, all.seats[2].attaches);
	EXPECT_EQ(1, all.seats[2].wakes);
	EXPECT_EQ(2, all.seats[4].attaches);
	EXPECT_EQ(1, all.seats[4].losses);
	EXPECT_EQ(1, all.seats[4].detaches);
	all.stats.nr_seats = 4;
	EXPECT_EQ(-ENOSPC, ring_ioctl(self->ring, DISRUPTOR_IOC_STATS, &all.stats));
}

/* ---- waiting ------------------------------------------------------------------------ */

TEST_F(two, wake_who_waits_only_when_the_gap_is_filled)
{
	__u64 first = claimant_claim(&self->a, 1), reached;
	__u64 second = claimant_claim(&self->b, 2);

	finish(&self->b, second, second + 2);
	EXPECT_EQ(-ETIMEDOUT, wait_until(self->consumer, 3, in_ms(20), &reached));
	EXPECT_EQ(0, reached);
	EXPECT_EQ(0, polls(self->consumer, POLLIN, 20));
	finish(&self->a, first, first + 1);
	EXPECT_EQ(0, wait_until(self->consumer, 3, in_ms(SOON_MS), &reached));
	EXPECT_EQ(3, reached);
	EXPECT_EQ(POLLIN, polls(self->consumer, POLLIN, SOON_MS));
}

struct waiting {
	int fd;
	short events;
	__u64 target;
};

static int wait_long(void *context)
{
	struct waiting *waiting = context;

	return wait_until(waiting->fd, waiting->target, in_ms(SOON_MS),
			  NULL) ? 1 : 0;
}

static int poll_long(void *context)
{
	struct waiting *waiting = context;

	return polls(waiting->fd, waiting->events, SOON_MS) != waiting->events;
}

static bool sleeps_on(int ring, unsigned int seat, __u64 sleeps)
{
	struct full_stats all;

	return !stats_of(ring, &all) && all.seats[seat].sleeps >= sleeps;
}

TEST_F(two, wake_sleepers_and_pollers_by_their_death)
{
	struct waiting waiting = { self->consumer, POLLIN, 3 };
	pid_t sleeper, poller;

	claimant_claim(&self->a, 1);
	claimant_claim(&self->b, 2);
	finish(&self->b, 1, 3);
	sleeper = child_start(wait_long, &waiting);
	poller = child_start(poll_long, &waiting);
	ASSERT_TRUE(BECOMES_TRUE(sleeps_on(self->ring, 1, 1), SOON_MS));
	claimant_leave(&self->a);
	EXPECT_EQ(0, child_wait(sleeper));
	EXPECT_EQ(0, child_wait(poller));
}

TEST_F(two, sleep_for_room)
{
	struct waiting waiting = { self->b.fd, POLLOUT, SLOTS + 1 };
	__u64 *own = map_own(self->consumer, 1);
	pid_t sleeper, poller;

	ASSERT_NE(NULL, own);
	finish(&self->a, claimant_claim(&self->a, SLOTS), SLOTS);
	EXPECT_EQ(0, polls(self->b.fd, POLLOUT, 0));
	EXPECT_EQ(-EINVAL, look(self->b.fd, 2 * SLOTS + 1, NULL));
	EXPECT_EQ(-ETIMEDOUT, wait_until(self->b.fd, SLOTS + 1, in_ms(10), NULL));
	sleeper = child_start(wait_long, &waiting);
	poller = child_start(poll_long, &waiting);
	ASSERT_TRUE(BECOMES_TRUE(sleeps_on(self->ring, 2 + self->b.index, 2),
				 SOON_MS));
	counter_set(own, 1);
	EXPECT_EQ(0, ring_ioctl(self->consumer, DISRUPTOR_IOC_WAKE, NULL));
	EXPECT_EQ(0, child_wait(sleeper));
	EXPECT_EQ(0, child_wait(poller));
}

TEST(the_stream_ends_with_the_last_of_them)
{
	int ring = several(2, .graph = "c");
	int consumer = attach_consumer(ring, "c", NULL);
	struct claimant a, b;

	ASSERT_EQ(0, claimant_attach(&a, ring, NULL));
	ASSERT_EQ(0, claimant_attach(&b, ring, NULL));
	claimant_leave(&a);
	EXPECT_EQ(-ETIMEDOUT, wait_until(consumer, 1, in_ms(10), NULL));
	EXPECT_EQ(0, polls(consumer, POLLIN, 0));
	claimant_leave(&b);
	EXPECT_EQ(-ENODATA, wait_until(consumer, 1, in_ms(SOON_MS), NULL));
	EXPECT_EQ(POLLHUP, polls(consumer, POLLIN, SOON_MS));
}

/* More than WAIT takes at a time. */
#define MANY		(2 * DISRUPTOR_MAX_WAIT_AHEAD)

static int claim_many(void *context)
{
	struct disruptor_multi *multi = context;
	uint64_t lo;

	return disruptor_multi_claim_until(multi, MANY - 100, in_ms(SOON_MS), &lo) ||
	       lo != MANY;
}

static int claim_many_by_fd(void *context)
{
	struct disruptor_multi *multi;

	CHILD_CHECK(!disruptor_multi_from_fd(&multi, *(int *)context));
	CHILD_CHECK(!disruptor_multi_set_wait(multi, &sleeping));
	return claim_many(multi);
}

TEST(claims_of_more_than_one_can_wait_for_are_had)
{
	int ring = several(2, .slots = MANY, .graph = "c");
	int consumer = attach_consumer(ring, "c", NULL);
	__u64 *own = map_own(consumer, 1);
	int fd = attach_producer(ring, NULL);
	struct claimant a;
	__u64 lo;
	pid_t pid;

	ASSERT_NE(NULL, own);
	ASSERT_EQ(0, claimant_attach(&a, ring, NULL));
	for (lo = 0; lo < MANY; lo += MANY / 2)
		finish(&a, claimant_claim(&a, MANY / 2), lo + MANY / 2);
	EXPECT_EQ(-EINVAL, look(fd, MANY + DISRUPTOR_MAX_WAIT_AHEAD + 1, NULL));
	pid = child_start(claim_many_by_fd, &fd);
	ASSERT_TRUE(BECOMES_TRUE(sleeps_on(ring, 2, 1), SOON_MS));
	counter_set(own, MANY - 100);
	ring_ioctl(consumer, DISRUPTOR_IOC_WAKE, NULL);
	EXPECT_EQ(0, child_wait(pid));
}

#define SLEEPERS	8	/* by turns of two consumers */
#define STEP		300	/* more than a wake looks at for any of them */

FIXTURE(crowd) {
	int ring;
	int consumers[2];
	struct claimant a;
	struct claimant b;
	struct sleeper sleepers[SLEEPERS];
};

FIXTURE_SETUP(crowd)
{
	self->ring = several(2, .slots = MANY, .graph = "c d");
	self->consumers[0] = attach_consumer(self->ring, "c", NULL);
	self->consumers[1] = attach_consumer(self->ring, "d", NULL);
	ASSERT_LE(0, self->consumers[1]);
	ASSERT_EQ(0, claimant_attach(&self->a, self->ring, NULL));
	ASSERT_EQ(0, claimant_attach(&self->b, self->ring, NULL));
}

FIXTURE_TEARDOWN(crowd)
{
	close(self->ring);
}

static void publish_in_steps(struct claimant *producer, __u64 n)
{
	__u64 lo, step;

	for (; n; n -= step) {
		step = n < STEP ? n : STEP;
		lo = claimant_claim(producer, step);
		finish(producer, lo, lo + step);
	}
}

TEST_F_TIMEOUT(crowd, sleeps_for_many_until_the_gap_among_them_is_filled, 60)
{
	__u64 gap;
	int i;

	for (i = 0; i < SLEEPERS; i++) {
		self->sleepers[i] = (struct sleeper){
			.fd = self->consumers[i % 2],
			.target = DISRUPTOR_MAX_WAIT_AHEAD - i,
			.deadline_ns = in_ms(SLEEP_MS),
		};
		ASSERT_TRUE(sleeper_sleeps(&self->sleepers[i]));
	}
	publish_in_steps(&self->a, 20000);
	gap = claimant_claim(&self->b, 1);
	publish_in_steps(&self->a, DISRUPTOR_MAX_WAIT_AHEAD - 20001);
	for (i = 0; i < SLEEPERS; i++)
		EXPECT_TRUE(sleeper_stays(&self->sleepers[i]));
	finish(&self->b, gap, gap + 1);
	for (i = 0; i < SLEEPERS; i++) {
		EXPECT_TRUE(sleeper_returns(&self->sleepers[i]));
		EXPECT_EQ(0, self->sleepers[i].result);
		EXPECT_EQ(DISRUPTOR_MAX_WAIT_AHEAD, self->sleepers[i].reached);
	}
	EXPECT_EQ(SLEEPERS / 2, seat_stats(self->ring, 1).sleeps);
	EXPECT_EQ(SLEEPERS / 2, seat_stats(self->ring, 2).sleeps);
}

TEST_F_TIMEOUT(crowd, wakes_one_by_one_as_targets_are_met, 60)
{
	int i;

	for (i = 0; i < SLEEPERS; i++) {
		self->sleepers[i] = (struct sleeper){
			.fd = self->consumers[i % 2],
			.target = (i + 1) * 2 * STEP,
			.deadline_ns = in_ms(SLEEP_MS),
		};
		ASSERT_TRUE(sleeper_sleeps(&self->sleepers[i]));
	}
	for (i = 0; i < SLEEPERS; i++) {
		publish_in_steps(&self->a, 2 * STEP - 1);
		EXPECT_TRUE(sleeper_stays(&self->sleepers[i]));
		publish_in_steps(&self->b, 1);
		EXPECT_TRUE(sleeper_returns(&self->sleepers[i]));
		EXPECT_EQ(0, self->sleepers[i].result);
	}
}

/* ---- maps that come and go ---------------------------------------------------------- */

/* As soon as they can be had. */
static int map_again(struct claimant *claimant)
{
	__u64 end = in_ms(SOON_MS);
	void *at;

	do {
		at = mmap(claimant->own, 2 * page_bytes(), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_FIXED, claimant->fd,
			  DISRUPTOR_REGION_OFFSET(DISRUPTOR_REGION_OWN));
	} while (at == MAP_FAILED && errno == EBUSY && now_ns() < end);
	return at == MAP_FAILED ? -errno : 0;
}

/*
 * The kernel takes what was left at leisure, and whoever is next may be quick: the
 * kernel's worker does not get in between if we may forbid it.
 */
TEST(whoever_maps_it_next_finds_no_claim)
{
	const struct sched_param first = { .sched_priority = 1 };
	int ring = several_of_pages(2, "c");
	struct claimant claimant;
	unsigned int i;

	ASSERT_LE(0, ring);
	sched_setscheduler(0, SCHED_FIFO, &first);
	ASSERT_EQ(0, claimant_attach(&claimant, ring, NULL));
	munmap(claimant.laps, laps_bytes(claimant.fd));
	for (i = 0; i < SLOTS; i++) {
		EXPECT_EQ(i, claimant_claim(&claimant, 1));
		munmap(claimant.own, 2 * page_bytes());
		ASSERT_EQ(0, map_again(&claimant));
		EXPECT_EQ(0, claimant.intent->hi);
	}
	EXPECT_TRUE(BECOMES_TRUE(aborted(ring) == SLOTS, SOON_MS));
	close(claimant.fd);
}

/* ---- lies ------------------------------------------------------------------------------ */

FIXTURE(lie) {
	int ring;
	struct claimant honest;
	struct claimant liar;
	int consumer;
	__u64 lo;		/* of what the honest one has claimed */
};

FIXTURE_VARIANT(lie) {
	__u64 lo;
	__u64 hi;
	bool covers;		/* something that is claimed */
};

/* The honest one has claimed [8, 10), and the cursor is at 12. */
FIXTURE_VARIANT_ADD(lie, all) { 0, ~0ULL, true };
FIXTURE_VARIANT_ADD(lie, what_is_anothers) { 8, 10, true };
FIXTURE_VARIANT_ADD(lie, what_is_the_dead_ones) { 10, 12, true };
FIXTURE_VARIANT_ADD(lie, backwards) { 12, 8, false };
FIXTURE_VARIANT_ADD(lie, half_stored) { 10, 0, false };
FIXTURE_VARIANT_ADD(lie, beyond_the_cursor) { 12, 1000, false };
FIXTURE_VARIANT_ADD(lie, long_ago) { 0, 4, false };
FIXTURE_VARIANT_ADD(lie, the_end_of_time) { ~0ULL - 1, ~0ULL, false };
FIXTURE_VARIANT_ADD(lie, half_of_time) { 1ULL << 63, ~0ULL, false };

FIXTURE_SETUP(lie)
{
	self->ring = several_of_pages(3, "c");
	ASSERT_LE(0, self->ring);
	ASSERT_EQ(0, claimant_attach(&self->honest, self->ring, NULL));
	ASSERT_EQ(0, claimant_attach(&self->liar, self->ring, NULL));
	self->consumer = attach_consumer(self->ring, "c", NULL);
	finish(&self->honest, claimant_claim(&self->honest, 8), 8);
	self->lo = claimant_claim(&self->honest, 2);
	ASSERT_EQ(8, self->lo);
}

FIXTURE_TEARDOWN(lie)
{
	close(self->consumer);
	close(self->ring);
}

/* One that claims two and dies. */
static void claim_and_leave(int ring)
{
	struct claimant producer;

	if (claimant_attach(&producer, ring, NULL))
		abort();
	claimant_claim(&producer, 2);
	claimant_leave(&producer);
}

TEST_F(lie, of_the_living_aborts_nothing_that_is_anothers)
{
	struct claimant third;

	claimant_tell(&self->liar, variant->lo, variant->hi);
	claim_and_leave(self->ring);
	/* The worker looks again, and again. */
	sleep_ms(30);
	if (variant->covers && variant->hi > 10) {
		EXPECT_EQ(0, aborted(self->ring));
		EXPECT_EQ(-EBUSY, claimant_attach(&third, self->ring, NULL));
		EXPECT_EQ(0, evict_index(self->ring, self->liar.index));
	}
	EXPECT_TRUE(BECOMES_TRUE(aborted(self->ring) == 2, SOON_MS));
	EXPECT_EQ(0, claimant_attach(&third, self->ring, NULL));
	finish(&self->honest, 8, 10);
	EXPECT_EQ(0, wait_until(self->consumer, 12, in_ms(SOON_MS), NULL));
	EXPECT_EQ(lap_of(self->ring, 8), self->honest.laps[8]);
	EXPECT_EQ(lap_of(self->ring, 9), self->honest.laps[9]);
	EXPECT_EQ(lap_of(self->ring, 11) | DISRUPTOR_LAP_ABORTED,
		  self->honest.laps[11]);
}

TEST_F(lie, of_the_dead_aborts_nothing_that_is_anothers)
{
	claimant_tell(&self->liar, variant->lo, variant->hi);
	claimant_leave(&self->liar);
	EXPECT_EQ(0, aborted(self->ring));
	claim_and_leave(self->ring);
	EXPECT_TRUE(BECOMES_TRUE(aborted(self->ring) == 2, SOON_MS));
	finish(&self->honest, 8, 10);
	EXPECT_EQ(0, wait_until(self->consumer, 12, in_ms(SOON_MS), NULL));
	EXPECT_EQ(lap_of(self->ring, 8), self->honest.laps[8]);
	EXPECT_EQ(2, aborted(self->ring));
}

FIXTURE(false_cursor) {
	int ring;
	struct claimant honest;
	struct claimant liar;
	int consumer;
};

FIXTURE_VARIANT(false_cursor) {
	__u64 cursor;
};

FIXTURE_VARIANT_ADD(false_cursor, at_0) { 0 };
FIXTURE_VARIANT_ADD(false_cursor, one_back) { 11 };
FIXTURE_VARIANT_ADD(false_cursor, one_further) { 13 };
FIXTURE_VARIANT_ADD(false_cursor, a_ring_further) { 12 + SLOTS };
FIXTURE_VARIANT_ADD(false_cursor, half_way) { 1ULL << 63 };
FIXTURE_VARIANT_ADD(false_cursor, less_than_half_way) { (1ULL << 63) - 1 };
FIXTURE_VARIANT_ADD(false_cursor, near_the_end) { ~0ULL - SLOTS / 2 };
FIXTURE_VARIANT_ADD(false_cursor, at_the_end) { ~0ULL };

FIXTURE_SETUP(false_cursor)
{
	self->ring = several_of_pages(4, "c guest?");
	ASSERT_LE(0, self->ring);
	ASSERT_EQ(0, claimant_attach(&self->honest, self->ring, NULL));
	ASSERT_EQ(0, claimant_attach(&self->liar, self->ring, NULL));
	self->consumer = attach_consumer(self->ring, "c", NULL);
	finish(&self->honest, claimant_claim(&self->honest, 12), 12);
}

FIXTURE_TEARDOWN(false_cursor)
{
	close(self->consumer);
	close(self->ring);
}

/* All that looks at the cursor; how long it takes. */
static __u64 ask_everything(int ring, int consumer, int producer)
{
	__u64 begin = now_ns();
	__u64 target = counter_of(ring, 0);
	struct full_stats all;
	unsigned int i;
	int fd;

	claim_and_leave(ring);
	for (i = 0; i < 3; i++) {
		look(consumer, target + i, NULL);
		wait_until(consumer, 13 + i, in_ms(1), NULL);
		wait_until(producer, target + i, in_ms(1), NULL);
		wait_until(producer, i ? ~0ULL : 1, in_ms(1), NULL);
		polls(consumer, POLLIN, 1);
		polls(producer, POLLOUT, 1);
		ring_ioctl(producer, DISRUPTOR_IOC_WAKE, NULL);
		fd = attach_consumer(ring, "guest", NULL);
		polls(fd, POLLIN, 1);
		close(fd);
	}
	stats_of(ring, &all);
	return now_ns() - begin;
}

TEST_F(false_cursor, holds_up_neither_the_kernel_nor_an_operator)
{
	int fd;

	counter_set(self->liar.claimed, variant->cursor);
	EXPECT_GT(2000000000ULL, ask_everything(self->ring, self->consumer,
						self->honest.fd));
	claimant_tell(&self->liar, 0, ~0ULL);
	EXPECT_GT(2000000000ULL, ask_everything(self->ring, self->consumer,
						self->honest.fd));
	EXPECT_EQ(0, evict_index(self->ring, self->liar.index));
	EXPECT_EQ(SIGBUS, write_fault(self->liar.claimed, 1));
	EXPECT_EQ(0, evict(self->ring, "c", 0));
	fd = attach_consumer(self->ring, "c", NULL);
	EXPECT_LE(0, fd);
	EXPECT_EQ(0, evict_index(self->ring, self->honest.index));
	EXPECT_LE(0, attach_producer(self->ring, NULL));
	close(fd);
}

/* ---- recovery beside a stream that goes round and round ------------------------------------ */

struct stream_run {
	int ring;
	__u32 stop;
	uint64_t published[2];
};

struct stream_one {
	struct stream_run *run;
	unsigned int index;
};

static int stream_on(void *context)
{
	struct stream_one *one = context;
	struct stream_run *run = one->run;
	uint64_t chances = one->index, number = 0, lo, i, n;
	struct disruptor_multi *multi;
	struct disruptor_ring *ring;

	CHILD_CHECK(!disruptor_ring_from_fd(&ring, run->ring));
	CHILD_CHECK(!disruptor_multi_attach(&multi, ring));
	while (!shared_load(&run->stop)) {
		n = 1 + chance_below(&chances, 4);
		CHILD_CHECK(!disruptor_multi_claim_until(multi, n, in_ms(SOON_MS),
							 &lo));
		for (i = 0; i < n; i++) {
			__u64 *event = disruptor_multi_slot(multi, lo + i);

			event[0] = one->index;
			event[1] = number++;
		}
		disruptor_multi_publish(multi, lo, lo + n);
		shared_store(&run->published[one->index], number);
	}
	disruptor_multi_detach(multi);
	return 0;
}

/* All that the two publish, in order; @ended: they have. */
static int read_on(void *context)
{
	struct stream_run *run = context;
	struct disruptor_consumer *consumer;
	struct disruptor_range range;
	struct disruptor_ring *ring;
	uint64_t next[2] = { 0 };
	uint64_t seq;
	int err;

	CHILD_CHECK(!disruptor_ring_from_fd(&ring, run->ring));
	CHILD_CHECK(!disruptor_consumer_attach(&consumer, ring, "c"));
	while (!(err = disruptor_wait_until(consumer, in_ms(SOON_MS), &range))) {
		for (seq = range.lo; seq < range.hi; seq++) {
			__u64 *event = disruptor_consumer_slot(consumer, seq);

			CHILD_CHECK(event[0] < 2);
			CHILD_CHECK(event[1] == next[event[0]]++);
		}
		disruptor_release(consumer, range.hi);
	}
	CHILD_CHECK(err == -ENODATA);
	CHILD_CHECK(next[0] == shared_load(&run->published[0]));
	CHILD_CHECK(next[1] == shared_load(&run->published[1]));
	return 0;
}

FIXTURE(round) {
	struct stream_run *run;
	pid_t producers[2];
	pid_t consumer;
	int keeper;
};

FIXTURE_SETUP(round)
{
	struct stream_one one;
	unsigned int i;

	self->run = shared_alloc(sizeof(*self->run));
	ASSERT_NE(NULL, self->run);
	self->run->ring = several(4, .slots = SLOTS, .slot_size = 4096,
				  .graph = "c guest?");
	ASSERT_LE(0, self->run->ring);
	self->keeper = attach_producer(self->run->ring, NULL);
	self->consumer = child_start(read_on, self->run);
	for (i = 0; i < 2; i++) {
		one = (struct stream_one){ self->run, i };
		self->producers[i] = child_start(stream_on, &one);
	}
}

FIXTURE_TEARDOWN(round)
{
	unsigned int i;

	shared_store(&self->run->stop, 1);
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, child_wait(self->producers[i]));
	/* The children have its fd, too. */
	EXPECT_EQ(0, detach(self->keeper, 0));
	EXPECT_EQ(0, child_wait(self->consumer));
	munmap(self->run, sizeof(*self->run));
}

static uint64_t published(struct stream_run *run)
{
	return shared_load(&run->published[0]) + shared_load(&run->published[1]);
}

/* One that comes, claims if there is room, and goes. */
static int leave_a_claim(int ring)
{
	struct disruptor_multi *multi;
	uint64_t lo;
	int err, fd;

	while ((fd = attach_producer(ring, NULL)) == -EBUSY)
		sched_yield();
	err = disruptor_multi_from_fd(&multi, fd);
	if (err)
		return err;
	err = disruptor_multi_claim_until(multi, 2, in_ms(SOON_MS), &lo);
	disruptor_multi_detach(multi);
	return err;
}

TEST_F_TIMEOUT(round, recovery_takes_nothing_from_those_who_go_on, 60)
{
	uint64_t end_ns = now_ns() + 4000000000ULL;
	uint64_t rounds = 0;

	while (now_ns() < end_ns) {
		ASSERT_EQ(0, leave_a_claim(self->run->ring));
		rounds++;
	}
	printf("# %lu claims left beside %lu events\n", rounds,
	       published(self->run));
	EXPECT_EQ(2 * rounds, aborted(self->run->ring));
}

TEST_F_TIMEOUT(round, guests_get_the_events_that_come_after_them, 60)
{
	uint64_t end_ns = now_ns() + 4000000000ULL;
	struct disruptor_consumer *guest;
	struct disruptor_range range;
	uint64_t rounds = 0;
	int fd;

	while (now_ns() < end_ns) {
		fd = attach_consumer(self->run->ring, "guest", NULL);
		ASSERT_EQ(0, consumer_use(&guest, fd, &sleeping));
		ASSERT_EQ(0, disruptor_wait_until(guest, in_ms(SOON_MS), &range));
		disruptor_release(guest, range.hi);
		disruptor_consumer_detach(guest);
		rounds++;
	}
	printf("# %lu visits beside %lu events\n", rounds, published(self->run));
}

TEST_HARNESS_MAIN
