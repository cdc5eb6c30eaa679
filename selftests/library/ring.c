// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rings: making them, refusing to, what they say of themselves, and roles.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "library.h"

/* ---- making one ---------------------------------------------------------- */

TEST(a_wrong_number_of_slots_is_EINVAL)
{
	const uint32_t bad[] = { 0, 3, 6, 1000, UINT32_MAX,
				 DISRUPTOR_MAX_SLOTS * 2 };
	struct disruptor_config config = { 0 };
	struct disruptor_ring *ring = NULL;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, private_ring(&ring, &config, bad[i], 8));
	EXPECT_EQ(NULL, ring);
}

TEST(a_wrong_slot_size_is_EINVAL)
{
	const uint32_t bad[] = { 0, 1, 2, 3, 5, 6, 4098, 65537,
				 DISRUPTOR_MAX_SLOT_SIZE + 4, UINT32_MAX - 3 };
	struct disruptor_config config = { 0 };
	struct disruptor_ring *ring = NULL;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, private_ring(&ring, &config, 8, bad[i]));
	EXPECT_EQ(NULL, ring);
}

TEST(an_unknown_flag_is_EINVAL)
{
	struct disruptor_config config = { .flags = 1U << 5 };
	struct disruptor_ring *ring = NULL;

	EXPECT_EQ(-EINVAL, private_ring(&ring, &config, 8, 8));
	EXPECT_EQ(NULL, ring);
}

TEST(a_private_ring_with_a_name_or_a_mode_is_EINVAL)
{
	struct disruptor_config named = { .name = "r" };
	struct disruptor_config moded = { .mode = 0600 };
	struct disruptor_ring *ring = NULL;

	EXPECT_EQ(-EINVAL, private_ring(&ring, &named, 8, 8));
	EXPECT_EQ(-EINVAL, private_ring(&ring, &moded, 8, 8));
	EXPECT_EQ(NULL, ring);
}

TEST(a_node_that_is_missing_or_not_asked_for_is_EINVAL)
{
	struct disruptor_config unasked = { .node = 1 };
	struct disruptor_config missing = { .flags = DISRUPTOR_RING_NODE,
					    .node = 1023 };
	struct disruptor_config beyond = { .flags = DISRUPTOR_RING_NODE,
					   .node = 1U << 31 };
	struct disruptor_ring *ring = NULL;

	EXPECT_EQ(-EINVAL, private_ring(&ring, &unasked, 8, 8));
	EXPECT_EQ(-EINVAL, private_ring(&ring, &missing, 8, 8));
	EXPECT_EQ(-EINVAL, private_ring(&ring, &beyond, 8, 8));
	EXPECT_EQ(NULL, ring);
}

static int policy(void)
{
	int mode = -1;

	syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0);
	return mode;
}

TEST(a_ring_of_a_node_leaves_the_threads_policy_alone)
{
	struct disruptor_config config = { .flags = DISRUPTOR_RING_NODE };
	struct disruptor_info info = { 0 };
	struct disruptor_ring *ring;
	int before = policy();

	ASSERT_EQ(0, private_ring(&ring, &config, 1024, 8));
	EXPECT_EQ(before, policy());
	ASSERT_EQ(0, disruptor_get_info(ring, &info));
	EXPECT_EQ(DISRUPTOR_RING_NODE, info.flags);
	EXPECT_EQ(0, info.node);
	disruptor_close(ring);
}

/* The kernel's own word for how much of the maps is mapped as huge pages. */
static uint64_t pmd_mapped(void)
{
	uint64_t kib, sum = 0;
	char line[256];
	FILE *smaps = fopen("/proc/self/smaps", "re");

	while (smaps && fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "ShmemPmdMapped: %" SCNu64, &kib) == 1)
			sum += kib * 1024;
	}
	if (smaps)
		fclose(smaps);
	return sum;
}

TEST(stats_tell_how_much_is_in_huge_pages)
{
	const uint64_t bytes = 4 << 20;
	struct disruptor_config small = { .flags = DISRUPTOR_RING_HUGE };
	struct disruptor_config large = { .flags = DISRUPTOR_RING_HUGE };
	struct disruptor_stats stats = { .huge_bytes = 1 };
	struct disruptor_ring *ring;
	uint64_t before;

	ASSERT_EQ(0, private_ring(&ring, &small, 1024, 8));
	ASSERT_EQ(0, disruptor_get_stats(ring, &stats));
	EXPECT_EQ(0, stats.huge_bytes);
	disruptor_close(ring);

	stats.nr_seats = 0;
	before = pmd_mapped();
	ASSERT_EQ(0, private_ring(&ring, &large, bytes / 8, 8));
	ASSERT_EQ(0, disruptor_get_stats(ring, &stats));
	/* All or nothing, as the system has them; mapped twice. */
	EXPECT_TRUE(!stats.huge_bytes || stats.huge_bytes == bytes);
	EXPECT_EQ(2 * stats.huge_bytes, pmd_mapped() - before);
	disruptor_close(ring);
}

