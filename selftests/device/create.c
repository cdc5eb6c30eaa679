// SPDX-License-Identifier: GPL-2.0-only
/* rig: user=root,plain bits=32,64 */
/*
 * CREATE and OPEN: what they refuse, with which errno, and that a refusal changes
 * nothing; and what the ring is that they give.
 */
#include "snapshot.h"

#include "kselftest_harness.h"

#define RING_NAME	"create-test"

static const struct ring_spec good = {
	.slots = 8, .slot_size = 8, .name = RING_NAME "-other", .mode = 0600,
	.graph = "a b:a c?:a,b",
};

/* A ring that stays as it is while others are refused. */
FIXTURE(create) {
	int ring;
	struct snapshot before;
};

FIXTURE_SETUP(create)
{
	ring_unlink(RING_NAME);		/* of a run that was killed */
	self->ring = ring_create(.name = RING_NAME, .mode = 0600,
				 .graph = "a b:a");
	ASSERT_LE(0, self->ring);
	snapshot_take(&self->before, self->ring);
}

FIXTURE_TEARDOWN(create)
{
	EXPECT_TRUE(snapshot_holds(&self->before, self->ring));
	EXPECT_EQ(0, ring_unlink(RING_NAME));
	close(self->ring);
}

/* CREATE of a good ring but for one thing is refused, and no ring is left. */
#define CREATE_REFUSED(err, change) do {				\
	struct disruptor_consumer_config c[DISRUPTOR_MAX_CONSUMERS];	\
	struct disruptor_create_args args = create_args(&good, c);	\
									\
	change;								\
	EXPECT_EQ(-(err), ring_ioctl(device_fd(), DISRUPTOR_IOC_CREATE,	\
				     &args)) {				\
		TH_LOG("of: %s", #change);				\
	}								\
	EXPECT_EQ(-ENOENT, ring_unlink(good.name));			\
	EXPECT_TRUE(snapshot_holds(&self->before, self->ring));		\
} while (0)

TEST_F(create, refuses_a_number_of_slots_that_is_no_power_of_two)
{
	CREATE_REFUSED(EINVAL, args.slots = 0);
	CREATE_REFUSED(EINVAL, args.slots = 3);
	CREATE_REFUSED(EINVAL, args.slots = 7);
	CREATE_REFUSED(EINVAL, args.slots = (1U << 20) + 1);
	CREATE_REFUSED(EINVAL, args.slots = ~0U);
}

TEST_F(create, refuses_more_slots_than_the_largest_ring_has)
{
	CREATE_REFUSED(EINVAL, args.slots = DISRUPTOR_MAX_SLOTS << 1);
	CREATE_REFUSED(EINVAL, args.slots = 1U << 31);
}

TEST_F(create, refuses_slot_sizes_that_are_no_multiple_of_four_or_too_large)
{
	CREATE_REFUSED(EINVAL, args.slot_size = 0);
	CREATE_REFUSED(EINVAL, args.slot_size = 2);
	CREATE_REFUSED(EINVAL, args.slot_size = 3);
	CREATE_REFUSED(EINVAL, args.slot_size = 6);
	CREATE_REFUSED(EINVAL, args.slot_size = 4097);
	CREATE_REFUSED(EINVAL, args.slot_size = 65535);
	CREATE_REFUSED(EINVAL, args.slot_size = 65540);
	CREATE_REFUSED(EINVAL, args.slot_size = ~3U);
	/* More than the map has room for, twice. */
	CREATE_REFUSED(EINVAL, (args.slots = 1 << 24, args.slot_size = 32768 + 4));
	CREATE_REFUSED(EINVAL, (args.slots = 1 << 23, args.slot_size = 32768 + 4,
				args.flags = DISRUPTOR_RING_OBSERVED));
}

TEST_F(create, refuses_unknown_flags_and_numbers_of_producers)
{
	CREATE_REFUSED(EINVAL, args.flags = 1U << 4);
	CREATE_REFUSED(EINVAL, args.flags = 1U << 31);
	CREATE_REFUSED(EINVAL, args.flags = DISRUPTOR_RING_OUTLIVES | 1U << 7);
	CREATE_REFUSED(EINVAL, args.producers = DISRUPTOR_MAX_PRODUCERS + 1);
	CREATE_REFUSED(EINVAL, args.producers = 1U << 31);
	CREATE_REFUSED(EINVAL, c[1].flags = 1U << 2);
	CREATE_REFUSED(EINVAL, c[2].flags |= 1U << 31);
}

