// SPDX-License-Identifier: GPL-2.0-only
/* rig: user=root timeout=180 */
/*
 * One of several producers that is stopped, killed for want of memory, survived by
 * a child or by its fd, or evicted while it has claimed something: the others go on
 * as soon as it is certain that it never will.
 */
#include "stream.h"

#include <sys/syscall.h>

#include "kselftest_harness.h"

#define SOON_MS		5000
#define CGROUP		"/sys/fs/cgroup/disruptor-deaths"
#define TRACING		"/sys/kernel/tracing/instances/disruptor-deaths"

/* Built with DISRUPTOR_ALL_POINTS: where a process stops, once. */
static enum disruptor_point stop_at = DISRUPTOR_NR_POINTS;

void disruptor_point(enum disruptor_point point)
{
	if (point != stop_at)
		return;
	stop_at = DISRUPTOR_NR_POINTS;
	raise(SIGSTOP);
}

/* The ring, one producer that lives and one that will not, and who consumes. */
FIXTURE(death) {
	int ring;
	struct disruptor_ring *handle;
	struct disruptor_multi *living;
	struct disruptor_consumer *consumer;
	uint64_t next;
	int pipefd[2];
};

FIXTURE_SETUP(death)
{
	struct ring_spec spec = {
		.slots = 8, .graph = "c", .flags = DISRUPTOR_RING_OUTLIVES,
	};
	struct disruptor_consumer_config c[DISRUPTOR_MAX_CONSUMERS];
	struct disruptor_create_args args = create_args(&spec, c);

	args.producers = 3;
	self->ring = ring_ioctl(device_fd(), DISRUPTOR_IOC_CREATE, &args);
	ASSERT_LE(0, self->ring);
	ASSERT_EQ(0, pipe2(self->pipefd, O_CLOEXEC));
	/* A copy, for the handle owns its fd. */
	ASSERT_EQ(0, disruptor_ring_from_fd(&self->handle,
					    fcntl(self->ring, F_DUPFD_CLOEXEC, 0)));
	ASSERT_EQ(0, disruptor_multi_attach(&self->living, self->handle));
	ASSERT_EQ(0, disruptor_consumer_attach(&self->consumer, self->handle, "c"));
}

FIXTURE_TEARDOWN(death)
{
	disruptor_multi_detach(self->living);
	disruptor_consumer_detach(self->consumer);
	disruptor_close(self->handle);
	close(self->ring);
}

static __u64 aborted(int ring)
{
	struct disruptor_stats stats = {
		.size = sizeof(stats),
		.seat_size = sizeof(struct disruptor_seat_stats),
	};

	return ring_ioctl(ring, DISRUPTOR_IOC_STATS, &stats) ? POISON64 :
							       stats.aborted;
}

static int publish_one(struct disruptor_multi *multi)
{
	uint64_t lo, event = 1;
	int err = disruptor_multi_claim_until(multi, 1, in_ms(SOON_MS), &lo);

	if (err)
		return err;
	memcpy(disruptor_multi_slot(multi, lo), &event, sizeof(event));
	disruptor_multi_publish(multi, lo, lo + 1);
	return 0;
}

/* The next range is [@lo, @hi), within @ms. */
static bool comes(struct disruptor_consumer *consumer, uint64_t lo, uint64_t hi,
		  unsigned int ms)
{
	struct disruptor_range range = { 0, 0 };
	int err = disruptor_wait_until(consumer, in_ms(ms), &range);

	if (err || range.lo != lo || range.hi != hi) {
		printf("# %d: [%lu, %lu) came\n", err, range.lo, range.hi);
		return false;
	}
	disruptor_release(consumer, hi);
	return true;
}

/* ---- stopped --------------------------------------------------------------------- */

struct stopping {
	int ring;
	enum disruptor_point at;
};

static int publish_two(void *context)
{
	struct stopping *stopping = context;
	struct disruptor_multi *multi;
	struct disruptor_ring *ring;
	uint64_t lo;

	CHILD_CHECK(!disruptor_ring_from_fd(&ring, stopping->ring));
	CHILD_CHECK(!disruptor_multi_attach(&multi, ring));
	stop_at = stopping->at;
	CHILD_CHECK(!disruptor_multi_claim_until(multi, 2, in_ms(SOON_MS), &lo));
	memset(disruptor_multi_slot(multi, lo), 1, 16);
	disruptor_multi_publish(multi, lo, lo + 2);
	disruptor_multi_detach(multi);
	return 0;
}

