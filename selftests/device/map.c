// SPDX-License-Identifier: GPL-2.0-only
/* rig: user=root,plain bits=32,64 */
/*
 * The map: every region on every kind of fd, with every access really tried and
 * its fault caught; and the ways around mmap(2).
 */
#include "ring.h"

#include <sys/personality.h>

#include "kselftest_harness.h"

#define READ	PROT_READ
#define RW	(PROT_READ | PROT_WRITE)

enum fd_kind { RING, READ_RING, WRITE_RING, PRODUCER, READER, MODIFIER, NR_FDS };

static const char *const kind_names[NR_FDS] = {
	"ring", "read-only ring", "write-only ring", "producer", "consumer",
	"modifying consumer",
};

/* What the table of regions in linux/disruptor.h promises. */
enum rights { NONE, R, W };

static const unsigned int regions[] = {
	DISRUPTOR_REGION_CONTROL, DISRUPTOR_REGION_SEQUENCES,
	DISRUPTOR_REGION_OWN, DISRUPTOR_REGION_EVENTS,
};

#define NR_REGIONS	4

static const enum rights promised[NR_REGIONS][NR_FDS] = {
	/*               ring  r     w     prod  cons  modifies */
	/* control */	{ R,    R,    NONE, R,    R,    R },
	/* sequences */	{ R,    R,    NONE, R,    R,    R },
	/* own */	{ NONE, NONE, NONE, W,    W,    W },
	/* events */	{ R,    R,    NONE, W,    R,    W },
};

FIXTURE(map) {
	int fds[NR_FDS];
	size_t page;
	size_t events;			/* counted once */
	size_t bytes[NR_REGIONS];
};

FIXTURE_SETUP(map)
{
	struct full_info full;
	unsigned int i;
	char name[32];
	int ring;

	self->page = page_bytes();
	snprintf(name, sizeof(name), "map-test-%d", getpid());
	ring = ring_create(.slots = 8, .slot_size = 12, .name = name,
			   .mode = 0600, .graph = "reader modifier!:reader");
	ASSERT_LE(0, ring);
	ASSERT_EQ(0, info_of(ring, &full));
	self->events = full.info.events_bytes;
	ASSERT_EQ(3 * self->page, self->events);
	self->bytes[0] = sizeof(struct disruptor_control);
	self->bytes[1] = 3 * self->page;
	self->bytes[2] = self->page;
	self->bytes[3] = 2 * self->events;

	self->fds[RING] = ring;
	self->fds[READ_RING] = ring_open(name, DISRUPTOR_ACCESS_READ);
	self->fds[WRITE_RING] = ring_open(name, DISRUPTOR_ACCESS_WRITE);
	ASSERT_EQ(0, ring_unlink(name));
	self->fds[PRODUCER] = attach_producer(ring, NULL);
	self->fds[READER] = attach_consumer(ring, "reader", NULL);
	self->fds[MODIFIER] = attach_consumer(ring, "modifier", NULL);
	for (i = 0; i < NR_FDS; i++)
		ASSERT_LE(0, self->fds[i]);
}

FIXTURE_TEARDOWN(map)
{
	unsigned int i;

	for (i = 0; i < NR_FDS; i++)
		close(self->fds[i]);
}

/* 0 or the errno of a map. */
static int map_errno_at(int fd, __u64 offset, size_t bytes, int prot)
{
	void *at = mmap(NULL, bytes, prot, MAP_SHARED, fd, offset);

	if (at == MAP_FAILED)
		return errno;
	munmap(at, bytes);
	return 0;
}

/* Whether every page of [@at, @at + @bytes) can be read, and written or not. */
static bool access_is(unsigned char *at, size_t bytes, bool writable)
{
	size_t offset;

	for (offset = 0; offset < bytes; offset += page_bytes()) {
		if (read_fault(at + offset))
			return false;
		if (write_fault(at + offset + 1, 1) != (writable ? 0 : SIGSEGV))
			return false;
	}
	return true;
}

/* Map it with @prot and try, or find that it cannot be mapped. */
static bool gives(int fd, unsigned int region, size_t bytes, int prot,
		  bool granted)
{
	unsigned char *at = map_region(fd, region, bytes, prot);
	bool as_said;

	if (at == MAP_FAILED)
		return !granted && errno == EACCES;
	as_said = granted && access_is(at, bytes, prot & PROT_WRITE);
	munmap(at, bytes);
	return as_said;
}

