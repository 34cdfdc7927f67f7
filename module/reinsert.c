// SPDX-License-Identifier: GPL-2.0
/*
 * Reinsert: for benchmarks, another way to read and write a file. Each copy
 * first puts the pages back into the direct map, and hides them afterwards,
 * with a flush of all TLBs. It shows what hiding would cost without temporary
 * mappings. It is off unless the module is loaded with reinsert=1, and affects
 * only read(2), write(2) and the like. Only the debug build has it: no module
 * for real use has a switch that exposes memory.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "frame.h"
#include "pageword.h"
#include "reinsert.h"
#include "units.h"

static bool reinsert;
module_param(reinsert, bool, 0444);
MODULE_PARM_DESC(reinsert, "for benchmarks only: read() and write() put pages back into the direct map while they copy");

/*
 * Held from before pages are exposed until they are hidden again: otherwise one
 * copy could find its pages hidden by another. Taken after the invalidate_lock,
 * and before the records' locks.
 */
static DEFINE_MUTEX(reinsert_lock);

void __init gmem_reinsert_init(void)
{
	if (reinsert)
		pr_notice("reinsert=1: read() and write() put pages back into the direct map while they copy; for benchmarks only\n");
}

bool gmem_reinserts(void)
{
	return reinsert;
}

/* How many pages, from the first on, are physically contiguous in 2 MiB? */
static unsigned int gmem_neighbours(struct page **pages, unsigned int nr)
{
	unsigned int i;

	for (i = 1; i < nr; i++)
		if (page_to_pfn(pages[i]) != page_to_pfn(pages[0]) + i ||
		    page_to_pfn(pages[i]) % GMEM_BLOCK_PAGES == 0)
			break;
	return i;
}

/* Return: bytes copied, or an errno. */
static ssize_t gmem_reinsert_run(struct inode *inode, struct page *page,
				 unsigned int nr, loff_t pos, size_t len,
				 struct iov_iter *iter)
{
	char *at = (char *)page_address(page) + offset_in_page(pos);
	size_t done;
	int ret;

	ret = gmem_frame_expose(page, nr, GMEM_REINSERTED, inode);
	if (ret)
		return ret;
	pagefault_disable();
	done = iov_iter_rw(iter) == READ ? copy_to_iter(at, len, iter)
					 : copy_from_iter(at, len, iter);
	pagefault_enable();
	if (gmem_frame_hide(page, nr, GMEM_REINSERTED, inode))
		pr_warn_once("reinsert: pages could not be hidden again after a copy\n");
	return done;
}

/**
 * gmem_reinsert_copy - copy to or from pages through the direct map
 * @inode: their file; the caller holds its invalidate_lock
 * @pages: the pages; none is missing
 * @pos: where in the file
 * @len: how much, within a block
 * @iter: the other side; it also tells the direction
 *
 * Return: bytes copied, fewer than @len if user memory needs a fault; or an
 * errno if the first pages could not be exposed.
 */
ssize_t gmem_reinsert_copy(struct inode *inode, struct page **pages,
			   loff_t pos, size_t len, struct iov_iter *iter)
{
	unsigned int nr = DIV_ROUND_UP(offset_in_page(pos) + len, PAGE_SIZE);
	unsigned int i, run;
	ssize_t total = 0, done = 0;
	size_t step;

	mutex_lock(&reinsert_lock);
	for (i = 0; i < nr; i += run) {
		run = gmem_neighbours(pages + i, nr - i);
		step = min(len - total,
			   run * PAGE_SIZE - offset_in_page(pos + total));
		done = gmem_reinsert_run(inode, pages[i], run, pos + total,
					 step, iter);
		if (done > 0)
			total += done;
		if (done < 0 || done < step)
			break;
	}
	mutex_unlock(&reinsert_lock);
	return total ?: done;
}
