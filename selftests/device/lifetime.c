// SPDX-License-Identifier: GPL-2.0-only
/* rig: user=root,plain bits=32,64 */
/*
 * How long fds, roles and maps live: exec, fork, death, sockets, DETACH and
 * EVICT.
 */
#include "ring.h"	/* first: it asks libc for all it has */

#include "kselftest_harness.h"

#define RW	(PROT_READ | PROT_WRITE)

FIXTURE(lifetime) {
	int ring;
	int producer;
	int consumer;
};

FIXTURE_SETUP(lifetime)
{
	self->ring = ring_create(.graph = "a b:a");
	ASSERT_LE(0, self->ring);
	self->producer = attach_producer(self->ring, NULL);
	ASSERT_LE(0, self->producer);
	self->consumer = attach_consumer(self->ring, "a", NULL);
	ASSERT_LE(0, self->consumer);
}

FIXTURE_TEARDOWN(lifetime)
{
	close(self->consumer);
	close(self->producer);
	close(self->ring);
}

static bool is_held(int fd, unsigned int seat)
{
	struct full_stats full;

	return !stats_of(fd, &full) &&
	       full.seats[seat].flags & DISRUPTOR_SEAT_HELD;
}

static __u64 losses(int fd, unsigned int seat)
{
	struct full_stats full;

	return stats_of(fd, &full) ? POISON64 : full.seats[seat].losses;
}

/* Whether an fd of a role that is gone answers so, whatever is asked. */
static bool is_stale(int role)
{
	struct full_stats stats;
	struct full_info info;
	struct disruptor_wait_args wait = { .size = sizeof(wait) };
	unsigned int region;

	for (region = 0; region <= DISRUPTOR_REGION_EVENTS; region++) {
		if (region == DISRUPTOR_REGION_AVAILABILITY)
			continue;
		if (map_region(role, region, page_bytes(), PROT_READ) !=
		    MAP_FAILED || errno != ESTALE)
			return false;
	}
	return info_of(role, &info) == -ESTALE &&
	       stats_of(role, &stats) == -ESTALE &&
	       ring_ioctl(role, DISRUPTOR_IOC_WAIT, &wait) == -ESTALE &&
	       detach(role, 0) == -ESTALE;
}

TEST_F(lifetime, every_fd_is_closed_on_exec)
{
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->ring, F_GETFD));
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->producer, F_GETFD));
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->consumer, F_GETFD));
}

struct exec_child {
	int ring;
	int input[2];
	int output[2];
};

/* Become a program that holds b, if anybody does, and waits for its input's end. */
static int exec_while_attached(void *context)
{
	const struct exec_child *child = context;
	int b = attach_consumer(child->ring, "b", NULL);

	CHILD_CHECK(b >= 0);
	CHILD_CHECK(map_own(b, 2));
	CHILD_CHECK(dup2(child->input[0], 0) == 0);
	CHILD_CHECK(dup2(child->output[1], 1) == 1);
	execl("/bin/sh", "sh", "-c", "echo; read x", NULL);
	CHILD_CHECK(!"executed");
	return 0;
}

TEST_F(lifetime, exec_gives_roles_back)
{
	struct exec_child child = { .ring = self->ring };
	pid_t pid;

	ASSERT_EQ(0, pipe2(child.input, O_CLOEXEC));
	ASSERT_EQ(0, pipe2(child.output, O_CLOEXEC));
	pid = child_start(exec_while_attached, &child);
	close(child.output[1]);
	ASSERT_TRUE(await_byte(child.output[0]));
	/* The program runs, and has nothing. */
	EXPECT_FALSE(is_held(self->ring, 2));
	EXPECT_EQ(1, losses(self->ring, 2));
	close(child.input[1]);
	child_wait(pid);
}

TEST_F(lifetime, the_last_close_gives_a_role_back)
{
	int other = dup(self->consumer);

	close(self->consumer);
	EXPECT_TRUE(is_held(self->ring, 1));
	EXPECT_EQ(-EBUSY, attach_consumer(self->ring, "a", NULL));
	close(other);
	EXPECT_FALSE(is_held(self->ring, 1));
	EXPECT_EQ(1, losses(self->ring, 1));
	self->consumer = attach_consumer(self->ring, "a", NULL);
	EXPECT_LE(0, self->consumer);
}