TEST_F(map, gives_each_fd_the_access_to_each_region_that_is_promised)
{
	unsigned int r, k;

	for (r = 0; r < NR_REGIONS; r++) {
		for (k = 0; k < NR_FDS; k++) {
			enum rights rights = promised[r][k];
			size_t bytes = self->bytes[r];
			int fd = self->fds[k];

			EXPECT_TRUE(gives(fd, regions[r], bytes, READ,
					  rights != NONE) &&
				    gives(fd, regions[r], bytes, RW,
					  rights == W) &&
				    gives(fd, regions[r], bytes, PROT_WRITE,
					  rights == W)) {
				TH_LOG("region %u on a %s fd", regions[r],
				       kind_names[k]);
			}
		}
	}
}

TEST_F(map, refuses_execution_of_everything)
{
	unsigned int r, k;

	for (r = 0; r < NR_REGIONS; r++) {
		for (k = 0; k < NR_FDS; k++) {
			int fd = self->fds[k];
			size_t bytes = self->bytes[r];

			EXPECT_TRUE(refuses_execution(fd, regions[r], bytes, READ));
			EXPECT_TRUE(refuses_execution(fd, regions[r], bytes, RW));
			EXPECT_TRUE(refuses_execution(fd, regions[r], bytes, 0));
		}
	}
}

/* They ask for execution and do not know it. */
static int map_as_an_old_program(void *context)
{
	int *fd = context;

	CHILD_CHECK(personality(READ_IMPLIES_EXEC) != -1);
	CHILD_CHECK(!map_errno_at(*fd, DISRUPTOR_REGION_OFFSET(DISRUPTOR_REGION_OWN),
				  page_bytes(), RW));
	return 0;
}

TEST_F(map, can_be_had_by_programs_for_which_reading_implies_execution)
{
	EXPECT_EQ(0, in_child(map_as_an_old_program, &self->fds[NR_FDS - 1]));
}

TEST_F(map, refuses_to_be_upgraded_by_mprotect)
{
	unsigned int r, k;

	for (r = 0; r < NR_REGIONS; r++) {
		for (k = 0; k < NR_FDS; k++) {
			size_t bytes = self->bytes[r];
			unsigned char *at = map_region(self->fds[k], regions[r],
						       bytes, READ);

			if (at == MAP_FAILED)
				continue;
			/* Not even where a writable map could have been had. */
			EXPECT_EQ(-1, mprotect(at, bytes, RW));
			EXPECT_EQ(EACCES, errno);
			EXPECT_EQ(-1, mprotect(at, bytes, READ | PROT_EXEC));
			EXPECT_EQ(EACCES, errno);
			EXPECT_EQ(0, mprotect(at, bytes, PROT_NONE));
			EXPECT_EQ(SIGSEGV, read_fault(at));
			EXPECT_EQ(-1, mprotect(at, bytes, PROT_WRITE));
			EXPECT_EQ(0, mprotect(at, bytes, READ));
			EXPECT_TRUE(access_is(at, bytes, false));
			munmap(at, bytes);
		}
	}
}

TEST_F(map, stays_writable_through_a_downgrade_and_back)
{
	unsigned char *at = map_region(self->fds[PRODUCER],
				       DISRUPTOR_REGION_EVENTS,
				       self->bytes[3], RW);

	ASSERT_NE(MAP_FAILED, at);
	ASSERT_EQ(0, mprotect(at + self->page, self->page, READ));
	EXPECT_EQ(0, write_fault(at, 1));
	EXPECT_EQ(SIGSEGV, write_fault(at + self->page, 1));
	EXPECT_EQ(0, write_fault(at + 2 * self->page, 1));
	EXPECT_EQ(-1, mprotect(at, self->page, RW | PROT_EXEC));
	ASSERT_EQ(0, mprotect(at + self->page, self->page, RW));
	EXPECT_EQ(0, write_fault(at + self->page, 1));
	munmap(at, self->bytes[3]);
}

TEST_F(map, refuses_private_maps)
{
	unsigned int r, k;

	for (r = 0; r < NR_REGIONS; r++) {
		for (k = 0; k < NR_FDS; k++) {
			static const int prots[] = { PROT_NONE, READ, RW };
			unsigned int i;

			for (i = 0; i < 3; i++) {
				void *at = mmap(NULL, self->bytes[r], prots[i],
						MAP_PRIVATE, self->fds[k],
						DISRUPTOR_REGION_OFFSET(regions[r]));

				EXPECT_EQ(MAP_FAILED, at);
				EXPECT_EQ(EINVAL, errno);
			}
		}
	}
}

TEST_F(map, cannot_be_had_from_the_device)
{
	EXPECT_EQ(ENODEV, map_errno(device_fd(), DISRUPTOR_REGION_CONTROL,
				    self->page, READ));
	EXPECT_EQ(ENODEV, map_errno(device_fd(), DISRUPTOR_REGION_EVENTS,
				    self->page, READ));
}

