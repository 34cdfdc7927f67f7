// SPDX-License-Identifier: GPL-2.0
/*
 * Inodes: how one comes to life, truncate, and the end of a file.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "charge.h"
#include "dir.h"
#include "fallocate.h"
#include "fault_inject.h"
#include "file.h"
#include "inode.h"
#include "punch.h"
#include "sharedview.h"
#include "super.h"
#include "units.h"
#include "xattr.h"

static struct kmem_cache *gmem_inode_cache;

/*
 * What lies beyond the new end goes, also what fallocate() put beyond the old.
 * The rest of the last page stays, and is zeroed.
 */
static int gmem_set_size(struct inode *inode, loff_t size)
{
	loff_t old = i_size_read(inode), end = round_up(size, PAGE_SIZE);
	int ret;

	ret = inode_newsize_ok(inode, size);
	if (ret)
		return ret;

	filemap_invalidate_lock(inode->i_mapping);
	i_size_write(inode, size);
	if (size <= old) {
		gmem_unmap(inode, end, 0);
		gmem_block_punch(inode, end >> PAGE_SHIFT, GMEM_TO_END);
		gmem_zero_part(inode, size, end);
	}
	filemap_invalidate_unlock(inode->i_mapping);
	return 0;
}

static int gmem_setattr(struct mnt_idmap *idmap, struct dentry *dentry,
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
	}
	setattr_copy(idmap, inode, attr);
	return 0;
}

static const struct inode_operations gmem_file_inode_operations = {
	.setattr	= gmem_setattr,
	.listxattr	= gmem_xattr_list,
};

static const struct inode_operations gmem_symlink_inode_operations = {
	.get_link	= simple_get_link,
	.listxattr	= gmem_xattr_list,
};

static const struct inode_operations gmem_special_inode_operations = {
	.listxattr	= gmem_xattr_list,
};

static void gmem_inode_init_regular(struct inode *inode)
{
	inode->i_op = &gmem_file_inode_operations;
	inode->i_fop = &gmem_file_operations;
	gmem_i(inode)->flags = gmem_sb(inode->i_sb)->file_flags;
}

static void gmem_inode_init_type(struct inode *inode, umode_t mode, dev_t dev)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		inode->i_op = &gmem_dir_inode_operations;
		inode->i_fop = &gmem_dir_operations;
		inc_nlink(inode);	/* "." */
		break;
	case S_IFREG:
		gmem_inode_init_regular(inode);
		break;
	case S_IFLNK:
		inode->i_op = &gmem_symlink_inode_operations;
		break;
	default:
		inode->i_op = &gmem_special_inode_operations;
		init_special_inode(inode, mode, dev);
	}
}

/**
 * gmem_inode_new - an inode that nobody knows yet
 * @sb: the mount
 * @dir: the directory it is made in, NULL for the mount's root
 * @mode: type and permissions
 * @dev: number of a device file
 *
 * Return: the inode; iput() it to undo this. Or an ERR_PTR: -ENOMEM; -ENOSPC
 * over the mount's nr_inodes.
 */
struct inode *gmem_inode_new(struct super_block *sb, const struct inode *dir,
			     umode_t mode, dev_t dev)
{
	struct inode *inode;

	if (gmem_sb_charge_inode(sb))
		return ERR_PTR(-ENOSPC);

	inode = new_inode(sb);
	if (!inode) {
		gmem_sb_uncharge_inode(sb);
		return ERR_PTR(-ENOMEM);
	}
	inode->i_ino = get_next_ino();
	inode_init_owner(&nop_mnt_idmap, inode, dir, mode);
	simple_inode_init_ts(inode);
	gmem_inode_init_type(inode, inode->i_mode, dev);
	return inode;
}

struct inode *gmem_inode_new_symlink(struct super_block *sb,
				     const struct inode *dir,
				     const char *target)
{
	struct inode *inode = gmem_inode_new(sb, dir, S_IFLNK | 0777, 0);

	if (IS_ERR(inode))
		return inode;

	if (!gmem_fault_inject(GMEM_FAIL_ALLOC_LINK))
		inode->i_link = kstrdup(target, GFP_KERNEL_ACCOUNT);
	if (!inode->i_link) {
		iput(inode);
		return ERR_PTR(-ENOMEM);
	}
	i_size_write(inode, strlen(target));
	return inode;
}

/* gmem_inode_account - @nr pages more, or less where it is negative */
void gmem_inode_account(struct inode *inode, long nr, bool huge)
{
	struct gmem_inode *gi = gmem_i(inode);

	atomic_long_add(nr, &gi->populated);
	if (huge)
		atomic_long_add(nr, &gi->huge);
	if (nr > 0)
		inode_add_bytes(inode, (loff_t)nr << PAGE_SHIFT);
	else
		inode_sub_bytes(inode, (loff_t)-nr << PAGE_SHIFT);
}

/* The last user is gone: no mapping is left, and nobody can make one. */
void gmem_inode_evict(struct inode *inode)
{
	truncate_inode_pages_final(&inode->i_data);
	gmem_block_evict(inode);
	clear_inode(inode);
	gmem_xattr_free(inode);
	gmem_uncharge_bookkeeping(inode, gmem_i(inode)->bookkeeping);
	gmem_sb_uncharge_inode(inode->i_sb);
}

struct inode *gmem_inode_alloc(struct super_block *sb)
{
	struct gmem_inode *gi = NULL;

	if (!gmem_fault_inject(GMEM_FAIL_ALLOC_INODE))
		gi = alloc_inode_sb(sb, gmem_inode_cache, GFP_KERNEL);
	if (!gi)
		return NULL;

	gi->flags = 0;
	rwlock_init(&gi->xattr_lock);
	INIT_LIST_HEAD(&gi->xattrs);
	gi->xattr_bytes = 0;
	xa_init(&gi->blocks);
	gmem_shared_view_init(gi);
	atomic_long_set(&gi->populated, 0);
	atomic_long_set(&gi->hidden, 0);
	atomic_long_set(&gi->lent, 0);
	atomic_long_set(&gi->huge, 0);
	atomic_long_set(&gi->faults_2m, 0);
	atomic_long_set(&gi->faults_4k, 0);
	gmem_budget_init(&gi->flushes);
	atomic_set(&gi->waiting_loans, 0);
	spin_lock_init(&gi->bookkeeping_lock);
	gi->bookkeeping = 0;
	return &gi->vfs;
}

/* After a grace period: a path walk may still read a symbolic link's target. */
void gmem_inode_free(struct inode *inode)
{
	if (S_ISLNK(inode->i_mode))
		kfree(inode->i_link);
	kmem_cache_free(gmem_inode_cache, gmem_i(inode));
}

/* Once for each object of the cache, not for each file. */
static void gmem_inode_init_once(void *object)
{
	struct gmem_inode *gi = object;

	inode_init_once(&gi->vfs);
	address_space_init_once(&gi->shared_view);
}

int __init gmem_inode_init(void)
{
	gmem_inode_cache = kmem_cache_create("gmem_inode",
					     sizeof(struct gmem_inode), 0,
					     SLAB_RECLAIM_ACCOUNT |
					     SLAB_ACCOUNT,
					     gmem_inode_init_once);
	return gmem_inode_cache ? 0 : -ENOMEM;
}

void gmem_inode_exit(void)
{
	rcu_barrier();	/* inodes are freed after a grace period */
	kmem_cache_destroy(gmem_inode_cache);
}
