// SPDX-License-Identifier: GPL-2.0-only
/*
 * The map: which pages an fd may see, which it may write, and how they are taken
 * back.
 *
 * Pages are put in by the fault handler, under map_lock and only while the handle
 * is not revoked.  Revoking sets the flag under that lock and then unmaps:
 * whatever was put in before the flag is taken out, and nothing is put in after it.
 * selftests/models/revoke.pml checks this.
 */
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include "compat.h"
#include "internal.h"

#define REGION_PAGE_SHIFT	(DISRUPTOR_REGION_SHIFT - PAGE_SHIFT)
#define FAULT_AROUND_PAGES	16UL

enum rights { NO_ACCESS, READ_ONLY, READ_WRITE };

static unsigned int region_of(pgoff_t pgoff)
{
	return pgoff >> REGION_PAGE_SHIFT;
}

static pgoff_t page_in_region(pgoff_t pgoff)
{
	return pgoff & (((pgoff_t)1 << REGION_PAGE_SHIFT) - 1);
}

static pgoff_t region_pages(const struct disruptor_handle *handle,
			    unsigned int region)
{
	const struct disruptor_ring *ring = handle->ring;
	const struct disruptor_core *core = &ring->core;

	switch (region) {
	case DISRUPTOR_REGION_CONTROL:
		return PFN_UP(sizeof(struct disruptor_control));
	case DISRUPTOR_REGION_SEQUENCES:
		return core->nr_seats;
	case DISRUPTOR_REGION_OWN:
		return handle->claims ? 2 : 1;
	case DISRUPTOR_REGION_AVAILABILITY:
		return core->availability ?
			disruptor_laps_bytes(core) >> PAGE_SHIFT : 0;
	case DISRUPTOR_REGION_DONE:
		return disruptor_handle_group(handle) ?
			disruptor_laps_bytes(core) >> PAGE_SHIFT : 0;
	case DISRUPTOR_REGION_EVENTS:
		return 2 * (ring->core.geometry.events_bytes >> PAGE_SHIFT);
	}
	return 0;
}

/*
 * A role's own page; one of several producers, or of workers, has the cursor's or
 * the group's before it, which all of them move.
 */
static void *own_address(const struct disruptor_handle *handle,
			 unsigned long offset)
{
	unsigned int seat = handle->seat;

	if (handle->claims && !offset)
		seat = handle->publishes;
	return handle->ring->core.sequences + seat * PAGE_SIZE;
}

/* They come twice: a batch is never split at the wrap. */
static unsigned long events_offset(const struct disruptor_ring *ring,
				   pgoff_t pgoff)
{
	unsigned long offset = page_in_region(pgoff) << PAGE_SHIFT;

	return offset < ring->core.geometry.events_bytes ? offset :
	       offset - ring->core.geometry.events_bytes;
}

static void *region_address(const struct disruptor_handle *handle,
			    pgoff_t pgoff)
{
	const struct disruptor_ring *ring = handle->ring;
	unsigned long offset = page_in_region(pgoff) << PAGE_SHIFT;

	switch (region_of(pgoff)) {
	case DISRUPTOR_REGION_CONTROL:
		return (void *)ring->core.control + offset;
	case DISRUPTOR_REGION_SEQUENCES:
		return ring->core.sequences + offset;
	case DISRUPTOR_REGION_OWN:
		return own_address(handle, offset);
	case DISRUPTOR_REGION_AVAILABILITY:
		return (void *)ring->core.availability + offset;
	case DISRUPTOR_REGION_DONE:
		return (void *)handle->claims->laps + offset;
	}
	return ring->memory.regions[DISRUPTOR_REGION_EVENTS] +
	       events_offset(ring, pgoff);
}

static bool has_huge_pages(const struct disruptor_handle *handle,
			   pgoff_t pgoff)
{
	return region_of(pgoff) == DISRUPTOR_REGION_EVENTS &&
	       handle->ring->memory.huge_bytes;
}

static enum rights events_rights(const struct disruptor_handle *handle)
{
	const struct disruptor_consumer_config *consumer;

