// SPDX-License-Identifier: GPL-2.0
/*
 * File operations of an open file: ioctls and fdinfo are here, the others are
 * in the files that the tables below name.
 *
 * splice(2) and sendfile(2) copy, as read(2) and write(2) do: no page of a file
 * ever gets into a pipe.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <uapi/linux/gmemfs.h>

#include "clone.h"
#include "convert.h"
#include "fallocate.h"
#include "faultchannel.h"
#include "file.h"
#include "gmem_inode.h"
#include "missing.h"
#include "rw.h"
#include "sharedview.h"
#include "state.h"
#include "view.h"

static_assert(sizeof(struct gmem_info) == 128);

static void gmem_fill_info(struct inode *inode, struct gmem_info *info)
{
	struct gmem_census census = gmem_state_count(inode);
	struct gmem_inode *gi = gmem_i(inode);

	info->size = i_size_read(inode);
	info->flags = gi->flags;
	info->populated = atomic_long_read(&gi->populated) << PAGE_SHIFT;
	info->hidden = atomic_long_read(&gi->hidden) << PAGE_SHIFT;
	info->lent = atomic_long_read(&gi->lent) << PAGE_SHIFT;
	info->shared = census.shared << PAGE_SHIFT;
	info->huge = atomic_long_read(&gi->huge) << PAGE_SHIFT;
	info->cloned = atomic_long_read(&gi->common) << PAGE_SHIFT;
	/* At least this file, whatever has changed since the census. */
	info->sharers = info->cloned ? max(census.sharers, 1UL) : 0;
	info->device = census.devices << PAGE_SHIFT;
	info->missing = gmem_missing_count(inode) << PAGE_SHIFT;
	info->map_faults_2m = atomic_long_read(&gi->faults_2m);
	info->map_faults_4k = atomic_long_read(&gi->faults_4k);
}

static long gmem_get_info(struct inode *inode, void __user *arg)
{
	struct gmem_info info;

	if (copy_from_user(&info, arg, sizeof(info)))
		return -EFAULT;
	if (memchr_inv(&info, 0, sizeof(info)))
		return -EINVAL;

	gmem_fill_info(inode, &info);
	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

static long gmem_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case GMEM_GET_INFO:
		return gmem_get_info(file_inode(file), (void __user *)arg);
	case GMEM_SET_ATTRIBUTES:
		return gmem_set_attributes(file, (void __user *)arg);
	case GMEM_GET_STATE:
		return gmem_get_state(file_inode(file), (void __user *)arg);
	case GMEM_SHARED_VIEW:
		return arg ? -EINVAL : gmem_shared_view(file);
	case GMEM_USERFAULT:
		return gmem_userfault(file, (void __user *)arg);
	default:
		return -ENOTTY;
	}
}

static void gmem_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct gmem_info info = {};

	gmem_fill_info(file_inode(file), &info);
	seq_printf(m, "gmem-size:\t%llu kB\n", info.size / SZ_1K);
	seq_printf(m, "gmem-populated:\t%llu kB\n", info.populated / SZ_1K);
	seq_printf(m, "gmem-hidden:\t%llu kB\n", info.hidden / SZ_1K);
	seq_printf(m, "gmem-lent:\t%llu kB\n", info.lent / SZ_1K);
	seq_printf(m, "gmem-shared:\t%llu kB\n", info.shared / SZ_1K);
	seq_printf(m, "gmem-huge:\t%llu kB\n", info.huge / SZ_1K);
	seq_printf(m, "gmem-cloned:\t%llu kB\n", info.cloned / SZ_1K);
	seq_printf(m, "gmem-sharers:\t%llu\n", info.sharers);
	seq_printf(m, "gmem-device:\t%llu kB\n", info.device / SZ_1K);
	seq_printf(m, "gmem-missing:\t%llu kB\n", info.missing / SZ_1K);
	seq_printf(m, "gmem-flags:\t0x%llx\n", info.flags);
}

static const struct file_operations gmem_shared_operations;

/* Called for each open of a file, also of its shared view. */
static int gmem_file_open(struct inode *inode, struct file *file)
{
	if (!gmem_is_shared_view(file))
		return 0;
	replace_fops(file, fops_get(&gmem_shared_operations));
	file->f_mapping = &gmem_i(inode)->shared_view;
	return 0;
}

const struct file_operations gmem_file_operations = {
	.owner			= THIS_MODULE,
	.open			= gmem_file_open,
	.mmap			= gmem_view_mmap,
	.read_iter		= gmem_read_iter,
	.write_iter		= gmem_write_iter,
	.splice_read		= copy_splice_read,
	.splice_write		= iter_file_splice_write,
	.fallocate		= gmem_fallocate,
	.remap_file_range	= gmem_remap_file_range,
	.get_unmapped_area	= thp_get_unmapped_area,
	.unlocked_ioctl		= gmem_ioctl,
	.compat_ioctl		= compat_ptr_ioctl,
	.show_fdinfo		= gmem_show_fdinfo,
	.fsync			= noop_fsync,
	.llseek			= gmem_llseek,
};

/* The same, except that mmap() gives a shared view: see sharedview.c. */
static const struct file_operations gmem_shared_operations = {
	.owner			= THIS_MODULE,
	.mmap			= gmem_shared_mmap,
	.read_iter		= gmem_read_iter,
	.write_iter		= gmem_write_iter,
	.splice_read		= copy_splice_read,
	.splice_write		= iter_file_splice_write,
	.fallocate		= gmem_fallocate,
	.remap_file_range	= gmem_remap_file_range,
	.unlocked_ioctl		= gmem_ioctl,
	.compat_ioctl		= compat_ptr_ioctl,
	.show_fdinfo		= gmem_show_fdinfo,
	.fsync			= noop_fsync,
	.llseek			= gmem_llseek,
};
