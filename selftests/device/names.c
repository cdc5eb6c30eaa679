// SPDX-License-Identifier: GPL-2.0-only
/* rig: user=root bits=32,64 */
/*
 * Named rings: who may open, unlink and evict; what a name outlives; and that
 * it belongs to a network namespace.
 */
#include "ring.h"	/* first: it asks libc for all it has */

#include <sched.h>

#include "kselftest_harness.h"

#define NAME		"names-test"
#define OTHER_UID	1001
#define READ		DISRUPTOR_ACCESS_READ
#define WRITE		DISRUPTOR_ACCESS_WRITE
#define REFCOUNT	"/sys/module/disruptor/refcnt"

FIXTURE(names) {
	int device;	/* opened by root, for whoever the children become */
};

FIXTURE_SETUP(names)
{
	ASSERT_EQ(0, geteuid());
	self->device = device_fd();
	ASSERT_LE(0, self->device);
	ring_unlink(NAME);	/* of a run that was killed */
	umask(0);
}

FIXTURE_TEARDOWN(names)
{
	ring_unlink(NAME);
}

/**
 * struct try - an OPEN by somebody
 * @mode: of the ring, which OTHER_UID owns and group 50 has
 * @uid: who opens
 * @group: a supplementary group, or 0
 * @access: what for
 * @result: 0 or a negative errno
 */
struct try {
	__u32 mode;
	uid_t uid;
	gid_t group;
	__u32 access;
	int result;
};

static int create_owned(void *context)
{
	const struct try *try = context;

	CHILD_CHECK(!setgroups(0, NULL));
	CHILD_CHECK(!setresgid(50, 50, 50));
	CHILD_CHECK(!setresuid(OTHER_UID, OTHER_UID, OTHER_UID));
	CHILD_CHECK(ring_create(.name = NAME, .mode = try->mode,
				.graph = "a") >= 0);
	return 0;
}

static int open_as(void *context)
{
	const struct try *try = context;
	int fd;

	CHILD_CHECK(!setgroups(try->group ? 1 : 0, &try->group));
	CHILD_CHECK(!setresgid(try->uid, try->uid, try->uid));
	CHILD_CHECK(!setresuid(try->uid, try->uid, try->uid));
	fd = ring_open(NAME, try->access);
	if (fd > 0)
		fd = 0;
	CHILD_CHECK(fd == try->result);
	return 0;
}

TEST_F(names, open_asks_the_mode_as_a_file_does)
{
	const struct try tries[] = {
		/* the owner */
		{ 0600, OTHER_UID, 0, READ | WRITE, 0 },
		{ 0400, OTHER_UID, 0, READ, 0 },
		{ 0400, OTHER_UID, 0, WRITE, -EACCES },
		{ 0400, OTHER_UID, 0, READ | WRITE, -EACCES },
		{ 0200, OTHER_UID, 0, WRITE, 0 },
		{ 0200, OTHER_UID, 0, READ, -EACCES },
		/* is the owner even where others may more, and so is the group */
		{ 0066, OTHER_UID, 0, READ, -EACCES },
		{ 0066, OTHER_UID, 50, WRITE, -EACCES },
		{ 0606, PLAIN_UID, 50, READ, -EACCES },
		/* the group */
		{ 0660, PLAIN_UID, 50, READ | WRITE, 0 },
		{ 0640, PLAIN_UID, 50, READ, 0 },
		{ 0640, PLAIN_UID, 50, WRITE, -EACCES },
		{ 0620, PLAIN_UID, 50, WRITE, 0 },
		{ 0660, PLAIN_UID, 51, READ, -EACCES },
		/* others */
		{ 0660, PLAIN_UID, 0, READ, -EACCES },
		{ 0606, PLAIN_UID, 0, READ | WRITE, 0 },
		{ 0604, PLAIN_UID, 0, READ, 0 },
		{ 0604, PLAIN_UID, 0, WRITE, -EACCES },
		{ 0604, PLAIN_UID, 0, READ | WRITE, -EACCES },
		{ 0602, PLAIN_UID, 0, WRITE, 0 },
		{ 0602, PLAIN_UID, 0, READ, -EACCES },
		{ 0111, PLAIN_UID, 0, READ, -EACCES },
		/* root */
		{ 0000, 0, 0, READ | WRITE, 0 },
		{ 0000, OTHER_UID, 0, READ, -EACCES },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tries); i++) {
		struct try try = tries[i];

		ASSERT_EQ(0, in_child(create_owned, &try));
		EXPECT_EQ(0, in_child(open_as, &try)) {
			TH_LOG("mode %o, uid %u, group %u, access %u",
			       try.mode, try.uid, try.group, try.access);
		}
		ASSERT_EQ(0, ring_unlink(NAME));
	}
}

