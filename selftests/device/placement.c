// SPDX-License-Identifier: GPL-2.0-only
/* rig: nodes=2 */
/*
 * Where a ring's memory is: of which node, and in pages of which size; and that
 * huge pages are revoked, refused and given back as small ones are.
 */
#include "ring.h"	/* first: it asks libc for all it has */

#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <sys/utsname.h>

#include "kselftest_harness.h"

#define READ		PROT_READ
#define RW		(PROT_READ | PROT_WRITE)
#define MIB		(1024 * 1024L)
#define HUGE		(2 * MIB)
#define BYTES		(32 * MIB)		/* of events */
#define CGROUP		"/sys/fs/cgroup"

static int create_events(__u64 bytes, __u32 flags, __u32 node)
{
	struct disruptor_consumer_config c[DISRUPTOR_MAX_CONSUMERS];
	struct disruptor_create_args args =
		create_args(&(struct ring_spec){ .graph = "a", .flags = flags,
						 .slots = bytes / 64,
						 .slot_size = 64 }, c);

	args.node = node;
	return ring_ioctl(device_fd(), DISRUPTOR_IOC_CREATE, &args);
}

static __u64 huge_bytes(int ring)
{
	struct full_stats full;

	return stats_of(ring, &full) ? POISON64 : full.stats.huge_bytes;
}

/* Kernels before 6.12 cannot map huge pages so that nobody pins them. */
static bool kernel_has_huge_pages(void)
{
	unsigned int major, minor;
	struct utsname name;

	uname(&name);
	if (sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return false;
	return major * 1000 + minor >= 6012 &&
	       !access("/sys/kernel/mm/transparent_hugepage", F_OK);
}

/* ---- huge pages --------------------------------------------------------------- */

FIXTURE(huge) {
	bool has;
	int ring;
	int producer;
	int consumer;
	unsigned char *events;	/* of the producer, twice */
	unsigned char *seen;	/* of the consumer, likewise */
};

FIXTURE_SETUP(huge)
{
	self->has = kernel_has_huge_pages();
	self->ring = create_events(BYTES, DISRUPTOR_RING_HUGE, 0);
	ASSERT_LE(0, self->ring);
	self->producer = attach_producer(self->ring, NULL);
	ASSERT_LE(0, self->producer);
	self->consumer = attach_consumer(self->ring, "a", NULL);
	ASSERT_LE(0, self->consumer);
	self->events = map_region(self->producer, DISRUPTOR_REGION_EVENTS,
				  2 * BYTES, RW);
	ASSERT_NE(MAP_FAILED, self->events);
	self->seen = map_region(self->consumer, DISRUPTOR_REGION_EVENTS,
				2 * BYTES, READ);
	ASSERT_NE(MAP_FAILED, self->seen);
}

FIXTURE_TEARDOWN(huge)
{
	close(self->consumer);
	close(self->producer);
	close(self->ring);
}

static long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

/* Touches every page of both copies; how many faults it took. */
static long touch_all(const unsigned char *at)
{
	long before = faults();
	size_t i;

	for (i = 0; i < 2 * BYTES; i += 4096)
		*(volatile const unsigned char *)(at + i);
	return faults() - before;
}

TEST_F(huge, events_are_in_huge_pages_where_the_kernel_can_map_them)
{
	const long pieces = 2 * BYTES / HUGE;

	/* A guest that has just begun has enough of them. */
	EXPECT_EQ(self->has ? BYTES : 0, huge_bytes(self->ring));
	if (self->has) {
		EXPECT_EQ(0, (uintptr_t)self->events % HUGE);
		EXPECT_GE(pieces + 8, touch_all(self->events));
		EXPECT_GE(pieces + 8, touch_all(self->seen));
	} else {
		EXPECT_LT(pieces + 8, touch_all(self->events));
		EXPECT_LT(pieces + 8, touch_all(self->seen));
	}
}

TEST_F(huge, events_come_as_zeroes_and_are_seen_in_both_copies)
{
	size_t i;

	for (i = 0; i < BYTES; i += 4096 + 64) {
		ASSERT_EQ(0, self->events[i]);
		self->events[i] = i / 4096 + 1;
	}
	for (i = 0; i < BYTES; i += 4096 + 64) {
		ASSERT_EQ((unsigned char)(i / 4096 + 1), self->seen[i]);
		ASSERT_EQ((unsigned char)(i / 4096 + 1), self->seen[BYTES + i]);
	}
}

TEST_F(huge, a_ring_that_does_not_wish_or_is_no_multiple_has_none)
{
	int plain = create_events(BYTES, 0, 0);
	int small = create_events(MIB, DISRUPTOR_RING_HUGE, 0);

	EXPECT_EQ(0, huge_bytes(plain));
	EXPECT_EQ(0, huge_bytes(small));
	close(plain);
	close(small);
}

TEST_F(huge, what_is_read_only_stays_so)
{
	touch_all(self->seen);
	EXPECT_EQ(SIGSEGV, write_fault(self->seen, 1));
	EXPECT_EQ(SIGSEGV, write_fault(self->seen + BYTES, 1));
	EXPECT_EQ(-1, mprotect(self->seen, HUGE, RW));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-1, mprotect(self->seen + 4096, 4096, RW));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(0, self->seen[0]);
}

