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
#include <linux/bitmap.h>
#include <linux/cpumask.h>
#include <linux/preempt.h>
#include <linux/smp.h>

#include "internal.h"

static void full_barrier(void *unused)
{
	/*
	 * Between whatever two accesses of the hot path it falls: see
	 * membership.c for readers of masks, wait.c for publishers.
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

/*
 * Under ring->lock.  When this returns, whoever holds one of @seats (a bitmap)
 * has passed a full barrier since the call, wherever it runs.
 */
void disruptor_fence_holders(struct disruptor_ring *ring,
			     const unsigned long *seats)
{
	cpumask_var_t cpus;
	unsigned int seat;

	if (!zalloc_cpumask_var(&cpus, GFP_KERNEL)) {
		on_each_cpu(full_barrier, NULL, 1);
		return;
	}
	/* Before the masks are read: a thread that starts to run after that. */
	smp_mb();
	for_each_set_bit(seat, seats, DISRUPTOR_MAX_SEATS) {
		if (ring->seats[seat].holder)
			add_cpus_of(ring->seats[seat].holder, cpus);
	}
	preempt_disable();
	smp_call_function_many(cpus, full_barrier, NULL, true);
	preempt_enable();
	/* After them: what is read next is what they had stored. */
	smp_mb();
	free_cpumask_var(cpus);
}
