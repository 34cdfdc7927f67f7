// SPDX-License-Identifier: GPL-2.0
/*
 * Exposure: pages of a file get a reason to be in the direct map, or lose one.
 * frame.c has the table of states; these are the changes between HIDDEN and
 * EXPOSED, and HIDDEN to POISONED.
 *
 * The caller holds the locks of the pages' records: a span, see frametable.h.
 */
#include <linux/fs.h>
#include <linux/mm.h>

#include "directmap.h"
#include "frame.h"
#include "frametable.h"
#include "pageword.h"
#include "poison.h"
#include "units.h"

/* Hidden pages with a memory error become POISONED. */
static void gmem_note_poison(struct gmem_frames *frames, struct page *page,
			     unsigned int nr, struct gmem_delta *delta)
{
	for (; nr--; page++)
		if (gmem_page_state(page) == GMEM_PAGE_HIDDEN &&
		    gmem_page_poisoned(page))
			gmem_set_state(frames, page, GMEM_PAGE_POISONED, 0,
				       delta);
}

/*
 * Sets @nr_hidden to the number of hidden pages. Return: 0, or -EHWPOISON if a
 * page has a memory error: then none of them may be touched.
 */
static int gmem_span_look(struct gmem_span *span, unsigned int *nr_hidden,
			  struct inode *inode)
{
	struct gmem_delta delta = {};
	unsigned int i, n;
	int ret = 0;

	*nr_hidden = 0;
	for (i = 0; i < span->nr; i += n) {
		struct page *page = span->page + i;

		n = gmem_span_same(span, i);
		if (gmem_page_state(page) == GMEM_PAGE_HIDDEN)
			*nr_hidden += n;
		if (!gmem_any_poisoned(page, n))
			continue;
		ret = -EHWPOISON;
		gmem_note_poison(gmem_span_record(span, i), page, n, &delta);
	}
	if (ret)
		gmem_delta_apply(&delta, inode);
	return ret;
}

/**
 * gmem_frame_expose_locked - give pages a reason to be in the direct map
 * @span: contiguous pages of a file; some may be exposed already
 * @reason: of GMEM_REASONS
 * @inode: the file
 *
 * Return: 0; -EHWPOISON if a page has a memory error; or an error from the
 * direct map. On an error no page gets exposed or gets the reason.
 */
int gmem_frame_expose_locked(struct gmem_span *span, unsigned long reason,
			     struct inode *inode)
{
	struct gmem_delta delta = {};
	unsigned int hidden, i, n;
	int ret = gmem_span_look(span, &hidden, inode);

	if (!ret && hidden)
		ret = gmem_directmap_expose(span->page, span->nr, hidden);
	if (ret)
		return ret;
	for (i = 0; i < span->nr; i += n) {
		n = gmem_span_same(span, i);
		gmem_set_states(gmem_span_record(span, i), span->page + i, n,
				GMEM_PAGE_EXPOSED,
				gmem_page_reasons(span->page + i) | reason,
				&delta);
	}
	gmem_delta_apply(&delta, inode);
	return 0;
}

/* gmem_frame_expose - the same for a part of a block, which it locks */
int gmem_frame_expose(struct page *page, unsigned int nr, unsigned long reason,
		      struct inode *inode)
{
	struct gmem_frames *frames;
	struct gmem_span span;
	int ret;

	gmem_span_lock(&span, &frames, page, nr);
	ret = gmem_frame_expose_locked(&span, reason, inode);
	gmem_span_unlock(&span);
	return ret;
}

/* Is the page hidden, or will it be when it loses @reason? */
static bool gmem_would_hide(const struct page *page, unsigned long reason)
{
	return !(gmem_page_reasons(page) & ~reason);
}

