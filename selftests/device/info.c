// SPDX-License-Identifier: GPL-2.0-only
/* rig: user=root,plain bits=32,64 */
/*
 * INFO and STATS: every field they answer, and what they refuse.
 */
#include "snapshot.h"

#include "kselftest_harness.h"

FIXTURE(info) {
	int ring;
	struct snapshot before;
};

FIXTURE_SETUP(info)
{
	self->ring = ring_create(.slots = 4, .slot_size = 12,
				 .flags = DISRUPTOR_RING_OUTLIVES,
				 .graph = "a b!:a c?:a,b");
	ASSERT_LE(0, self->ring);
	snapshot_take(&self->before, self->ring);
}

FIXTURE_TEARDOWN(info)
{
	close(self->ring);
}

/* INFO of @role, field by field as the ring above is. */
static void expect_info(struct __test_metadata *_metadata, int fd, __u32 role,
			__u32 index, __u32 access)
{
	size_t page = page_bytes();
	struct full_info full;

	ASSERT_EQ(0, info_of(fd, &full));
	EXPECT_EQ(sizeof(full.info), full.info.size);
	EXPECT_EQ(DISRUPTOR_RING_OUTLIVES, full.info.flags);
	EXPECT_EQ(4, full.info.slots);
	EXPECT_EQ(12, full.info.slot_size);
	/* 12 = 4 * 3: a quarter of a page of them fills three pages. */
	EXPECT_EQ(page / 4 - 1, full.info.index_mask);
	EXPECT_EQ(3 * page, full.info.events_bytes);
	EXPECT_EQ(3, full.info.nr_consumers);
	EXPECT_EQ(sizeof(full.graph[0]), full.info.consumer_size);
	EXPECT_EQ(role, full.info.role);
	EXPECT_EQ(index, full.info.index);
	EXPECT_EQ(access, full.info.access);
	EXPECT_EQ(page, full.info.page_size);
	EXPECT_EQ(0, full.info.mode);
	EXPECT_EQ(geteuid(), full.info.uid);
	EXPECT_EQ(getegid(), full.info.gid);
	EXPECT_EQ(1, full.info.producers);
	EXPECT_STREQ("", full.info.name);
}

TEST_F(info, tells_every_kind_of_fd_all_that_never_changes)
{
	int producer = attach_producer(self->ring, NULL);
	int c = attach_consumer(self->ring, "c", NULL);

	expect_info(_metadata, self->ring, DISRUPTOR_ROLE_NONE, 0,
		    DISRUPTOR_ACCESS_READ | DISRUPTOR_ACCESS_WRITE);
	expect_info(_metadata, producer, DISRUPTOR_ROLE_PRODUCER, 0, 0);
	expect_info(_metadata, c, DISRUPTOR_ROLE_CONSUMER, 2, 0);
	close(c);
	close(producer);
}

TEST_F(info, gives_the_graph_as_it_was_declared)
{
	struct disruptor_consumer_config graph[DISRUPTOR_MAX_CONSUMERS];
	struct full_info full;

	graph_parse(graph, "a b!:a c?:a,b");
	ASSERT_EQ(0, info_of(self->ring, &full));
	EXPECT_EQ(0, memcmp(graph, full.graph, 3 * sizeof(graph[0])));
	EXPECT_EQ((char)POISON, full.graph[3].name[0]);
}

TEST_F(info, rounds_small_rings_up_to_whole_pages)
{
	static const struct {
		__u32 slots, slot_size;
		__u64 memory_slots;
	} shapes[] = {
		{ 1, 4, 1024 }, { 2, 8, 512 }, { 1, 65536, 1 },
		{ 1, 4096, 1 }, { 1, 4100, 1024 }, { 1024, 4, 1024 },
		{ 2048, 4, 2048 }, { 1, 6144, 2 }, { 2, 4104, 512 },
	};
	unsigned int i;

	if (page_bytes() != 4096)
		SKIP(return, "the figures are those of pages of 4096 bytes");
	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct full_info full;
		int ring = ring_create(.slots = shapes[i].slots,
				       .slot_size = shapes[i].slot_size);

		ASSERT_LE(0, ring);
		ASSERT_EQ(0, info_of(ring, &full));
		EXPECT_EQ(shapes[i].slots, full.info.slots);
		EXPECT_EQ(shapes[i].memory_slots - 1, full.info.index_mask);
		EXPECT_EQ(shapes[i].memory_slots * shapes[i].slot_size,
			  full.info.events_bytes);
		close(ring);
	}
}

