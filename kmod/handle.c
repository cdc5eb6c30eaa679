// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file descriptors of a ring.  Each has an inode of its own, and with it an
 * address space that holds exactly its maps: that is what lets an eviction revoke
 * one role's pages.  (anon_inode files share one.)
 */
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pid.h>
#include <linux/pseudo_fs.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "internal.h"

#define DISRUPTOR_FS_MAGIC	0x44495352	/* "DISR" */

static struct vfsmount *handle_mount;
static int handle_mount_count;

/* What /proc/PID/fd shows: "disruptor:[consumer]", as "socket:[1234]". */
static char *handle_dname(struct dentry *dentry, char *buffer, int len)
{
	size_t bytes = strlen(dentry->d_name.name) + 1;

	if (bytes > len)
		return ERR_PTR(-ENAMETOOLONG);
	return memcpy(buffer + len - bytes, dentry->d_name.name, bytes);
}

static const struct dentry_operations handle_dentry_ops = {
	.d_dname = handle_dname,
};

static int handle_fs_init_context(struct fs_context *fc)
{
	struct pseudo_fs_context *ctx = init_pseudo(fc, DISRUPTOR_FS_MAGIC);

	if (!ctx)
		return -ENOMEM;
	ctx->dops = &handle_dentry_ops;
	/* So that what can be read is not made executable, as for old programs. */
	fc->s_iflags |= SB_I_NOEXEC;
	return 0;
}

static struct file_system_type handle_fs = {
	.name = "disruptorfs",
	.owner = THIS_MODULE,
	.init_fs_context = handle_fs_init_context,
	.kill_sb = kill_anon_super,
};

static long ring_fd_ioctl(struct file *file, unsigned int cmd,
			  unsigned long arg)
{
	struct disruptor_handle *handle = file->private_data;
	void __user *uargs = (void __user *)arg;

	switch (cmd) {
	case DISRUPTOR_IOC_ATTACH:
		return disruptor_role_attach(handle, uargs);
	case DISRUPTOR_IOC_EVICT:
		return disruptor_role_evict(handle->ring, uargs);
	case DISRUPTOR_IOC_UNLINK:
		return disruptor_ring_unlink(handle->ring, uargs);
	case DISRUPTOR_IOC_INFO:
		return disruptor_info(handle, uargs);
	case DISRUPTOR_IOC_STATS:
		return disruptor_stats(handle, uargs);
	}
	return -ENOTTY;
}

static long role_fd_ioctl(struct file *file, unsigned int cmd,
			  unsigned long arg)
{
	struct disruptor_handle *handle = file->private_data;
	void __user *uargs = (void __user *)arg;

	switch (cmd) {
	case DISRUPTOR_IOC_WAIT:
		return disruptor_wait(handle, uargs);
	case DISRUPTOR_IOC_WAKE:
		return disruptor_wake(handle, arg);
	case DISRUPTOR_IOC_ADOPT:
		return disruptor_role_adopt(handle, uargs);
	case DISRUPTOR_IOC_DETACH:
		return disruptor_role_detach(handle, uargs);
	case DISRUPTOR_IOC_INFO:
		return disruptor_info(handle, uargs);
	case DISRUPTOR_IOC_STATS:
		return disruptor_stats(handle, uargs);
	}
	return -ENOTTY;
}

static int ring_fd_release(struct inode *inode, struct file *file)
{
	disruptor_handle_free(file->private_data);
	simple_release_fs(&handle_mount, &handle_mount_count);
	return 0;
}

/* The last fd and the last map are gone: of its own will, or killed. */
static int role_fd_release(struct inode *inode, struct file *file)
{
	disruptor_wait_exit(file->private_data);
	disruptor_role_lost(file->private_data);
	disruptor_handle_free(file->private_data);
	simple_release_fs(&handle_mount, &handle_mount_count);
	return 0;
}

static const struct file_operations ring_fops = {
	.owner = THIS_MODULE,
	.release = ring_fd_release,
	.unlocked_ioctl = ring_fd_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = disruptor_mmap,
	.get_unmapped_area = thp_get_unmapped_area,
	.poll = disruptor_ring_poll,
	.show_fdinfo = disruptor_show_fdinfo,
	.llseek = noop_llseek,
};

