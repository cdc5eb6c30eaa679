// SPDX-License-Identifier: MIT
/*
 * Rings: a ring fd, or a private ring; what differs ends here and in role.c.
 */
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

/* A name for the kernel; what does not fit is no name. */
int name_copy(char *to, size_t size, const char *name)
{
	size_t length = name ? strnlen(name, size) : 0;

	if (!name || !disruptor_name_valid(name, size))
		return -EINVAL;
	memcpy(to, name, length);
	memset(to + length, 0, size - length);
	return 0;
}

/* Takes @fd and the reference to @local; on failure they are the caller's. */
static int ring_new(struct disruptor_ring **ring, int fd,
		    struct private_ring *local)
{
	struct disruptor_ring *new = malloc(sizeof(*new));

	if (!new)
		return -ENOMEM;
	new->fd = fd;
	new->local = local;
	*ring = new;
	return 0;
}

/* A call on /dev/disruptor. */
static int device_ioctl(unsigned long request, void *args)
{
	int fd = sys_open_device();
	int ret;

	if (fd < 0)
		return fd;
	ret = sys_ioctl(fd, request, args);
	close(fd);
	return ret;
}

/* A call on /dev/disruptor that answers a ring fd. */
static int device_ring(struct disruptor_ring **ring, unsigned long request,
		       void *args)
{
	int fd = device_ioctl(request, args);
	int err;

	if (fd < 0)
		return fd;
	err = ring_new(ring, fd, NULL);
	if (err)
		close(fd);
	return err;
}

static int create_private(struct disruptor_ring **ring,
			  const struct disruptor_config *config)
{
	struct private_ring *local;
	int err = private_create(&local, config);

	if (err)
		return err;
	err = ring_new(ring, -1, local);
	if (err)
		private_put(local);
	return err;
}

int disruptor_create(struct disruptor_ring **ring,
		     const struct disruptor_config *config)
{
	struct disruptor_create_args args = {
		.size = sizeof(args),
		.flags = config->flags,
		.slots = config->slots,
		.slot_size = config->slot_size,
		.consumers = (uintptr_t)config->graph.consumers,
		.nr_consumers = config->graph.nr,
		.consumer_size = sizeof(config->graph.consumers[0]),
		.mode = config->mode,
		.producers = config->producers,
		.node = config->node,
	};
	int err;

	if (config->graph.error)
		return config->graph.error;
	if (config->flags & DISRUPTOR_PRIVATE)
		return create_private(ring, config);
	if (config->name) {
		err = name_copy(args.name, sizeof(args.name), config->name);
		if (err)
			return err;
	}
	return device_ring(ring, DISRUPTOR_IOC_CREATE, &args);
}

int disruptor_open(struct disruptor_ring **ring, const char *name,
		   unsigned int access)
{
	struct disruptor_open_args args = {
		.size = sizeof(args),
		.access = access,
	};
	int err = name_copy(args.name, sizeof(args.name), name);

	return err ? err : device_ring(ring, DISRUPTOR_IOC_OPEN, &args);
}

int disruptor_ring_from_fd(struct disruptor_ring **ring, int fd)
{
	struct disruptor_info info = {
		.size = sizeof(info),
		.consumer_size = sizeof(struct disruptor_consumer_config),
	};
	int err = sys_ioctl(fd, DISRUPTOR_IOC_INFO, &info);

	if (err)
		return err == -EBADF ? err : -EINVAL;
	if (info.role != DISRUPTOR_ROLE_NONE)
		return -EINVAL;
	return ring_new(ring, fd, NULL);
}

void disruptor_close(struct disruptor_ring *ring)
{
	if (!ring)
		return;
	if (ring->local)
		private_put(ring->local);
	else
		close(ring->fd);
	free(ring);
}

int disruptor_unlink(const char *name)
{
	struct disruptor_unlink_args args = { .size = sizeof(args) };
	int err = name_copy(args.name, sizeof(args.name), name);

	return err ? err : device_ioctl(DISRUPTOR_IOC_UNLINK, &args);
}

int disruptor_ring_fileno(const struct disruptor_ring *ring)
{
	return ring->local ? -EOPNOTSUPP : ring->fd;
}

int disruptor_get_info(const struct disruptor_ring *ring,
		       struct disruptor_info *info)
{
	struct disruptor_info args = {
		.size = sizeof(args),
		.consumers = info->consumers,
		.nr_consumers = info->nr_consumers,
		.consumer_size = sizeof(struct disruptor_consumer_config),
	};
	int err;

	err = ring->local ? private_info(ring->local, &args) :
			    sys_ioctl(ring->fd, DISRUPTOR_IOC_INFO, &args);
	if (!err)
		*info = args;
	return err;
}

int disruptor_get_stats(const struct disruptor_ring *ring,
			struct disruptor_stats *stats)
{
	struct disruptor_stats args = {
		.size = sizeof(args),
		.seats = stats->seats,
		.nr_seats = stats->nr_seats,
		.seat_size = sizeof(struct disruptor_seat_stats),
	};
	int err;

	err = ring->local ? private_stats(ring->local, &args) :
			    sys_ioctl(ring->fd, DISRUPTOR_IOC_STATS, &args);
	if (!err)
		*stats = args;
	return err;
}

static int evict(struct disruptor_ring *ring, struct disruptor_evict_args *args)
{
	return ring->local ? private_evict(ring->local, args) :
			     sys_ioctl(ring->fd, DISRUPTOR_IOC_EVICT, args);
}

int disruptor_evict(struct disruptor_ring *ring, const char *name,
		    unsigned int flags)
{
	struct disruptor_evict_args args = {
		.size = sizeof(args),
		.role = name ? DISRUPTOR_ROLE_CONSUMER : DISRUPTOR_ROLE_PRODUCER,
		.flags = flags,
	};
	int err = name ? name_copy(args.name, sizeof(args.name), name) : 0;

	return err ? err : evict(ring, &args);
}

int disruptor_evict_producer(struct disruptor_ring *ring, unsigned int index)
{
	struct disruptor_evict_args args = {
		.size = sizeof(args),
		.role = DISRUPTOR_ROLE_PRODUCER,
		.index = index,
	};

	return evict(ring, &args);
}

int disruptor_evict_worker(struct disruptor_ring *ring, const char *name,
			   unsigned int worker)
{
	struct disruptor_evict_args args = {
		.size = sizeof(args),
		.role = DISRUPTOR_ROLE_CONSUMER,
		.index = worker,
	};
	int err = name_copy(args.name, sizeof(args.name), name);

	return err ? err : evict(ring, &args);
}
