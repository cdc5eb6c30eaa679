// SPDX-License-Identifier: GPL-2.0-only
/* rig: timeout=240 */
/*
 * Storms of creation, attachment, maps, evictions and deaths leave nothing
 * behind: not a page, not an object of any slab, not a reference to the module.
 */
#include "stream.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "kselftest_harness.h"

#define MODULE_REFCNT	"/sys/module/disruptor/refcnt"
#define SETTLE_MS	10000
#define FEW_ROUNDS	4

/* ---- what the kernel has in use --------------------------------------------- */

#define MAX_CACHES	400

struct cache {
	char name[40];
	long objects;
};

/**
 * struct usage - what could leak
 * @caches: objects in use, by slab cache
 * @nr: how many caches
 * @areas: allocations of virtual memory by the module
 * @pages: all that is neither free nor given back on demand
 * @module: references to the module
 */
struct usage {
	struct cache caches[MAX_CACHES];
	unsigned int nr;
	long areas;
	long pages;
	long module;
};

static long long_in(const char *path)
{
	char text[64];

	return read_text(path, text, sizeof(text)) > 0 ? atol(text) : -1;
}

/* Whatever can be given back, is; and what is counted per processor, too. */
static void give_back(void)
{
	struct dirent *entry;
	char path[300];
	DIR *dir;

	write_text("/proc/sys/vm/drop_caches", "3");
	dir = opendir("/sys/kernel/slab");
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink",
			 entry->d_name);
		write_text(path, "1");
	}
	if (dir)
		closedir(dir);
}

/* The sum of the numbers behind @what, at the start of lines of a file. */
static long sum_in(const char *path, const char *what)
{
	char line[512];
	FILE *file = fopen(path, "r");
	long sum = 0;

	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file)) {
		char *at = line + strspn(line, " ");

		if (!strncmp(at, what, strlen(what)))
			sum += atol(at + strlen(what));
	}
	fclose(file);
	return sum;
}

/* What the module has allocated; what was for the module itself has another name. */
static long count_areas(void)
{
	char line[512];
	FILE *file = fopen("/proc/vmallocinfo", "r");
	long nr = 0;

	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		nr += !!strstr(line, "[disruptor]");
	fclose(file);
	return nr;
}

/*
 * Slabs whose objects outlive what they describe: kernels from 6.9 on keep those of
 * freed areas until there are 64 MiB of them.  Areas are counted by themselves.
 */
static bool says_nothing(const char *cache)
{
	return !strcmp(cache, "vmap_area");
}

static bool read_caches(struct usage *usage)
{
	char line[512];
	FILE *file = fopen("/proc/slabinfo", "r");

	if (!file)
		return false;
	usage->nr = 0;
	while (usage->nr < MAX_CACHES && fgets(line, sizeof(line), file)) {
		struct cache *cache = &usage->caches[usage->nr];

		if (sscanf(line, "%39s %ld", cache->name, &cache->objects) == 2 &&
		    !says_nothing(cache->name))
			usage->nr++;
	}
	fclose(file);
	return usage->nr > 50;
}

static bool measure(struct usage *usage)
{
	give_back();
	usage->areas = count_areas();
	/* Pages that a processor keeps for itself are not counted as free. */
	usage->pages = (sum_in("/proc/meminfo", "MemTotal:") -
			sum_in("/proc/meminfo", "MemFree:")) / 4 -
		       sum_in("/proc/zoneinfo", "count:");
	usage->module = long_in(MODULE_REFCNT);
	return read_caches(usage) && usage->areas >= 0 &&
	       usage->pages > 0 && usage->module >= 0;
}

static long objects_of(const struct usage *usage, const char *name)
{
	unsigned int i;

	for (i = 0; i < usage->nr; i++) {
		if (!strcmp(usage->caches[i].name, name))
			return usage->caches[i].objects;
	}
	return 0;
}

