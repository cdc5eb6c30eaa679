// SPDX-License-Identifier: GPL-2.0-only
/*
 * Structs and arrays of structs that carry their size, as clone3's do: an older
 * caller's end early and read as 0, a newer caller's tail must be 0.
 */
#include <linux/mm.h>
#include <linux/uaccess.h>

#include "internal.h"

/*
 * Every struct begins with its size.  What this kernel knows, @ksize, is still
 * the first published size of each of them; a struct that grows keeps that
 * size as its minimum.
 */
int disruptor_args_get(void *args, size_t ksize, const void __user *from)
{
	u32 usize;
	int err;

	if (get_user(usize, (const u32 __user *)from))
		return -EFAULT;
	if (usize < ksize)
		return -EINVAL;
	if (usize > PAGE_SIZE)
		return -E2BIG;
	err = copy_struct_from_user(args, ksize, from, usize);
	/* The caller's other threads may have changed it since. */
	*(u32 *)args = usize;
	return err;
}

int disruptor_args_put(void __user *to, const void *args, size_t ksize)
{
	return copy_to_user(to, args, ksize) ? -EFAULT : 0;
}

int disruptor_array_get(void *array, size_t ksize, unsigned int nr,
			u64 from, u32 usize)
{
	unsigned int i;
	int err;

	if (nr && (usize < ksize || usize > PAGE_SIZE))
		return -EINVAL;
	for (i = 0; i < nr; i++) {
		err = copy_struct_from_user(array + i * ksize, ksize,
					    u64_to_user_ptr(from) + i * usize,
					    usize);
		if (err)
			return err;
	}
	return 0;
}

int disruptor_array_put(u64 to, u32 usize, const void *array, size_t ksize,
			unsigned int nr)
{
	unsigned int i;

	if (nr && (usize < ksize || usize > PAGE_SIZE))
		return -EINVAL;
	for (i = 0; i < nr; i++) {
		void __user *element = u64_to_user_ptr(to) + i * usize;

		if (copy_to_user(element, array + i * ksize, ksize) ||
		    clear_user(element + ksize, usize - ksize))
			return -EFAULT;
	}
	return 0;
}
