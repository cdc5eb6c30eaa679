// SPDX-License-Identifier: GPL-2.0-only
/* rig: user=root,plain bits=32,64 */
/*
 * One layout for 32-bit and 64-bit programs: the numbers of the ABI, asserted in
 * both, and one process that talks to the kernel through both of its doors.
 * (Other device tests are built for both as well: "bits=32,64".)
 */
#include "ring.h"

#include "kselftest_harness.h"

#define SIZE(type, bytes)						\
	_Static_assert(sizeof(struct disruptor_##type) == (bytes),	\
		       "size of " #type)
#define OFFSET(type, member, bytes)					\
	_Static_assert(offsetof(struct disruptor_##type, member) == (bytes), \
		       #member " of " #type)

SIZE(consumer_config, 56);
OFFSET(consumer_config, after, 32);
OFFSET(consumer_config, flags, 40);
OFFSET(consumer_config, expires_ms, 44);
OFFSET(consumer_config, workers, 48);

SIZE(create_args, 112);
OFFSET(create_args, slots, 8);
OFFSET(create_args, consumers, 16);
OFFSET(create_args, nr_consumers, 24);
OFFSET(create_args, mode, 32);
OFFSET(create_args, name, 40);
OFFSET(create_args, node, 104);

SIZE(open_args, 72);
OFFSET(open_args, name, 8);
SIZE(unlink_args, 72);
OFFSET(unlink_args, name, 8);

SIZE(attach_args, 64);
OFFSET(attach_args, index, 12);
OFFSET(attach_args, sequence, 16);
OFFSET(attach_args, worker, 24);
OFFSET(attach_args, name, 32);

SIZE(detach_args, 8);
SIZE(evict_args, 48);
OFFSET(evict_args, name, 16);

SIZE(adopt_args, 32);
OFFSET(adopt_args, most, 8);
OFFSET(adopt_args, lo, 16);
OFFSET(adopt_args, hi, 24);

SIZE(wait_args, 32);
OFFSET(wait_args, target, 8);
OFFSET(wait_args, deadline_ns, 16);
OFFSET(wait_args, reached, 24);

SIZE(info, 152);
OFFSET(info, index_mask, 16);
OFFSET(info, events_bytes, 24);
OFFSET(info, consumers, 32);
OFFSET(info, nr_consumers, 40);
OFFSET(info, role, 48);
OFFSET(info, page_size, 60);
OFFSET(info, worker, 80);
OFFSET(info, node, 84);
OFFSET(info, name, 88);

SIZE(stats, 64);
OFFSET(stats, epoch, 8);
OFFSET(stats, memory_bytes, 16);
OFFSET(stats, huge_bytes, 24);
OFFSET(stats, aborted, 32);
OFFSET(stats, adopted, 40);
OFFSET(stats, seats, 48);
OFFSET(stats, nr_seats, 56);

SIZE(seat_stats, 80);
OFFSET(seat_stats, waits_on, 8);
OFFSET(seat_stats, flags, 16);
OFFSET(seat_stats, attaches, 24);

SIZE(publisher, 128);
OFFSET(publisher, orphans, 28);
OFFSET(control, epoch, 128);
OFFSET(control, aborted, 136);
OFFSET(control, state, 144);
OFFSET(control, seat, 256);
SIZE(control, 256 + 65 * 128);

TEST(a_ring_works_from_end_to_end)
{
	int ring = ring_create(.slots = 4, .slot_size = 8, .graph = "a");
	int producer = attach_producer(ring, NULL);
	int consumer = attach_consumer(ring, "a", NULL);
	__u64 *cursor = map_own(producer, 0);
	__u64 *sequence = map_own(consumer, 1);
	__u64 *in = map_region(producer, DISRUPTOR_REGION_EVENTS, page_bytes(),
			       PROT_READ | PROT_WRITE);
	const __u64 *out = map_region(consumer, DISRUPTOR_REGION_EVENTS,
				      page_bytes(), PROT_READ);
	__u64 i;

	ASSERT_NE(NULL, cursor);
	ASSERT_NE(NULL, sequence);
	ASSERT_NE(MAP_FAILED, in);
	ASSERT_NE(MAP_FAILED, (void *)out);
	for (i = 0; i < 1000; i++) {
		in[i % 512] = i * 0x100000001ULL;
		counter_set(cursor, i + 1);
		ASSERT_EQ(i + 1, counter_of(consumer, 0));
		ASSERT_EQ(i * 0x100000001ULL, out[i % 512]);
		counter_set(sequence, i + 1);
		ASSERT_EQ(i + 1, counter_of(producer, 1));
	}
}

#ifdef __x86_64__

/* The door of 32-bit programs: it takes the lower halves of its arguments. */
static long call32(long nr, long a, long b, long c)
{
	long ret = nr;

	asm volatile("int $0x80" : "+a" (ret)
		     : "b" (a), "c" (b), "d" (c)
		     : "memory", "r8", "r9", "r10", "r11");
	return (int)ret;
}

#define IOCTL32		54	/* i386's number */

TEST(a_64_bit_process_gets_the_same_answers_through_the_32_bit_door)
{
	struct disruptor_consumer_config *c;
	struct disruptor_create_args *create;
	struct disruptor_attach_args *args;
	struct full_info info;
	int ring, fd;
	char *low = mmap(NULL, 2 * page_bytes(), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	ASSERT_NE(MAP_FAILED, low);
	c = (void *)low;
	create = (void *)(low + page_bytes());
	*create = create_args(&(struct ring_spec){ .graph = "a b!:a" }, c);
	ring = call32(IOCTL32, device_fd(), DISRUPTOR_IOC_CREATE,
		      (uintptr_t)create);
	ASSERT_LE(0, ring);
	ASSERT_EQ(0, info_of(ring, &info));
	EXPECT_EQ(2, info.info.nr_consumers);
	EXPECT_EQ(0, memcmp(info.graph, c, 2 * sizeof(*c)));

	args = (void *)low;
	*args = attach_args("b");
	fd = call32(IOCTL32, ring, DISRUPTOR_IOC_ATTACH, (uintptr_t)args);
	EXPECT_LE(0, fd);
	EXPECT_EQ(1, args->index);
	EXPECT_EQ(0, args->sequence);
	EXPECT_EQ(-EBUSY, call32(IOCTL32, ring, DISRUPTOR_IOC_ATTACH,
				 (uintptr_t)args));
	EXPECT_EQ(-ENOTTY, call32(IOCTL32, ring, DISRUPTOR_IOC_CREATE,
				  (uintptr_t)create));
	EXPECT_EQ(-EFAULT, call32(IOCTL32, ring, DISRUPTOR_IOC_INFO, 0));
	close(fd);
	close(ring);
}

#endif

TEST_HARNESS_MAIN