static int wait_for_the_end(void *context)
{
	/* Until the other end of the pipe is closed. */
	return await_byte(*(int *)context);
}

TEST_F(lifetime, a_child_keeps_the_role_whose_fd_it_inherits)
{
	int pipefd[2];
	pid_t pid;

	ASSERT_EQ(0, pipe2(pipefd, O_CLOEXEC));
	pid = child_start(wait_for_the_end, &pipefd[0]);
	close(self->consumer);
	EXPECT_TRUE(is_held(self->ring, 1));
	ASSERT_TRUE(signal_byte(pipefd[1]));
	EXPECT_EQ(1, child_wait(pid));
	EXPECT_FALSE(is_held(self->ring, 1));
}

struct victim {
	int ring;
	int ready[2];
	const char *name;
	unsigned int seat;
};

/* Attach, map all there is, and write the own page for ever. */
static int spin_on_own_page(void *context)
{
	const struct victim *victim = context;
	int fd = attach(victim->ring, victim->name, NULL);
	__u64 *own = map_own(fd, victim->seat);
	__u64 value;

	CHILD_CHECK(own);
	CHILD_CHECK(map_region(fd, DISRUPTOR_REGION_EVENTS, page_bytes(),
			       PROT_READ) != MAP_FAILED);
	counter_set(own, 0);
	CHILD_CHECK(signal_byte(victim->ready[1]));
	for (value = 0;; value = !value)
		counter_set(own, value);
	return 0;
}

TEST_F(lifetime, sigkill_gives_a_role_back)
{
	struct victim victim = { .ring = self->ring, .name = "b", .seat = 2 };
	struct full_stats full;
	pid_t pid;

	ASSERT_EQ(0, pipe2(victim.ready, O_CLOEXEC));
	pid = child_start(spin_on_own_page, &victim);
	ASSERT_TRUE(await_byte(victim.ready[0]));
	ASSERT_EQ(0, stats_of(self->ring, &full));
	EXPECT_EQ(pid, full.seats[2].pid);
	EXPECT_EQ(-EBUSY, attach_consumer(self->ring, "b", NULL));

	ASSERT_EQ(0, kill(pid, SIGKILL));
	EXPECT_EQ(-SIGKILL, child_wait(pid));
	EXPECT_FALSE(is_held(self->ring, 2));
	EXPECT_EQ(1, losses(self->ring, 2));
	EXPECT_LE(0, attach_consumer(self->ring, "b", NULL));
}

TEST_F(lifetime, sigkill_of_the_producer_ends_the_stream)
{
	struct victim victim = { .ring = self->ring, .name = NULL, .seat = 0 };
	struct full_stats full;
	pid_t pid;

	ASSERT_EQ(0, detach(self->producer, 0));
	ASSERT_EQ(0, pipe2(victim.ready, O_CLOEXEC));
	pid = child_start(spin_on_own_page, &victim);
	ASSERT_TRUE(await_byte(victim.ready[0]));
	ASSERT_EQ(0, stats_of(self->ring, &full));
	EXPECT_EQ(0, full.stats.state);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	EXPECT_EQ(-SIGKILL, child_wait(pid));
	ASSERT_EQ(0, stats_of(self->ring, &full));
	EXPECT_EQ(DISRUPTOR_STATE_ENDED, full.stats.state);
}

TEST_F(lifetime, eviction_stops_a_process_in_the_midst_of_writing)
{
	struct victim victim = { .ring = self->ring, .name = "b", .seat = 2 };
	pid_t pid;
	int b;

	ASSERT_EQ(0, pipe2(victim.ready, O_CLOEXEC));
	pid = child_start(spin_on_own_page, &victim);
	ASSERT_TRUE(await_byte(victim.ready[0]));
	ASSERT_EQ(0, evict(self->ring, "b", 0));
	/* At once, whatever the victim does. */
	b = attach_consumer(self->ring, "b", NULL);
	EXPECT_LE(0, b);
	EXPECT_EQ(-SIGBUS, child_wait(pid));
	/* The victim's death is not the successor's. */
	EXPECT_TRUE(is_held(self->ring, 2));
	EXPECT_EQ(0, losses(self->ring, 2));
	close(b);
}

