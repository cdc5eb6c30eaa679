// SPDX-License-Identifier: MIT
/*
 * System calls.  They answer 0 or more, or -errno.
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <linux/mempolicy.h>
#include <linux/posix_types.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25	/* since Linux 6.1 */
#endif
#define HUGE_BYTES	((size_t)2 << 20)

/* Since Linux 5.1, in 32 bits; in 64 there is but one, whose times have 64 bits. */
#ifndef SYS_futex_time64
#define SYS_futex_time64	SYS_futex
_Static_assert(sizeof(__kernel_long_t) == 8, "headers older than Linux 5.1");
#endif

int sys_open_device(void)
{
	int fd = open("/dev/disruptor", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int sys_ioctl(int fd, unsigned long request, void *args)
{
	int ret = ioctl(fd, request, args);

	return ret < 0 ? -errno : ret;
}

/* What is longer than any object would be cut to what a size_t has of it. */
static int map(struct mapping *mapping, uint64_t length, int prot, int flags,
	       int fd, off_t offset)
{
	void *mapped;

	if (length > PTRDIFF_MAX)
		return -ENOMEM;
	mapped = mmap(NULL, length, prot, flags, fd, offset);
	if (mapped == MAP_FAILED)
		return -errno;
	mapping->at = mapped;
	mapping->length = length;
	mapping->pid = getpid();
	return 0;
}

int sys_map(struct mapping *mapping, uint64_t length, int prot, int fd,
	    unsigned int region)
{
	return map(mapping, length, prot, MAP_SHARED, fd,
		   (off_t)DISRUPTOR_REGION_OFFSET(region));
}

/* In a child made by fork(2) something else may be there by now. */
void sys_unmap(struct mapping *mapping)
{
	if (mapping->at && mapping->pid == getpid())
		munmap(mapping->at, mapping->length);
	mapping->at = NULL;
}

/* As with the maps of a role fd, a child made by fork(2) gets none of it. */
static int keep_from_children(struct mapping *mapping)
{
	int err;

	if (!madvise(mapping->at, mapping->length, MADV_DONTFORK))
		return 0;
	err = -errno;
	sys_unmap(mapping);
	return err;
}

int sys_map_anonymous(struct mapping *mapping, uint64_t length)
{
	int err = map(mapping, length, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return err ? err : keep_from_children(mapping);
}

/*
 * A signal ends the call, with older kernels, and takes back what there is of it,
 * whatever SA_RESTART says.  With a profiler's timer a large ring would never be
 * there; so by smaller and smaller pieces.
 */
static int fill(int fd, uint64_t length)
{
	const uint64_t least = sysconf(_SC_PAGESIZE);
	uint64_t piece = length;
	uint64_t done = 0;

	while (done < length) {
		piece = min(piece, length - done);
		if (!fallocate(fd, 0, done, piece))
			done += piece;
		else if (errno == EINTR)
			piece = max(piece / 2, least);
		else
			return errno == ENOSPC ? -ENOMEM : -errno;
	}
	return 0;
}

/* To the kernel it is a file, to everybody else memory. */
static bool may_be_file(uint64_t length)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_FSIZE, &limit) || length <= limit.rlim_cur;
}

/*
 * Memory that is there, or an error now: a later SIGBUS is no way to say so, nor is
 * SIGXFSZ.  What could not be mapped twice is not asked for.
 */
static int allocate(uint64_t length)
{
	long pages = sysconf(_SC_PHYS_PAGES);
	int fd, err;

	if (length > PTRDIFF_MAX / 2 ||
	    length / sysconf(_SC_PAGESIZE) > (unsigned long)pages)
		return -ENOMEM;
	if (!may_be_file(length))
		return -EFBIG;
	fd = memfd_create("disruptor", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = fill(fd, length);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

/* Addresses alone, from a multiple of @align on; @length is one of it as well. */
static int reserve(struct mapping *mapping, uint64_t length, size_t align)
{
	size_t before;
	int err;

	err = map(mapping, length + align, PROT_NONE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (err)
		return err;
	before = -(uintptr_t)mapping->at & (align - 1);
	if (before)
		munmap(mapping->at, before);
	mapping->at = (char *)mapping->at + before;
	mapping->length = length;
	munmap((char *)mapping->at + length, align - before);
	return 0;
}

static int map_at(void *at, size_t length, int fd)
{
	void *mapped = mmap(at, length, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd, 0);

	return mapped == MAP_FAILED ? -errno : 0;
}

/*
 * @length bytes of memory, twice back to back; *@huge: wanted in huge pages, and
 * whether it is.
 */
int sys_map_mirrored(struct mapping *mapping, uint64_t length, bool *huge)
{
	int fd, err;

	fd = allocate(length);
	if (fd < 0)
		return fd;
	*huge = *huge && length % HUGE_BYTES == 0;
	err = reserve(mapping, 2 * length,
		      *huge ? HUGE_BYTES : (size_t)sysconf(_SC_PAGESIZE));
	if (err)
		goto out_close;
	err = map_at(mapping->at, length, fd);
	*huge = *huge && !err && !madvise(mapping->at, length, MADV_COLLAPSE);
	if (!err)
		err = map_at((char *)mapping->at + length, length, fd);
	if (err)
		sys_unmap(mapping);
	else
		err = keep_from_children(mapping);
out_close:
	close(fd);
	return err;
}

#define MAX_NODES	(8 * sizeof(((struct memory_policy *)0)->nodes))

/* The system call wants to hear of one bit more than there are. */
static int set_policy(const struct memory_policy *policy)
{
	return syscall(SYS_set_mempolicy, policy->mode, policy->nodes,
		       MAX_NODES + 1) ? -errno : 0;
}

/*
 * What this thread touches first from here on is to be @node's.  -EINVAL: there is
 * no such node, or it is not for us.
 */
int sys_prefer_node(unsigned int node, struct memory_policy *before)
{
	const unsigned int bits = 8 * sizeof(before->nodes[0]);
	struct memory_policy policy = { .mode = MPOL_PREFERRED };

	if (node >= MAX_NODES)
		return -EINVAL;
	policy.nodes[node / bits] = 1UL << node % bits;
	if (syscall(SYS_get_mempolicy, &before->mode, before->nodes, MAX_NODES,
		    NULL, 0))
		return -errno;
	return set_policy(&policy);
}

void sys_restore_policy(const struct memory_policy *before)
{
	set_policy(before);
}

static int membarrier(int command)
{
	return syscall(SYS_membarrier, command, 0, 0) ? -errno : 0;
}

int sys_membarrier_register(void)
{
	return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
}

/* When it returns, every running thread of the process has passed a barrier. */
int sys_membarrier(void)
{
	return membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}

/*
 * 0: woken, or @futex is no longer @value; -ETIMEDOUT; -EINTR.  Not with a struct
 * timespec: in 32 bits a program is compiled with one or the other.
 */
int sys_futex_wait(const uint32_t *futex, uint32_t value, uint64_t deadline_ns)
{
	const struct {
		int64_t sec;
		int64_t nsec;
	} deadline = {
		.sec = deadline_ns / NSEC_PER_SEC,
		.nsec = deadline_ns % NSEC_PER_SEC,
	};
	long ret = syscall(SYS_futex_time64, futex, FUTEX_WAIT_BITSET_PRIVATE,
			   value,
			   deadline_ns == DISRUPTOR_FOREVER ? NULL : &deadline,
			   NULL, FUTEX_BITSET_MATCH_ANY);

	return ret < 0 && errno != EAGAIN ? -errno : 0;
}

void sys_futex_wake(const uint32_t *futex)
{
	syscall(SYS_futex, futex, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
