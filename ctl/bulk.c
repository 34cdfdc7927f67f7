// SPDX-License-Identifier: GPL-2.0
/* Memory in bulk: aligned buffers, O_DIRECT, and what to do without it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bulk.h"
#include "ctl.h"

/* No file system wants more for O_DIRECT. */
#define ALIGNMENT	65536

void *bulk_buffer(size_t size)
{
	void *buffer;

	if (posix_memalign(&buffer, ALIGNMENT, size))
		ctl_die("out of memory");
	/* What a guest has belongs into no core dump. */
	madvise(buffer, size, MADV_DONTDUMP);
	return memset(buffer, 0, size);
}

void bulk_direct(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	/* Where it fails, nothing has changed. */
	if (flags >= 0)
		fcntl(fd, F_SETFL, flags | O_DIRECT);
}

/*
 * Was it O_DIRECT that made a call fail? Then it is off now, and the call can
 * be tried again.
 */
static bool was_direct(int fd, int err)
{
	int flags = err == EINVAL ? fcntl(fd, F_GETFL) : -1;

	return flags >= 0 && flags & O_DIRECT &&
	       !fcntl(fd, F_SETFL, flags & ~O_DIRECT);
}

int bulk_read(int fd, void *to, size_t size, uint64_t offset)
{
	while (size) {
		ssize_t n = pread(fd, to, size, (off_t)offset);

		if (n < 0 && (errno == EINTR || was_direct(fd, errno)))
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		to = (char *)to + n;
		offset += n;
		size -= n;
	}
	return 0;
}

int bulk_write(int fd, const void *from, size_t size, uint64_t offset)
{
	while (size) {
		ssize_t n = pwrite(fd, from, size, (off_t)offset);

		if (n < 0 && (errno == EINTR || was_direct(fd, errno)))
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		from = (const char *)from + n;
		offset += n;
		size -= n;
	}
	return 0;
}

uint64_t bulk_data(int fd, uint64_t offset, uint64_t size)
{
	off_t data = lseek(fd, (off_t)offset, SEEK_DATA);
	uint64_t block;

	if (data < 0)
		return errno == ENXIO ? size : offset;
	block = (uint64_t)data / BULK_BLOCK * BULK_BLOCK;
	return block > offset ? block : offset;
}

bool bulk_is_zero(const void *bytes, size_t size)
{
	const char *p = bytes;

	return !size || (!p[0] && !memcmp(p, p + 1, size - 1));
}
