/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The layout that <linux/disruptor.h> promises, the same for 32 and 64 bits.
 */
#include <linux/disruptor.h>
#include <stddef.h>

#ifndef __cplusplus
#define static_assert _Static_assert
#endif

#define SIZE(type, bytes) \
	static_assert(sizeof(struct type) == (bytes), "sizeof " #type)
#define AT(type, member, offset) \
	static_assert(offsetof(struct type, member) == (offset), \
		      "offset of " #type "." #member)

AT(disruptor_consumer_config, name, 0);
AT(disruptor_consumer_config, after, 32);
AT(disruptor_consumer_config, flags, 40);
AT(disruptor_consumer_config, expires_ms, 44);
AT(disruptor_consumer_config, workers, 48);
AT(disruptor_consumer_config, reserved, 52);
SIZE(disruptor_consumer_config, 56);

AT(disruptor_create_args, size, 0);
AT(disruptor_create_args, flags, 4);
AT(disruptor_create_args, slots, 8);
AT(disruptor_create_args, slot_size, 12);
AT(disruptor_create_args, consumers, 16);
AT(disruptor_create_args, nr_consumers, 24);
AT(disruptor_create_args, consumer_size, 28);
AT(disruptor_create_args, mode, 32);
AT(disruptor_create_args, producers, 36);
AT(disruptor_create_args, name, 40);
AT(disruptor_create_args, node, 104);
AT(disruptor_create_args, reserved, 108);
SIZE(disruptor_create_args, 112);

AT(disruptor_open_args, size, 0);
AT(disruptor_open_args, access, 4);
AT(disruptor_open_args, name, 8);
SIZE(disruptor_open_args, 72);

AT(disruptor_unlink_args, size, 0);
AT(disruptor_unlink_args, reserved, 4);
AT(disruptor_unlink_args, name, 8);
SIZE(disruptor_unlink_args, 72);

AT(disruptor_attach_args, size, 0);
AT(disruptor_attach_args, role, 4);
AT(disruptor_attach_args, flags, 8);
AT(disruptor_attach_args, index, 12);
AT(disruptor_attach_args, sequence, 16);
AT(disruptor_attach_args, worker, 24);
AT(disruptor_attach_args, reserved, 28);
AT(disruptor_attach_args, name, 32);
SIZE(disruptor_attach_args, 64);

AT(disruptor_detach_args, size, 0);
AT(disruptor_detach_args, flags, 4);
SIZE(disruptor_detach_args, 8);

AT(disruptor_evict_args, size, 0);
AT(disruptor_evict_args, role, 4);
AT(disruptor_evict_args, flags, 8);
AT(disruptor_evict_args, index, 12);
AT(disruptor_evict_args, name, 16);
SIZE(disruptor_evict_args, 48);

AT(disruptor_info, size, 0);
AT(disruptor_info, flags, 4);
AT(disruptor_info, slots, 8);
AT(disruptor_info, slot_size, 12);
AT(disruptor_info, index_mask, 16);
AT(disruptor_info, events_bytes, 24);
AT(disruptor_info, consumers, 32);
AT(disruptor_info, nr_consumers, 40);
AT(disruptor_info, consumer_size, 44);
AT(disruptor_info, role, 48);
AT(disruptor_info, index, 52);
AT(disruptor_info, access, 56);
AT(disruptor_info, page_size, 60);
AT(disruptor_info, mode, 64);
AT(disruptor_info, uid, 68);
AT(disruptor_info, gid, 72);
AT(disruptor_info, producers, 76);
AT(disruptor_info, worker, 80);
AT(disruptor_info, node, 84);
AT(disruptor_info, name, 88);
SIZE(disruptor_info, 152);

AT(disruptor_seat_stats, sequence, 0);
AT(disruptor_seat_stats, waits_on, 8);
AT(disruptor_seat_stats, flags, 16);
AT(disruptor_seat_stats, pid, 20);
AT(disruptor_seat_stats, attaches, 24);
AT(disruptor_seat_stats, detaches, 32);
AT(disruptor_seat_stats, losses, 40);
AT(disruptor_seat_stats, evictions, 48);
AT(disruptor_seat_stats, sleeps, 56);
AT(disruptor_seat_stats, wakes, 64);
AT(disruptor_seat_stats, interrupts, 72);
SIZE(disruptor_seat_stats, 80);

AT(disruptor_stats, size, 0);
AT(disruptor_stats, state, 4);
AT(disruptor_stats, epoch, 8);
AT(disruptor_stats, memory_bytes, 16);
AT(disruptor_stats, huge_bytes, 24);
AT(disruptor_stats, aborted, 32);
AT(disruptor_stats, adopted, 40);
AT(disruptor_stats, seats, 48);
AT(disruptor_stats, nr_seats, 56);
AT(disruptor_stats, seat_size, 60);
SIZE(disruptor_stats, 64);

AT(disruptor_wait_args, size, 0);
AT(disruptor_wait_args, flags, 4);
AT(disruptor_wait_args, target, 8);
AT(disruptor_wait_args, deadline_ns, 16);
AT(disruptor_wait_args, reached, 24);
SIZE(disruptor_wait_args, 32);

AT(disruptor_adopt_args, size, 0);
AT(disruptor_adopt_args, flags, 4);
AT(disruptor_adopt_args, most, 8);
AT(disruptor_adopt_args, lo, 16);
AT(disruptor_adopt_args, hi, 24);
SIZE(disruptor_adopt_args, 32);

AT(disruptor_uring_wait, target, 0);
AT(disruptor_uring_wait, deadline_ns, 8);
SIZE(disruptor_uring_wait, 16);

AT(disruptor_intent, lo, 0);
AT(disruptor_intent, hi, 8);
SIZE(disruptor_intent, 16);

AT(disruptor_publisher, look_at, 0);
AT(disruptor_publisher, wake_at, 8);
AT(disruptor_publisher, waits_on, 16);
AT(disruptor_publisher, fence, 24);
AT(disruptor_publisher, orphans, 28);
SIZE(disruptor_publisher, DISRUPTOR_LINE);

AT(disruptor_control, layout, 0);
AT(disruptor_control, slot_size, 4);
AT(disruptor_control, slots, 8);
AT(disruptor_control, index_mask, 16);
AT(disruptor_control, nr_consumers, 24);
AT(disruptor_control, nr_producers, 28);
AT(disruptor_control, epoch, 128);
AT(disruptor_control, aborted, 136);
AT(disruptor_control, state, 144);
AT(disruptor_control, producers, 148);
AT(disruptor_control, seat, 256);
SIZE(disruptor_control, 256 + 65 * 128);

static_assert(_IOC_TYPE(DISRUPTOR_IOC_CREATE) == 0xde, "ioctl type");
static_assert(DISRUPTOR_IOC_CREATE == 0xde00 && DISRUPTOR_IOC_OPEN == 0xde01 &&
	      DISRUPTOR_IOC_UNLINK == 0xde02 && DISRUPTOR_IOC_ATTACH == 0xde03 &&
	      DISRUPTOR_IOC_DETACH == 0xde04 && DISRUPTOR_IOC_EVICT == 0xde05 &&
	      DISRUPTOR_IOC_INFO == 0xde06 && DISRUPTOR_IOC_STATS == 0xde07 &&
	      DISRUPTOR_IOC_WAIT == 0xde08 && DISRUPTOR_IOC_WAKE == 0xde09 &&
	      DISRUPTOR_IOC_ADOPT == 0xde0a,
	      "ioctl numbers");
static_assert(DISRUPTOR_REGION_OFFSET(DISRUPTOR_REGION_EVENTS) == 4ULL << 40,
	      "region offsets");
