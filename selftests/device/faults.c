// SPDX-License-Identifier: GPL-2.0-only
/* rig: kernel=debug,coverage */
/*
 * Memory that is not there, and user memory that cannot be reached: each call is
 * made again and again, with its first, second, third... chance to fail failing,
 * until it has none left.  Whatever happens inside, it answers with one of its
 * errors and has changed nothing, or it succeeds all the same.
 *
 * The kernel's fault injection does it, /proc/thread-self/fail-nth; the kernel's
 * stack is recorded at each, and the last test says where in the module they were:
 * rig/fault-sites wants all of them.
 */
#include "uring.h"
#include "snapshot.h"
#include "module.h"

#include "kselftest_harness.h"

#define FAIL_NTH	"/proc/thread-self/fail-nth"
#define DEBUGFS		"/sys/kernel/debug"
#define TRACING		"/sys/kernel/tracing"
#define TRACE		TRACING "/instances/faults-test"
#define MOST_FAULTS	3000	/* in one call */
#define MOST_SITES	200
#define MANY		1000000
#define FEW		20
#define STACK_BYTES	(1 << 20)	/* more than a test uses */
#define FAR_AWAY	((void *)(1UL << 40))
#define NAME		"faults-test"

/* ---- faults ------------------------------------------------------------------ */

static int fail_nth = -1;

/* Before there are faults: where it cannot grow is a SIGSEGV, and not the module's. */
static __attribute__((noinline)) void grow_stack(void)
{
	volatile char stack[STACK_BYTES];
	size_t at;

	for (at = 0; at < sizeof(stack); at += 1024)
		stack[at] = 0;
}

/* Have the kernel's stack recorded where a chance to fail is taken. */
static bool record_faults(void)
{
	return !access(TRACE, F_OK) ||
	       (!write_text(TRACING "/kprobe_events",
			    "r:faults/taken should_fail_ex taken=$retval:u8") &&
		!mkdir(TRACE, 0700) &&
		!write_text(TRACE "/events/faults/taken/trigger",
			    "stacktrace if taken == 1") &&
		!write_text(TRACE "/options/sym-offset", "1"));
}

static void clear_trace(void)
{
	close(open(TRACE "/trace", O_WRONLY | O_TRUNC | O_CLOEXEC));
}

static bool forget_faults(void)
{
	return !write_text(TRACE "/events/faults/taken/trigger", "!stacktrace") &&
	       !rmdir(TRACE) &&
	       !write_text(TRACING "/kprobe_events", "-:faults/taken");
}

/* Any allocation may fail, also one that could wait for memory. */
static bool may_inject(void)
{
	grow_stack();
	fail_nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	return fail_nth >= 0 && record_faults() &&
	       !write_text(DEBUGFS "/failslab/verbose", "0") &&
	       !write_text(DEBUGFS "/fail_page_alloc/verbose", "0") &&
	       !write_text(DEBUGFS "/fail_usercopy/verbose", "0") &&
	       !write_text(DEBUGFS "/failslab/ignore-gfp-wait", "N") &&
	       !write_text(DEBUGFS "/fail_page_alloc/ignore-gfp-wait", "N") &&
	       !write_text(DEBUGFS "/fail_page_alloc/ignore-gfp-highmem", "N") &&
	       !write_text(DEBUGFS "/fail_page_alloc/min-order", "0");
}

/* This thread's @nth chance from now on fails. */
static void fault_arm(unsigned int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth);

	if (pwrite(fail_nth, text, len, 0) != len)
		abort();
}

/* Whether it was met.  To ask for it is itself a chance, and may be the one. */
static bool fault_was_met(void)
{
	char text[16] = "";

	if (pread(fail_nth, text, sizeof(text) - 1, 0) <= 0)
		return false;
	if (!atoi(text))
		return true;
	/* Writing takes a copy from user space. */
	while (pwrite(fail_nth, "0", 1, 0) != 1)
		;
	return false;
}

/* ---- what is called --------------------------------------------------------- */

/*
 * What the calls are made on; each test has its own.  The second ring is of several
 * producers, the third has a worker group.
 */
static struct role producer, consumer;
static int ring, many, group, other, role;
static int epoll;
static struct uring uring;
static char *map;

/**
 * struct call - a call that is to survive
 * @name: of it
 * @prepare: what must be done before it, each time, without faults
 * @make: it; 0 or more, or -errno
 * @undo: after it succeeded, with what it answered, without faults
 * @settle: after it failed, with what it answered: undo @prepare
 * @errors: those it may answer
 * @watch: the ring whose state it must leave alone when it fails
 * @joins: but for its epoch, for it may have had to take a join back
 */