static int use_read_access(void *context)
{
	int ring = ring_open(NAME, READ);

	CHILD_CHECK(ring >= 0);
	CHILD_CHECK(attach_consumer(ring, "a", NULL) >= 0);
	CHILD_CHECK(attach_producer(ring, NULL) == -EACCES);
	CHILD_CHECK(map_control(ring));
	return 0;
}

static int use_write_access(void *context)
{
	int ring = ring_open(NAME, WRITE);

	CHILD_CHECK(ring >= 0);
	CHILD_CHECK(attach_consumer(ring, "a", NULL) == -EACCES);
	CHILD_CHECK(attach_producer(ring, NULL) >= 0);
	CHILD_CHECK(!map_control(ring));
	return 0;
}

TEST_F(names, read_access_is_for_consumers_and_write_access_for_producers)
{
	ASSERT_LE(0, ring_create(.name = NAME, .mode = 0604, .graph = "a"));
	EXPECT_EQ(0, in_child_as(PLAIN_UID, use_read_access, NULL));
	ASSERT_EQ(0, ring_unlink(NAME));
	ASSERT_LE(0, ring_create(.name = NAME, .mode = 0602, .graph = "a"));
	EXPECT_EQ(0, in_child_as(PLAIN_UID, use_write_access, NULL));
}

static int is_not_the_owner(void *context)
{
	struct disruptor_unlink_args args = { .size = sizeof(args) };
	int ring = *(int *)context;

	CHILD_CHECK(ring_unlink(NAME) == -EPERM);
	CHILD_CHECK(ring_ioctl(ring, DISRUPTOR_IOC_UNLINK, &args) == -EPERM);
	CHILD_CHECK(evict(ring, "a", 0) == -EPERM);
	CHILD_CHECK(evict(ring, "a", DISRUPTOR_EVICT_UNGATE) == -EPERM);
	CHILD_CHECK(evict(ring, NULL, 0) == -EPERM);
	/* Not even which names there are. */
	CHILD_CHECK(evict(ring, "missing", 0) == -EPERM);
	/* What the fd gives, it gives to whoever has it. */
	CHILD_CHECK(attach_consumer(ring, "b", NULL) >= 0);
	return 0;
}

TEST_F(names, only_the_owner_may_unlink_and_evict)
{
	int ring = ring_create(.name = NAME, .mode = 0666, .graph = "a b");
	int a = attach_consumer(ring, "a", NULL);
	int producer = attach_producer(ring, NULL);
	struct full_stats full;

	ASSERT_LE(0, a);
	ASSERT_LE(0, producer);
	EXPECT_EQ(0, in_child_as(PLAIN_UID, is_not_the_owner, &ring));
	ASSERT_EQ(0, stats_of(ring, &full));
	EXPECT_EQ(0, full.seats[0].evictions + full.seats[1].evictions);
	EXPECT_EQ(0, ring_unlink(NAME));
}

static int owns_a_ring(void *context)
{
	int ring = ring_create(.name = NAME, .mode = 0600, .graph = "a b");
	int a = attach_consumer(ring, "a", NULL);

	CHILD_CHECK(a >= 0);
	CHILD_CHECK(evict(ring, "a", 0) == 0);
	CHILD_CHECK(ring_unlink(NAME) == 0);
	CHILD_CHECK(ring_create(.name = NAME, .mode = 0, .graph = "a") >= 0);
	return 0;
}

TEST_F(names, a_plain_user_owns_what_it_made_and_root_may_all)
{
	int ring;

	ASSERT_EQ(0, in_child_as(PLAIN_UID, owns_a_ring, NULL));
	ring = ring_open(NAME, READ | WRITE);
	ASSERT_LE(0, ring);
	ASSERT_LE(0, attach_consumer(ring, "a", NULL));
	EXPECT_EQ(0, evict(ring, "a", 0));
	EXPECT_EQ(0, ring_unlink(NAME));
}

TEST_F(names, a_named_ring_lives_without_any_fd)
{
	int ring = ring_create(.name = NAME, .mode = 0600, .graph = "a");
	int producer = attach_producer(ring, NULL);
	unsigned char *events = map_region(producer, DISRUPTOR_REGION_EVENTS,
					   page_bytes(), PROT_WRITE);
	__u64 *cursor = map_own(producer, 0);

	ASSERT_NE(MAP_FAILED, events);
	ASSERT_NE(NULL, cursor);
	memcpy(events, "here", 5);
	counter_set(cursor, 1);
	munmap(events, page_bytes());
	unmap_own(cursor);
	close(producer);
	close(ring);

	ring = ring_open(NAME, READ);
	ASSERT_LE(0, ring);
	EXPECT_EQ(1, counter_of(ring, 0));
	events = map_region(ring, DISRUPTOR_REGION_EVENTS, page_bytes(),
			    PROT_READ);
	ASSERT_NE(MAP_FAILED, events);
	EXPECT_STREQ("here", (char *)events);
	close(ring);
}

