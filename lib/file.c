// SPDX-License-Identifier: MIT
/* Files: make, map, and what they hold. */
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"
#include "range.h"

/* ---- to make a file without a name; open.c has those with names ---- */

static int open_directory(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == EFAULT)
		return gmem_fail(-EFAULT, "directory: can't read the path at this address");
	if (errno == ENOENT)
		return gmem_fail_errno("%s: there is no such directory; is the module loaded and gmemfs mounted there?",
				       path);
	return gmem_fail_errno("%s: can't open the directory", path);
}

static int create_failed(const char *path, uint64_t size, uint64_t flags)
{
	switch (errno) {
	case ENOTTY:
		return gmem_fail(-ENOTTY, "%s: this directory is not "
				 GMEM_IN_A_MOUNT, path);
	case EINVAL:
		return gmem_fail(-EINVAL, "flags %#llx: the module doesn't know a flag, or two of them exclude each other",
				 (unsigned long long)flags);
	case EFBIG:
		return gmem_fail(-EFBIG, "a file can't be %llu bytes long here: 'ulimit -f' or gmemfs forbids it",
				 (unsigned long long)size);
	case ENOSPC:
		return gmem_fail(-ENOSPC, "%s: the mount has reached its limit of files; remount it with a larger nr_inodes=",
				 path);
	default:
		return gmem_fail_errno("%s: can't make a file there", path);
	}
}

EXPORT int gmem_file_create(const char *directory, uint64_t size,
			    uint64_t flags)
{
	const char *path = directory ?: GMEM_DEFAULT_MOUNT;
	struct gmem_create create = { .size = size, .flags = flags };
	int dir, fd;
	int cancel NOT_CANCELLED = gmem_cancel_off();

	dir = open_directory(path);
	if (dir < 0)
		return dir;
	fd = ioctl(dir, GMEM_CREATE, &create);
	if (fd < 0)
		fd = create_failed(path, size, flags);
	close(dir);
	return fd;
}

EXPORT int gmem_file_shared_view(int fd)
{
	int view = ioctl(fd, GMEM_SHARED_VIEW, 0);

	if (view < 0)
		return gmem_fail_errno("can't open a shared view of descriptor %d",
				       fd);
	return view;
}

/* ---- to map ---- */

int gmem_map(int fd, uint64_t offset, uint64_t size, int prot, void **address)
{
	void *p = mmap(NULL, size, prot, MAP_SHARED, fd, (off_t)offset);

	if (p != MAP_FAILED) {
		*address = p;
		return 0;
	}
	if (errno == EPERM)
		return gmem_fail(-EPERM, "can't map hidden memory: gmemfs could not put its guard into kvm; dmesg says why");
	return gmem_fail_errno("can't map %llu bytes of descriptor %d",
			       (unsigned long long)size, fd);
}

EXPORT int gmem_file_map(int fd, uint64_t offset, uint64_t size, int prot,
			 void **address)
{
	int ret = gmem_check_bits("prot", (unsigned int)prot,
				  PROT_READ | PROT_WRITE);
	struct range range;

	if (ret)
		return ret;
	if (!size || offset % GMEM_PAGE_SIZE ||
	    !gmem_range_of_bytes(&range, offset, size, GMEM_FILE_LIMIT))
		return gmem_fail(-EINVAL, "can't map %llu bytes at offset %llu of descriptor %d: the size must not be 0, the offset must be a multiple of 4096, and the end must be below 2^63",
				 (unsigned long long)size,
				 (unsigned long long)offset, fd);
	return gmem_map(fd, offset, size, prot, address);
}

/* ---- what it holds ---- */

/*
 * Let the kernel write to the address: it returns EFAULT where this code would
 * get SIGSEGV. The call is rt_sigprocmask(), because even a tight seccomp
 * filter allows that.
 */
static bool can_write(void *to)
{
	return !syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, to, 8);
}

/* The kernel wants a struct of zeros. It is in two pages at most. */
static int clear(struct gmem_info *info)
{
	uint64_t *words = (uint64_t *)info;

	if (!can_write(words) || !can_write(&words[sizeof(*info) / 8 - 1]))
		return gmem_fail(-EFAULT, "info: can't write to this address");
	*info = (struct gmem_info){};
	return 0;
}