struct call {
	const char *name;
	void (*prepare)(void);
	int (*make)(void);
	void (*undo)(int answer);
	void (*settle)(int answer);
	int errors[4];
	int *watch;
	bool joins;
};

static bool is_unchanged(const struct call *call, struct snapshot *before)
{
	struct full_stats now;

	if (call->joins && !stats_of(*call->watch, &now))
		before->stats.stats.epoch = now.stats.epoch;
	return snapshot_holds(before, *call->watch);
}

static bool may_answer(const struct call *call, int answer)
{
	unsigned int i;

	for (i = 0; i < 4; i++) {
		if (call->errors[i] && answer == -call->errors[i])
			return true;
	}
	return answer >= 0;
}

/**
 * struct tally - what came of the faults in one call
 * @refused: it answered an error
 * @absorbed: it succeeded all the same
 */
struct tally {
	unsigned int refused;
	unsigned int absorbed;
};

/* One round; whether there was a chance left to fail. */
static bool inject_one(struct __test_metadata *_metadata,
		       const struct call *call, unsigned int nth,
		       struct tally *tally)
{
	static struct snapshot before;
	bool met;
	int answer;

	if (call->prepare)
		call->prepare();
	if (call->watch)
		snapshot_take(&before, *call->watch);
	fault_arm(nth);
	answer = call->make();
	met = fault_was_met();
	ASSERT_TRUE(met || answer >= 0)
		TH_LOG("%s: %d without a fault", call->name, answer);
	EXPECT_TRUE(may_answer(call, answer))
		TH_LOG("%s, fault %u: answers %d", call->name, nth, answer);
	if (answer < 0 && call->watch)
		EXPECT_TRUE(is_unchanged(call, &before))
			TH_LOG("%s, fault %u: is changed", call->name, nth);
	tally->refused += met && answer < 0;
	tally->absorbed += met && answer >= 0;
	if (answer >= 0 && call->undo)
		call->undo(answer);
	else if (answer < 0 && call->settle)
		call->settle(answer);
	return met;
}

/* Without a fault: pages of this process's that it touches first have theirs here. */
static void rehearse(struct __test_metadata *_metadata, const struct call *call)
{
	int answer;

	if (call->prepare)
		call->prepare();
	answer = call->make();
	ASSERT_LE(0, answer) TH_LOG("%s: %d", call->name, answer);
	if (call->undo)
		call->undo(answer);
}

static void inject(struct __test_metadata *_metadata, const struct call *call)
{
	struct tally tally = {};
	unsigned int nth = 1;

	rehearse(_metadata, call);
	while (inject_one(_metadata, call, nth, &tally))
		ASSERT_GT(MOST_FAULTS, ++nth);
	printf("# faults: %s: %u survived, %u refused and %u absorbed\n",
	       call->name, nth - 1, tally.refused, tally.absorbed);
}

#define INJECT(...)	inject(_metadata, &(struct call){ __VA_ARGS__ })

static void close_answer(int answer)
{
	close(answer);
}

FIXTURE(faults) {
};

FIXTURE_SETUP(faults)
{
	if (access(FAIL_NTH, W_OK))
		SKIP(return, "this kernel injects no faults");
	ASSERT_TRUE(may_inject());
	ASSERT_LE(0, device_fd());
	ring_unlink(NAME);	/* of a test that was killed */
	ring = ring_create(.slots = 8, .graph = "a b? c:a,b d?:c", .name = NAME,
			   .mode = 0600);
	ASSERT_LE(0, ring);
	ASSERT_EQ(0, role_take(&producer, ring, NULL));
	ASSERT_EQ(0, role_take(&consumer, ring, "a"));
}

FIXTURE_TEARDOWN(faults)
{
	ring_unlink(NAME);
}

/* ---- rings ------------------------------------------------------------------- */

static int create_unnamed(void)
{
	return ring_create(.slots = 1024, .graph = "a b? c:a,b");
}

static int create_named(void)
{
	return ring_create(.slots = 8, .graph = "a", .name = NAME "-2",
			   .mode = 0600);
}

static void unlink_answer(int answer)
{
	ring_unlink(NAME "-2");
	close(answer);
}

static int create_for_several(void)
{
	struct disruptor_consumer_config c[DISRUPTOR_MAX_CONSUMERS];
	struct ring_spec spec = { .slots = 64, .graph = "a" };
	struct disruptor_create_args args = create_args(&spec, c);

	args.producers = 4;
	return ring_ioctl(device_fd(), DISRUPTOR_IOC_CREATE, &args);
}

