// SPDX-License-Identifier: GPL-2.0-only
/* rig: user=root,plain bits=32,64 */
/*
 * Required consumers that are waited for only so long after their holder has gone.
 */
#include "ring.h"

#include "kselftest_harness.h"

#define BIT(i)		(1ULL << (i))
#define SLOTS		8
#define SHORT_MS	200
#define LONG_MS		1000
#define LATE_MS		5000	/* an emulated machine may be this late */

/* "a" expires, "b", after a, does not, "c" expires later. */
#define A		1
#define B		2
#define C		3

FIXTURE(expiry) {
	int ring;
	int producer;
	__u64 *cursor;
	const struct disruptor_control *control;
};

FIXTURE_SETUP(expiry)
{
	struct disruptor_consumer_config c[DISRUPTOR_MAX_CONSUMERS];
	const struct ring_spec spec = { .slots = SLOTS, .graph = "a b:a c" };
	struct disruptor_create_args args = create_args(&spec, c);

	c[0].expires_ms = SHORT_MS;
	c[2].expires_ms = LONG_MS;
	self->ring = ring_ioctl(device_fd(), DISRUPTOR_IOC_CREATE, &args);
	ASSERT_LE(0, self->ring);
	self->control = map_control(self->ring);
	ASSERT_NE(NULL, self->control);
	self->producer = attach_producer(self->ring, NULL);
	ASSERT_LE(0, self->producer);
	self->cursor = map_own(self->producer, 0);
	ASSERT_NE(NULL, self->cursor);
}

FIXTURE_TEARDOWN(expiry)
{
	munmap((void *)self->control, sizeof(*self->control));
	unmap_own(self->cursor);
	close(self->producer);
	close(self->ring);
}

static __u64 gating(const struct disruptor_control *control)
{
	return __atomic_load_n(&control->seat[0].waits_on, __ATOMIC_ACQUIRE);
}

static __u64 waits_on(const struct disruptor_control *control, unsigned int seat)
{
	return __atomic_load_n(&control->seat[seat].waits_on, __ATOMIC_ACQUIRE);
}

TEST_F(expiry, nobody_expires_who_was_never_there)
{
	sleep_ms(2 * SHORT_MS);
	EXPECT_EQ(BIT(0) | BIT(1) | BIT(2), gating(self->control));
}

TEST_F(expiry, nobody_expires_who_is_there)
{
	int a = attach_consumer(self->ring, "a", NULL);

	ASSERT_LE(0, a);
	sleep_ms(2 * SHORT_MS);
	EXPECT_EQ(BIT(0) | BIT(1) | BIT(2), gating(self->control));
	close(a);
}

TEST_F(expiry, one_that_went_is_waited_for_till_its_time_is_up)
{
	__u64 began = now_ns();

	close(attach_consumer(self->ring, "a", NULL));
	EXPECT_EQ(BIT(0) | BIT(1) | BIT(2), gating(self->control));
	EXPECT_TRUE(BECOMES_TRUE(gating(self->control) == (BIT(1) | BIT(2)),
				 SHORT_MS + LATE_MS));
	/* A jiffy is up to 10 ms; the time began before it was counted. */
	EXPECT_LE((SHORT_MS - 10) * 1000000ULL, now_ns() - began);
	/* What waited on it waits on what it waited on. */
	EXPECT_EQ(0, waits_on(self->control, B));
}

TEST_F(expiry, each_has_its_own_time)
{
	close(attach_consumer(self->ring, "c", NULL));
	close(attach_consumer(self->ring, "a", NULL));
	EXPECT_TRUE(BECOMES_TRUE(!(gating(self->control) & BIT(0)),
				 SHORT_MS + LATE_MS));
	EXPECT_TRUE(BECOMES_TRUE(gating(self->control) == BIT(1),
				 LONG_MS + LATE_MS));
}

TEST_F(expiry, one_that_is_back_in_time_goes_on_where_it_stopped)
{
	__u64 *own;
	__u64 start;
	int a = attach_consumer(self->ring, "a", NULL);

	ASSERT_LE(0, a);
	own = map_own(a, A);
	ASSERT_NE(NULL, own);
	counter_set(self->cursor, 5);
	counter_set(own, 3);
	unmap_own(own);
	close(a);
	a = attach_consumer(self->ring, "a", &start);
	ASSERT_LE(0, a);
	EXPECT_EQ(3, start);
	sleep_ms(2 * SHORT_MS);
	EXPECT_EQ(BIT(0) | BIT(1) | BIT(2), gating(self->control));
	close(a);
}

TEST_F(expiry, one_that_comes_too_late_starts_at_its_barrier)
{
	__u64 start;
	int a;

	close(attach_consumer(self->ring, "a", NULL));
	counter_set(self->cursor, 5);
	ASSERT_TRUE(BECOMES_TRUE(!(gating(self->control) & BIT(0)),
				 SHORT_MS + LATE_MS));
	a = attach_consumer(self->ring, "a", &start);
	ASSERT_LE(0, a);
	EXPECT_EQ(5, start);
	EXPECT_EQ(BIT(0) | BIT(1) | BIT(2), gating(self->control));
	/* And its time begins anew when it goes again. */
	close(a);
	EXPECT_TRUE(BECOMES_TRUE(!(gating(self->control) & BIT(0)),
				 SHORT_MS + LATE_MS));
}

TEST_F(expiry, a_producer_asleep_for_room_wakes_when_who_held_it_up_expires)
{
	struct disruptor_wait_args wait = {
		.size = sizeof(wait),
		.target = 2 * SLOTS,
		.deadline_ns = now_ns() + (SHORT_MS + 2 * LATE_MS) * 1000000ULL,
	};
	__u64 *b = map_own(attach_consumer(self->ring, "b", NULL), B);
	__u64 *c = map_own(attach_consumer(self->ring, "c", NULL), C);

	ASSERT_NE(NULL, b);
	ASSERT_NE(NULL, c);
	counter_set(self->cursor, SLOTS);
	counter_set(b, SLOTS);
	counter_set(c, SLOTS);
	close(attach_consumer(self->ring, "a", NULL));
	EXPECT_EQ(0, ring_ioctl(self->producer, DISRUPTOR_IOC_WAIT, &wait));
	EXPECT_EQ(2 * SLOTS, wait.reached);
	unmap_own(b);
	unmap_own(c);
}

TEST_F(expiry, a_ring_that_is_gone_waits_for_no_time)
{
	struct disruptor_consumer_config c[DISRUPTOR_MAX_CONSUMERS];
	const struct ring_spec spec = { .graph = "a" };
	struct disruptor_create_args args = create_args(&spec, c);
	int ring;

	c[0].expires_ms = ~0U;
	ring = ring_ioctl(device_fd(), DISRUPTOR_IOC_CREATE, &args);
	ASSERT_LE(0, ring);
	close(attach_consumer(ring, "a", NULL));
	/* The rig unloads the module at the end, which this must not hold up. */
	EXPECT_EQ(0, close(ring));
}

TEST_HARNESS_MAIN
