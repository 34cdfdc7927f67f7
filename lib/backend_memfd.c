// SPDX-License-Identifier: MIT
/* Backend: memfd, ordinary memory without any protection. */
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL	0x8U
#endif

static int memfd_open(const struct gmem_region_options *options)
{
	int fd = memfd_create("guest", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
	int ret;

	/* Kernels before 6.3 refuse MFD_NOEXEC_SEAL. */
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("guest", MFD_CLOEXEC);
	if (fd < 0)
		return gmem_fail_errno("can't make a memfd");
	if (!ftruncate(fd, (off_t)options->size))
		return fd;
	ret = gmem_fail_errno("can't set its size to %llu bytes",
			      (unsigned long long)options->size);
	close(fd);
	return ret;
}

static int memfd_ask(int fd, struct gmem_protection *p)
{
	struct stat st;

	if (fstat(fd, &st))
		return gmem_fail_errno("descriptor %d: can't ask what the file holds",
				       fd);
	*p = (struct gmem_protection){
		.populated = st.st_blocks * 512ULL,
		.shared = st.st_blocks * 512ULL,
	};
	return 0;
}

const struct backend gmem_backend_memfd = {
	.name	= "memfd",
	.open	= memfd_open,
	.ask	= memfd_ask,
};
