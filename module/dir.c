// SPDX-License-Identifier: GPL-2.0
/*
 * Names: what can be done in a directory: create, link, rename, remove, and
 * GMEM_CREATE, which makes a file without a name.
 *
 * As in every file system without a disk, the dentries are the directory: a
 * dentry with an inode stays in the dcache until the name is removed
 * (gmem_make_persistent()).
 *
 * The VFS holds the i_rwsem of each directory that a function here changes.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <uapi/linux/gmemfs.h>

#include "charge.h"
#include "compat.h"
#include "dir.h"
#include "fault_inject.h"
#include "gmem_inode.h"
#include "inode.h"
#include "xattr.h"

static_assert(sizeof(struct gmem_create) == 64);

#define GMEM_CREATE_FLAGS	(GMEM_FLAG_INIT_SHARED | \
				 GMEM_FLAG_ZERO_ON_CONVERT | \
				 GMEM_FLAG_KEEP_DIRECT_MAP | \
				 GMEM_FLAG_NO_HUGE | GMEM_FLAG_HUGE_ONLY)

static void gmem_dir_changed(struct inode *dir)
{
	inode_set_mtime_to_ts(dir, inode_set_ctime_current(dir));
}

/* Takes over the caller's reference to @inode, which may be an ERR_PTR. */
static int gmem_add_name(struct inode *dir, struct dentry *dentry,
			 struct inode *inode)
{
	int ret;

	if (IS_ERR(inode))
		return PTR_ERR(inode);

	ret = gmem_xattr_init_security(inode, dir, &dentry->d_name);
	if (ret) {
		iput(inode);
		return ret;
	}
	gmem_make_persistent(dentry, inode);
	gmem_dir_changed(dir);
	return 0;
}

static int gmem_mknod(struct mnt_idmap *idmap, struct inode *dir,
		      struct dentry *dentry, umode_t mode, dev_t dev)
{
	return gmem_add_name(dir, dentry,
			     gmem_inode_new(dir->i_sb, dir, mode, dev));
}

static int gmem_create(struct mnt_idmap *idmap, struct inode *dir,
		       struct dentry *dentry, GMEM_CREATE_MODE)
{
	return gmem_mknod(idmap, dir, dentry, mode | S_IFREG, 0);
}

static GMEM_MKDIR_RETURNS gmem_mkdir(struct mnt_idmap *idmap,
				     struct inode *dir, struct dentry *dentry,
				     umode_t mode)
{
	int ret = gmem_mknod(idmap, dir, dentry, mode | S_IFDIR, 0);

	if (!ret)
		inc_nlink(dir);		/* the new dir's ".." */
	return gmem_mkdir_result(ret);
}

static int gmem_symlink(struct mnt_idmap *idmap, struct inode *dir,
			struct dentry *dentry, const char *target)
{
	return gmem_add_name(dir, dentry,
			     gmem_inode_new_symlink(dir->i_sb, dir, target));
}

static int gmem_tmpfile(struct mnt_idmap *idmap, struct inode *dir,
			struct file *file, umode_t mode)
{
	struct inode *inode = gmem_inode_new(dir->i_sb, dir, mode, 0);
	int ret;

	if (IS_ERR(inode))
		return finish_open_simple(file, PTR_ERR(inode));

	ret = gmem_xattr_init_security(inode, dir, NULL);
	if (ret)
		iput(inode);
	else
		d_tmpfile(file, inode);
	return finish_open_simple(file, ret);
}

/*
 * A name takes kernel memory as an inode does. So nr_inodes= counts each name
 * but the first, which is counted with the inode, even if it gets that name
 * later.
 */
static int gmem_link(struct dentry *old, struct inode *dir,
		     struct dentry *dentry)
{
	if (d_inode(old)->i_nlink && gmem_sb_charge_inode(dir->i_sb))
		return -ENOSPC;
	return simple_link(old, dir, dentry);
}

/* Does the inode keep another name when this one is removed? */
static bool gmem_is_spare_name(struct dentry *dentry)
{
	return d_really_is_positive(dentry) && !d_is_dir(dentry) &&
	       d_inode(dentry)->i_nlink > 1;
}

static int gmem_unlink(struct inode *dir, struct dentry *dentry)
{
	if (gmem_is_spare_name(dentry))
		gmem_sb_uncharge_inode(dir->i_sb);
	return simple_unlink(dir, dentry);
}

