// SPDX-License-Identifier: GPL-2.0-only
/* rig: user=root,plain timeout=200 */
/*
 * Worker groups, through the ABI: seats, pages, statistics, what becomes of a dead
 * worker's events, and what one that lies can do, which is nothing to those who have
 * no part in its group.
 */
#include "claimant.h"

#include <disruptor.h>

#include "kselftest_harness.h"

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#endif

#define SLOTS		16
#define GROUP		1	/* its seat; "after" is 2, its workers from 3 on */
#define FIRST		3

/* Move the counter over all that is done. */
static void move_counter(struct claimant *worker)
{
	__u32 mask = index_mask_of(worker->fd);
	__u64 from = __atomic_load_n(worker->counter, __ATOMIC_ACQUIRE), to;

	for (to = from; to < from + SLOTS &&
	     worker->laps[to & mask] == lap_of(worker->fd, to); to++)
		;
	__atomic_compare_exchange_n(worker->counter, &from, to, false,
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static void finish(struct claimant *worker, __u64 lo, __u64 hi)
{
	claimant_settle(worker, lo, hi);
	move_counter(worker);
	claimant_rest(worker);
}

static int adopt(int fd, __u64 most, struct disruptor_intent *claim)
{
	struct disruptor_adopt_args args = {
		.size = sizeof(args),
		.most = most,
		.lo = POISON64,
		.hi = POISON64,
	};
	int ret = ring_ioctl(fd, DISRUPTOR_IOC_ADOPT, &args);

	claim->lo = args.lo;
	claim->hi = args.hi;
	return ret;
}

#define EXPECT_ADOPTS(worker, most, from, to) do {			\
	struct disruptor_intent __claim;				\
									\
	EXPECT_EQ(0, adopt((worker)->fd, most, &__claim));		\
	EXPECT_EQ(from, __claim.lo);					\
	EXPECT_EQ(to, __claim.hi);					\
	EXPECT_EQ(from, (worker)->intent->lo);				\
	EXPECT_EQ(to, (worker)->intent->hi);				\
} while (0)

#define EXPECT_ADOPTS_NOTHING(err, worker) do {				\
	struct disruptor_intent __claim;				\
									\
	EXPECT_EQ(err, adopt((worker)->fd, 1, &__claim));			\
	EXPECT_EQ(POISON64, __claim.lo);				\
	EXPECT_EQ(POISON64, __claim.hi);				\
} while (0)

static int evict_worker(int ring, const char *name, __u32 index, __u32 flags)
{
	struct disruptor_evict_args args = {
		.size = sizeof(args),
		.role = DISRUPTOR_ROLE_CONSUMER,
		.flags = flags,
		.index = index,
	};

	strcpy(args.name, name);
	return ring_ioctl(ring, DISRUPTOR_IOC_EVICT, &args);
}

static __u64 adopted(int fd)
{
	struct full_stats full;

	return stats_of(fd, &full) ? POISON64 : full.stats.adopted;
}

/* ---- rings --------------------------------------------------------------------- */

