// SPDX-License-Identifier: GPL-2.0-only
/* rig: user=root bits=32,64 */
/*
 * What bounds the memory and the files of rings: RLIMIT_MEMLOCK, the module's
 * max_bytes, and the tables of files; and that charges are given back.
 */
#include "ring.h"	/* first: it asks libc for all it has */

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>

#include <linux/capability.h>

#include "kselftest_harness.h"

#define NAME		"limits-test"
#define FRESH_UID	1077	/* nobody else's memory is locked under it */
#define MAX_BYTES	"/sys/module/disruptor/parameters/max_bytes"
#define FILE_MAX	"/proc/sys/fs/file-max"
#define KIB		1024ULL
#define MIB		(1024 * KIB)

FIXTURE(limits) {
	char max_bytes[32];
	char file_max[32];
};

FIXTURE_SETUP(limits)
{
	ASSERT_EQ(0, geteuid());
	ASSERT_LE(0, device_fd());
	ring_unlink(NAME);		/* of a run that was killed */
	ASSERT_LT(0, read_text(MAX_BYTES, self->max_bytes,
			       sizeof(self->max_bytes)));
	ASSERT_LT(0, read_text(FILE_MAX, self->file_max,
			       sizeof(self->file_max)));
}

FIXTURE_TEARDOWN(limits)
{
	EXPECT_EQ(0, write_text(MAX_BYTES, self->max_bytes));
	EXPECT_EQ(0, write_text(FILE_MAX, self->file_max));
}

/* A ring of @bytes of events. */
static int create_bytes(__u64 bytes)
{
	return ring_create(.slots = bytes / 8, .slot_size = 8);
}

static __u64 memory_of(int ring)
{
	struct full_stats full;

	return stats_of(ring, &full) ? 0 : full.stats.memory_bytes;
}

/* What a ring of @bytes of events takes in all. */
static __u64 memory_for(__u64 bytes)
{
	int ring = create_bytes(bytes);
	__u64 memory = memory_of(ring);

	close(ring);
	return memory;
}

static bool set_limit(int resource, __u64 value)
{
	struct rlimit limit = { value, value };

	return !setrlimit(resource, &limit);
}

static bool set_max_bytes(__u64 bytes)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", bytes);
	return !write_text(MAX_BYTES, text);
}

/* Memory of vmalloc(), which rings are made of; in bytes. */
static __u64 vmalloc_used(void)
{
	char text[8192], *at;

	if (read_text("/proc/meminfo", text, sizeof(text)) < 0)
		return 0;
	at = strstr(text, "VmallocUsed:");
	return at ? strtoull(at + strlen("VmallocUsed:"), NULL, 10) * KIB : 0;
}

static int fills_its_limit(void *context)
{
	__u64 memory = *(__u64 *)context;
	int first, second;

	CHILD_CHECK(set_limit(RLIMIT_MEMLOCK, memory));
	first = create_bytes(256 * KIB);
	CHILD_CHECK(first >= 0);
	CHILD_CHECK(memory_of(first) == memory);
	/* It is full now: for the smallest ring, for this and another process. */
	CHILD_CHECK(create_bytes(8) == -EPERM);
	CHILD_CHECK(ring_create(.name = NAME, .mode = 0600) == -EPERM);
	CHILD_CHECK(ring_open(NAME, DISRUPTOR_ACCESS_READ) == -ENOENT);
	/* Roles and further fds cost nothing of it. */
	CHILD_CHECK(attach_producer(first, NULL) >= 0);
	close(first);
	CHILD_CHECK(create_bytes(256 * KIB) == -EPERM);
	/* The producer's fd was the ring's last: with it the charge goes. */
	close(first + 1);
	second = create_bytes(256 * KIB);
	CHILD_CHECK(second >= 0);
	close(second);
	CHILD_CHECK(set_limit(RLIMIT_MEMLOCK, memory - 1));
	CHILD_CHECK(create_bytes(256 * KIB) == -EPERM);
	CHILD_CHECK(create_bytes(8) >= 0);
	return 0;
}

TEST_F(limits, a_plain_user_is_bounded_by_its_rlimit_memlock)
{
	__u64 memory = memory_for(256 * KIB);

	ASSERT_LT(256 * KIB, memory);
	EXPECT_EQ(0, in_child_as(FRESH_UID, fills_its_limit, &memory));
}

static int has_no_room(void *context)
{
	CHILD_CHECK(set_limit(RLIMIT_MEMLOCK, *(__u64 *)context));
	CHILD_CHECK(create_bytes(256 * KIB) == -EPERM);
	return 0;
}

static int has_room(void *context)
{
	int ring;

	CHILD_CHECK(set_limit(RLIMIT_MEMLOCK, *(__u64 *)context));
	ring = create_bytes(256 * KIB);
	CHILD_CHECK(ring >= 0);
	return 0;
}

struct gift {
	__u64 memory;
	int sock;
};

static int gives_its_ring_away(void *context)
{
	struct gift *gift = context;
	int ring;

	CHILD_CHECK(set_limit(RLIMIT_MEMLOCK, gift->memory));
	ring = create_bytes(256 * KIB);
	CHILD_CHECK(ring >= 0);
	CHILD_CHECK(send_fd(gift->sock, ring));
	return 0;
}

