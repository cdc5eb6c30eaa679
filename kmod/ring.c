// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rings: made, found by name, and freed with their last reference.
 */
#include <linux/atomic.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs_struct.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/user_namespace.h>

#include "internal.h"
#include "trace.h"

#define ACCESS_ALL	(DISRUPTOR_ACCESS_READ | DISRUPTOR_ACCESS_WRITE)

static atomic64_t last_id;

static void free_core(struct disruptor_ring *ring)
{
	kvfree(ring->seats);
	kvfree(ring->core.groups);
	kfree(ring->core.consumers);
}

static void ring_free(struct kref *refs)
{
	struct disruptor_ring *ring = container_of(refs, struct disruptor_ring,
						   refs);

	disruptor_recovery_exit(ring);
	disruptor_expiry_exit(ring);
	trace_disruptor_destroy(ring);
	disruptor_memory_free(&ring->memory);
	put_user_ns(ring->user_ns);
	free_core(ring);
	kfree(ring);
}

void disruptor_ring_put(struct disruptor_ring *ring)
{
	kref_put(&ring->refs, ring_free);
}

/* May the caller unlink it, and take roles away? */
bool disruptor_ring_owned(const struct disruptor_ring *ring)
{
	return uid_eq(current_fsuid(), ring->uid) ||
	       ns_capable(ring->user_ns, CAP_FOWNER);
}

static bool ring_permits(const struct disruptor_ring *ring, u32 access)
{
	umode_t need = (access & DISRUPTOR_ACCESS_READ ? 04 : 0) |
		       (access & DISRUPTOR_ACCESS_WRITE ? 02 : 0);
	umode_t granted = ring->mode;

	if (uid_eq(current_fsuid(), ring->uid))
		granted >>= 6;
	else if (in_group_p(ring->gid))
		granted >>= 3;
	return (granted & need) == need ||
	       ns_capable(ring->user_ns, CAP_DAC_OVERRIDE);
}

const char *disruptor_seat_name(const struct disruptor_ring *ring,
				unsigned int seat)
{
	unsigned int i;

	for (i = 0; i < ring->core.nr_groups; i++) {
		const struct disruptor_group *group = &ring->core.groups[i];

		if (seat - group->claims.first < group->claims.nr)
			seat = group->seat;
	}
	if (seat == DISRUPTOR_SEAT_PRODUCERS || seat > ring->core.nr_consumers)
		return "";
	return ring->core.consumers[seat - DISRUPTOR_SEAT_CONSUMER(0)].name;
}

/* A file for @ring, which keeps the caller's reference. */
static struct file *ring_file(struct disruptor_ring *ring, u32 access)
{
	struct disruptor_handle *handle;
	struct file *file;

	handle = disruptor_handle_alloc(ring, DISRUPTOR_ROLE_NONE, 0, access);
	if (!handle)
		return ERR_PTR(-ENOMEM);
	file = disruptor_handle_file(handle);
	if (IS_ERR(file))
		disruptor_handle_free(handle);
	return file;
}

/* The caller's graph, checked; NULL if it is empty. */
static struct disruptor_consumer_config *
get_graph(const struct disruptor_create_args *args)
{
	struct disruptor_consumer_config *consumers;
	unsigned int i;
	size_t len;
	int err;

	if (!args->nr_consumers)
		return NULL;
	if (args->nr_consumers > DISRUPTOR_MAX_CONSUMERS)
		return ERR_PTR(-EINVAL);
	consumers = kcalloc(args->nr_consumers, sizeof(*consumers),
			    DISRUPTOR_GFP);
	if (!consumers)
		return ERR_PTR(-ENOMEM);
	err = disruptor_array_get(consumers, sizeof(*consumers),
				  args->nr_consumers, args->consumers,
				  args->consumer_size);
	if (!err)
		err = disruptor_graph_validate(consumers, args->nr_consumers);
	if (err) {
		kfree(consumers);
		return ERR_PTR(err);
	}
	/* What stands behind a name is nobody's business. */
	for (i = 0; i < args->nr_consumers; i++) {
		len = strlen(consumers[i].name);
		memset(consumers[i].name + len, 0,
		       sizeof(consumers[i].name) - len);
	}
	return consumers;
}

