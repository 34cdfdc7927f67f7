// SPDX-License-Identifier: GPL-2.0
/*
 * read(2), write(2) and lseek(2).
 *
 * Contents are copied through map slots, a few pages at a time, while the
 * file's invalidate_lock keeps the pages in place. The copy to or from user
 * memory must not fault meanwhile: a slot is one CPU's, and the fault might be
 * on this same file, and take that lock. So copies run with page faults
 * disabled, and missing user memory is faulted in between two copies.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>

#include <uapi/linux/gmemfs.h>

#include "block.h"
#include "carve.h"
#include "common.h"
#include "cow.h"
#include "faults.h"
#include "gmem_inode.h"
#include "mapslot.h"
#include "missing.h"
#include "place.h"
#include "poison.h"
#include "populate.h"
#include "refusal.h"
#include "reinsert.h"
#include "rw.h"
#include "units.h"

/* How many pages one step copies: an array of pointers is on the stack. */
#define GMEM_STEP_PAGES	64

/* How many bytes one step copies, within a block. */
static size_t gmem_step(loff_t pos, size_t len)
{
	loff_t step = (loff_t)GMEM_STEP_PAGES << PAGE_SHIFT;

	return min_t(loff_t, len, step - pos % step);
}

/* Copy to or from a few pages. Return: bytes copied. */
static size_t gmem_copy_run(struct page **pages, unsigned int offset,
			    size_t len, struct iov_iter *iter)
{
	unsigned int nr = DIV_ROUND_UP(offset + len, PAGE_SIZE);
	char *addr = gmem_slot_map_run(pages, nr);
	size_t done = iov_iter_rw(iter) == READ ?
		      copy_to_iter(addr + offset, len, iter) :
		      copy_from_iter(addr + offset, len, iter);

	gmem_slot_unmap_run(addr, nr);
	return done;
}

/*
 * Copy to or from pages, in the direction of the iterator. Return: bytes
 * copied, fewer than @len if user memory needs a fault; or an errno, see
 * gmem_reinsert_copy().
 */
static ssize_t gmem_copy(struct inode *inode, struct page **pages, loff_t pos,
			 size_t len, struct iov_iter *iter)
{
	unsigned int offset = offset_in_page(pos);
	size_t done = 0, part, copied;

	/* Common pages aren't exposed, not even for a comparison. */
	if (gmem_reinserts() && !gmem_has_common(inode))
		return gmem_reinsert_copy(inode, pages, pos, len, iter);
	do {
		part = min(len - done, GMEM_SLOT_RUN * PAGE_SIZE - offset);
		copied = gmem_copy_run(pages, offset, part, iter);
		done += copied;
		pages += GMEM_SLOT_RUN;
		offset = 0;
	} while (copied == part && done < len);
	return done;
}

/* ---- read ---- */

/*
 * Return: how many of @len bytes at @pos are all in pages, or all in holes; 0
 * if the first page has a memory error, or is missing. Sets @pages; for holes,
 * the first is NULL.
 */
static size_t gmem_gather(struct inode *inode, loff_t pos, size_t len,
			  struct page **pages)
{
	struct gmem_block *block = NULL;
	loff_t end = pos + len, at = pos;
	unsigned int nr = 0;

	do {
		pgoff_t pgoff = at >> PAGE_SHIFT;
		/* Before the page: see gmem_missing(). */
		int lacks = gmem_missing(inode, pgoff);
		struct page *page;

		if (!block)
			block = gmem_block_find(inode, pgoff);
		page = gmem_block_page(block, pgoff);
		if (at > pos && !page != !pages[0])
			break;
		if (page ? gmem_page_poisoned(page) : lacks)
			break;
		pages[nr++] = page;
		at = round_down(at, PAGE_SIZE) + PAGE_SIZE;
	} while (at < end);
	return min(at, end) - pos;
}

/* Why gmem_gather() found nothing there. -EAGAIN: it was filled meanwhile. */
static int gmem_why_unreadable(struct inode *inode, loff_t pos)
{
	pgoff_t pgoff = pos >> PAGE_SHIFT;
	int lacks = gmem_missing(inode, pgoff);
	struct page *page = gmem_block_page(gmem_block_find(inode, pgoff),
					    pgoff);

	if (page)
		return gmem_page_poisoned(page) ? -EIO : -EAGAIN;
	return lacks == -EHWPOISON ? -EIO : lacks ?: -EAGAIN;
}

/* Read some bytes at @pos. Return: how many; 0 at the end of the file. */
static ssize_t gmem_read_some(struct inode *inode, loff_t pos,
			      struct iov_iter *to)
{
	struct page *pages[GMEM_STEP_PAGES];
	size_t len = gmem_step(pos, iov_iter_count(to));
	bool hole = false;
	ssize_t done = 0;
	loff_t size;

