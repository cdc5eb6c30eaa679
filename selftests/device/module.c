// SPDX-License-Identifier: GPL-2.0-only
/* rig: user=root */
/*
 * The module itself: what keeps it loaded, that it goes when nothing does, and
 * what its tracepoints tell.
 */
#include "module.h"	/* first: it asks libc for all it has */
#include "orphans.h"

#include <sys/resource.h>

#include "kselftest_harness.h"

#define NAME		"module-test"
#define TRACING		"/sys/kernel/tracing/instances/disruptor-test"

/* From here on the device is not what keeps the module. */
static void close_device(void)
{
	close(device_fd());
}

TEST(an_open_device_keeps_the_module)
{
	ASSERT_LE(0, device_fd());
	EXPECT_EQ(-EWOULDBLOCK, unload());
}

TEST(a_ring_fd_keeps_the_module)
{
	ASSERT_LE(0, ring_create(.graph = "a"));
	close_device();
	EXPECT_EQ(-EWOULDBLOCK, unload());
}

TEST(a_role_fd_keeps_the_module)
{
	int ring = ring_create(.graph = "a");

	ASSERT_LE(0, attach_consumer(ring, "a", NULL));
	close(ring);
	close_device();
	EXPECT_EQ(-EWOULDBLOCK, unload());
}

TEST(a_map_keeps_the_module)
{
	int ring = ring_create(.graph = "a");
	const struct disruptor_control *control = map_control(ring);

	ASSERT_NE(NULL, control);
	close(ring);
	close_device();
	EXPECT_EQ(-EWOULDBLOCK, unload());
	EXPECT_EQ(DISRUPTOR_LAYOUT_VERSION, control->layout);
}

TEST(an_evicted_fd_keeps_the_module)
{
	int ring = ring_create(.graph = "a");
	int a = attach_consumer(ring, "a", NULL);

	ASSERT_EQ(0, evict(ring, "a", 0));
	close(ring);
	close_device();
	EXPECT_EQ(-EWOULDBLOCK, unload());
	close(a);
}

TEST(a_name_keeps_the_module)
{
	int ring = ring_create(.name = NAME, .mode = 0600);

	ASSERT_LE(0, ring);
	close(ring);
	close_device();
	EXPECT_EQ(-EWOULDBLOCK, unload());
}

TEST(nothing_else_keeps_the_module_and_it_loads_again)
{
	struct stat device;
	int file = open_module_file();
	int ring;

	if (file < 0)
		SKIP(return, "no DISRUPTOR_KO to load again after unloading");
	close(file);
	ring_unlink(NAME);	/* of the test above */
	close_device();
	ASSERT_EQ(0, stat(DEVICE, &device));
	/* Files are put away a little after their last close. */
	ASSERT_TRUE(BECOMES_TRUE(unload() == 0, 5000));
	EXPECT_EQ(-1, access(DEVICE, F_OK));
	EXPECT_EQ(-1, access("/sys/module/disruptor", F_OK));

	ASSERT_EQ(0, load());
	ASSERT_TRUE(BECOMES_TRUE(!access(DEVICE, F_OK), 5000));
	ASSERT_EQ(0, chmod(DEVICE, device.st_mode & 07777));
	ring = open(DEVICE, O_RDWR | O_CLOEXEC);
	EXPECT_LE(0, ring);
}

FIXTURE(trace) {
	char text[16384];
};

FIXTURE_SETUP(trace)
{
	rmdir(TRACING);		/* of a run that was killed */
	ASSERT_EQ(0, mkdir(TRACING, 0700));
	ASSERT_EQ(0, write_text(TRACING "/events/disruptor/enable", "1"));
}

FIXTURE_TEARDOWN(trace)
{
	write_text(TRACING "/events/disruptor/enable", "0");
	EXPECT_EQ(0, rmdir(TRACING));
}

/* How many lines of the trace have @what. */
static int count(char *text, size_t size, const char *what)
{
	const char *at;
	int nr = 0;

	if (read_text(TRACING "/trace", text, size) < 0)
		return -1;
	for (at = strstr(text, what); at; at = strstr(at + 1, what))
		nr++;
	return nr;
}

/* Sleep for a moment. */
static int wait_for(int fd, __u64 target)
{
	struct disruptor_wait_args args = {
		.size = sizeof(args), .target = target, .deadline_ns = in_ms(5),
	};

	return ring_ioctl(fd, DISRUPTOR_IOC_WAIT, &args);
}

#define TRACED(what)	count(self->text, sizeof(self->text), what)