TEST(a_graph_written_by_hand_is_validated)
{
	struct disruptor_config config = { 0 };
	struct disruptor_ring *ring = NULL;

	config.graph.nr = 1;
	EXPECT_EQ(-EINVAL, private_ring(&ring, &config, 8, 8));

	strcpy(config.graph.consumers[0].name, "a");
	config.graph.consumers[0].after = 1;
	EXPECT_EQ(-EINVAL, private_ring(&ring, &config, 8, 8));
	config.graph.consumers[0].after = 2;
	EXPECT_EQ(-EINVAL, private_ring(&ring, &config, 8, 8));
	config.graph.consumers[0].after = 0;
	config.graph.consumers[0].expires_ms = 1;
	EXPECT_EQ(-EOPNOTSUPP, private_ring(&ring, &config, 8, 8));
	config.graph.consumers[0].expires_ms = 0;
	config.graph.nr = DISRUPTOR_MAX_CONSUMERS + 1;
	EXPECT_EQ(-EINVAL, private_ring(&ring, &config, 8, 8));
	EXPECT_EQ(NULL, ring);

	config.graph.nr = 1;
	ASSERT_EQ(0, private_ring(&ring, &config, 8, 8));
	disruptor_close(ring);
}

TEST(more_memory_than_the_machine_has_is_ENOMEM)
{
	struct disruptor_config config = { 0 };
	struct disruptor_ring *ring = NULL;

	EXPECT_EQ(-ENOMEM, private_ring(&ring, &config,
					DISRUPTOR_MAX_EVENTS_BYTES / 65536, 65536));
	EXPECT_EQ(-EINVAL, private_ring(&ring, &config, DISRUPTOR_MAX_SLOTS,
					DISRUPTOR_MAX_SLOT_SIZE));
	EXPECT_EQ(NULL, ring);
}

static bool signals_come;

/*
 * As with a timer that fires all the time in kernels that let a signal end it: what
 * takes long is never done, and what does not is done the next time.
 */
int fallocate64(int fd, int mode, int64_t offset, int64_t length)
{
	static unsigned int calls;

	if (signals_come && (length > 1 << 16 || calls++ % 2)) {
		errno = EINTR;
		return -1;
	}
	return syscall(SYS_fallocate, fd, mode, offset, length);
}

TEST(signals_do_not_keep_a_ring_from_being_made)
{
	struct pair pair;
	uint64_t lo;

	signals_come = true;
	ASSERT_EQ(0, pair_open(&pair, 1 << 7, 12 << 10));
	ASSERT_EQ(0, disruptor_try_claim(pair.producer, 1 << 7, &lo));
	memset(disruptor_producer_slot(pair.producer, lo), 1, (1 << 7) * (12 << 10));
	pair_close(&pair);
}

TEST(more_than_a_file_may_have_is_EFBIG_and_no_signal)
{
	const struct rlimit limit = { 8192, 8192 };
	struct disruptor_config config = { 0 };
	struct disruptor_ring *ring = NULL;

	ASSERT_EQ(0, setrlimit(RLIMIT_FSIZE, &limit));
	EXPECT_EQ(-EFBIG, private_ring(&ring, &config, 2048, 8));
	EXPECT_EQ(NULL, ring);
	ASSERT_EQ(0, private_ring(&ring, &config, 1024, 8));
	disruptor_close(ring);
}

TEST(no_fd_left_is_EMFILE)
{
	struct disruptor_config config = { 0 };
	struct disruptor_ring *ring = NULL;
	struct rlimit limit, none;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	none = (struct rlimit){ 0, limit.rlim_max };
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	EXPECT_EQ(-EMFILE, private_ring(&ring, &config, 8, 8));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(NULL, ring);
}

TEST(a_ring_leaves_no_fd_open)
{
	struct disruptor_config config = { 0 };
	struct disruptor_ring *ring;
	int before = dup(0), after;

	close(before);
	ASSERT_EQ(0, private_ring(&ring, &config, 8, 8));
	after = dup(0);
	close(after);
	EXPECT_EQ(before, after);
	disruptor_close(ring);
}

TEST(a_child_has_nothing_of_a_private_ring)
{
	struct pair pair;
	int status;
	pid_t pid;

	ASSERT_EQ(0, pair_open(&pair, 8, 8));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		/* Told by a system call: a fault is a sanitizer's to report. */
		int null = open("/dev/null", O_WRONLY);
		int pipefd[2];

		if (null < 0 || pipe(pipefd))
			_exit(1);
		_exit(write(pipefd[1], pair.producer->view.events, 8) != -1 ||
		      errno != EFAULT ||
		      write(pipefd[1], pair.producer->view.control, 8) != -1 ||
		      errno != EFAULT);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	pair_close(&pair);
}

/* With maps of its own, where those of the parent's ring may have been. */
static bool child_gives_back(struct pair *pair)
{
	const size_t size = 64 << 10;
	unsigned char *own[64];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(own); i++) {
		own[i] = mmap(NULL, size, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (own[i] == MAP_FAILED)
			return false;
	}
	pair_close(pair);
	/* Told by a system call, as above. */
	for (i = 0; i < ARRAY_SIZE(own); i++) {
		if (msync(own[i], size, MS_ASYNC))
			return false;
	}
	return true;
}