EXPORT int gmem_file_info(int fd, struct gmem_info *info)
{
	int ret = clear(info);

	if (ret)
		return ret;
	if (!ioctl(fd, GMEM_GET_INFO, info))
		return 0;
	if (errno == ENOTTY)
		return gmem_fail(-ENOTTY, "descriptor %d: this is not a regular file "
				 GMEM_IN_A_MOUNT, fd);
	return gmem_fail_errno("descriptor %d: can't ask what the file holds",
			       fd);
}

int gmem_bad_range(int fd, uint64_t offset, uint64_t size)
{
	return gmem_fail(-EINVAL, "descriptor %d: %llu bytes at offset %llu: these are not whole pages inside of the file (or region), or the module doesn't know a flag",
			 fd, (unsigned long long)size,
			 (unsigned long long)offset);
}

EXPORT int gmem_file_state(int fd, uint64_t offset, uint64_t size,
			   uint8_t *states)
{
	struct gmem_state get = {
		.offset = offset, .size = size, .states = (uintptr_t)states,
	};

	struct range range;

	if (!gmem_range_of_pages(&range, offset, size, GMEM_FILE_LIMIT))
		return gmem_bad_range(fd, offset, size);
	if (!ioctl(fd, GMEM_GET_STATE, &get))
		return 0;
	if (errno == EINVAL)
		return gmem_bad_range(fd, offset, size);
	return gmem_fail_errno("descriptor %d: can't read the pages' state",
			       fd);
}

EXPORT int gmem_file_resize(int fd, uint64_t size)
{
	int cancel NOT_CANCELLED = gmem_cancel_off();

	if (!ftruncate(fd, (off_t)size))
		return 0;
	return gmem_fail_errno("descriptor %d: can't change the file's size to %llu bytes",
			       fd, (unsigned long long)size);
}

static int check_bytes(int fd, uint64_t offset, uint64_t size)
{
	struct range range;

	if (size && gmem_range_of_bytes(&range, offset, size, GMEM_FILE_LIMIT))
		return 0;
	return gmem_fail(-EINVAL, "descriptor %d: %llu bytes at offset %llu: the size must not be 0, and the end must be below 2^63",
			 fd, (unsigned long long)size,
			 (unsigned long long)offset);
}

EXPORT int gmem_file_populate(int fd, uint64_t offset, uint64_t size)
{
	int ret = check_bytes(fd, offset, size);
	int cancel NOT_CANCELLED = gmem_cancel_off();

	if (ret)
		return ret;
	if (!fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)size))
		return 0;
	if (errno == ENOSPC)
		return gmem_fail(-ENOSPC, "%llu bytes are more than the mount has left; remount it with a larger size=",
				 (unsigned long long)size);
	return gmem_fail_errno("descriptor %d: can't get %llu bytes of memory",
			       fd, (unsigned long long)size);
}

EXPORT int gmem_file_punch(int fd, uint64_t offset, uint64_t size)
{
	int ret = check_bytes(fd, offset, size);
	int cancel NOT_CANCELLED = gmem_cancel_off();

	if (ret)
		return ret;
	if (!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		       (off_t)offset, (off_t)size))
		return 0;
	return gmem_fail_errno("descriptor %d: can't give %llu bytes back",
			       fd, (unsigned long long)size);
}

static int clone_failed(int fd, int from)
{
	switch (errno) {
	case ENOTTY:
	case EOPNOTSUPP:
		return gmem_fail(-EOPNOTSUPP, "descriptor %d: the file can't share memory with another one: it is not in a gmemfs mount, or this gmemfs has no clones",
				 fd);
	case EXDEV:
		return gmem_fail(-EXDEV, "descriptors %d and %d: a file can only be cloned within one mount",
				 fd, from);
	case EINVAL:
		return gmem_fail(-EINVAL, "descriptors %d and %d: the range isn't whole pages inside of the file that is cloned, or it overlaps with what it replaces",
				 fd, from);
	case ENOSPC:
		return gmem_fail(-ENOSPC, "the mount has too little left for what a clone needs; remount it with a larger size=");
	default:
		return gmem_fail_errno("descriptor %d: can't clone descriptor %d into it",
				       fd, from);
	}
}

EXPORT int gmem_file_clone(int fd, uint64_t offset, int from,
			   uint64_t from_offset, uint64_t size)
{
	struct file_clone_range range = {
		.src_fd = from, .src_offset = from_offset,
		.src_length = size, .dest_offset = offset,
	};
	int cancel NOT_CANCELLED = gmem_cancel_off();

	if (!ioctl(fd, FICLONERANGE, &range))
		return 0;
	return clone_failed(fd, from);
}