/* Seats: of the producer, of two consumers, and then of the workers. */
#define FIRST_WORKER	3

/* With pages of a node, and those that say what a group's workers have done. */
static int create_placed(void)
{
	struct disruptor_consumer_config c[DISRUPTOR_MAX_CONSUMERS];
	struct ring_spec spec = {
		.slots = 64, .flags = DISRUPTOR_RING_NODE, .graph = "a*3 b:a",
	};
	struct disruptor_create_args args = create_args(&spec, c);

	args.node = 0;
	return ring_ioctl(device_fd(), DISRUPTOR_IOC_CREATE, &args);
}

/* All that the machine may have must be there again, to the page. */
static int create_the_last(void)
{
	return ring_create(.slots = 4096, .slot_size = 64, .graph = "a");
}

TEST_F(faults, create)
{
	INJECT("CREATE", .make = create_unnamed, .undo = close_answer,
	       .errors = { ENOMEM, EFAULT }, .watch = &ring);
	INJECT("CREATE with a name", .make = create_named,
	       .undo = unlink_answer, .errors = { ENOMEM, EFAULT },
	       .watch = &ring);
	INJECT("CREATE for several producers", .make = create_for_several,
	       .undo = close_answer, .errors = { ENOMEM, EFAULT },
	       .watch = &ring);
	INJECT("CREATE on a node, with a group", .make = create_placed,
	       .undo = close_answer, .errors = { ENOMEM, EFAULT },
	       .watch = &ring);
}

/* It brings the pseudo file system of all of them with it. */
TEST(create_the_first)
{
	if (access(FAIL_NTH, W_OK))
		SKIP(return, "this kernel injects no faults");
	ASSERT_TRUE(may_inject());
	ASSERT_LE(0, device_fd());
	INJECT("CREATE of the first ring", .make = create_unnamed,
	       .undo = close_answer, .errors = { ENOMEM, EFAULT });
}

#define MAX_BYTES	"/sys/module/disruptor/parameters/max_bytes"

TEST_F(faults, create_gives_back_what_it_was_charged)
{
	char before[32], text[32];
	struct full_stats full;
	int last = create_the_last();
	__u64 bytes;

	ASSERT_LE(0, last);
	ASSERT_LT(0, read_text(MAX_BYTES, before, sizeof(before)));
	ASSERT_EQ(0, stats_of(ring, &full));
	bytes = full.stats.memory_bytes;
	ASSERT_EQ(0, stats_of(last, &full));
	bytes += full.stats.memory_bytes;
	close(last);

	snprintf(text, sizeof(text), "%llu", (unsigned long long)bytes);
	ASSERT_EQ(0, write_text(MAX_BYTES, text));
	INJECT("CREATE within the limit", .make = create_the_last,
	       .undo = close_answer, .errors = { ENOMEM, EFAULT },
	       .watch = &ring);
	EXPECT_EQ(0, write_text(MAX_BYTES, before));
}

static int open_named(void)
{
	return ring_open(NAME, DISRUPTOR_ACCESS_READ | DISRUPTOR_ACCESS_WRITE);
}

static void take_a_name(void)
{
	close(create_named());
}

static int unlink_by_name(void)
{
	return ring_unlink(NAME "-2");
}

static void unlink_it(int answer)
{
	ring_unlink(NAME "-2");
}

static void name_the_other(void)
{
	other = create_named();
}

static int unlink_by_fd(void)
{
	struct disruptor_unlink_args args = { .size = sizeof(args) };

	return ring_ioctl(other, DISRUPTOR_IOC_UNLINK, &args);
}

static void close_other(int answer)
{
	ring_unlink(NAME "-2");
	close(other);
}

TEST_F(faults, open_and_unlink)
{
	INJECT("OPEN", .make = open_named, .undo = close_answer,
	       .errors = { ENOMEM, EFAULT }, .watch = &ring);
	INJECT("UNLINK by name", .prepare = take_a_name,
	       .make = unlink_by_name, .settle = unlink_it,
	       .errors = { EFAULT }, .watch = &ring);
	INJECT("UNLINK by fd", .prepare = name_the_other, .make = unlink_by_fd,
	       .undo = close_other, .settle = close_other,
	       .errors = { EFAULT }, .watch = &other);
}

/* ---- the table of fds ---------------------------------------------------------- */

/* How many it has room for. */
static unsigned int table_size(void)
{
	static char text[4096];
	const char *at;

	if (read_text("/proc/self/status", text, sizeof(text)) < 0)
		abort();
	at = strstr(text, "FDSize:");
	return at ? atoi(at + strlen("FDSize:")) : 0;
}