TEST(a_child_that_gives_back_what_is_its_parents_harms_neither)
{
	struct disruptor_range range;
	struct pair pair;
	int status;
	pid_t pid;

	ASSERT_EQ(0, pair_open(&pair, 1 << 13, 8));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(!child_gives_back(&pair));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	ASSERT_EQ(0, publish_events(pair.producer, 8));
	EXPECT_EQ(0, disruptor_try_wait(pair.consumer, &range));
	EXPECT_EQ(8, range.hi);
	pair_close(&pair);
}

TEST(a_child_that_closes_a_ring_keeps_its_own_memory)
{
	struct disruptor_config config = { 0 };
	struct pair pair = {};
	int status;
	pid_t pid;

	ASSERT_EQ(0, private_ring(&pair.ring, &config, 1 << 13, 8));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(!child_gives_back(&pair));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	disruptor_close(pair.ring);
}

/* ---- what is not a private ring's ---------------------------------------- */

TEST(a_fd_that_is_no_ring_is_refused)
{
	struct disruptor_producer *producer = NULL;
	struct disruptor_consumer *consumer = NULL;
	struct disruptor_ring *ring = NULL;
	int fd = open("/dev/null", O_RDWR);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(-EINVAL, disruptor_ring_from_fd(&ring, fd));
	EXPECT_EQ(-EINVAL, disruptor_producer_from_fd(&producer, fd));
	EXPECT_EQ(-EINVAL, disruptor_consumer_from_fd(&consumer, fd));
	/* A function that fails changes nothing: the fd is the caller's still. */
	ASSERT_EQ(0, close(fd));
	EXPECT_EQ(-EBADF, disruptor_ring_from_fd(&ring, fd));
	EXPECT_EQ(-EBADF, disruptor_producer_from_fd(&producer, fd));
	EXPECT_EQ(-EBADF, disruptor_consumer_from_fd(&consumer, fd));
	EXPECT_EQ(NULL, ring);
	EXPECT_EQ(NULL, producer);
	EXPECT_EQ(NULL, consumer);
}

TEST(a_private_ring_has_no_fds)
{
	struct pair pair;

	ASSERT_EQ(0, pair_open(&pair, 8, 8));
	EXPECT_EQ(-EOPNOTSUPP, disruptor_ring_fileno(pair.ring));
	EXPECT_EQ(-EOPNOTSUPP, disruptor_producer_fileno(pair.producer));
	EXPECT_EQ(-EOPNOTSUPP, disruptor_consumer_fileno(pair.consumer));
	pair_close(&pair);
}

TEST(names_of_rings_are_checked_before_the_device_is_opened)
{
	char too_long[DISRUPTOR_RING_NAME_LEN + 1];
	const char *const bad[] = { NULL, "", "a b", "a/b", too_long };
	struct disruptor_ring *ring = NULL;
	size_t i;

	memset(too_long, 'x', sizeof(too_long));
	too_long[sizeof(too_long) - 1] = '\0';
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct disruptor_config config = {
			.slots = 8, .slot_size = 8, .name = bad[i],
		};

		EXPECT_EQ(-EINVAL, disruptor_open(&ring, bad[i],
						  DISRUPTOR_ACCESS_READ));
		EXPECT_EQ(-EINVAL, disruptor_unlink(bad[i]));
		if (bad[i])
			EXPECT_EQ(-EINVAL, disruptor_create(&ring, &config));
	}
	EXPECT_EQ(NULL, ring);
}

TEST(without_the_device_a_shared_ring_is_the_error_of_opening_it)
{
	struct disruptor_config config = { .slots = 8, .slot_size = 8 };
	struct disruptor_ring *ring = NULL;

	if (!access("/dev/disruptor", F_OK))
		SKIP(return, "the module is loaded");
	EXPECT_EQ(-ENOENT, disruptor_create(&ring, &config));
	EXPECT_EQ(-ENOENT, disruptor_open(&ring, "r", DISRUPTOR_ACCESS_READ));
	EXPECT_EQ(-ENOENT, disruptor_unlink("r"));
	EXPECT_EQ(NULL, ring);
}

/* ---- what a ring says ------------------------------------------------------ */

