// SPDX-License-Identifier: GPL-2.0
/* Truncate: set a file's size, or other attributes. */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "cow.h"
#include "fallocate.h"
#include "faults.h"
#include "missing.h"
#include "punch.h"
#include "truncate.h"
#include "units.h"
#include "unmap.h"

/*
 * Unless the file grows, memory beyond the new end is given back, also memory
 * that fallocate() put beyond the old end. The rest of the last page stays,
 * zeroed: if others have it, too, it is copied first, and that may fail. The
 * rest of the last block goes under the same lock: see gmem_punch_ends().
 */
static int gmem_set_size(struct inode *inode, loff_t size)
{
	loff_t old = i_size_read(inode), end = round_up(size, PAGE_SIZE);
	pgoff_t block = round_up(end >> PAGE_SHIFT, GMEM_BLOCK_PAGES);
	int ret;

	ret = inode_newsize_ok(inode, size);
	if (ret)
		return ret;

	filemap_invalidate_lock(inode->i_mapping);
	if (size <= old)
		ret = gmem_missing_ends(inode, size, 0) ?:
		      gmem_own_ends(inode, size, 0);
	if (ret) {
		filemap_invalidate_unlock(inode->i_mapping);
		return ret == -EHWPOISON ? -EIO : ret;
	}
	i_size_write(inode, size);
	if (size <= old) {
		gmem_unmap(inode, end, 0);
		gmem_punch_ends(inode, end >> PAGE_SHIFT, block);
		gmem_zero_part(inode, size, end);
	}
	filemap_invalidate_unlock(inode->i_mapping);
	if (size <= old)
		gmem_punch_tail(inode, block);
	/* Who waits for what is cut off finds that the file ends before. */
	gmem_faults_over_in(inode, end >> PAGE_SHIFT, GMEM_TO_END);
	return 0;
}

/* gmem_setattr - the inode operation of a file */
int gmem_setattr(struct mnt_idmap *idmap, struct dentry *dentry,
		 struct iattr *attr)
{
	struct inode *inode = d_inode(dentry);
	int ret;

	ret = setattr_prepare(idmap, dentry, attr);
	if (ret)
		return ret;

	if (attr->ia_valid & ATTR_SIZE) {
		ret = gmem_set_size(inode, attr->ia_size);
		if (ret)
			return ret;
		/* By a path, truncate(2) asks for the size alone. */
		attr->ia_valid |= ATTR_MTIME | ATTR_CTIME;
	}
	setattr_copy(idmap, inode, attr);
	return 0;
}
