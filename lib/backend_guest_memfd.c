// SPDX-License-Identifier: MIT
/*
 * Backend: KVM's guest_memfd, where it can be mapped (Linux 6.18). Its memory
 * is in the direct map, and can't be made private while it is mapped.
 */
#include <linux/kvm.h>
#include <sys/ioctl.h>

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
	flags = ioctl(options->vm_fd, KVM_CHECK_EXTENSION,
		      KVM_CAP_GUEST_MEMFD_FLAGS);
	if (flags < 0)
		return gmem_fail_errno("vm_fd is not a VM of KVM's");
	if ((flags & WANTED_FLAGS) != WANTED_FLAGS)
		return gmem_fail(-EOPNOTSUPP, "this kernel's can't be mapped; Linux 6.18 and later have one that can");
	fd = ioctl(options->vm_fd, KVM_CREATE_GUEST_MEMFD, &create);
	return fd < 0 ? gmem_fail_errno("KVM didn't make it") : fd;
}

const struct backend gmem_backend_guest_memfd = {
	.name	= "guest_memfd",
	.open	= guest_memfd_open,
	.ask	= gmem_ask_ordinary,
};