TEST(info_tells_geometry_and_graph)
{
	struct disruptor_config config = { .flags = DISRUPTOR_RING_OUTLIVES };
	struct disruptor_consumer_config consumers[3];
	struct disruptor_info info;
	struct disruptor_ring *ring;
	long page = sysconf(_SC_PAGESIZE);

	disruptor_graph_add(&config.graph, "a", NULL, DISRUPTOR_CONSUMER_OPTIONAL);
	disruptor_graph_add(&config.graph, "b", DISRUPTOR_AFTER("a"), 0);
	ASSERT_EQ(0, private_ring(&ring, &config, 2, 12));

	memset(&info, 0xcc, sizeof(info));
	memset(consumers, 0xcc, sizeof(consumers));
	info.consumers = (uintptr_t)consumers;
	info.nr_consumers = 3;
	ASSERT_EQ(0, disruptor_get_info(ring, &info));
	EXPECT_EQ(DISRUPTOR_RING_OUTLIVES, info.flags);
	EXPECT_EQ(2, info.slots);
	EXPECT_EQ(12, info.slot_size);
	/* Whole pages of 12-byte slots, a power of two of them. */
	EXPECT_EQ(page / 4 - 1, info.index_mask);
	EXPECT_EQ(page / 4 * 12, info.events_bytes);
	EXPECT_EQ(2, info.nr_consumers);
	EXPECT_EQ(DISRUPTOR_ROLE_NONE, info.role);
	EXPECT_EQ(0, info.index);
	EXPECT_EQ(DISRUPTOR_ACCESS_READ | DISRUPTOR_ACCESS_WRITE, info.access);
	EXPECT_EQ(page, info.page_size);
	EXPECT_EQ(0, info.mode);
	EXPECT_EQ(geteuid(), info.uid);
	EXPECT_EQ(getegid(), info.gid);
	EXPECT_EQ(1, info.producers);
	EXPECT_STREQ("", info.name);
	EXPECT_STREQ("a", consumers[0].name);
	EXPECT_EQ(DISRUPTOR_CONSUMER_OPTIONAL, consumers[0].flags);
	EXPECT_STREQ("b", consumers[1].name);
	EXPECT_EQ(1, consumers[1].after);
	EXPECT_EQ((char)0xcc, consumers[2].name[0]);
	disruptor_close(ring);
}

TEST(info_and_stats_refuse_an_array_that_is_too_short_or_nowhere)
{
	struct disruptor_consumer_config consumers[2];
	struct disruptor_seat_stats seats[3];
	struct disruptor_config config = { 0 };
	struct disruptor_stats stats = { 0 };
	struct disruptor_info info = { 0 };
	struct disruptor_ring *ring;

	disruptor_graph_add(&config.graph, "a", NULL, 0);
	disruptor_graph_add(&config.graph, "b", NULL, 0);
	ASSERT_EQ(0, private_ring(&ring, &config, 8, 8));

	info.nr_consumers = 1;
	info.consumers = (uintptr_t)consumers;
	EXPECT_EQ(-ENOSPC, disruptor_get_info(ring, &info));
	EXPECT_EQ(1, info.nr_consumers);
	info.nr_consumers = 2;
	info.consumers = 0;
	EXPECT_EQ(-EFAULT, disruptor_get_info(ring, &info));
	info.nr_consumers = 0;
	EXPECT_EQ(0, disruptor_get_info(ring, &info));
	EXPECT_EQ(2, info.nr_consumers);

	stats.nr_seats = 2;
	stats.seats = (uintptr_t)seats;
	EXPECT_EQ(-ENOSPC, disruptor_get_stats(ring, &stats));
	EXPECT_EQ(2, stats.nr_seats);
	stats.nr_seats = 3;
	stats.seats = 0;
	EXPECT_EQ(-EFAULT, disruptor_get_stats(ring, &stats));
	stats.nr_seats = 0;
	EXPECT_EQ(0, disruptor_get_stats(ring, &stats));
	EXPECT_EQ(3, stats.nr_seats);
	disruptor_close(ring);
}

TEST(stats_count_who_came_and_went)
{
	struct disruptor_seat_stats seat;
	struct disruptor_stats stats = { 0 };
	struct disruptor_range range;
	struct pair pair;

	ASSERT_EQ(0, pair_open(&pair, 8, 8));
	ASSERT_EQ(0, publish_events(pair.producer, 5));
	ASSERT_EQ(0, disruptor_try_wait(pair.consumer, &range));
	disruptor_release(pair.consumer, 3);

	seat = seat_stats(pair.ring, DISRUPTOR_SEAT_PRODUCERS);
	EXPECT_EQ(5, seat.sequence);
	EXPECT_EQ(1, seat.waits_on);
	EXPECT_EQ(DISRUPTOR_SEAT_HELD, seat.flags);
	EXPECT_EQ(getpid(), seat.pid);
	EXPECT_EQ(1, seat.attaches);
	EXPECT_EQ(0, seat.detaches);
	EXPECT_EQ(0, seat.losses);
	EXPECT_EQ(0, seat.evictions);
	seat = seat_stats(pair.ring, DISRUPTOR_SEAT_CONSUMER(0));
	EXPECT_EQ(3, seat.sequence);
	EXPECT_EQ(0, seat.waits_on);
	EXPECT_EQ(DISRUPTOR_SEAT_HELD | DISRUPTOR_SEAT_GATING, seat.flags);

	disruptor_consumer_detach(pair.consumer);
	seat = seat_stats(pair.ring, DISRUPTOR_SEAT_CONSUMER(0));
	EXPECT_EQ(DISRUPTOR_SEAT_GATING, seat.flags);
	EXPECT_EQ(0, seat.pid);
	EXPECT_EQ(1, seat.detaches);
	ASSERT_EQ(0, disruptor_consumer_attach(&pair.consumer, pair.ring, "c"));
	EXPECT_EQ(2, seat_stats(pair.ring, 1).attaches);

	ASSERT_EQ(0, disruptor_get_stats(pair.ring, &stats));
	EXPECT_EQ(0, stats.state);
	EXPECT_GE(stats.memory_bytes, 4096 * 6);
	disruptor_producer_detach(pair.producer);
	pair.producer = NULL;
	stats.nr_seats = 0;
	ASSERT_EQ(0, disruptor_get_stats(pair.ring, &stats));
	EXPECT_EQ(DISRUPTOR_STATE_ENDED, stats.state);
	pair_close(&pair);
}

