// SPDX-License-Identifier: GPL-2.0-only
/* rig: user=root,plain bits=32,64 */
/*
 * What all ioctls have in common (sizes, pointers, kinds of fds), and what ATTACH,
 * DETACH, EVICT, UNLINK, INFO and STATS refuse.
 */
#include "snapshot.h"

#include "kselftest_harness.h"

#define RING_NAME	"abi-test"

/**
 * struct call - an ioctl that would succeed
 * @name: for messages
 * @cmd: its number
 * @fd: what it is meant for
 * @size: of its struct
 * @out: it writes to its struct
 * @args: its struct
 */
struct call {
	const char *name;
	unsigned long cmd;
	int fd;
	__u32 size;
	bool out;
	union {
		__u32 size;
		struct disruptor_create_args create;
		struct disruptor_open_args open;
		struct disruptor_unlink_args unlink;
		struct disruptor_attach_args attach;
		struct disruptor_detach_args detach;
		struct disruptor_evict_args evict;
		struct disruptor_info info;
		struct disruptor_stats stats;
		struct disruptor_wait_args wait;
	} args;
};

#define NR_CALLS	9

/* A ring with a producer and a consumer a; b and c are free. */
FIXTURE(abi) {
	int ring;
	int producer;
	int consumer;
	struct snapshot before;
	struct call calls[NR_CALLS];
	char *page;		/* the page after it is not there */
};

static void fill_calls(struct call *calls, int ring, int producer)
{
	const struct call all[NR_CALLS] = {
		{ "CREATE", DISRUPTOR_IOC_CREATE, device_fd(),
		  sizeof(struct disruptor_create_args), false,
		  { .create = { .slots = 2, .slot_size = 4 } } },
		{ "OPEN", DISRUPTOR_IOC_OPEN, device_fd(),
		  sizeof(struct disruptor_open_args), false,
		  { .open = { .access = 1, .name = RING_NAME } } },
		{ "ATTACH", DISRUPTOR_IOC_ATTACH, ring,
		  sizeof(struct disruptor_attach_args), true,
		  { .attach = { .role = DISRUPTOR_ROLE_CONSUMER,
				.name = "b" } } },
		{ "INFO", DISRUPTOR_IOC_INFO, ring,
		  sizeof(struct disruptor_info), true, {} },
		{ "STATS", DISRUPTOR_IOC_STATS, ring,
		  sizeof(struct disruptor_stats), true, {} },
		/* There is room for one: it answers at once. */
		{ "WAIT", DISRUPTOR_IOC_WAIT, producer,
		  sizeof(struct disruptor_wait_args), true,
		  { .wait = { .target = 1 } } },
		{ "DETACH", DISRUPTOR_IOC_DETACH, producer,
		  sizeof(struct disruptor_detach_args), false, {} },
		{ "EVICT", DISRUPTOR_IOC_EVICT, ring,
		  sizeof(struct disruptor_evict_args), false,
		  { .evict = { .role = DISRUPTOR_ROLE_CONSUMER,
			       .name = "a" } } },
		{ "UNLINK", DISRUPTOR_IOC_UNLINK, device_fd(),
		  sizeof(struct disruptor_unlink_args), false,
		  { .unlink = { .name = RING_NAME } } },
	};
	unsigned int i;

	for (i = 0; i < NR_CALLS; i++) {
		calls[i] = all[i];
		calls[i].args.size = all[i].size;
	}
}

FIXTURE_SETUP(abi)
{
	size_t page = page_bytes();

	ring_unlink(RING_NAME);		/* of a run that was killed */
	self->ring = ring_create(.name = RING_NAME, .mode = 0600,
				 .graph = "a b:a c?");
	ASSERT_LE(0, self->ring);
	self->producer = attach_producer(self->ring, NULL);
	ASSERT_LE(0, self->producer);
	self->consumer = attach_consumer(self->ring, "a", NULL);
	ASSERT_LE(0, self->consumer);
	fill_calls(self->calls, self->ring, self->producer);

	self->page = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->page);
	ASSERT_EQ(0, munmap(self->page + page, page));
	snapshot_take(&self->before, self->ring);
}

FIXTURE_TEARDOWN(abi)
{
	ring_unlink(RING_NAME);
	close(self->consumer);
	close(self->producer);
	close(self->ring);
}

