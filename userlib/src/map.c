// SPDX-License-Identifier: MIT
/*
 * The regions of a role fd.
 */
#include <sys/mman.h>

#include "internal.h"

/* @consumer: in the graph; NULL: the fd is no consumer's. */
int maps_open(struct maps *maps, int fd, const struct disruptor_info *info,
	      const struct disruptor_consumer_config *consumer)
{
	const int rw = PROT_READ | PROT_WRITE;
	bool several = info->producers > 1;
	bool produces = info->role == DISRUPTOR_ROLE_PRODUCER;
	bool works = consumer && consumer->workers > 1;
	bool modifies = produces || (consumer &&
				     consumer->flags & DISRUPTOR_CONSUMER_MODIFIES);
	size_t seats = 1 + info->nr_consumers;
	size_t own = works || (several && produces) ? 2 : 1;
	uint64_t laps = (info->index_mask + 1) * sizeof(uint32_t);
	int err;

	/* First the one that says whether another process has them. */
	err = info->role == DISRUPTOR_ROLE_NONE ? 0 :
	      sys_map(&maps->own, own * info->page_size, rw, fd,
		      DISRUPTOR_REGION_OWN);
	if (!err)
		err = sys_map(&maps->control, sizeof(struct disruptor_control),
			      PROT_READ, fd, DISRUPTOR_REGION_CONTROL);
	if (!err)
		err = sys_map(&maps->sequences, seats * info->page_size,
			      PROT_READ, fd, DISRUPTOR_REGION_SEQUENCES);
	if (!err && several)
		err = sys_map(&maps->availability, laps,
			      produces ? rw : PROT_READ, fd,
			      DISRUPTOR_REGION_AVAILABILITY);
	if (!err)
		err = sys_map(&maps->events, 2 * info->events_bytes,
			      modifies ? rw : PROT_READ, fd,
			      DISRUPTOR_REGION_EVENTS);
	if (!err && works)
		err = sys_map(&maps->done, laps, rw, fd, DISRUPTOR_REGION_DONE);
	if (err)
		maps_close(maps);
	return err;
}

void maps_view(const struct maps *maps, const struct disruptor_info *info,
	       struct disruptor_view *view)
{
	*view = (struct disruptor_view){
		.events = maps->events.at,
		.index_mask = info->index_mask,
		.slots = info->slots,
		.slot_size = info->slot_size,
		.sequences = maps->sequences.at,
		.page_size = info->page_size,
		.control = maps->control.at,
		.availability = maps->availability.at,
		.consumers = all_consumers(info->nr_consumers),
		.lap_shift = __builtin_ctzll(info->index_mask + 1),
	};
}

void maps_close(struct maps *maps)
{
	sys_unmap(&maps->done);
	sys_unmap(&maps->events);
	sys_unmap(&maps->availability);
	sys_unmap(&maps->sequences);
	sys_unmap(&maps->control);
	sys_unmap(&maps->own);
}