	filemap_invalidate_lock_shared(inode->i_mapping);
	size = i_size_read(inode);
	if (pos >= size) {
		filemap_invalidate_unlock_shared(inode->i_mapping);
		return 0;
	}
	len = gmem_gather(inode, pos, min_t(loff_t, len, size - pos), pages);
	hole = len && !pages[0];
	if (!len)
		done = gmem_why_unreadable(inode, pos);
	else if (!hole)
		done = gmem_copy(inode, pages, pos, len, to);
	filemap_invalidate_unlock_shared(inode->i_mapping);

	if (!len)
		return done;
	if (hole)
		done = iov_iter_zero(len, to);
	if (done)
		return done;
	return fault_in_iov_iter_writeable(to, len) == len ? -EFAULT : -EAGAIN;
}

ssize_t gmem_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t total = 0, ret = 0;

	while (iov_iter_count(to)) {
		ret = gmem_read_some(inode, iocb->ki_pos, to);
		if (ret == GMEM_MISSING)
			ret = gmem_faults_wait_io(inode,
						  iocb->ki_pos >> PAGE_SHIFT,
						  false) ?: -EAGAIN;
		if (ret == 0 || (ret < 0 && ret != -EAGAIN))
			break;
		if (ret > 0) {
			iocb->ki_pos += ret;
			total += ret;
		}
		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		cond_resched();
	}
	file_accessed(iocb->ki_filp);
	return total ?: ret;
}

/* ---- write ---- */

/* @block: the page's block; if it is NULL, it is set. */
static struct page *gmem_populate_own(struct inode *inode,
				      struct gmem_block **block, pgoff_t pgoff,
				      const struct gmem_want *want)
{
	struct page *page = gmem_block_page(*block, pgoff);

	if (!page || gmem_page_poisoned(page))
		page = gmem_block_populate(inode, pgoff, want);
	if (IS_ERR(page))
		return page;
	/* It stays, as pages do: the invalidate_lock is held. */
	if (!*block)
		*block = gmem_block_find(inode, pgoff);
	if (gmem_is_common(inode, *block, pgoff % GMEM_BLOCK_PAGES, page))
		return ERR_PTR(-EAGAIN);
	return page;
}

/*
 * The size that the file is expected to get. A file that is written from its
 * start grows: once a quarter of a block is written, the rest of it probably
 * will be.
 */
static loff_t gmem_expected_size(struct inode *inode, loff_t end)
{
	loff_t size = max(i_size_read(inode), end);

	if (size % GMEM_BLOCK_SIZE < GMEM_BLOCK_SIZE / 4 &&
	    size < (loff_t)GMEM_BLOCK_SIZE)
		return size;
	return round_up(size, (loff_t)GMEM_BLOCK_SIZE);
}

/*
 * Get pages for the bytes at @pos, in one block. Return: how many of @len bytes
 * have pages now; or an errno if there is not even a first page. -EAGAIN: the
 * file was cloned since gmem_write_unshare(); mmap() does that without its
 * i_rwsem.
 */
static ssize_t gmem_populate_pages(struct inode *inode, loff_t pos, size_t len,
				   const struct gmem_want *want,
				   struct page **pages)
{
	pgoff_t pgoff = pos >> PAGE_SHIFT;
	loff_t end = pos + len, at = pos;
	struct gmem_block *block = NULL;
	unsigned int nr = 0;

	for (; at < end; pgoff++) {
		struct page *page = gmem_populate_own(inode, &block, pgoff,
						      want);

		if (IS_ERR(page))
			return nr ? at - pos : PTR_ERR(page);
		pages[nr++] = page;
		at = round_down(at, PAGE_SIZE) + PAGE_SIZE;
	}
	return len;
}

/*
 * Own what the file has at @pos. Return: of how many of @len bytes, if not of
 * all of them at least of the first page; or an errno.
 */
static ssize_t gmem_write_unshare(struct inode *inode, loff_t pos, size_t len,
				  const struct gmem_want *want)
{
	pgoff_t first = pos >> PAGE_SHIFT;
	int ret;

	if (!gmem_unshare(inode, first, DIV_ROUND_UP(pos + len, PAGE_SIZE),
			  want))
		return len;
	ret = gmem_unshare(inode, first, first + 1, want);
	return ret ?: min_t(size_t, len, PAGE_SIZE - offset_in_page(pos));
}

