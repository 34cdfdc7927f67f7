// SPDX-License-Identifier: MIT
/*
 * Pages that KVM keeps mapped in the kernel, which means in the direct map: a
 * vCPU's clock. For as long as it does, the page is shared, and the region's
 * mapping has the shared view in its place.
 *
 * That it is shared would do, if it stayed so. But KVM keeps the page by its
 * address in our mapping and looks it up anew whenever the mapping changed. If
 * that were the guest view, memory that was punched and came back, or a page
 * made private by somebody who goes by the file, would get to KVM hidden, and
 * the host would die of it. The shared view never maps a hidden page: where one
 * is wanted, KVM's fault fails, and KVM goes on without the clock.
 *
 * A mapping is put in place by mremap(), in one step, as other vCPUs run
 * meanwhile and must not find a gap. Every page that is put back stays a
 * mapping of its own, because the kernel doesn't merge such: so when there are
 * too many of those scars, all between the exposed pages is mapped again.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "internal.h"
#include "range.h"

#define MAX_SCARS	64

/* How long a page may stay pinned by others before it's left for later. */
#define PATIENCE_MS	20

/**
 * struct exposed_page - a page that KVM reaches by the shared view
 * @next: in region.exposed, by offset
 * @offset: where it is
 * @users: 0: done with, but it couldn't be made private yet
 * @private_again: what is wanted of it when there are no users any more
 * @flags: GMEM_CONVERT_* for when it is made private
 */
struct exposed_page {
	struct exposed_page *next;
	uint64_t offset;
	unsigned int users;
	bool private_again;
	uint64_t flags;
};

/* ---- the mapping ---- */

/* Closed as the region is, which doesn't change meanwhile. */
static int put_in_place(struct region *r, void *p, char *at, uint64_t size)
{
	int ret = gmem_windows_protect(r, p, size);

	if (ret)
		return ret;
	if (mremap(p, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, at) == at)
		return 0;
	return gmem_fail_errno("can't change the mapping at %p", (void *)at);
}

static int install(struct region *r, int fd, uint64_t offset, uint64_t size)
{
	char *at = (char *)r->public.address + offset;
	void *p;
	int ret = gmem_map_guest(fd, offset, size, PROT_NONE, &p);

	if (ret)
		return ret;
	gmem_windows_lock();
	ret = put_in_place(r, p, at, size);
	gmem_windows_unlock();
	if (ret)
		munmap(p, size);
	return ret;
}

static void heal(struct region *r)
{
	struct exposed_page *e = r->exposed;
	uint64_t from = 0, to;

	r->scars = 0;
	for (; from < r->public.size; from = to + GMEM_PAGE_SIZE) {
		to = e ? e->offset : r->public.size;
		/* Should that fail, the mapping is as good as before. */
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

/* The link to the first page at @offset or behind it. */
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

static int make_shared(struct region *r, struct exposed_page *e)
{
	int fd = r->public.fd;
	uint8_t state;
	int ret = gmem_region_need_shared(r) ?:
		  gmem_file_populate(fd, e->offset, GMEM_PAGE_SIZE) ?:
		  gmem_file_state(fd, e->offset, GMEM_PAGE_SIZE, &state);

	if (ret)
		return ret;
	e->private_again = !(state & GMEM_STATE_SHARED);
	ret = gmem_file_convert(fd, e->offset, GMEM_PAGE_SIZE, 0, 0, 0, NULL);
	return ret ?: install(r, r->shared_fd, e->offset, GMEM_PAGE_SIZE);
}

static int make_private(struct region *r, const struct exposed_page *e)
{
	if (!e->private_again)
		return 0;
	return gmem_file_convert(r->public.fd, e->offset, GMEM_PAGE_SIZE,
				 GMEM_ATTRIBUTE_PRIVATE, e->flags, PATIENCE_MS,
				 NULL);
}

/* What is left over from before, because it was pinned. */
static void retry_private(struct region *r)
{
	struct exposed_page **link = &r->exposed;

	while (*link) {
		if (!(*link)->users && !make_private(r, *link))
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
		return gmem_fail(-ENOMEM, "no memory to note an exposed page");
	e->offset = offset;
	e->users = 1;
	e->next = *link;
	*link = e;
	ret = make_shared(r, e);
	if (!ret)
		return 0;
	/* Else it stays in the list, to be tried again. */
	e->users = 0;
	if (!make_private(r, e))
		forget(link);
	return ret;
}

static int expose_again(struct region *r, struct exposed_page *e)
{
	int ret = 0;

	/* One that waits to be made private has the guest view again. */
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
	retry_private(r);
	link = exposed_from(r, offset);
	if (*link && (*link)->offset == offset)
		ret = expose_again(r, *link);
	else
		ret = expose_new(r, link, offset);
	pthread_mutex_unlock(&r->lock);
	return ret;
}

/*
 * The guest view comes back first: where the shared view has a private page,
 * the guest would find no memory.
 */
static void unexpose_last(struct region *r, struct exposed_page **link)
{
	struct exposed_page *e = *link;

	if (install_guest_view(r, e->offset)) {
		/* It stays as it is: exposed, but working. */
		e->users = 1;
		return;
	}
	if (!make_private(r, e))
		forget(link);
}

void gmem_unexpose(struct region *r, uint64_t offset)
{
	struct exposed_page **link;

	pthread_mutex_lock(&r->lock);
	retry_private(r);
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
	retry_private(r);
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

/* What is to be zeroed is so when it becomes private. */
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
