/* SPDX-License-Identifier: MIT */
/*
 * What the library's files share.
 */
#ifndef LIBDISRUPTOR_INTERNAL_H
#define LIBDISRUPTOR_INTERNAL_H

/* The header's functions are exported; whatever else is here is hidden. */
#pragma GCC visibility push(default)
#include <disruptor.h>
#pragma GCC visibility pop

#include "../../kmod/core.h"

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#define NSEC_PER_SEC		1000000000ULL

/* What is atomic lies aligned; in 32 bits the type of a uint64_t does not say so. */
#define as_aligned(p) __extension__ ({					\
	typedef __typeof__(*(p)) __attribute__((aligned(sizeof(*(p))))) whole; \
	(whole *)(p);							\
})

#define load_acquire(p)		__atomic_load_n(as_aligned(p), __ATOMIC_ACQUIRE)
#define load_relaxed(p)		__atomic_load_n(as_aligned(p), __ATOMIC_RELAXED)
#define store_release(p, v)	__atomic_store_n(as_aligned(p), v, __ATOMIC_RELEASE)
#define store_relaxed(p, v)	__atomic_store_n(as_aligned(p), v, __ATOMIC_RELAXED)

/* ---- private.c: a ring of this process ---------------------------------- */

struct private_ring;
struct disruptor_role;

int private_create(struct private_ring **ring,
		   const struct disruptor_config *config);
void private_get(struct private_ring *ring);
void private_put(struct private_ring *ring);
int private_info(struct private_ring *ring, struct disruptor_info *info);
int private_stats(struct private_ring *ring, struct disruptor_stats *stats);
int private_evict(struct private_ring *ring,
		  const struct disruptor_evict_args *args);
int private_attach(struct private_ring *ring, unsigned int kind,
		   const char *name, struct disruptor_role *role);
void private_detach(struct disruptor_role *role, unsigned int flags);
int private_adopt(struct disruptor_role *role, uint64_t most,
		  struct disruptor_intent *claim);
void private_wake(struct disruptor_role *role, unsigned int flags);
int private_sleep(struct disruptor_role *role, uint64_t target,
		  uint64_t deadline_ns, const uint32_t *halted);
void private_halt(struct disruptor_role *role);
void private_view(struct private_ring *ring, struct disruptor_view *view);
uint64_t *private_counter(struct private_ring *ring, unsigned int seat);
uint32_t *private_done(struct private_ring *ring, unsigned int seat);

/* The first @n of them, as in struct disruptor_view. */
static inline uint64_t all_consumers(unsigned int n)
{
	return n ? ~0ULL >> (DISRUPTOR_MAX_CONSUMERS - n) : 0;
}

/* ---- what is published ----------------------------------------------------- */

/* Acquired already, by the look that found it published. */
static inline bool is_aborted(const struct disruptor_view *view, uint64_t seq)
{
	return view->availability &&
	       load_relaxed(&view->availability[seq & view->index_mask]) &
	       DISRUPTOR_LAP_ABORTED;
}

/*
 * Producers claim no more than the ring ahead of whoever they wait for.  If the
 * cursor is further on, what is @next for a consumer never comes; but its barrier
 * does, by all that the kernel can tell, so that it would not sleep.
 *
 * @next is read after the cursor: of a group, others move it.
 */
static inline bool is_lapped(const struct disruptor_view *view,
			     const uint64_t *next)
{
	uint64_t cursor = load_acquire(__disruptor_counter(view,
						DISRUPTOR_SEAT_PRODUCERS));
	uint64_t from = load_acquire(next);

	return cursor > from && cursor - from > view->slots;
}

/* ---- ring.c ------------------------------------------------------------- */

/**
 * struct disruptor_ring - either a ring fd or a private ring
 * @fd: owned; -1 if private
 * @local: the private ring, with a reference; else NULL
 */
struct disruptor_ring {
	int fd;
	struct private_ring *local;
};

int name_copy(char *to, size_t size, const char *name);

/* ---- claim.c ------------------------------------------------------------ */

/*
 * So much is best taken before it is copied: 10,000 arrays of 16 KB between near
 * cores in 17.8 ms without, 15.7 by 512 bytes, 14.5 by 2048 or 4096, 16.0 as one.
 */
#define TAKEN_BYTES	2048

void claims_init(struct disruptor_role *role, const struct disruptor_view *view);
void take_lines(const struct disruptor_role *role, unsigned char *at,
		size_t bytes);

/* ---- wait.c ------------------------------------------------------------- */

/**
 * struct waiting - how a handle waits
 * @strategy: as chosen, defaults filled in
 * @pauses: before the first look of a wait, adapted to the stream
 */
struct waiting {
	struct disruptor_wait_strategy strategy;
	uint32_t pauses;
};

