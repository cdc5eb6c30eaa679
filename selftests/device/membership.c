// SPDX-License-Identifier: GPL-2.0-only
/* rig: user=root,plain bits=32,64 */
/*
 * Who waits for whom as roles come, go and are taken away: masks, epoch, state and
 * the sequence at which each successor goes on.
 */
#include "ring.h"

#include "kselftest_harness.h"

#define BIT(i)		(1ULL << (i))
#define SLOTS		8

/*
 * "a": required.  "b": optional, after a.  "c": required, after b.
 * "d": optional, after b.  "e": required, after b and d.
 */
#define GRAPH		"a b?:a c:b d?:b e:b,d"
#define A		1
#define B		2
#define C		3
#define D		4
#define E		5

FIXTURE(membership) {
	int ring;
	int producer;
	__u64 *cursor;
	const struct disruptor_control *control;
};

FIXTURE_SETUP(membership)
{
	self->ring = ring_create(.slots = SLOTS, .graph = GRAPH);
	ASSERT_LE(0, self->ring);
	self->control = map_control(self->ring);
	ASSERT_NE(NULL, self->control);
	self->producer = attach_producer(self->ring, NULL);
	ASSERT_LE(0, self->producer);
	self->cursor = map_own(self->producer, 0);
	ASSERT_NE(NULL, self->cursor);
}

FIXTURE_TEARDOWN(membership)
{
	close(self->producer);
	close(self->ring);
}

static __u64 waits_on(const struct disruptor_control *control,
		      unsigned int seat)
{
	return __atomic_load_n(&control->seat[seat].waits_on,
			       __ATOMIC_ACQUIRE);
}

static __u64 epoch(const struct disruptor_control *control)
{
	return __atomic_load_n(&control->epoch, __ATOMIC_ACQUIRE);
}

static __u32 state(const struct disruptor_control *control)
{
	return __atomic_load_n(&control->state, __ATOMIC_ACQUIRE);
}

/* Attach @name, set its counter, and leave it so. */
static bool leave_counter(int ring, const char *name, unsigned int seat,
			  __u64 value)
{
	int fd = attach(ring, name, NULL);
	__u64 *own = map_own(fd, seat);

	if (!own)
		return false;
	counter_set(own, value);
	unmap_own(own);
	return !detach(fd, 0) && !close(fd);
}

/* Where a successor under @name starts; it leaves at once. */
static __u64 start_of(int ring, const char *name)
{
	__u64 sequence = POISON64;
	int fd = attach(ring, name, &sequence);

	if (fd < 0 || detach(fd, 0))
		return POISON64;
	close(fd);
	return sequence;
}

TEST_F(membership, nobody_waits_for_an_optional_consumer_that_is_away)
{
	EXPECT_EQ(BIT(0) | BIT(2) | BIT(4), waits_on(self->control, 0));
	EXPECT_EQ(0, waits_on(self->control, A));
	/* Who comes after b waits on what b would wait on. */
	EXPECT_EQ(BIT(0), waits_on(self->control, B));
	EXPECT_EQ(BIT(0), waits_on(self->control, C));
	EXPECT_EQ(BIT(0), waits_on(self->control, D));
	EXPECT_EQ(BIT(0), waits_on(self->control, E));
}

TEST_F(membership, an_optional_consumer_is_waited_for_while_it_is_there)
{
	__u64 before = epoch(self->control);
	int b = attach_consumer(self->ring, "b", NULL);
	__u64 joined = epoch(self->control);
	int d;

	ASSERT_LE(0, b);
	EXPECT_LT(before, joined);
	EXPECT_EQ(BIT(0) | BIT(1) | BIT(2) | BIT(4),
		  waits_on(self->control, 0));
	EXPECT_EQ(BIT(0), waits_on(self->control, B));
	EXPECT_EQ(BIT(1), waits_on(self->control, C));
	EXPECT_EQ(BIT(1), waits_on(self->control, E));

	d = attach_consumer(self->ring, "d", NULL);
	EXPECT_EQ(BIT(5) - 1, waits_on(self->control, 0));
	EXPECT_EQ(BIT(1) | BIT(3), waits_on(self->control, E));

	joined = epoch(self->control);
	close(b);
	EXPECT_LT(joined, epoch(self->control));
	EXPECT_EQ(BIT(0) | BIT(2) | BIT(3) | BIT(4),
		  waits_on(self->control, 0));
	EXPECT_EQ(BIT(0), waits_on(self->control, C));
	EXPECT_EQ(BIT(0), waits_on(self->control, D));
	EXPECT_EQ(BIT(0) | BIT(3), waits_on(self->control, E));
	close(d);
}

