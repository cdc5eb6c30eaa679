// SPDX-License-Identifier: GPL-2.0-only
/* rig: user=root,plain bits=32,64 */
/*
 * Who else may get at a map: other processes, children, and those who would pin
 * its pages; and how long it lives.
 */
#include "ring.h"	/* first: it asks libc for all it has */

#include <pthread.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <linux/io_uring.h>

#include "kselftest_harness.h"

#define READ	PROT_READ
#define RW	(PROT_READ | PROT_WRITE)

FIXTURE(sharing) {
	int ring;
	int producer;
	int consumer;
	size_t page;
	size_t bytes;		/* of the events, twice */
	unsigned char *events;	/* of the producer */
	unsigned char *seen;	/* of the consumer */
};

FIXTURE_SETUP(sharing)
{
	struct full_info full;

	self->page = page_bytes();
	self->ring = ring_create(.slots = 8, .slot_size = 8, .graph = "a");
	ASSERT_LE(0, self->ring);
	self->producer = attach_producer(self->ring, NULL);
	ASSERT_LE(0, self->producer);
	self->consumer = attach_consumer(self->ring, "a", NULL);
	ASSERT_LE(0, self->consumer);
	ASSERT_EQ(0, info_of(self->ring, &full));
	self->bytes = 2 * full.info.events_bytes;
	self->events = map_region(self->producer, DISRUPTOR_REGION_EVENTS,
				  self->bytes, RW);
	ASSERT_NE(MAP_FAILED, self->events);
	self->seen = map_region(self->consumer, DISRUPTOR_REGION_EVENTS,
				self->bytes, READ);
	ASSERT_NE(MAP_FAILED, self->seen);
	/* All pages are there: what looks at page tables finds them. */
	ASSERT_EQ(0, write_fault(self->events, 1));
	ASSERT_EQ(0, read_fault(self->seen));
}

FIXTURE_TEARDOWN(sharing)
{
	close(self->consumer);
	close(self->producer);
	close(self->ring);
}

static int inherits_nothing(void *context)
{
	FIXTURE_DATA(sharing) *self = context;

	CHILD_CHECK(read_fault(self->events) == SIGSEGV);
	CHILD_CHECK(write_fault(self->events, 1) == SIGSEGV);
	CHILD_CHECK(read_fault(self->seen) == SIGSEGV);
	return 0;
}

TEST_F(sharing, a_child_does_not_inherit_maps)
{
	EXPECT_EQ(0, in_child(inherits_nothing, self));
	EXPECT_EQ(0, write_fault(self->events, 2));
	EXPECT_EQ(2, self->seen[0]);
}

TEST_F(sharing, a_writable_map_cannot_be_made_to_be_inherited)
{
	EXPECT_EQ(-1, madvise(self->events, self->bytes, MADV_DOFORK));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, in_child(inherits_nothing, self));
}

static int is_busy(void *context)
{
	FIXTURE_DATA(sharing) *self = context;
	void *at;

	/* The producer has its events mapped, so its own page is taken, too. */
	CHILD_CHECK(map_region(self->producer, DISRUPTOR_REGION_EVENTS,
			       self->bytes, RW) == MAP_FAILED);
	CHILD_CHECK(errno == EBUSY);
	CHILD_CHECK(!map_own(self->producer, 0));
	CHILD_CHECK(errno == EBUSY);
	/* Others may look. */
	at = map_region(self->producer, DISRUPTOR_REGION_EVENTS, self->bytes,
			READ);
	CHILD_CHECK(at != MAP_FAILED);
	CHILD_CHECK(!read_fault(at));
	CHILD_CHECK(write_fault(at, 9) == SIGSEGV);
	return 0;
}

static int is_free(void *context)
{
	FIXTURE_DATA(sharing) *self = context;
	__u64 *cursor = map_own(self->producer, 0);

	CHILD_CHECK(cursor);
	counter_set(cursor, 7);
	return 0;
}

TEST_F(sharing, two_processes_never_have_writable_maps_of_one_role)
{
	EXPECT_EQ(0, in_child(is_busy, self));
	ASSERT_EQ(0, munmap(self->events, self->page));
	EXPECT_EQ(0, in_child(is_busy, self));
	ASSERT_EQ(0, munmap(self->events + self->page,
			    self->bytes - self->page));
	EXPECT_EQ(0, in_child(is_free, self));
	EXPECT_EQ(7, counter_of(self->ring, 0));
	EXPECT_NE(NULL, map_own(self->producer, 0));
}

TEST_F(sharing, a_map_without_write_access_for_now_still_keeps_others_out)
{
	ASSERT_EQ(0, mprotect(self->events, self->bytes, PROT_NONE));
	EXPECT_EQ(0, in_child(is_busy, self));
	ASSERT_EQ(0, mprotect(self->events, self->bytes, RW));
	EXPECT_EQ(0, write_fault(self->events, 3));
}

static void *write_from_thread(void *context)
{
	FIXTURE_DATA(sharing) *self = context;
	__u64 *cursor = map_own(self->producer, 0);

	if (cursor)
		counter_set(cursor, 3);
	return cursor;
}

TEST_F(sharing, threads_of_one_process_share_a_role)
{
	pthread_t thread;
	void *cursor = NULL;

	ASSERT_EQ(0, pthread_create(&thread, NULL, write_from_thread, self));
	ASSERT_EQ(0, pthread_join(thread, &cursor));
	EXPECT_NE(NULL, cursor);
	EXPECT_EQ(3, counter_of(self->ring, 0));
}