TEST_F(names, an_unlinked_ring_lives_on_and_its_name_is_free_at_once)
{
	struct disruptor_unlink_args args = { .size = sizeof(args) };
	int old = ring_create(.name = NAME, .mode = 0600, .graph = "old");
	struct full_info full;
	int new, fd;

	ASSERT_LE(0, old);
	ASSERT_EQ(0, ring_unlink(NAME));
	EXPECT_EQ(-ENOENT, ring_open(NAME, READ));
	EXPECT_EQ(-ENOENT, ring_unlink(NAME));
	EXPECT_EQ(-ENOENT, ring_ioctl(old, DISRUPTOR_IOC_UNLINK, &args));

	new = ring_create(.name = NAME, .mode = 0600, .graph = "new");
	ASSERT_LE(0, new);
	EXPECT_LE(0, attach_consumer(old, "old", NULL));
	EXPECT_EQ(-ENOENT, attach_consumer(old, "new", NULL));
	ASSERT_EQ(0, info_of(old, &full));
	EXPECT_STREQ(NAME, full.info.name);
	/* The old ring's fd does not unlink the new one. */
	EXPECT_EQ(-ENOENT, ring_ioctl(old, DISRUPTOR_IOC_UNLINK, &args));
	fd = ring_open(NAME, READ);
	ASSERT_LE(0, fd);
	EXPECT_LE(0, attach_consumer(fd, "new", NULL));
	EXPECT_EQ(0, ring_ioctl(new, DISRUPTOR_IOC_UNLINK, &args));
	EXPECT_EQ(-ENOENT, ring_open(NAME, READ));
}

#define RACES	100

/**
 * struct race - two who make a ring of one name, at the same time
 * @met: how often each was ready
 * @ring: what each got
 */
struct race {
	__u32 met[2];
	int ring[2];
};

static void meet(struct race *race, unsigned int who)
{
	__u32 turn = __atomic_add_fetch(&race->met[who], 1, __ATOMIC_SEQ_CST);

	while (__atomic_load_n(&race->met[!who], __ATOMIC_SEQ_CST) < turn)
		sched_yield();
}

/* Its pages take time: both have found the name to be free. */
static void make_one(struct race *race, unsigned int who)
{
	meet(race, who);
	race->ring[who] = ring_create(.name = NAME, .mode = 0600, .slots = 4096,
				      .slot_size = 64);
	close(race->ring[who]);
	meet(race, who);
}

static int make_many(void *context)
{
	unsigned int i;

	for (i = 0; i < RACES; i++)
		make_one(context, 1);
	return 0;
}

TEST_F(names, made_twice_at_once_is_made_once)
{
	struct race *race = mmap(NULL, sizeof(*race), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned int i, loser;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, race);
	pid = child_start(make_many, race);
	for (i = 0; i < RACES; i++) {
		make_one(race, 0);
		loser = race->ring[0] >= 0;
		EXPECT_EQ(-EEXIST, race->ring[loser]);
		EXPECT_LE(0, race->ring[!loser]);
		EXPECT_EQ(0, ring_unlink(NAME));
	}
	EXPECT_EQ(0, child_wait(pid));
	munmap(race, sizeof(*race));
}

struct elsewhere {
	int flags;
	int sock;
};

/* In a network namespace of its own: make a ring of the same name, hand it out. */
static int live_elsewhere(void *context)
{
	const struct elsewhere *there = context;
	int ring;

	CHILD_CHECK(!unshare(there->flags));
	CHILD_CHECK(ring_open(NAME, READ) == -ENOENT);
	CHILD_CHECK(ring_unlink(NAME) == -ENOENT);
	ring = ring_create(.name = NAME, .mode = 0600, .graph = "there");
	CHILD_CHECK(ring >= 0);
	CHILD_CHECK(ring_create(.name = NAME, .mode = 0600) == -EEXIST);
	CHILD_CHECK(ring_open(NAME, READ) >= 0);
	CHILD_CHECK(send_fd(there->sock, ring));
	CHILD_CHECK(await_byte(there->sock));
	return 0;
}

static long module_refcount(void)
{
	char text[32];

	return read_text(REFCOUNT, text, sizeof(text)) > 0 ? atol(text) : -1;
}