TEST_F(create, refuses_a_node_that_has_no_memory_or_is_not_asked_for)
{
	const __u32 missing[] = { 63, 1023, 1 << 16, 1U << 31, ~0U };
	unsigned int i;

	CREATE_REFUSED(EINVAL, args.node = 1);
	CREATE_REFUSED(EINVAL, args.reserved = 1);
	for (i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
		CREATE_REFUSED(EINVAL, {
			args.flags |= DISRUPTOR_RING_NODE;
			args.node = missing[i];
		});
	}
}

TEST_F(create, refuses_an_optional_consumer_that_expires)
{
	CREATE_REFUSED(EINVAL, {
		c[0].flags |= DISRUPTOR_CONSUMER_OPTIONAL;
		c[0].expires_ms = 1;
	});
}

TEST_F(create, refuses_a_mode_with_more_than_permission_bits)
{
	CREATE_REFUSED(EINVAL, args.mode = 01000);
	CREATE_REFUSED(EINVAL, args.mode = 04600);
	CREATE_REFUSED(EINVAL, args.mode = 0100600);
	CREATE_REFUSED(EINVAL, args.mode = ~0U);
}

TEST_F(create, refuses_a_mode_for_a_ring_without_name)
{
	CREATE_REFUSED(EINVAL, args.name[0] = '\0');
}

TEST_F(create, refuses_names_that_are_not_printable_or_not_terminated)
{
	CREATE_REFUSED(EINVAL, strcpy(args.name, "a b"));
	CREATE_REFUSED(EINVAL, strcpy(args.name, " "));
	CREATE_REFUSED(EINVAL, strcpy(args.name, "a/b"));
	CREATE_REFUSED(EINVAL, strcpy(args.name, "/"));
	CREATE_REFUSED(EINVAL, strcpy(args.name, "a\n"));
	CREATE_REFUSED(EINVAL, strcpy(args.name, "\x01"));
	CREATE_REFUSED(EINVAL, strcpy(args.name, "a\x7f"));
	CREATE_REFUSED(EINVAL, strcpy(args.name, "caf\xc3\xa9"));
	CREATE_REFUSED(EINVAL, strcpy(args.name, "\xff"));
	CREATE_REFUSED(EINVAL, memset(args.name, 'x', sizeof(args.name)));
}

TEST_F(create, refuses_consumers_with_bad_names)
{
	CREATE_REFUSED(EINVAL, c[0].name[0] = '\0');
	CREATE_REFUSED(EINVAL, strcpy(c[0].name, "a b"));
	CREATE_REFUSED(EINVAL, strcpy(c[1].name, "a/b"));
	CREATE_REFUSED(EINVAL, strcpy(c[2].name, "\t"));
	CREATE_REFUSED(EINVAL, strcpy(c[2].name, "\xe9"));
	CREATE_REFUSED(EINVAL, memset(c[1].name, 'x', sizeof(c[1].name)));
}

TEST_F(create, refuses_two_consumers_of_one_name)
{
	CREATE_REFUSED(EINVAL, strcpy(c[1].name, "a"));
	CREATE_REFUSED(EINVAL, strcpy(c[2].name, "a"));
	/* What stands behind the NUL does not make a name another one. */
	CREATE_REFUSED(EINVAL, memcpy(c[1].name, "a\0x", 4));
}

TEST_F(create, refuses_a_consumer_after_itself_or_after_a_later_or_missing_one)
{
	CREATE_REFUSED(EINVAL, c[0].after = 1 << 0);
	CREATE_REFUSED(EINVAL, c[1].after = 1 << 1);
	CREATE_REFUSED(EINVAL, c[1].after = 1 << 0 | 1 << 2);
	CREATE_REFUSED(EINVAL, c[2].after = 1 << 3);
	CREATE_REFUSED(EINVAL, c[2].after = 1ULL << 63);
	CREATE_REFUSED(EINVAL, c[0].after = ~0ULL);
}