/* The next fd needs a larger one. */
static bool fill_table(void)
{
	int fd, last = table_size() - 1;

	do {
		fd = dup(ring);
	} while (fd >= 0 && fd < last);
	return fd == last;
}

/**
 * struct attempt - a call that is made once, with a fault
 * @make: it
 * @nth: which of its chances is to fail
 */
struct attempt {
	int (*make)(void);
	unsigned int nth;
};

enum { WRONG = 1, UNHARMED, REFUSED, ABSORBED };	/* how it went */

static int attempt_with_a_full_table(void *context)
{
	const struct attempt *attempt = context;
	bool met;
	int answer;

	CHILD_CHECK(may_inject());
	CHILD_CHECK(fill_table());
	fault_arm(attempt->nth);
	answer = attempt->make();
	met = fault_was_met();
	CHILD_CHECK(answer >= 0 || (met && (answer == -ENOMEM || answer == -EFAULT)));
	return !met ? UNHARMED : answer < 0 ? REFUSED : ABSORBED;
}

/* A child has a table of its own, as small as can be. */
static void inject_with_a_full_table(struct __test_metadata *_metadata,
				     const char *name, int (*make)(void))
{
	struct attempt attempt = { make };
	static struct snapshot before;
	unsigned int refused = 0;
	int how;

	snapshot_take(&before, ring);
	do {
		attempt.nth++;
		how = in_child(attempt_with_a_full_table, &attempt);
		ASSERT_TRUE(how >= UNHARMED && how <= ABSORBED)
			TH_LOG("%s, fault %u: %d", name, attempt.nth, how);
		refused += how == REFUSED;
		EXPECT_TRUE(how != REFUSED || snapshot_holds(&before, ring));
		snapshot_take(&before, ring);
	} while (how != UNHARMED);
	printf("# faults: %s with a full table of fds: %u survived, %u refused and %u absorbed\n",
	       name, attempt.nth - 1, refused, attempt.nth - 1 - refused);
}

static int attach_c(void);

TEST_F(faults, a_table_of_fds_that_cannot_grow)
{
	inject_with_a_full_table(_metadata, "CREATE", create_unnamed);
	inject_with_a_full_table(_metadata, "OPEN", open_named);
	inject_with_a_full_table(_metadata, "ATTACH", attach_c);
}

/* ---- roles ------------------------------------------------------------------- */

static int attach_c(void)
{
	return attach_consumer(ring, "c", NULL);
}

static int attach_d(void)
{
	return attach_consumer(ring, "d", NULL);
}

static int attach_one_of_many(void)
{
	return attach_producer(many, NULL);
}

static int attach_worker(void)
{
	return attach_consumer(group, "a", NULL);
}

TEST_F(faults, attach)
{
	many = create_for_several();
	ASSERT_LE(0, many);
	group = create_placed();
	ASSERT_LE(0, group);
	INJECT("ATTACH a required consumer", .make = attach_c,
	       .undo = close_answer, .errors = { ENOMEM, EFAULT },
	       .watch = &ring);
	INJECT("ATTACH an optional consumer", .make = attach_d,
	       .undo = close_answer, .errors = { ENOMEM, EFAULT },
	       .watch = &ring, .joins = true);
	INJECT("ATTACH one of several producers", .make = attach_one_of_many,
	       .undo = close_answer, .errors = { ENOMEM, EFAULT },
	       .watch = &many);
	INJECT("ATTACH a worker", .make = attach_worker, .undo = close_answer,
	       .errors = { ENOMEM, EFAULT }, .watch = &group);
}

/* The first worker's two pages; it claims the first event, if it is to. */
static int take_worker(bool claims)
{
	unsigned int seat = DISRUPTOR_SEAT_CONSUMER(0);
	struct disruptor_intent *intent;
	int fd = attach_worker();
	char *own;

	own = map_region(fd, DISRUPTOR_REGION_OWN, 2 * page_bytes(),
			 PROT_READ | PROT_WRITE);
	if (own == MAP_FAILED)
		abort();
	if (claims) {
		intent = (void *)counter_in(own + page_bytes(), FIRST_WORKER);
		__atomic_store_n(&intent->hi, 1, __ATOMIC_RELEASE);
		*(__u64 *)(own + DISRUPTOR_CLAIMED_OFFSET(seat)) = 1;
		munmap(own, 2 * page_bytes());
	}
	map = own;
	return fd;
}

static void make_adopter(void)
{
	role = take_worker(false);
}

