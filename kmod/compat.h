/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every difference between the kernels that the module builds on.
 */
#ifndef _DISRUPTOR_COMPAT_H
#define _DISRUPTOR_COMPAT_H

#include <linux/mm.h>
#include <linux/version.h>
#include <linux/workqueue.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}

static inline void vm_flags_clear(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags &= ~flags;
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#define system_dfl_wq	system_unbound_wq
#endif

/*
 * Kernels before 6.12 have no special pmds: get_user_pages_fast(), which looks at
 * nothing else, would pin a writable huge page.
 */
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
#define DISRUPTOR_HUGE_ORDER	HPAGE_PMD_ORDER
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#include <linux/pfn_t.h>
#define disruptor_insert_huge(vmf, pfn, write)	\
	vmf_insert_pfn_pmd(vmf, __pfn_to_pfn_t(pfn, 0), write)
#else
#define disruptor_insert_huge	vmf_insert_pfn_pmd
#endif
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
#include <linux/io_uring.h>
#else
#include <linux/io_uring/cmd.h>
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define disruptor_uring_payload(ioucmd)		((ioucmd)->cmd)
#else
#define disruptor_uring_payload(ioucmd)		((const void *)(ioucmd)->sqe->cmd)
#endif

#endif /* _DISRUPTOR_COMPAT_H */