static pid_t start_and_stop(int ring, enum disruptor_point at)
{
	struct stopping stopping = { ring, at };
	pid_t pid = child_start(publish_two, &stopping);
	int status;

	if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
		return -1;
	return pid;
}

/* For seconds: nobody guesses that it has died. */
TEST_F(death, is_not_presumed_of_one_stopped_before_it_publishes)
{
	pid_t pid = start_and_stop(self->ring, DISRUPTOR_POINT_MULTI_CLAIMED);
	struct disruptor_range range;

	ASSERT_LT(0, pid);
	EXPECT_EQ(0, publish_one(self->living));
	EXPECT_EQ(-ETIMEDOUT, disruptor_wait_until(self->consumer, in_ms(3000),
						   &range));
	EXPECT_EQ(0, aborted(self->ring));
	kill(pid, SIGCONT);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_TRUE(comes(self->consumer, 0, 3, SOON_MS));
	EXPECT_EQ(0, aborted(self->ring));
}

TEST_F(death, is_not_presumed_of_one_stopped_before_it_claims)
{
	pid_t pid = start_and_stop(self->ring, DISRUPTOR_POINT_MULTI_INTENT);
	unsigned int i;

	ASSERT_LT(0, pid);
	/* It holds up nobody, though it has [0, 2) in mind. */
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, publish_one(self->living));
		ASSERT_TRUE(comes(self->consumer, i, i + 1, SOON_MS));
	}
	sleep_ms(2000);
	kill(pid, SIGCONT);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_TRUE(comes(self->consumer, 20, 22, SOON_MS));
	EXPECT_EQ(0, aborted(self->ring));
}

static int claim_three(void *context)
{
	struct disruptor_multi *multi;
	struct disruptor_ring *ring;
	uint64_t lo;

	CHILD_CHECK(!disruptor_ring_from_fd(&ring, *(int *)context));
	CHILD_CHECK(!disruptor_multi_attach(&multi, ring));
	CHILD_CHECK(!disruptor_multi_claim_until(multi, 3, in_ms(SOON_MS), &lo));
	kill(getpid(), SIGKILL);
	return 1;
}

/* Whose the claim is, that one alone can say. */
TEST_F(death, of_another_is_settled_when_one_that_is_stopped_goes_on)
{
	pid_t pid = start_and_stop(self->ring, DISRUPTOR_POINT_MULTI_INTENT);
	struct disruptor_range range;

	ASSERT_LT(0, pid);
	EXPECT_EQ(-SIGKILL, in_child(claim_three, &self->ring));
	EXPECT_EQ(-ETIMEDOUT, disruptor_wait_until(self->consumer, in_ms(500),
						   &range));
	/* The third is nobody's for certain. */
	EXPECT_EQ(1, aborted(self->ring));
	/* The seat is not free before. */
	EXPECT_EQ(-EBUSY, attach_producer(self->ring, NULL));
	kill(pid, SIGCONT);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_TRUE(comes(self->consumer, 3, 5, SOON_MS));
	EXPECT_EQ(3, aborted(self->ring));
}

/* Wherever it is between its claim and the end of its publication. */
TEST_F(death, of_another_takes_nothing_from_one_that_is_stopped)
{
	static const enum disruptor_point points[] = {
		DISRUPTOR_POINT_MULTI_CLAIMED, DISRUPTOR_POINT_MULTI_PUBLISH,
		DISRUPTOR_POINT_MULTI_LAP, DISRUPTOR_POINT_MULTI_LAPS,
		DISRUPTOR_POINT_MULTI_CLEARED,
	};
	uint64_t lo = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(points); i++, lo += 5) {
		pid_t pid = start_and_stop(self->ring, points[i]);

		ASSERT_LT(0, pid);
		EXPECT_EQ(-SIGKILL, in_child(claim_three, &self->ring));
		EXPECT_EQ(3 * (i + 1), aborted(self->ring));
		kill(pid, SIGCONT);
		EXPECT_EQ(0, child_wait(pid));
		ASSERT_TRUE(comes(self->consumer, lo, lo + 2, SOON_MS));
		/* So that what was aborted is consumed, too. */
		EXPECT_EQ(-ETIMEDOUT,
			  disruptor_wait_until(self->consumer, in_ms(1),
					       &(struct disruptor_range){ 0 }));
	}
}

