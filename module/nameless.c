// SPDX-License-Identifier: GPL-2.0
/*
 * Nameless files: the clones behind private mappings. view.c maps such a file
 * shared, in place of the one that a program maps with MAP_PRIVATE. Nobody else
 * has it, so this mapping alone sees what is written to it; and its copies are
 * hidden, as all memory of a file.
 *
 * The file is made within mmap(), under mmap_lock. So the VFS isn't asked to
 * open it: that would take locks that come before mmap_lock. It counts in
 * nr_inodes=, and what is copied, in size=.
 */
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mount.h>

#include <uapi/linux/gmemfs.h>

#include "clone.h"
#include "fallocate.h"
#include "gmem_inode.h"
#include "inode.h"
#include "nameless.h"

/* What it has can't be converted, so nothing of it is shared from the start. */
#define GMEM_NAMELESS_FLAGS	(GMEM_FLAG_KEEP_DIRECT_MAP | \
				 GMEM_FLAG_NO_HUGE | GMEM_FLAG_HUGE_ONLY)

static struct inode *gmem_nameless_inode(struct inode *from)
{
	struct inode *inode = gmem_inode_new(from->i_sb, NULL, S_IFREG | 0600,
					     0);

	if (IS_ERR(inode))
		return inode;
	gmem_i(inode)->flags = gmem_i(from)->flags & GMEM_NAMELESS_FLAGS;
	/* As O_TMPFILE, but linkat() can't give it a name. */
	clear_nlink(inode);
	return inode;
}

/*
 * What the kernel asks of a mapping's file: for madvise(MADV_REMOVE), mremap()
 * and msync(). There is no mmap(): the file has the one mapping that it is made
 * for. remap_file_pages() would make it one that fork() gives to a child.
 */
static const struct file_operations gmem_nameless_operations = {
	.owner			= THIS_MODULE,
	.fallocate		= gmem_fallocate,
	.get_unmapped_area	= thp_get_unmapped_area,
	.fsync			= noop_fsync,
};

/* An open file of an inode, whose reference it takes over; or an ERR_PTR. */
static struct file *gmem_nameless_open(struct inode *inode,
				       struct vfsmount *mnt)
{
	/* As open() does; fput() drops it. */
	const struct file_operations *ops = fops_get(&gmem_nameless_operations);
	struct file *file = ERR_PTR(-ENODEV);

	if (ops)
		file = alloc_file_pseudo(inode, mnt, "gmem_private",
					 O_RDWR | O_LARGEFILE, ops);
	if (!IS_ERR(file))
		return file;
	fops_put(ops);
	iput(inode);
	return file;
}

/**
 * gmem_nameless_clone - make a file that has a part of another one
 * @file: the other file
 * @first: first page
 * @nr: how many pages; at the same place in both files
 *
 * Return: the file, open for reading and writing, or an ERR_PTR: -ENOMEM, also
 * over a limit of the mount; -EINTR; -EIO for a memory error.
 */
struct file *gmem_nameless_clone(struct file *file, pgoff_t first,
				 unsigned long nr)
{
	struct inode *from = file_inode(file);
	struct inode *to = gmem_nameless_inode(from);
	struct file *clone;
	int ret;

	if (IS_ERR(to))
		return ERR_PTR(-ENOMEM);
	clone = gmem_nameless_open(to, file->f_path.mnt);
	if (IS_ERR(clone))
		return ERR_PTR(-ENOMEM);
	ret = gmem_clone_for_mapping(from, to, first, nr);
	if (!ret)
		return clone;
	fput(clone);
	return ERR_PTR(ret == -ENOSPC ? -ENOMEM : ret);
}
