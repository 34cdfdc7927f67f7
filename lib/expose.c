// SPDX-License-Identifier: MIT
/*
 * Exposed pages: KVM keeps the page of a vCPU's clock mapped in the kernel, by
 * the direct map. For as long as KVM does so, the page is shared, and the
 * region maps the page's shared view instead of its guest view.
 *
 * To make the page shared would be enough if it stayed shared. But KVM keeps
 * the page's address in the region's mapping, and looks the page up again when
 * that mapping has changed. With the guest view, KVM could then get a hidden
 * page: one that was punched and allocated again, or one that a process made
 * private by the file. That would crash the host. The shared view never maps a
 * hidden page: if the page is private, KVM's fault fails, and KVM goes on
 * without the clock.
 *
 * mremap() replaces a mapping in one step, because other vCPUs run meanwhile
 * and must not find a gap. Each page that gets its guest view back stays a
 * mapping of its own, because the kernel doesn't merge such mappings. When
 * there are too many of these "scars", everything between the exposed pages is
 * mapped again.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "internal.h"
#include "range.h"

#define MAX_SCARS	64

/* How long to wait for a pinned page before it is left for a later try. */
#define PATIENCE_MS	20

/**
 * struct exposed_page - a page that KVM accesses by the shared view
 * @next: in region.exposed, which is ordered by offset
 * @offset: offset in the region
 * @users: how many clocks use the page. 0: none, but the page could not be made
 *	   private yet
 * @private_again: make the page private when it has no users any more
 * @flags: GMEM_CONVERT_ZERO if the page is to be zeroed when its last user goes
 */
struct exposed_page {
	struct exposed_page *next;
	uint64_t offset;
	unsigned int users;
	bool private_again;
	uint64_t flags;
};

/* ---- the mapping ---- */

/* A mapping of the region has this advice already. */
static bool has_gap(char *at, uint64_t size)
{
	return madvise(at, size, MADV_DONTDUMP) && errno == ENOMEM;
}

/*
 * Is there memory of malloc() or a thread's stack? These are private mappings,
 * and the kernel refuses to map the pages of one twice. Those of the region are
 * shared: there this succeeds, or gets another error.
 */
static bool is_foreign(char *at)
{
	void *twice = mremap(at, 0, GMEM_PAGE_SIZE, MREMAP_MAYMOVE);

	if (twice == MAP_FAILED)
		return errno == EINVAL;
	munmap(twice, GMEM_PAGE_SIZE);
	return false;
}

/* Only as long as nothing is in it. */
static bool fill_gap(struct region *r, char *at, int fd, uint64_t offset,
		     uint64_t size)
{
	void *p = mmap(at, size, PROT_NONE, MAP_SHARED | MAP_FIXED_NOREPLACE,
		       fd, (off_t)offset);

	if (p == MAP_FAILED)
		return false;
	/* It gives no access, so these matter little. */
	madvise(p, size, MADV_DONTDUMP);
	madvise(p, size, MADV_DONTFORK);
	gmem_windows_protect(r, p, size);
	return true;
}

/* If stderr takes no more, because nobody reads it, the message is lost. */
static void say_lost(const void *at)
{
	struct pollfd to = { .fd = STDERR_FILENO, .events = POLLOUT };
	char line[160];
	int size = snprintf(line, sizeof(line), "libgmem: the guest has lost its memory at %p, and could get this process's own there\n",
			    at);

	/* A signal that is pending ends poll(), and says nothing of stderr. */
	if (poll(&to, 1, 0) < 1 || write(STDERR_FILENO, line, size) < 0)
		return;
}

/*
 * Before the kernel moves a mapping, it unmaps what is at the new address. If
 * it then refuses to move, there is a gap, and another thread's memory may come
 * there at any moment. What is there is the guest's to read and write, so no
 * error code would help if it is private memory of this process, or if the gap
 * can't be closed: the process ends. (Shared memory of another part of the
 * process that came there in this moment isn't noticed.)
 */
static int move_refused(struct region *r, char *at, int fd, uint64_t offset,
			uint64_t size)
{
	int ret = gmem_fail_errno("can't change the mapping at %p", (void *)at);
	bool gap = has_gap(at, size);

	if (gap ? fill_gap(r, at, fd, offset, size) : !is_foreign(at))
		return gap ? 0 : ret;
	say_lost(at);
	abort();
}

