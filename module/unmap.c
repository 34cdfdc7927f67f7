// SPDX-License-Identifier: GPL-2.0
/*
 * Unmap: a range of a file leaves all mappings. KVM hears of it by its MMU
 * notifier. The caller holds the file's invalidate_lock, so that no fault maps
 * it again, at least shared if it only wants other entries there.
 */
#include <linux/fs.h>
#include <linux/mm.h>

#include "gmem_inode.h"
#include "unmap.h"

/*
 * May entries of a guest view go, or become read-only, while KVM looks them up,
 * or must it wait for them? If that never was so, KVM's look-ups are unchanged.
 */
bool gmem_unmap_seen __read_mostly;

/**
 * gmem_unmap_expect - entries of a guest view go, or become read-only, or are
 *		       waited for, from now on
 *
 * Called before that: all look-ups of KVM that begin afterwards are
 * redirected (borrow.c). One that had begun before the host's first call finds
 * what KVM's own function does: an error, or read-only memory.
 */
void gmem_unmap_expect(void)
{
	if (!READ_ONCE(gmem_unmap_seen))
		WRITE_ONCE(gmem_unmap_seen, true);
}

/* gmem_unmap_guest - unmap a range from the guest view; @len 0: to the end */
void gmem_unmap_guest(struct inode *inode, loff_t start, loff_t len)
{
	if (mapping_mapped(inode->i_mapping))
		gmem_unmap_expect();
	unmap_mapping_range(inode->i_mapping, start, len, 0);
}

/* gmem_unmap_shared - the same for the shared view */
void gmem_unmap_shared(struct inode *inode, loff_t start, loff_t len)
{
	unmap_mapping_range(&gmem_i(inode)->shared_view, start, len, 0);
}

/* gmem_unmap - the same for both views */
void gmem_unmap(struct inode *inode, loff_t start, loff_t len)
{
	gmem_unmap_guest(inode, start, len);
	gmem_unmap_shared(inode, start, len);
}