	if (handle->role == DISRUPTOR_ROLE_PRODUCER)
		return READ_WRITE;
	if (handle->role == DISRUPTOR_ROLE_NONE)
		return READ_ONLY;
	consumer = &handle->ring->core.consumers[disruptor_handle_index(handle)];
	return consumer->flags & DISRUPTOR_CONSUMER_MODIFIES ?
		READ_WRITE : READ_ONLY;
}

static enum rights region_rights(const struct disruptor_handle *handle,
				 unsigned int region)
{
	if (handle->role == DISRUPTOR_ROLE_NONE &&
	    !(handle->access & DISRUPTOR_ACCESS_READ))
		return NO_ACCESS;
	if (region == DISRUPTOR_REGION_OWN)
		return handle->role == DISRUPTOR_ROLE_NONE ? NO_ACCESS :
							     READ_WRITE;
	if (region == DISRUPTOR_REGION_AVAILABILITY)
		return handle->role == DISRUPTOR_ROLE_PRODUCER ? READ_WRITE :
								 READ_ONLY;
	if (region == DISRUPTOR_REGION_EVENTS)
		return events_rights(handle);
	if (region == DISRUPTOR_REGION_DONE)
		return READ_WRITE;
	return READ_ONLY;
}

static vm_fault_t insert_page(struct disruptor_handle *handle,
			      struct vm_area_struct *vma, unsigned long address)
{
	pgoff_t pgoff = vma->vm_pgoff + ((address - vma->vm_start) >> PAGE_SHIFT);
	void *page = region_address(handle, pgoff);
	int err;

	if (vma->vm_flags & VM_PFNMAP)
		return vmf_insert_pfn(vma, address, vmalloc_to_pfn(page));

	err = vm_insert_page(vma, address, vmalloc_to_page(page));
	if (err == -ENOMEM)
		return VM_FAULT_OOM;
	/* Busy: another thread's fault was first. */
	return err && err != -EBUSY ? VM_FAULT_SIGBUS : VM_FAULT_NOPAGE;
}

/* Neighbours come along: a ring is used from one end to the other. */
static void insert_around(struct disruptor_handle *handle,
			  struct vm_area_struct *vma, unsigned long address)
{
	unsigned long span = FAULT_AROUND_PAGES << PAGE_SHIFT;
	unsigned long start = max(round_down(address, span), vma->vm_start);
	unsigned long end = min(round_down(address, span) + span, vma->vm_end);
	unsigned long at;

	for (at = start; at < end; at += PAGE_SIZE) {
		if (insert_page(handle, vma, at) != VM_FAULT_NOPAGE)
			return;
	}
}

static vm_fault_t region_fault(struct vm_fault *vmf)
{
	struct disruptor_handle *handle = vmf->vma->vm_private_data;
	vm_fault_t ret = VM_FAULT_SIGBUS;

	mutex_lock(&handle->map_lock);
	if (!handle->revoked) {
		ret = insert_page(handle, vmf->vma, vmf->address & PAGE_MASK);
		if (ret == VM_FAULT_NOPAGE)
			insert_around(handle, vmf->vma, vmf->address);
	}
	mutex_unlock(&handle->map_lock);
	return ret;
}

#ifdef DISRUPTOR_HUGE_ORDER
static vm_fault_t insert_huge(struct disruptor_handle *handle,
			      struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long start = vmf->address & PMD_MASK;
	pgoff_t pgoff = vma->vm_pgoff + ((start - vma->vm_start) >> PAGE_SHIFT);
	unsigned long offset = events_offset(handle->ring, pgoff);
	void *page = region_address(handle, pgoff);

	if (offset % PMD_SIZE || offset >= handle->ring->memory.huge_bytes)
		return VM_FAULT_FALLBACK;
	return disruptor_insert_huge(vmf, vmalloc_to_pfn(page),
				     vma->vm_flags & VM_WRITE);
}

/* As region_fault(), for whatever of the events is whole huge pages here. */
static vm_fault_t region_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct vm_area_struct *vma = vmf->vma;
	struct disruptor_handle *handle = vma->vm_private_data;
	unsigned long start = vmf->address & PMD_MASK;
	vm_fault_t ret = VM_FAULT_SIGBUS;

	if (order != DISRUPTOR_HUGE_ORDER ||
	    !has_huge_pages(handle, vma->vm_pgoff) ||
	    start < vma->vm_start || vma->vm_end - start < PMD_SIZE)
		return VM_FAULT_FALLBACK;
	mutex_lock(&handle->map_lock);
	if (!handle->revoked)
		ret = insert_huge(handle, vmf);
	mutex_unlock(&handle->map_lock);
	return ret;
}
#endif

