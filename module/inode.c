// SPDX-License-Identifier: GPL-2.0
/*
 * Inodes: create, O_TMPFILE, link, unlink, truncate, and the end of a file.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "internal.h"

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
		unmap_mapping_range(inode->i_mapping, end, 0, 1);
		gmem_block_punch(inode, end >> PAGE_SHIFT, GMEM_TO_END);
		gmem_zero_range(inode, size, end);
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
};

static int gmem_create(struct mnt_idmap *idmap, struct inode *dir,
		       struct dentry *dentry, umode_t mode, bool excl)
{
	struct inode *inode = gmem_inode_new(dir->i_sb, dir, mode | S_IFREG);

	if (!inode)
		return -ENOMEM;

	/* As in every file system without a disk, the dentry is the file. */
	d_instantiate(dentry, inode);
	dget(dentry);
	inode_set_mtime_to_ts(dir, inode_set_ctime_current(dir));
	return 0;
}

static int gmem_tmpfile(struct mnt_idmap *idmap, struct inode *dir,
			struct file *file, umode_t mode)
{
	struct inode *inode = gmem_inode_new(dir->i_sb, dir, mode);

	if (!inode)
		return finish_open_simple(file, -ENOMEM);

	d_tmpfile(file, inode);
	return finish_open_simple(file, 0);
}

static const struct inode_operations gmem_dir_inode_operations = {
	.create		= gmem_create,
	.tmpfile	= gmem_tmpfile,
	.lookup		= simple_lookup,
	.link		= simple_link,
	.unlink		= simple_unlink,
};

struct inode *gmem_inode_new(struct super_block *sb, const struct inode *dir,
			     umode_t mode)
{
	struct inode *inode = new_inode(sb);

	if (!inode)
		return NULL;

	inode->i_ino = get_next_ino();
	inode_init_owner(&nop_mnt_idmap, inode, dir, mode);
	simple_inode_init_ts(inode);
	if (S_ISDIR(mode)) {
		inode->i_op = &gmem_dir_inode_operations;
		inode->i_fop = &simple_dir_operations;
		inc_nlink(inode);	/* "." */
		return inode;
	}

	inode->i_op = &gmem_file_inode_operations;
	inode->i_fop = &gmem_file_operations;
	gmem_i(inode)->flags = gmem_sb(sb)->file_flags;
	return inode;
}

/* The last user is gone: no mapping is left, and nobody can make one. */
void gmem_inode_evict(struct inode *inode)
{
	truncate_inode_pages_final(&inode->i_data);
	gmem_block_punch(inode, 0, GMEM_TO_END);
	clear_inode(inode);
}

struct inode *gmem_inode_alloc(struct super_block *sb)
{
	struct gmem_inode *gi = alloc_inode_sb(sb, gmem_inode_cache,
					       GFP_KERNEL);

	if (!gi)
		return NULL;

	gi->flags = 0;
	xa_init(&gi->blocks);
	atomic_long_set(&gi->populated, 0);
	atomic_long_set(&gi->hidden, 0);
	atomic_long_set(&gi->lent, 0);
	atomic_long_set(&gi->huge, 0);
	atomic_long_set(&gi->faults_2m, 0);
	atomic_long_set(&gi->faults_4k, 0);
	return &gi->vfs;
}

void gmem_inode_free(struct inode *inode)
{
	kmem_cache_free(gmem_inode_cache, gmem_i(inode));
}

/* Once for each object of the cache, not for each file. */
static void gmem_inode_init_once(void *object)
{
	struct gmem_inode *gi = object;

	inode_init_once(&gi->vfs);
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