/*
 * What @after has more than @before, after @rounds rounds that should have left
 * nothing.
 *
 * The memory of rings and the references to the module are our own: of them
 * nothing is allowed.  The rest is the whole system's, which does not stand still,
 * and slabs that a processor holds are counted as if nothing in them were free:
 * there, less than one thing for every two rounds, or NOISE, is allowed.
 */
#define NOISE	250

static unsigned int leaks(const struct usage *before, const struct usage *after,
			  long rounds, bool tell)
{
	long allowed = rounds / 2 > NOISE ? rounds / 2 : NOISE;
	long pages = after->pages - before->pages;
	unsigned int found = 0;
	unsigned int i;
	long more;

	for (i = 0; i < after->nr; i++) {
		more = after->caches[i].objects -
		       objects_of(before, after->caches[i].name);
		if (more < allowed)
			continue;
		found++;
		if (tell)
			printf("# %ld objects more in %s\n", more,
			       after->caches[i].name);
	}
	found += pages >= allowed;
	found += after->areas > before->areas;
	found += after->module != before->module;
	if (tell)
		printf("# %ld rounds: %ld pages, %ld areas, %ld references more\n",
		       rounds, pages, after->areas - before->areas,
		       after->module - before->module);
	return found;
}

/*
 * Kernels give freed areas back when there are some tens of MiB of them, and with KASAN
 * as much memory as says what of them may be touched.
 */
static void free_another_area(void)
{
	close(ring_create(.slots = 1 << 16, .slot_size = 64, .graph = "a"));
}

/* Frees may be on their way: inodes by RCU, vmalloc lazily, exits by workers. */
static unsigned int leaks_that_stay(const struct usage *before, long rounds)
{
	struct usage after;
	uint64_t end_ns = in_ms(SETTLE_MS * patience());

	do {
		if (!measure(&after))
			return 1;
		if (!leaks(before, &after, rounds, false))
			break;
		free_another_area();
		sleep_ms(50);
	} while (now_ns() < end_ns);
	return leaks(before, &after, rounds, true);
}

FIXTURE(storms) {
	struct usage before;
	uint64_t chances;
};

FIXTURE_SETUP(storms)
{
	if (getuid())
		SKIP(return, "needs root, to see what the kernel has in use");
	self->chances = chosen_seed();
	ASSERT_LE(0, device_fd());
}

FIXTURE_TEARDOWN(storms)
{
}

/* ---- one process, one thing after the other ------------------------------------ */

static int create_and_close(uint64_t *chances)
{
	static const char *const graphs[] = {
		"", "a", "a b:a c!:b", "a? b?:a c?:b d:a,b,c",
	};
	int fd = ring_create(.slots = 1U << chance_below(chances, 11),
			     .slot_size = 4 * (1 + chance_below(chances, 20)),
			     .graph = graphs[chance_below(chances, 4)]);

	CHILD_CHECK(fd >= 0);
	return close(fd);
}

/* All roles taken, mapped, touched, given back in one way or the other. */
static int use_and_close(uint64_t *chances)
{
	int ring = ring_create(.slots = 64, .slot_size = 64, .graph = "a b?:a");
	struct disruptor_producer *producer;
	struct disruptor_consumer *a, *b;
	struct disruptor_range range;
	char event[64];

	CHILD_CHECK(!producer_use(&producer, attach_producer(ring, NULL),
				  &sleeping));
	CHILD_CHECK(!consumer_use(&a, attach_consumer(ring, "a", NULL), &sleeping));
	CHILD_CHECK(!consumer_use(&b, attach_consumer(ring, "b", NULL), &sleeping));
	event_fill(event, sizeof(event), 0);
	CHILD_CHECK(!disruptor_publish_one(producer, event));
	CHILD_CHECK(!disruptor_wait(a, &range));
	disruptor_release(a, 1);
	CHILD_CHECK(!disruptor_wait(b, &range));
	CHILD_CHECK(event_right(disruptor_consumer_slot(b, 0), sizeof(event), 0));
	if (chance_below(chances, 2))
		CHILD_CHECK(!evict(ring, "a", 0));
	if (chance_below(chances, 2))
		CHILD_CHECK(!evict(ring, "b", DISRUPTOR_EVICT_UNGATE));
	disruptor_consumer_detach(a);
	disruptor_producer_end(producer);
	disruptor_consumer_detach(b);
	return close(ring);
}