static int create_with(__u32 workers, __u32 reserved)
{
	struct disruptor_consumer_config c[DISRUPTOR_MAX_CONSUMERS];
	const struct ring_spec spec = { .graph = "a b c d e" };
	struct disruptor_create_args args = create_args(&spec, c);
	unsigned int i;
	int fd;

	for (i = 0; i < 5; i++)
		c[i].workers = workers;
	c[4].reserved = reserved;
	fd = ring_ioctl(device_fd(), DISRUPTOR_IOC_CREATE, &args);
	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

TEST(a_graph_has_so_many_workers_and_no_more)
{
	int ring;

	EXPECT_EQ(0, create_with(0, 0));
	EXPECT_EQ(0, create_with(1, 0));
	EXPECT_EQ(0, create_with(51, 0));
	EXPECT_EQ(-EINVAL, create_with(52, 0));
	EXPECT_EQ(-EINVAL, create_with(65, 0));
	EXPECT_EQ(-EINVAL, create_with(1U << 31, 0));
	EXPECT_EQ(-EINVAL, create_with(~0U, 0));
	EXPECT_EQ(-EINVAL, create_with(2, 1));
	EXPECT_EQ(-EINVAL, ring_create(.graph = "g*65"));
	ring = ring_create(.graph = "g*64 h*64 i*64 j*64");
	EXPECT_LE(0, ring);
	close(ring);
	EXPECT_EQ(-EINVAL, ring_create(.graph = "g*64 h*64 i*64 j*64 k*2"));
}

TEST(they_cost_a_page_each_and_four_bytes_a_slot)
{
	int with = ring_create(.slots = 4096, .slot_size = 4, .graph = "g*7 h*2 i");
	int without = ring_create(.slots = 4096, .slot_size = 4, .graph = "g h i");
	struct full_stats one, other;

	ASSERT_EQ(0, stats_of(with, &one));
	ASSERT_EQ(0, stats_of(without, &other));
	EXPECT_EQ(13, one.stats.nr_seats);
	EXPECT_EQ(4, other.stats.nr_seats);
	EXPECT_EQ(9 * page_bytes() + 2 * 4096 * 4,
		  one.stats.memory_bytes - other.stats.memory_bytes);
	close(with);
	close(without);
}

TEST(as_many_attach_as_may_and_each_has_a_number)
{
	int ring = ring_create(.graph = "c g*64:c");
	struct disruptor_attach_args args;
	struct full_info full;
	int fds[64];
	__u32 i;

	for (i = 0; i < 64; i++) {
		args = attach_args("g");
		fds[i] = ring_ioctl(ring, DISRUPTOR_IOC_ATTACH, &args);
		ASSERT_LE(0, fds[i]);
		EXPECT_EQ(1, args.index);
		EXPECT_EQ(i, args.worker);
		EXPECT_EQ(0, args.sequence);
	}
	EXPECT_EQ(-EBUSY, attach_consumer(ring, "g", NULL));
	ASSERT_EQ(0, info_of(fds[17], &full));
	EXPECT_EQ(DISRUPTOR_ROLE_CONSUMER, full.info.role);
	EXPECT_EQ(1, full.info.index);
	EXPECT_EQ(17, full.info.worker);
	EXPECT_EQ(64, full.graph[1].workers);
	EXPECT_EQ(0, full.graph[0].workers);
	close(fds[17]);
	EXPECT_EQ(0, detach(fds[33], 0));
	EXPECT_EQ(-EINVAL, detach(fds[34], DISRUPTOR_DETACH_END));
	for (i = 0; i < 2; i++) {
		args = attach_args("g");
		ASSERT_LE(0, ring_ioctl(ring, DISRUPTOR_IOC_ATTACH, &args));
		EXPECT_EQ(i ? 33 : 17, args.worker);
	}
	EXPECT_EQ(-EBUSY, attach_consumer(ring, "g", NULL));
	/* A consumer has no number. */
	args = attach_args("c");
	ASSERT_LE(0, ring_ioctl(ring, DISRUPTOR_IOC_ATTACH, &args));
	EXPECT_EQ(0, args.worker);
}

/* ---- a group of three, two of them there ------------------------------------------ */

FIXTURE(group) {
	int ring;
	struct role producer;
	struct claimant a;
	struct claimant b;
	struct role after;
};

FIXTURE_VARIANT(group) {
	const char *graph;
};

FIXTURE_VARIANT_ADD(group, required) { "group*3 after:group" };
FIXTURE_VARIANT_ADD(group, that_modifies) { "group!*3 after:group" };

FIXTURE_SETUP(group)
{
	self->ring = ring_create(.slots = SLOTS, .slot_size = 4096,
				 .graph = variant->graph);
	ASSERT_LE(0, self->ring);
	ASSERT_EQ(0, role_take(&self->producer, self->ring, NULL));
	ASSERT_EQ(0, claimant_attach(&self->a, self->ring, "group"));
	ASSERT_EQ(0, claimant_attach(&self->b, self->ring, "group"));
	ASSERT_EQ(0, role_take(&self->after, self->ring, "after"));
}

FIXTURE_TEARDOWN(group)
{
	close(self->ring);
}

TEST_F(group, have_their_counters_in_common_and_each_an_intent)
{
	off_t second = DISRUPTOR_REGION_OFFSET(DISRUPTOR_REGION_OWN) + page_bytes();
	size_t page = page_bytes();
	void *at;

	counter_set(self->a.counter, 5);
	counter_set(self->a.claimed, 6);
	EXPECT_EQ(5, *self->b.counter);
	EXPECT_EQ(6, *self->b.claimed);
	EXPECT_EQ(5, counter_of(self->ring, GROUP));
	counter_set(self->a.counter, 0);
	counter_set(self->a.claimed, 0);
	self->a.intent->lo = 7;
	EXPECT_EQ(0, self->b.intent->lo);
	EXPECT_EQ(7, counter_of(self->ring, FIRST + self->a.index));
	self->a.intent->lo = 0;
	self->a.laps[3] = 77;
	EXPECT_EQ(77, self->b.laps[3]);
	self->a.laps[3] = 0;

	EXPECT_EQ(MAP_FAILED, map_region(self->a.fd, DISRUPTOR_REGION_OWN,
					 3 * page, PROT_READ));
	EXPECT_EQ(EINVAL, errno);
	at = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, self->a.fd,
		  second);
	ASSERT_NE(MAP_FAILED, at);
	*counter_in(at, FIRST + self->a.index) = 9;
	EXPECT_EQ(9, self->a.intent->lo);
	self->a.intent->lo = 0;
	EXPECT_EQ(MAP_FAILED, map_region(self->a.fd, DISRUPTOR_REGION_SEQUENCES,
					 page, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
}

TEST_F(group, alone_see_what_they_are_done_with)
{
	int others[] = { self->ring, self->producer.fd, self->after.fd };
	size_t bytes = laps_bytes(self->ring);
	unsigned int i;
	void *at;

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		EXPECT_EQ(MAP_FAILED, map_region(others[i], DISRUPTOR_REGION_DONE,
						 bytes, PROT_READ));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(MAP_FAILED, map_region(others[i], DISRUPTOR_REGION_OWN,
						 2 * page_bytes(), PROT_READ));
	}
	EXPECT_EQ(MAP_FAILED, map_region(self->a.fd, DISRUPTOR_REGION_DONE,
					 bytes + page_bytes(), PROT_READ));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_TRUE(refuses_execution(self->a.fd, DISRUPTOR_REGION_DONE, bytes,
				      PROT_READ));
	at = map_region(self->a.fd, DISRUPTOR_REGION_DONE, bytes, PROT_READ);
	ASSERT_NE(MAP_FAILED, at);
	EXPECT_EQ(-1, mprotect(at, bytes, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(SIGSEGV, write_fault(at, 1));
}

TEST_F(group, write_events_only_where_the_group_modifies_them)
{
	void *at = map_region(self->a.fd, DISRUPTOR_REGION_EVENTS, page_bytes(),
			      PROT_READ | PROT_WRITE);

	EXPECT_EQ(!strchr(variant->graph, '!'), at == MAP_FAILED);
	if (at != MAP_FAILED)
		EXPECT_EQ(0, write_fault(at, 1));
}

TEST(two_groups_have_nothing_in_common)
{
	int ring = ring_create(.slots = SLOTS, .slot_size = 4096,
			       .graph = "one*2 other*2");
	struct claimant one, other;

	ASSERT_EQ(0, claimant_attach(&one, ring, "one"));
	ASSERT_EQ(0, claimant_attach(&other, ring, "other"));
	EXPECT_EQ(0, other.index);
	one.laps[0] = 1;
	*one.claimed = 2;
	*one.counter = 3;
	one.intent->lo = 4;
	EXPECT_EQ(0, other.laps[0]);
	EXPECT_EQ(0, *other.claimed);
	EXPECT_EQ(0, *other.counter);
	EXPECT_EQ(0, other.intent->lo);
	EXPECT_EQ(0, counter_of(ring, 2));
	EXPECT_EQ(4, counter_of(ring, 3));
	EXPECT_EQ(0, counter_of(ring, 5));
}

TEST_F(group, say_in_fdinfo_which_they_are)
{
	char path[64], text[1024];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->b.fd);
	ASSERT_LT(0, read_text(path, text, sizeof(text)));
	EXPECT_NE(NULL, strstr(text, "disruptor-consumer:\tgroup\n"));
	EXPECT_NE(NULL, strstr(text, "disruptor-worker:\t1\n"));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->after.fd);
	ASSERT_LT(0, read_text(path, text, sizeof(text)));
	EXPECT_EQ(NULL, strstr(text, "disruptor-worker"));
}

/* ---- the library ---------------------------------------------------------------------- */

static int work_by_fd(void *context)
{
	struct disruptor_worker *worker;
	struct disruptor_range range;

	CHILD_CHECK(!disruptor_worker_from_fd(&worker, *(int *)context));
	CHILD_CHECK(disruptor_worker_fileno(worker) == *(int *)context);
	CHILD_CHECK(!disruptor_worker_try_take(worker, 2, &range));
	CHILD_CHECK(range.lo == 0 && range.hi == 2);
	CHILD_CHECK(!disruptor_worker_done(worker, 2));
	CHILD_CHECK(!disruptor_worker_try_take(worker, 2, &range));
	disruptor_worker_detach(worker);
	return 0;
}

TEST_F(group, may_be_handed_to_another_process)
{
	int fd = attach_consumer(self->ring, "group", NULL);

	ASSERT_LE(0, fd);
	publish(&self->producer, 3);
	EXPECT_EQ(0, in_child(work_by_fd, &fd));
	EXPECT_EQ(2, counter_of(self->ring, GROUP));
	/* What it took last and was not done with. */
	EXPECT_ADOPTS(&self->a, 1, 2, 3);
}

TEST_F(group, are_not_taken_for_others)
{
	struct disruptor_consumer *consumer = NULL;
	struct disruptor_worker *worker = NULL;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	EXPECT_EQ(-EINVAL, disruptor_worker_from_fd(&worker, self->after.fd));
	EXPECT_EQ(-EINVAL, disruptor_worker_from_fd(&worker, self->producer.fd));
	EXPECT_EQ(-EINVAL, disruptor_worker_from_fd(&worker, self->ring));
	EXPECT_EQ(-EINVAL, disruptor_worker_from_fd(&worker, null));
	EXPECT_EQ(-EBADF, disruptor_worker_from_fd(&worker, -1));
	EXPECT_EQ(-EINVAL, disruptor_consumer_from_fd(&consumer, self->a.fd));
	EXPECT_EQ(0, detach(self->a.fd, 0));
	EXPECT_EQ(-ESTALE, disruptor_worker_from_fd(&worker, self->a.fd));
	EXPECT_EQ(NULL, worker);
	EXPECT_EQ(NULL, consumer);
	close(null);
}

/* ---- evicting and counting ---------------------------------------------------------- */

TEST_F(group, are_evicted_one_by_one)
{
	publish(&self->producer, 4);
	EXPECT_EQ(0, claimant_claim(&self->a, 2));
	EXPECT_EQ(-EINVAL, evict_worker(self->ring, "group", 3, 0));
	EXPECT_EQ(-EINVAL, evict_worker(self->ring, "group", ~0U, 0));
	EXPECT_EQ(-ESRCH, evict_worker(self->ring, "group", 2, 0));
	EXPECT_EQ(-EINVAL, evict_worker(self->ring, "after", 1, 0));
	EXPECT_EQ(-EINVAL, evict_worker(self->ring, "group", 1,
					DISRUPTOR_EVICT_UNGATE));
	EXPECT_EQ(0, evict_worker(self->ring, "group", 0, 0));
	EXPECT_EQ(-ESRCH, evict_worker(self->ring, "group", 0, 0));
	EXPECT_EQ(-ESTALE, wake(self->a.fd, 0));
	EXPECT_EQ(POLLERR, polls(self->a.fd, POLLIN, 0));
	EXPECT_ADOPTS_NOTHING(-ESTALE, &self->a);
	EXPECT_EQ(SIGBUS, write_fault(self->a.counter, 1));
	EXPECT_EQ(SIGBUS, write_fault(self->a.intent, 1));
	EXPECT_EQ(SIGBUS, write_fault(self->a.laps, 1));
	EXPECT_EQ(0, write_fault(self->b.intent, 0));
	EXPECT_ADOPTS(&self->b, 9, 0, 2);
}

TEST_F(group, go_all_together_when_nobody_is_to_wait_for_them)
{
	struct claimant c;

	publish(&self->producer, 4);
	EXPECT_EQ(0, claimant_claim(&self->b, 2));
	EXPECT_EQ(-ETIMEDOUT, look(self->after.fd, 1, NULL));
	EXPECT_EQ(0, evict_worker(self->ring, "group", 0, DISRUPTOR_EVICT_UNGATE));
	EXPECT_EQ(-ESTALE, wake(self->a.fd, 0));
	EXPECT_EQ(-ESTALE, wake(self->b.fd, 0));
	EXPECT_EQ(0, look(self->after.fd, 4, NULL));
	EXPECT_EQ(-ESRCH, evict_worker(self->ring, "group", 0,
				       DISRUPTOR_EVICT_UNGATE));
	/* Back at the cursor, without what was left. */
	ASSERT_EQ(0, claimant_attach(&c, self->ring, "group"));
	EXPECT_EQ(4, c.start);
	EXPECT_EQ(4, *c.counter);
	EXPECT_EQ(4, *c.claimed);
	EXPECT_ADOPTS_NOTHING(-EAGAIN, &c);
}

static int evict_as_another(void *context)
{
	return -evict_worker(*(int *)context, "group", 0, 0);
}

TEST_F(group, are_evicted_by_their_owner_alone)
{
	if (getuid())
		SKIP(return, "needs root to be another user");
	EXPECT_EQ(EPERM, in_child_as(PLAIN_UID, evict_as_another, &self->ring));
	EXPECT_EQ(0, write_fault(self->a.intent, 0));
}

TEST_F(group, are_counted_each_in_a_seat)
{
	struct full_stats full;

	publish(&self->producer, 4);
	claimant_claim(&self->a, 2);
	claimant_claim(&self->b, 2);
	wake(self->b.fd, 0);
	EXPECT_EQ(-ETIMEDOUT, wait_until(self->b.fd, 5, in_ms(5), NULL));
	ASSERT_EQ(0, stats_of(self->ring, &full));
	EXPECT_EQ(6, full.stats.nr_seats);
	EXPECT_EQ(DISRUPTOR_SEAT_HELD | DISRUPTOR_SEAT_GATING,
		  full.seats[GROUP].flags);
	EXPECT_EQ(0, full.seats[GROUP].pid);
	EXPECT_EQ(0, full.seats[GROUP].attaches);
	EXPECT_EQ(DISRUPTOR_SEAT_HELD, full.seats[FIRST].flags);
	EXPECT_EQ(getpid(), full.seats[FIRST + 1].pid);
	EXPECT_EQ(2, full.seats[FIRST + 1].sequence);
	EXPECT_EQ(1, full.seats[FIRST + 1].attaches);
	EXPECT_EQ(1, full.seats[FIRST + 1].wakes);
	EXPECT_EQ(1, full.seats[FIRST + 1].sleeps);
	EXPECT_EQ(0, full.seats[FIRST + 2].flags);
	claimant_leave(&self->a);
	claimant_leave(&self->b);
	ASSERT_EQ(0, stats_of(self->ring, &full));
	EXPECT_EQ(DISRUPTOR_SEAT_GATING, full.seats[GROUP].flags);
	EXPECT_EQ(1, full.seats[FIRST].losses);
	full.stats.nr_seats = 5;
	EXPECT_EQ(-ENOSPC, ring_ioctl(self->ring, DISRUPTOR_IOC_STATS, &full.stats));
}

/* ---- ADOPT -------------------------------------------------------------------------- */

#define ADOPT_REFUSED(err, fd, change) do {				\
	struct disruptor_adopt_args args = {				\
		.size = sizeof(args), .most = 1,			\
	};								\
									\
	change;								\
	EXPECT_EQ(-(err), ring_ioctl(fd, DISRUPTOR_IOC_ADOPT, &args)) {	\
		TH_LOG("of: " #change);					\
	}								\
	EXPECT_EQ(0, self->b.intent->hi);				\
} while (0)

TEST_F(group, adopt_by_the_rules)
{
	struct {
		struct disruptor_adopt_args args;
		char tail[8];
	} larger = { { .size = sizeof(larger), .most = 1 }, { 1 } };
	struct disruptor_adopt_args *read_only;

	publish(&self->producer, 4);
	claimant_claim(&self->a, 2);
	claimant_leave(&self->a);
	ADOPT_REFUSED(ENOTTY, self->ring, (void)0);
	ADOPT_REFUSED(ENOTTY, self->producer.fd, (void)0);
	ADOPT_REFUSED(ENOTTY, self->after.fd, (void)0);
	ADOPT_REFUSED(ENOTTY, device_fd(), (void)0);
	ADOPT_REFUSED(EINVAL, self->b.fd, args.size = 0);
	ADOPT_REFUSED(EINVAL, self->b.fd, args.size = sizeof(args) - 1);
	ADOPT_REFUSED(E2BIG, self->b.fd, args.size = ~0U);
	ADOPT_REFUSED(EINVAL, self->b.fd, args.flags = 1);
	ADOPT_REFUSED(EINVAL, self->b.fd, args.flags = 1U << 31);
	ADOPT_REFUSED(EINVAL, self->b.fd, args.most = 0);
	EXPECT_EQ(-E2BIG, ring_ioctl(self->b.fd, DISRUPTOR_IOC_ADOPT, &larger));
	EXPECT_EQ(-EFAULT, ring_ioctl(self->b.fd, DISRUPTOR_IOC_ADOPT, NULL));
	EXPECT_EQ(-EFAULT, ring_ioctl(self->b.fd, DISRUPTOR_IOC_ADOPT, (void *)-8L));
	read_only = mmap(NULL, page_bytes(), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*read_only = larger.args;
	mprotect(read_only, page_bytes(), PROT_READ);
	EXPECT_EQ(-EFAULT, ring_ioctl(self->b.fd, DISRUPTOR_IOC_ADOPT, read_only));
	EXPECT_EQ(0, self->b.intent->hi);

	claimant_claim(&self->b, 1);
	EXPECT_ADOPTS_NOTHING(-EBUSY, &self->b);
	finish(&self->b, 2, 3);
	larger.tail[0] = 0;
	EXPECT_EQ(0, ring_ioctl(self->b.fd, DISRUPTOR_IOC_ADOPT, &larger));
	EXPECT_EQ(0, larger.args.lo);
	EXPECT_EQ(1, larger.args.hi);
	EXPECT_EQ(1, adopted(self->ring));
}

TEST_F(group, adopt_only_with_the_pages_to_say_so)
{
	int c = attach_consumer(self->ring, "group", NULL);
	struct disruptor_intent claim;

	publish(&self->producer, 4);
	claimant_claim(&self->a, 2);
	claimant_leave(&self->a);
	ASSERT_LE(0, c);
	EXPECT_EQ(-EINVAL, adopt(c, 1, &claim));
	EXPECT_ADOPTS(&self->b, 1, 0, 1);
}

TEST_F(group, adopt_what_the_dead_had_and_nothing_that_is_done)
{
	publish(&self->producer, 10);
	EXPECT_EQ(0, claimant_claim(&self->a, 6));
	EXPECT_EQ(6, claimant_claim(&self->b, 2));
	EXPECT_ADOPTS_NOTHING(-EBUSY, &self->b);
	finish(&self->b, 6, 8);
	EXPECT_ADOPTS_NOTHING(-EAGAIN, &self->b);
	claimant_settle(&self->a, 0, 1);
	claimant_settle(&self->a, 3, 4);
	claimant_leave(&self->a);
	/* The kernel has moved the counter for it. */
	EXPECT_EQ(1, *self->b.counter);
	EXPECT_EQ(0, look(self->after.fd, 1, NULL));
	EXPECT_EQ(-ETIMEDOUT, look(self->after.fd, 2, NULL));
	EXPECT_ADOPTS(&self->b, 100, 1, 3);
	finish(&self->b, 1, 3);
	EXPECT_EQ(4, *self->b.counter);
	EXPECT_ADOPTS(&self->b, 1, 4, 5);
	finish(&self->b, 4, 5);
	EXPECT_ADOPTS(&self->b, 1, 5, 6);
	finish(&self->b, 5, 6);
	EXPECT_ADOPTS_NOTHING(-EAGAIN, &self->b);
	EXPECT_EQ(8, *self->b.counter);
	EXPECT_EQ(8, claimant_claim(&self->b, 2));
	EXPECT_EQ(4, adopted(self->ring));
}

TEST_F(group, adopt_what_was_adopted_when_that_one_dies_too)
{
	struct claimant c;

	publish(&self->producer, 4);
	claimant_claim(&self->a, 3);
	claimant_leave(&self->a);
	EXPECT_ADOPTS(&self->b, 2, 0, 2);
	ASSERT_EQ(0, claimant_attach(&c, self->ring, "group"));
	EXPECT_ADOPTS(&c, 9, 2, 3);
	claimant_leave(&self->b);
	finish(&c, 2, 3);
	EXPECT_ADOPTS(&c, 9, 0, 2);
	claimant_settle(&c, 0, 2);
	claimant_leave(&c);
	EXPECT_EQ(3, counter_of(self->ring, GROUP));
	EXPECT_EQ(5, adopted(self->ring));
}

TEST_F(group, leave_what_they_had_for_the_next_to_come)
{
	struct claimant c;

	publish(&self->producer, 6);
	claimant_claim(&self->a, 2);
	claimant_claim(&self->b, 2);
	finish(&self->b, 2, 4);
	EXPECT_EQ(0, detach(self->a.fd, 0));
	claimant_leave(&self->b);
	EXPECT_EQ(0, counter_of(self->ring, GROUP));
	EXPECT_EQ(-ETIMEDOUT, look(self->after.fd, 1, NULL));
	ASSERT_EQ(0, claimant_attach(&c, self->ring, "group"));
	EXPECT_EQ(4, c.start);
	EXPECT_EQ(POLLIN, polls(c.fd, POLLIN, 0));
	EXPECT_ADOPTS(&c, 9, 0, 2);
	finish(&c, 0, 2);
	EXPECT_EQ(4, *c.counter);
	EXPECT_EQ(4, claimant_claim(&c, 2));
}

TEST_F(group, abandon_what_they_have_with_their_pages)
{
	int kept = dup(self->a.fd);

	publish(&self->producer, 2);
	claimant_claim(&self->a, 2);
	claimant_leave(&self->a);
	ASSERT_TRUE(BECOMES_TRUE(polls(self->b.fd, POLLIN, 0) == POLLIN, LONG_MS));
	EXPECT_ADOPTS(&self->b, 9, 0, 2);
	close(kept);
}

static bool is_orphan(struct claimant *worker, __u64 seq)
{
	return __atomic_load_n(&worker->laps[seq & index_mask_of(worker->fd)],
			       __ATOMIC_ACQUIRE) ==
	       (lap_of(worker->fd, seq) | DISRUPTOR_LAP_ABORTED);
}

/* What a stale intent of another covers may be that one's. */
TEST_F(group, wait_until_it_is_sure_whose_an_event_is)
{
	publish(&self->producer, 4);
	claimant_tell(&self->b, 0, 2);
	claimant_claim(&self->a, 3);
	claimant_leave(&self->a);
	sleep_ms(30);
	EXPECT_EQ(0, self->b.laps[0]);
	EXPECT_EQ(0, self->b.laps[1]);
	EXPECT_TRUE(is_orphan(&self->b, 2));
	claimant_tell(&self->b, 0, 0);
	EXPECT_TRUE(BECOMES_TRUE(is_orphan(&self->b, 0), LONG_MS));
	EXPECT_ADOPTS(&self->b, 9, 0, 3);
}

TEST_F(group, forget_no_orphan_that_a_stale_intent_comes_to_cover)
{
	struct claimant c;

	ASSERT_EQ(0, claimant_attach(&c, self->ring, "group"));
	publish(&self->producer, 4);
	claimant_claim(&self->a, 3);
	claimant_leave(&self->a);
	claimant_tell(&self->b, 0, 2);
	EXPECT_ADOPTS(&c, 1, 0, 1);
	/* Another death has all looked at once more. */
	claimant_leave(&c);
	ASSERT_EQ(0, claimant_attach(&c, self->ring, "group"));
	EXPECT_ADOPTS(&c, 9, 1, 3);
	finish(&c, 1, 3);
	claimant_tell(&self->b, 0, 0);
	EXPECT_TRUE(BECOMES_TRUE(is_orphan(&c, 0), LONG_MS));
	EXPECT_ADOPTS(&c, 9, 0, 1);
}

/* ---- waiting -------------------------------------------------------------------------- */

static struct sleeper sleeper_at(int fd, __u64 target)
{
	return (struct sleeper){
		.fd = fd, .target = target, .deadline_ns = in_ms(SLEEP_MS),
	};
}

static int poll_for(struct sleeper *sleeper)
{
	return polls(sleeper->fd, POLLIN, SLEEP_MS);
}

TEST_F(group, sleep_for_what_nobody_has_claimed)
{
	struct sleeper sleeper = sleeper_at(self->b.fd, 3);
	struct sleeper poller = { .fd = self->b.fd, .fn = poll_for };

	publish(&self->producer, 2);
	EXPECT_EQ(POLLIN, polls(self->b.fd, POLLIN, 0));
	EXPECT_EQ(0, claimant_claim(&self->a, 2));
	EXPECT_EQ(0, polls(self->b.fd, POLLIN, 0));
	EXPECT_EQ(-EINVAL, look(self->b.fd, 2 + SLOTS + 1, NULL));
	ASSERT_TRUE(sleeper_sleeps(&sleeper));
	ASSERT_TRUE(sleeper_sleeps(&poller));
	finish(&self->a, 0, 2);
	EXPECT_TRUE(sleeper_stays(&sleeper));
	EXPECT_TRUE(sleeper_stays(&poller));
	publish(&self->producer, 3);
	ASSERT_TRUE(sleeper_returns(&sleeper));
	ASSERT_TRUE(sleeper_returns(&poller));
	EXPECT_EQ(0, sleeper.result);
	EXPECT_EQ(3, sleeper.reached);
	EXPECT_EQ(POLLIN, poller.result);
}

TEST_F(group, are_woken_for_what_a_dead_one_leaves)
{
	struct sleeper sleeper = sleeper_at(self->b.fd, 3);
	struct sleeper poller = { .fd = self->b.fd, .fn = poll_for };

	publish(&self->producer, 2);
	claimant_claim(&self->a, 2);
	ASSERT_TRUE(sleeper_sleeps(&sleeper));
	ASSERT_TRUE(sleeper_sleeps(&poller));
	claimant_leave(&self->a);
	ASSERT_TRUE(sleeper_returns(&sleeper));
	ASSERT_TRUE(sleeper_returns(&poller));
	EXPECT_EQ(0, sleeper.result);
	EXPECT_EQ(2, sleeper.reached);
	EXPECT_EQ(POLLIN, poller.result);
	EXPECT_ADOPTS(&self->b, 9, 0, 2);
	EXPECT_EQ(0, polls(self->b.fd, POLLIN, 0));
}

TEST_F(group, wake_those_after_by_what_a_dead_one_was_done_with)
{
	struct sleeper sleeper = sleeper_at(self->after.fd, 2);
	struct sleeper room = sleeper_at(self->producer.fd, SLOTS + 2);

	publish(&self->producer, SLOTS);
	claimant_claim(&self->a, 2);
	counter_set(self->after.counter, 2);
	ASSERT_TRUE(sleeper_sleeps(&sleeper));
	ASSERT_TRUE(sleeper_sleeps(&room));
	claimant_settle(&self->a, 0, 2);
	claimant_leave(&self->a);
	ASSERT_TRUE(sleeper_returns(&sleeper));
	ASSERT_TRUE(sleeper_returns(&room));
	EXPECT_EQ(0, sleeper.result);
	EXPECT_EQ(0, room.result);
}

TEST_F(group, see_the_end_when_all_of_them_are_done)
{
	struct sleeper sleeper = sleeper_at(self->b.fd, 3);
	struct sleeper poller = { .fd = self->b.fd, .fn = poll_for };

	publish(&self->producer, 2);
	claimant_claim(&self->a, 2);
	role_drop(&self->producer);
	EXPECT_EQ(-ETIMEDOUT, look(self->b.fd, 3, NULL));
	ASSERT_TRUE(sleeper_sleeps(&sleeper));
	ASSERT_TRUE(sleeper_sleeps(&poller));
	finish(&self->a, 0, 2);
	ASSERT_TRUE(sleeper_returns(&sleeper));
	ASSERT_TRUE(sleeper_returns(&poller));
	EXPECT_EQ(-ENODATA, sleeper.result);
	EXPECT_EQ(POLLHUP, poller.result);
	EXPECT_EQ(-ENODATA, look(self->a.fd, 3, NULL));
}

TEST_F(group, get_what_is_left_after_the_end_of_the_stream)
{
	struct sleeper sleeper = sleeper_at(self->b.fd, 3);

	publish(&self->producer, 2);
	claimant_claim(&self->a, 2);
	role_drop(&self->producer);
	ASSERT_TRUE(sleeper_sleeps(&sleeper));
	claimant_leave(&self->a);
	ASSERT_TRUE(sleeper_returns(&sleeper));
	EXPECT_EQ(0, sleeper.result);
	EXPECT_ADOPTS(&self->b, 9, 0, 2);
	finish(&self->b, 0, 2);
	EXPECT_EQ(-ENODATA, look(self->b.fd, 3, NULL));
}

/* ---- groups that nobody waits for -------------------------------------------------------- */

TEST(an_optional_group_leaves_with_its_last_worker)
{
	int ring = ring_create(.slots = SLOTS, .graph = "group?*3 after:group");
	struct role producer, after;
	struct claimant a, b;

	ASSERT_EQ(0, role_take(&producer, ring, NULL));
	ASSERT_EQ(0, role_take(&after, ring, "after"));
	publish(&producer, 2);
	EXPECT_EQ(0, look(after.fd, 2, NULL));
	ASSERT_EQ(0, claimant_attach(&a, ring, "group"));
	ASSERT_EQ(0, claimant_attach(&b, ring, "group"));
	EXPECT_EQ(2, a.start);
	EXPECT_EQ(2, *a.counter);
	publish(&producer, 5);
	EXPECT_EQ(2, claimant_claim(&a, 1));
	claimant_leave(&b);
	EXPECT_EQ(-ETIMEDOUT, look(after.fd, 3, NULL));
	claimant_leave(&a);
	EXPECT_EQ(0, look(after.fd, 5, NULL));
	ASSERT_EQ(0, claimant_attach(&a, ring, "group"));
	EXPECT_EQ(5, a.start);
	EXPECT_ADOPTS_NOTHING(-EAGAIN, &a);
}

TEST(a_group_expires_when_the_last_of_it_has_been_gone_long_enough)
{
	struct disruptor_consumer_config c[DISRUPTOR_MAX_CONSUMERS];
	const struct ring_spec spec = { .slots = SLOTS,
					.graph = "group*3 after:group" };
	struct disruptor_create_args args = create_args(&spec, c);
	struct role producer, after;
	struct claimant a, b;
	int ring;

	c[0].expires_ms = 100;
	ring = ring_ioctl(device_fd(), DISRUPTOR_IOC_CREATE, &args);
	ASSERT_LE(0, ring);
	ASSERT_EQ(0, role_take(&producer, ring, NULL));
	ASSERT_EQ(0, role_take(&after, ring, "after"));
	ASSERT_EQ(0, claimant_attach(&a, ring, "group"));
	ASSERT_EQ(0, claimant_attach(&b, ring, "group"));
	publish(&producer, 4);
	claimant_leave(&a);
	sleep_ms(150);
	EXPECT_EQ(-ETIMEDOUT, look(after.fd, 1, NULL));
	claimant_leave(&b);
	EXPECT_TRUE(BECOMES_TRUE(look(after.fd, 4, NULL) == 0, LONG_MS));
	ASSERT_EQ(0, claimant_attach(&a, ring, "group"));
	EXPECT_EQ(4, a.start);
}

/* ---- lies ------------------------------------------------------------------------------ */

FIXTURE(lie) {
	int ring;
	struct role producer;
	struct claimant honest;
	struct claimant liar;
	struct role after;
	struct role beside;
};

FIXTURE_VARIANT(lie) {
	__u64 at;
};

FIXTURE_VARIANT_ADD(lie, of_0) { 0 };
FIXTURE_VARIANT_ADD(lie, of_what_is_there) { 8 };
FIXTURE_VARIANT_ADD(lie, of_one_more) { 9 };
FIXTURE_VARIANT_ADD(lie, of_a_ring_more) { 8 + SLOTS };
FIXTURE_VARIANT_ADD(lie, of_half_of_time) { 1ULL << 63 };
FIXTURE_VARIANT_ADD(lie, of_less) { (1ULL << 63) - 1 };
FIXTURE_VARIANT_ADD(lie, of_nearly_all) { ~0ULL - SLOTS / 2 };
FIXTURE_VARIANT_ADD(lie, of_the_end_of_time) { ~0ULL };

FIXTURE_SETUP(lie)
{
	self->ring = ring_create(.slots = SLOTS, .slot_size = 4096,
				 .graph = "group*3 after:group beside");
	ASSERT_LE(0, self->ring);
	ASSERT_EQ(0, role_take(&self->producer, self->ring, NULL));
	ASSERT_EQ(0, claimant_attach(&self->honest, self->ring, "group"));
	ASSERT_EQ(0, claimant_attach(&self->liar, self->ring, "group"));
	ASSERT_EQ(0, role_take(&self->after, self->ring, "after"));
	ASSERT_EQ(0, role_take(&self->beside, self->ring, "beside"));
	publish(&self->producer, 8);
	claimant_claim(&self->honest, 2);
}

FIXTURE_TEARDOWN(lie)
{
	close(self->ring);
}

/* All that looks at what workers can write; how long it takes. */
static __u64 ask_everything(int ring, struct claimant *worker, const struct role *after)
{
	__u64 begin = now_ns();
	struct disruptor_intent claim;
	struct full_stats full;
	struct claimant third;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		if (!claimant_attach(&third, ring, "group")) {
			adopt(third.fd, i ? ~0ULL : 1, &claim);
			look(third.fd, i, NULL);
			look(third.fd, i ? ~0ULL : 8, NULL);
			polls(third.fd, POLLIN, 1);
			wake(third.fd, 0);
			claimant_leave(&third);
		}
		wait_until(worker->fd, 8 + i, in_ms(1), NULL);
		wait_until(after->fd, 8 + i, in_ms(1), NULL);
		polls(after->fd, POLLIN, 1);
		stats_of(ring, &full);
	}
	return now_ns() - begin;
}

TEST_F(lie, holds_up_neither_the_kernel_nor_those_outside)
{
	__u64 *told[] = { self->liar.counter, self->liar.claimed,
			  &self->liar.intent->lo, &self->liar.intent->hi };
	unsigned int i;
	struct claimant c;

	for (i = 0; i < ARRAY_SIZE(told); i++) {
		counter_set(told[i], variant->at);
		EXPECT_GT(2000000000ULL, ask_everything(self->ring, &self->honest,
							&self->after));
	}
	/* Marks of all laps, in their own way. */
	for (i = 0; i <= index_mask_of(self->ring); i++)
		self->liar.laps[i] = lap_of(self->ring, variant->at + i);
	EXPECT_GT(2000000000ULL, ask_everything(self->ring, &self->honest,
						&self->after));
	for (i = 0; i <= index_mask_of(self->ring); i++)
		self->liar.laps[i] = lap_of(self->ring, i) | DISRUPTOR_LAP_ABORTED;
	EXPECT_GT(2000000000ULL, ask_everything(self->ring, &self->honest,
						&self->after));
	/* The others have what they had. */
	EXPECT_EQ(0, look(self->beside.fd, 8, NULL));
	EXPECT_EQ(8, counter_of(self->ring, 0));
	EXPECT_EQ(0, evict_worker(self->ring, "group", 0, DISRUPTOR_EVICT_UNGATE));
	EXPECT_EQ(SIGBUS, write_fault(self->liar.claimed, 1));
	EXPECT_EQ(0, look(self->after.fd, 8, NULL));
	ASSERT_EQ(0, claimant_attach(&c, self->ring, "group"));
	EXPECT_EQ(8, c.start);
	EXPECT_EQ(8, *c.counter);
}

TEST_F(lie, of_the_dead_is_no_more_than_what_is_there)
{
	struct claimant c;

	counter_set(self->liar.claimed, variant->at);
	counter_set(self->liar.counter, variant->at);
	claimant_leave(&self->liar);
	claimant_leave(&self->honest);
	ASSERT_EQ(0, claimant_attach(&c, self->ring, "group"));
	EXPECT_GE(8, c.start);
	EXPECT_GE(8, *c.counter);
	EXPECT_LE(*c.counter, *c.claimed);
}

static void *scribble(void *context)
{
	struct claimant *worker = context;
	__u64 n = worker->start;

	__atomic_store_n(&worker->start, 0, __ATOMIC_RELAXED);
	while (!__atomic_load_n(&worker->start, __ATOMIC_RELAXED)) {
		counter_set(worker->counter, n % 24);
		counter_set(worker->claimed, n * 7 % 24);
		claimant_tell(worker, n * 5 % 24, n * 3 % 32);
		worker->laps[n % SLOTS] = n & 8 ? 1 : 1 | DISRUPTOR_LAP_ABORTED;
		n++;
	}
	return NULL;
}

TEST_F(lie, told_all_the_time_holds_nobody_up)
{
	pthread_t thread;

	self->liar.start = variant->at;
	ASSERT_EQ(0, pthread_create(&thread, NULL, scribble, &self->liar));
	EXPECT_GT(4000000000ULL, ask_everything(self->ring, &self->honest,
						&self->after));
	__atomic_store_n(&self->liar.start, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, look(self->beside.fd, 8, NULL));
	EXPECT_EQ(0, evict_worker(self->ring, "group", 0, DISRUPTOR_EVICT_UNGATE));
}

TEST_HARNESS_MAIN