/* With the invalidate_lock held. Return: bytes copied, or an errno. */
static ssize_t gmem_write_pages(struct inode *inode, loff_t pos, size_t len,
				const struct gmem_want *want,
				struct iov_iter *from)
{
	struct page *pages[GMEM_STEP_PAGES];
	ssize_t ret = gmem_populate_pages(inode, pos, len, want, pages);

	return ret > 0 ? gmem_copy(inode, pages, pos, ret, from) : ret;
}

/* Faults go on meanwhile. Return: as gmem_write_pages(). */
static ssize_t gmem_write_shared(struct inode *inode, loff_t pos, size_t len,
				 const struct gmem_want *want,
				 struct iov_iter *from)
{
	ssize_t ret = gmem_write_unshare(inode, pos, len, want);

	if (ret < 0)
		return ret;
	filemap_invalidate_lock_shared(inode->i_mapping);
	ret = gmem_write_pages(inode, pos, ret, want, from);
	filemap_invalidate_unlock_shared(inode->i_mapping);
	return ret;
}

/*
 * Nobody clones the page between its copy and the write. Others who map the
 * file privately all the time could keep gmem_write_shared() from any progress.
 * One page at most. Return: as gmem_write_pages(), but never -EAGAIN.
 */
static ssize_t gmem_write_alone(struct inode *inode, loff_t pos, size_t len,
				const struct gmem_want *want,
				struct iov_iter *from)
{
	pgoff_t pgoff = pos >> PAGE_SHIFT;
	ssize_t ret;

	len = min_t(size_t, len, PAGE_SIZE - offset_in_page(pos));
	filemap_invalidate_lock(inode->i_mapping);
	ret = gmem_own(inode, pgoff, pgoff + 1, want);
	if (!ret)
		ret = gmem_write_pages(inode, pos, len, want, from);
	filemap_invalidate_unlock(inode->i_mapping);
	gmem_carve_settle();
	return ret;
}

/*
 * Return: bytes written; 0: the caller's memory must be faulted in; -EAGAIN if
 * it should be tried again; or an errno.
 */
static ssize_t gmem_write_some(struct inode *inode, loff_t pos, loff_t end,
			       struct iov_iter *from)
{
	size_t len = gmem_step(pos, iov_iter_count(from));
	struct gmem_want want = {
		.place = gmem_place_of_vma(NULL, pos / GMEM_BLOCK_SIZE),
		.end = gmem_expected_size(inode, end),
	};
	ssize_t done;

	done = gmem_write_shared(inode, pos, len, &want, from);
	if (done == -EAGAIN)
		done = gmem_write_alone(inode, pos, len, &want, from);
	return done == -EHWPOISON ? -EIO : done;
}

static ssize_t gmem_write_all(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	loff_t end = iocb->ki_pos + iov_iter_count(from);
	ssize_t total = 0, ret = 0;

	while (iov_iter_count(from)) {
		ret = gmem_write_some(inode, iocb->ki_pos, end, from);
		if (ret <= 0 && ret != -EAGAIN)
			break;
		if (ret > 0) {
			iocb->ki_pos += ret;
			total += ret;
			if (iocb->ki_pos > i_size_read(inode))
				i_size_write(inode, iocb->ki_pos);
		}
		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		cond_resched();
	}
	/* After a part, the caller goes on, and gets here again. */
	if (!total)
		gmem_refusal_explain(inode, ret);
	return total ?: ret;
}

static ssize_t gmem_write_once(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t ret;

	inode_lock(inode);
	ret = generic_write_checks(iocb, from);
	if (ret <= 0)
		goto unlock;
	ret = file_modified(iocb->ki_filp);
	if (!ret)
		ret = gmem_write_all(iocb, from);
unlock:
	inode_unlock(inode);
	return ret;
}

/* Wait for what a write can't go on without. Return: 0, or why not. */
static int gmem_write_wait(struct kiocb *iocb, struct iov_iter *from,
			   ssize_t done)
{
	size_t len = gmem_step(iocb->ki_pos, iov_iter_count(from));

	if (fatal_signal_pending(current))
		return -EINTR;
	if (done == GMEM_MISSING)
		return gmem_faults_wait_io(file_inode(iocb->ki_filp),
					   iocb->ki_pos >> PAGE_SHIFT, true);
	if (done < 0)
		return done;
	return fault_in_iov_iter_readable(from, len) == len ? -EFAULT : 0;
}

/*
 * Without the i_rwsem, missing pages of the file are waited for, and
 * the caller's memory, which may be missing, too, or that of a userfaultfd.
 * Otherwise whoever writes could keep the file's pager from filling by a clone,
 * and from its end. So another writer may come in between.
 */