int waiting_init(struct waiting *waiting,
		 const struct disruptor_wait_strategy *strategy);

/**
 * struct wait - one wait
 * @role: whose
 * @how: its way
 * @deadline_ns: when it ends
 * @timeout_ns: when it ends, from the first look at the clock on; all ones: that is
 *	known
 * @left_ns: till then, as of the last look at the clock
 * @looks: how many so far
 * @pauses: since the last look at the clock
 * @sleep_ns: the next sleep
 * @target: what to sleep for
 * @met: the target is there, and not enough: nobody wakes for more
 * @slept: for the target
 * @over: the deadline has passed: this is the last look
 * @halted: what else ends the sleep; NULL: nothing
 */
struct wait {
	struct disruptor_role *role;
	struct waiting *how;
	uint64_t deadline_ns;
	uint64_t timeout_ns;
	uint64_t left_ns;
	uint64_t looks;
	uint32_t pauses;
	uint64_t sleep_ns;
	uint64_t target;
	bool met;
	bool slept;
	bool over;
	const uint32_t *halted;
};

void wait_begin(struct wait *wait, struct disruptor_role *role,
		const struct disruptor_view *view, uint64_t next, uint64_t n,
		uint64_t deadline_ns);
void wait_ahead(struct wait *wait, const struct disruptor_view *view,
		uint64_t next, uint64_t n);
int wait_some(struct wait *wait);
void wait_end(struct wait *wait, uint64_t found, uint64_t slots);
bool at_the_end(const struct disruptor_view *view, uint64_t sequence);
bool take_halt(uint32_t *halted);
void role_halt(struct disruptor_role *role, uint32_t *halted);
int consumer_wait_for(struct disruptor_consumer *consumer, uint64_t timeout_ns,
		      struct disruptor_range *range);

/* ---- map.c: the regions of a role fd -------------------------------------- */

/**
 * struct mapping - one region
 * @at: NULL if not mapped
 * @length: of it
 * @pid: whose it is
 */
struct mapping {
	void *at;
	size_t length;
	pid_t pid;
};

/**
 * struct maps - the regions of a role
 */
struct maps {
	struct mapping control;
	struct mapping sequences;
	struct mapping own;
	struct mapping availability;
	struct mapping events;
	struct mapping done;
};

int maps_open(struct maps *maps, int fd, const struct disruptor_info *info,
	      const struct disruptor_consumer_config *consumer);
void maps_view(const struct maps *maps, const struct disruptor_info *info,
	       struct disruptor_view *view);
void maps_close(struct maps *maps);

/* ---- run.c --------------------------------------------------------------- */

int start_handler(const struct disruptor_handler *handler,
		  struct disruptor_consumer *consumer);

/* ---- role.c ------------------------------------------------------------- */

/**
 * struct disruptor_role - what only the library knows of a handle
 * @fd: the role fd, owned; -1 if private
 * @pid: who came
 * @seat: whose page it owns
 * @publishes: whose counter it moves: that of the producers for each of them, that
 *	of its group for a worker
 * @local: the private ring, with a reference; else NULL
 * @maps: of the role fd
 * @waiting: how it waits
 * @burst: of a single producer: how many slots it is given at once
 * @takes: of any producer: it takes lines before it writes to them
 * @told: what its publisher is told
 * @fenced: publishes in a row that have fenced for nothing
 * @waiter: in a private ring: its sleep
 */
struct disruptor_role {
	int fd;
	pid_t pid;
	unsigned int seat;
	unsigned int publishes;
	struct private_ring *local;
	struct maps maps;
	struct waiting waiting;
	uint64_t burst;
	bool takes;
	const struct disruptor_publisher *told;
	uint32_t fenced;
	struct disruptor_waiter waiter;
};

/* ---- sys.c: system calls, which answer -errno ------------------------------ */

int sys_open_device(void);
int sys_ioctl(int fd, unsigned long request, void *args);
int sys_map(struct mapping *mapping, uint64_t length, int prot, int fd,
	    unsigned int region);
void sys_unmap(struct mapping *mapping);
int sys_map_anonymous(struct mapping *mapping, uint64_t length);
int sys_map_mirrored(struct mapping *mapping, uint64_t length, bool *huge);

/* A thread's, of where it has its memory. */
struct memory_policy {
	int mode;
	unsigned long nodes[1024 / (8 * sizeof(unsigned long))];
};

int sys_prefer_node(unsigned int node, struct memory_policy *before);
void sys_restore_policy(const struct memory_policy *before);
int sys_membarrier_register(void);
int sys_membarrier(void);
int sys_futex_wait(const uint32_t *futex, uint32_t value, uint64_t deadline_ns);
void sys_futex_wake(const uint32_t *futex);

#endif /* LIBDISRUPTOR_INTERNAL_H */
