// SPDX-License-Identifier: GPL-2.0-only
/* rig: user=root,plain */
/*
 * Whoever cannot be told what it has got has not got it.  ATTACH and ADOPT make sure
 * that their answer can be written before they change anything, and write it when all
 * is done: here another thread takes the page away in between, now and then.
 */
#include "orphans.h"
#include "stream.h"

#include <poll.h>
#include <pthread.h>

#include "kselftest_harness.h"

#define TIMES		20
#define TRIES_MS	20000
#define ADOPT_MS	3000
#define LONG_MS		(3600 * 1000)

/**
 * struct flicker - a page that is there and not there
 * @args: where it always can be written
 * @page: where it cannot, half of the time
 * @stop: no more of it
 * @thread: whose work it is
 */
struct flicker {
	void *args;
	void *page;
	__u32 stop;
	pthread_t thread;
};

static void *take_and_give(void *context)
{
	struct flicker *flicker = context;

	while (!shared_load(&flicker->stop)) {
		mprotect(flicker->page, page_bytes(), PROT_READ);
		mprotect(flicker->page, page_bytes(), PROT_READ | PROT_WRITE);
	}
	return NULL;
}

static bool flicker_start(struct flicker *flicker)
{
	int fd = memfd_create("flicker", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, page_bytes()))
		return false;
	flicker->args = mmap(NULL, page_bytes(), PROT_READ | PROT_WRITE,
			     MAP_SHARED, fd, 0);
	flicker->page = mmap(NULL, page_bytes(), PROT_READ | PROT_WRITE,
			     MAP_SHARED, fd, 0);
	close(fd);
	return flicker->args != MAP_FAILED && flicker->page != MAP_FAILED &&
	       !pthread_create(&flicker->thread, NULL, take_and_give, flicker);
}

static void flicker_stop(struct flicker *flicker)
{
	shared_store(&flicker->stop, 1);
	pthread_join(flicker->thread, NULL);
	munmap(flicker->args, page_bytes());
	munmap(flicker->page, page_bytes());
}

/* "late" has its time, which is long. */
static int create(void)
{
	struct disruptor_consumer_config c[DISRUPTOR_MAX_CONSUMERS];
	struct disruptor_create_args args =
		create_args(&(struct ring_spec){
			.slots = 16, .graph = "first maybe? late group*2" }, c);

	c[2].expires_ms = LONG_MS;
	return ring_ioctl(device_fd(), DISRUPTOR_IOC_CREATE, &args);
}

static bool polls(int fd, short event)
{
	struct pollfd polled = { .fd = fd, .events = event };

	return poll(&polled, 1, 0) == 1 && polled.revents & event;
}

/* ---- ATTACH ------------------------------------------------------------------- */

FIXTURE(attach) {
	int ring;
	struct flicker flicker;
};

FIXTURE_VARIANT(attach) {
	const char *name;
};

FIXTURE_VARIANT_ADD(attach, producer) {
	.name = NULL,
};

FIXTURE_VARIANT_ADD(attach, consumer) {
	.name = "first",
};

FIXTURE_VARIANT_ADD(attach, optional) {
	.name = "maybe",
};

FIXTURE_VARIANT_ADD(attach, consumer_that_expires) {
	.name = "late",
};

FIXTURE_VARIANT_ADD(attach, worker) {
	.name = "group",
};

FIXTURE_SETUP(attach)
{
	memset(&self->flicker, 0, sizeof(self->flicker));
	self->ring = create();
	ASSERT_LE(0, self->ring);
	/* It has been there, and is gone. */
	ASSERT_EQ(0, close(attach(self->ring, variant->name, NULL)));
	ASSERT_TRUE(flicker_start(&self->flicker));
}

FIXTURE_TEARDOWN(attach)
{
	flicker_stop(&self->flicker);
	close(self->ring);
}

static int attach_untold(int ring, const struct flicker *flicker, const char *name)
{
	*(struct disruptor_attach_args *)flicker->args = attach_args(name);
	return ring_ioctl(ring, DISRUPTOR_IOC_ATTACH, flicker->page);
}

/* But for the epoch, which tells that masks have changed, and changed back. */
static bool all_as_before(struct full_stats *before, struct full_stats *now)
{
	now->stats.epoch = before->stats.epoch;
	now->stats.seats = before->stats.seats;
	return !memcmp(before, now, sizeof(*now));
}

