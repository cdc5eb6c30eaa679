/* SPDX-License-Identifier: MIT */
/*
 * Sides: threads or processes that do something at once, each on a processor.
 */
#ifndef DISRUPTOR_BENCH_SIDES_H
#define DISRUPTOR_BENCH_SIDES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NSEC_PER_SEC	1000000000ULL
#define LINE_BYTES	128	/* two: processors fetch them in pairs */

#define load_acquire(p)		__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define load_relaxed(p)		__atomic_load_n(p, __ATOMIC_RELAXED)
#define store_release(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)

/* Memory that sides share even if they are processes; zeroes.  Exits if there is none. */
void *shared_alloc(size_t size);
void shared_free(void *at, size_t size);

/* What one side does; less than 0 is a negative errno. */
typedef int side_fn(void *context);

struct side_start {
	side_fn *run;
	void *context;
	int cpu;
};

/* Run at a real-time priority from now on, and so do those started from here. */
int realtime_start(void);

/* Have all done at once; the first error, or 0.  A run that hangs ends the program. */
int sides_run(bool processes, const struct side_start *sides, unsigned int nr);

/* Where sides wait for one another; starts as zeroes, works once. */
struct meeting {
	unsigned int came __attribute__((aligned(LINE_BYTES)));
};

void meet(struct meeting *meeting, unsigned int nr);

uint64_t now_ns(void);
uint64_t thread_cpu_ns(void);

/*
 * A round trip of two cache lines between two processors, in nanoseconds: between
 * processes where those are what is measured, for in User Mode Linux the threads of
 * one take turns.
 */
double distance_ns(const int *cpus, bool processes);

static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb" ::: "memory");
#else
	__asm__ volatile("" ::: "memory");
#endif
}

#ifdef __cplusplus
}
#endif

#endif /* DISRUPTOR_BENCH_SIDES_H */
