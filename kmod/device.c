// SPDX-License-Identifier: GPL-2.0-only
/*
 * disruptor - a ring between processes.
 *
 * /dev/disruptor and the module's life.  The other files, one idea each:
 *
 *   args.c        structs that carry their size
 *   registry.c    names, by network namespace
 *   ring.c        CREATE, OPEN, UNLINK
 *   memory.c      pages, and what limits them
 *   handle.c      the file descriptors of a ring
 *   role.c        ATTACH, DETACH, EVICT, and the death of a process
 *   map.c         regions and permissions
 *   recovery.c    the claims of dead producers and workers; ADOPT
 *   expiry.c      required consumers that are waited for only so long
 *   fence.c       full barriers on other people's processors
 *   wait.c        WAIT, WAKE
 *   poll.c        poll, epoll and io_uring
 *   stats.c       INFO, STATS, fdinfo
 *
 * And the core, of which the library's private rings are built, too (core.h):
 *
 *   graph.c       the graph and the geometry, checked
 *   membership.c  who waits for whom
 *   waiters.c     who must be woken when
 *   claims.c      what several have claimed and settled
 *   groups.c      several workers at one consumer's events
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "internal.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static long device_ioctl(struct file *file, unsigned int cmd,
			 unsigned long arg)
{
	void __user *uargs = (void __user *)arg;

	switch (cmd) {
	case DISRUPTOR_IOC_CREATE:
		return disruptor_ring_create(uargs);
	case DISRUPTOR_IOC_OPEN:
		return disruptor_ring_open(uargs);
	case DISRUPTOR_IOC_UNLINK:
		return disruptor_ring_unlink(NULL, uargs);
	}
	return -ENOTTY;
}

static const struct file_operations device_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "disruptor",
	.fops = &device_fops,
};

static int __init disruptor_init(void)
{
	int err;

	disruptor_memory_init();
	err = disruptor_registry_init();
	if (err)
		return err;
	err = misc_register(&device);
	if (err)
		disruptor_registry_exit();
	return err;
}

static void __exit disruptor_exit(void)
{
	misc_deregister(&device);
	disruptor_registry_exit();
}

module_init(disruptor_init);
module_exit(disruptor_exit);

MODULE_DESCRIPTION("A ring between processes");
MODULE_VERSION(DISRUPTOR_VERSION);
MODULE_LICENSE("GPL");