static int refused(uint64_t *chances)
{
	int ring = ring_create(.slots = 8, .graph = "a");
	int role = attach_consumer(ring, "a", NULL);

	CHILD_CHECK(role >= 0);
	CHILD_CHECK(ring_create(.slots = 3, .graph = "a b") == -EINVAL);
	CHILD_CHECK(ring_create(.slots = 8, .graph = "a a") == -EINVAL);
	CHILD_CHECK(attach_consumer(ring, "a", NULL) == -EBUSY);
	CHILD_CHECK(attach_consumer(ring, "b", NULL) == -ENOENT);
	CHILD_CHECK(ring_open("no-such-ring", 1) == -ENOENT);
	close(role);
	return close(ring);
}

static int many_times(uint64_t *chances, long rounds)
{
	while (rounds--) {
		CHILD_CHECK(!create_and_close(chances));
		CHILD_CHECK(!use_and_close(chances));
		CHILD_CHECK(!refused(chances));
	}
	return 0;
}

#define ROUNDS	1000

TEST_F_TIMEOUT(storms, of_rings_leave_nothing, 90)
{
	/* What grows once, and stays, has grown before it is measured. */
	ASSERT_EQ(0, many_times(&self->chances, 50));
	ASSERT_TRUE(measure(&self->before));
	ASSERT_EQ(0, many_times(&self->chances, ROUNDS));
	EXPECT_EQ(0, leaks_that_stay(&self->before, ROUNDS));
}

#define KEPT	1000

/* The measure itself: so many rings, still open, are seen in every part of it. */
TEST_F_TIMEOUT(storms, that_leave_something_are_seen, 60)
{
	struct rlimit limit = { KEPT + 100, KEPT + 100 };
	static struct usage after;
	static int rings[KEPT];
	unsigned int i;

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	ASSERT_TRUE(measure(&self->before));
	for (i = 0; i < KEPT; i++) {
		rings[i] = ring_create(.graph = "a");
		ASSERT_LE(0, rings[i]);
	}
	ASSERT_TRUE(measure(&after));
	/* Three areas each, their pages, a file with its inode and dentry, ... */
	EXPECT_EQ(3 * KEPT, after.areas - self->before.areas);
	EXPECT_LE(3 * KEPT, after.pages - self->before.pages);
	EXPECT_LE(KEPT, after.module - self->before.module);
	EXPECT_LE(KEPT - NOISE, objects_of(&after, "dentry") -
				objects_of(&self->before, "dentry"));
	EXPECT_LE(3 + 3, leaks(&self->before, &after, KEPT, false));
	for (i = 0; i < KEPT; i++)
		close(rings[i]);
	EXPECT_EQ(0, leaks_that_stay(&self->before, KEPT));
}

/* ---- many processes that take and give back the same roles ----------------------- */

#define RACERS		4
#define RACE_MS		1500
#define NR_ROLES	3

static const char *const role_names[NR_ROLES] = { NULL, "a", "b" };

/**
 * struct race - what the racers share
 * @holders: of each role, by their own account
 * @taken: how often any was
 */
struct race {
	int ring;
	uint64_t seed;
	uint64_t end_ns;
	__u32 holders[NR_ROLES];
	__u32 taken;
};

