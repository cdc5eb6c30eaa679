/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The few words of the kernel's language that the core of a ring is written in,
 * and what they mean in user space.
 */
#ifndef _DISRUPTOR_PORTABLE_H
#define _DISRUPTOR_PORTABLE_H

#ifdef __KERNEL__

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/barrier.h>

#else

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint32_t u32;
typedef uint64_t __attribute__((aligned(8))) u64;	/* in 32 bits, too */

#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v)	__atomic_store_n(&(x), v, __ATOMIC_RELAXED)
#define smp_load_acquire(p)	__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define smp_store_release(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)

#define smp_mb()		__atomic_thread_fence(__ATOMIC_SEQ_CST)
/* If it succeeds, a full barrier as well. */
#define try_cmpxchg(p, old, new)					\
	(__atomic_compare_exchange_n(p, old, new, false,		\
				     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) && \
	 (__atomic_thread_fence(__ATOMIC_SEQ_CST), true))

#define container_of(p, type, member)					\
	((type *)((char *)(p) - offsetof(type, member)))

#define cond_resched()		((void)0)

#define __ffs64(x)		((unsigned int)__builtin_ctzll(x))

#define min(a, b)		((a) < (b) ? (a) : (b))
#define max(a, b)		((a) > (b) ? (a) : (b))

#endif

#endif /* _DISRUPTOR_PORTABLE_H */
