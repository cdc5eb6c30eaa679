/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * "A call that fails changes nothing": all that can be seen of a ring and of
 * this process's files, to compare byte by byte.
 */
#ifndef SELFTESTS_DEVICE_SNAPSHOT_H
#define SELFTESTS_DEVICE_SNAPSHOT_H

#include "ring.h"

struct snapshot {
	struct full_info info;
	struct full_stats stats;
	int info_result;
	int stats_result;
	int fds;
};

static inline void snapshot_take(struct snapshot *s, int fd)
{
	memset(s, 0, sizeof(*s));
	s->info_result = info_of(fd, &s->info);
	s->stats_result = stats_of(fd, &s->stats);
	/* Where the arrays are is not a property of the ring. */
	s->info.info.consumers = 0;
	s->stats.stats.seats = 0;
	s->fds = open_fds();
}

/* Whether all is as it was; says what is not. */
static inline bool snapshot_holds(const struct snapshot *before, int fd)
{
	struct snapshot now;

	snapshot_take(&now, fd);
	if (now.fds != before->fds)
		fprintf(stderr, "# %d fds are open, not %d\n", now.fds,
			before->fds);
	if (now.info_result != before->info_result ||
	    memcmp(&now.info, &before->info, sizeof(now.info)))
		fprintf(stderr, "# INFO differs\n");
	if (now.stats_result != before->stats_result ||
	    memcmp(&now.stats, &before->stats, sizeof(now.stats)))
		fprintf(stderr, "# STATS differs\n");
	return !memcmp(&now, before, sizeof(now));
}

#endif /* SELFTESTS_DEVICE_SNAPSHOT_H */