static int race(void *context)
{
	struct race *race = context;
	uint64_t chances = race->seed + getpid();

	while (now_ns() < race->end_ns) {
		unsigned int role = chance_below(&chances, NR_ROLES);
		int fd = attach(race->ring, role_names[role], NULL);

		if (fd == -EBUSY)
			continue;
		CHILD_CHECK(fd >= 0);
		CHILD_CHECK(__atomic_add_fetch(&race->holders[role], 1,
					       __ATOMIC_SEQ_CST) == 1);
		__atomic_add_fetch(&race->taken, 1, __ATOMIC_RELAXED);
		if (chance_below(&chances, 2))
			CHILD_CHECK(map_own(fd, role));
		if (!chance_below(&chances, 4))
			sched_yield();
		__atomic_sub_fetch(&race->holders[role], 1, __ATOMIC_SEQ_CST);
		/* A map holds its fd: only a detach always gives the role back. */
		CHILD_CHECK(!detach(fd, 0));
		close(fd);
	}
	return 0;
}

TEST_F(storms, of_attaches_give_each_role_to_one)
{
	struct race *shared = shared_alloc(sizeof(*shared));
	pid_t pids[RACERS];
	unsigned int i;

	ASSERT_NE(NULL, shared);
	ASSERT_TRUE(measure(&self->before));
	shared->seed = self->chances;
	shared->ring = ring_create(.graph = "a b?:a");
	shared->end_ns = now_ns() + RACE_MS * 1000000ULL;
	for (i = 0; i < RACERS; i++)
		pids[i] = stage_start(race, shared);
	for (i = 0; i < RACERS; i++)
		EXPECT_EQ(0, child_wait(pids[i]));
	close(shared->ring);
	printf("# taken %u times\n", shared->taken);
	EXPECT_LT(200, shared->taken);
	EXPECT_EQ(0, leaks_that_stay(&self->before, shared->taken));
}

/* ---- killed in the middle ------------------------------------------------------- */

/**
 * struct makers - processes that make rings, until they are killed
 * @rounds: how many they have made
 * @most_us: how long one lives, at most
 */
struct makers {
	uint64_t chances;
	uint64_t rounds;
	unsigned int most_us;
};

/* Whatever it is about when it dies. */
static int make_and_map(void *context)
{
	struct makers *makers = context;
	uint64_t chances = makers->chances;

	for (;; shared_store(&makers->rounds, makers->rounds + 1)) {
		int ring = ring_create(.slots = 1024, .slot_size = 256,
				       .graph = "a b?");
		int producer = attach_producer(ring, NULL);
		int consumer = attach_consumer(ring, "b", NULL);
		char *events;

		CHILD_CHECK(producer >= 0 && consumer >= 0);
		events = map_region(producer, DISRUPTOR_REGION_EVENTS,
				    2 * 1024 * 256, PROT_READ | PROT_WRITE);
		CHILD_CHECK(events != MAP_FAILED);
		CHILD_CHECK(map_own(consumer, DISRUPTOR_SEAT_CONSUMER(1)));
		memset(events, 1, chance_below(&chances, 2 * 1024 * 256));
		munmap(events, 2 * 1024 * 256);
		if (chance_below(&chances, 2))
			detach(consumer, 0);
		close(consumer);
		close(producer);
		close(ring);
	}
}

/* A few rounds, however long this kernel takes for them. */
static bool choose_lifetime(struct makers *makers)
{
	uint64_t begun_ns = now_ns();
	pid_t pid = stage_start(make_and_map, makers);
	bool made = BECOMES_TRUE(shared_load(&makers->rounds) >= FEW_ROUNDS,
				 SETTLE_MS);

	makers->most_us = (now_ns() - begun_ns) / 1000;
	kill(pid, SIGKILL);
	return child_wait(pid) == -SIGKILL && made;
}

static int kill_makers(struct makers *makers, unsigned int deaths)
{
	while (deaths--) {
		pid_t pid = stage_start(make_and_map, makers);

		usleep(chance_below(&makers->chances, makers->most_us));
		kill(pid, SIGKILL);
		CHILD_CHECK(child_wait(pid) == -SIGKILL);
	}
	return 0;
}

#define DEATHS	600	/* enough to see what is kept of each process */

