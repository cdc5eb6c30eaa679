/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The graph and the geometry of a ring: pure functions of what the caller asked
 * for.  The module and the library's private rings are built from this one file.
 */
#ifndef _DISRUPTOR_GRAPH_H
#define _DISRUPTOR_GRAPH_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#endif

#include <linux/disruptor.h>

/**
 * struct disruptor_geometry - the shape of a ring's events
 * @slots: how many events it holds
 * @slot_size: bytes of an event
 * @index_mask: slots of the events region, less one; see struct disruptor_info
 * @events_bytes: bytes of the events region, counted once
 */
struct disruptor_geometry {
	__u32 slots;
	__u32 slot_size;
	__u64 index_mask;
	__u64 events_bytes;
};

int disruptor_geometry_init(struct disruptor_geometry *geometry, __u32 slots,
			    __u32 slot_size, unsigned long page_size);
bool disruptor_name_valid(const char *name, size_t len);
int disruptor_graph_validate(const struct disruptor_consumer_config *consumers,
			     unsigned int nr);
__u64 disruptor_graph_waits_on(const struct disruptor_consumer_config *consumers,
			       __u64 present, unsigned int index);

#endif /* _DISRUPTOR_GRAPH_H */
