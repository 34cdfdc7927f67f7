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
 *   reinsert_lock (reinsert.c)
 *   guard_lock (guard.c): is KVM there, and hooked
 *   lend_lock (lend.c): which frames are ours, and which are lent
 *   gmem_pool.lock, quarantine_lock (release.c)
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
#include <linux/nodemask.h>
#include <linux/xarray.h>

#include <uapi/linux/gmemfs.h>

#define GMEM_BLOCK_ORDER	HPAGE_PMD_ORDER
#define GMEM_BLOCK_PAGES	((unsigned long)HPAGE_PMD_NR)

/* Rounded up; DIV_ROUND_UP() would wrap around. */
static inline unsigned long gmem_bytes_to_blocks(u64 bytes)
{
	return bytes / GMEM_BLOCK_SIZE + !!(bytes % GMEM_BLOCK_SIZE);
}

/* End of a range that goes on to the end of a file, whatever that is. */
#define GMEM_TO_END	round_down(ULONG_MAX, GMEM_BLOCK_PAGES)

/**
 * struct gmem_block - 2 MiB of a file, naturally aligned in it
 * @lock: held while memory is put into the block
 * @huge: first of 512 physically contiguous pages, or NULL
 * @pages: where @huge is NULL, one entry a page, NULL while it is a hole
 * @holes: where @huge is set, the pages of it that the file doesn't use; they
 *	   are zeroed, and no user has them mapped
 * @nr_holes: bits set in @holes
 * @wants: what userspace wants, or NULL where that is as the file was made;
 *	   changes under the invalidate_lock, held exclusively
 *
 * Readers hold the mapping's invalidate_lock and need no more: memory only
 * ever leaves a block under that lock, held exclusively.
 */
struct gmem_block {
	struct mutex lock;	/* who fills the block */
	struct page *huge;
	struct page **pages;
	DECLARE_BITMAP(holes, HPAGE_PMD_NR);
	unsigned int nr_holes;
	struct gmem_wants *wants;
};

/**
 * struct gmem_wants - what userspace wants of a block that was converted
 * @shared: a bit a page
 * @nr_shared: how many are set
 */
struct gmem_wants {
	DECLARE_BITMAP(shared, HPAGE_PMD_NR);
	unsigned int nr_shared;
};

/*
 * In page_private() of a file's pages, above what release.c keeps there of
 * those in quarantine. EXPOSED is changed under lend_lock.
 */
#define GMEM_PAGE_EXPOSED	BIT(14)	/* in the direct map, being shared */
#define GMEM_PAGE_SEEN		BIT(15)	/* was in a shared view, maybe pinned */

/**
 * struct gmem_place - where memory should come from
 * @node: the NUMA node to ask first
 * @bound: no others than these, or NULL
 * @by_vma: @node and @bound are a mapping's policy, and not the task's
 * @only: this node or none
 */
struct gmem_place {
	int node;
	nodemask_t *bound;
	bool by_vma;
	bool only;
};

/* Blocks worked on at a time: 32 MiB, and an array that the stack can hold. */
#define GMEM_BATCH	16

struct gmem_batch {
	unsigned int nr;
	struct page *blocks[GMEM_BATCH];
};

/**
 * struct gmem_want - how a file is to get memory
 * @place: where from
 * @end: the size that the file is about to have, where that is larger
 * @batch: blocks prepared for this call, or NULL
 */
struct gmem_want {
	struct gmem_place place;
	loff_t end;
	struct gmem_batch *batch;
};

/* Pages mapped at a time: an array of pointers to them is on the stack. */
#define GMEM_TEMPMAP_PAGES	64

/**
 * struct gmem_inode - one file, directory or other inode
 * @flags: GMEM_FLAG_*, fixed when the file is made
 * @blocks: struct gmem_block by index of 2 MiB
 * @shared_view: where the mappings of the shared view are known; those of the
 *		 guest view are in the inode's own
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
	struct address_space shared_view;
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
 * @like_hugetlbfs: what statfs() says
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
	bool like_hugetlbfs;
};

static inline struct gmem_sb *gmem_sb(const struct super_block *sb)
{
	return sb->s_fs_info;
}

/* directmap.c */
int gmem_directmap_init(void);
void gmem_directmap_exit(void);
int gmem_directmap_hide(struct page *page, unsigned int nr);
int gmem_directmap_hide_some(struct page *page, unsigned int nr,
			     unsigned int exposed);
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

/* tempmap.c */
void *gmem_tempmap(struct page **pages, unsigned int nr);
void gmem_tempunmap(void *addr);
void gmem_tempmap_flush(void);
int gmem_tempmap_zero(struct page *page, unsigned int nr);
void gmem_tempmap_zero_bytes(struct page *page, unsigned int from,
			     unsigned int to);

/* place.c */
struct gmem_place gmem_place_of_vma(struct vm_area_struct *vma, pgoff_t index);
struct page *gmem_place_alloc(const struct gmem_place *place, gfp_t gfp,
			      unsigned int order);

/* memcg.c */
void gmem_memcg_init(void);
bool gmem_memcg_works(void);
int gmem_memcg_charge(struct page *page, unsigned int nr);
void gmem_memcg_uncharge(struct page *page, unsigned int nr);

/* prepare.c */
struct page *gmem_alloc(unsigned int order, const struct gmem_place *place);
struct page *gmem_prepare(unsigned int order, const struct gmem_place *place);
unsigned int gmem_prepare_blocks(struct page **blocks, unsigned int nr,
				 const struct gmem_place *place);

