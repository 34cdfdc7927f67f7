// SPDX-License-Identifier: GPL-2.0
/*
 * Devices: which pages have been given to one, to access them by DMA.
 *
 * A device needs no address in the direct map. So a page that it has stays
 * hidden, if it is; and is pinned: it goes nowhere until the device has let go.
 * pin.c gives pages to devices, for VFIO, which lets go by unpin_user_page().
 * That is the kernel's own function, which tells us nothing. So the pages have
 * references as if pin_user_pages() had pinned them, and a bit, DEVICE, by
 * which such references are known for a device's. Who finds that they are gone
 * clears the bit.
 *
 * Any number of devices may have a page, and one of them may have it several
 * times.
 */
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/vmstat.h>

#include "device.h"
#include "fault_inject.h"
#include "frame.h"
#include "frametable.h"
#include "pageword.h"
#include "units.h"

/* As get_user_pages(), but early enough that no count gets near its end. */
static int gmem_device_may_take(struct page *page, unsigned int nr)
{
	if (gmem_fault_inject(GMEM_FAIL_PIN))
		return -ENOMEM;
	while (nr--)
		if (gmem_page_refs(page + nr) > INT_MAX / 2)
			return -ENOMEM;
	return 0;
}

static void gmem_device_note(struct gmem_frames *frames, struct page *page,
			     unsigned int nr, struct gmem_delta *delta)
{
	unsigned long word;
	unsigned int n;

	for (; nr; nr -= n, page += n) {
		n = gmem_same_words(page, nr);
		word = gmem_page_word(page);
		if (word & GMEM_PAGE_DEVICE)
			continue;
		delta->device += n;
		gmem_set_words(frames, page, n, word | GMEM_PAGE_DEVICE);
	}
}

/**
 * gmem_device_take - a device gets pages of a file
 * @page: first of contiguous pages of one record
 * @nr: how many
 * @inode: the file that owns them. The caller holds its invalidate_lock: so no
 *	   page leaves it, and none becomes common.
 *
 * unpin_user_page() of each page undoes this.
 *
 * Return: 0; or -ENOMEM if devices have a page too often already.
 */
int gmem_device_take(struct page *page, unsigned int nr, struct inode *inode)
{
	struct gmem_frames *frames =
		gmem_frames_lock(page, GMEM_FRAMES_OF_FILES);
	struct gmem_delta delta = {};
	unsigned int i;
	int ret;

	lockdep_assert_held(&inode->i_mapping->invalidate_lock);
	ret = gmem_device_may_take(page, nr);
	if (ret)
		goto unlock;
	for (i = 0; i < nr; i++)
		folio_ref_add(page_folio(page + i), GUP_PIN_COUNTING_BIAS);
	mod_node_page_state(page_pgdat(page), NR_FOLL_PIN_ACQUIRED, nr);
	gmem_device_note(frames, page, nr, &delta);
unlock:
	gmem_frames_unlock(frames);
	gmem_delta_apply(&delta, inode);
	return ret;
}

/* ---- who has let go ---- */

/**
 * gmem_device_forget - has the device let go of this page? Then forget it
 * @page: the page
 * @inode: the file that owns it; the caller holds its invalidate_lock
 */
void gmem_device_forget(struct page *page, struct inode *inode)
{
	struct gmem_delta delta = {};
	struct gmem_frames *frames;

	if (!(gmem_page_word(page) & GMEM_PAGE_DEVICE) ||
	    gmem_page_has_device(page))
		return;
	frames = gmem_frames_lock(page, GMEM_FRAMES_OF_FILES);
	gmem_forget_device(frames, page, &delta);
	gmem_frames_unlock(frames);
	gmem_delta_apply(&delta, inode);
}

/* The owner of a page stays while the page's record is locked. */
static int gmem_device_visit(struct gmem_frames *frames, void *data)
{
	struct page *first = pfn_to_page(frames->pfn);
	struct gmem_delta delta;
	struct inode *inode;
	unsigned int slot;

	if (!frames->nr_device)
		return 0;
	for_each_set_bit(slot, frames->ours, GMEM_BLOCK_PAGES) {
		inode = gmem_frame_owner(frames, first + slot);
		if (!inode)
			continue;
		delta = (struct gmem_delta){};
		gmem_forget_device(frames, first + slot, &delta);
		gmem_delta_apply(&delta, inode);
	}
	return fatal_signal_pending(current) ? -EINTR : 0;
}

/**
 * gmem_device_pages - how many pages of files have devices now?
 *
 * Looks at all pages that one has had since they were looked at last. Pages
 * that no file has any more don't count: gmem_orphan_pages().
 */
unsigned long gmem_device_pages(void)
{
	if (gmem_frame_device_pages())
		gmem_frametable_for_each(gmem_device_visit, NULL);
	return gmem_frame_device_pages();
}