static void expect_scope(struct __test_metadata *_metadata, uid_t uid,
			 int flags)
{
	int here = ring_create(.name = NAME, .mode = 0666, .graph = "here");
	struct elsewhere there = { .flags = flags };
	struct full_info full;
	int sock[2], ring, again;
	long before;
	pid_t pid;

	ASSERT_LE(0, here);
	before = module_refcount();
	ASSERT_LT(0, before);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock));
	there.sock = sock[1];
	pid = child_start(run_as_user,
			  &(struct as_user){ uid, live_elsewhere, &there });
	close(sock[1]);
	ring = receive_fd(sock[0]);
	ASSERT_LE(0, ring);

	/* Here the name means the ring that was made here. */
	again = ring_open(NAME, READ);
	ASSERT_EQ(0, info_of(again, &full));
	EXPECT_STREQ("here", full.graph[0].name);
	close(again);
	ASSERT_EQ(0, info_of(ring, &full));
	EXPECT_STREQ("there", full.graph[0].name);
	EXPECT_EQ(uid, full.info.uid);

	ASSERT_TRUE(signal_byte(sock[0]));
	EXPECT_EQ(0, child_wait(pid));
	/* The namespace goes, and with it the name, but not the fd's ring. */
	EXPECT_TRUE(BECOMES_TRUE(module_refcount() == before + 1, 10000));
	EXPECT_EQ(0, info_of(ring, &full));
	EXPECT_LE(0, attach_consumer(ring, "there", NULL));
}

static int leave_a_name_behind(void *context)
{
	CHILD_CHECK(!unshare(CLONE_NEWNET));
	CHILD_CHECK(ring_create(.name = NAME, .mode = 0600) >= 0);
	return 0;
}

TEST_F(names, belong_to_a_network_namespace)
{
	expect_scope(_metadata, 0, CLONE_NEWNET);
}

TEST_F(names, belong_to_a_network_namespace_of_a_plain_user)
{
	expect_scope(_metadata, PLAIN_UID, CLONE_NEWUSER | CLONE_NEWNET);
}

TEST_F(names, go_with_their_network_namespace)
{
	long before = module_refcount();

	ASSERT_LT(0, before);
	ASSERT_EQ(0, in_child(leave_a_name_behind, NULL));
	EXPECT_TRUE(BECOMES_TRUE(module_refcount() == before, 10000));
	EXPECT_EQ(-ENOENT, ring_open(NAME, READ));
}

static int map_ids(uid_t uid)
{
	char text[64];

	snprintf(text, sizeof(text), "0 %u 1", uid);
	return write_text("/proc/self/setgroups", "deny") ?:
	       write_text("/proc/self/uid_map", text) ?:
	       write_text("/proc/self/gid_map", text);
}

/* Root of a user namespace, and nothing special for a ring from outside. */
static int is_root_only_inside(void *context)
{
	int ring = *(int *)context;
	struct full_info full;
	int own;

	CHILD_CHECK(!unshare(CLONE_NEWUSER));
	CHILD_CHECK(!map_ids(PLAIN_UID));
	CHILD_CHECK(geteuid() == 0);
	CHILD_CHECK(ring_open(NAME, READ) == -EACCES);
	CHILD_CHECK(ring_unlink(NAME) == -EPERM);
	CHILD_CHECK(evict(ring, "a", DISRUPTOR_EVICT_UNGATE) == -EPERM);
	/* Its owner has no number here, but one's own ring has. */
	CHILD_CHECK(!info_of(ring, &full));
	CHILD_CHECK(full.info.uid == 65534 && full.info.gid == 65534);
	own = ring_create(.name = NAME "-inside", .mode = 0);
	CHILD_CHECK(own >= 0);
	CHILD_CHECK(!info_of(own, &full));
	CHILD_CHECK(full.info.uid == 0 && full.info.gid == 0);
	CHILD_CHECK(ring_open(NAME "-inside", READ) >= 0);
	return 0;
}

static int owns_it_outside(void *context)
{
	CHILD_CHECK(ring_unlink(NAME "-inside") == 0);
	return 0;
}

TEST_F(names, root_of_a_user_namespace_is_nobody_to_a_ring_from_outside)
{
	int ring = ring_create(.name = NAME, .mode = 0600, .graph = "a");

	ASSERT_LE(0, ring);
	ring_unlink(NAME "-inside");
	EXPECT_EQ(0, in_child_as(PLAIN_UID, is_root_only_inside, &ring));
	/* What it made belongs to who it is outside. */
	EXPECT_EQ(0, in_child_as(PLAIN_UID, owns_it_outside, NULL));
}

TEST_HARNESS_MAIN