TEST_F(info, counts_the_consumers_without_giving_them)
{
	struct disruptor_info info;

	memset(&info, POISON, sizeof(info));
	info.size = sizeof(info);
	info.consumers = 0;
	info.nr_consumers = 0;
	EXPECT_EQ(0, ring_ioctl(self->ring, DISRUPTOR_IOC_INFO, &info));
	EXPECT_EQ(3, info.nr_consumers);
	EXPECT_EQ(4, info.slots);
}

TEST_F(info, zeroes_the_tails_of_larger_consumers)
{
	struct {
		struct disruptor_consumer_config c;
		__u64 tail[2];
	} large[3];
	struct disruptor_info info = {
		.size = sizeof(info), .consumers = (uintptr_t)large,
		.nr_consumers = 3, .consumer_size = sizeof(large[0]),
	};
	unsigned int i;

	memset(large, POISON, sizeof(large));
	ASSERT_EQ(0, ring_ioctl(self->ring, DISRUPTOR_IOC_INFO, &info));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ('a' + i, large[i].c.name[0]);
		EXPECT_EQ(0, large[i].tail[0]);
		EXPECT_EQ(0, large[i].tail[1]);
	}
}

/* INFO, or STATS, with one thing wrong; the struct is left as it was. */
#define INFO_REFUSED(err, change) do {					\
	struct full_info full = { .info = { .size = sizeof(full.info),	\
		.consumers = (uintptr_t)full.graph, .nr_consumers = 64,	\
		.consumer_size = sizeof(full.graph[0]) } };		\
	struct disruptor_info *args = &full.info, old;			\
									\
	change;								\
	old = *args;							\
	EXPECT_EQ(-(err), ring_ioctl(self->ring, DISRUPTOR_IOC_INFO,	\
				     args)) {				\
		TH_LOG("of: %s", #change);				\
	}								\
	EXPECT_EQ(0, memcmp(&old, args, sizeof(old)));			\
	EXPECT_TRUE(snapshot_holds(&self->before, self->ring));		\
} while (0)

#define STATS_REFUSED(err, change) do {					\
	struct full_stats full = { .stats = { .size = sizeof(full.stats), \
		.seats = (uintptr_t)full.seats, .nr_seats = 65,		\
		.seat_size = sizeof(full.seats[0]) } };			\
	struct disruptor_stats *args = &full.stats, old;		\
									\
	change;								\
	old = *args;							\
	EXPECT_EQ(-(err), ring_ioctl(self->ring, DISRUPTOR_IOC_STATS,	\
				     args)) {				\
		TH_LOG("of: %s", #change);				\
	}								\
	EXPECT_EQ(0, memcmp(&old, args, sizeof(old)));			\
	EXPECT_TRUE(snapshot_holds(&self->before, self->ring));		\
} while (0)

TEST_F(info, refuses_an_array_that_is_too_short)
{
	INFO_REFUSED(ENOSPC, args->nr_consumers = 1);
	INFO_REFUSED(ENOSPC, args->nr_consumers = 2);
	STATS_REFUSED(ENOSPC, args->nr_seats = 1);
	STATS_REFUSED(ENOSPC, args->nr_seats = 3);
}

TEST_F(info, refuses_element_sizes_that_were_never_published)
{
	INFO_REFUSED(EINVAL, args->consumer_size = 0);
	INFO_REFUSED(EINVAL, args->consumer_size--);
	INFO_REFUSED(EINVAL, args->consumer_size = page_bytes() + 1);
	INFO_REFUSED(EINVAL, args->consumer_size = ~0U);
	STATS_REFUSED(EINVAL, args->seat_size = 0);
	STATS_REFUSED(EINVAL, args->seat_size--);
	STATS_REFUSED(EINVAL, args->seat_size = page_bytes() + 1);
	STATS_REFUSED(EINVAL, args->seat_size = ~0U);
}

