/* SPDX-License-Identifier: MIT */
/* The parts of KVM's ABI that the headers of Linux 6.12 don't have. */
#ifndef GMEM_KVM_COMPAT_H
#define GMEM_KVM_COMPAT_H

#include <linux/kvm.h>

/* Linux 6.18 */
#ifndef KVM_CAP_GUEST_MEMFD_FLAGS
#define KVM_CAP_GUEST_MEMFD_FLAGS	244
#endif
#ifndef GUEST_MEMFD_FLAG_MMAP
#define GUEST_MEMFD_FLAG_MMAP		(1ULL << 0)
#endif
#ifndef GUEST_MEMFD_FLAG_INIT_SHARED
#define GUEST_MEMFD_FLAG_INIT_SHARED	(1ULL << 1)
#endif

#endif /* GMEM_KVM_COMPAT_H */