static const struct file_operations role_fops = {
	.owner = THIS_MODULE,
	.release = role_fd_release,
	.unlocked_ioctl = role_fd_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = disruptor_mmap,
	.get_unmapped_area = thp_get_unmapped_area,
	.poll = disruptor_role_poll,
	.uring_cmd = disruptor_uring_cmd,
	.show_fdinfo = disruptor_show_fdinfo,
	.llseek = noop_llseek,
};

/* With whom the role claims; NULL: it need not. */
static struct disruptor_claims *claims_of(struct disruptor_ring *ring, u32 role,
					  unsigned int seat)
{
	struct disruptor_group *group = NULL;

	if (role == DISRUPTOR_ROLE_PRODUCER && ring->core.availability)
		return &ring->core.producers;
	if (role == DISRUPTOR_ROLE_CONSUMER)
		group = disruptor_group_of(&ring->core, seat);
	return group ? &group->claims : NULL;
}

struct disruptor_handle *disruptor_handle_alloc(struct disruptor_ring *ring,
						u32 role, unsigned int seat,
						u32 access)
{
	struct disruptor_handle *handle;

	handle = kzalloc(sizeof(*handle), DISRUPTOR_GFP);
	if (!handle)
		return NULL;
	kref_get(&ring->refs);
	handle->ring = ring;
	handle->role = role;
	handle->seat = seat;
	handle->publishes = role == DISRUPTOR_ROLE_CONSUMER ?
		seat : DISRUPTOR_SEAT_PRODUCERS;
	handle->claims = claims_of(ring, role, seat);
	handle->access = access;
	handle->pid = get_pid(task_tgid(current));
	mutex_init(&handle->map_lock);
	disruptor_wait_init(handle);
	return handle;
}

/* Of a worker; else NULL. */
struct disruptor_group *
disruptor_handle_group(const struct disruptor_handle *handle)
{
	return handle->claims && handle->role == DISRUPTOR_ROLE_CONSUMER ?
		container_of(handle->claims, struct disruptor_group, claims) :
		NULL;
}

/* Which of those that it claims with. */
unsigned int disruptor_handle_place(const struct disruptor_handle *handle)
{
	return handle->claims ? handle->seat - handle->claims->first : 0;
}

/* Which consumer of the graph, or which of several producers. */
unsigned int disruptor_handle_index(const struct disruptor_handle *handle)
{
	return handle->role == DISRUPTOR_ROLE_CONSUMER ?
		handle->publishes - DISRUPTOR_SEAT_CONSUMER(0) :
		disruptor_handle_place(handle);
}

unsigned int disruptor_handle_worker(const struct disruptor_handle *handle)
{
	return disruptor_handle_group(handle) ? disruptor_handle_place(handle) : 0;
}

void disruptor_handle_free(struct disruptor_handle *handle)
{
	disruptor_ring_put(handle->ring);
	put_pid(handle->pid);
	kfree(handle);
}

static struct file *open_file(struct disruptor_handle *handle)
{
	bool is_ring = handle->role == DISRUPTOR_ROLE_NONE;
	struct inode *inode;
	struct file *file;

	inode = alloc_anon_inode(handle_mount->mnt_sb);
	if (IS_ERR(inode))
		return ERR_CAST(inode);
	file = alloc_file_pseudo(inode, handle_mount,
				 is_ring ? "disruptor:[ring]" :
				 handle->role == DISRUPTOR_ROLE_PRODUCER ?
				 "disruptor:[producer]" : "disruptor:[consumer]",
				 is_ring ? O_RDONLY : O_RDWR,
				 is_ring ? &ring_fops : &role_fops);
	if (IS_ERR(file)) {
		iput(inode);
		return file;
	}
	handle->mapping = inode->i_mapping;
	file->private_data = handle;
	return file;
}

/*
 * A file that owns @handle from now on.  By itself it would pin neither the module
 * nor what handle_mount points to.
 */
struct file *disruptor_handle_file(struct disruptor_handle *handle)
{
	struct file *file;
	int err;

	err = simple_pin_fs(&handle_fs, &handle_mount, &handle_mount_count);
	if (err)
		return ERR_PTR(err);
	__module_get(THIS_MODULE);
	file = open_file(handle);
	if (IS_ERR(file)) {
		module_put(THIS_MODULE);
		simple_release_fs(&handle_mount, &handle_mount_count);
	}
	return file;
}