TEST_F(limits, a_ring_counts_for_the_user_who_made_it_as_long_as_it_lives)
{
	struct gift gift = { .memory = memory_for(256 * KIB) };
	int sock[2], ring;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock));
	gift.sock = sock[1];
	ASSERT_EQ(0, in_child_as(FRESH_UID, gives_its_ring_away, &gift));
	ring = receive_fd(sock[0]);
	ASSERT_LE(0, ring);
	EXPECT_EQ(0, in_child_as(FRESH_UID, has_no_room, &gift.memory));
	EXPECT_EQ(0, in_child_as(FRESH_UID + 1, has_room, &gift.memory));
	close(ring);
	EXPECT_EQ(0, in_child_as(FRESH_UID, has_room, &gift.memory));
}

static int is_root_of_a_namespace(void *context)
{
	CHILD_CHECK(!unshare(CLONE_NEWUSER));
	return has_no_room(context);
}

TEST_F(limits, root_of_a_user_namespace_is_bounded_as_well)
{
	__u64 none = 0;

	EXPECT_EQ(0, in_child_as(FRESH_UID, is_root_of_a_namespace, &none));
}

static int lacks_the_capability(void *context)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	CHILD_CHECK(set_limit(RLIMIT_MEMLOCK, 0));
	CHILD_CHECK(create_bytes(256 * KIB) >= 0);
	CHILD_CHECK(!syscall(__NR_capget, &header, data));
	data[0].effective &= ~(1U << CAP_IPC_LOCK);
	CHILD_CHECK(!syscall(__NR_capset, &header, data));
	CHILD_CHECK(create_bytes(256 * KIB) == -EPERM);
	return 0;
}

TEST_F(limits, cap_ipc_lock_is_what_passes_the_rlimit)
{
	EXPECT_EQ(0, in_child(lacks_the_capability, NULL));
}

TEST_F(limits, all_rings_together_are_bounded_by_max_bytes)
{
	__u64 memory = memory_for(MIB);
	int first, second;

	ASSERT_TRUE(set_max_bytes(2 * memory));
	first = create_bytes(MIB);
	second = create_bytes(MIB);
	ASSERT_LE(0, first);
	ASSERT_LE(0, second);
	EXPECT_EQ(-ENOMEM, create_bytes(8));
	EXPECT_EQ(-ENOMEM, ring_create(.name = NAME, .mode = 0600));
	EXPECT_EQ(-ENOENT, ring_unlink(NAME));
	close(first);
	first = create_bytes(MIB);
	EXPECT_LE(0, first);
	/* Lower than what is in use: no more, but what is there stays. */
	ASSERT_TRUE(set_max_bytes(memory));
	EXPECT_EQ(-ENOMEM, create_bytes(8));
	EXPECT_EQ(memory, memory_of(first));
	close(first);
	EXPECT_EQ(-ENOMEM, create_bytes(8));
	close(second);
	second = create_bytes(MIB);
	EXPECT_LE(0, second);
	close(second);
}

static int finds_max_bytes_reached(void *context)
{
	__u64 memory = *(__u64 *)context;

	CHILD_CHECK(set_limit(RLIMIT_MEMLOCK, memory));
	CHILD_CHECK(create_bytes(256 * KIB) == -ENOMEM);
	return 0;
}

TEST_F(limits, max_bytes_bounds_plain_users_and_privileged_ones_alike)
{
	__u64 memory = memory_for(256 * KIB);

	ASSERT_TRUE(set_max_bytes(64 * KIB));
	EXPECT_EQ(-ENOMEM, create_bytes(256 * KIB));
	EXPECT_EQ(0, in_child_as(FRESH_UID, finds_max_bytes_reached, &memory));
	/* What was refused is not charged to the user either. */
	ASSERT_TRUE(set_max_bytes(MIB));
	EXPECT_EQ(0, in_child_as(FRESH_UID, has_room, &memory));
}

TEST_F(limits, max_bytes_is_a_quarter_of_the_memory_at_first)
{
	__u64 max_bytes = strtoull(self->max_bytes, NULL, 10);
	struct sysinfo info;

	ASSERT_EQ(0, sysinfo(&info));
	EXPECT_LT((__u64)info.totalram * info.mem_unit / 5, max_bytes);
	EXPECT_GT((__u64)info.totalram * info.mem_unit / 3, max_bytes);
}

#define MOST_SLOTS	(DISRUPTOR_MAX_EVENTS_BYTES / DISRUPTOR_MAX_SLOT_SIZE)

static int is_refused_the_largest(void *context)
{
	CHILD_CHECK(ring_create(.slots = MOST_SLOTS,
				.slot_size = DISRUPTOR_MAX_SLOT_SIZE) ==
		    -EPERM);
	return 0;
}

