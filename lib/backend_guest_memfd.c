// SPDX-License-Identifier: MIT
/*
 * Backend: KVM's guest_memfd, where it can be mapped (Linux 6.18). Its memory
 * is in the direct map, and can't be made private while it is mapped.
 */
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"
#include "kvm_compat.h"

#define WANTED_FLAGS	(GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED)

static int guest_memfd_open(const struct gmem_region_options *options)
{
	struct kvm_create_guest_memfd create = {
		.size = options->size, .flags = WANTED_FLAGS,
	};
	int flags, fd;

	if (options->vm_fd <= 0)
		return gmem_fail(-ENODEV, "needs a VM: set vm_fd");
	/* Which answers the next question, too. */
	if (ioctl(options->vm_fd, KVM_GET_API_VERSION, 0) >= 0)
		return gmem_fail(-EINVAL, "vm_fd is /dev/kvm, not a VM; give what KVM_CREATE_VM returns");
	flags = ioctl(options->vm_fd, KVM_CHECK_EXTENSION,
		      KVM_CAP_GUEST_MEMFD_FLAGS);
	if (flags < 0)
		return gmem_fail_errno("vm_fd is not a VM of KVM's");
	if ((flags & WANTED_FLAGS) != WANTED_FLAGS)
		return gmem_fail(-EOPNOTSUPP, "this kernel's can't be mapped; Linux 6.18 and later have one that can");
	fd = ioctl(options->vm_fd, KVM_CREATE_GUEST_MEMFD, &create);
	return fd < 0 ? gmem_fail_errno("KVM didn't make it") : fd;
}

/* ---- how much there is ---- */

#define ASK_PAGES	4096UL
#define ASK_SIZE	(ASK_PAGES * GMEM_PAGE_SIZE)

/* How many pages the file has there, or an error. Nothing is touched. */
static int64_t count_pages(int fd, uint64_t offset, uint64_t size)
{
	unsigned char present[ASK_PAGES];
	int64_t pages = 0;
	uint64_t i;
	void *map;

	map = mmap(NULL, size, PROT_NONE, MAP_SHARED, fd, (off_t)offset);
	if (map == MAP_FAILED)
		return -errno;
	if (mincore(map, size, present))
		pages = -errno;
	munmap(map, size);
	if (pages)
		return pages;
	for (i = 0; i < size / GMEM_PAGE_SIZE; i++)
		pages += present[i] & 1;
	return pages;
}

static int64_t count_all_pages(int fd)
{
	int64_t pages = 0, some;
	uint64_t at, left;
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	for (at = 0; at < (uint64_t)st.st_size; at += ASK_SIZE) {
		left = (uint64_t)st.st_size - at;
		some = count_pages(fd, at, left < ASK_SIZE ? left : ASK_SIZE);
		if (some < 0)
			return some;
		pages += some;
	}
	return pages;
}

/* It has no blocks by fstat(). */
static int guest_memfd_ask(int fd, struct gmem_protection *p)
{
	int64_t pages = count_all_pages(fd);

	if (pages < 0)
		return gmem_fail((int)pages, "descriptor %d: can't ask what it holds",
				 fd);
	*p = (struct gmem_protection){
		.populated = (uint64_t)pages * GMEM_PAGE_SIZE,
		.shared = (uint64_t)pages * GMEM_PAGE_SIZE,
	};
	return 0;
}

const struct backend gmem_backend_guest_memfd = {
	.name	= "guest_memfd",
	.open	= guest_memfd_open,
	.ask	= guest_memfd_ask,
};
