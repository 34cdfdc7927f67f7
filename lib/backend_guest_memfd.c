// SPDX-License-Identifier: MIT
/*
 * Backend: KVM's guest_memfd, where it can be mapped (Linux 6.18). Its memory
 * is in the direct map, and can't be made private while it is mapped.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/mman.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"
#include "kvm_compat.h"

#define WANTED_FLAGS	(GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED)

/* KVM has no close-on-exec flag here. Under the lock no thread can fork(). */
static int create_close_on_exec(int vm_fd,
				struct kvm_create_guest_memfd *create)
{
	int fd;

	gmem_windows_lock();
	fd = ioctl(vm_fd, KVM_CREATE_GUEST_MEMFD, create);
	if (fd >= 0)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	gmem_windows_unlock();
	return fd;
}

static int guest_memfd_open(const struct gmem_region_options *options)
{
	struct kvm_create_guest_memfd create = {
		.size = options->size, .flags = WANTED_FLAGS,
	};
	int flags, fd;

	if (options->vm_fd <= 0)
		return gmem_fail(-ENODEV, "needs a VM: set vm_fd");
	/* /dev/kvm would answer KVM_CHECK_EXTENSION, too. */
	if (ioctl(options->vm_fd, KVM_GET_API_VERSION, 0) >= 0)
		return gmem_fail(-EINVAL, "vm_fd is /dev/kvm, not a VM; give what KVM_CREATE_VM returns");
	flags = ioctl(options->vm_fd, KVM_CHECK_EXTENSION,
		      KVM_CAP_GUEST_MEMFD_FLAGS);
	if (flags < 0)
		return gmem_fail_errno("vm_fd is not a VM of KVM");
	if ((flags & WANTED_FLAGS) != WANTED_FLAGS)
		return gmem_fail(-EOPNOTSUPP, "the guest_memfd of this kernel can't be mapped; that of Linux 6.18 and later can");
	fd = create_close_on_exec(options->vm_fd, &create);
	return fd < 0 ? gmem_fail_errno("KVM can't make a guest_memfd") : fd;
}

/* fstat() doesn't count its blocks, but its memory is page cache. */
static int guest_memfd_ask(int fd, struct gmem_protection *p)
{
	struct cachestat_range all = {};
	struct cachestat stat;

	if (syscall(SYS_cachestat, fd, &all, &stat, 0))
		return gmem_fail_errno("descriptor %d: can't ask what the file holds",
				       fd);
	*p = (struct gmem_protection){
		.populated = stat.nr_cache * GMEM_PAGE_SIZE,
		.shared = stat.nr_cache * GMEM_PAGE_SIZE,
	};
	return 0;
}

const struct backend gmem_backend_guest_memfd = {
	.name	= "guest_memfd",
	.open	= guest_memfd_open,
	.ask	= guest_memfd_ask,
};