/* release.c */
void gmem_release_exit(void);
void gmem_release(struct page *page, unsigned int nr, unsigned int hidden);
void gmem_free_pages(struct page *page, unsigned int nr);
void gmem_release_exposed(struct page *page, unsigned int nr);
void gmem_release_clean(struct page **blocks, unsigned int nr);
unsigned int gmem_scrub_blocks(struct page **blocks, unsigned int nr);
void gmem_release_blocks(struct page **blocks, unsigned int nr);
void gmem_quarantine(struct page *page, unsigned int nr, unsigned int hidden);
unsigned long gmem_release_quarantined(void);
unsigned long gmem_release_pinned(void);
bool gmem_has_poison(struct page *page, unsigned int nr);
void gmem_sort_pieces(struct page **pieces, unsigned int nr);
unsigned int gmem_run_length(struct page **pieces, unsigned int nr,
			     unsigned int each);

/* pool.c */
enum gmem_pool_count {
	GMEM_POOL_HITS,		/* blocks taken */
	GMEM_POOL_MISSES,	/* wanted while there was none */
	GMEM_POOL_REFILLS,	/* blocks added from the kernel's memory */
	GMEM_POOL_SCRUBS,	/* blocks zeroed after use, and kept */
	GMEM_POOL_SHRUNK,	/* blocks given up when memory was short */
	GMEM_POOL_COUNTS,
};

int gmem_pool_init(void);
void gmem_pool_exit(void);
struct page *gmem_pool_take(const struct gmem_place *place);
unsigned int gmem_pool_give(struct page **blocks, unsigned int nr, bool dirty);
int gmem_pool_set_low(int node, unsigned long blocks);
int gmem_pool_set_low_all(unsigned long blocks);
unsigned long gmem_pool_low(int node);
unsigned long gmem_pool_clean(int node);
unsigned long gmem_pool_dirty(int node);
unsigned long gmem_pool_counted(enum gmem_pool_count what);

/* block.c */
struct gmem_block *gmem_block_get(struct inode *inode, pgoff_t pgoff);
struct gmem_block *gmem_block_find(struct inode *inode, pgoff_t pgoff);
struct page *gmem_block_page(const struct gmem_block *block, pgoff_t pgoff);
struct page *gmem_block_populate(struct inode *inode, pgoff_t pgoff,
				 const struct gmem_want *want);
void gmem_block_punch(struct inode *inode, pgoff_t first, pgoff_t end);
void gmem_block_evict(struct inode *inode);
void gmem_batch_fill(struct inode *inode, struct gmem_want *want,
		     unsigned int nr);
void gmem_batch_drop(struct gmem_batch *batch);

/* state.c */
bool gmem_state_shared(struct inode *inode, const struct gmem_block *block,
		       unsigned int slot);
bool gmem_state_all(struct inode *inode, const struct gmem_block *block,
		    bool shared);
int gmem_state_need(struct inode *inode, struct gmem_block *block);
void gmem_state_set(struct gmem_block *block, unsigned int from,
		    unsigned int to, bool shared);
void gmem_state_settle(struct inode *inode, struct gmem_block *block);
unsigned long gmem_state_count_shared(struct inode *inode);
bool gmem_state_pinned(struct page *page);
bool gmem_range_valid(struct inode *inode, u64 offset, u64 size);
long gmem_get_state(struct inode *inode, void __user *arg);

/* convert.c */
long gmem_set_attributes(struct file *file, void __user *arg);

/* fallocate.c */
long gmem_fallocate(struct file *file, int mode, loff_t offset, loff_t len);
void gmem_zero_range(struct inode *inode, loff_t start, loff_t end);

/* rw.c */
ssize_t gmem_read_iter(struct kiocb *iocb, struct iov_iter *to);
ssize_t gmem_write_iter(struct kiocb *iocb, struct iov_iter *from);
loff_t gmem_llseek(struct file *file, loff_t offset, int whence);

/* reinsert.c */
void gmem_reinsert_init(void);
bool gmem_reinserts(void);
ssize_t gmem_reinsert_copy(struct inode *inode, struct page **pages,
			   loff_t pos, size_t len, struct iov_iter *iter);

/* guard.c */
int gmem_guard_init(void);
void gmem_guard_exit(void);
int gmem_guard_allows_hiding(void);

/* number.c */
int gmem_parse_number(const char *string, u64 *number);

/* super.c */
int gmem_super_init(void);
void gmem_super_exit(void);
bool gmem_sb_charge(struct super_block *sb, unsigned long nr);
bool gmem_sb_has(struct super_block *sb, unsigned long nr);
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
extern const struct file_operations gmem_shared_operations;

/* view.c */
int gmem_view_mmap(struct file *file, struct vm_area_struct *vma);
struct page *gmem_view_page(struct vm_fault *vmf, struct inode *inode);
vm_fault_t gmem_view_error(struct inode *inode, struct page *page);
bool gmem_view_beyond_end(struct inode *inode, pgoff_t pgoff);

/* sharedview.c */
int gmem_shared_open(struct inode *inode, struct file *file);
long gmem_shared_view(struct file *file);
int gmem_shared_mmap(struct file *file, struct vm_area_struct *vma);
void gmem_shared_view_init(struct gmem_inode *gi);
void gmem_unmap(struct inode *inode, loff_t start, loff_t len);

/* sysfs.c */
int gmem_sysfs_init(void);
void gmem_sysfs_exit(void);

#endif /* GMEMFS_INTERNAL_H */
