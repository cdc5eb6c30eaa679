// SPDX-License-Identifier: GPL-2.0-only
/* rig: user=root */
/*
 * A ring's memory is charged to the memory cgroup of who makes it: it is seen
 * there, bounded there, given back there, and nobody is killed for it.
 */
#include "ring.h"

#include "kselftest_harness.h"

#define CGROUP		"/sys/fs/cgroup/disruptor-test"
#define MIB		(1024 * 1024ULL)

FIXTURE(memcg) {
	pid_t innocent;		/* lives in the cgroup, too */
	int pipefd[2];
};

static int sleep_in_cgroup(void *context)
{
	int *pipefd = context;

	close(pipefd[1]);
	CHILD_CHECK(!write_text(CGROUP "/cgroup.procs", "0"));
	return await_byte(pipefd[0]);
}

FIXTURE_SETUP(memcg)
{
	ASSERT_LE(0, device_fd());
	rmdir(CGROUP);		/* of a run that was killed */
	ASSERT_EQ(0, mkdir(CGROUP, 0755));
	/* There is no other way to say that the memory controller is missing. */
	ASSERT_EQ(0, access(CGROUP "/memory.max", W_OK));
	ASSERT_EQ(0, pipe2(self->pipefd, O_CLOEXEC));
	self->innocent = child_start(sleep_in_cgroup, self->pipefd);
	ASSERT_LT(0, self->innocent);
}

FIXTURE_TEARDOWN(memcg)
{
	close(self->pipefd[1]);
	/* It comes to its own end. */
	EXPECT_EQ(0, child_wait(self->innocent));
	EXPECT_TRUE(BECOMES_TRUE(!rmdir(CGROUP), 5000));
}

static __u64 charged(void)
{
	char text[32];

	return read_text(CGROUP "/memory.current", text, sizeof(text)) > 0 ?
		strtoull(text, NULL, 10) : 0;
}

/* An event of memory.events, or minus one. */
static long events(const char *name)
{
	char text[512], *at;

	if (read_text(CGROUP "/memory.events", text, sizeof(text)) < 0)
		return -1;
	for (at = text; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (!strncmp(at, name, strlen(name)) && at[strlen(name)] == ' ')
			return atol(at + strlen(name));
	}
	return -1;
}

static int create_mib(unsigned int mib)
{
	return ring_create(.slots = mib * (MIB / 64), .slot_size = 64,
			   .graph = "a");
}

static int sees_its_charge(void *context)
{
	__u64 before;
	int ring;

	CHILD_CHECK(!write_text(CGROUP "/cgroup.procs", "0"));
	close(create_mib(1));	/* what comes once: caches, page tables */
	before = charged();
	ring = create_mib(16);
	CHILD_CHECK(ring >= 0);
	CHILD_CHECK(charged() >= before + 16 * MIB);
	CHILD_CHECK(charged() < before + 18 * MIB);
	close(ring);
	CHILD_CHECK(BECOMES_TRUE(charged() < before + MIB, 5000));
	return 0;
}

TEST_F(memcg, a_ring_is_charged_and_given_back)
{
	EXPECT_EQ(0, in_child(sees_its_charge, NULL));
}

static int makes_too_much(void *context)
{
	int first, i;

	CHILD_CHECK(!write_text(CGROUP "/cgroup.procs", "0"));
	for (i = 0; i < 20; i++)
		CHILD_CHECK(create_mib(64) == -ENOMEM);
	/* What fits is made, and what then does not is refused. */
	first = create_mib(16);
	CHILD_CHECK(first >= 0);
	CHILD_CHECK(create_mib(16) == -ENOMEM);
	close(first);
	CHILD_CHECK(BECOMES_TRUE((first = create_mib(16)) >= 0, 5000));
	return 0;
}

TEST_F(memcg, a_ring_over_the_limit_is_refused_and_nobody_is_killed)
{
	__u64 before = charged();

	ASSERT_EQ(0, write_text(CGROUP "/memory.max", "24M"));
	EXPECT_EQ(0, in_child(makes_too_much, NULL));
	EXPECT_EQ(0, events("oom_kill"));
	EXPECT_EQ(0, kill(self->innocent, 0));
	EXPECT_TRUE(BECOMES_TRUE(charged() < before + 2 * MIB, 5000));
}

TEST_F(memcg, a_ring_stays_charged_to_its_maker_wherever_it_is_used)
{
	int sock[2], ring;
	__u64 before;
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock));
	before = charged();
	pid = fork();
	if (!pid) {
		if (write_text(CGROUP "/cgroup.procs", "0"))
			_exit(1);
		_exit(!send_fd(sock[1], create_mib(16)));
	}
	EXPECT_EQ(0, child_wait(pid));
	ring = receive_fd(sock[0]);
	ASSERT_LE(0, ring);
	EXPECT_LE(before + 16 * MIB, charged());
	close(ring);
	EXPECT_TRUE(BECOMES_TRUE(charged() < before + 2 * MIB, 5000));
}

TEST_HARNESS_MAIN