static int adopt_an_event(void)
{
	struct disruptor_adopt_args args = { .size = sizeof(args), .most = 1 };

	return ring_ioctl(role, DISRUPTOR_IOC_ADOPT, &args);
}

/* What it has adopted is left by another dead worker then. */
static void drop_adopter(int answer)
{
	munmap(map, 2 * page_bytes());
	close(role);
}

TEST_F(faults, adopt)
{
	struct role writer;

	group = create_placed();
	ASSERT_LE(0, group);
	ASSERT_EQ(0, role_take(&writer, group, NULL));
	publish(&writer, 1);
	close(take_worker(true));
	INJECT("ADOPT", .prepare = make_adopter, .make = adopt_an_event,
	       .undo = drop_adopter, .settle = drop_adopter,
	       .errors = { EFAULT }, .watch = &group);
}

static void make_other(void)
{
	other = ring_create(.graph = "a");
}

static int attach_first_producer(void)
{
	return attach_producer(other, NULL);
}

static void close_both(int answer)
{
	close(answer);
	close(other);
}

static void check_and_close(int answer)
{
	const struct disruptor_control *control = map_control(other);

	if (control->state)
		abort();
	munmap((void *)control, sizeof(*control));
	close(other);
}

/* A producer that never came does not end the stream. */
TEST_F(faults, attach_the_first_producer)
{
	INJECT("ATTACH the first producer", .prepare = make_other,
	       .make = attach_first_producer, .undo = close_both,
	       .settle = check_and_close, .errors = { ENOMEM, EFAULT },
	       .watch = &other);
}

static void take_c(void)
{
	role = attach_c();
}

static int detach_c(void)
{
	return detach(role, 0);
}

static int evict_c(void)
{
	return evict(ring, "c", 0);
}

static int close_c(void)
{
	return close(role);
}

static void close_role(int answer)
{
	close(role);
}

TEST_F(faults, detach_evict_and_close)
{
	INJECT("DETACH", .prepare = take_c, .make = detach_c,
	       .undo = close_role, .settle = close_role,
	       .errors = { EFAULT }, .watch = &ring);
	INJECT("EVICT", .prepare = take_c, .make = evict_c,
	       .undo = close_role, .settle = close_role,
	       .errors = { EFAULT }, .watch = &ring);
	INJECT("close", .prepare = take_c, .make = close_c);
}

/* ---- what can be seen ------------------------------------------------------------ */

static int get_info(void)
{
	struct full_info full;

	return info_of(ring, &full);
}

static int get_stats(void)
{
	struct full_stats full;

	return stats_of(consumer.fd, &full);
}

static int read_fdinfo(void)
{
	static char path[64], text[4096];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", consumer.fd);
	return read_text(path, text, sizeof(text));
}

static int read_link(void)
{
	static char path[64], text[256];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", consumer.fd);
	return readlink(path, text, sizeof(text)) < 0 ? -errno : 0;
}