TEST_F_TIMEOUT(storms, of_deaths_leave_nothing, 120)
{
	struct makers *makers = shared_alloc(sizeof(*makers));

	ASSERT_NE(NULL, makers);
	makers->chances = self->chances;
	ASSERT_TRUE(choose_lifetime(makers));
	ASSERT_EQ(0, kill_makers(makers, 10));
	ASSERT_TRUE(measure(&self->before));
	makers->rounds = 0;
	ASSERT_EQ(0, kill_makers(makers, DEATHS));
	printf("# %lu rings\n", makers->rounds);
	EXPECT_LT(DEATHS / 10, makers->rounds);
	EXPECT_EQ(0, leaks_that_stay(&self->before, DEATHS));
}

/* ---- evicted while it maps, faults, unmaps and closes ------------------------------ */

struct siege {
	int ring;
	uint64_t evictions;
	uint64_t rounds;	/* of the victim */
	uint64_t faults;	/* that it survived */
	__u32 stop;
};

static __thread sigjmp_buf revoked;

static void on_sigbus(int sig)
{
	siglongjmp(revoked, sig);
}

struct target {
	int fd;
	__u32 stop;
};

/* A second thread in the same maps. */
static void *map_and_touch(void *context)
{
	struct target *target = context;
	char *events;
	unsigned int i;

	while (!shared_load(&target->stop)) {
		events = map_region(target->fd, DISRUPTOR_REGION_EVENTS,
				    2 * 65536, PROT_READ);
		if (events == MAP_FAILED)
			break;
		if (!sigsetjmp(revoked, 1)) {
			for (i = 0; i < 2 * 65536; i += 4096)
				(void)shared_load(&events[i]);
		}
		munmap(events, 2 * 65536);
	}
	return NULL;
}

static int hold_and_be_evicted(struct siege *siege)
{
	struct target target = { .stop = 0 };
	__u64 *counter;
	pthread_t thread;
	int i;

	target.fd = attach_in_turn(siege->ring, "a", &(uint64_t){ 0 });
	CHILD_CHECK(target.fd >= 0);
	CHILD_CHECK(!pthread_create(&thread, NULL, map_and_touch, &target));
	counter = map_own(target.fd, DISRUPTOR_SEAT_CONSUMER(0));
	if (!counter && errno != ESTALE)
		return 1;
	if (counter && sigsetjmp(revoked, 1))
		__atomic_add_fetch(&siege->faults, 1, __ATOMIC_RELAXED);
	else
		for (i = 0; counter && i < 2000; i++)
			counter_set(counter, 0);
	shared_store(&target.stop, 1);
	pthread_join(thread, NULL);
	if (counter)
		unmap_own(counter);
	i = detach(target.fd, 0);
	CHILD_CHECK(!i || i == -ESTALE);
	close(target.fd);
	return 0;
}

static int be_evicted(void *context)
{
	struct siege *siege = context;
	struct sigaction catch = { .sa_handler = on_sigbus };

	sigaction(SIGBUS, &catch, NULL);
	while (!shared_load(&siege->stop)) {
		CHILD_CHECK(!hold_and_be_evicted(siege));
		shared_store(&siege->rounds, siege->rounds + 1);
	}
	return 0;
}

#define SIEGE_MS	3000

TEST_F_TIMEOUT(storms, of_evictions_leave_nothing, 60)
{
	struct siege *siege = shared_alloc(sizeof(*siege));
	uint64_t end_ns;
	pid_t pids[2];
	unsigned int i;
	int err;

	ASSERT_NE(NULL, siege);
	ASSERT_TRUE(measure(&self->before));
	siege->ring = ring_create(.slots = 1024, .slot_size = 64, .graph = "a");
	for (i = 0; i < 2; i++)
		pids[i] = stage_start(be_evicted, siege);
	end_ns = now_ns() + SIEGE_MS * 1000000ULL;
	while (now_ns() < end_ns) {
		err = evict(siege->ring, "a", 0);
		ASSERT_TRUE(err == 0 || err == -ESRCH);
		siege->evictions += !err;
		usleep(chance_below(&self->chances, 2000));
	}
	shared_store(&siege->stop, 1);
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, child_wait(pids[i]));
	close(siege->ring);
	printf("# %lu evictions, %lu rounds, %lu survived faults\n",
	       siege->evictions, siege->rounds, siege->faults);
	EXPECT_LT(50, siege->evictions);
	EXPECT_LT(50, siege->rounds);
	EXPECT_LT(0, siege->faults);
	EXPECT_EQ(0, leaks_that_stay(&self->before, siege->rounds));
}