#define REFUSED_AS(what, err, fd, cmd, args) do {			\
	EXPECT_EQ(-(err), ring_ioctl(fd, cmd, args)) {			\
		TH_LOG("of: %s", what);					\
	}								\
	EXPECT_TRUE(snapshot_holds(&self->before, self->ring)) {	\
		TH_LOG("after: %s", what);				\
	}								\
} while (0)

#define REFUSED(err, fd, cmd, args)					\
	REFUSED_AS(#args, err, fd, cmd, args)

/* One of self->calls, with other arguments. */
#define CALL_REFUSED(err, call, args)					\
	REFUSED_AS((call)->name, err, (call)->fd, (call)->cmd, args)

/* @call's struct at the end of the page, all but the last @cut bytes. */
static void *at_end(char *page, const struct call *call, size_t cut)
{
	char *at = page + page_bytes() - (call->size - cut);

	memcpy(at, &call->args, call->size - cut);
	return at;
}

TEST_F(abi, sizes_below_the_first_published_are_refused)
{
	unsigned int i;

	for (i = 0; i < NR_CALLS; i++) {
		struct call call = self->calls[i];

		call.args.size = 0;
		CALL_REFUSED(EINVAL, &call, &call.args);
		call.args.size = 4;
		CALL_REFUSED(EINVAL, &call, &call.args);
		call.args.size = call.size - 1;
		CALL_REFUSED(EINVAL, &call, &call.args);
	}
}

TEST_F(abi, larger_structs_with_a_tail_that_is_not_zero_are_refused)
{
	unsigned int i;

	for (i = 0; i < NR_CALLS; i++) {
		const struct call *call = &self->calls[i];
		char *at = memset(self->page, 0, page_bytes());

		memcpy(at, &call->args, call->size);
		*(__u32 *)at = call->size + 8;
		at[call->size + 7] = 1;
		CALL_REFUSED(E2BIG, call, at);
		at[call->size] = 1;
		at[call->size + 7] = 0;
		CALL_REFUSED(E2BIG, call, at);
		/* The last byte of the largest struct that can be. */
		at[call->size] = 0;
		*(__u32 *)at = page_bytes();
		at[page_bytes() - 1] = 0x80;
		CALL_REFUSED(E2BIG, call, at);
	}
}

TEST_F(abi, sizes_above_a_page_are_refused)
{
	unsigned int i;

	for (i = 0; i < NR_CALLS; i++) {
		struct call call = self->calls[i];

		call.args.size = page_bytes() + 1;
		CALL_REFUSED(E2BIG, &call, &call.args);
		call.args.size = ~0U;
		CALL_REFUSED(E2BIG, &call, &call.args);
	}
}

TEST_F(abi, larger_structs_with_a_tail_of_zeroes_are_accepted)
{
	unsigned int i;

	for (i = 0; i < NR_CALLS; i++) {
		const struct call *call = &self->calls[i];
		char *at = memset(self->page, 0, page_bytes());
		int ret;

		memcpy(at, &call->args, call->size);
		*(__u32 *)at = i % 2 ? call->size + 8 : page_bytes();
		ret = ring_ioctl(call->fd, call->cmd, at);
		EXPECT_LE(0, ret) {
			TH_LOG("%s", call->name);
		}
		if (ret > 0)
			close(ret);
	}
}

TEST_F(abi, structs_that_end_with_their_page_are_accepted)
{
	unsigned int i;

	for (i = 0; i < NR_CALLS; i++) {
		const struct call *call = &self->calls[i];
		int ret = ring_ioctl(call->fd, call->cmd,
				     at_end(self->page, call, 0));

		EXPECT_LE(0, ret) {
			TH_LOG("%s", call->name);
		}
		if (ret > 0)
			close(ret);
	}
}

TEST_F(abi, structs_that_run_over_the_end_of_their_page_are_refused)
{
	unsigned int i;

	for (i = 0; i < NR_CALLS; i++) {
		const struct call *call = &self->calls[i];
		size_t all_but_the_size = call->size - 4;

		CALL_REFUSED(EFAULT, call, at_end(self->page, call, 1));
		CALL_REFUSED(EFAULT, call,
			     at_end(self->page, call, all_but_the_size));
		CALL_REFUSED(EFAULT, call,
			     at_end(self->page, call, all_but_the_size + 1));
	}
}

TEST_F(abi, bad_addresses_are_refused)
{
	unsigned int i;

	for (i = 0; i < NR_CALLS; i++) {
		const struct call *call = &self->calls[i];

		CALL_REFUSED(EFAULT, call, NULL);
		CALL_REFUSED(EFAULT, call, (void *)1);
		CALL_REFUSED(EFAULT, call, self->page + page_bytes());
		/* The kernel's, or in a 32-bit program nobody's. */
		CALL_REFUSED(EFAULT, call, (void *)(~0UL << 12));
		CALL_REFUSED(EFAULT, call, (void *)-8L);
		if (sizeof(long) == 8)
			CALL_REFUSED(EFAULT, call,
				     (void *)(uintptr_t)0xffff888000000000ULL);
	}
}

TEST_F(abi, structs_that_cannot_be_written_are_refused_where_they_are_answers)
{
	unsigned int i;

	for (i = 0; i < NR_CALLS; i++) {
		const struct call *call = &self->calls[i];

		if (!call->out)
			continue;
		ASSERT_EQ(0, mprotect(self->page, page_bytes(),
				      PROT_READ | PROT_WRITE));
		memcpy(self->page, &call->args, call->size);
		ASSERT_EQ(0, mprotect(self->page, page_bytes(), PROT_READ));
		CALL_REFUSED(EFAULT, call, self->page);
	}
}

TEST_F(abi, ioctls_on_another_kind_of_fd_are_not_known)
{
	const struct { int fd; const char *ioctls; } kinds[] = {
		{ device_fd(), "CREATE OPEN UNLINK" },
		{ self->ring, "UNLINK ATTACH EVICT INFO STATS" },
		{ self->producer, "DETACH INFO STATS WAIT" },
		{ self->consumer, "DETACH INFO STATS WAIT" },
		{ open("/dev/null", O_RDWR | O_CLOEXEC), "" },
	};
	unsigned int i, kind;

	snapshot_take(&self->before, self->ring);
	for (i = 0; i < NR_CALLS; i++) {
		struct call *call = &self->calls[i];

		for (kind = 0; kind < 5; kind++) {
			if (strstr(kinds[kind].ioctls, call->name))
				continue;
			REFUSED_AS(call->name, ENOTTY, kinds[kind].fd,
				   call->cmd, &call->args);
		}
	}
}

TEST_F(abi, unknown_ioctls_are_not_known)
{
	const int fds[] = { device_fd(), self->ring, self->producer,
			    self->consumer };
	struct disruptor_info args = { .size = sizeof(args) };
	unsigned int nr, i;

	for (i = 0; i < 4; i++) {
		for (nr = 11; nr < 256; nr++)
			EXPECT_EQ(-ENOTTY,
				  ring_ioctl(fds[i], _IO(DISRUPTOR_IOC_TYPE, nr),
					     &args));
		/* The right number with a direction and a size, or in upper bits. */
		for (nr = 0; nr < 11; nr++) {
			unsigned long cmd = _IO(DISRUPTOR_IOC_TYPE, nr);

			EXPECT_EQ(-ENOTTY, ring_ioctl(fds[i], cmd | 2UL << 30,
						      &args));
			EXPECT_EQ(-ENOTTY, ring_ioctl(fds[i], cmd | 64UL << 16,
						      &args));
			EXPECT_EQ(-ENOTTY, ring_ioctl(fds[i], cmd ^ 0x100,
						      &args));
		}
	}
	EXPECT_TRUE(snapshot_holds(&self->before, self->ring));
}

TEST_F(abi, fds_cannot_be_read_written_or_reopened)
{
	const int fds[] = { self->ring, self->producer, self->consumer };
	char path[64], byte = 0;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		EXPECT_EQ(-1, read(fds[i], &byte, 1));
		EXPECT_EQ(-1, write(fds[i], &byte, 1));
		EXPECT_EQ(-1, ftruncate(fds[i], 0));
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[i]);
		EXPECT_EQ(-1, open(path, O_RDWR | O_CLOEXEC));
		EXPECT_EQ(-1, open(path, O_RDONLY | O_CLOEXEC));
	}
	EXPECT_TRUE(snapshot_holds(&self->before, self->ring));
}