TEST_F(death, of_one_stopped_settles_its_claim)
{
	pid_t pid = start_and_stop(self->ring, DISRUPTOR_POINT_MULTI_LAP);

	ASSERT_LT(0, pid);
	EXPECT_EQ(0, publish_one(self->living));
	kill(pid, SIGKILL);
	EXPECT_EQ(-SIGKILL, child_wait(pid));
	EXPECT_TRUE(comes(self->consumer, 0, 1, SOON_MS));
	EXPECT_TRUE(comes(self->consumer, 2, 3, SOON_MS));
	EXPECT_EQ(1, aborted(self->ring));
}

static int evict_second(int ring)
{
	struct disruptor_evict_args args = {
		.size = sizeof(args),
		.role = DISRUPTOR_ROLE_PRODUCER,
		.index = 1,
	};

	return ring_ioctl(ring, DISRUPTOR_IOC_EVICT, &args);
}

TEST_F(death, need_not_be_waited_for_if_an_operator_evicts)
{
	pid_t pid = start_and_stop(self->ring, DISRUPTOR_POINT_MULTI_CLAIMED);

	ASSERT_LT(0, pid);
	EXPECT_EQ(0, publish_one(self->living));
	EXPECT_EQ(0, evict_second(self->ring));
	EXPECT_TRUE(comes(self->consumer, 2, 3, SOON_MS));
	EXPECT_EQ(2, aborted(self->ring));
	/* It has nothing to write to. */
	kill(pid, SIGCONT);
	EXPECT_EQ(-SIGBUS, child_wait(pid));
	EXPECT_EQ(2, aborted(self->ring));
}

/* ---- survived by an fd -------------------------------------------------------------- */

struct leaving {
	int ring;
	int sock;
	int pipefd[2];		/* it closes with the last who has it */
};

/* Claim two; have a child without exec; be killed. */
static int fork_and_die(void *context)
{
	struct leaving *leaving = context;
	struct disruptor_multi *multi;
	struct disruptor_ring *ring;
	uint64_t lo;
	pid_t pid;

	CHILD_CHECK(!disruptor_ring_from_fd(&ring, leaving->ring));
	CHILD_CHECK(!disruptor_multi_attach(&multi, ring));
	CHILD_CHECK(!disruptor_multi_claim_until(multi, 2, in_ms(SOON_MS), &lo));
	close(leaving->pipefd[1]);
	pid = fork();
	if (!pid) {
		alarm(CHILD_SECONDS);
		await_byte(leaving->pipefd[0]);
		_exit(0);
	}
	kill(getpid(), SIGKILL);
	return 1;
}

TEST_F(death, of_a_parent_settles_its_claim_though_a_child_has_the_fd)
{
	struct leaving leaving = { .ring = self->ring };

	memcpy(leaving.pipefd, self->pipefd, sizeof(self->pipefd));
	EXPECT_EQ(-SIGKILL, in_child(fork_and_die, &leaving));
	EXPECT_EQ(0, publish_one(self->living));
	EXPECT_TRUE(comes(self->consumer, 2, 3, SOON_MS));
	EXPECT_EQ(2, aborted(self->ring));
	/* The seat is still held; and free when the child ends. */
	EXPECT_LE(0, attach_producer(self->ring, NULL));
	EXPECT_EQ(-EBUSY, attach_producer(self->ring, NULL));
	close(self->pipefd[1]);
	EXPECT_TRUE(BECOMES_TRUE(attach_producer(self->ring, NULL) >= 0, SOON_MS));
	EXPECT_EQ(2, aborted(self->ring));
}

/* Claim two, send the role to another, and be killed. */
static int send_and_die(void *context)
{
	struct leaving *leaving = context;
	struct disruptor_multi *multi;
	struct disruptor_ring *ring;
	uint64_t lo;

	CHILD_CHECK(!disruptor_ring_from_fd(&ring, leaving->ring));
	CHILD_CHECK(!disruptor_multi_attach(&multi, ring));
	CHILD_CHECK(!disruptor_multi_claim_until(multi, 2, in_ms(SOON_MS), &lo));
	disruptor_multi_publish(multi, lo + 1, lo + 2);
	CHILD_CHECK(send_fd(leaving->sock, disruptor_multi_fileno(multi)));
	kill(getpid(), SIGKILL);
	return 1;
}

