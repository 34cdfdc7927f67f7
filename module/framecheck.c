// SPDX-License-Identifier: GPL-2.0
/*
 * Frame check: compare every record with itself, its loans and the page tables.
 * Only in the debug build, and on kernels with lockdep or KCSAN. Any write to
 * the module's parameter frame_check runs it, at any time and whatever else
 * runs. If something is wrong, the write fails with EUCLEAN, and the kernel
 * warns.
 *
 * A page on its way from or to the kernel is unowned, and may be between two
 * states; a counter may be between two pages. So the check
 * is repeated, and has failed only if it fails each time.
 */
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "common.h"
#include "directmap.h"
#include "frame.h"
#include "frametable.h"
#include "hiding.h"
#include "loan.h"
#include "pageword.h"
#include "spare.h"
#include "units.h"

#define GMEM_CHECK_TRIES	10
#define GMEM_CHECK_PAUSE_MS	20

/**
 * struct gmem_check - one check of all records
 * @hidden: pages that are absent from the direct map
 * @lent: pages that are exposed for KVM only
 * @device: pages of files with the bit DEVICE
 * @wrong: the first thing that is wrong, or NULL
 * @pfn: the frame where it was found
 * @word: the word of that page
 */
struct gmem_check {
	unsigned long hidden;
	unsigned long lent;
	unsigned long device;
	const char *wrong;
	unsigned long pfn;
	unsigned long word;
};

static const char *gmem_check_state(struct page *page)
{
	unsigned long word = gmem_page_word(page);
	bool there = gmem_directmap_has(page);

	switch (word & GMEM_PAGE_STATE) {
	case GMEM_PAGE_HIDDEN:
		if (word & GMEM_REASONS)
			return "a page is hidden with a reason not to be";
		return there ? "a hidden page is in the direct map" : NULL;
	case GMEM_PAGE_EXPOSED:
		if (!(word & GMEM_REASONS))
			return "a page is exposed without a reason";
		if (!there)
			return "an exposed page is absent";
		return gmem_directmap_writable(page)
			       ? NULL : "an exposed page is read-only";
	case GMEM_PAGE_POISONED:
		return there ? "a page with an error is in the direct map"
			     : NULL;
	case GMEM_PAGE_LEAVING:
		if (word & GMEM_PAGE_MOVING)
			return NULL;
		return there ? NULL : "a page that leaves is absent";
	default:
		return "a page of ours has no state";
	}
}

static void gmem_check_count(const struct gmem_frames *frames,
			     struct gmem_check *check, struct page *page)
{
	check->device += gmem_page_word(page) & GMEM_PAGE_DEVICE &&
			 gmem_frame_owner(frames, page);
	switch (gmem_page_state(page)) {
	case GMEM_PAGE_HIDDEN:
	case GMEM_PAGE_POISONED:
		check->hidden++;
		break;
	case GMEM_PAGE_EXPOSED:
		check->lent += gmem_page_reasons(page) == GMEM_LENT;
		break;
	default:
		break;
	}
}

static const char *gmem_check_pages(const struct gmem_frames *frames,
				    struct gmem_check *check)
{
	struct page *page = pfn_to_page(frames->pfn);
	unsigned int slot, plain = 0, device = 0;
	const char *wrong;

	for_each_set_bit(slot, frames->ours, GMEM_BLOCK_PAGES) {
		check->pfn = frames->pfn + slot;
		check->word = gmem_page_word(page + slot);
		wrong = gmem_check_state(page + slot) ?:
			gmem_common_check(frames, page + slot);
		if (wrong)
			return wrong;
		gmem_check_count(frames, check, page + slot);
		plain += check->word == GMEM_PAGE_HIDDEN;
		device += !!(check->word & GMEM_PAGE_DEVICE);
	}
	if (device != frames->nr_device)
		return "the pages that devices have are miscounted";
	return plain == frames->nr_plain ? NULL
					 : "the plain pages are miscounted";
}

static const char *gmem_check_spare(const struct gmem_frames *frames,
				    struct gmem_check *check)
{
	struct page *page = pfn_to_page(frames->pfn);
	unsigned int slot;

	if (bitmap_weight(frames->spare, GMEM_BLOCK_PAGES) != frames->nr_spare)
		return "the spare pages are miscounted";
	if (frames->spare_on != gmem_spare_list_of(frames))
		return "a record is on the wrong list";
	for_each_set_bit(slot, frames->spare, GMEM_BLOCK_PAGES) {
		check->pfn = frames->pfn + slot;
		check->word = gmem_page_word(page + slot);
		if (!test_bit(slot, frames->ours))
			return "a spare page isn't ours";
		if (gmem_page_state(page + slot) != GMEM_PAGE_HIDDEN)
			return "a spare page isn't hidden";
		if (!(check->word & GMEM_PAGE_CARVED))
			return "a spare page wasn't carved";
		if (gmem_frame_owner(frames, page + slot))
			return "a spare page has an owner";
	}
	return NULL;
}

static const char *gmem_check_record(const struct gmem_frames *frames,
				     struct gmem_check *check)
{
	check->pfn = frames->pfn;
	if (bitmap_weight(frames->ours, GMEM_BLOCK_PAGES) != frames->nr_ours)
		return "the pages are miscounted";
	if ((frames->owner || frames->nr_users) &&
	    !gmem_frames_are_whole(frames))
		return "a block of a file lacks pages";
	return gmem_loan_check(frames) ?:
	       gmem_check_pages(frames, check) ?:
	       gmem_check_spare(frames, check);
}

static int gmem_check_visit(struct gmem_frames *frames, void *data)
{
	struct gmem_check *check = data;

	check->wrong = gmem_check_record(frames, check);
	return check->wrong ? -EUCLEAN : 0;
}

static void gmem_check_once(struct gmem_check *check)
{
	*check = (struct gmem_check){};
	gmem_frametable_for_each(gmem_check_visit, check);
	if (check->wrong)
		return;
	check->pfn = 0;
	if (check->hidden != gmem_hiding_pages())
		check->wrong = "the hidden pages of all are miscounted";
	else if (check->lent != gmem_frame_lent_pages())
		check->wrong = "the lent pages of all are miscounted";
	else if (check->device != gmem_frame_device_pages())
		check->wrong = "the pages that devices have are miscounted";
}

/**
 * gmem_frame_check - compare all records with the page tables
 *
 * Return: 0; or -EUCLEAN if something is wrong: then the kernel has warned.
 */
int gmem_frame_check(void)
{
	struct gmem_check check;
	unsigned int tries;

	for (tries = 0; tries < GMEM_CHECK_TRIES; tries++) {
		gmem_check_once(&check);
		if (!check.wrong)
			return 0;
		msleep(GMEM_CHECK_PAUSE_MS);
	}
	WARN(1, "gmemfs: frame check: %s (pfn 0x%lx, word 0x%lx; %lu hidden of %lu, %lu lent of %lu)\n",
	     check.wrong, check.pfn, check.word, check.hidden,
	     gmem_hiding_pages(), check.lent, gmem_frame_lent_pages());
	return -EUCLEAN;
}

static int gmem_check_set(const char *value, const struct kernel_param *kp)
{
	return gmem_frame_check();
}

static const struct kernel_param_ops gmem_check_ops = {
	.set = gmem_check_set,
};
module_param_cb(frame_check, &gmem_check_ops, NULL, 0200);
MODULE_PARM_DESC(frame_check, "any write compares the records of all pages with the page tables; it fails with EUCLEAN if something differs");