/* A map was split, or moved. */
static void region_open(struct vm_area_struct *vma)
{
	struct disruptor_handle *handle = vma->vm_private_data;

	if (!(vma->vm_flags & VM_MAYWRITE))
		return;
	mutex_lock(&handle->map_lock);
	handle->writable_maps++;
	mutex_unlock(&handle->map_lock);
}

/*
 * Who unmaps its counter, or is killed, may have published and not yet called
 * WAKE, or claimed and not yet settled; nor will the fd be closed, if another
 * process has it as well.
 */
static void region_close(struct vm_area_struct *vma)
{
	struct disruptor_handle *handle = vma->vm_private_data;
	bool last;

	if (!(vma->vm_flags & VM_MAYWRITE))
		return;
	mutex_lock(&handle->map_lock);
	last = !--handle->writable_maps;
	if (last)
		disruptor_recovery_unmapped(handle);
	mutex_unlock(&handle->map_lock);
	if (last)
		disruptor_wait_kick(handle->ring);
}

static const struct vm_operations_struct region_vm_ops = {
	.open = region_open,
	.close = region_close,
	.fault = region_fault,
#ifdef DISRUPTOR_HUGE_ORDER
	.huge_fault = region_huge_fault,
#endif
};

/*
 * Two processes never have a role's pages writable at once; nor does anybody before
 * the claim of the last one, which its next would overwrite, has been taken.
 */
static int enter_writer(struct disruptor_handle *handle, struct mm_struct *mm)
{
	if (handle->writable_maps ? handle->writer != mm : handle->left_claim)
		return -EBUSY;
	handle->writer = mm;
	handle->writable_maps++;
	return 0;
}

static int check_map(const struct disruptor_handle *handle,
		     struct vm_area_struct *vma)
{
	unsigned int region = region_of(vma->vm_pgoff);
	pgoff_t pages = region_pages(handle, region);
	pgoff_t first = page_in_region(vma->vm_pgoff);
	enum rights rights = region_rights(handle, region);

	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (first >= pages || vma_pages(vma) > pages - first)
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC || rights == NO_ACCESS)
		return -EACCES;
	if (vma->vm_flags & VM_WRITE && rights != READ_WRITE)
		return -EACCES;
	return 0;
}

int disruptor_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct disruptor_handle *handle = file->private_data;
	bool writable = vma->vm_flags & VM_WRITE;
	bool special;
	int err;

	err = check_map(handle, vma);
	if (err)
		return err;
	special = writable || has_huge_pages(handle, vma->vm_pgoff);

	mutex_lock(&handle->map_lock);
	if (handle->revoked)
		err = -ESTALE;
	else if (writable)
		err = enter_writer(handle, vma->vm_mm);
	mutex_unlock(&handle->map_lock);
	if (err)
		return err;

	/* What a map is at its birth it stays: mprotect() adds nothing. */
	vm_flags_clear(vma, VM_MAYEXEC | (writable ? 0 : VM_MAYWRITE));
	/*
	 * A child gets a map of its own or none.  A writable page must not be
	 * pinned: a pin would outlive its revocation.  VM_IO is for those who look
	 * at the vma; VM_PFNMAP, for its ptes are special, for
	 * get_user_pages_fast(), which looks at page tables alone.  Huge pages can
	 * be put in no other way.
	 */
	vm_flags_set(vma, VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP |
			  (special ? VM_IO | VM_PFNMAP : VM_MIXEDMAP));
	vma->vm_private_data = handle;
	vma->vm_ops = &region_vm_ops;
	return 0;
}

/* Under ring->lock.  When this returns, no page of the handle is mapped. */
void disruptor_map_revoke(struct disruptor_handle *handle)
{
	mutex_lock(&handle->map_lock);
	WRITE_ONCE(handle->revoked, true);
	mutex_unlock(&handle->map_lock);
	unmap_mapping_range(handle->mapping, 0, 0, 1);
}
