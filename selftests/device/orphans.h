/* SPDX-License-Identifier: GPL-2.0-only */
/* Events that a worker has taken, and leaves by its death. */
#ifndef SELFTESTS_DEVICE_ORPHANS_H
#define SELFTESTS_DEVICE_ORPHANS_H

#include "ring.h"

#include <disruptor.h>

/* A worker of @group of @ring. */
struct victim {
	int ring;
	const char *group;
};

static inline int take_two_and_die(void *context)
{
	const struct victim *victim = context;
	struct disruptor_worker *worker;
	struct disruptor_range range;
	int role = attach_consumer(victim->ring, victim->group, NULL);

	CHILD_CHECK(!disruptor_worker_from_fd(&worker, role));
	CHILD_CHECK(!disruptor_worker_try_take(worker, 2, &range));
	return raise(SIGKILL);
}

/* Of two published events or more.  Whether they are found by now is another matter. */
static inline bool leave_two_orphans(int ring, const char *group)
{
	struct victim victim = { ring, group };

	return in_child(take_two_and_die, &victim) == -SIGKILL;
}

#endif