/* How many pages from the @i-th on would hide. Adds the exposed to @exposed. */
static unsigned int gmem_count_to_hide(const struct gmem_span *span,
				       unsigned int i, unsigned long reason,
				       unsigned int *exposed)
{
	unsigned int first = i, n;

	for (; i < span->nr; i += n) {
		if (!gmem_would_hide(span->page + i, reason))
			break;
		n = gmem_span_same(span, i);
		if (gmem_page_state(span->page + i) == GMEM_PAGE_EXPOSED)
			*exposed += n;
	}
	return i - first;
}

/*
 * Only the first entry of an edit may have to be split, see gmem_run_length().
 * So @n pages that end inside of another entry end before that entry instead.
 * Return: how many are left.
 */
static unsigned int gmem_cut_run(const struct gmem_span *span, unsigned int i,
				 unsigned int n, unsigned int *exposed)
{
	unsigned long pfn = page_to_pfn(span->page + i);
	unsigned int beyond = (pfn + n) % GMEM_BLOCK_PAGES;

	if (!beyond || n <= GMEM_BLOCK_PAGES - pfn % GMEM_BLOCK_PAGES)
		return n;
	for (n -= beyond; beyond; beyond--)
		*exposed -= gmem_page_state(span->page + i + n + beyond - 1) ==
			    GMEM_PAGE_EXPOSED;
	return n;
}

/* Hide pages @i to @end: all would hide, and @exposed are exposed. */
static int gmem_hide_run(struct gmem_span *span, unsigned int i,
			 unsigned int end, unsigned int exposed,
			 struct inode *inode, struct gmem_flush *flush)
{
	struct gmem_delta delta = {};
	unsigned int n;
	int ret;

	if (!exposed)
		return 0;
	ret = gmem_directmap_hide_some(span->page + i, end - i, exposed, flush);
	if (ret)
		return ret;
	for (; i < end; i += n) {
		n = min(gmem_span_same(span, i), end - i);
		if (gmem_page_state(span->page + i) == GMEM_PAGE_EXPOSED)
			gmem_set_states(gmem_span_record(span, i),
					span->page + i, n, GMEM_PAGE_HIDDEN, 0,
					&delta);
	}
	gmem_delta_apply(&delta, inode);
	return 0;
}

/* The page stays exposed for its other reasons. */
static void gmem_drop_reason(struct gmem_span *span, unsigned int i,
			     unsigned long reason, struct inode *inode)
{
	struct page *page = span->page + i;
	struct gmem_delta delta = {};

	gmem_set_state(gmem_span_record(span, i), page, GMEM_PAGE_EXPOSED,
		       gmem_page_reasons(page) & ~reason, &delta);
	gmem_delta_apply(&delta, inode);
}

/**
 * gmem_frame_hide_locked - pages lose a reason to be in the direct map
 * @span: contiguous pages of a file; some may be hidden already
 * @reason: of GMEM_REASONS
 * @inode: the file
 * @flush: leave the flush to the caller, or NULL: see struct gmem_flush
 *
 * Each contiguous run of pages that become hidden takes one step and one flush.
 *
 * Return: 0; or an error from the direct map: some of them may be hidden then.
 */
int gmem_frame_hide_locked(struct gmem_span *span, unsigned long reason,
			   struct inode *inode, struct gmem_flush *flush)
{
	unsigned int i = 0, n, exposed;
	int ret = 0;

	while (i < span->nr && !ret) {
		exposed = 0;
		n = gmem_count_to_hide(span, i, reason, &exposed);
		n = gmem_cut_run(span, i, n, &exposed);
		if (n)
			ret = gmem_hide_run(span, i, i + n, exposed, inode,
					    flush);
		else
			gmem_drop_reason(span, i, reason, inode);
		i += n ?: 1;
	}
	return ret;
}

/* gmem_frame_hide - the same for a part of a block, which it locks */
int gmem_frame_hide(struct page *page, unsigned int nr, unsigned long reason,
		    struct inode *inode)
{
	struct gmem_frames *frames;
	struct gmem_span span;
	int ret;

	gmem_span_lock(&span, &frames, page, nr);
	ret = gmem_frame_hide_locked(&span, reason, inode, NULL);
	gmem_span_unlock(&span);
	return ret;
}