TEST_F(membership, stats_and_the_control_region_agree)
{
	int b = attach_consumer(self->ring, "b", NULL);
	struct full_stats full;
	unsigned int seat;

	ASSERT_EQ(0, stats_of(self->ring, &full));
	for (seat = 0; seat <= E; seat++)
		EXPECT_EQ(waits_on(self->control, seat),
			  full.seats[seat].waits_on);
	EXPECT_EQ(epoch(self->control), full.stats.epoch);
	EXPECT_EQ(state(self->control), full.stats.state);
	EXPECT_EQ(DISRUPTOR_SEAT_HELD | DISRUPTOR_SEAT_GATING,
		  full.seats[B].flags);
	EXPECT_EQ(DISRUPTOR_SEAT_GATING, full.seats[C].flags);
	EXPECT_EQ(0, full.seats[D].flags);
	close(b);
}

TEST_F(membership, a_required_consumer_goes_on_exactly_where_it_stopped)
{
	__u64 before, sequence;
	int a;

	counter_set(self->cursor, 7);
	ASSERT_TRUE(leave_counter(self->ring, "a", A, 5));
	EXPECT_EQ(5, counter_of(self->ring, A));
	/* Nothing about it has changed for the others. */
	before = epoch(self->control);
	EXPECT_EQ(BIT(0) | BIT(2) | BIT(4), waits_on(self->control, 0));
	a = attach_consumer(self->ring, "a", &sequence);
	ASSERT_LE(0, a);
	EXPECT_EQ(5, sequence);
	EXPECT_EQ(5, counter_of(self->ring, A));
	EXPECT_EQ(before, epoch(self->control));
	close(a);
	EXPECT_EQ(5, start_of(self->ring, "a"));
}

TEST_F(membership, an_optional_consumer_starts_at_its_barrier)
{
	counter_set(self->cursor, 7);
	ASSERT_TRUE(leave_counter(self->ring, "a", A, 5));
	/* After a; d after b, who is away, so after a as well. */
	EXPECT_EQ(5, start_of(self->ring, "b"));
	EXPECT_EQ(5, start_of(self->ring, "d"));
	counter_set(self->cursor, 9);
	ASSERT_TRUE(leave_counter(self->ring, "a", A, 9));
	EXPECT_EQ(9, start_of(self->ring, "b"));
	/* Its counter from last time does not matter. */
	ASSERT_TRUE(leave_counter(self->ring, "b", B, 3));
	EXPECT_EQ(9, start_of(self->ring, "b"));
}

TEST_F(membership, a_consumer_straight_after_the_producers_joins_at_the_cursor)
{
	int ring = ring_create(.graph = "tap?");
	int producer = attach_producer(ring, NULL);
	__u64 *cursor = map_own(producer, 0);

	ASSERT_NE(NULL, cursor);
	EXPECT_EQ(0, start_of(ring, "tap"));
	counter_set(cursor, 1000000007);
	EXPECT_EQ(1000000007, start_of(ring, "tap"));
	close(producer);
	close(ring);
}

TEST_F(membership, a_counter_left_too_high_is_clamped_to_the_barrier)
{
	static const __u64 hostile[] = {
		41, 1000, 1ULL << 40, 1ULL << 63, ~0ULL - 1, ~0ULL,
	};
	unsigned int i;

	counter_set(self->cursor, 40);
	for (i = 0; i < ARRAY_SIZE(hostile); i++) {
		ASSERT_TRUE(leave_counter(self->ring, "a", A, hostile[i]));
		EXPECT_EQ(40, start_of(self->ring, "a"));
	}
	/* c comes after b, who is away, so after a: which has done 37. */
	ASSERT_TRUE(leave_counter(self->ring, "a", A, 37));
	ASSERT_TRUE(leave_counter(self->ring, "c", C, 40));
	EXPECT_EQ(37, start_of(self->ring, "c"));
	ASSERT_TRUE(leave_counter(self->ring, "c", C, ~0ULL));
	EXPECT_EQ(37, start_of(self->ring, "c"));
}

