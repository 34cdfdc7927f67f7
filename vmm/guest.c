// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's memory: the only file that accesses it, and the only one that
 * checks addresses from the guest.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "error.h"
#include "guest.h"
#include "layout.h"

void guest_init(struct guest *guest, struct gmem_region *region)
{
	*guest = (struct guest){
		.region = region,
		.convert_lock = PTHREAD_MUTEX_INITIALIZER,
	};
	guest->low_size = region->size;
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

/*
 * Find the offset in the region of a range of guest-physical addresses. This is
 * the check of all addresses from the guest. Return: 0, or -EFAULT.
 */
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

/* ---- private and shared ---- */

#define CONVERT_MS	1000
#define WORD_PAGES	64

/*
 * A window's key would close the mapping to io_uring's workers, too. The shared
 * view of gmemfs is a mapping of its own, without windows.
 */
static bool can_be_pinned(const struct gmem_region *region)
{
	return region->backend == GMEM_BACKEND_GMEMFS ||
	       region->windows == GMEM_WINDOWS_NONE;
}

int guest_open_shared(struct guest *guest)
{
	uint64_t pages = guest->region->size / GMEM_PAGE_SIZE;
	void *view = NULL;

	if (can_be_pinned(guest->region) &&
	    gmem_region_shared(guest->region, &view))
		return fail_gmem("can't map the guest's shared memory");
	guest->shared = calloc(pages / WORD_PAGES + 1, sizeof(uint64_t));
	if (!guest->shared)
		return fail("no memory for the map of shared pages");
	guest->shared_view = view;
	return 0;
}

void guest_close_shared(struct guest *guest)
{
	free(guest->shared);
	guest->shared = NULL;
}

static bool is_shared(const struct guest *guest, uint64_t page)
{
	uint64_t word = __atomic_load_n(&guest->shared[page / WORD_PAGES],
					__ATOMIC_RELAXED);

	return word >> page % WORD_PAGES & 1;
}

/* Record pages as shared or private. The range is in bytes, in whole pages. */
static void note(struct guest *guest, uint64_t offset, uint64_t end,
		 bool shared)
{
	for (; offset < end; offset += GMEM_PAGE_SIZE) {
		uint64_t page = offset / GMEM_PAGE_SIZE;
		uint64_t *word = &guest->shared[page / WORD_PAGES];
		uint64_t bit = 1ULL << page % WORD_PAGES;

		if (shared)
			__atomic_fetch_or(word, bit, __ATOMIC_RELAXED);
		else
			__atomic_fetch_and(word, ~bit, __ATOMIC_RELAXED);
	}
}

void *guest_shared_at(const struct guest *guest, uint64_t address,
		      uint64_t size)
{
	uint64_t offset, page;

	if (!guest->shared_view || !size || find(guest, address, size, &offset))
		return NULL;
	for (page = offset / GMEM_PAGE_SIZE;
	     page <= (offset + size - 1) / GMEM_PAGE_SIZE; page++)
		if (!is_shared(guest, page))
			return NULL;
	return guest->shared_view + offset;
}

void *guest_for_kernel(const struct guest *guest, uint64_t address,
		       uint64_t size)
{
	uint64_t offset;

	if (find(guest, address, size, &offset))
		return NULL;
	return (char *)guest->region->address + offset;
}

/*
 * The caller holds convert_lock. Threads that only read a counter don't take
 * the lock, because they could wait there for long.
 */
static void count(uint64_t *counter, uint64_t more)
{
	__atomic_store_n(counter, *counter + more, __ATOMIC_RELAXED);
}

/*
 * The caller holds convert_lock. Pages that are to become private are recorded
 * as such before the conversion, so that no new transfer uses them meanwhile.
 */
static int convert(struct guest *guest, uint64_t offset, uint64_t size,
		   bool private)
{
	uint64_t done = offset;
	int ret;

	if (private)
		note(guest, offset, offset + size, false);
	ret = gmem_region_convert(guest->region, offset, size,
				  private ? GMEM_ATTRIBUTE_PRIVATE : 0, 0,
				  CONVERT_MS, &done);
	if (!ret)
		done = offset + size;
	else if (done < offset || done > offset + size)
		done = offset;
	if (private)
		count(&guest->made_private, (done - offset) / GMEM_PAGE_SIZE);
	else
		count(&guest->made_shared, (done - offset) / GMEM_PAGE_SIZE);
	/* Pages that stayed shared are recorded as private: I/O copies them. */
	if (!private)
		note(guest, offset, done, true);
	count(&guest->not_converted, !!ret);
	return ret;
}

int guest_convert(struct guest *guest, uint64_t address, uint64_t size,
		  bool private)
{
	uint64_t offset;
	int ret;

	if (find(guest, address, size, &offset))
		return -EFAULT;
	if (offset % GMEM_PAGE_SIZE || size % GMEM_PAGE_SIZE)
		return -EINVAL;
	pthread_mutex_lock(&guest->convert_lock);
	ret = convert(guest, offset, size, private);
	pthread_mutex_unlock(&guest->convert_lock);
	return ret;
}

int guest_try_share(struct guest *guest, uint64_t address, uint64_t size)
{
	uint64_t offset;
	int ret;

	if (find(guest, address, size, &offset))
		return -EFAULT;
	if (offset % GMEM_PAGE_SIZE || size % GMEM_PAGE_SIZE)
		return -EINVAL;
	if (pthread_mutex_trylock(&guest->convert_lock))
		return -EBUSY;
	ret = convert(guest, offset, size, false);
	pthread_mutex_unlock(&guest->convert_lock);
	return ret;
}

/* ---- snapshots ---- */

/* The first page at @page or after it that is shared, or that isn't. */
static uint64_t seek(const struct guest *guest, uint64_t page, bool shared)
{
	uint64_t pages = guest->region->size / GMEM_PAGE_SIZE;

	while (page < pages && is_shared(guest, page) != shared) {
		uint64_t word = guest->shared[page / WORD_PAGES];

		/* Most words have no page that is shared: skip them. */
		if (shared && !word)
			page = (page / WORD_PAGES + 1) * WORD_PAGES;
		else
			page++;
	}
	return page < pages ? page : pages;
}

unsigned int guest_list_shared(const struct guest *guest,
			       struct guest_range *list, unsigned int room)
{
	uint64_t pages = guest->region->size / GMEM_PAGE_SIZE;
	uint64_t start = seek(guest, 0, true), end;
	unsigned int nr = 0;

	for (; start < pages; start = seek(guest, end, true)) {
		end = seek(guest, start, false);
		if (nr < room)
			list[nr] = (struct guest_range){
				.offset = start * GMEM_PAGE_SIZE,
				.size = (end - start) * GMEM_PAGE_SIZE,
			};
		nr++;
	}
	return nr;
}

static bool is_listed(const struct guest *guest, const struct guest_range *r,
		      uint64_t from)
{
	return r->size && !(r->offset % GMEM_PAGE_SIZE) &&
	       !(r->size % GMEM_PAGE_SIZE) && r->offset >= from &&
	       within(r->offset, r->size, 0, guest->region->size);
}

#define STATES		4096

/* Make pages private that are shared; the others aren't even touched. */
static int hide_pages(struct guest *guest, uint64_t offset,
		      const uint8_t *states, uint64_t nr)
{
	int ret = 0;

	for (uint64_t i = 0, first; i < nr && !ret; i++) {
		first = i;
		while (i < nr && states[i] & GMEM_STATE_SHARED)
			i++;
		if (i > first)
			ret = convert(guest, offset + first * GMEM_PAGE_SIZE,
				      (i - first) * GMEM_PAGE_SIZE, true);
	}
	return ret;
}

/* A part of the region that no range has. Other backends have no states. */
static int hide(struct guest *guest, uint64_t offset, uint64_t end)
{
	uint8_t states[STATES];
	int ret = 0;

	if (guest->region->backend != GMEM_BACKEND_GMEMFS)
		return 0;
	while (offset < end && !ret) {
		uint64_t size = end - offset;

		if (size > STATES * GMEM_PAGE_SIZE)
			size = STATES * GMEM_PAGE_SIZE;
		ret = gmem_file_state(guest->region->fd, offset, size, states);
		if (!ret)
			ret = hide_pages(guest, offset, states,
					 size / GMEM_PAGE_SIZE);
		offset += size;
	}
	return ret;
}

/* The caller holds convert_lock. */
static int share_only(struct guest *guest, const struct guest_range *list,
		      unsigned int nr)
{
	uint64_t from = 0;
	int ret = 0;

	for (unsigned int i = 0; i < nr && !ret; i++) {
		const struct guest_range *r = &list[i];

		if (!is_listed(guest, r, from))
			return -EINVAL;
		ret = hide(guest, from, r->offset);
		if (!ret)
			ret = convert(guest, r->offset, r->size, false);
		from = r->offset + r->size;
	}
	return ret ? ret : hide(guest, from, guest->region->size);
}

int guest_share_only(struct guest *guest, const struct guest_range *list,
		     unsigned int nr)
{
	int ret;

	pthread_mutex_lock(&guest->convert_lock);
	ret = share_only(guest, list, nr);
	pthread_mutex_unlock(&guest->convert_lock);
	return ret;
}

int guest_open_for_kvm(const struct guest *guest, struct gmem_window *window)
{
	return gmem_window_open(window, guest->region, GMEM_WRITE);
}

/* ---- holes ---- */

int guest_punch(const struct guest *guest, uint64_t address, uint64_t size)
{
	uint64_t offset;

	if (find(guest, address, size, &offset))
		return -EFAULT;
	return gmem_file_punch(guest->region->fd, offset, size);
}

/* ---- files ---- */

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
