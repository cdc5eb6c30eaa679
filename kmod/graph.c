// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The graph and the geometry of a ring.
 */
#include "core.h"

/*
 * A ring's memory comes in whole pages and is mapped twice back to back, so it
 * holds at least as many slots as fill pages exactly; sequences are spread over
 * all of them, while @slots of them are in use at any time.  A producer may write
 * any of these without anybody knowing which; for observers, who hold nobody up,
 * there are as many again that it may not write yet.
 */
int disruptor_geometry_init(struct disruptor_geometry *geometry, u32 slots,
			    u32 slot_size, u32 flags, unsigned long page_size)
{
	/* The largest power of two that divides slot_size. */
	unsigned long unit = slot_size & -slot_size;
	u64 memory_slots = slots;

	if (flags & ~(DISRUPTOR_RING_OUTLIVES | DISRUPTOR_RING_OBSERVED |
		      DISRUPTOR_RING_NODE | DISRUPTOR_RING_HUGE))
		return -EINVAL;
	if (!slots || slots & (slots - 1) || slots > DISRUPTOR_MAX_SLOTS)
		return -EINVAL;
	if (!slot_size || slot_size % DISRUPTOR_MIN_SLOT_SIZE ||
	    slot_size > DISRUPTOR_MAX_SLOT_SIZE)
		return -EINVAL;

	if (flags & DISRUPTOR_RING_OBSERVED)
		memory_slots *= 2;
	if (unit < page_size && memory_slots < page_size / unit)
		memory_slots = page_size / unit;
	if (memory_slots * slot_size > DISRUPTOR_MAX_EVENTS_BYTES)
		return -EINVAL;
	geometry->slots = slots;
	geometry->slot_size = slot_size;
	geometry->index_mask = memory_slots - 1;
	geometry->events_bytes = memory_slots * slot_size;
	return 0;
}

/* A name of @len bytes at the most, its NUL included. */
bool disruptor_name_valid(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < len && name[i]; i++) {
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '/')
			return false;
	}
	return i > 0 && i < len;
}

static bool name_taken(const struct disruptor_consumer_config *consumers,
		       unsigned int index)
{
	unsigned int i;

	for (i = 0; i < index; i++) {
		if (!strcmp(consumers[i].name, consumers[index].name))
			return true;
	}
	return false;
}

/* Workers of @consumer, if it is a group; else 0. */
static unsigned int workers(const struct disruptor_consumer_config *consumer)
{
	return consumer->workers > 1 ? consumer->workers : 0;
}

/* A consumer names only consumers before it: a cycle cannot be written down. */
int disruptor_graph_validate(const struct disruptor_consumer_config *consumers,
			     unsigned int nr)
{
	const u32 known = DISRUPTOR_CONSUMER_OPTIONAL |
			    DISRUPTOR_CONSUMER_MODIFIES;
	unsigned int all_workers = 0;
	unsigned int i;

	if (nr > DISRUPTOR_MAX_CONSUMERS)
		return -EINVAL;
	for (i = 0; i < nr; i++) {
		if (!disruptor_name_valid(consumers[i].name,
					  sizeof(consumers[i].name)))
			return -EINVAL;
		if (consumers[i].after >> i)
			return -EINVAL;
		if (consumers[i].flags & ~known)
			return -EINVAL;
		if (consumers[i].flags & DISRUPTOR_CONSUMER_OPTIONAL &&
		    consumers[i].expires_ms)
			return -EINVAL;
		if (consumers[i].workers > DISRUPTOR_MAX_WORKERS ||
		    consumers[i].reserved)
			return -EINVAL;
		if (name_taken(consumers, i))
			return -EINVAL;
		all_workers += workers(&consumers[i]);
	}
	return all_workers > DISRUPTOR_MAX_ALL_WORKERS ? -EINVAL : 0;
}

/* How many seats and groups there are, of the graph and the number of producers. */
void disruptor_core_measure(struct disruptor_core *core)
{
	unsigned int i;

	core->nr_groups = 0;
	core->nr_seats = 1 + core->nr_consumers;
	if (core->nr_producers > 1)
		core->nr_seats += core->nr_producers;
	for (i = 0; i < core->nr_consumers; i++) {
		core->nr_groups += workers(&core->consumers[i]) > 0;
		core->nr_seats += workers(&core->consumers[i]);
	}
}

/*
 * What consumer @index waits on while the consumers in @present are there: in
 * place of one that is away, what that one would wait on.  Replacing the highest
 * first ends after one pass, for a consumer comes only after lower ones.
 */
u64 disruptor_graph_waits_on(const struct disruptor_consumer_config *consumers,
			     u64 present, unsigned int index)
{
	u64 mask = consumers[index].after;
	unsigned int i;

	for (i = index; i-- > 0;) {
		u64 bit = 1ULL << i;

		if (mask & bit & ~present)
			mask = (mask & ~bit) | consumers[i].after;
	}
	return mask;
}
