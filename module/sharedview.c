// SPDX-License-Identifier: GPL-2.0
/*
 * The shared view: mappings in which the shared pages of a file are ordinary
 * pages, for get_user_pages() and everything built on it, and in which private
 * pages give SIGBUS.
 *
 * The shared view is a second open file on the same inode. Its mappings are
 * listed in an address_space of its own, and those of the guest view in the
 * inode's. So pages that become private can be unmapped here while the guest
 * view keeps them mapped.
 *
 * The shared view has a dentry of its own, by which open() (file.c) recognises
 * it: opening /proc/PID/fd/N of a shared view gives a shared view. So programs
 * that take memory only by path can use it.
 *
 * Page table entries are made under the file's invalidate_lock, held shared.
 * Each mapping has a reference to the page. convert.c holds the lock
 * exclusively.
 */
#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pagemap.h>

#include "block.h"
#include "faults.h"
#include "frame.h"
#include "gmem_inode.h"
#include "guard.h"
#include "missing.h"
#include "pageword.h"
#include "sharedview.h"
#include "state.h"
#include "units.h"
#include "view.h"

/*
 * A page that is wanted shared may still be hidden, because its block got its
 * memory as a whole. The caller holds the invalidate_lock, so no conversion
 * runs.
 */
static int gmem_expose_wanted(struct inode *inode, struct page *page)
{
	int ret = 0;

	if (!(gmem_page_reasons(page) & (GMEM_WANTED | GMEM_KEPT)))
		ret = gmem_frame_expose(page, 1, GMEM_WANTED, inode);
	if (!ret)
		gmem_frame_note_seen(page);
	return ret;
}

/* Sets @missing to the file's channel, with a reference, if the page is. */
static vm_fault_t gmem_shared_insert(struct vm_fault *vmf, struct inode *inode,
				     struct gmem_channel **missing)
{
	struct gmem_block *block = gmem_block_find(inode, vmf->pgoff);
	struct page *page;
	int ret;

	if (gmem_view_refuses(vmf->vma) ||
	    gmem_beyond_end(inode, vmf->pgoff) ||
	    !gmem_state_shared(inode, block, vmf->pgoff % GMEM_BLOCK_PAGES))
		return VM_FAULT_SIGBUS;

	page = gmem_view_page(vmf, inode);
	if (page == ERR_PTR(GMEM_MISSING)) {
		*missing = gmem_channel_get(inode);
		return 0;
	}
	if (IS_ERR(page))
		return gmem_view_error(inode, page);
	ret = gmem_expose_wanted(inode, page);
	if (ret)
		return gmem_view_error(inode, ERR_PTR(ret));
	ret = vm_insert_page(vmf->vma, vmf->address, page);
	/* -EBUSY: another thread's fault was first. */
	return ret && ret != -EBUSY ? vmf_error(ret) : VM_FAULT_NOPAGE;
}

static vm_fault_t gmem_shared_fault(struct vm_fault *vmf)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	struct gmem_channel *missing = NULL;
	vm_fault_t ret;

	filemap_invalidate_lock_shared(inode->i_mapping);
	ret = gmem_shared_insert(vmf, inode, &missing);
	filemap_invalidate_unlock_shared(inode->i_mapping);
	return missing ? gmem_faults_wait(vmf, missing) : ret;
}

static const struct vm_operations_struct gmem_shared_view_ops = {
	.fault	= gmem_shared_fault,
};

int gmem_shared_mmap(struct file *file, struct vm_area_struct *vma)
{
	u64 flags = gmem_i(file_inode(file))->flags;
	int ret;

	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (!(flags & GMEM_FLAG_KEEP_DIRECT_MAP)) {
		ret = gmem_guard_allows_sharing(file_inode(file));
		if (ret)
			return ret;
	}

	file_accessed(file);
	vm_flags_set(vma, VM_MIXEDMAP | VM_DONTDUMP);
	vma->vm_ops = &gmem_shared_view_ops;
	return 0;
}

/* ---- opening a shared view ---- */

/* A shared view's dentry has this address in its d_fsdata. */
static char shared_mark;

/*
 * The dentry is in no directory: /proc/PID/fd and maps show it as a deleted
 * file, as they show an O_TMPFILE. It is freed with its last user.
 */
static struct dentry *gmem_shared_dentry(struct inode *inode)
{
	struct dentry *dentry;
	char name[48];

	snprintf(name, sizeof(name), "gmem_shared_view:[%llu]",
		 (unsigned long long)inode->i_ino);
	dentry = d_alloc_name(inode->i_sb->s_root, name);
	if (!dentry)
		return ERR_PTR(-ENOMEM);
	dentry->d_fsdata = &shared_mark;
	ihold(inode);
	d_instantiate(dentry, inode);
	return dentry;
}

/* gmem_is_shared_view - is this an open file of a shared view? */
bool gmem_is_shared_view(const struct file *file)
{
	return file->f_path.dentry->d_fsdata == &shared_mark;
}

static struct file *gmem_shared_file(struct file *file)
{
	int flags = (file->f_mode & FMODE_WRITE ? O_RDWR : O_RDONLY) |
		    O_LARGEFILE;
	struct path path = {
		.mnt = file->f_path.mnt,
		.dentry = gmem_shared_dentry(file_inode(file)),
	};
	struct file *view;

	if (IS_ERR(path.dentry))
		return ERR_CAST(path.dentry);
	view = dentry_open(&path, flags, current_cred());
	dput(path.dentry);
	return view;
}

/**
 * gmem_shared_view - GMEM_SHARED_VIEW: open the shared view of a file
 * @file: the file
 *
 * Return: a file descriptor, with the access that @file has, or an errno.
 */
long gmem_shared_view(struct file *file)
{
	struct file *view;
	int fd;

	/* A descriptor can be mapped, and a mapping can be read. */
	if (!(file->f_mode & FMODE_READ))
		return -EBADF;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	view = gmem_shared_file(file);
	if (IS_ERR(view)) {
		put_unused_fd(fd);
		return PTR_ERR(view);
	}
	fd_install(fd, view);
	return fd;
}

/* For a new inode; gmem_inode_init_once() has set what doesn't change. */
void gmem_shared_view_init(struct gmem_inode *gi)
{
	struct address_space *mapping = &gi->shared_view;

	mapping->a_ops = &empty_aops;
	mapping->host = &gi->vfs;
	mapping->flags = 0;
	atomic_set(&mapping->i_mmap_writable, 0);
	mapping_set_gfp_mask(mapping, GFP_HIGHUSER);
}