static int alloc_core(struct disruptor_ring *ring)
{
	struct disruptor_core *core = &ring->core;

	ring->seats = kvcalloc(core->nr_seats, sizeof(*ring->seats),
			       DISRUPTOR_GFP);
	if (!ring->seats)
		return -ENOMEM;
	if (!core->nr_groups)
		return 0;
	core->groups = kvcalloc(core->nr_groups, sizeof(*core->groups),
				DISRUPTOR_GFP);
	return core->groups ? 0 : -ENOMEM;
}

/* Takes @consumers over, whether it fails or not. */
static struct disruptor_ring *
ring_alloc(const struct disruptor_create_args *args,
	   const struct disruptor_geometry *geometry,
	   struct disruptor_consumer_config *consumers)
{
	struct disruptor_ring *ring;
	void **regions;
	int err;

	ring = kzalloc(sizeof(*ring), DISRUPTOR_GFP);
	if (!ring) {
		err = -ENOMEM;
		goto no_ring;
	}
	ring->core = (struct disruptor_core){
		.geometry = *geometry,
		.consumers = consumers,
		.nr_consumers = args->nr_consumers,
		.nr_producers = max(args->producers, 1U),
		.page_size = PAGE_SIZE,
	};
	disruptor_core_measure(&ring->core);
	err = alloc_core(ring);
	if (err)
		goto no_memory;
	ring->memory.node = args->flags & DISRUPTOR_RING_NODE ?
				(int)args->node : NUMA_NO_NODE;
	err = disruptor_memory_alloc(&ring->memory, &ring->core,
				     args->flags & DISRUPTOR_RING_HUGE);
	if (err)
		goto no_memory;
	regions = ring->memory.regions;
	ring->core.control = regions[DISRUPTOR_REGION_CONTROL];
	ring->core.sequences = regions[DISRUPTOR_REGION_SEQUENCES];
	ring->core.availability = regions[DISRUPTOR_REGION_AVAILABILITY];
	ring->core.done = regions[DISRUPTOR_REGION_DONE];
	disruptor_core_init(&ring->core);

	kref_init(&ring->refs);
	mutex_init(&ring->lock);
	spin_lock_init(&ring->wait_lock);
	init_waitqueue_head(&ring->watchers);
	disruptor_recovery_init(ring);
	disruptor_expiry_init(ring);
	INIT_LIST_HEAD(&ring->registry_node);
	ring->id = atomic64_inc_return(&last_id);
	ring->flags = args->flags;
	strscpy(ring->name, args->name, sizeof(ring->name));
	ring->mode = args->mode & ~current_umask();
	current_fsuid_fsgid(&ring->uid, &ring->gid);
	ring->user_ns = get_user_ns(current_user_ns());
	return ring;

no_memory:
	free_core(ring);
	kfree(ring);
	return ERR_PTR(err);

no_ring:
	kfree(consumers);
	return ERR_PTR(err);
}

static int check_create_args(const struct disruptor_create_args *args)
{
	if (args->producers > DISRUPTOR_MAX_PRODUCERS || args->reserved)
		return -EINVAL;
	if (args->flags & DISRUPTOR_RING_NODE ?
	    !disruptor_memory_has_node(args->node) : args->node)
		return -EINVAL;
	if (!args->name[0])
		return args->mode ? -EINVAL : 0;
	if (args->mode & ~0777U)
		return -EINVAL;
	if (!disruptor_name_valid(args->name, sizeof(args->name)))
		return -EINVAL;
	return 0;
}