TEST_F(lifetime, an_evicted_role_has_no_page_left_and_its_fd_is_stale)
{
	unsigned char *own = map_region(self->consumer, DISRUPTOR_REGION_OWN,
					page_bytes(), RW);
	unsigned char *events = map_region(self->consumer,
					   DISRUPTOR_REGION_EVENTS,
					   page_bytes(), PROT_READ);
	const void *control = map_control(self->consumer);
	const void *others = map_control(self->producer);

	ASSERT_NE(MAP_FAILED, own);
	ASSERT_NE(MAP_FAILED, events);
	ASSERT_NE(NULL, control);
	ASSERT_EQ(0, write_fault(own, 0));
	ASSERT_EQ(0, read_fault(events));
	ASSERT_EQ(0, read_fault(control));
	ASSERT_EQ(0, read_fault(others));

	ASSERT_EQ(0, evict(self->ring, "a", 0));
	EXPECT_EQ(SIGBUS, write_fault(own, 1));
	EXPECT_EQ(SIGBUS, read_fault(own));
	EXPECT_EQ(SIGBUS, read_fault(events));
	EXPECT_EQ(SIGBUS, read_fault(control));
	EXPECT_TRUE(is_stale(self->consumer));
	/* The others' maps are theirs. */
	EXPECT_EQ(0, read_fault(others));
	/* It stays so when the role has a new holder. */
	EXPECT_LE(0, attach_consumer(self->ring, "a", NULL));
	EXPECT_EQ(SIGBUS, write_fault(own, 1));
	EXPECT_TRUE(is_stale(self->consumer));
}

TEST_F(lifetime, an_evicted_process_can_never_reach_its_successors_page)
{
	unsigned char *own = map_region(self->consumer, DISRUPTOR_REGION_OWN,
					page_bytes(), RW);
	unsigned char *moved;

	ASSERT_NE(MAP_FAILED, own);
	ASSERT_EQ(0, write_fault(own, 0));
	ASSERT_EQ(0, evict(self->ring, "a", 0));
	/* Not by moving the map, nor by touching it in another way. */
	ASSERT_EQ(0, mprotect(own, page_bytes(), PROT_READ));
	EXPECT_EQ(SIGBUS, read_fault(own));
	ASSERT_EQ(0, mprotect(own, page_bytes(), RW));
	moved = mremap(own, page_bytes(), page_bytes(),
		       MREMAP_MAYMOVE | MREMAP_FIXED,
		       mmap(NULL, page_bytes(), PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	ASSERT_NE(MAP_FAILED, moved);
	EXPECT_EQ(SIGBUS, write_fault(moved, 1));
	EXPECT_EQ(-1, read(open("/dev/zero", O_RDONLY | O_CLOEXEC), moved, 1));
	EXPECT_EQ(EFAULT, errno);
}

TEST_F(lifetime, detach_revokes_maps_as_well)
{
	unsigned char *events = map_region(self->producer,
					   DISRUPTOR_REGION_EVENTS,
					   page_bytes(), RW);

	ASSERT_NE(MAP_FAILED, events);
	ASSERT_EQ(0, write_fault(events, 1));
	ASSERT_EQ(0, detach(self->producer, 0));
	EXPECT_EQ(SIGBUS, write_fault(events, 2));
	EXPECT_TRUE(is_stale(self->producer));
	close(self->producer);
	munmap(events, page_bytes());
	EXPECT_EQ(0, losses(self->ring, 0));
	self->producer = attach_producer(self->ring, NULL);
	EXPECT_LE(0, self->producer);
}

TEST_F(lifetime, the_close_of_a_stale_fd_does_not_hurt_the_successor)
{
	int successor;

	ASSERT_EQ(0, evict(self->ring, "a", 0));
	successor = attach_consumer(self->ring, "a", NULL);
	ASSERT_LE(0, successor);
	close(self->consumer);
	EXPECT_TRUE(is_held(self->ring, 1));
	EXPECT_EQ(0, losses(self->ring, 1));
	EXPECT_EQ(0, detach(successor, 0));
	close(successor);
}

TEST_F(lifetime, roles_outlive_the_ring_fds)
{
	struct full_stats full;
	__u64 *cursor;

	close(self->ring);
	cursor = map_own(self->producer, 0);
	ASSERT_NE(NULL, cursor);
	counter_set(cursor, 5);
	EXPECT_EQ(5, counter_of(self->consumer, 0));
	EXPECT_EQ(0, stats_of(self->consumer, &full));
	EXPECT_EQ(5, full.seats[0].sequence);
	self->ring = -1;
}

static int receive_and_map(void *context)
{
	int role = receive_fd(*(int *)context);
	__u64 *own = map_own(role, 1);

	CHILD_CHECK(role >= 0);
	CHILD_CHECK(own);
	counter_set(own, 3);
	CHILD_CHECK(signal_byte(*(int *)context));
	CHILD_CHECK(await_byte(*(int *)context));
	return 0;
}

TEST_F(lifetime, a_role_can_be_passed_over_a_socket)
{
	struct full_stats full;
	int sock[2];
	__u64 *own;
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock));
	pid = child_start(receive_and_map, &sock[1]);
	close(sock[1]);
	/* The child has inherited an fd, too; a later one it has not. */
	ASSERT_EQ(0, detach(self->consumer, 0));
	close(self->consumer);
	self->consumer = attach_consumer(self->ring, "a", NULL);
	ASSERT_LE(0, self->consumer);

	own = map_own(self->consumer, 1);
	ASSERT_NE(NULL, own);
	counter_set(own, 2);
	unmap_own(own);
	ASSERT_TRUE(send_fd(sock[0], self->consumer));
	close(self->consumer);
	ASSERT_TRUE(await_byte(sock[0]));
	ASSERT_EQ(0, stats_of(self->ring, &full));
	EXPECT_EQ(DISRUPTOR_SEAT_HELD | DISRUPTOR_SEAT_GATING,
		  full.seats[1].flags);
	EXPECT_EQ(3, full.seats[1].sequence);
	EXPECT_EQ(0, full.seats[1].losses);
	ASSERT_TRUE(signal_byte(sock[0]));
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_FALSE(is_held(self->ring, 1));
	EXPECT_EQ(1, losses(self->ring, 1));
}