/* The new mapping gets the region's rights; the lock keeps those unchanged. */
static int put_in_place(struct region *r, void *p, int fd, uint64_t offset,
			uint64_t size)
{
	char *at = (char *)r->public.address + offset;
	int ret = gmem_windows_protect(r, p, size);

	if (!ret && mremap(p, size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
			   at) == at)
		return 0;
	if (!ret)
		ret = move_refused(r, at, fd, offset, size);
	munmap(p, size);
	return ret;
}

static int install(struct region *r, int fd, uint64_t offset, uint64_t size)
{
	void *p;
	int ret = gmem_map_guest(fd, offset, size, PROT_NONE, &p);

	if (ret)
		return ret;
	gmem_windows_lock();
	ret = put_in_place(r, p, fd, offset, size);
	gmem_windows_unlock();
	return ret;
}

static void heal(struct region *r)
{
	struct exposed_page *e = r->exposed;
	uint64_t from = 0, to;

	r->scars = 0;
	for (; from < r->public.size; from = to + GMEM_PAGE_SIZE) {
		to = e ? e->offset : r->public.size;
		/* If this fails, the old mappings stay, and they work. */
		if (from < to)
			install(r, r->public.fd, from, to - from);
		e = e ? e->next : NULL;
	}
}

static int install_guest_view(struct region *r, uint64_t offset)
{
	int ret = install(r, r->public.fd, offset, GMEM_PAGE_SIZE);

	if (!ret && ++r->scars > MAX_SCARS)
		heal(r);
	return ret;
}

/* ---- the list ---- */

/* The link to the first exposed page at or after @offset. */
static struct exposed_page **exposed_from(struct region *r, uint64_t offset)
{
	struct exposed_page **link = &r->exposed;

	while (*link && (*link)->offset < offset)
		link = &(*link)->next;
	return link;
}

static void forget(struct exposed_page **link)
{
	struct exposed_page *e = *link;

	*link = e->next;
	free(e);
}

/* ---- exposing ---- */

/* Memory that is missing is filled first, by whoever has the fault channel. */
static int populate(int fd, uint64_t offset)
{
	int ret = gmem_file_populate(fd, offset, GMEM_PAGE_SIZE);
	char byte;

	if (ret != -EBUSY)
		return ret;
	if (pread(fd, &byte, 1, (off_t)offset) < 0)
		return gmem_fail_errno("descriptor %d: a page can't be had",
				       fd);
	return gmem_file_populate(fd, offset, GMEM_PAGE_SIZE);
}

static int make_shared(struct region *r, struct exposed_page *e)
{
	int fd = r->public.fd;
	uint8_t state;
	int ret = gmem_region_need_shared(r) ?:
		  populate(fd, e->offset) ?:
		  gmem_file_state(fd, e->offset, GMEM_PAGE_SIZE, &state);

	if (ret)
		return ret;
	e->private_again = !(state & GMEM_STATE_SHARED);
	ret = gmem_file_convert(fd, e->offset, GMEM_PAGE_SIZE, 0, 0, 0, NULL);
	return ret ?: install(r, r->shared_fd, e->offset, GMEM_PAGE_SIZE);
}

/*
 * Zero a page that is shared, whoever has it pinned. The kernel writes, because
 * the page may be gone or private by now: then this thread must get an error,
 * not SIGBUS. Return: is the page zeroed?
 */
static bool zero_shared(struct region *r, uint64_t offset)
{
	static char zeros[GMEM_PAGE_SIZE];
	struct iovec from = { zeros, sizeof(zeros) }, to = from;
	ssize_t written;

	if (gmem_map_guest(r->shared_fd, offset, GMEM_PAGE_SIZE,
			   PROT_READ | PROT_WRITE, &to.iov_base))
		return false;
	written = process_vm_writev(getpid(), &from, 1, &to, 1, 0);
	munmap(to.iov_base, GMEM_PAGE_SIZE);
	return written == GMEM_PAGE_SIZE;
}

static int make_private(struct region *r, const struct exposed_page *e,
			uint64_t flags, int timeout_ms)
{
	return gmem_file_convert(r->public.fd, e->offset, GMEM_PAGE_SIZE,
				 GMEM_ATTRIBUTE_PRIVATE, flags, timeout_ms,
				 NULL);
}

/*
 * A page is zeroed now or never: later it may have new contents. And a page
 * that is to stay shared doesn't become private even for a moment, in which
 * another process that uses the shared view would get SIGBUS.
 */
static int settle(struct region *r, struct exposed_page *e)
{
	uint64_t flags = e->flags;

	e->flags = 0;
	if (flags && e->private_again && !make_private(r, e, flags, 0))
		return 0;
	if (flags && zero_shared(r, e->offset))
		flags = 0;
	return e->private_again ? make_private(r, e, flags, PATIENCE_MS) : 0;
}