/* The name comes last: nobody finds a ring whose CREATE fails. */
static struct file *create_file(struct disruptor_ring *ring)
{
	struct file *file = ring_file(ring, ACCESS_ALL);
	int err;

	if (IS_ERR(file) || !ring->name[0])
		return file;
	err = disruptor_registry_add(ring);
	if (err) {
		fput(file);
		return ERR_PTR(err);
	}
	return file;
}

/* Takes @consumers over, whether it fails or not. */
static long create_fd(const struct disruptor_create_args *args,
		      const struct disruptor_geometry *geometry,
		      struct disruptor_consumer_config *consumers)
{
	struct disruptor_ring *ring;
	struct file *file;
	int fd;

	/* Before memory is spent. */
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		kfree(consumers);
		return fd;
	}
	ring = ring_alloc(args, geometry, consumers);
	if (IS_ERR(ring)) {
		put_unused_fd(fd);
		return PTR_ERR(ring);
	}
	trace_disruptor_create(ring);
	file = create_file(ring);
	disruptor_ring_put(ring);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	fd_install(fd, file);
	return fd;
}

long disruptor_ring_create(struct disruptor_create_args __user *uargs)
{
	struct disruptor_consumer_config *consumers;
	struct disruptor_create_args args;
	struct disruptor_geometry geometry;
	int err;

	err = disruptor_args_get(&args, sizeof(args), uargs);
	if (!err)
		err = check_create_args(&args);
	if (!err)
		err = disruptor_geometry_init(&geometry, args.slots,
					      args.slot_size, args.flags,
					      PAGE_SIZE);
	if (err)
		return err;
	consumers = get_graph(&args);
	if (IS_ERR(consumers))
		return PTR_ERR(consumers);
	/* A taken name is found out before memory is spent, and for good below. */
	if (args.name[0] && disruptor_registry_has(args.name)) {
		kfree(consumers);
		return -EEXIST;
	}
	return create_fd(&args, &geometry, consumers);
}

static long open_fd(struct disruptor_ring *ring, u32 access)
{
	struct file *file;
	int fd;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	file = ring_file(ring, access);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	fd_install(fd, file);
	return fd;
}

long disruptor_ring_open(struct disruptor_open_args __user *uargs)
{
	struct disruptor_open_args args;
	struct disruptor_ring *ring;
	long ret;

	ret = disruptor_args_get(&args, sizeof(args), uargs);
	if (ret)
		return ret;
	if (!args.access || args.access & ~ACCESS_ALL)
		return -EINVAL;
	if (!disruptor_name_valid(args.name, sizeof(args.name)))
		return -EINVAL;

	ring = disruptor_registry_get(args.name);
	if (!ring)
		return -ENOENT;
	ret = ring_permits(ring, args.access) ?
		open_fd(ring, args.access) : -EACCES;
	disruptor_ring_put(ring);
	return ret;
}

static int unlink_by_name(const char *name)
{
	struct disruptor_ring *ring;
	int err;

	if (!disruptor_name_valid(name, DISRUPTOR_RING_NAME_LEN))
		return -EINVAL;
	ring = disruptor_registry_get(name);
	if (!ring)
		return -ENOENT;
	err = disruptor_ring_owned(ring) ?
		disruptor_registry_remove(ring) : -EPERM;
	disruptor_ring_put(ring);
	return err;
}

/* @ring: of the ring fd; NULL on /dev/disruptor. */
long disruptor_ring_unlink(struct disruptor_ring *ring,
			   struct disruptor_unlink_args __user *uargs)
{
	struct disruptor_unlink_args args;
	int err;

	err = disruptor_args_get(&args, sizeof(args), uargs);
	if (err)
		return err;
	if (args.reserved)
		return -EINVAL;
	if (!ring)
		return unlink_by_name(args.name);
	if (args.name[0])
		return -EINVAL;
	return disruptor_ring_owned(ring) ?
		disruptor_registry_remove(ring) : -EPERM;
}