/* ---- what an evicted role wrote last ------------------------------------------------ */

static int count_up(void *context)
{
	int *args = context;	/* ring, pipe */
	__u64 *counter = map_own(attach_consumer(args[0], "a", NULL),
				 DISRUPTOR_SEAT_CONSUMER(0));
	__u64 value;

	CHILD_CHECK(counter);
	for (value = 1; ; value++) {
		counter_set(counter, value);
		if (value == 1000)
			CHILD_CHECK(signal_byte(args[1]));
	}
}

TEST_F(storms, after_an_eviction_nothing_is_written)
{
	unsigned int i;

	for (i = 0; i < 30; i++) {
		int ring = ring_create(.graph = "a");
		int ends[2];
		int args[2];
		uint64_t value;
		pid_t pid;

		ASSERT_EQ(0, pipe(ends));
		args[0] = ring;
		args[1] = ends[1];
		pid = stage_start(count_up, args);
		ASSERT_TRUE(await_byte(ends[0]));
		usleep(chance_below(&self->chances, 3000));
		ASSERT_EQ(0, evict(ring, "a", 0));
		value = counter_of(ring, DISRUPTOR_SEAT_CONSUMER(0));
		EXPECT_LE(1000, value);
		EXPECT_EQ(-SIGBUS, child_wait(pid));
		EXPECT_EQ(value, counter_of(ring, DISRUPTOR_SEAT_CONSUMER(0)));
		close(ends[0]);
		close(ends[1]);
		close(ring);
	}
}

/* ---- the module itself ---------------------------------------------------------------- */

static int module_load(void)
{
	static const char rig[] = "/rig/disruptor.ko";
	int fd = open(rig, O_RDONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return system("modprobe disruptor");
	ret = syscall(SYS_finit_module, fd, "", 0);
	close(fd);
	return ret;
}

static int module_unload(void)
{
	return syscall(SYS_delete_module, "disruptor", O_NONBLOCK) ? -errno : 0;
}

FIXTURE(reload) {
};

FIXTURE_SETUP(reload)
{
	if (getuid())
		SKIP(return, "needs root, to unload the module");
}

FIXTURE_TEARDOWN(reload)
{
}

/* Runs last, as it is declared last. */
TEST_F(reload, works_after_the_storms)
{
	struct stat device;
	uint64_t chances = chosen_seed();
	int i, ring;

	ASSERT_EQ(0, stat(DEVICE, &device));
	for (i = 0; i < 3; i++) {
		ring = ring_create(.graph = "a");
		ASSERT_LE(0, ring);
		close(device_fd());
		EXPECT_EQ(-EWOULDBLOCK, module_unload());
		close(ring);
		ASSERT_TRUE(BECOMES_TRUE(long_in(MODULE_REFCNT) == 0, SETTLE_MS));
		ASSERT_EQ(0, module_unload());
		EXPECT_NE(0, access(DEVICE, F_OK));
		ASSERT_EQ(0, module_load());
		ASSERT_TRUE(BECOMES_TRUE(!access(DEVICE, F_OK), SETTLE_MS));
		chmod(DEVICE, device.st_mode & 0777);
		/* device_fd() has the number; what it stands for is new. */
		ASSERT_EQ(device_fd(), open(DEVICE, O_RDWR | O_CLOEXEC));
		EXPECT_EQ(0, use_and_close(&chances));
	}
}

TEST_HARNESS_MAIN