/* ATTACH of b but for one thing. */
#define ATTACH_REFUSED(err, change) do {				\
	struct disruptor_attach_args args = attach_args("b");		\
									\
	change;								\
	REFUSED_AS(#change, err, self->ring, DISRUPTOR_IOC_ATTACH, &args);	\
} while (0)

TEST_F(abi, attach_refuses_unknown_roles_flags_and_bad_names)
{
	ATTACH_REFUSED(EINVAL, args.role = DISRUPTOR_ROLE_NONE);
	ATTACH_REFUSED(EINVAL, args.role = 3);
	ATTACH_REFUSED(EINVAL, args.role = ~0U);
	ATTACH_REFUSED(EINVAL, args.flags = 1);
	ATTACH_REFUSED(EINVAL, args.flags = 1U << 31);
	ATTACH_REFUSED(EINVAL, args.reserved = 1);
	ATTACH_REFUSED(EINVAL, args.name[0] = '\0');
	ATTACH_REFUSED(EINVAL, strcpy(args.name, "b "));
	ATTACH_REFUSED(EINVAL, strcpy(args.name, "/b"));
	ATTACH_REFUSED(EINVAL, strcpy(args.name, "b\x7f"));
	ATTACH_REFUSED(EINVAL, memset(args.name, 'b', sizeof(args.name)));
	/* A producer has no name. */
	ATTACH_REFUSED(EINVAL, args.role = DISRUPTOR_ROLE_PRODUCER);
	ATTACH_REFUSED(EINVAL, {
		args = attach_args("a");
		args.role = DISRUPTOR_ROLE_PRODUCER;
	});
}