/* ---- roles ------------------------------------------------------------------ */

TEST(a_role_that_is_held_is_EBUSY_until_it_is_given_back)
{
	struct disruptor_producer *producer = NULL;
	struct disruptor_consumer *consumer = NULL;
	struct pair pair;

	ASSERT_EQ(0, pair_open(&pair, 8, 8));
	EXPECT_EQ(-EBUSY, disruptor_producer_attach(&producer, pair.ring));
	EXPECT_EQ(-EBUSY, disruptor_consumer_attach(&consumer, pair.ring, "c"));
	EXPECT_EQ(NULL, producer);
	EXPECT_EQ(NULL, consumer);
	disruptor_producer_detach(pair.producer);
	disruptor_consumer_detach(pair.consumer);
	EXPECT_EQ(0, disruptor_producer_attach(&pair.producer, pair.ring));
	EXPECT_EQ(0, disruptor_consumer_attach(&pair.consumer, pair.ring, "c"));
	pair_close(&pair);
}

TEST(a_consumer_that_the_graph_does_not_have_is_ENOENT)
{
	struct disruptor_consumer *consumer = NULL;
	char too_long[DISRUPTOR_CONSUMER_NAME_LEN + 1];
	struct pair pair;

	memset(too_long, 'c', sizeof(too_long));
	too_long[sizeof(too_long) - 1] = '\0';
	ASSERT_EQ(0, pair_open(&pair, 8, 8));
	EXPECT_EQ(-ENOENT, disruptor_consumer_attach(&consumer, pair.ring, "d"));
	EXPECT_EQ(-EINVAL, disruptor_consumer_attach(&consumer, pair.ring, ""));
	EXPECT_EQ(-EINVAL, disruptor_consumer_attach(&consumer, pair.ring, NULL));
	EXPECT_EQ(-EINVAL, disruptor_consumer_attach(&consumer, pair.ring,
						     too_long));
	EXPECT_EQ(NULL, consumer);
	pair_close(&pair);
}

TEST(roles_stay_when_the_ring_is_closed)
{
	struct disruptor_range range;
	struct pair pair;

	ASSERT_EQ(0, pair_open(&pair, 8, 8));
	disruptor_close(pair.ring);
	pair.ring = NULL;
	ASSERT_EQ(0, publish_events(pair.producer, 8));
	disruptor_producer_detach(pair.producer);
	pair.producer = NULL;
	ASSERT_EQ(0, disruptor_wait(pair.consumer, &range));
	EXPECT_EQ(8, range.hi);
	EXPECT_TRUE(event_ok(disruptor_consumer_slot(pair.consumer, 7), 8, 7));
	disruptor_release(pair.consumer, 8);
	EXPECT_EQ(-ENODATA, disruptor_wait(pair.consumer, &range));
	pair_close(&pair);
}

TEST(what_was_claimed_and_not_published_was_never_there)
{
	struct disruptor_range range;
	struct pair pair;
	uint64_t lo;

	ASSERT_EQ(0, pair_open(&pair, 8, 8));
	ASSERT_EQ(0, publish_events(pair.producer, 3));
	ASSERT_EQ(0, disruptor_try_claim(pair.producer, 5, &lo));
	disruptor_producer_detach(pair.producer);
	ASSERT_EQ(0, disruptor_producer_attach(&pair.producer, pair.ring));
	ASSERT_EQ(0, disruptor_try_claim(pair.producer, 1, &lo));
	EXPECT_EQ(3, lo);
	ASSERT_EQ(0, disruptor_try_wait(pair.consumer, &range));
	EXPECT_EQ(3, range.hi);
	pair_close(&pair);
}

TEST(what_was_not_released_comes_again_to_the_next_holder)
{
	struct disruptor_range range;
	struct pair pair;

	ASSERT_EQ(0, pair_open(&pair, 8, 8));
	ASSERT_EQ(0, publish_events(pair.producer, 6));
	ASSERT_EQ(0, disruptor_try_wait(pair.consumer, &range));
	disruptor_release(pair.consumer, 2);
	disruptor_consumer_detach(pair.consumer);
	ASSERT_EQ(0, disruptor_consumer_attach(&pair.consumer, pair.ring, "c"));
	ASSERT_EQ(0, disruptor_try_wait(pair.consumer, &range));
	EXPECT_EQ(2, range.lo);
	EXPECT_EQ(6, range.hi);
	pair_close(&pair);
}