TEST_F_TIMEOUT(attach, that_cannot_be_told_has_not_been, 60)
{
	uint64_t end_ns = now_ns() + TRIES_MS * 1000000ULL;
	static struct full_stats before, now;
	unsigned int times = 0;
	int fd;

	while (times < TIMES && now_ns() < end_ns) {
		ASSERT_EQ(0, stats_of(self->ring, &before));
		fd = attach_untold(self->ring, &self->flicker, variant->name);
		if (fd >= 0) {
			close(fd);
			continue;
		}
		ASSERT_EQ(-EFAULT, fd);
		/* There is news if it had been; else the first look has found out. */
		times += polls(self->ring, POLLPRI);
		ASSERT_EQ(0, stats_of(self->ring, &now));
		ASSERT_TRUE(all_as_before(&before, &now));
	}
	EXPECT_EQ(TIMES, times);
}

/* ---- ADOPT ---------------------------------------------------------------------- */

/* Keeps the lock of a ring busy: who adopts waits for it, with the page gone or not. */
struct asker {
	int ring;
	__u32 stop;
	pthread_t thread;
};

static void *ask(void *context)
{
	struct asker *asker = context;
	struct full_stats stats;

	while (!shared_load(&asker->stop))
		stats_of(asker->ring, &stats);
	return NULL;
}

FIXTURE(adopt) {
	int ring;
	struct flicker flicker;
	struct asker asker;
};

FIXTURE_SETUP(adopt)
{
	memset(&self->flicker, 0, sizeof(self->flicker));
	self->ring = create();
	ASSERT_LE(0, self->ring);
	ASSERT_TRUE(flicker_start(&self->flicker));
	self->asker = (struct asker){ .ring = self->ring };
	ASSERT_EQ(0, pthread_create(&self->asker.thread, NULL, ask, &self->asker));
}

FIXTURE_TEARDOWN(adopt)
{
	shared_store(&self->asker.stop, 1);
	pthread_join(self->asker.thread, NULL);
	flicker_stop(&self->flicker);
	close(self->ring);
}

static int adopt_untold(int role, const struct flicker *flicker)
{
	struct disruptor_adopt_args *args = flicker->args;

	*args = (struct disruptor_adopt_args){ .size = sizeof(*args), .most = 8 };
	return ring_ioctl(role, DISRUPTOR_IOC_ADOPT, flicker->page);
}

TEST_F_TIMEOUT(adopt, that_cannot_be_told_has_not_been, 60)
{
	uint64_t end_ns = now_ns() + ADOPT_MS * 1000000ULL;
	const struct disruptor_adopt_args *args = self->flicker.args;
	__u64 *cursor = map_own(attach_producer(self->ring, NULL), 0);
	unsigned int told = 0, untold = 0;
	static struct full_stats stats;
	__u64 *own;
	int role, err;

	ASSERT_NE(NULL, cursor);
	counter_set(cursor, 2);
	EXPECT_TRUE(leave_two_orphans(self->ring, "group"));
	role = attach_consumer(self->ring, "group", NULL);
	own = map_own(role, DISRUPTOR_SEAT_CONSUMER(3));
	ASSERT_NE(NULL, own);
	while (now_ns() < end_ns) {
		err = adopt_untold(role, &self->flicker);
		if (err == -EFAULT) {
			untold++;
			continue;
		}
		if (err == -EAGAIN)	/* not found yet, or again */
			continue;
		ASSERT_EQ(0, err);
		told++;
		EXPECT_EQ(0, args->lo);
		EXPECT_EQ(2, args->hi);
		/* Who unmaps its claim gives it up: there are orphans again. */
		unmap_own(own);
		ASSERT_TRUE(BECOMES_TRUE(polls(role, POLLIN), 5000));
		own = map_own(role, DISRUPTOR_SEAT_CONSUMER(3));
		ASSERT_NE(NULL, own);
	}
	printf("# %u adoptions were told, %u were not\n", told, untold);
	EXPECT_LT(0, told);
	EXPECT_LT(0, untold);
	ASSERT_EQ(0, stats_of(self->ring, &stats));
	EXPECT_EQ(2 * told, stats.stats.adopted);
}

TEST_HARNESS_MAIN