static int gmem_rename(struct mnt_idmap *idmap, struct inode *old_dir,
		       struct dentry *old_dentry, struct inode *new_dir,
		       struct dentry *new_dentry, unsigned int flags)
{
	bool spare = !(flags & RENAME_EXCHANGE) &&
		     gmem_is_spare_name(new_dentry);
	int ret;

	ret = simple_rename(idmap, old_dir, old_dentry, new_dir, new_dentry,
			    flags);
	if (!ret && spare)
		gmem_sb_uncharge_inode(new_dir->i_sb);
	return ret;
}

const struct inode_operations gmem_dir_inode_operations = {
	.create		= gmem_create,
	.tmpfile	= gmem_tmpfile,
	.lookup		= simple_lookup,
	.link		= gmem_link,
	.unlink		= gmem_unlink,
	.symlink	= gmem_symlink,
	.mkdir		= gmem_mkdir,
	.rmdir		= simple_rmdir,
	.mknod		= gmem_mknod,
	.rename		= gmem_rename,
	.listxattr	= gmem_xattr_list,
};

/* ---- GMEM_CREATE ---- */

static int gmem_check_create(struct inode *dir,
			     const struct gmem_create *create)
{
	const u64 sizes = GMEM_FLAG_NO_HUGE | GMEM_FLAG_HUGE_ONLY;

	if (create->flags & ~GMEM_CREATE_FLAGS ||
	    (create->flags & sizes) == sizes ||
	    memchr_inv(create->reserved, 0, sizeof(create->reserved)))
		return -EINVAL;
	return create->size > dir->i_sb->s_maxbytes ? -EFBIG : 0;
}

/*
 * Nobody else has the file, except a fanotify listener that was told of the
 * open. Flags must not change once the file has memory, and memory is added
 * only under the invalidate_lock.
 */
static int gmem_init_created(struct inode *inode,
			     const struct gmem_create *create)
{
	int ret;

	if (gmem_fault_inject(GMEM_FAIL_CREATE))
		return -ENOMEM;

	inode_lock(inode);
	ret = inode_newsize_ok(inode, create->size);
	if (ret)
		goto unlock;

	filemap_invalidate_lock(inode->i_mapping);
	if (i_size_read(inode) || inode->i_blocks) {
		ret = -EBUSY;
	} else {
		gmem_i(inode)->flags = create->flags;
		i_size_write(inode, create->size);
	}
	filemap_invalidate_unlock(inode->i_mapping);
unlock:
	inode_unlock(inode);
	return ret;
}

/*
 * The VFS opens the file as for O_TMPFILE in this directory: with the same
 * checks, and charged to the caller's limits.
 */
static struct file *gmem_open_created(struct file *dir,
				      const struct gmem_create *create)
{
	struct file *file;
	int ret;

	file = file_open_root(&dir->f_path, "",
			      O_TMPFILE | O_RDWR | O_LARGEFILE, 0600);
	if (IS_ERR(file))
		return file;

	ret = gmem_init_created(file_inode(file), create);
	if (ret) {
		fput(file);
		return ERR_PTR(ret);
	}
	return file;
}

static int gmem_dir_create(struct file *dir, void __user *arg)
{
	struct gmem_create create;
	struct file *file;
	int ret, fd;

	if (copy_from_user(&create, arg, sizeof(create)))
		return -EFAULT;
	ret = gmem_check_create(file_inode(dir), &create);
	if (ret)
		return ret;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;

	file = gmem_open_created(dir, &create);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	fd_install(fd, file);
	return fd;
}

static long gmem_dir_ioctl(struct file *file, unsigned int cmd,
			   unsigned long arg)
{
	switch (cmd) {
	case GMEM_CREATE:
		return gmem_dir_create(file, (void __user *)arg);
	default:
		return -ENOTTY;
	}
}

const struct file_operations gmem_dir_operations = {
	.owner		= THIS_MODULE,
	.open		= dcache_dir_open,
	.release	= dcache_dir_close,
	.llseek		= dcache_dir_lseek,
	.read		= generic_read_dir,
	.iterate_shared	= dcache_readdir,
	.unlocked_ioctl	= gmem_dir_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.fsync		= noop_fsync,
};