TEST_F(lifetime, a_role_in_a_socket_that_nobody_reads_is_given_back_with_it)
{
	int sock[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock));
	ASSERT_TRUE(send_fd(sock[0], self->consumer));
	close(self->consumer);
	EXPECT_TRUE(is_held(self->ring, 1));
	close(sock[0]);
	close(sock[1]);
	EXPECT_TRUE(BECOMES_TRUE(!is_held(self->ring, 1), 5000));
}

static bool has_line(const char *text, const char *line)
{
	const char *at = strstr(text, line);

	return at && (at == text || at[-1] == '\n') &&
	       at[strlen(line)] == '\n';
}

static ssize_t fdinfo_of(int fd, char *text, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	return read_text(path, text, size);
}

TEST_F(lifetime, fdinfo_tells_what_an_fd_is)
{
	__u64 *cursor = map_own(self->producer, 0);
	__u64 *own = map_own(self->consumer, 1);
	char text[1024];

	counter_set(cursor, 6);
	counter_set(own, 4);
	ASSERT_LT(0, fdinfo_of(self->ring, text, sizeof(text)));
	EXPECT_TRUE(has_line(text, "disruptor-role:\tring"));
	EXPECT_TRUE(has_line(text, "disruptor-name:\t"));
	EXPECT_TRUE(has_line(text, "disruptor-slots:\t8"));
	EXPECT_TRUE(has_line(text, "disruptor-slot-size:\t8"));
	EXPECT_TRUE(has_line(text, "disruptor-cursor:\t6"));
	EXPECT_EQ(NULL, strstr(text, "disruptor-sequence"));

	ASSERT_LT(0, fdinfo_of(self->producer, text, sizeof(text)));
	EXPECT_TRUE(has_line(text, "disruptor-role:\tproducer"));
	EXPECT_TRUE(has_line(text, "disruptor-sequence:\t6"));

	ASSERT_LT(0, fdinfo_of(self->consumer, text, sizeof(text)));
	EXPECT_TRUE(has_line(text, "disruptor-role:\tconsumer"));
	EXPECT_TRUE(has_line(text, "disruptor-consumer:\ta"));
	EXPECT_TRUE(has_line(text, "disruptor-sequence:\t4"));
	EXPECT_TRUE(has_line(text, "disruptor-stale:\t0"));
	ASSERT_EQ(0, evict(self->ring, "a", 0));
	ASSERT_LT(0, fdinfo_of(self->consumer, text, sizeof(text)));
	EXPECT_TRUE(has_line(text, "disruptor-stale:\t1"));
}

TEST_HARNESS_MAIN
