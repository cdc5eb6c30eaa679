/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The module, unloaded and loaded again.
 *
 * Functions answer as the kernel does: what the call returned, or -errno.
 */
#ifndef SELFTESTS_DEVICE_MODULE_H
#define SELFTESTS_DEVICE_MODULE_H

#include "ring.h"

#include <sys/syscall.h>

static inline int unload(void)
{
	return syscall(__NR_delete_module, "disruptor", O_NONBLOCK) ?
		-errno : 0;
}

/* The file that the module was loaded from, if we can know it; or -1. */
static inline int open_module_file(void)
{
	const char *path = getenv("DISRUPTOR_KO") ?: "/rig/disruptor.ko";

	return open(path, O_RDONLY | O_CLOEXEC);
}

static inline int load_from(int file)
{
	return syscall(__NR_finit_module, file, "", 0) ? -errno : 0;
}

static inline int load(void)
{
	int file = open_module_file();
	int ret = load_from(file);

	close(file);
	return ret;
}

#endif /* SELFTESTS_DEVICE_MODULE_H */