TEST_F(create, refuses_more_than_64_consumers)
{
	CREATE_REFUSED(EINVAL, args.nr_consumers = 65);
	CREATE_REFUSED(EINVAL, args.nr_consumers = 1U << 31);
	CREATE_REFUSED(EINVAL, args.nr_consumers = ~0U);
}

TEST_F(create, refuses_consumer_sizes_that_were_never_published)
{
	CREATE_REFUSED(EINVAL, args.consumer_size = 0);
	CREATE_REFUSED(EINVAL, args.consumer_size = 4);
	CREATE_REFUSED(EINVAL, args.consumer_size--);
	CREATE_REFUSED(EINVAL, args.consumer_size = page_bytes() + 8);
	CREATE_REFUSED(EINVAL, args.consumer_size = ~0U);
}

TEST_F(create, refuses_larger_consumers_whose_tail_is_not_zero)
{
	/* The second consumer's beginning is read as the first one's tail. */
	CREATE_REFUSED(E2BIG, args.consumer_size += 8);
}

TEST_F(create, refuses_consumers_at_a_bad_address)
{
	CREATE_REFUSED(EFAULT, args.consumers = 0);
	CREATE_REFUSED(EFAULT, args.consumers = 8);
	CREATE_REFUSED(EFAULT, args.consumers = 1ULL << 63);
	CREATE_REFUSED(EFAULT, args.consumers = ~0ULL);
}

TEST_F(create, refuses_consumers_that_run_over_the_end_of_their_pages)
{
	size_t page = page_bytes();
	char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, pages);
	ASSERT_EQ(0, munmap(pages + page, page));
	CREATE_REFUSED(EFAULT, {
		char *at = pages + page - 3 * sizeof(c[0]) + 1;

		memcpy(at, c, 3 * sizeof(c[0]) - 1);
		args.consumers = (uintptr_t)at;
	});
	munmap(pages, page);
}

TEST_F(create, refuses_a_name_that_is_taken)
{
	EXPECT_EQ(-EEXIST, ring_create(.name = RING_NAME, .mode = 0600));
	EXPECT_EQ(-EEXIST, ring_create(.name = RING_NAME, .mode = 0777,
				       .graph = "x"));
	EXPECT_TRUE(snapshot_holds(&self->before, self->ring));
}

TEST_F(create, accepts_larger_consumers_whose_tail_is_zero)
{
	struct {
		struct disruptor_consumer_config c;
		__u64 tail[3];
	} large[2] = {
		{ .c = { .name = "first" } },
		{ .c = { .name = "second", .after = 1 } },
	};
	struct disruptor_create_args args = {
		.size = sizeof(args), .slots = 1, .slot_size = 4,
		.consumers = (uintptr_t)large, .nr_consumers = 2,
		.consumer_size = sizeof(large[0]),
	};
	struct full_info info;
	int fd = ring_ioctl(device_fd(), DISRUPTOR_IOC_CREATE, &args);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, info_of(fd, &info));
	EXPECT_EQ(2, info.info.nr_consumers);
	EXPECT_STREQ("first", info.graph[0].name);
	EXPECT_STREQ("second", info.graph[1].name);
	EXPECT_EQ(1, info.graph[1].after);
	close(fd);
}

TEST_F(create, accepts_the_longest_names_and_64_consumers)
{
	struct disruptor_consumer_config c[DISRUPTOR_MAX_CONSUMERS] = {};
	struct disruptor_create_args args = {
		.size = sizeof(args), .slots = 1, .slot_size = 4,
		.consumers = (uintptr_t)c, .nr_consumers = 64,
		.consumer_size = sizeof(c[0]), .mode = 0600,
	};
	struct full_info info;
	unsigned int i;
	int fd;

	memset(args.name, '~', sizeof(args.name) - 1);
	for (i = 0; i < 64; i++) {
		memset(c[i].name, '!', sizeof(c[i].name) - 1);
		c[i].name[0] = '0' + i;
		c[i].after = i ? 1ULL << (i - 1) : 0;
	}
	/* ';' to 'o': a '/' is not among them. */
	fd = ring_ioctl(device_fd(), DISRUPTOR_IOC_CREATE, &args);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, info_of(fd, &info));
	EXPECT_EQ(64, info.info.nr_consumers);
	EXPECT_STREQ(args.name, info.info.name);
	EXPECT_EQ(0, memcmp(c, info.graph, sizeof(c)));
	EXPECT_EQ(0, ring_unlink(args.name));
	close(fd);
}

