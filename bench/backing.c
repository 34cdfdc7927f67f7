// SPDX-License-Identifier: GPL-2.0
/* The kinds of memory that are compared: each is a file to map. */
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backing.h"

/* host-fill mounts the last two. */
#define MNT_GMEMFS	"/dev/gmem"
#define MNT_GMEMFS_4K	"/run/bench/gmem-4k"
#define MNT_SHMEM_HUGE	"/run/bench/shmem-huge"

static int open_tmpfile(const char *dir)
{
	return open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

static int open_gmemfs(void)
{
	return open_tmpfile(MNT_GMEMFS);
}

static int open_gmemfs_4k(void)
{
	return open_tmpfile(MNT_GMEMFS_4K);
}

static int open_memfd(void)
{
	return memfd_create("bench", MFD_CLOEXEC);
}

static int open_shmem_huge(void)
{
	return open_tmpfile(MNT_SHMEM_HUGE);
}

static int open_hugetlbfs(void)
{
	return memfd_create("bench", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB);
}

static int open_memfd_secret(void)
{
	return syscall(SYS_memfd_secret, O_CLOEXEC);
}

static const struct backing backings[] = {
	{ "gmemfs-warm", open_gmemfs, true, true },
	{ "gmemfs-cold", open_gmemfs, true, false },
	{ "gmemfs-4k-warm", open_gmemfs_4k, true, true },
	{ "gmemfs-4k", open_gmemfs_4k, true, false },
	{ "memfd", open_memfd, false, false },
	{ "shmem-huge", open_shmem_huge, false, false },
	{ "hugetlbfs", open_hugetlbfs, false, false },
	{ "memfd_secret", open_memfd_secret, false, false },
};

const struct backing *backing_find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(backings) / sizeof(backings[0]); i++)
		if (!strcmp(backings[i].name, name))
			return &backings[i];
	return NULL;
}

int backing_make(const struct backing *b, size_t size)
{
	int fd = b->open();
	int err;

	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, size))
		return fd;
	err = errno;
	close(fd);
	return -err;
}