TEST_F(membership, a_counter_left_too_low_is_clamped_to_what_the_ring_holds)
{
	counter_set(self->cursor, 40);
	ASSERT_TRUE(leave_counter(self->ring, "a", A, 0));
	EXPECT_EQ(40 - SLOTS, start_of(self->ring, "a"));
	ASSERT_TRUE(leave_counter(self->ring, "a", A, 40 - SLOTS - 1));
	EXPECT_EQ(40 - SLOTS, start_of(self->ring, "a"));
	ASSERT_TRUE(leave_counter(self->ring, "a", A, 40 - SLOTS));
	EXPECT_EQ(40 - SLOTS, start_of(self->ring, "a"));
	ASSERT_TRUE(leave_counter(self->ring, "a", A, 40 - SLOTS + 1));
	EXPECT_EQ(40 - SLOTS + 1, start_of(self->ring, "a"));
}

TEST_F(membership, the_next_producer_goes_on_at_the_cursor)
{
	__u64 sequence;

	counter_set(self->cursor, 4);
	ASSERT_EQ(0, detach(self->producer, 0));
	close(self->producer);
	self->producer = attach_producer(self->ring, &sequence);
	ASSERT_LE(0, self->producer);
	EXPECT_EQ(4, sequence);
}

TEST_F(membership, an_evicted_required_consumer_is_still_waited_for)
{
	int a = attach_consumer(self->ring, "a", NULL);
	__u64 before = epoch(self->control);
	struct full_stats full;

	ASSERT_LE(0, a);
	ASSERT_EQ(0, evict(self->ring, "a", 0));
	EXPECT_EQ(before, epoch(self->control));
	EXPECT_EQ(BIT(0) | BIT(2) | BIT(4), waits_on(self->control, 0));
	ASSERT_EQ(0, stats_of(self->ring, &full));
	EXPECT_EQ(DISRUPTOR_SEAT_GATING, full.seats[A].flags);
	EXPECT_EQ(1, full.seats[A].evictions);
	close(a);
}

TEST_F(membership, an_ungated_consumer_is_waited_for_only_when_it_is_back)
{
	__u64 before = epoch(self->control);
	__u64 sequence;
	int a = attach_consumer(self->ring, "a", NULL);

	ASSERT_LE(0, a);
	counter_set(self->cursor, 7);
	ASSERT_EQ(0, evict(self->ring, "a", DISRUPTOR_EVICT_UNGATE));
	close(a);
	EXPECT_LT(before, epoch(self->control));
	EXPECT_EQ(BIT(2) | BIT(4), waits_on(self->control, 0));
	EXPECT_EQ(0, waits_on(self->control, C));
	EXPECT_EQ(-ESRCH, evict(self->ring, "a", DISRUPTOR_EVICT_UNGATE));

	/* It has lost its place: it starts at the cursor, and gates again. */
	counter_set(self->cursor, 20);
	a = attach_consumer(self->ring, "a", &sequence);
	ASSERT_LE(0, a);
	EXPECT_EQ(20, sequence);
	EXPECT_EQ(BIT(0) | BIT(2) | BIT(4), waits_on(self->control, 0));
	EXPECT_EQ(BIT(0), waits_on(self->control, C));
	/* And from now on it holds its place as before. */
	close(a);
	EXPECT_EQ(BIT(0) | BIT(2) | BIT(4), waits_on(self->control, 0));
	EXPECT_EQ(20, start_of(self->ring, "a"));
}