TEST(a_required_consumer_that_is_away_holds_the_ring)
{
	struct disruptor_range range;
	struct pair pair;
	uint64_t lo;

	ASSERT_EQ(0, pair_open(&pair, 8, 8));
	disruptor_consumer_detach(pair.consumer);
	ASSERT_EQ(0, publish_events(pair.producer, 8));
	EXPECT_EQ(-EAGAIN, disruptor_try_claim(pair.producer, 1, &lo));
	ASSERT_EQ(0, disruptor_consumer_attach(&pair.consumer, pair.ring, "c"));
	ASSERT_EQ(0, disruptor_try_wait(pair.consumer, &range));
	EXPECT_EQ(0, range.lo);
	EXPECT_EQ(8, range.hi);
	pair_close(&pair);
}

TEST(an_optional_consumer_that_is_away_holds_nobody_and_starts_at_the_cursor)
{
	struct disruptor_config config = { 0 };
	struct disruptor_producer *producer;
	struct disruptor_consumer *consumer;
	struct disruptor_range range;
	struct disruptor_ring *ring;
	uint64_t lo;
	int i;

	disruptor_graph_add(&config.graph, "o", NULL, DISRUPTOR_CONSUMER_OPTIONAL);
	ASSERT_EQ(0, private_ring(&ring, &config, 4, 8));
	ASSERT_EQ(0, disruptor_producer_attach(&producer, ring));
	EXPECT_EQ(0, seat_stats(ring, 1).flags);
	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, publish_events(producer, 2));

	ASSERT_EQ(0, disruptor_consumer_attach(&consumer, ring, "o"));
	EXPECT_EQ(DISRUPTOR_SEAT_HELD | DISRUPTOR_SEAT_GATING,
		  seat_stats(ring, 1).flags);
	EXPECT_EQ(-EAGAIN, disruptor_try_wait(consumer, &range));
	ASSERT_EQ(0, publish_events(producer, 4));
	EXPECT_EQ(-EAGAIN, disruptor_try_claim(producer, 1, &lo));
	ASSERT_EQ(0, disruptor_try_wait(consumer, &range));
	EXPECT_EQ(10, range.lo);
	EXPECT_EQ(14, range.hi);

	/* Gone without a release: the producer goes on. */
	disruptor_consumer_detach(consumer);
	EXPECT_EQ(0, seat_stats(ring, DISRUPTOR_SEAT_PRODUCERS).waits_on);
	EXPECT_EQ(0, publish_events(producer, 4));
	disruptor_producer_detach(producer);
	disruptor_close(ring);
}

TEST(an_optional_consumer_starts_at_the_lowest_it_comes_after)
{
	struct disruptor_config config = { 0 };
	struct disruptor_consumer *a, *b, *o;
	struct disruptor_producer *producer;
	struct disruptor_range range;
	struct disruptor_ring *ring;

	disruptor_graph_add(&config.graph, "a", NULL, 0);
	disruptor_graph_add(&config.graph, "b", NULL, 0);
	disruptor_graph_add(&config.graph, "o", DISRUPTOR_AFTER("a", "b"),
			    DISRUPTOR_CONSUMER_OPTIONAL);
	ASSERT_EQ(0, private_ring(&ring, &config, 16, 8));
	ASSERT_EQ(0, disruptor_producer_attach(&producer, ring));
	ASSERT_EQ(0, disruptor_consumer_attach(&a, ring, "a"));
	ASSERT_EQ(0, disruptor_consumer_attach(&b, ring, "b"));
	ASSERT_EQ(0, publish_events(producer, 10));
	ASSERT_EQ(0, disruptor_try_wait(a, &range));
	disruptor_release(a, 7);
	ASSERT_EQ(0, disruptor_try_wait(b, &range));
	disruptor_release(b, 4);
	ASSERT_EQ(0, disruptor_consumer_attach(&o, ring, "o"));
	EXPECT_EQ(4, seat_stats(ring, DISRUPTOR_SEAT_CONSUMER(2)).sequence);
	EXPECT_EQ(-EAGAIN, disruptor_try_wait(o, &range));
	disruptor_release(b, 6);
	ASSERT_EQ(0, disruptor_try_wait(o, &range));
	EXPECT_EQ(4, range.lo);
	EXPECT_EQ(6, range.hi);
	disruptor_consumer_detach(o);
	disruptor_consumer_detach(b);
	disruptor_consumer_detach(a);
	disruptor_producer_detach(producer);
	disruptor_close(ring);
}