TEST_F(death, of_who_sent_its_fd_settles_its_claim_and_the_receiver_goes_on)
{
	struct leaving leaving = { .ring = self->ring };
	struct disruptor_multi *heir;
	int socks[2];
	int fd;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks));
	leaving.sock = socks[0];
	EXPECT_EQ(-SIGKILL, in_child(send_and_die, &leaving));
	/* It is in the socket, and nobody's. */
	EXPECT_EQ(0, publish_one(self->living));
	EXPECT_TRUE(comes(self->consumer, 1, 3, SOON_MS));
	EXPECT_EQ(1, aborted(self->ring));
	fd = receive_fd(socks[1]);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, disruptor_multi_from_fd(&heir, fd));
	EXPECT_EQ(0, publish_one(heir));
	EXPECT_TRUE(comes(self->consumer, 3, 4, SOON_MS));
	disruptor_multi_detach(heir);
	EXPECT_EQ(1, aborted(self->ring));
}

TEST_F(death, of_who_left_its_fd_in_a_socket_frees_the_seat_with_the_socket)
{
	struct leaving leaving = { .ring = self->ring };
	int socks[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks));
	leaving.sock = socks[0];
	EXPECT_EQ(-SIGKILL, in_child(send_and_die, &leaving));
	EXPECT_LE(0, attach_producer(self->ring, NULL));
	EXPECT_EQ(-EBUSY, attach_producer(self->ring, NULL));
	close(socks[0]);
	close(socks[1]);
	EXPECT_TRUE(BECOMES_TRUE(attach_producer(self->ring, NULL) >= 0, SOON_MS));
}

/* ---- the module ------------------------------------------------------------------------ */

TEST_F(death, that_is_not_settled_keeps_the_module)
{
	pid_t pid = start_and_stop(self->ring, DISRUPTOR_POINT_MULTI_INTENT);
	unsigned int i;

	ASSERT_LT(0, pid);
	EXPECT_EQ(-SIGKILL, in_child(claim_three, &self->ring));
	for (i = 0; i < 20; i++) {
		EXPECT_EQ(-1, syscall(__NR_delete_module, "disruptor", O_NONBLOCK));
		EXPECT_EQ(EWOULDBLOCK, errno);
		sleep_ms(5);
	}
	kill(pid, SIGKILL);
	EXPECT_EQ(-SIGKILL, child_wait(pid));
	EXPECT_EQ(0, publish_one(self->living));
	EXPECT_TRUE(comes(self->consumer, 3, 4, SOON_MS));
	EXPECT_EQ(3, aborted(self->ring));
}

/* ---- out of memory ----------------------------------------------------------------------- */

static int claim_and_eat(void *context)
{
	struct disruptor_multi *multi;
	struct disruptor_ring *ring;
	uint64_t lo;
	char *at;

	CHILD_CHECK(!disruptor_ring_from_fd(&ring, *(int *)context));
	CHILD_CHECK(!disruptor_multi_attach(&multi, ring));
	CHILD_CHECK(!write_text(CGROUP "/cgroup.procs", "0"));
	CHILD_CHECK(!disruptor_multi_claim_until(multi, 2, in_ms(SOON_MS), &lo));
	for (;;) {
		at = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHILD_CHECK(at != MAP_FAILED);
		memset(at, 1, 1 << 20);
	}
}

TEST_F(death, for_want_of_memory_is_one_as_any_other)
{
	rmdir(CGROUP);		/* of a run that was killed */
	ASSERT_EQ(0, mkdir(CGROUP, 0755));
	ASSERT_EQ(0, write_text(CGROUP "/memory.max", "16777216"));
	EXPECT_EQ(-SIGKILL, in_child(claim_and_eat, &self->ring));
	EXPECT_EQ(0, publish_one(self->living));
	EXPECT_TRUE(comes(self->consumer, 2, 3, SOON_MS));
	EXPECT_EQ(2, aborted(self->ring));
	EXPECT_TRUE(BECOMES_TRUE(!rmdir(CGROUP), SOON_MS));
}

/* ---- traces -------------------------------------------------------------------------------- */

TEST_F(death, is_told_by_a_trace_event)
{
	char text[8192] = "";

	if (mkdir(TRACING, 0755))
		ASSERT_EQ(EEXIST, errno);
	ASSERT_EQ(0, write_text(TRACING "/events/disruptor/disruptor_abort/enable",
				"1"));
	EXPECT_EQ(0, publish_one(self->living));
	EXPECT_EQ(-SIGKILL, in_child(claim_three, &self->ring));
	EXPECT_LT(0, read_text(TRACING "/trace", text, sizeof(text)));
	EXPECT_NE(NULL, strstr(text, "disruptor_abort: ring="));
	EXPECT_NE(NULL, strstr(text, " events=3 below=4"))
		TH_LOG("%s", text);
	EXPECT_EQ(0, rmdir(TRACING));
}

TEST_HARNESS_MAIN
