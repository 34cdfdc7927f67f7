// SPDX-License-Identifier: GPL-2.0
/* Inodes: how they are made, and freed. */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "budget.h"
#include "charge.h"
#include "fault_inject.h"
#include "faultchannel.h"
#include "gmem_inode.h"
#include "gmem_sb.h"
#include "inode.h"
#include "punch.h"
#include "sharedview.h"
#include "xattr.h"

static struct kmem_cache *gmem_inode_cache;

/**
 * gmem_inode_new - make an inode, which nobody else has yet
 * @sb: the mount
 * @dir: the directory it is made in, NULL for the mount's root
 * @mode: type and permissions
 * @dev: number of a device file
 *
 * Return: the inode, which iput() frees; or an ERR_PTR: -ENOMEM; -ENOSPC over
 * the mount's nr_inodes.
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
	gmem_sb(sb)->set_operations(inode, dev);
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

/* The last user is gone: there is no mapping, and nobody can make one. */
void gmem_inode_evict(struct inode *inode)
{
	truncate_inode_pages_final(&inode->i_data);
	gmem_channel_evict(inode);
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
	xa_init_flags(&gi->blocks, XA_FLAGS_ACCOUNT);
	gi->channel = NULL;
	gmem_shared_view_init(gi);
	atomic_long_set(&gi->populated, 0);
	atomic_long_set(&gi->hidden, 0);
	atomic_long_set(&gi->lent, 0);
	atomic_long_set(&gi->huge, 0);
	atomic_long_set(&gi->common, 0);
	atomic_long_set(&gi->device, 0);
	atomic_long_set(&gi->faults_2m, 0);
	atomic_long_set(&gi->faults_4k, 0);
	gmem_budget_init(&gi->flushes);
	atomic_set(&gi->waiting_loans, 0);
	spin_lock_init(&gi->bookkeeping_lock);
	gi->bookkeeping = 0;
	return &gi->vfs;
}

/* Called after a grace period: a path walk may still read a link's target. */
void gmem_inode_free(struct inode *inode)
{
	if (S_ISLNK(inode->i_mode))
		kfree(inode->i_link);
	kmem_cache_free(gmem_inode_cache, gmem_i(inode));
}

/* Called once for each object of the slab cache, not for each file. */
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