TEST_F(abi, attach_refuses_a_name_that_the_graph_does_not_have)
{
	ATTACH_REFUSED(ENOENT, strcpy(args.name, "B"));
	ATTACH_REFUSED(ENOENT, strcpy(args.name, "bb"));
	ATTACH_REFUSED(ENOENT, memset(args.name, 'b', sizeof(args.name) - 1));
}

TEST_F(abi, attach_refuses_a_role_that_is_held)
{
	ATTACH_REFUSED(EBUSY, strcpy(args.name, "a"));
	ATTACH_REFUSED(EBUSY, args = attach_args(NULL));
}

TEST_F(abi, attach_refuses_what_the_ring_fd_has_no_access_for)
{
	struct disruptor_attach_args b = attach_args("b");
	struct disruptor_attach_args missing = attach_args("missing");
	struct disruptor_attach_args producer = attach_args(NULL);
	int reader = ring_open(RING_NAME, DISRUPTOR_ACCESS_READ);
	int writer = ring_open(RING_NAME, DISRUPTOR_ACCESS_WRITE);
	int fd;

	ASSERT_LE(0, reader);
	ASSERT_LE(0, writer);
	snapshot_take(&self->before, self->ring);
	REFUSED(EACCES, reader, DISRUPTOR_IOC_ATTACH, &producer);
	REFUSED(EACCES, writer, DISRUPTOR_IOC_ATTACH, &b);
	/* Nor does it tell which names there are. */
	REFUSED(EACCES, writer, DISRUPTOR_IOC_ATTACH, &missing);

	fd = attach_consumer(reader, "b", NULL);
	EXPECT_LE(0, fd);
	close(fd);
	ASSERT_EQ(0, detach(self->producer, 0));
	fd = attach_producer(writer, NULL);
	EXPECT_LE(0, fd);
	close(fd);
}

TEST_F(abi, attach_writes_its_answers_and_nothing_else)
{
	struct disruptor_attach_args args = attach_args("b");
	struct disruptor_attach_args expected = args;
	int fd = ring_ioctl(self->ring, DISRUPTOR_IOC_ATTACH, &args);

	expected.index = 1;
	expected.sequence = 0;
	expected.worker = 0;
	EXPECT_LE(0, fd);
	EXPECT_EQ(0, memcmp(&expected, &args, sizeof(args)));
	close(fd);

	ASSERT_EQ(0, detach(self->producer, 0));
	args = attach_args(NULL);
	expected = args;
	expected.index = 0;
	expected.sequence = 0;
	expected.worker = 0;
	fd = ring_ioctl(self->ring, DISRUPTOR_IOC_ATTACH, &args);
	EXPECT_LE(0, fd);
	EXPECT_EQ(0, memcmp(&expected, &args, sizeof(args)));
	close(fd);
}