TEST_F(membership, a_required_consumer_that_nobody_holds_can_be_ungated)
{
	struct full_stats full;

	EXPECT_EQ(-ESRCH, evict(self->ring, "c", 0));
	ASSERT_EQ(0, evict(self->ring, "c", DISRUPTOR_EVICT_UNGATE));
	EXPECT_EQ(BIT(0) | BIT(4), waits_on(self->control, 0));
	ASSERT_EQ(0, stats_of(self->ring, &full));
	EXPECT_EQ(0, full.seats[C].flags);
	/* No role was taken away from anybody. */
	EXPECT_EQ(0, full.seats[C].evictions);
}

TEST_F(membership, an_evicted_optional_consumer_leaves_at_once)
{
	int b = attach_consumer(self->ring, "b", NULL);
	__u64 before = epoch(self->control);

	ASSERT_LE(0, b);
	ASSERT_EQ(0, evict(self->ring, "b", 0));
	EXPECT_LT(before, epoch(self->control));
	EXPECT_EQ(BIT(0) | BIT(2) | BIT(4), waits_on(self->control, 0));
	EXPECT_EQ(BIT(0), waits_on(self->control, C));
	close(b);
}

TEST_F(membership, the_stream_ends_with_its_last_producer_and_goes_on_with_a_new)
{
	EXPECT_EQ(0, state(self->control));
	EXPECT_EQ(1, self->control->producers);
	ASSERT_EQ(0, detach(self->producer, 0));
	EXPECT_EQ(DISRUPTOR_STATE_ENDED, state(self->control));
	EXPECT_EQ(0, self->control->producers);
	close(self->producer);

	self->producer = attach_producer(self->ring, NULL);
	ASSERT_LE(0, self->producer);
	EXPECT_EQ(0, state(self->control));
	EXPECT_EQ(1, self->control->producers);
	close(self->producer);		/* as a death does */
	EXPECT_EQ(DISRUPTOR_STATE_ENDED, state(self->control));

	self->producer = attach_producer(self->ring, NULL);
	ASSERT_LE(0, self->producer);
	ASSERT_EQ(0, evict(self->ring, NULL, 0));
	EXPECT_EQ(DISRUPTOR_STATE_ENDED, state(self->control));
	EXPECT_EQ(0, self->control->producers);
}

TEST_F(membership, a_new_ring_awaits_its_first_producer)
{
	int ring = ring_create(.graph = "a");
	const struct disruptor_control *control = map_control(ring);

	ASSERT_NE(NULL, control);
	EXPECT_EQ(0, state(control));
	EXPECT_EQ(0, control->producers);
	close(ring);
}

TEST_F(membership, a_ring_that_outlives_its_producers_ends_only_when_told_to)
{
	int ring = ring_create(.graph = "a", .flags = DISRUPTOR_RING_OUTLIVES);
	const struct disruptor_control *control = map_control(ring);
	int producer;

	ASSERT_NE(NULL, control);
	producer = attach_producer(ring, NULL);
	ASSERT_EQ(0, detach(producer, 0));
	close(producer);
	EXPECT_EQ(0, state(control));
	close(attach_producer(ring, NULL));
	EXPECT_EQ(0, state(control));
	producer = attach_producer(ring, NULL);
	ASSERT_EQ(0, evict(ring, NULL, 0));
	close(producer);
	EXPECT_EQ(0, state(control));

	producer = attach_producer(ring, NULL);
	ASSERT_EQ(0, detach(producer, DISRUPTOR_DETACH_END));
	EXPECT_EQ(DISRUPTOR_STATE_ENDED, state(control));
	close(producer);
	EXPECT_EQ(DISRUPTOR_STATE_ENDED, state(control));
	producer = attach_producer(ring, NULL);
	EXPECT_EQ(0, state(control));
	close(producer);
	close(ring);
}

TEST_F(membership, consumers_come_and_go_without_touching_the_state)
{
	int a = attach_consumer(self->ring, "a", NULL);

	EXPECT_EQ(0, state(self->control));
	close(a);
	EXPECT_EQ(0, state(self->control));
	ASSERT_EQ(0, detach(self->producer, 0));
	a = attach_consumer(self->ring, "a", NULL);
	EXPECT_EQ(DISRUPTOR_STATE_ENDED, state(self->control));
	close(a);
	EXPECT_EQ(DISRUPTOR_STATE_ENDED, state(self->control));
}

TEST_HARNESS_MAIN
