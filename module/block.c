// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks: how a file gets memory and how the kernel gets it back.
 *
 * A block is 2 MiB of a file. It is one physically contiguous run of 512 pages
 * where the host can give that, and single pages otherwise. Either way every
 * page has a refcount of its own and no page is ever in the page cache.
 *
 * Two rules make the rest of the kernel safe from us and the tenants safe from
 * each other:
 *   - memory is zeroed before a user can see it, and before it goes back;
 *   - memory goes back only when it is in the direct map again. What can't be
 *     put there is kept in quarantine and tried again.
 */
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#include "fault_inject.h"
#include "internal.h"
#include "lend.h"

#define GMEM_GFP	(GFP_HIGHUSER | __GFP_ZERO | __GFP_ACCOUNT)

/*
 * For 2 MiB: take what is there or what one round of compaction brings, but
 * reclaim nobody's memory for it, since single pages do too.
 */
#define GMEM_GFP_HUGE	(GMEM_GFP | __GFP_NORETRY | __GFP_NOWARN)

/* Pages scrubbed at a time: an array of pointers to them is on the stack. */
#define GMEM_SCRUB_PAGES	64

#define GMEM_QUARANTINE_RETRY	HZ

/* ---- quarantine: pages that could not be put back into the direct map ---- */

static LIST_HEAD(quarantine);
static DEFINE_SPINLOCK(quarantine_lock);
static atomic_long_t quarantined_pages;

static void gmem_quarantine_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(quarantine_retry, gmem_quarantine_work);

unsigned long gmem_block_quarantined(void)
{
	return atomic_long_read(&quarantined_pages);
}

/*
 * Needs no memory: the list runs through the pages' own struct page. Holds the
 * module, because nobody else will come for these pages.
 */
static void gmem_quarantine(struct page *page, unsigned int nr,
			    unsigned int hidden)
{
	__module_get(THIS_MODULE);
	set_page_private(page, nr << 16 | hidden);
	spin_lock(&quarantine_lock);
	list_add_tail(&page->lru, &quarantine);
	spin_unlock(&quarantine_lock);
	atomic_long_add(nr, &quarantined_pages);

	pr_warn_ratelimited("%u pages can't be put back into the direct map yet; kept back, trying again\n",
			    nr);
	schedule_delayed_work(&quarantine_retry, GMEM_QUARANTINE_RETRY);
}

/* ---- scrub and give back ---- */

static void gmem_fill_array(struct page **pages, struct page *first,
			    unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		pages[i] = first + i;
}

/*
 * Zero hidden pages through a mapping of our own, so that they are never in
 * the direct map with a guest's data in them. The kernel flushes such mappings
 * from the TLBs at its next edit of the direct map: when the pages are exposed.
 *
 * VM_IOREMAP, because /proc/kcore passes over such areas. It would look up the
 * pages of any other and read them through the direct map.
 */
static int gmem_scrub_hidden(struct page *page, unsigned int nr)
{
	struct page *pages[GMEM_SCRUB_PAGES];

	while (nr) {
		unsigned int n = min_t(unsigned int, nr, GMEM_SCRUB_PAGES);
		void *addr = NULL;

		gmem_fill_array(pages, page, n);
		if (!gmem_fault_inject(GMEM_FAIL_SCRUB_MAP))
			addr = vmap(pages, n, VM_IOREMAP, PAGE_KERNEL);
		if (!addr)
			return -ENOMEM;
		memset(addr, 0, (size_t)n * PAGE_SIZE);
		vunmap(addr);
		page += n;
		nr -= n;
	}
	return 0;
}

/* Not what has a memory error: the page allocator will keep that out of use. */
static void gmem_scrub_exposed(struct page *page, unsigned int nr)
{
	for (; nr--; page++)
		if (!PageHWPoison(page))
			clear_highpage(page);
}

static void gmem_free_pages(struct page *page, unsigned int nr)
{
	while (nr--)
		__free_page(page++);
}

static void gmem_give_back_exposed(struct page *page, unsigned int nr)
{
	gmem_scrub_exposed(page, nr);
	gmem_free_pages(page, nr);
}

static bool gmem_has_poison(struct page *page, unsigned int nr)
{
	while (nr--)
		if (PageHWPoison(page++))
			return true;
	return false;
}