TEST(dependents_of_a_consumer_that_left_wait_on_what_it_waited_on)
{
	struct disruptor_config config = { 0 };
	struct disruptor_consumer *a, *o, *z;
	struct disruptor_producer *producer;
	struct disruptor_range range;
	struct disruptor_ring *ring;

	disruptor_graph_add(&config.graph, "a", NULL, 0);
	disruptor_graph_add(&config.graph, "o", DISRUPTOR_AFTER("a"),
			    DISRUPTOR_CONSUMER_OPTIONAL);
	disruptor_graph_add(&config.graph, "z", DISRUPTOR_AFTER("o"), 0);
	ASSERT_EQ(0, private_ring(&ring, &config, 16, 8));
	ASSERT_EQ(0, disruptor_producer_attach(&producer, ring));
	ASSERT_EQ(0, disruptor_consumer_attach(&a, ring, "a"));
	ASSERT_EQ(0, disruptor_consumer_attach(&z, ring, "z"));
	EXPECT_EQ(1, seat_stats(ring, DISRUPTOR_SEAT_CONSUMER(2)).waits_on);
	ASSERT_EQ(0, disruptor_consumer_attach(&o, ring, "o"));
	EXPECT_EQ(2, seat_stats(ring, DISRUPTOR_SEAT_CONSUMER(2)).waits_on);

	ASSERT_EQ(0, publish_events(producer, 5));
	ASSERT_EQ(0, disruptor_try_wait(a, &range));
	disruptor_release(a, 5);
	EXPECT_EQ(-EAGAIN, disruptor_try_wait(z, &range));
	disruptor_consumer_detach(o);
	EXPECT_EQ(1, seat_stats(ring, DISRUPTOR_SEAT_CONSUMER(2)).waits_on);
	ASSERT_EQ(0, disruptor_try_wait(z, &range));
	EXPECT_EQ(5, range.hi);
	disruptor_consumer_detach(z);
	disruptor_consumer_detach(a);
	disruptor_producer_detach(producer);
	disruptor_close(ring);
}

/* ---- the end of the stream -------------------------------------------------- */

TEST(the_stream_ends_when_the_producer_goes_and_goes_on_with_the_next)
{
	struct disruptor_range range;
	struct pair pair;

	ASSERT_EQ(0, pair_open(&pair, 8, 8));
	EXPECT_EQ(-EAGAIN, disruptor_try_wait(pair.consumer, &range));
	ASSERT_EQ(0, publish_events(pair.producer, 2));
	disruptor_producer_detach(pair.producer);
	ASSERT_EQ(0, disruptor_try_wait(pair.consumer, &range));
	disruptor_release(pair.consumer, 1);
	ASSERT_EQ(0, disruptor_try_wait(pair.consumer, &range));
	disruptor_release(pair.consumer, 2);
	EXPECT_EQ(-ENODATA, disruptor_try_wait(pair.consumer, &range));
	EXPECT_EQ(-ENODATA, disruptor_wait(pair.consumer, &range));

	ASSERT_EQ(0, disruptor_producer_attach(&pair.producer, pair.ring));
	EXPECT_EQ(-EAGAIN, disruptor_try_wait(pair.consumer, &range));
	ASSERT_EQ(0, publish_events(pair.producer, 1));
	ASSERT_EQ(0, disruptor_try_wait(pair.consumer, &range));
	EXPECT_EQ(2, range.lo);
	pair_close(&pair);
}

TEST(a_stream_has_not_ended_before_its_first_producer)
{
	struct disruptor_config config = { 0 };
	struct disruptor_consumer *consumer;
	struct disruptor_range range;
	struct disruptor_ring *ring;

	disruptor_graph_add(&config.graph, "c", NULL, 0);
	ASSERT_EQ(0, private_ring(&ring, &config, 8, 8));
	ASSERT_EQ(0, disruptor_consumer_attach(&consumer, ring, "c"));
	EXPECT_EQ(-EAGAIN, disruptor_try_wait(consumer, &range));
	disruptor_consumer_detach(consumer);
	disruptor_close(ring);
}

TEST(a_ring_that_outlives_its_producers_ends_only_when_told)
{
	struct disruptor_config config = { .flags = DISRUPTOR_RING_OUTLIVES };
	struct disruptor_producer *producer;
	struct disruptor_consumer *consumer;
	struct disruptor_range range;
	struct disruptor_ring *ring;

	disruptor_graph_add(&config.graph, "c", NULL, 0);
	ASSERT_EQ(0, private_ring(&ring, &config, 8, 8));
	ASSERT_EQ(0, disruptor_consumer_attach(&consumer, ring, "c"));
	ASSERT_EQ(0, disruptor_producer_attach(&producer, ring));
	disruptor_producer_detach(producer);
	EXPECT_EQ(-EAGAIN, disruptor_try_wait(consumer, &range));
	ASSERT_EQ(0, disruptor_producer_attach(&producer, ring));
	disruptor_producer_end(producer);
	EXPECT_EQ(-ENODATA, disruptor_try_wait(consumer, &range));
	disruptor_consumer_detach(consumer);
	disruptor_close(ring);
}

TEST(a_consumer_behind_another_does_not_see_the_end_before_it_has_all)
{
	struct disruptor_config config = { 0 };
	struct disruptor_producer *producer;
	struct disruptor_consumer *a, *b;
	struct disruptor_range range;
	struct disruptor_ring *ring;

	disruptor_graph_add(&config.graph, "a", NULL, 0);
	disruptor_graph_add(&config.graph, "b", DISRUPTOR_AFTER("a"), 0);
	ASSERT_EQ(0, private_ring(&ring, &config, 8, 8));
	ASSERT_EQ(0, disruptor_producer_attach(&producer, ring));
	ASSERT_EQ(0, disruptor_consumer_attach(&a, ring, "a"));
	ASSERT_EQ(0, disruptor_consumer_attach(&b, ring, "b"));
	ASSERT_EQ(0, publish_events(producer, 3));
	disruptor_producer_detach(producer);
	EXPECT_EQ(-EAGAIN, disruptor_try_wait(b, &range));
	ASSERT_EQ(0, disruptor_try_wait(a, &range));
	disruptor_release(a, 3);
	EXPECT_EQ(-ENODATA, disruptor_try_wait(a, &range));
	ASSERT_EQ(0, disruptor_try_wait(b, &range));
	disruptor_release(b, 3);
	EXPECT_EQ(-ENODATA, disruptor_try_wait(b, &range));
	disruptor_consumer_detach(b);
	disruptor_consumer_detach(a);
	disruptor_close(ring);
}