TEST_F(create, hides_what_stands_behind_the_nul_of_a_name)
{
	struct disruptor_consumer_config c = { .name = "a\0secret" };
	struct disruptor_create_args args = {
		.size = sizeof(args), .slots = 1, .slot_size = 4,
		.consumers = (uintptr_t)&c, .nr_consumers = 1,
		.consumer_size = sizeof(c), .mode = 0600,
		.name = "behind\0secret",
	};
	struct disruptor_consumer_config clean = { .name = "a" };
	char clean_name[DISRUPTOR_RING_NAME_LEN] = "behind";
	struct full_info info;
	int fd = ring_ioctl(device_fd(), DISRUPTOR_IOC_CREATE, &args);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, info_of(fd, &info));
	EXPECT_EQ(0, memcmp(&clean, info.graph, sizeof(clean)));
	EXPECT_EQ(0, memcmp(clean_name, info.info.name, sizeof(clean_name)));
	EXPECT_EQ(0, ring_unlink("behind"));
	close(fd);
}

TEST_F(create, takes_the_umask_off_the_mode)
{
	struct full_info info;
	mode_t old = umask(027);
	int fd = ring_create(.name = "umasked", .mode = 0666);

	umask(old);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, info_of(fd, &info));
	EXPECT_EQ(0640, info.info.mode);
	EXPECT_EQ(geteuid(), info.info.uid);
	EXPECT_EQ(getegid(), info.info.gid);
	EXPECT_EQ(0, ring_unlink("umasked"));
	close(fd);
}

TEST_F(create, gives_a_ring_fd_with_all_access_that_is_closed_on_exec)
{
	struct full_info info;
	int fd = ring_create(.slots = 2);

	ASSERT_LE(0, fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	ASSERT_EQ(0, info_of(fd, &info));
	EXPECT_EQ(DISRUPTOR_ACCESS_READ | DISRUPTOR_ACCESS_WRITE,
		  info.info.access);
	EXPECT_EQ(DISRUPTOR_ROLE_NONE, info.info.role);
	close(fd);
}

/* OPEN with one thing wrong. */
#define OPEN_REFUSED(err, change) do {					\
	struct disruptor_open_args args = {				\
		.size = sizeof(args), .access = DISRUPTOR_ACCESS_READ,	\
		.name = RING_NAME,					\
	};								\
									\
	change;								\
	EXPECT_EQ(-(err), ring_ioctl(device_fd(), DISRUPTOR_IOC_OPEN,	\
				     &args)) {				\
		TH_LOG("of: %s", #change);				\
	}								\
	EXPECT_TRUE(snapshot_holds(&self->before, self->ring));		\
} while (0)

TEST_F(create, open_refuses_no_access_unknown_access_and_bad_names)
{
	OPEN_REFUSED(EINVAL, args.access = 0);
	OPEN_REFUSED(EINVAL, args.access = 1U << 2);
	OPEN_REFUSED(EINVAL, args.access |= 1U << 31);
	OPEN_REFUSED(EINVAL, args.name[0] = '\0');
	OPEN_REFUSED(EINVAL, args.name[3] = ' ');
	OPEN_REFUSED(EINVAL, args.name[0] = '/');
	OPEN_REFUSED(EINVAL, args.name[1] = '\x80');
	OPEN_REFUSED(EINVAL, memset(args.name, 'x', sizeof(args.name)));
	OPEN_REFUSED(ENOENT, args.name[0] = 'C');
	OPEN_REFUSED(ENOENT, args.name[sizeof(RING_NAME) - 2] = '\0');
}

TEST_F(create, open_gives_the_access_that_was_asked_for_and_no_more)
{
	__u32 access;

	for (access = 1; access <= 3; access++) {
		struct full_info info;
		int fd = ring_open(RING_NAME, access);

		ASSERT_LE(0, fd);
		EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
		ASSERT_EQ(0, info_of(fd, &info));
		EXPECT_EQ(access, info.info.access);
		EXPECT_STREQ(RING_NAME, info.info.name);
		close(fd);
	}
}

TEST_HARNESS_MAIN