static ssize_t poke_mem(void *at, const void *from, size_t n)
{
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	ssize_t done = pwrite(fd, from, n, (uintptr_t)at);

	close(fd);
	return done;
}

TEST_F(sharing, read_only_pages_cannot_be_written_through_proc_mem)
{
	EXPECT_EQ(-1, poke_mem(self->seen, "xyz", 3));
	EXPECT_EQ(1, self->seen[0]);
}

static ssize_t poke_vm(void *at, void *from, size_t n)
{
	struct iovec local = { from, n };
	struct iovec remote = { at, n };

	return process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
}

TEST_F(sharing, pages_cannot_be_written_by_another_process)
{
	char text[] = "xyz";

	EXPECT_EQ(-1, poke_vm(self->seen, text, 3));
	EXPECT_EQ(-1, poke_vm(self->events, text, 3));
	EXPECT_EQ(-1, poke_mem(self->events, text, 3));
	EXPECT_EQ(1, self->seen[0]);
}

/* The pages would live on in the pipe, out of reach of a revocation. */
TEST_F(sharing, writable_pages_cannot_be_spliced_into_a_pipe)
{
	struct iovec iov = { self->events, self->page };
	int pipefd[2];

	ASSERT_EQ(0, pipe2(pipefd, O_CLOEXEC | O_NONBLOCK));
	EXPECT_EQ(-1, vmsplice(pipefd[1], &iov, 1, SPLICE_F_NONBLOCK));
	EXPECT_EQ(EFAULT, errno);
	close(pipefd[0]);
	close(pipefd[1]);
}

static int register_buffer(void *at, size_t bytes)
{
	struct io_uring_params params = {};
	struct iovec iov = { at, bytes };
	int fd = syscall(__NR_io_uring_setup, 1, &params);
	int ret;

	if (fd < 0)
		return -errno;
	ret = syscall(__NR_io_uring_register, fd, IORING_REGISTER_BUFFERS,
		      &iov, 1);
	if (ret < 0)
		ret = -errno;
	close(fd);
	return ret;
}

TEST_F(sharing, pages_cannot_be_registered_as_buffers_of_an_io_uring)
{
	void *plain = mmap(NULL, self->page, RW, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);

	ASSERT_EQ(0, register_buffer(plain, self->page));
	EXPECT_EQ(-EFAULT, register_buffer(self->events, self->page));
	EXPECT_EQ(-EFAULT, register_buffer(self->seen, self->page));
}

static __u32 seat_flags(int fd, unsigned int seat)
{
	struct full_stats full;

	return stats_of(fd, &full) ? POISON32 : full.seats[seat].flags;
}

TEST_F(sharing, maps_outlive_the_fds_they_were_made_from)
{
	int observer = dup(self->ring);

	close(self->ring);
	close(self->producer);
	self->events[9] = 42;
	EXPECT_EQ(42, self->seen[9]);
	EXPECT_EQ(DISRUPTOR_SEAT_HELD, seat_flags(observer, 0));
	close(observer);
	close(self->consumer);
	self->events[10] = 43;
	EXPECT_EQ(43, self->seen[10]);
}

TEST_F(sharing, a_role_is_given_back_when_its_last_map_is_gone)
{
	struct full_stats full;

	close(self->producer);
	ASSERT_EQ(0, munmap(self->events + self->page,
			    self->bytes - self->page));
	EXPECT_EQ(DISRUPTOR_SEAT_HELD, seat_flags(self->ring, 0));
	EXPECT_EQ(-EBUSY, attach_producer(self->ring, NULL));
	ASSERT_EQ(0, munmap(self->events, self->page));
	ASSERT_EQ(0, stats_of(self->ring, &full));
	EXPECT_EQ(0, full.seats[0].flags);
	EXPECT_EQ(1, full.seats[0].losses);
	self->producer = attach_producer(self->ring, NULL);
	EXPECT_LE(0, self->producer);
}

TEST_F(sharing, a_read_only_map_keeps_its_role_as_well)
{
	close(self->consumer);
	EXPECT_EQ(DISRUPTOR_SEAT_HELD | DISRUPTOR_SEAT_GATING,
		  seat_flags(self->ring, 1));
	ASSERT_EQ(0, munmap(self->seen, self->bytes));
	EXPECT_EQ(DISRUPTOR_SEAT_GATING, seat_flags(self->ring, 1));
}

TEST_F(sharing, maps_are_left_out_of_core_dumps)
{
	char line[256], *space;
	bool ours = false;
	int found = 0;
	FILE *smaps = fopen("/proc/self/smaps", "re");

	ASSERT_NE(NULL, smaps);
	while (fgets(line, sizeof(line), smaps)) {
		unsigned long start = strtoul(line, &space, 16);

		if (*space == '-')
			ours = start == (uintptr_t)self->events ||
			       start == (uintptr_t)self->seen;
		if (ours && !strncmp(line, "VmFlags:", 8)) {
			EXPECT_NE(NULL, strstr(line, " dd"));
			EXPECT_NE(NULL, strstr(line, " dc"));
			EXPECT_NE(NULL, strstr(line, " de"));
			found++;
		}
	}
	fclose(smaps);
	EXPECT_EQ(2, found);
}

TEST_HARNESS_MAIN