TEST_F(abi, detach_refuses_unknown_flags_and_an_end_by_a_consumer)
{
	struct disruptor_detach_args args = { .size = sizeof(args) };

	args.flags = 1U << 1;
	REFUSED(EINVAL, self->producer, DISRUPTOR_IOC_DETACH, &args);
	args.flags = DISRUPTOR_DETACH_END | 1U << 31;
	REFUSED(EINVAL, self->producer, DISRUPTOR_IOC_DETACH, &args);
	args.flags = DISRUPTOR_DETACH_END;
	REFUSED(EINVAL, self->consumer, DISRUPTOR_IOC_DETACH, &args);
}

/* EVICT of a but for one thing. */
#define EVICT_REFUSED(err, change) do {					\
	struct disruptor_evict_args args = self->calls[7].args.evict;	\
									\
	change;								\
	REFUSED_AS(#change, err, self->ring, DISRUPTOR_IOC_EVICT, &args);	\
} while (0)

TEST_F(abi, evict_refuses_unknown_roles_flags_producers_and_bad_names)
{
	EVICT_REFUSED(EINVAL, args.role = DISRUPTOR_ROLE_NONE);
	EVICT_REFUSED(EINVAL, args.role = 3);
	EVICT_REFUSED(EINVAL, args.flags = 1U << 1);
	EVICT_REFUSED(EINVAL, args.flags = 1U << 31);
	EVICT_REFUSED(EINVAL, args.index = 1);
	EVICT_REFUSED(EINVAL, args.name[0] = '\0');
	EVICT_REFUSED(EINVAL, strcpy(args.name, "a b"));
	EVICT_REFUSED(EINVAL, memset(args.name, 'a', sizeof(args.name)));
	/* The producer has no name, and cannot be ungated. */
	EVICT_REFUSED(EINVAL, args.role = DISRUPTOR_ROLE_PRODUCER);
	EVICT_REFUSED(EINVAL, {
		args.role = DISRUPTOR_ROLE_PRODUCER;
		args.name[0] = '\0';
		args.flags = DISRUPTOR_EVICT_UNGATE;
	});
}

TEST_F(abi, evict_refuses_missing_names_and_roles_that_nobody_holds)
{
	EVICT_REFUSED(ENOENT, strcpy(args.name, "A"));
	EVICT_REFUSED(ESRCH, strcpy(args.name, "b"));
	EVICT_REFUSED(ESRCH, strcpy(args.name, "c"));
	/* Nobody holds it, and nobody waits for it either. */
	EVICT_REFUSED(ESRCH, {
		strcpy(args.name, "c");
		args.flags = DISRUPTOR_EVICT_UNGATE;
	});
	ASSERT_EQ(0, detach(self->producer, 0));
	snapshot_take(&self->before, self->ring);
	EVICT_REFUSED(ESRCH, {
		args.role = DISRUPTOR_ROLE_PRODUCER;
		args.name[0] = '\0';
	});
}

TEST_F(abi, unlink_refuses_reserved_fields_and_bad_names)
{
	const struct disruptor_unlink_args good = {
		.size = sizeof(good), .name = RING_NAME,
	};
	struct disruptor_unlink_args args = good;

	args.reserved = 1;
	REFUSED(EINVAL, device_fd(), DISRUPTOR_IOC_UNLINK, &args);
	args = good;
	args.name[0] = '\0';
	REFUSED(EINVAL, device_fd(), DISRUPTOR_IOC_UNLINK, &args);
	args.reserved = 1;
	REFUSED(EINVAL, self->ring, DISRUPTOR_IOC_UNLINK, &args);
	args = good;
	args.name[1] = '/';
	REFUSED(EINVAL, device_fd(), DISRUPTOR_IOC_UNLINK, &args);
	memset(args.name, 'x', sizeof(args.name));
	REFUSED(EINVAL, device_fd(), DISRUPTOR_IOC_UNLINK, &args);
	args = good;
	args.name[0] = 'A';
	REFUSED(ENOENT, device_fd(), DISRUPTOR_IOC_UNLINK, &args);
	/* On a ring fd it is that ring that is meant. */
	args = good;
	REFUSED(EINVAL, self->ring, DISRUPTOR_IOC_UNLINK, &args);
}

TEST_F(abi, unlink_of_a_ring_without_name_is_refused)
{
	struct disruptor_unlink_args args = { .size = sizeof(args) };
	int ring = ring_create(.graph = "a");

	ASSERT_LE(0, ring);
	EXPECT_EQ(-ENOENT, ring_ioctl(ring, DISRUPTOR_IOC_UNLINK, &args));
	close(ring);
}

TEST_HARNESS_MAIN