TEST_F(map, refuses_what_lies_beyond_the_end_of_a_region)
{
	unsigned int r, k;

	for (r = 0; r < NR_REGIONS; r++) {
		__u64 start = DISRUPTOR_REGION_OFFSET(regions[r]);
		size_t bytes = (self->bytes[r] + self->page - 1) &
			       ~(self->page - 1);

		for (k = 0; k < NR_FDS; k++) {
			int fd = self->fds[k];
			enum rights rights = promised[r][k];
			int prot = rights == W ? RW : READ;

			EXPECT_EQ(EINVAL, map_errno_at(fd, start,
						       bytes + 1, prot));
			EXPECT_EQ(EINVAL, map_errno_at(fd, start, 1UL << 30,
						       prot));
			EXPECT_EQ(EINVAL, map_errno_at(fd, start + bytes, 1,
						       prot));
			EXPECT_EQ(EINVAL, map_errno_at(fd, start + self->page,
						       bytes, prot));
			/* Its last page alone is there. */
			EXPECT_EQ(rights == NONE ? EACCES : 0,
				  map_errno_at(fd, start + bytes - self->page,
					       self->page, prot));
		}
	}
}

TEST_F(map, refuses_regions_that_are_not_there)
{
	static const unsigned int absent[] = {
		DISRUPTOR_REGION_AVAILABILITY, 5, 6, 64, 1 << 20,
	};
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(absent); i++) {
		for (k = 0; k < NR_FDS; k++)
			EXPECT_EQ(EINVAL, map_errno(self->fds[k], absent[i],
						    self->page, READ));
	}
	/* The very end of what an offset can say. */
	EXPECT_NE(0, map_errno_at(self->fds[RING], ~0ULL << 12, self->page,
				  READ));
	EXPECT_NE(0, map_errno_at(self->fds[RING], 1ULL << 63, self->page,
				  READ));
}

TEST_F(map, gives_the_pages_of_a_region_from_any_page_on)
{
	unsigned char *all = map_region(self->fds[PRODUCER],
					DISRUPTOR_REGION_EVENTS,
					self->bytes[3], RW);
	size_t page = self->page;
	unsigned int i;

	ASSERT_NE(MAP_FAILED, all);
	for (i = 0; i < 3; i++)
		all[i * page + 7] = 0x10 + i;
	/* Each of the six pages by itself, and two across the seam. */
	for (i = 0; i < 6; i++) {
		__u64 offset = DISRUPTOR_REGION_OFFSET(DISRUPTOR_REGION_EVENTS) +
			       i * page;
		size_t bytes = i == 2 ? 2 * page : page;
		unsigned char *one = mmap(NULL, bytes, READ, MAP_SHARED,
					  self->fds[READER], offset);

		ASSERT_NE(MAP_FAILED, one);
		EXPECT_EQ(0x10 + i % 3, one[7]);
		if (i == 2)
			EXPECT_EQ(0x10, one[page + 7]);
		munmap(one, bytes);
	}
	munmap(all, self->bytes[3]);
}

TEST_F(map, shows_the_events_twice_back_to_back)
{
	unsigned char *w = map_region(self->fds[PRODUCER],
				      DISRUPTOR_REGION_EVENTS,
				      self->bytes[3], RW);
	unsigned char *r = map_region(self->fds[READER],
				      DISRUPTOR_REGION_EVENTS,
				      self->bytes[3], READ);
	size_t at, n = self->events;

	ASSERT_NE(MAP_FAILED, w);
	ASSERT_NE(MAP_FAILED, r);
	for (at = 0; at < n; at += 509) {
		w[at] = at % 251 + 1;
		ASSERT_EQ(w[at], w[at + n]);
		ASSERT_EQ(w[at], r[at]);
		ASSERT_EQ(w[at], r[at + n]);
		w[at + n] = at % 13 + 1;
		ASSERT_EQ(at % 13 + 1, w[at]);
		ASSERT_EQ(at % 13 + 1, r[at]);
	}
	/* A word across the seam is the end and the beginning. */
	memcpy(w + n - 4, "abcdefgh", sizeof("abcdefgh") - 1);
	EXPECT_EQ(0, memcmp(r, "efgh", 4));
	EXPECT_EQ(0, memcmp(r + 2 * n - 4, "abcd", 4));
	munmap(w, self->bytes[3]);
	munmap(r, self->bytes[3]);
}

TEST_F(map, shows_the_own_page_of_a_role_in_the_sequences)
{
	static const struct { enum fd_kind kind; unsigned int seat; } roles[] = {
		{ PRODUCER, 0 }, { READER, 1 }, { MODIFIER, 2 },
	};
	unsigned int i, k;

	for (i = 0; i < 3; i++) {
		__u64 *own = map_own(self->fds[roles[i].kind], roles[i].seat);

		ASSERT_NE(NULL, own);
		counter_set(own, 100 + i);
		for (k = 0; k < NR_FDS; k++) {
			if (k != WRITE_RING)
				EXPECT_EQ(100 + i, counter_of(self->fds[k],
							      roles[i].seat));
		}
		unmap_own(own);
	}
}