/*
 * Pages that lend.c knows to be leaving, of which @hidden are hidden. Where
 * there is no memory to map them with, they are zeroed once exposed.
 */
static bool gmem_give_back_whole(struct page *page, unsigned int nr,
				 unsigned int hidden)
{
	bool scrubbed = !gmem_scrub_hidden(page, nr);

	if (gmem_directmap_expose(page, nr, hidden))
		return false;
	gmem_lend_disown(page, nr);
	if (scrubbed)
		gmem_free_pages(page, nr);
	else
		gmem_give_back_exposed(page, nr);
	return true;
}

/*
 * Pages with a memory error among them: those are neither touched nor put back
 * into the direct map, where a speculative access could hit the error again.
 * They are nobody's from now on; the page allocator doesn't take them either.
 */
static void gmem_give_back_around_poison(struct page *page, unsigned int nr,
					 unsigned int hidden)
{
	unsigned int i, lost = 0;

	for (i = 0; i < nr; i++) {
		if (PageHWPoison(page + i)) {
			lost++;
			continue;
		}
		if (!gmem_give_back_whole(page + i, 1, 0))
			gmem_quarantine(page + i, 1, 0);
	}
	gmem_directmap_uncount(hidden);
	gmem_lend_disown(page, nr);
	pr_warn("%u pages with a memory error stay out of the direct map and out of use\n",
		lost);
}

static bool gmem_try_give_back(struct page *page, unsigned int nr,
			       unsigned int hidden)
{
	if (!gmem_has_poison(page, nr))
		return gmem_give_back_whole(page, nr, hidden);
	gmem_give_back_around_poison(page, nr, hidden);
	return true;
}

static void gmem_give_back_hidden(struct page *page, unsigned int nr,
				  unsigned int hidden)
{
	if (!gmem_try_give_back(page, nr, hidden))
		gmem_quarantine(page, nr, hidden);
}

/* Takes the pages off their list. False: they must stay in quarantine. */
static bool gmem_quarantine_release(struct page *page)
{
	unsigned long private = page_private(page);
	unsigned int nr = private >> 16;

	list_del(&page->lru);
	set_page_private(page, 0);
	if (!gmem_try_give_back(page, nr, private & 0xffff)) {
		set_page_private(page, private);
		return false;
	}
	atomic_long_sub(nr, &quarantined_pages);
	module_put(THIS_MODULE);
	return true;
}

static void gmem_quarantine_work(struct work_struct *work)
{
	struct page *page, *next;
	LIST_HEAD(failed);
	LIST_HEAD(waiting);

	spin_lock(&quarantine_lock);
	list_splice_init(&quarantine, &waiting);
	spin_unlock(&quarantine_lock);

	list_for_each_entry_safe(page, next, &waiting, lru) {
		if (!gmem_quarantine_release(page))
			list_add_tail(&page->lru, &failed);
		cond_resched();
	}
	if (list_empty(&failed))
		return;

	spin_lock(&quarantine_lock);
	list_splice(&failed, &quarantine);
	spin_unlock(&quarantine_lock);
	schedule_delayed_work(&quarantine_retry, GMEM_QUARANTINE_RETRY);
}

/* ---- accounting ---- */

static void gmem_account(struct inode *inode, long nr, bool huge)
{
	struct gmem_inode *gi = gmem_i(inode);

	atomic_long_add(nr, &gi->populated);
	if (!(gi->flags & GMEM_FLAG_KEEP_DIRECT_MAP))
		atomic_long_add(nr, &gi->hidden);
	if (huge)
		atomic_long_add(nr, &gi->huge);
	if (nr > 0)
		inode_add_bytes(inode, (loff_t)nr << PAGE_SHIFT);
	else
		inode_sub_bytes(inode, (loff_t)-nr << PAGE_SHIFT);
}

/* ---- populate ---- */

static struct page *gmem_alloc_order(unsigned int order)
{
	enum gmem_fail kind = order ? GMEM_FAIL_ALLOC_HUGE
				    : GMEM_FAIL_ALLOC_PAGE;
	struct page *page;

	if (gmem_fault_inject(kind))
		return NULL;
	page = alloc_pages(order ? GMEM_GFP_HUGE : GMEM_GFP, order);
	if (page && order)
		split_page(page, order);
	return page;
}

