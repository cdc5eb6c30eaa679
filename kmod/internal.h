/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * disruptor - what the module's files share.
 *
 * Who owns what:
 *
 *   file ----> handle ----> ring <---- registry, if the ring has a name
 *                ^            |
 *                +-- holder --+-- seat: see disruptor_core_measure()
 *
 * A file owns its handle, a handle and the registry each own a reference to the
 * ring, the ring owns its memory.  A seat only points to the handle that holds
 * it; the pointer is cleared under the ring's lock before the handle goes.
 * A map holds its file, so memory is never freed while it is mapped.
 *
 * Locks, outermost first:
 *
 *   ring->lock      membership: seats and producers.  No access to user memory
 *                   under it.
 *   mmap_lock       of whoever maps or faults; never takes ring->lock
 *   handle->map_lock  whether the handle may still be mapped, and by whom
 *   ring->wait_lock   the core: who waits for whom, and for what.  Masks change
 *                     under it and ring->lock: either is enough to read them
 *
 * The registry's lock is taken alone.
 *
 * What user space can write (sequences, events) is read once, and only ever
 * compared with, or copied to, sequences.  Geometry, masks and roles are kept
 * here and never read back from there.
 */
#ifndef _DISRUPTOR_INTERNAL_H
#define _DISRUPTOR_INTERNAL_H

#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <linux/disruptor.h>

#include "core.h"

/*
 * Charged to the caller's memory cgroup.  What does not fit is the caller's
 * error: no warning in the log, and nobody is killed to make room.
 */
#define DISRUPTOR_GFP	(GFP_KERNEL_ACCOUNT | __GFP_NOWARN | __GFP_RETRY_MAYFAIL)

struct disruptor_handle;
struct disruptor_registry;
struct io_uring_cmd;

/**
 * struct disruptor_seat - a place in the graph; outlives those who hold it
 * @holder: the role that holds it, or NULL; of a group and of several producers the
 *	seats behind have one each
 * @attaches: see struct disruptor_seat_stats
 * @detaches: likewise
 * @losses: likewise
 * @evictions: likewise
 * @sleeps: likewise
 * @wakes: likewise
 * @gone: its holder went, or all workers, and its time is running out
 * @gone_at: since when, in jiffies
 *
 * Under ring->lock; @sleeps and @wakes under ring->wait_lock.
 */
struct disruptor_seat {
	struct disruptor_handle *holder;
	u64 attaches;
	u64 detaches;
	u64 losses;
	u64 evictions;
	u64 sleeps;
	u64 wakes;
	bool gone;
	unsigned long gone_at;
};

#define DISRUPTOR_REGIONS	(DISRUPTOR_REGION_DONE + 1)

/**
 * struct disruptor_memory - the pages of a ring and who pays for them
 * @regions: by DISRUPTOR_REGION_*; NULL: it has none of its own.  The sequences have a
 *	page for each seat, the events are there once
 * @pages: all of them
 * @node: where they are to be, or NUMA_NO_NODE
 * @huge_bytes: how much of the beginning of the events is in huge pages
 * @payer: of the user whose RLIMIT_MEMLOCK they count against; NULL: nobody's
 *
 * Constant while the ring lives, but for what the pages hold.
 */
struct disruptor_memory {
	void *regions[DISRUPTOR_REGIONS];
	unsigned long pages;
	int node;
	unsigned long huge_bytes;
	const struct cred *payer;
};

struct disruptor_ring {
	struct kref refs;

	/* Constant. */
	u64 id;				/* for traces and fdinfo */
	u32 flags;
	struct disruptor_memory memory;
	char name[DISRUPTOR_RING_NAME_LEN];
	umode_t mode;
	kuid_t uid;
	kgid_t gid;
	struct user_namespace *user_ns;

	/* Under the registry's lock. */
	struct list_head registry_node;	/* empty when it has no name (any more) */

