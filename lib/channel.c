// SPDX-License-Identifier: MIT
/* Fault channels: the module's calls, as functions. */
#include <limits.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "internal.h"
#include "range.h"

static int open_failed(int fd, uint64_t offset, uint64_t size)
{
	switch (errno) {
	case ENOTTY:
		return gmem_fail(-ENOTTY, "descriptor %d: this is not a regular file of a gmemfs that has fault channels",
				 fd);
	case EBUSY:
		return gmem_fail(-EBUSY, "descriptor %d: another process fills this file already",
				 fd);
	case EINVAL:
		return gmem_fail(-EINVAL, "descriptor %d: %llu bytes at offset %llu: these are not whole pages inside of the file, or not those that were missing before",
				 fd, (unsigned long long)size,
				 (unsigned long long)offset);
	default:
		return gmem_fail_errno("descriptor %d: can't open its fault channel",
				       fd);
	}
}

static int size_left(int fd, uint64_t offset, uint64_t *size)
{
	struct gmem_info info;
	int ret = 0;

	if (!*size) {
		ret = gmem_file_info(fd, &info);
		if (!ret && offset < info.size)
			*size = info.size - offset;
	}
	return ret;
}

EXPORT int gmem_channel_open(int fd, uint64_t offset, uint64_t size,
			     uint64_t flags)
{
	struct gmem_userfault userfault = { .offset = offset, .flags = flags };
	int ret = gmem_check_bits("flags", flags, GMEM_FAULT_REATTACH);

	if (!ret)
		ret = size_left(fd, offset, &size);
	if (ret)
		return ret;
	userfault.size = size;
	ret = ioctl(fd, GMEM_USERFAULT, &userfault);
	return ret < 0 ? open_failed(fd, offset, size) : ret;
}

EXPORT int gmem_channel_read(int channel, struct gmem_fault *faults,
			     unsigned int count)
{
	ssize_t n;

	if (!count || count > INT_MAX / sizeof(*faults))
		return gmem_fail(-EINVAL, "count %u: a channel is read for at least one event, and not for as many",
				 count);
	n = read(channel, faults, count * sizeof(*faults));
	if (n < 0)
		return gmem_fail_errno("descriptor %d: can't read the channel",
				       channel);
	return (int)(n / sizeof(*faults));
}

static int fill_failed(int channel, const struct gmem_fill *fill)
{
	unsigned long long offset = fill->offset, size = fill->size;

	switch (errno) {
	case ENOTTY:
		return gmem_fail(-ENOTTY, "descriptor %d: this is no fault channel",
				 channel);
	case ENXIO:
		return gmem_fail(-ENXIO, "channel %d: the file ends before offset %llu by now",
				 channel, offset + size);
	case EINVAL:
		return gmem_fail(-EINVAL, "channel %d: %llu bytes at offset %llu: these are not whole pages inside of the channel's range",
				 channel, size, offset);
	case EFAULT:
		return gmem_fail(-EFAULT, "channel %d: can't read the contents at their address: there is nothing, or it is missing itself",
				 channel);
	case ENOSPC:
		return gmem_fail(-ENOSPC, "the mount has too little left for what is filled; remount it with a larger size=");
	default:
		return gmem_fail_errno("channel %d: can't fill %llu bytes at offset %llu",
				       channel, size, offset);
	}
}

/* After EINTR the rest. EEXIST: there was nothing left to fill. */
static int fill(int channel, unsigned long call, struct gmem_fill fill)
{
	int ret;

	do {
		fill.offset += fill.done;
		fill.size -= fill.done;
		if (fill.address)
			fill.address += fill.done;
		fill.done = 0;
		fill.filled = 0;
		ret = ioctl(channel, call, &fill);
	} while (ret && errno == EINTR && fill.done < fill.size);
	if (!ret || errno == EEXIST || errno == EINTR)
		return 0;
	return fill_failed(channel, &fill);
}

EXPORT int gmem_channel_fill(int channel, uint64_t offset, uint64_t size,
			     const void *from)
{
	return fill(channel, GMEM_FILL, (struct gmem_fill){
		.offset = offset, .size = size, .address = (uintptr_t)from,
	});
}

EXPORT int gmem_channel_zero(int channel, uint64_t offset, uint64_t size)
{
	return fill(channel, GMEM_FILL_ZERO, (struct gmem_fill){
		.offset = offset, .size = size,
	});
}

EXPORT int gmem_channel_zero_punched(int channel, uint64_t offset,
				     uint64_t size)
{
	return fill(channel, GMEM_FILL_ZERO, (struct gmem_fill){
		.offset = offset, .size = size, .flags = GMEM_FILL_PUNCHED,
	});
}

EXPORT int gmem_channel_poison(int channel, uint64_t offset, uint64_t size)
{
	return fill(channel, GMEM_FILL, (struct gmem_fill){
		.offset = offset, .size = size, .flags = GMEM_FILL_POISON,
	});
}
