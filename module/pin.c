// SPDX-License-Identifier: GPL-2.0
/*
 * Pin: a device gets memory of a guest view, for vfio.c.
 *
 * This finds pages by the file's offset and not by the page table. So holes get
 * memory, as by a fault, and nothing has to be mapped. But what is missing
 * (missing.c) is refused, and not waited for. What the file has in common with
 * others is copied first, also if the device would only read: a common page has
 * no owner, and the guest's next write would take its copy elsewhere, where the
 * device doesn't look.
 *
 * Pages of a contiguous block are found and pinned together, so that the IOMMU
 * gets an entry of 2 MiB for them.
 */
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>

#include "block.h"
#include "common.h"
#include "cow.h"
#include "device.h"
#include "missing.h"
#include "pageword.h"
#include "pin.h"
#include "place.h"
#include "poison.h"
#include "populate.h"
#include "refusal.h"
#include "trace.h"
#include "units.h"
#include "view.h"

/**
 * struct gmem_pin - one call: a part of a block
 * @inode: the file
 * @pgoff: the first page
 * @nr: how many
 * @want: how memory should be got
 * @pages: set to the pages
 */
struct gmem_pin {
	struct inode *inode;
	pgoff_t pgoff;
	unsigned int nr;
	struct gmem_want want;
	struct page **pages;
};

/* ---- find pages ---- */

/* Return: the page; or an ERR_PTR: -EAGAIN if it is common. */
static struct page *gmem_pin_page(struct gmem_pin *p, pgoff_t pgoff,
				  struct gmem_block **block)
{
	struct page *page = gmem_block_page(*block, pgoff);

	if (gmem_beyond_end(p->inode, pgoff))
		return ERR_PTR(-EFAULT);
	if (!page || gmem_page_poisoned(page))
		page = gmem_block_populate(p->inode, pgoff, &p->want);
	if (IS_ERR(page))
		return page;
	/* It stays, as pages do: the invalidate_lock is held. */
	if (!*block)
		*block = gmem_block_find(p->inode, pgoff);
	if (gmem_is_common(p->inode, *block, pgoff % GMEM_BLOCK_PAGES, page))
		return ERR_PTR(-EAGAIN);
	return page;
}

/* Return: how many pages were found, the first ones; or an errno if none. */
static int gmem_pin_find(struct gmem_pin *p)
{
	struct gmem_block *block = gmem_block_find(p->inode, p->pgoff);
	struct page *page;
	unsigned int i;

	for (i = 0; i < p->nr; i++) {
		page = gmem_pin_page(p, p->pgoff + i, &block);
		if (IS_ERR(page))
			return i ?: PTR_ERR(page);
		p->pages[i] = page;
	}
	return i;
}

/* ---- pin them ---- */

/* How many pages from the first on are contiguous, and of one record? */
static unsigned int gmem_pin_run(struct page *const *pages, unsigned int nr)
{
	unsigned long first = page_to_pfn(pages[0]);
	unsigned int i;

	nr = min_t(unsigned int, nr,
		   GMEM_BLOCK_PAGES - first % GMEM_BLOCK_PAGES);
	for (i = 1; i < nr; i++)
		if (page_to_pfn(pages[i]) != first + i)
			break;
	return i;
}

/* Return: how many of the @nr pages were pinned; or an errno if none. */
static int gmem_pin_found(struct gmem_pin *p, unsigned int nr)
{
	unsigned int done, run;
	int ret;

	for (done = 0; done < nr; done += run) {
		run = gmem_pin_run(p->pages + done, nr - done);
		ret = gmem_device_take(p->pages[done], run, p->inode);
		if (ret)
			return done ?: ret;
		trace_gmem_pin(p->inode, p->pgoff + done,
			       page_to_pfn(p->pages[done]), run);
	}
	return done;
}

static int gmem_pin_locked(struct vm_area_struct *vma, struct gmem_pin *p)
{
	int nr = -EFAULT;

	if (!gmem_view_refuses(vma))
		nr = gmem_pin_find(p);
	return nr > 0 ? gmem_pin_found(p, nr) : nr;
}

/* The first page is common. Nobody clones the file while the lock is held. */
static int gmem_pin_owning(struct vm_area_struct *vma, struct gmem_pin *p)
{
	struct address_space *mapping = p->inode->i_mapping;
	int ret;

	filemap_invalidate_lock(mapping);
	ret = gmem_own(p->inode, p->pgoff, p->pgoff + p->nr, &p->want);
	if (!ret)
		ret = gmem_pin_locked(vma, p);
	filemap_invalidate_unlock(mapping);
	return ret;
}

/*
 * A page is missing: missing.c. VFIO has the container locked against everybody
 * who uses it, and the mmap_lock is held. Whoever fills the file may need them.
 * So nobody waits here.
 */
static int gmem_pin_missing(struct inode *inode)
{
	gmem_refusal_say(inode, GMEM_REFUSED_UNFILLED);
	return -EBUSY;
}

/**
 * gmem_pin - give a device memory of a guest view
 * @vma: the guest view; the caller holds the mmap_lock
 * @addr: the first address
 * @nr: how many pages
 * @write: the device may write to them
 * @pages: set to the pages
 *
 * unpin_user_page() of each page undoes this.
 *
 * Return: how many pages were pinned, the first ones: at least 1; or an errno:
 * -EFAULT if the address may not be accessed so, or is beyond the file's end;
 * -EBUSY if the page is missing; -EINTR; -ENOMEM, also if devices have a page
 * too often; or as of gmem_block_populate().
 */
long gmem_pin(struct vm_area_struct *vma, unsigned long addr, unsigned long nr,
	      bool write, struct page **pages)
{
	struct gmem_pin p = {
		.inode = file_inode(vma->vm_file),
		.pgoff = linear_page_index(vma, addr),
		.pages = pages,
	};
	struct address_space *mapping = p.inode->i_mapping;
	int ret;

	if (!(vma->vm_flags & (write ? VM_WRITE : VM_READ)))
		return -EFAULT;
	if (fatal_signal_pending(current))
		return -EINTR;
	p.nr = min3(nr, (vma->vm_end - addr) >> PAGE_SHIFT,
		    GMEM_BLOCK_PAGES - p.pgoff % GMEM_BLOCK_PAGES);
	p.want.place = gmem_place_of_vma(vma, p.pgoff >> GMEM_BLOCK_ORDER);

	filemap_invalidate_lock_shared(mapping);
	ret = gmem_pin_locked(vma, &p);
	filemap_invalidate_unlock_shared(mapping);
	if (ret == -EAGAIN)
		ret = gmem_pin_owning(vma, &p);
	if (ret == GMEM_MISSING)
		return gmem_pin_missing(p.inode);
	if (ret < 0)
		gmem_refusal_explain(p.inode, ret);
	return ret;
}