static int open_device(void)
{
	int fd = open(DEVICE, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

TEST_F(faults, info_and_stats)
{
	INJECT("INFO", .make = get_info, .errors = { EFAULT }, .watch = &ring);
	INJECT("STATS", .make = get_stats, .errors = { EFAULT, ENOMEM },
	       .watch = &ring);
	INJECT("fdinfo", .make = read_fdinfo, .errors = { EFAULT, ENOMEM },
	       .watch = &ring);
	INJECT("readlink", .make = read_link, .errors = { EFAULT, ENOMEM },
	       .watch = &ring);
	INJECT("open", .make = open_device, .undo = close_answer,
	       .errors = { ENOMEM, EFAULT }, .watch = &ring);
}

static short ring_events(void)
{
	struct pollfd p = { .fd = ring, .events = POLLPRI };

	return poll(&p, 1, 0) < 0 ? -errno : p.revents;
}

static void change_membership(void)
{
	close(attach_c());
}

static int get_ring_stats(void)
{
	struct full_stats full;

	return stats_of(ring, &full);
}

static void check_still_new(int answer)
{
	if (!(ring_events() & POLLPRI))
		abort();
}

/* What was not told is still new. */
TEST_F(faults, stats_of_a_ring_keep_what_they_could_not_tell)
{
	INJECT("STATS of a ring fd", .prepare = change_membership,
	       .make = get_ring_stats, .settle = check_still_new,
	       .errors = { EFAULT, ENOMEM });
}

/* ---- the map ---------------------------------------------------------------------- */

static unsigned int region;
static int prot;
static size_t map_bytes;
static int map_fd;

static int map_it(void)
{
	map = map_region(map_fd, region, map_bytes, prot);
	return map == MAP_FAILED ? -errno : 0;
}

/* Where nothing else is, nor a page table. */
static void map_far_away(void)
{
	map = mmap(FAR_AWAY, map_bytes, prot, MAP_SHARED | MAP_FIXED, map_fd,
		   DISRUPTOR_REGION_OFFSET(region));
	if (map == MAP_FAILED)
		abort();
}

static void unmap_it(int answer)
{
	munmap(map, map_bytes);
}

static void map_now(void)
{
	if (map_it())
		abort();
}

/* Each page, its table and the tables above it. */
static int touch_it(void)
{
	size_t at;

	for (at = 0; at < map_bytes; at += page_bytes()) {
		if (prot & PROT_WRITE ? write_fault(map + at, 1) :
					read_fault(map + at))
			return -EFAULT;
	}
	return 0;
}

/* The second half goes; what is left is split off, and may find no memory. */
static int unmap_half(void)
{
	return munmap(map + map_bytes / 2, map_bytes / 2) ? -errno : 0;
}

static int protect_half(void)
{
	return mprotect(map, map_bytes / 2, PROT_NONE) ? -errno : 0;
}

static char *moved_from;

static int move_it(void)
{
	char *to = mremap(map, map_bytes, map_bytes, MREMAP_MAYMOVE |
			  MREMAP_FIXED, map + (1UL << 32));

	if (to == MAP_FAILED)
		return -errno;
	moved_from = map;
	map = to;
	return 0;
}

/*
 * The kernel moves the pages first and unmaps where they were then; without memory
 * for that, it succeeds all the same and leaves the old range mapped, empty.  It is
 * a map like any other, and this process's until it unmaps it.
 */
static void unmap_both(int answer)
{
	munmap(map, map_bytes);
	munmap(moved_from, map_bytes);
}

static void inject_into_maps(struct __test_metadata *_metadata)
{
	INJECT("mmap", .make = map_it, .undo = unmap_it,
	       .errors = { ENOMEM }, .watch = &ring);
	INJECT("a page fault", .prepare = map_far_away, .make = touch_it,
	       .undo = unmap_it, .settle = unmap_it, .watch = &ring);
	INJECT("munmap", .prepare = map_now, .make = unmap_half,
	       .undo = unmap_it, .settle = unmap_it, .errors = { ENOMEM },
	       .watch = &ring);
	INJECT("mprotect", .prepare = map_now, .make = protect_half,
	       .undo = unmap_it, .settle = unmap_it, .errors = { ENOMEM },
	       .watch = &ring);
	INJECT("mremap", .prepare = map_now, .make = move_it,
	       .undo = unmap_both, .settle = unmap_it, .errors = { ENOMEM },
	       .watch = &ring);
}

TEST_F(faults, maps_that_are_read)
{
	map_fd = consumer.fd;
	region = DISRUPTOR_REGION_SEQUENCES;
	prot = PROT_READ;
	map_bytes = 4 * page_bytes();
	inject_into_maps(_metadata);
}

static int map_in_child(void *context)
{
	CHILD_CHECK(map_region(map_fd, region, map_bytes, prot) != MAP_FAILED);
	return 0;
}

/* And none is left that nobody has: another process may map the role. */
TEST_F(faults, maps_that_are_written)
{
	map_fd = producer.fd;
	region = DISRUPTOR_REGION_EVENTS;
	prot = PROT_READ | PROT_WRITE;
	map_bytes = 2 * page_bytes();
	inject_into_maps(_metadata);
	unmap_own(producer.counter);
	EXPECT_EQ(0, in_child(map_in_child, NULL));
}

/* ---- waiting ---------------------------------------------------------------------- */

static int wait_met(void)
{
	return wait_until(producer.fd, 1, FOREVER, NULL);
}

static int wait_a_little(void)
{
	int err = wait_until(consumer.fd, 1, in_ms(5), NULL);

	return err == -ETIMEDOUT ? 0 : err;
}

static int wait_in_vain(void)
{
	int err = look(consumer.fd, 1, NULL);

	return err == -ETIMEDOUT ? 0 : err;
}

static int poll_both(void)
{
	struct pollfd p[] = {
		{ .fd = ring, .events = POLLPRI },
		{ .fd = consumer.fd, .events = POLLIN },
		{ .fd = producer.fd, .events = POLLOUT },
	};

	return poll(p, 3, 0) < 0 ? -errno : 0;
}

/* More than poll(2) has room for on its stack. */
static int poll_many(void)
{
	struct pollfd p[200];
	unsigned int i;

	for (i = 0; i < 200; i++)
		p[i] = (struct pollfd){ .fd = consumer.fd, .events = POLLIN };
	return poll(p, 200, 0) < 0 ? -errno : 0;
}

TEST_F(faults, wait_and_poll)
{
	INJECT("WAIT that is met", .make = wait_met, .errors = { EFAULT });
	INJECT("WAIT that sleeps", .make = wait_a_little, .errors = { EFAULT });
	INJECT("WAIT that looks", .make = wait_in_vain, .errors = { EFAULT });
	INJECT("poll", .make = poll_both, .errors = { EFAULT, ENOMEM });
	INJECT("poll of many", .make = poll_many, .errors = { EFAULT, ENOMEM });
	EXPECT_EQ(NOBODY, told_wake_at(producer.control, consumer.seat));
}

static void make_epoll(void)
{
	epoll = epoll_create1(EPOLL_CLOEXEC);
}

static int add_to_epoll(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, consumer.fd, &event) ?
		-errno : 0;
}

static void make_full_epoll(void)
{
	make_epoll();
	add_to_epoll();
	publish(&producer, producer.next + 1);
}

static int wait_in_epoll(void)
{
	struct epoll_event event;

	return epoll_wait(epoll, &event, 1, 0) < 0 ? -errno : 0;
}

static void close_epoll(int answer)
{
	publish(&consumer, producer.next);
	close(epoll);
}

TEST_F(faults, epoll)
{
	INJECT("EPOLL_CTL_ADD", .prepare = make_epoll, .make = add_to_epoll,
	       .undo = close_epoll, .settle = close_epoll,
	       .errors = { ENOMEM, EFAULT });
	INJECT("epoll_wait", .prepare = make_full_epoll, .make = wait_in_epoll,
	       .undo = close_epoll, .settle = close_epoll,
	       .errors = { ENOMEM, EFAULT });
}

/* ---- io_uring ------------------------------------------------------------------------ */

static void make_uring(void)
{
	if (uring_open(&uring))
		abort();
}

static void close_uring(int answer)
{
	munmap(uring.ring, uring.params.cq_off.cqes +
	       uring.params.cq_entries * sizeof(struct io_uring_cqe));
	munmap(uring.sqes, ENTRIES * sizeof(*uring.sqes));
	close(uring.fd);
}

/* What io_uring took completes, or fails with memory's error. */
static int completes(int taken)
{
	int result;

	if (taken != 1)
		return taken < 0 ? taken : -EAGAIN;
	result = result_of(&uring, 7);
	return result == NOTHING ? -EDOM : result;
}

static int uring_wait_met(void)
{
	return completes(submit_wait(&uring, producer.fd, 1, FOREVER, 7));
}

/* By a worker. */
static int uring_wait_sleeps(void)
{
	int err = completes(submit_wait(&uring, consumer.fd, 1, in_ms(20), 7));

	return err == -ETIMEDOUT ? 0 : err;
}

static int uring_poll(void)
{
	int taken = submit_poll(&uring, producer.fd, POLLOUT, 7);

	return completes(taken);
}

TEST_F(faults, io_uring)
{
	INJECT("WAIT by io_uring that is met", .prepare = make_uring,
	       .make = uring_wait_met, .undo = close_uring,
	       .settle = close_uring, .errors = { ENOMEM, EAGAIN, EFAULT });
	INJECT("WAIT by io_uring that sleeps", .prepare = make_uring,
	       .make = uring_wait_sleeps, .undo = close_uring,
	       .settle = close_uring,
	       .errors = { ENOMEM, EAGAIN, EFAULT, ECANCELED });
	INJECT("poll by io_uring", .prepare = make_uring, .make = uring_poll,
	       .undo = close_uring, .settle = close_uring,
	       .errors = { ENOMEM, EAGAIN, EFAULT });
	EXPECT_EQ(NOBODY, told_wake_at(producer.control, 0));
}

/* ---- where it failed ------------------------------------------------------------------ */

/**
 * struct site - a call of the module's
 * @callee: what it calls
 * @at: where it returns to, FUNCTION+OFFSET/SIZE, or an address when the module has
 *	been unloaded since
 * @faults: how many were taken in it
 */
struct site {
	char callee[96];
	char at[96];
	unsigned int faults;
};

static struct site sites[MOST_SITES];
static unsigned int nr_sites, nr_elsewhere;

static void count_fault(const struct site *found)
{
	struct site *site;

	for (site = sites; site < sites + nr_sites; site++) {
		if (!strcmp(site->at, found->at) &&
		    !strcmp(site->callee, found->callee))
			break;
	}
	if (site == sites + MOST_SITES)
		abort();
	if (site == sites + nr_sites)
		sites[nr_sites++] = *found;
	site->faults++;
}

/* A frame of the module's; what an address is that no symbol is known for. */
static bool is_ours(const char *line)
{
	return strstr(line, " [disruptor]") || strstr(line, "=> 0x");
}

/* By the innermost frame of each stack that is ours; lines are " => FRAME". */
static void read_sites(void)
{
	FILE *trace = fopen(TRACE "/trace", "r");
	struct site site = {};
	bool found = true;
	char line[256];

	if (!trace)
		abort();
	while (fgets(line, sizeof(line), trace)) {
		if (strstr(line, "<stack trace>")) {
			nr_elsewhere += !found;
			found = false;
		}
		if (found || sscanf(line, " => %95s", site.at) != 1)
			continue;
		found = is_ours(line);
		if (found) {
			count_fault(&site);
		} else {
			strcpy(site.callee, site.at);
			site.callee[strcspn(site.callee, "+")] = '\0';
		}
	}
	nr_elsewhere += !found;
	fclose(trace);
}

static void report_sites(const char *what)
{
	unsigned int i, faults = 0;

	for (i = 0; i < nr_sites; i++) {
		printf("# faults: site %s %s %s %u\n", what, sites[i].at,
		       sites[i].callee, sites[i].faults);
		faults += sites[i].faults;
	}
	printf("# faults: %s: %u in the module's calls, and %u elsewhere\n",
	       what, faults, nr_elsewhere);
	nr_sites = 0;
	nr_elsewhere = 0;
}

/* ---- the module itself ---------------------------------------------------------------- */

static int module_file;

static int load_module(void)
{
	return load_from(module_file);
}

static void unload_module(int answer)
{
	/* Files are put away a little after their last close. */
	if (!BECOMES_TRUE(!unload(), LONG_MS))
		abort();
}

/* How often something may fail while it loads; a few more. */
static unsigned int chances_of_loading(void)
{
	char text[16] = "";

	fault_arm(MANY);
	if (load_module() ||
	    pread(fail_nth, text, sizeof(text) - 1, 0) <= 0 ||
	    pwrite(fail_nth, "0", 1, 0) != 1)
		abort();
	unload_module(0);
	return MANY - atoi(text);
}

static bool was_in_init(void)
{
	FILE *trace = fopen(TRACE "/trace", "r");
	bool found = false;
	char line[256];

	if (!trace)
		abort();
	while (!found && fgets(line, sizeof(line), trace))
		found = strstr(line, "=> do_one_initcall");
	fclose(trace);
	return found;
}

/*
 * From the last chance back to the first that is the module's own, and a few more, for
 * some between are others'.  Of those long before it the kernel warns.
 */
static void inject_into_loading(struct __test_metadata *_metadata)
{
	static const struct call call = {
		.name = "loading the module", .make = load_module,
		.undo = unload_module, .errors = { ENOMEM, EFAULT },
	};
	unsigned int nth = chances_of_loading(), inside = 0, outside = 0;
	struct tally tally = {};

	while (--nth && (!inside || outside < FEW)) {
		clear_trace();
		inject_one(_metadata, &call, nth, &tally);
		read_sites();
		outside = was_in_init() ? 0 : outside + 1;
		inside += !outside;
	}
	printf("# faults: %s: %u survived\n", call.name, inside);
}

/* The last: fixtures' tests run in the order in which they stand. */
FIXTURE(all) {
};

FIXTURE_SETUP(all)
{
}

FIXTURE_TEARDOWN(all)
{
}

TEST_F_TIMEOUT(all, sites, 300)
{
	struct stat device;

	if (access(FAIL_NTH, W_OK))
		SKIP(return, "this kernel injects no faults");
	ASSERT_TRUE(may_inject());
	read_sites();
	EXPECT_LT(0, nr_sites);
	report_sites("running");

	module_file = open_module_file();
	ASSERT_LE(0, module_file);
	ASSERT_EQ(0, stat(DEVICE, &device));
	unload_module(0);
	inject_into_loading(_metadata);
	report_sites("loading");
	ASSERT_EQ(0, load());
	ASSERT_TRUE(BECOMES_TRUE(!access(DEVICE, F_OK), LONG_MS));
	EXPECT_EQ(0, chmod(DEVICE, device.st_mode & 07777));
	EXPECT_TRUE(forget_faults());
}

TEST_HARNESS_MAIN