/* Hidden and ready to be lent, or freed. */
static int gmem_hide(struct inode *inode, struct page *page, unsigned int nr)
{
	int ret = gmem_directmap_hide(page, nr);

	/* Asked once the pages are counted as hidden: see both functions. */
	if (!ret) {
		ret = gmem_power_may_hide() ? gmem_guard_allows_hiding()
					    : -EBUSY;
		if (!ret)
			ret = gmem_lend_own(page, nr, inode);
		/* Zeroed and never seen: nothing to scrub. */
		if (ret && gmem_directmap_expose(page, nr, nr))
			ret = -EIO;
	}
	if (ret == -EIO)
		gmem_quarantine(page, nr, nr);
	else if (ret)
		gmem_free_pages(page, nr);
	return ret;
}

/* Zeroed, hidden if the file wants that, and charged to mount and file. */
static struct page *gmem_take(struct inode *inode, unsigned int order)
{
	unsigned int nr = 1U << order;
	struct page *page;
	int ret;

	if (!gmem_sb_charge(inode->i_sb, nr))
		return ERR_PTR(-ENOSPC);

	ret = -ENOMEM;
	page = gmem_alloc_order(order);
	if (!page)
		goto uncharge;

	if (!(gmem_i(inode)->flags & GMEM_FLAG_KEEP_DIRECT_MAP)) {
		ret = gmem_hide(inode, page, nr);
		if (ret)
			goto uncharge;
	}
	gmem_account(inode, nr, order);
	return page;

uncharge:
	gmem_sb_uncharge(inode->i_sb, nr);
	return ERR_PTR(ret);
}

static void gmem_put_back(struct inode *inode, struct page *page,
			  unsigned int order)
{
	bool kept = gmem_i(inode)->flags & GMEM_FLAG_KEEP_DIRECT_MAP;
	unsigned int nr = 1U << order;
	unsigned int lent = kept ? 0 : gmem_lend_leave(page, nr);

	gmem_account(inode, -(long)nr, order);
	gmem_sb_uncharge(inode->i_sb, nr);
	if (kept)
		gmem_give_back_exposed(page, nr);
	else
		gmem_give_back_hidden(page, nr, nr - lent);
}

struct gmem_block *gmem_block_find(struct inode *inode, pgoff_t pgoff)
{
	return xa_load(&gmem_i(inode)->blocks, pgoff >> GMEM_BLOCK_ORDER);
}

/* The file's block around @pgoff, made empty if there is none yet. */
static struct gmem_block *gmem_block_get(struct inode *inode, pgoff_t pgoff)
{
	struct gmem_block *block = gmem_block_find(inode, pgoff);
	struct gmem_block *other;

	if (block)
		return block;
	if (gmem_fault_inject(GMEM_FAIL_ALLOC_META))
		return ERR_PTR(-ENOMEM);

	block = kzalloc(sizeof(*block), GFP_KERNEL_ACCOUNT);
	if (!block)
		return ERR_PTR(-ENOMEM);
	mutex_init(&block->lock);

	other = xa_cmpxchg(&gmem_i(inode)->blocks, pgoff >> GMEM_BLOCK_ORDER,
			   NULL, block, GFP_KERNEL_ACCOUNT);
	if (!other)
		return block;

	/* Another fault made it first, or the tree has no memory to grow. */
	kfree(block);
	return xa_is_err(other) ? ERR_PTR(xa_err(other)) : other;
}

/* Not for the last block of a file that ends inside it: that would waste. */
static bool gmem_may_be_huge(struct inode *inode, pgoff_t pgoff)
{
	loff_t end = (loff_t)(round_down(pgoff, GMEM_BLOCK_PAGES) +
			      GMEM_BLOCK_PAGES) << PAGE_SHIFT;

	return !(gmem_i(inode)->flags & GMEM_FLAG_NO_HUGE) &&
	       end <= i_size_read(inode);
}

static struct page *gmem_populate_single(struct inode *inode,
					 struct gmem_block *block,
					 unsigned int slot)
{
	struct page *page;

	if (!block->pages && !gmem_fault_inject(GMEM_FAIL_ALLOC_META))
		block->pages = kcalloc(GMEM_BLOCK_PAGES, sizeof(*block->pages),
				       GFP_KERNEL_ACCOUNT);
	if (!block->pages)
		return ERR_PTR(-ENOMEM);
	if (block->pages[slot])
		return block->pages[slot];

	page = gmem_take(inode, 0);
	if (!IS_ERR(page))
		block->pages[slot] = page;
	return page;
}