TEST_F(huge, a_part_can_be_unmapped_or_protected)
{
	self->events[0] = 1;
	self->events[2 * 4096] = 2;
	ASSERT_EQ(0, munmap(self->events + 4096, 4096));
	ASSERT_EQ(0, mprotect(self->events + 4 * 4096, 4096, READ));
	EXPECT_EQ(SIGSEGV, read_fault(self->events + 4096));
	EXPECT_EQ(SIGSEGV, write_fault(self->events + 4 * 4096, 1));
	EXPECT_EQ(0, write_fault(self->events + 3 * 4096, 3));
	EXPECT_EQ(1, self->events[0]);
	EXPECT_EQ(2, self->events[2 * 4096]);
	EXPECT_EQ(3, self->seen[BYTES + 3 * 4096]);
}

TEST_F(huge, writable_pages_cannot_be_pinned)
{
	struct iovec iov = { self->events, 4096 };
	int pipefd[2];

	touch_all(self->events);
	ASSERT_EQ(0, pipe2(pipefd, O_CLOEXEC | O_NONBLOCK));
	EXPECT_EQ(-1, vmsplice(pipefd[1], &iov, 1, SPLICE_F_NONBLOCK));
	EXPECT_EQ(EFAULT, errno);
	close(pipefd[0]);
	close(pipefd[1]);
}

TEST_F(huge, eviction_takes_every_page)
{
	size_t i;

	ASSERT_EQ(0, write_fault(self->events, 5));
	touch_all(self->events);
	touch_all(self->seen);
	ASSERT_EQ(0, evict(self->ring, NULL, 0));
	ASSERT_EQ(0, evict(self->ring, "a", 0));
	for (i = 0; i < 2 * BYTES; i += HUGE / 2) {
		ASSERT_EQ(SIGBUS, read_fault(self->events + i));
		ASSERT_EQ(SIGBUS, write_fault(self->events + i, 1));
		ASSERT_EQ(SIGBUS, read_fault(self->seen + i));
	}
}

struct victim {
	int ring;
	int ready[2];
};

static int write_for_ever(void *context)
{
	const struct victim *victim = context;
	int fd = attach_producer(victim->ring, NULL);
	volatile unsigned char *events = map_region(fd, DISRUPTOR_REGION_EVENTS,
						    2 * BYTES, RW);
	size_t i;

	CHILD_CHECK(events != MAP_FAILED);
	for (i = 0; i < 2 * BYTES; i += 4096)
		events[i] = 1;
	CHILD_CHECK(signal_byte(victim->ready[1]));
	for (i = 0;; i = (i + 4096) % (2 * BYTES))
		events[i]++;
	return 0;
}