/* Pages that were still pinned when their last user went. */
static void retry_settling(struct region *r)
{
	struct exposed_page **link = &r->exposed;

	while (*link) {
		if (!(*link)->users && !settle(r, *link))
			forget(link);
		else
			link = &(*link)->next;
	}
}

static int expose_new(struct region *r, struct exposed_page **link,
		      uint64_t offset)
{
	struct exposed_page *e = calloc(1, sizeof(*e));
	int ret;

	if (!e)
		return gmem_fail(-ENOMEM, "no memory for the record of an exposed page");
	e->offset = offset;
	e->users = 1;
	e->next = *link;
	*link = e;
	ret = make_shared(r, e);
	if (!ret)
		return 0;
	/* If that fails now, the page stays in the list for a later try. */
	e->users = 0;
	if (!settle(r, e))
		forget(link);
	return ret;
}

static int expose_again(struct region *r, struct exposed_page *e)
{
	int ret = 0;

	/* A page that only waits to be made private has its guest view. */
	if (!e->users)
		ret = install(r, r->shared_fd, e->offset, GMEM_PAGE_SIZE);
	if (!ret)
		e->users++;
	return ret;
}

int gmem_expose(struct region *r, uint64_t offset)
{
	struct exposed_page **link;
	int ret;

	pthread_mutex_lock(&r->lock);
	retry_settling(r);
	link = exposed_from(r, offset);
	if (*link && (*link)->offset == offset)
		ret = expose_again(r, *link);
	else
		ret = expose_new(r, link, offset);
	pthread_mutex_unlock(&r->lock);
	return ret;
}

/*
 * The guest view is mapped first: the shared view of a private page would give
 * the guest no memory.
 */
static void unexpose_last(struct region *r, struct exposed_page **link)
{
	struct exposed_page *e = *link;

	if (install_guest_view(r, e->offset)) {
		/* The page stays exposed, and the guest can use it. */
		e->users = 1;
		return;
	}
	if (!settle(r, e))
		forget(link);
}

void gmem_unexpose(struct region *r, uint64_t offset)
{
	struct exposed_page **link;

	pthread_mutex_lock(&r->lock);
	retry_settling(r);
	link = exposed_from(r, offset);
	if (*link && (*link)->offset == offset && !--(*link)->users)
		unexpose_last(r, link);
	pthread_mutex_unlock(&r->lock);
}

void gmem_exposed_free(struct region *r)
{
	while (r->exposed)
		forget(&r->exposed);
}

void gmem_exposed_end(struct region *r)
{
	retry_settling(r);
	gmem_exposed_free(r);
}

/* ---- conversion ---- */

/* Pages that only wait to be made private are converted like any other. */
static void forget_unused(struct region *r, const struct range *range)
{
	struct exposed_page **link = exposed_from(r, range->offset);

	while (*link && (*link)->offset < range->end) {
		if (!(*link)->users)
			forget(link);
		else
			link = &(*link)->next;
	}
}

/* Record what a caller wants. Zeroing waits until the clock has gone. */
static void want(struct exposed_page *e, uint64_t attributes, uint64_t flags)
{
	bool private = attributes & GMEM_ATTRIBUTE_PRIVATE;

	if (private != e->private_again)
		e->flags |= flags;
	e->private_again = private;
}

static int convert_around(struct region *r, struct range *left,
			  uint64_t attributes, uint64_t flags)
{
	struct exposed_page *e;
	int ret;

	forget_unused(r, left);
	e = *exposed_from(r, left->offset);
	for (; e && e->offset < left->end; e = e->next) {
		struct range before = { left->offset, e->offset };

		if (before.offset < before.end) {
			ret = gmem_convert_once(r->public.fd, &before,
						attributes, flags);
			left->offset = before.offset;
			if (ret)
				return ret;
		}
		want(e, attributes, flags);
		left->offset = e->offset + GMEM_PAGE_SIZE;
	}
	if (left->offset >= left->end)
		return 0;
	return gmem_convert_once(r->public.fd, left, attributes, flags);
}

int gmem_convert_around_exposed(struct region *r, struct range *left,
				uint64_t attributes, uint64_t flags)
{
	int ret;

	pthread_mutex_lock(&r->lock);
	ret = convert_around(r, left, attributes, flags);
	pthread_mutex_unlock(&r->lock);
	return ret;
}
