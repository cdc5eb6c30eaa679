// SPDX-License-Identifier: GPL-2.0-only
/*
 * A ring's pages, and what limits them: the module's own bound, the creator's
 * RLIMIT_MEMLOCK, and its memory cgroup.  A ring can outlive the process that
 * made it, so the limit is counted per user, as perf and io_uring do.
 */
#include <linux/atomic.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/vmalloc.h>

#include "internal.h"

static unsigned long max_bytes;
module_param(max_bytes, ulong, 0644);
MODULE_PARM_DESC(max_bytes, "memory of all rings together (default: a quarter of the machine's)");

static atomic_long_t total_pages;

void disruptor_memory_init(void)
{
	if (!max_bytes)
		max_bytes = totalram_pages() / 4 * PAGE_SIZE;
}

/* Add to a count unless that takes it over the limit. */
static bool charge_within(atomic_long_t *count, unsigned long pages,
			  unsigned long limit)
{
	long old = atomic_long_read(count);

	do {
		if (pages > limit || old > (long)(limit - pages))
			return false;
	} while (!atomic_long_try_cmpxchg(count, &old, old + pages));
	return true;
}

/* Its credentials keep the user: not every 6.1 lets modules have free_uid(). */
static void uncharge_payer(struct disruptor_memory *memory)
{
	if (!memory->payer)
		return;
	atomic_long_sub(memory->pages, &memory->payer->user->locked_vm);
	put_cred(memory->payer);
}

static int charge(struct disruptor_memory *memory)
{
	unsigned long user_limit = min_t(unsigned long, LONG_MAX,
					 rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT);

	if (!capable(CAP_IPC_LOCK)) {
		if (!charge_within(&current_user()->locked_vm, memory->pages,
				   user_limit))
			return -EPERM;
		memory->payer = get_current_cred();
	}
	if (!charge_within(&total_pages, memory->pages,
			   READ_ONCE(max_bytes) >> PAGE_SHIFT)) {
		uncharge_payer(memory);
		return -ENOMEM;
	}
	return 0;
}

static void uncharge(struct disruptor_memory *memory)
{
	atomic_long_sub(memory->pages, &total_pages);
	uncharge_payer(memory);
}

/*
 * Charged to the caller's memory cgroup.  A ring that does not fit is the
 * caller's error: no warning in the log, and nobody is killed to make room.
 */
static void *zeroed_pages(unsigned long bytes)
{
	return __vmalloc(bytes, GFP_KERNEL_ACCOUNT | __GFP_ZERO |
				__GFP_NOWARN | __GFP_RETRY_MAYFAIL);
}

static void free_pages_of(struct disruptor_memory *memory)
{
	vfree(memory->events);
	vfree(memory->done);
	vfree(memory->availability);
	vfree(memory->sequences);
	vfree(memory->control);
}

int disruptor_memory_alloc(struct disruptor_memory *memory,
			   const struct disruptor_core *core)
{
	const struct disruptor_geometry *geometry = &core->geometry;
	unsigned long control = PAGE_ALIGN(sizeof(*memory->control));
	unsigned long sequences = core->nr_seats * PAGE_SIZE;
	unsigned long availability = core->nr_producers < 2 ? 0 :
		disruptor_laps_bytes(core);
	unsigned long done = core->nr_groups * disruptor_laps_bytes(core);
	unsigned long others = control + sequences + availability + done;
	int err;

	if (geometry->events_bytes > LONG_MAX - others)
		return -ENOMEM;
	memory->pages = (others + geometry->events_bytes) >> PAGE_SHIFT;
	err = charge(memory);
	if (err)
		return err;

	memory->control = zeroed_pages(control);
	memory->sequences = zeroed_pages(sequences);
	if (availability)
		memory->availability = zeroed_pages(availability);
	if (done)
		memory->done = zeroed_pages(done);
	memory->events = zeroed_pages(geometry->events_bytes);
	if (memory->control && memory->sequences && memory->events &&
	    (memory->availability || !availability) &&
	    (memory->done || !done))
		return 0;

	free_pages_of(memory);
	uncharge(memory);
	return -ENOMEM;
}

void disruptor_memory_free(struct disruptor_memory *memory)
{
	free_pages_of(memory);
	uncharge(memory);
}