	struct mutex lock;		/* membership: all below */
	unsigned int producers;		/* attached */
	struct disruptor_seat *seats;	/* as many as core.nr_seats */
	u64 changes;			/* how often a role came or went */
	wait_queue_head_t watchers;	/* ring fds that poll for changes */

	struct delayed_work recovery;	/* of claims that could not be settled */
	unsigned long recovery_delay;	/* till the next look, in jiffies */
	unsigned long recovery_rest;	/* at the least, after the last */
	struct delayed_work expiry;	/* of consumers that are gone */

	spinlock_t wait_lock;		/* the core, and the waits of handles */
	struct disruptor_core core;	/* its masks change under both locks,
					 * its claims under ring->lock
					 */
};

/**
 * struct disruptor_handle - what an fd of a ring stands for
 * @ring: the ring; a reference
 * @role: DISRUPTOR_ROLE_*; constant
 * @access: DISRUPTOR_ACCESS_* of a ring fd; constant
 * @seat: of a role, its number: whose page it owns; constant once it has one
 * @publishes: the seat whose counter it moves: that of the producers for each of
 *	them, that of its group for a worker; constant
 * @claims: of one of several producers, and of a worker: with whom it shares that
 *	counter, or the one before it; else NULL; constant
 * @pid: the process that made it; a reference
 * @mapping: of the fd's own inode: all maps of this handle and no others
 * @map_lock: protects what follows, down to @left_claim
 * @revoked: a role that was detached or evicted.  Written with ring->lock held,
 *	too, so that either lock is enough to read it
 * @writer: the address space that has writable maps; valid while it has some
 * @writable_maps: how many
 * @left_claim: whoever had the last of them left a claim that recovery is to take
 * @poll_queue: who polls this role
 * @poll_waiter: on their behalf; under ring->wait_lock
 * @waits: how many waits are under way; under ring->wait_lock
 * @halted: the next wait to find it is to end; exchanged
 * @seen_changes: of a ring fd: ring->changes at its last STATS; under ring->lock
 */
struct disruptor_handle {
	struct disruptor_ring *ring;
	u32 role;
	u32 access;
	unsigned int seat;
	unsigned int publishes;
	struct disruptor_claims *claims;
	struct pid *pid;
	struct address_space *mapping;

	struct mutex map_lock;		/* down to left_claim */
	bool revoked;
	struct mm_struct *writer;
	unsigned int writable_maps;
	bool left_claim;

	wait_queue_head_t poll_queue;
	struct disruptor_waiter poll_waiter;
	unsigned int waits;
	unsigned int halted;
	u64 seen_changes;
};

/* args.c: structs that carry their size */
int disruptor_args_get(void *args, size_t ksize, const void __user *from);
int disruptor_args_put(void __user *to, const void *args, size_t ksize);
int disruptor_array_get(void *array, size_t ksize, unsigned int nr,
			u64 from, u32 usize);
int disruptor_array_put(u64 to, u32 usize, const void *array, size_t ksize,
			unsigned int nr);

/* registry.c: names */
int disruptor_registry_init(void);
void disruptor_registry_exit(void);
bool disruptor_registry_has(const char *name);
int disruptor_registry_add(struct disruptor_ring *ring);
struct disruptor_ring *disruptor_registry_get(const char *name);
int disruptor_registry_remove(struct disruptor_ring *ring);

/* ring.c: rings, and the ioctls that make and find them */
long disruptor_ring_create(struct disruptor_create_args __user *uargs);
long disruptor_ring_open(struct disruptor_open_args __user *uargs);
long disruptor_ring_unlink(struct disruptor_ring *ring,
			   struct disruptor_unlink_args __user *uargs);
void disruptor_ring_put(struct disruptor_ring *ring);
bool disruptor_ring_owned(const struct disruptor_ring *ring);
const char *disruptor_seat_name(const struct disruptor_ring *ring,
				unsigned int seat);