TEST_F(info, refuses_an_array_at_a_bad_address)
{
	INFO_REFUSED(EFAULT, args->consumers = 0);
	INFO_REFUSED(EFAULT, args->consumers = 1ULL << 63);
	INFO_REFUSED(EFAULT, args->consumers = ~0ULL);
	STATS_REFUSED(EFAULT, args->seats = 0);
	STATS_REFUSED(EFAULT, args->seats = 1ULL << 63);
	STATS_REFUSED(EFAULT, args->seats = ~0ULL);
}

TEST_F(info, takes_any_room_above_what_is_needed)
{
	struct full_info info;
	struct full_stats stats;

	ASSERT_EQ(0, info_of(self->ring, &info));
	info.info.nr_consumers = ~0U;
	EXPECT_EQ(0, ring_ioctl(self->ring, DISRUPTOR_IOC_INFO, &info.info));
	EXPECT_EQ(3, info.info.nr_consumers);
	ASSERT_EQ(0, stats_of(self->ring, &stats));
	stats.stats.nr_seats = ~0U;
	EXPECT_EQ(0, ring_ioctl(self->ring, DISRUPTOR_IOC_STATS,
				&stats.stats));
	EXPECT_EQ(4, stats.stats.nr_seats);
}

TEST_F(info, stats_of_a_new_ring_are_what_a_new_ring_is)
{
	struct full_stats full;
	unsigned int seat;

	ASSERT_EQ(0, stats_of(self->ring, &full));
	EXPECT_EQ(sizeof(full.stats), full.stats.size);
	EXPECT_EQ(0, full.stats.state);
	EXPECT_EQ(4, full.stats.nr_seats);
	EXPECT_EQ(sizeof(full.seats[0]), full.stats.seat_size);
	/* Three pages of events, one a seat, and the control region. */
	EXPECT_EQ(7 * page_bytes() +
		  ((sizeof(struct disruptor_control) - 1) / page_bytes() + 1) *
		  page_bytes(), full.stats.memory_bytes);

	for (seat = 0; seat < 4; seat++) {
		const struct disruptor_seat_stats *s = &full.seats[seat];
		bool required = seat == 1 || seat == 2;

		EXPECT_EQ(0, s->sequence);
		EXPECT_EQ(required ? DISRUPTOR_SEAT_GATING : 0, s->flags);
		EXPECT_EQ(0, s->pid);
		EXPECT_EQ(0, s->attaches + s->detaches + s->losses +
			     s->evictions);
	}
	EXPECT_EQ(1 << 0 | 1 << 1, full.seats[0].waits_on);
	EXPECT_EQ(0, full.seats[1].waits_on);
	EXPECT_EQ(1 << 0, full.seats[2].waits_on);
	EXPECT_EQ(1 << 0 | 1 << 1, full.seats[3].waits_on);
	EXPECT_EQ(POISON64, full.seats[4].sequence);
}

TEST_F(info, stats_tell_who_holds_a_seat_and_how_seats_were_left)
{
	int a = attach_consumer(self->ring, "a", NULL);
	struct full_stats full;

	ASSERT_LE(0, a);
	ASSERT_EQ(0, stats_of(a, &full));
	EXPECT_EQ(DISRUPTOR_SEAT_HELD | DISRUPTOR_SEAT_GATING,
		  full.seats[1].flags);
	EXPECT_EQ(getpid(), full.seats[1].pid);

	ASSERT_EQ(0, detach(a, 0));
	close(a);
	close(attach_consumer(self->ring, "a", NULL));
	a = attach_consumer(self->ring, "a", NULL);
	ASSERT_EQ(0, evict(self->ring, "a", 0));
	close(a);
	ASSERT_EQ(0, stats_of(self->ring, &full));
	EXPECT_EQ(DISRUPTOR_SEAT_GATING, full.seats[1].flags);
	EXPECT_EQ(0, full.seats[1].pid);
	EXPECT_EQ(3, full.seats[1].attaches);
	EXPECT_EQ(1, full.seats[1].detaches);
	EXPECT_EQ(1, full.seats[1].losses);
	EXPECT_EQ(1, full.seats[1].evictions);
}

TEST_HARNESS_MAIN
