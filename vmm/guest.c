// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <unistd.h>

#include "guest.h"
#include "layout.h"

void guest_init(struct guest *guest, struct gmem_region *region)
{
	guest->region = region;
	guest->low_size = region->size;
	guest->high_size = 0;
	if (region->size > LOW_MEMORY_END) {
		guest->low_size = LOW_MEMORY_END;
		guest->high_size = region->size - LOW_MEMORY_END;
	}
}

static bool within(uint64_t address, uint64_t size, uint64_t start,
		   uint64_t length)
{
	return address >= start && address - start <= length &&
	       size <= length - (address - start);
}

/* Where that is in the region. This is the check. */
static int find(const struct guest *guest, uint64_t address, uint64_t size,
		uint64_t *offset)
{
	if (within(address, size, 0, guest->low_size))
		*offset = address;
	else if (within(address, size, HIGH_MEMORY_START, guest->high_size))
		*offset = address - HIGH_MEMORY_START + guest->low_size;
	else
		return -EFAULT;
	return 0;
}

bool guest_has(const struct guest *guest, uint64_t address, uint64_t size)
{
	uint64_t offset;

	return !find(guest, address, size, &offset);
}

/* ---- by the file: slower, for comparison ---- */

static int file_read(const struct guest *guest, uint64_t offset, void *data,
		     uint64_t size)
{
	ssize_t done = pread(gmem_region_fd(guest->region), data, size, offset);

	return done == (ssize_t)size ? 0 : done < 0 ? -errno : -EIO;
}

static int file_write(const struct guest *guest, uint64_t offset,
		      const void *data, uint64_t size)
{
	ssize_t done = pwrite(gmem_region_fd(guest->region), data, size,
			      offset);

	return done == (ssize_t)size ? 0 : done < 0 ? -errno : -EIO;
}

/* ---- copies ---- */

int guest_read(const struct guest *guest, uint64_t address, void *data,
	       uint64_t size)
{
	uint64_t offset;

	if (find(guest, address, size, &offset))
		return -EFAULT;
	if (guest->by_file)
		return file_read(guest, offset, data, size);
	return gmem_region_read(guest->region, offset, data, size);
}

int guest_write(const struct guest *guest, uint64_t address, const void *data,
		uint64_t size)
{
	uint64_t offset;

	if (find(guest, address, size, &offset))
		return -EFAULT;
	if (guest->by_file)
		return file_write(guest, offset, data, size);
	return gmem_region_write(guest->region, offset, data, size);
}

static uint16_t *index_at(const struct guest *guest, uint64_t offset)
{
	return (uint16_t *)((char *)guest->region->address + offset);
}

int guest_load_index(const struct guest *guest, uint64_t address,
		     uint16_t *index)
{
	struct gmem_window window;
	uint64_t offset;
	int ret;

	if (address % sizeof(*index) ||
	    find(guest, address, sizeof(*index), &offset))
		return -EFAULT;
	if (guest->by_file) {
		ret = file_read(guest, offset, index, sizeof(*index));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		return ret;
	}
	ret = gmem_window_open(&window, guest->region, GMEM_READ);
	if (ret)
		return ret;
	*index = __atomic_load_n(index_at(guest, offset), __ATOMIC_ACQUIRE);
	gmem_window_close(&window);
	return 0;
}

int guest_store_index(const struct guest *guest, uint64_t address,
		      uint16_t index)
{
	struct gmem_window window;
	uint64_t offset;
	int ret;

	if (address % sizeof(index) ||
	    find(guest, address, sizeof(index), &offset))
		return -EFAULT;
	if (guest->by_file) {
		__atomic_thread_fence(__ATOMIC_RELEASE);
		return file_write(guest, offset, &index, sizeof(index));
	}
	ret = gmem_window_open(&window, guest->region, GMEM_WRITE);
	if (ret)
		return ret;
	__atomic_store_n(index_at(guest, offset), index, __ATOMIC_RELEASE);
	gmem_window_close(&window);
	return 0;
}

#define CONVERT_MS	1000

int guest_convert(const struct guest *guest, uint64_t address, uint64_t size,
		  bool private)
{
	uint64_t offset;

	if (find(guest, address, size, &offset))
		return -EFAULT;
	return gmem_region_convert(guest->region, offset, size,
				   private ? GMEM_ATTRIBUTE_PRIVATE : 0, 0,
				   CONVERT_MS, NULL);
}

static int read_all(int fd, char *to, uint64_t size, uint64_t offset)
{
	while (size) {
		ssize_t done = pread(fd, to, size, offset);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		if (!done)
			return -ENODATA;
		to += done;
		size -= done;
		offset += done;
	}
	return 0;
}

int guest_read_file(const struct guest *guest, uint64_t address, int fd,
		    uint64_t offset, uint64_t size)
{
	struct gmem_window window;
	uint64_t at;
	int ret;

	if (find(guest, address, size, &at))
		return -EFAULT;
	ret = gmem_window_open(&window, guest->region, GMEM_WRITE);
	if (ret)
		return ret;
	ret = read_all(fd, (char *)guest->region->address + at, size, offset);
	gmem_window_close(&window);
	return ret;
}