ssize_t gmem_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	ssize_t total = 0, ret;

	do {
		ret = gmem_write_once(iocb, from);
		if (ret > 0)
			total += ret;
		if (!iov_iter_count(from))
			break;
		ret = gmem_write_wait(iocb, from, ret);
	} while (!ret);
	return total ?: ret;
}

/* ---- seek ---- */

/* The first page of the next block after that of @pgoff, or @end. */
static pgoff_t gmem_next_block(struct inode *inode, pgoff_t pgoff, pgoff_t end)
{
	unsigned long index = (pgoff >> GMEM_BLOCK_ORDER) + 1;

	if (!xa_find(&gmem_i(inode)->blocks, &index, ULONG_MAX, XA_PRESENT))
		return end;
	return min(index << GMEM_BLOCK_ORDER, end);
}

/* Has a block no hole? None appears: the invalidate_lock is held. */
static bool gmem_block_full(const struct gmem_block *block)
{
	/* It may rise meanwhile, and never falls: a full block stays full. */
	unsigned int pages = data_race(block->nr_pages);

	/* In a common block, single pages stand where that has holes. */
	return pages == (READ_ONCE(block->huge) ? READ_ONCE(block->nr_holes) :
			 GMEM_BLOCK_PAGES);
}

/*
 * Move *@at to the first page from there on, and below @end, that is data (or a
 * hole); or to @end. There may be millions of blocks without memory: each is
 * one step. Return: 0, or -EINTR.
 */
static int gmem_find(struct inode *inode, pgoff_t *at, pgoff_t end, bool data)
{
	struct gmem_block *block;
	pgoff_t pgoff = *at;

	while (pgoff < end) {
		block = gmem_block_find(inode, pgoff);
		if (!block || gmem_block_bare(block)) {
			if (!data)
				break;
			pgoff = gmem_next_block(inode, pgoff, end);
		} else if (!data && gmem_block_full(block)) {
			pgoff = min(round_down(pgoff, GMEM_BLOCK_PAGES) +
				    GMEM_BLOCK_PAGES, end);
		} else {
			if (!gmem_block_page(block, pgoff) == !data)
				break;
			pgoff++;
		}
		if (fatal_signal_pending(current))
			return -EINTR;
		gmem_pause_shared(inode);
	}
	*at = pgoff;
	return 0;
}

/* The first page from @pgoff on that is missing, or that isn't; or @end. */
static pgoff_t gmem_next_missing(struct inode *inode, pgoff_t pgoff,
				 pgoff_t end, bool missing)
{
	if (!gmem_has_channel(inode))
		return missing ? end : pgoff;
	return gmem_channel_next(gmem_i(inode)->channel, pgoff, end, missing);
}

/* As gmem_find(), but what is missing is data. */
static int gmem_find_data(struct inode *inode, pgoff_t *at, pgoff_t end)
{
	return gmem_find(inode, at, gmem_next_missing(inode, *at, end, true),
			 true);
}

/*
 * The same for holes. What had no memory may be missing, or may have been
 * filled meanwhile.
 */
static int gmem_find_hole(struct inode *inode, pgoff_t *at, pgoff_t end)
{
	pgoff_t next;
	int ret;

	for (;;) {
		ret = gmem_find(inode, at, end, false);
		if (ret || *at >= end)
			return ret;
		next = gmem_next_missing(inode, *at, end, false);
		/* Looked for afterwards: see gmem_missing(). */
		smp_rmb();
		if (next == *at &&
		    !gmem_block_page(gmem_block_find(inode, next), next))
			return 0;
		*at = next;
	}
}

static loff_t gmem_seek(struct inode *inode, loff_t offset, bool data)
{
	pgoff_t at = offset >> PAGE_SHIFT, end;
	loff_t size, found;
	int ret;

	filemap_invalidate_lock_shared(inode->i_mapping);
	size = i_size_read(inode);
	found = -ENXIO;
	if (offset >= 0 && offset < size) {
		end = DIV_ROUND_UP(size, PAGE_SIZE);
		ret = data ? gmem_find_data(inode, &at, end)
			   : gmem_find_hole(inode, &at, end);
		found = max((loff_t)at << PAGE_SHIFT, offset);
		if (found >= size)
			found = data ? -ENXIO : size;
		if (ret)
			found = ret;
	}
	filemap_invalidate_unlock_shared(inode->i_mapping);
	return found;
}

loff_t gmem_llseek(struct file *file, loff_t offset, int whence)
{
	struct inode *inode = file_inode(file);

	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return generic_file_llseek(file, offset, whence);

	offset = gmem_seek(inode, offset, whence == SEEK_DATA);
	return offset < 0 ? offset
			  : vfs_setpos(file, offset, inode->i_sb->s_maxbytes);
}