TEST_F(huge, eviction_stops_a_process_in_the_midst_of_writing)
{
	struct victim victim = { .ring = self->ring };
	unsigned char before;
	pid_t pid;

	ASSERT_EQ(0, detach(self->producer, 0));
	ASSERT_EQ(0, pipe2(victim.ready, O_CLOEXEC));
	pid = child_start(write_for_ever, &victim);
	ASSERT_TRUE(await_byte(victim.ready[0]));
	ASSERT_EQ(0, evict(self->ring, NULL, 0));
	/* At once, whatever the victim does. */
	before = self->seen[0];
	usleep(10000);
	EXPECT_EQ(before, self->seen[0]);
	EXPECT_EQ(-SIGBUS, child_wait(pid));
}

static long free_memory(void)
{
	struct sysinfo info;

	return sysinfo(&info) ? 0 : info.freeram * info.mem_unit;
}

/* Processors keep freed pages, some 30 MiB each, that do not count as free. */
TEST_F(huge, all_of_it_is_given_back)
{
	const long rings = 16;
	long before = free_memory();
	unsigned int i;

	for (i = 0; i < rings; i++) {
		int ring = create_events(BYTES, DISRUPTOR_RING_HUGE, 0);

		ASSERT_LE(0, ring);
		EXPECT_EQ(self->has ? BYTES : 0, huge_bytes(ring));
		close(ring);
	}
	EXPECT_TRUE(BECOMES_TRUE(before - free_memory() < rings * BYTES / 2,
				 5000));
}

/* ---- nodes ---------------------------------------------------------------------- */

static long node_free(unsigned int node)
{
	char path[64], text[4096], *at;

	snprintf(path, sizeof(path),
		 "/sys/devices/system/node/node%u/meminfo", node);
	if (read_text(path, text, sizeof(text)) < 0)
		return 0;
	at = strstr(text, "MemFree:");
	return at ? strtol(at + strlen("MemFree:"), NULL, 10) * 1024 : 0;
}

FIXTURE(node) {
	int unused;
};

FIXTURE_SETUP(node)
{
	if (!node_free(1))
		SKIP(return, "this machine has one node");
}

FIXTURE_TEARDOWN(node)
{
}

static void try_node(struct __test_metadata *_metadata, __u32 node, __u32 flags)
{
	const long bytes = 128 * MIB;	/* a power of two */
	long here = node_free(node), there = node_free(!node);
	int ring = create_events(bytes, DISRUPTOR_RING_NODE | flags, node);
	struct full_info full;

	ASSERT_LE(0, ring);
	EXPECT_LT(bytes / 2, here - node_free(node));
	EXPECT_GT(bytes / 2, there - node_free(!node));
	ASSERT_EQ(0, info_of(ring, &full));
	EXPECT_EQ(node, full.info.node);
	EXPECT_EQ(DISRUPTOR_RING_NODE | flags, full.info.flags);
	close(ring);
}

TEST_F(node, memory_is_of_the_node_that_was_asked_for)
{
	try_node(_metadata, 0, 0);
	try_node(_metadata, 1, 0);
	try_node(_metadata, 0, DISRUPTOR_RING_HUGE);
	try_node(_metadata, 1, DISRUPTOR_RING_HUGE);
}

static int may_have_node_0_alone(void *unused)
{
	int ring;

	(void)unused;
	CHILD_CHECK(!write_text(CGROUP "/placement/cgroup.procs", "0"));
	CHILD_CHECK(create_events(BYTES, DISRUPTOR_RING_NODE, 1) == -EINVAL);
	ring = create_events(BYTES, DISRUPTOR_RING_NODE, 0);
	CHILD_CHECK(ring >= 0);
	return 0;
}

TEST_F(node, another_than_the_callers_cpuset_has_is_refused)
{
	ASSERT_EQ(0, write_text(CGROUP "/cgroup.subtree_control", "+cpuset"));
	rmdir(CGROUP "/placement");	/* of a run that was killed */
	ASSERT_EQ(0, mkdir(CGROUP "/placement", 0755));
	ASSERT_EQ(0, write_text(CGROUP "/placement/cpuset.mems", "0"));
	EXPECT_EQ(0, in_child(may_have_node_0_alone, NULL));
	EXPECT_TRUE(BECOMES_TRUE(!rmdir(CGROUP "/placement"), 5000));
}

TEST_HARNESS_MAIN