TEST_F(limits, a_ring_larger_than_the_machine_is_refused_and_costs_nothing)
{
	__u64 before = vmalloc_used();

	EXPECT_EQ(-ENOMEM, ring_create(.slots = MOST_SLOTS,
				       .slot_size = DISRUPTOR_MAX_SLOT_SIZE));
	EXPECT_EQ(0, in_child_as(FRESH_UID, is_refused_the_largest, NULL));
	/* Allowed by all limits, and still more than there is. */
	ASSERT_TRUE(set_max_bytes(1ULL << (sizeof(long) == 8 ? 46 : 31)));
	EXPECT_EQ(-ENOMEM, ring_create(.slots = MOST_SLOTS,
				       .slot_size = DISRUPTOR_MAX_SLOT_SIZE));
	EXPECT_GT(before + MIB, vmalloc_used());
}

static int has_no_fd_left(void *context)
{
	int ring = *(int *)context;
	int fd = dup(device_fd());
	struct full_stats full;

	close(fd);
	/* @fd is the lowest that is free: nothing from there on. */
	CHILD_CHECK(set_limit(RLIMIT_NOFILE, fd));
	CHILD_CHECK(create_bytes(MIB) == -EMFILE);
	CHILD_CHECK(ring_create(.name = NAME "-2", .mode = 0600) == -EMFILE);
	CHILD_CHECK(ring_unlink(NAME "-2") == -ENOENT);
	CHILD_CHECK(ring_open(NAME, DISRUPTOR_ACCESS_READ) == -EMFILE);
	CHILD_CHECK(attach_consumer(ring, "a", NULL) == -EMFILE);
	CHILD_CHECK(attach_producer(ring, NULL) == -EMFILE);
	CHILD_CHECK(!stats_of(ring, &full));
	CHILD_CHECK(!full.seats[0].attaches && !full.seats[1].attaches);
	return 0;
}

TEST_F(limits, without_a_free_fd_nothing_is_made_or_taken)
{
	int ring = ring_create(.name = NAME, .mode = 0600, .graph = "a");

	ASSERT_LE(0, ring);
	EXPECT_EQ(0, in_child(has_no_fd_left, &ring));
	EXPECT_EQ(0, ring_unlink(NAME));
}

static int has_no_file_left(void *context)
{
	int ring = *(int *)context;
	struct full_stats full;

	CHILD_CHECK(create_bytes(64 * KIB) == -ENFILE);
	CHILD_CHECK(ring_create(.name = NAME "-2", .mode = 0600) == -ENFILE);
	CHILD_CHECK(ring_unlink(NAME "-2") == -ENOENT);
	CHILD_CHECK(ring_open(NAME, DISRUPTOR_ACCESS_READ) == -ENFILE);
	CHILD_CHECK(attach_consumer(ring, "a", NULL) == -ENFILE);
	CHILD_CHECK(!stats_of(ring, &full));
	CHILD_CHECK(!full.seats[1].attaches);
	return 0;
}

TEST_F(limits, without_a_free_file_nothing_is_made_or_taken)
{
	int ring = ring_create(.name = NAME, .mode = 0666, .graph = "a");
	int a;

	ASSERT_LE(0, ring);
	ASSERT_EQ(0, write_text(FILE_MAX, "0"));
	EXPECT_EQ(0, in_child_as(PLAIN_UID, has_no_file_left, &ring));
	ASSERT_EQ(0, write_text(FILE_MAX, self->file_max));
	a = attach_consumer(ring, "a", NULL);
	EXPECT_LE(0, a);
	close(a);
	EXPECT_EQ(0, ring_unlink(NAME));
}

static int is_refused_often(void *context)
{
	unsigned int i;

	CHILD_CHECK(set_limit(RLIMIT_MEMLOCK, 8 * MIB));
	for (i = 0; i < 100; i++)
		CHILD_CHECK(create_bytes(16 * MIB) == -EPERM);
	CHILD_CHECK(set_limit(RLIMIT_NOFILE, 1));
	for (i = 0; i < 100; i++)
		CHILD_CHECK(create_bytes(4 * MIB) == -EMFILE);
	return 0;
}

TEST_F(limits, refusals_leave_no_memory_behind)
{
	int taken = ring_create(.name = NAME, .mode = 0600);
	__u64 before = vmalloc_used();
	unsigned int i;

	ASSERT_LE(0, taken);
	ASSERT_LT(0, before);
	EXPECT_EQ(0, in_child_as(FRESH_UID, is_refused_often, NULL));
	for (i = 0; i < 100; i++)
		ASSERT_EQ(-EEXIST, ring_create(.name = NAME, .mode = 0600,
					       .slots = 1 << 19));
	ASSERT_TRUE(set_max_bytes(2 * MIB));
	for (i = 0; i < 100; i++)
		ASSERT_EQ(-ENOMEM, create_bytes(4 * MIB));
	EXPECT_TRUE(BECOMES_TRUE(vmalloc_used() < before + 2 * MIB, 5000));
	/* And none of the budgets: all of it is there for one ring. */
	ASSERT_TRUE(set_max_bytes(memory_for(MIB) + memory_of(taken)));
	i = create_bytes(MIB);
	EXPECT_LE(0, (int)i);
	EXPECT_EQ(0, ring_unlink(NAME));
}

TEST_HARNESS_MAIN