/* memory.c: pages, and what limits them */
bool disruptor_memory_has_node(unsigned int node);
int disruptor_memory_alloc(struct disruptor_memory *memory,
			   const struct disruptor_core *core, bool huge);
void disruptor_memory_free(struct disruptor_memory *memory);
void disruptor_memory_init(void);

/* handle.c: the file descriptors of a ring */
struct disruptor_handle *disruptor_handle_alloc(struct disruptor_ring *ring,
						u32 role, unsigned int seat,
						u32 access);
struct disruptor_group *
disruptor_handle_group(const struct disruptor_handle *handle);
unsigned int disruptor_handle_place(const struct disruptor_handle *handle);
unsigned int disruptor_handle_index(const struct disruptor_handle *handle);
unsigned int disruptor_handle_worker(const struct disruptor_handle *handle);
void disruptor_handle_free(struct disruptor_handle *handle);
struct file *disruptor_handle_file(struct disruptor_handle *handle);

/* role.c: attach, detach, evict */
long disruptor_role_attach(struct disruptor_handle *ring_handle,
			   struct disruptor_attach_args __user *uargs);
long disruptor_role_detach(struct disruptor_handle *handle,
			   struct disruptor_detach_args __user *uargs);
void disruptor_role_lost(struct disruptor_handle *handle);
void disruptor_consumer_leaves(struct disruptor_ring *ring, unsigned int seat);
long disruptor_role_evict(struct disruptor_ring *ring,
			  struct disruptor_evict_args __user *uargs);

/* recovery.c: the claims of the dead */
void disruptor_recovery_init(struct disruptor_ring *ring);
void disruptor_recovery_exit(struct disruptor_ring *ring);
void disruptor_recovery_run(struct disruptor_ring *ring);
void disruptor_recovery_unmapped(struct disruptor_handle *handle);
long disruptor_role_adopt(struct disruptor_handle *handle,
			  struct disruptor_adopt_args __user *uargs);

/* expiry.c: required consumers that are waited for only so long */
void disruptor_expiry_init(struct disruptor_ring *ring);
void disruptor_expiry_exit(struct disruptor_ring *ring);
void disruptor_expiry_begin(struct disruptor_ring *ring, unsigned int seat);
void disruptor_expiry_end(struct disruptor_ring *ring, unsigned int seat);

/* map.c: regions and permissions */
int disruptor_mmap(struct file *file, struct vm_area_struct *vma);
void disruptor_map_revoke(struct disruptor_handle *handle);

/* wait.c: sleeping and waking */
void disruptor_wait_init(struct disruptor_handle *handle);
void disruptor_wait_exit(struct disruptor_handle *handle);
int disruptor_wait_for(struct disruptor_handle *handle, u64 target,
		       u64 deadline_ns, u64 *reached);
long disruptor_wait(struct disruptor_handle *handle,
		    struct disruptor_wait_args __user *uargs);
long disruptor_wake(struct disruptor_handle *handle, unsigned long flags);
void disruptor_wait_kick(struct disruptor_ring *ring);

/* poll.c: poll, epoll and io_uring */
__poll_t disruptor_role_poll(struct file *file, struct poll_table_struct *pt);
__poll_t disruptor_ring_poll(struct file *file, struct poll_table_struct *pt);
int disruptor_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags);
void disruptor_poll_arm(struct disruptor_handle *handle);

/* fence.c: full barriers on other people's processors */
void disruptor_fence_holders(struct disruptor_ring *ring,
			     const struct disruptor_seat_set *seats);

/* stats.c: what can be seen */
long disruptor_info(struct disruptor_handle *handle,
		    struct disruptor_info __user *uargs);
long disruptor_stats(struct disruptor_handle *handle,
		     struct disruptor_stats __user *uargs);
void disruptor_show_fdinfo(struct seq_file *m, struct file *file);

#endif /* _DISRUPTOR_INTERNAL_H */
