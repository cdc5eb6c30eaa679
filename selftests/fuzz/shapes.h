/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The structs of <linux/disruptor.h> as the fuzzer fills them: what kind of value
 * each member has.  A new member is one more line.
 */
#ifndef SELFTESTS_FUZZ_SHAPES_H
#define SELFTESTS_FUZZ_SHAPES_H

#include <stddef.h>
#include <stdint.h>

#include <linux/disruptor.h>

/* What a member is; @of says more. */
enum kind {
	OUT,		/* written by the kernel: anything */
	SIZE,		/* of the struct itself, or of array elements: @of */
	RESERVED,
	FLAGS,		/* @of: those that exist */
	BELOW,		/* a number below @of, or a little more */
	SLOTS,
	SLOT_SIZE,
	CONSUMERS,	/* address of an array of struct disruptor_consumer_config */
	SEATS,		/* address of an array of struct disruptor_seat_stats */
	AFTER,		/* a mask of consumers */
	NAME,		/* of a ring, @of bytes */
	CONSUMER,	/* name of a consumer, @of bytes */
	MODE,
	MILLISECONDS,
	SEQUENCE,
	DEADLINE,
};

struct field {
	uint16_t offset;
	uint16_t size;
	enum kind kind;
	uint64_t of;
};

/* Where an ioctl belongs. */
enum place { ON_DEVICE = 1, ON_RING = 2, ON_ROLE = 4 };

struct shape {
	unsigned int cmd;
	enum place on;
	uint16_t size;
	uint16_t nr;
	const struct field *fields;
};

#define FIELD(type, member, kind, of) {					\
	offsetof(struct type, member),					\
	sizeof(((struct type *)0)->member), kind, of }
#define SHAPE(cmd, on, type, fields)					\
	{ cmd, on, sizeof(struct type), sizeof(fields) / sizeof((fields)[0]), fields }

#define F(member, kind, of)	FIELD(disruptor_consumer_config, member, kind, of)
static const struct field consumer_fields[] = {
	F(name, CONSUMER, DISRUPTOR_CONSUMER_NAME_LEN),
	F(after, AFTER, 0),
	F(flags, FLAGS, DISRUPTOR_CONSUMER_OPTIONAL | DISRUPTOR_CONSUMER_MODIFIES),
	F(expires_ms, MILLISECONDS, 0),
	F(workers, BELOW, 3),
	F(reserved, RESERVED, 0),
};
#undef F

#define F(member, kind, of)	FIELD(disruptor_create_args, member, kind, of)
static const struct field create_fields[] = {
	F(size, SIZE, sizeof(struct disruptor_create_args)),
	F(flags, FLAGS, DISRUPTOR_RING_OUTLIVES | DISRUPTOR_RING_OBSERVED |
			DISRUPTOR_RING_NODE | DISRUPTOR_RING_HUGE),
	F(slots, SLOTS, 0),
	F(slot_size, SLOT_SIZE, 0),
	F(consumers, CONSUMERS, 0),
	F(nr_consumers, BELOW, 4),
	F(consumer_size, SIZE, sizeof(struct disruptor_consumer_config)),
	F(mode, MODE, 0),
	F(producers, BELOW, 4),
	F(node, BELOW, 0),
	F(reserved, RESERVED, 0),
	F(name, NAME, DISRUPTOR_RING_NAME_LEN),
};
#undef F

#define F(member, kind, of)	FIELD(disruptor_open_args, member, kind, of)
static const struct field open_fields[] = {
	F(size, SIZE, sizeof(struct disruptor_open_args)),
	F(access, FLAGS, DISRUPTOR_ACCESS_READ | DISRUPTOR_ACCESS_WRITE),
	F(name, NAME, DISRUPTOR_RING_NAME_LEN),
};
#undef F

#define F(member, kind, of)	FIELD(disruptor_unlink_args, member, kind, of)
static const struct field unlink_fields[] = {
	F(size, SIZE, sizeof(struct disruptor_unlink_args)),
	F(reserved, RESERVED, 0),
	F(name, NAME, DISRUPTOR_RING_NAME_LEN),
};
#undef F

#define F(member, kind, of)	FIELD(disruptor_attach_args, member, kind, of)
static const struct field attach_fields[] = {
	F(size, SIZE, sizeof(struct disruptor_attach_args)),
	F(role, BELOW, 3),
	F(flags, RESERVED, 0),
	F(index, OUT, 0),
	F(sequence, OUT, 0),
	F(worker, OUT, 0),
	F(reserved, RESERVED, 0),
	F(name, CONSUMER, DISRUPTOR_CONSUMER_NAME_LEN),
};
#undef F

