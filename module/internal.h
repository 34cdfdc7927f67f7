/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of gmemfs.ko share with each other. A file's functions are
 * listed under its name; the comment at the top of the file says what idea it
 * owns.
 *
 * Lock order, outermost first:
 *   gmem_cache.lock (guard.c), outside of KVM's own refresh_lock
 *   inode->i_rwsem (truncate) or mmap_lock / the VMA lock (fault)
 *   inode->i_mapping->invalidate_lock: shared by faults, exclusive by truncate
 *   gmem_block.lock: who fills a block
 *   guard_lock (guard.c): is KVM there, and hooked
 *   lend_lock (lend.c): which frames are ours, and which are lent
 *   quarantine_lock (block.c)
 *
 * gmem_inode.xattr_lock is taken inside of i_rwsem, and nothing inside of it.
 */
#ifndef GMEMFS_INTERNAL_H
#define GMEMFS_INTERNAL_H

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mm_types.h>
#include <linux/mutex.h>
#include <linux/xarray.h>

#include <uapi/linux/gmemfs.h>

#define GMEM_BLOCK_ORDER	HPAGE_PMD_ORDER
#define GMEM_BLOCK_PAGES	((unsigned long)HPAGE_PMD_NR)

/**
 * struct gmem_block - 2 MiB of a file, naturally aligned in it
 * @lock: held while memory is put into the block
 * @huge: first of 512 physically contiguous pages, or NULL
 * @pages: where @huge is NULL, one entry a page, NULL while it is a hole
 *
 * Readers hold the mapping's invalidate_lock and need no more: memory only
 * ever leaves a block under that lock, held exclusively.
 */
struct gmem_block {
	struct mutex lock;	/* who fills the block */
	struct page *huge;
	struct page **pages;
};

/**
 * struct gmem_inode - one file, directory or other inode
 * @flags: GMEM_FLAG_*, fixed when the file is made
 * @blocks: struct gmem_block by index of 2 MiB
 * @populated: pages the file holds
 * @hidden: those of them that are absent from the direct map
 * @lent: those of them that are in the direct map for KVM's use
 * @huge: those of them that lie in 2 MiB blocks
 * @faults_2m: 2 MiB entries put into user page tables
 * @faults_4k: 4 KiB entries put into user page tables
 * @xattr_lock: the two below; writers hold the inode's i_rwsem as well
 * @xattrs: struct gmem_xattr, see xattr.c
 * @xattr_bytes: memory that they take
 */
struct gmem_inode {
	struct inode vfs;
	u64 flags;
	struct xarray blocks;
	atomic_long_t populated;
	atomic_long_t hidden;
	atomic_long_t lent;
	atomic_long_t huge;
	atomic_long_t faults_2m;
	atomic_long_t faults_4k;
	rwlock_t xattr_lock;
	struct list_head xattrs;
	size_t xattr_bytes;
};

static inline struct gmem_inode *gmem_i(const struct inode *inode)
{
	return container_of(inode, struct gmem_inode, vfs);
}

/**
 * struct gmem_sb - one mount
 * @limit: most pages that its files may hold together, 0 for no limit
 * @used: pages that they hold
 * @inode_limit: most inodes and further names, 0 for no limit
 * @inodes: how many there are
 * @file_flags: GMEM_FLAG_* that new files get
 * @mode: permissions of the root directory
 * @uid: owner of the root directory
 * @gid: group of the root directory
 */
struct gmem_sb {
	unsigned long limit;
	atomic_long_t used;
	unsigned long inode_limit;
	atomic_long_t inodes;
	u64 file_flags;
	umode_t mode;
	kuid_t uid;
	kgid_t gid;
};

static inline struct gmem_sb *gmem_sb(const struct super_block *sb)
{
	return sb->s_fs_info;
}

/* directmap.c */
int gmem_directmap_init(void);
void gmem_directmap_exit(void);
int gmem_directmap_hide(struct page *page, unsigned int nr);
int gmem_directmap_expose(struct page *page, unsigned int nr,
			  unsigned int hidden);
void gmem_directmap_uncount(unsigned int hidden);
void *gmem_directmap_find_function(const char *name);
unsigned long gmem_directmap_hidden(void);
const char *gmem_directmap_method(void);

/* power.c */
int gmem_power_init(void);
void gmem_power_exit(void);
bool gmem_power_may_hide(void);

/* block.c */
void gmem_block_exit(void);
struct page *gmem_block_populate(struct inode *inode, pgoff_t pgoff);
struct gmem_block *gmem_block_find(struct inode *inode, pgoff_t pgoff);
void gmem_block_truncate(struct inode *inode, pgoff_t from);
unsigned long gmem_block_quarantined(void);

/* guard.c */
int gmem_guard_init(void);
void gmem_guard_exit(void);
int gmem_guard_allows_hiding(void);

/* super.c */
int gmem_super_init(void);
void gmem_super_exit(void);
bool gmem_sb_charge(struct super_block *sb, unsigned long nr);
void gmem_sb_uncharge(struct super_block *sb, unsigned long nr);
bool gmem_sb_charge_inode(struct super_block *sb);
void gmem_sb_uncharge_inode(struct super_block *sb);

/* inode.c */
int gmem_inode_init(void);
void gmem_inode_exit(void);
struct inode *gmem_inode_new(struct super_block *sb, const struct inode *dir,
			     umode_t mode, dev_t dev);
struct inode *gmem_inode_new_symlink(struct super_block *sb,
				     const struct inode *dir,
				     const char *target);
struct inode *gmem_inode_alloc(struct super_block *sb);
void gmem_inode_free(struct inode *inode);
void gmem_inode_evict(struct inode *inode);

/* dir.c */
extern const struct inode_operations gmem_dir_inode_operations;
extern const struct file_operations gmem_dir_operations;

/* xattr.c */
extern const struct xattr_handler * const gmem_xattr_handlers[];
ssize_t gmem_xattr_list(struct dentry *dentry, char *buffer, size_t size);
int gmem_xattr_init_security(struct inode *inode, struct inode *dir,
			     const struct qstr *name);
void gmem_xattr_free(struct inode *inode);

/* file.c */
extern const struct file_operations gmem_file_operations;

/* view.c */
int gmem_view_mmap(struct file *file, struct vm_area_struct *vma);

/* sysfs.c */
int gmem_sysfs_init(void);
void gmem_sysfs_exit(void);

#endif /* GMEMFS_INTERNAL_H */
