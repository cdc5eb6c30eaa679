// SPDX-License-Identifier: GPL-2.0-only
/*
 * Full barriers on other people's processors: the heavy side of what lets the
 * hot path do without.
 *
 * A thread that is not running needs none: it passes a full barrier before it
 * runs again.  So it is enough to interrupt the processors on which the address
 * spaces concerned may be running.  On x86 those are in mm_cpumask(), as the
 * kernel's own LDT and rdpmc updates have it; elsewhere, all are taken.
 */
#include <linux/bits.h>
#include <linux/cpumask.h>
#include <linux/preempt.h>
#include <linux/smp.h>

#include "internal.h"

static void full_barrier(void *unused)
{
	/*
	 * Between whatever two accesses of the hot path it falls: see
	 * membership.c for readers of masks, waiters.c for publishers.
	 */
	smp_mb();
}

static void add_cpus_of(struct disruptor_handle *holder, struct cpumask *cpus)
{
	mutex_lock(&holder->map_lock);
	if (!holder->writable_maps)
		goto out;	/* it cannot publish, and needs no mask */
	if (IS_ENABLED(CONFIG_X86))
		cpumask_or(cpus, cpus, mm_cpumask(holder->writer));
	else
		cpumask_copy(cpus, cpu_online_mask);
out:
	mutex_unlock(&holder->map_lock);
}

static void add_cpus_of_seat(struct disruptor_ring *ring, unsigned int seat,
			     struct cpumask *cpus)
{
	struct disruptor_handle *holder = ring->seats[seat].holder;

	if (holder)
		add_cpus_of(holder, cpus);
}

static void add_cpus_of_all(struct disruptor_ring *ring,
			    const struct disruptor_claims *claims,
			    struct cpumask *cpus)
{
	unsigned int i;

	for (i = 0; i < claims->nr; i++)
		add_cpus_of_seat(ring, claims->first + i, cpus);
}

static void add_cpus_of_producers(struct disruptor_ring *ring,
				  struct cpumask *cpus)
{
	add_cpus_of_seat(ring, DISRUPTOR_SEAT_PRODUCERS, cpus);
	add_cpus_of_all(ring, &ring->core.producers, cpus);
}

static void add_cpus_of_consumer(struct disruptor_ring *ring, unsigned int seat,
				 struct cpumask *cpus)
{
	struct disruptor_group *group = disruptor_group_of(&ring->core, seat);

	if (group)
		add_cpus_of_all(ring, &group->claims, cpus);
	else
		add_cpus_of_seat(ring, seat, cpus);
}

/*
 * Under ring->lock.  When this returns, whoever holds one of @seats has passed a
 * full barrier since the call, wherever it runs.
 */
void disruptor_fence_holders(struct disruptor_ring *ring,
			     const struct disruptor_seat_set *seats)
{
	cpumask_var_t cpus;
	unsigned int i;

	if (!zalloc_cpumask_var(&cpus, GFP_KERNEL)) {
		on_each_cpu(full_barrier, NULL, 1);
		return;
	}
	/* Before the masks are read: a thread that starts to run after that. */
	smp_mb();
	if (seats->producers)
		add_cpus_of_producers(ring, cpus);
	for (i = 0; i < ring->core.nr_consumers; i++) {
		if (seats->consumers & BIT_ULL(i))
			add_cpus_of_consumer(ring, DISRUPTOR_SEAT_CONSUMER(i),
					     cpus);
	}
	preempt_disable();
	smp_call_function_many(cpus, full_barrier, NULL, true);
	preempt_enable();
	/* After them: what is read next is what they had stored. */
	smp_mb();
	free_cpumask_var(cpus);
}