static struct page *gmem_populate_locked(struct inode *inode,
					 struct gmem_block *block,
					 pgoff_t pgoff)
{
	unsigned int slot = pgoff % GMEM_BLOCK_PAGES;
	struct page *huge;

	if (block->huge)
		return block->huge + slot;
	if (block->pages || !gmem_may_be_huge(inode, pgoff))
		return gmem_populate_single(inode, block, slot);

	huge = gmem_take(inode, GMEM_BLOCK_ORDER);
	if (IS_ERR(huge))
		return gmem_populate_single(inode, block, slot);
	block->huge = huge;
	return huge + slot;
}

/**
 * gmem_block_populate - the page at an offset of a file, made if it's a hole
 * @inode: the file, whose invalidate_lock the caller holds, at least shared
 * @pgoff: offset in pages, below the file's size
 *
 * Return: the page, or an ERR_PTR: -ENOMEM; -ENOSPC over the mount's size;
 * -EBUSY while the host hibernates; -EIO where the direct map can't be edited.
 */
struct page *gmem_block_populate(struct inode *inode, pgoff_t pgoff)
{
	struct gmem_block *block = gmem_block_get(inode, pgoff);
	struct page *page;

	if (IS_ERR(block))
		return ERR_CAST(block);

	mutex_lock(&block->lock);
	page = gmem_populate_locked(inode, block, pgoff);
	mutex_unlock(&block->lock);
	return page;
}

/* ---- truncate ---- */

static bool gmem_block_drop_singles(struct inode *inode,
				    struct gmem_block *block, unsigned int from)
{
	unsigned int slot;

	if (!block->pages)
		return from == 0;
	for (slot = from; slot < GMEM_BLOCK_PAGES; slot++) {
		if (!block->pages[slot])
			continue;
		gmem_put_back(inode, block->pages[slot], 0);
		block->pages[slot] = NULL;
	}
	return from == 0;
}

/*
 * The tail of a 2 MiB block is zeroed and kept, as tmpfs keeps the tail of a
 * huge page it can't split: to free it, the direct map's 2 MiB entry would
 * have to be split for ever.
 */
static void gmem_block_zero_tail(struct inode *inode, struct gmem_block *block,
				 unsigned int from)
{
	struct page *tail = block->huge + from;
	unsigned int nr = GMEM_BLOCK_PAGES - from;

	if (gmem_i(inode)->flags & GMEM_FLAG_KEEP_DIRECT_MAP) {
		gmem_scrub_exposed(tail, nr);
		return;
	}

	/* Nobody sees the tail, and the file can't shrink until it's clean. */
	while (gmem_scrub_hidden(tail, nr))
		schedule_timeout_uninterruptible(1);
	/* It stays hidden: no CPU may keep a translation of our mappings. */
	vm_unmap_aliases();
}

/* Give back the block's memory from slot @from on. True if that was all. */
static bool gmem_block_drop(struct inode *inode, struct gmem_block *block,
			    unsigned int from)
{
	if (!block->huge)
		return gmem_block_drop_singles(inode, block, from);
	if (from) {
		gmem_block_zero_tail(inode, block, from);
		return false;
	}
	gmem_put_back(inode, block->huge, GMEM_BLOCK_ORDER);
	return true;
}

/**
 * gmem_block_truncate - give back all memory of a file from an offset on
 * @inode: the file; the caller holds its invalidate_lock exclusively and has
 *	   unmapped the range, or is the last to know the file
 * @from: offset in pages
 */
void gmem_block_truncate(struct inode *inode, pgoff_t from)
{
	struct xarray *blocks = &gmem_i(inode)->blocks;
	struct gmem_block *block;
	unsigned long index;

	xa_for_each_start(blocks, index, block, from >> GMEM_BLOCK_ORDER) {
		pgoff_t start = index << GMEM_BLOCK_ORDER;
		unsigned int slot = from > start ? from - start : 0;

		if (gmem_block_drop(inode, block, slot)) {
			xa_erase(blocks, index);
			mutex_destroy(&block->lock);
			kfree(block->pages);
			kfree(block);
		}
		cond_resched();
	}
}

/* Quarantined pages hold the module, so none are left when this runs. */
void gmem_block_exit(void)
{
	cancel_delayed_work_sync(&quarantine_retry);
}