TEST_F(map, starts_with_zeroes_everywhere_but_in_the_control_region)
{
	unsigned int r;

	for (r = 1; r < NR_REGIONS; r++) {
		unsigned char *at = map_region(self->fds[PRODUCER], regions[r],
					       self->bytes[r], READ);
		size_t i, sum = 0;

		ASSERT_NE(MAP_FAILED, at);
		for (i = 0; i < self->bytes[r]; i++)
			sum += at[i];
		EXPECT_EQ(0, sum);
		munmap(at, self->bytes[r]);
	}
}

TEST_F(map, describes_the_ring_in_the_control_region)
{
	const struct disruptor_control *control = map_control(self->fds[READER]);
	unsigned int seat;

	ASSERT_NE(NULL, control);
	EXPECT_EQ(DISRUPTOR_LAYOUT_VERSION, control->layout);
	EXPECT_EQ(12, control->slot_size);
	EXPECT_EQ(8, control->slots);
	EXPECT_EQ(self->page / 4 - 1, control->index_mask);
	EXPECT_EQ(2, control->nr_consumers);
	EXPECT_EQ(1, control->producers);
	EXPECT_EQ(0, control->state);
	EXPECT_EQ(3, control->seat[0].waits_on);
	EXPECT_EQ(0, control->seat[1].waits_on);
	EXPECT_EQ(1, control->seat[2].waits_on);
	for (seat = 0; seat < DISRUPTOR_MAX_SEATS; seat++) {
		EXPECT_EQ(DISRUPTOR_NOBODY_SLEEPS, control->seat[seat].wake_at);
		EXPECT_EQ(0, control->seat[seat].fence);
	}
}

TEST_F(map, works_again_after_madvise_dontneed)
{
	unsigned char *w = map_region(self->fds[PRODUCER],
				      DISRUPTOR_REGION_EVENTS,
				      self->bytes[3], RW);
	unsigned char *r = map_region(self->fds[READER],
				      DISRUPTOR_REGION_EVENTS,
				      self->bytes[3], READ);

	ASSERT_NE(MAP_FAILED, w);
	ASSERT_NE(MAP_FAILED, r);
	w[5] = 77;
	ASSERT_EQ(77, r[5]);
	ASSERT_EQ(0, madvise(r, self->bytes[3], MADV_DONTNEED));
	/* Not for maps of bare page numbers, as writable ones are. */
	EXPECT_EQ(-1, madvise(w, self->bytes[3], MADV_DONTNEED));
	EXPECT_EQ(0, read_fault(r + 5));
	EXPECT_EQ(77, r[5]);
	EXPECT_EQ(77, r[self->events + 5]);
	EXPECT_EQ(0, write_fault(w + 5, 78));
	EXPECT_EQ(78, r[5]);
	munmap(w, self->bytes[3]);
	munmap(r, self->bytes[3]);
}

TEST_F(map, cannot_grow_but_can_move_and_shrink)
{
	unsigned int k;

	for (k = 0; k < NR_FDS; k++) {
		int prot = promised[3][k] == W ? RW : READ;
		unsigned char *at = map_region(self->fds[k],
					       DISRUPTOR_REGION_EVENTS,
					       self->page, prot);
		unsigned char *moved;

		if (at == MAP_FAILED)
			continue;
		EXPECT_EQ(MAP_FAILED, mremap(at, self->page, 2 * self->page,
					     MREMAP_MAYMOVE));
		/* The length 0 asks for a second map of the same pages. */
		EXPECT_EQ(MAP_FAILED, mremap(at, 0, self->page,
					     MREMAP_MAYMOVE));
		moved = mmap(NULL, self->page, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		ASSERT_EQ(moved, mremap(at, self->page, self->page,
					MREMAP_MAYMOVE | MREMAP_FIXED, moved));
		EXPECT_TRUE(access_is(moved, self->page, prot == RW));
		EXPECT_EQ(SIGSEGV, read_fault(at));
		munmap(moved, self->page);
	}
}

TEST_F(map, cannot_reach_another_region_with_remap_file_pages)
{
	unsigned char *own = map_region(self->fds[READER],
					DISRUPTOR_REGION_OWN, self->page, RW);
	unsigned int r;

	ASSERT_NE(MAP_FAILED, own);
	for (r = 0; r < NR_REGIONS; r++) {
		size_t pgoff = DISRUPTOR_REGION_OFFSET(regions[r]) / self->page;

		if (regions[r] == DISRUPTOR_REGION_OWN)
			continue;
		EXPECT_EQ(-1, remap_file_pages(own, self->page, 0, pgoff, 0));
	}
	munmap(own, self->page);
}

TEST_HARNESS_MAIN