/* ---- evict -------------------------------------------------------------------- */

TEST(evict_of_one_of_several_producers_goes_by_index)
{
	struct disruptor_config config = { .producers = 2 };
	struct disruptor_multi *multi;
	struct disruptor_ring *ring;

	ASSERT_EQ(0, private_ring(&ring, &config, 8, 8));
	EXPECT_EQ(-ESRCH, disruptor_evict_producer(ring, 0));
	ASSERT_EQ(0, disruptor_multi_attach(&multi, ring));
	EXPECT_EQ(-EOPNOTSUPP, disruptor_evict(ring, NULL, 0));
	EXPECT_EQ(-EOPNOTSUPP, disruptor_evict_producer(ring, 0));
	EXPECT_EQ(-ESRCH, disruptor_evict_producer(ring, 1));
	EXPECT_EQ(-EINVAL, disruptor_evict_producer(ring, 2));
	disruptor_multi_detach(multi);
	disruptor_close(ring);
}

TEST(evict_takes_nothing_back_on_a_private_ring)
{
	struct pair pair;

	ASSERT_EQ(0, pair_open(&pair, 8, 8));
	EXPECT_EQ(-EOPNOTSUPP, disruptor_evict(pair.ring, "c", 0));
	EXPECT_EQ(-EOPNOTSUPP, disruptor_evict(pair.ring, "c",
					       DISRUPTOR_EVICT_UNGATE));
	EXPECT_EQ(-EOPNOTSUPP, disruptor_evict(pair.ring, NULL, 0));
	EXPECT_EQ(-EINVAL, disruptor_evict(pair.ring, NULL,
					   DISRUPTOR_EVICT_UNGATE));
	EXPECT_EQ(-EINVAL, disruptor_evict(pair.ring, "c", 1U << 1));
	EXPECT_EQ(-EINVAL, disruptor_evict(pair.ring, "", 0));
	EXPECT_EQ(-ENOENT, disruptor_evict(pair.ring, "d", 0));
	disruptor_producer_detach(pair.producer);
	disruptor_consumer_detach(pair.consumer);
	EXPECT_EQ(-ESRCH, disruptor_evict(pair.ring, NULL, 0));
	EXPECT_EQ(-ESRCH, disruptor_evict(pair.ring, "c", 0));
	disruptor_close(pair.ring);
}

TEST(an_ungated_consumer_holds_nobody_until_it_is_back)
{
	struct disruptor_range range;
	struct pair pair;
	uint64_t lo;

	ASSERT_EQ(0, pair_open(&pair, 4, 8));
	disruptor_consumer_detach(pair.consumer);
	ASSERT_EQ(0, publish_events(pair.producer, 4));
	EXPECT_EQ(-EAGAIN, disruptor_try_claim(pair.producer, 1, &lo));
	ASSERT_EQ(0, disruptor_evict(pair.ring, "c", DISRUPTOR_EVICT_UNGATE));
	EXPECT_EQ(-ESRCH, disruptor_evict(pair.ring, "c",
					  DISRUPTOR_EVICT_UNGATE));
	ASSERT_EQ(0, publish_events(pair.producer, 4));
	ASSERT_EQ(0, publish_events(pair.producer, 3));

	ASSERT_EQ(0, disruptor_consumer_attach(&pair.consumer, pair.ring, "c"));
	EXPECT_EQ(-EAGAIN, disruptor_try_wait(pair.consumer, &range));
	ASSERT_EQ(0, publish_events(pair.producer, 4));
	EXPECT_EQ(-EAGAIN, disruptor_try_claim(pair.producer, 1, &lo));
	ASSERT_EQ(0, disruptor_try_wait(pair.consumer, &range));
	EXPECT_EQ(11, range.lo);

	/* It is required again. */
	disruptor_consumer_detach(pair.consumer);
	EXPECT_EQ(-EAGAIN, disruptor_try_claim(pair.producer, 1, &lo));
	ASSERT_EQ(0, disruptor_consumer_attach(&pair.consumer, pair.ring, "c"));
	ASSERT_EQ(0, disruptor_try_wait(pair.consumer, &range));
	EXPECT_EQ(11, range.lo);
	pair_close(&pair);
}

/* As free() does: whoever gives up half way need not know how far it came. */
TEST(nothing_can_be_given_back)
{
	disruptor_producer_detach(NULL);
	disruptor_producer_end(NULL);
	disruptor_multi_detach(NULL);
	disruptor_multi_end(NULL);
	disruptor_consumer_detach(NULL);
	disruptor_worker_detach(NULL);
	disruptor_observer_close(NULL);
	disruptor_close(NULL);
}

TEST_HARNESS_MAIN