#define F(member, kind, of)	FIELD(disruptor_detach_args, member, kind, of)
static const struct field detach_fields[] = {
	F(size, SIZE, sizeof(struct disruptor_detach_args)),
	F(flags, FLAGS, DISRUPTOR_DETACH_END),
};
#undef F

#define F(member, kind, of)	FIELD(disruptor_evict_args, member, kind, of)
static const struct field evict_fields[] = {
	F(size, SIZE, sizeof(struct disruptor_evict_args)),
	F(role, BELOW, 3),
	F(flags, FLAGS, DISRUPTOR_EVICT_UNGATE),
	F(index, BELOW, 3),
	F(name, CONSUMER, DISRUPTOR_CONSUMER_NAME_LEN),
};
#undef F

#define F(member, kind, of)	FIELD(disruptor_info, member, kind, of)
static const struct field info_fields[] = {
	F(size, SIZE, sizeof(struct disruptor_info)),
	F(flags, OUT, 0),
	F(consumers, CONSUMERS, 0),
	F(nr_consumers, BELOW, 65),
	F(consumer_size, SIZE, sizeof(struct disruptor_consumer_config)),
};
#undef F

#define F(member, kind, of)	FIELD(disruptor_stats, member, kind, of)
static const struct field stats_fields[] = {
	F(size, SIZE, sizeof(struct disruptor_stats)),
	F(state, OUT, 0),
	F(seats, SEATS, 0),
	F(nr_seats, BELOW, 130),
	F(seat_size, SIZE, sizeof(struct disruptor_seat_stats)),
};
#undef F

#define F(member, kind, of)	FIELD(disruptor_wait_args, member, kind, of)
static const struct field wait_fields[] = {
	F(size, SIZE, sizeof(struct disruptor_wait_args)),
	F(flags, RESERVED, 0),
	F(target, SEQUENCE, 0),
	F(deadline_ns, DEADLINE, 0),
	F(reached, OUT, 0),
};
#undef F

#define F(member, kind, of)	FIELD(disruptor_adopt_args, member, kind, of)
static const struct field adopt_fields[] = {
	F(size, SIZE, sizeof(struct disruptor_adopt_args)),
	F(flags, RESERVED, 0),
	F(most, BELOW, 8),
	F(lo, OUT, 0),
	F(hi, OUT, 0),
};
#undef F

#define F(member, kind, of)	FIELD(disruptor_uring_wait, member, kind, of)
static const struct field uring_fields[] = {
	F(target, SEQUENCE, 0),
	F(deadline_ns, DEADLINE, 0),
};
#undef F

static const struct shape consumer_shape =
	SHAPE(0, 0, disruptor_consumer_config, consumer_fields);
static const struct shape uring_shape =
	SHAPE(0, 0, disruptor_uring_wait, uring_fields);

/* In the order in which programs are likely to need them. */
static const struct shape shapes[] = {
	SHAPE(DISRUPTOR_IOC_CREATE, ON_DEVICE, disruptor_create_args, create_fields),
	SHAPE(DISRUPTOR_IOC_ATTACH, ON_RING, disruptor_attach_args, attach_fields),
	SHAPE(DISRUPTOR_IOC_WAIT, ON_ROLE, disruptor_wait_args, wait_fields),
	SHAPE(DISRUPTOR_IOC_ADOPT, ON_ROLE, disruptor_adopt_args, adopt_fields),
	SHAPE(DISRUPTOR_IOC_OPEN, ON_DEVICE, disruptor_open_args, open_fields),
	SHAPE(DISRUPTOR_IOC_EVICT, ON_RING, disruptor_evict_args, evict_fields),
	SHAPE(DISRUPTOR_IOC_DETACH, ON_ROLE, disruptor_detach_args, detach_fields),
	SHAPE(DISRUPTOR_IOC_UNLINK, ON_DEVICE | ON_RING, disruptor_unlink_args,
	      unlink_fields),
	SHAPE(DISRUPTOR_IOC_INFO, ON_RING | ON_ROLE, disruptor_info, info_fields),
	SHAPE(DISRUPTOR_IOC_STATS, ON_RING | ON_ROLE, disruptor_stats,
	      stats_fields),
};

#endif /* SELFTESTS_FUZZ_SHAPES_H */
