/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of clones have in common. The file that includes this has
 * defined TOP, its mount point.
 */
#ifndef GMEM_TEST_CLONES_H
#define GMEM_TEST_CLONES_H

#include "gmem_test.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

static inline int clone_range(int to, long dst, int from, long src, long len)
{
	struct file_clone_range range = {
		.src_fd = from, .src_offset = src, .src_length = len,
		.dest_offset = dst,
	};

	return ioctl(to, FICLONERANGE, &range);
}

static inline void mount_with(const char *options)
{
	mkdir(TOP, 0755);
	must(mount("gmemfs", TOP, "gmemfs", 0, options));
}

#endif /* GMEM_TEST_CLONES_H */