TEST_F(trace, tells_the_life_of_a_ring_and_its_roles)
{
	int ring = ring_create(.name = NAME "-trace", .mode = 0600,
			       .slots = 16, .slot_size = 12, .graph = "a b?");
	int producer = attach_producer(ring, NULL);
	__u64 *cursor = map_own(producer, 0);
	int a, b;

	ASSERT_NE(NULL, cursor);
	EXPECT_EQ(1, TRACED("disruptor_create: "));
	EXPECT_EQ(1, TRACED(" slots=16 slot_size=12 consumers=2 name=" NAME
			    "-trace\n"));
	EXPECT_EQ(1, TRACED("disruptor_attach: "));

	counter_set(cursor, 3);
	b = attach_consumer(ring, "b", NULL);
	EXPECT_EQ(1, TRACED(" seat=2 name=b sequence=3\n"));
	close(b);
	EXPECT_EQ(1, TRACED("disruptor_detach: "));
	EXPECT_EQ(1, TRACED(" seat=2 name=b sequence=3 how=lost\n"));

	a = attach_consumer(ring, "a", NULL);
	EXPECT_EQ(1, TRACED(" seat=1 name=a sequence=0\n"));
	ASSERT_EQ(0, detach(a, 0));
	close(a);
	EXPECT_EQ(2, TRACED("disruptor_detach: "));
	EXPECT_EQ(1, TRACED(" seat=1 name=a sequence=0 how=detached\n"));

	a = attach_consumer(ring, "a", NULL);
	EXPECT_EQ(-ETIMEDOUT, wait_for(a, 5));
	EXPECT_EQ(1, TRACED("disruptor_wait: "));
	EXPECT_EQ(1, TRACED(" seat=1 name=a sequence=5\n"));
	EXPECT_EQ(0, ring_ioctl(producer, DISRUPTOR_IOC_WAKE, NULL));
	EXPECT_EQ(1, TRACED("disruptor_wake: "));
	EXPECT_EQ(1, TRACED(" seat=0 name= sequence=3\n"));

	ASSERT_EQ(0, evict(ring, "a", 0));
	EXPECT_EQ(1, TRACED("disruptor_evict: "));
	EXPECT_EQ(1, TRACED(" seat=1 name=a sequence=0 how=evicted\n"));
	ASSERT_EQ(0, evict(ring, "a", DISRUPTOR_EVICT_UNGATE));
	EXPECT_EQ(2, TRACED("disruptor_evict: "));
	EXPECT_EQ(1, TRACED(" seat=1 name=a sequence=0 how=ungated\n"));
	close(a);
	/* The close of an evicted fd is no second leave. */
	EXPECT_EQ(2, TRACED("disruptor_detach: "));

	EXPECT_EQ(0, TRACED("disruptor_destroy: "));
	ASSERT_EQ(0, ring_unlink(NAME "-trace"));
	unmap_own(cursor);
	close(producer);
	close(ring);
	EXPECT_EQ(1, TRACED("disruptor_destroy: "));
	EXPECT_EQ(1, TRACED(" cursor=3\n"));
}

TEST_F(trace, tells_what_a_dead_worker_left_and_who_has_it_now)
{
	int ring = ring_create(.slots = 16, .graph = "a*2");
	__u64 *cursor = map_own(attach_producer(ring, NULL), 0);
	struct disruptor_worker *worker;
	struct disruptor_range range;

	ASSERT_NE(NULL, cursor);
	counter_set(cursor, 3);
	EXPECT_TRUE(leave_two_orphans(ring, "a"));
	ASSERT_TRUE(BECOMES_TRUE(TRACED("disruptor_orphan: ") > 0, 5000));
	EXPECT_LE(1, TRACED(" seat=1 name=a lo=0 hi=2\n"));
	EXPECT_EQ(0, TRACED("disruptor_adopt: "));

	ASSERT_EQ(0, disruptor_worker_from_fd(&worker,
					      attach_consumer(ring, "a", NULL)));
	ASSERT_EQ(0, disruptor_worker_try_take(worker, 2, &range));
	EXPECT_EQ(0, range.lo);
	EXPECT_EQ(2, range.hi);
	EXPECT_EQ(1, TRACED("disruptor_adopt: "));
	EXPECT_EQ(1, TRACED(" seat=2 name=a lo=0 hi=2\n"));
	disruptor_worker_detach(worker);
	close(ring);
}

/* CREATE when no fd is free. */
static int create_without_fd(void)
{
	struct rlimit old, none;
	int fd = dup(device_fd());
	int ret;

	close(fd);
	getrlimit(RLIMIT_NOFILE, &old);
	none = old;
	none.rlim_cur = fd;	/* the lowest that is free, and none from there on */
	setrlimit(RLIMIT_NOFILE, &none);
	ret = ring_create(.graph = "a");
	setrlimit(RLIMIT_NOFILE, &old);
	return ret;
}

TEST_F(trace, does_not_tell_of_what_was_refused)
{
	int ring = ring_create(.graph = "a");
	int a = attach_consumer(ring, "a", NULL);

	ASSERT_LE(0, a);
	EXPECT_EQ(-EINVAL, ring_create(.slots = 3));
	EXPECT_EQ(-EMFILE, create_without_fd());
	EXPECT_EQ(-EBUSY, attach_consumer(ring, "a", NULL));
	EXPECT_EQ(-ENOENT, evict(ring, "b", 0));
	EXPECT_EQ(-ESRCH, evict(ring, NULL, 0));
	EXPECT_EQ(1, TRACED("disruptor_create: "));
	EXPECT_EQ(1, TRACED("disruptor_attach: "));
	EXPECT_EQ(0, TRACED("disruptor_destroy: "));
	EXPECT_EQ(0, TRACED("disruptor_detach: "));
	EXPECT_EQ(0, TRACED("disruptor_evict: "));
}

TEST_HARNESS_MAIN
