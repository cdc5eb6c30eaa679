// SPDX-License-Identifier: GPL-2.0-only
/*
 * A ring's pages, and what limits them: the module's own bound, the creator's
 * RLIMIT_MEMLOCK, and its memory cgroup.  A ring can outlive the process that
 * made it, so the limit is counted per user, as perf and io_uring do.
 */
#include <linux/atomic.h>
#include <linux/capability.h>
#include <linux/cpuset.h>
#include <linux/cred.h>
#include <linux/gfp.h>
#include <linux/moduleparam.h>
#include <linux/nodemask.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/vmalloc.h>

#include "compat.h"
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

#define GFP_PAGES	(DISRUPTOR_GFP | __GFP_ZERO)

/* May the caller have memory of that node?  As mbind(2) has it. */
bool disruptor_memory_has_node(unsigned int node)
{
	return node < MAX_NUMNODES && node_state(node, N_MEMORY) &&
	       node_isset(node, cpuset_current_mems_allowed);
}

/*
 * As many of @pages as are easily had in huge ones, from the first on: they come
 * as small ones that lie together.  How many.
 */
static unsigned long add_huge(struct page **pages, unsigned long nr, int node)
{
	unsigned long got = 0;
#ifdef DISRUPTOR_HUGE_ORDER
	const gfp_t gfp = (GFP_PAGES & ~__GFP_RETRY_MAYFAIL) | __GFP_NORETRY;
	struct page *page;
	unsigned int i;

	while (got < nr && !fatal_signal_pending(current)) {
		page = alloc_pages_node(node, gfp, DISRUPTOR_HUGE_ORDER);
		if (!page)
			break;
		split_page(page, DISRUPTOR_HUGE_ORDER);
		for (i = 0; i < 1U << DISRUPTOR_HUGE_ORDER; i++)
			pages[got++] = page + i;
		cond_resched();
	}
#endif
	return got;
}

/* Of no node in particular, by the caller's memory policy. */
static struct page *small_page(int node)
{
	return node == NUMA_NO_NODE ? alloc_page(GFP_PAGES) :
				      alloc_pages_node(node, GFP_PAGES, 0);
}

/* All of @pages; false: the first that is not there is NULL. */
static bool add_small(struct page **pages, unsigned long nr, int node)
{
	unsigned long i;

	for (i = 0; i < nr && !fatal_signal_pending(current); i++) {
		pages[i] = small_page(node);
		if (!pages[i])
			break;
		cond_resched();
	}
	return i == nr;
}

/*
 * As __vmalloc() gives them, and for vfree(), but of @node, if it is one, and, with
 * @huge, as far as possible in huge pages: it says how many bytes are.  And those of
 * a ring that does not fit are given back here and now: __vmalloc() leaves that to
 * a work of newer kernels, and until it runs, the caller's cgroup is full, and the
 * caller may be killed over the next page that it touches.
 */
static void *zeroed_pages(unsigned long bytes, int node, unsigned long *huge)
{
	unsigned long nr = bytes >> PAGE_SHIFT, got, i;
	struct page **pages;
	void *at = NULL;

	pages = kvcalloc(nr, sizeof(*pages), GFP_PAGES);
	if (!pages)
		return NULL;
	got = huge ? add_huge(pages, nr, node) : 0;
	if (add_small(pages + got, nr - got, node))
		at = vmap(pages, nr, VM_MAP | VM_MAP_PUT_PAGES, PAGE_KERNEL);
	if (at) {
		if (huge)
			*huge = got << PAGE_SHIFT;
		return at;
	}
	for (i = 0; i < nr && pages[i]; i++)
		__free_page(pages[i]);
	kvfree(pages);
	return NULL;
}

/* The events alone may be in huge pages, if they are whole ones. */
static void *alloc_region(struct disruptor_memory *memory, unsigned int region,
			  unsigned long bytes, bool huge)
{
	unsigned long *huge_bytes = NULL;

#ifdef DISRUPTOR_HUGE_ORDER
	if (huge && region == DISRUPTOR_REGION_EVENTS &&
	    !(bytes % (PAGE_SIZE << DISRUPTOR_HUGE_ORDER)))
		huge_bytes = &memory->huge_bytes;
#endif
	return zeroed_pages(bytes, memory->node, huge_bytes);
}

void disruptor_memory_free(struct disruptor_memory *memory)
{
	unsigned int i;

	for (i = 0; i < DISRUPTOR_REGIONS; i++)
		vfree(memory->regions[i]);
	uncharge(memory);
}

/* @bytes: of each; 0: there is none. */
static bool alloc_regions(struct disruptor_memory *memory, const u64 *bytes,
			  bool huge)
{
	unsigned int i;

	for (i = 0; i < DISRUPTOR_REGIONS; i++) {
		if (!bytes[i])
			continue;
		memory->regions[i] = alloc_region(memory, i, bytes[i], huge);
		if (!memory->regions[i])
			return false;
	}
	return true;
}

int disruptor_memory_alloc(struct disruptor_memory *memory,
			   const struct disruptor_core *core, bool huge)
{
	const u64 bytes[DISRUPTOR_REGIONS] = {
		[DISRUPTOR_REGION_CONTROL] =
			PAGE_ALIGN(sizeof(struct disruptor_control)),
		[DISRUPTOR_REGION_SEQUENCES] = core->nr_seats * PAGE_SIZE,
		[DISRUPTOR_REGION_AVAILABILITY] = core->nr_producers < 2 ? 0 :
			disruptor_laps_bytes(core),
		[DISRUPTOR_REGION_EVENTS] = core->geometry.events_bytes,
		[DISRUPTOR_REGION_DONE] =
			(u64)core->nr_groups * disruptor_laps_bytes(core),
	};
	unsigned int i;
	u64 all = 0;
	int err;

	for (i = 0; i < DISRUPTOR_REGIONS; i++)
		all += bytes[i];
	memory->pages = all >> PAGE_SHIFT;
	err = charge(memory);
	if (err)
		return err;
	/* More than there is, is not found out by taking all there is. */
	if (memory->pages <= totalram_pages() &&
	    alloc_regions(memory, bytes, huge))
		return 0;
	disruptor_memory_free(memory);
	return -ENOMEM;
}
