// SPDX-License-Identifier: GPL-2.0
/*
 * Mounts: options, limits, statfs.
 */
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/statfs.h>

#include <uapi/linux/gmemfs.h>

#include "compat.h"
#include "gmem_sb.h"
#include "inode.h"
#include "number.h"
#include "ops.h"
#include "refusal.h"
#include "super.h"
#include "units.h"
#include "xattr.h"

enum {
	OPT_SIZE, OPT_NR_INODES, OPT_MODE, OPT_UID, OPT_GID, OPT_HUGE,
	OPT_DIRECT_MAP, OPT_INIT, OPT_ZERO_ON_CONVERT, OPT_STATFS, OPT_COW
};

#define GMEM_HUGE_FLAGS	(GMEM_FLAG_NO_HUGE | GMEM_FLAG_HUGE_ONLY)

/* The values are the flags that new files get. */
static const struct constant_table gmem_huge_values[] = {
	{ "try",	0 },
	{ "never",	GMEM_FLAG_NO_HUGE },
	{ "always",	GMEM_FLAG_HUGE_ONLY },
	{}
};

static const struct constant_table gmem_direct_map_values[] = {
	{ "hidden",	0 },
	{ "kept",	GMEM_FLAG_KEEP_DIRECT_MAP },
	{}
};

/* The values are for gmem_sb.like_hugetlbfs. */
static const struct constant_table gmem_statfs_values[] = {
	{ "gmemfs",	false },
	{ "hugetlbfs",	true },
	{}
};

static const struct constant_table gmem_init_values[] = {
	{ "private",	0 },
	{ "shared",	GMEM_FLAG_INIT_SHARED },
	{}
};

static const struct constant_table gmem_zero_values[] = {
	{ "no",		0 },
	{ "yes",	GMEM_FLAG_ZERO_ON_CONVERT },
	{}
};

static const struct constant_table gmem_cow_values[] = {
	{ "auto",	GMEM_COW_AUTO },
	{ "page",	GMEM_COW_PAGE },
	{ "block",	GMEM_COW_BLOCK },
	{}
};

static const struct fs_parameter_spec gmem_parameters[] = {
	fsparam_string("size",		OPT_SIZE),
	fsparam_string("nr_inodes",	OPT_NR_INODES),
	fsparam_u32oct("mode",		OPT_MODE),
	fsparam_uid("uid",		OPT_UID),
	fsparam_gid("gid",		OPT_GID),
	fsparam_enum("huge",		OPT_HUGE, gmem_huge_values),
	fsparam_enum("direct_map",	OPT_DIRECT_MAP, gmem_direct_map_values),
	fsparam_enum("statfs",		OPT_STATFS, gmem_statfs_values),
	fsparam_enum("init",		OPT_INIT, gmem_init_values),
	fsparam_enum("zero_on_convert",	OPT_ZERO_ON_CONVERT, gmem_zero_values),
	fsparam_enum("cow",		OPT_COW, gmem_cow_values),
	{}
};

/*
 * Bytes, or a percentage of the host's memory. Rounded up to pages, as in
 * tmpfs. 0 is no limit.
 */
static int gmem_parse_size(struct fs_context *fc, char *string)
{
	struct gmem_sb *sbi = fc->s_fs_info;
	char *percent = strchr(string, '%');
	unsigned int share;
	u64 bytes;

	if (percent && !percent[1]) {
		*percent = '\0';
		if (kstrtouint(string, 10, &share) || share > 100)
			return invalf(fc, "gmemfs: bad size=%s%%; give a share of the host's memory of at most 100%%",
				      string);
		sbi->limit = mult_frac(totalram_pages(), share, 100);
		return 0;
	}
	if (gmem_parse_number(string, &bytes) || bytes > MAX_LFS_FILESIZE)
		return invalf(fc, "gmemfs: bad size=%s; give bytes (with k, m, g or t) or a percentage, for example size=8g or size=50%%",
			      string);
	sbi->limit = DIV_ROUND_UP(bytes, PAGE_SIZE);
	return 0;
}

/* 0 is no limit. */
static int gmem_parse_nr_inodes(struct fs_context *fc, const char *string)
{
	struct gmem_sb *sbi = fc->s_fs_info;
	u64 number;

	if (!*string || gmem_parse_number(string, &number) || number > LONG_MAX)
		return invalf(fc, "gmemfs: bad nr_inodes=%s; give how many files and directories there may be (with k, m, g or t), for example nr_inodes=10k, or 0 for no limit",
			      string);
	sbi->inode_limit = number;
	return 0;
}

static int gmem_parse_param(struct fs_context *fc, struct fs_parameter *param)
{
	struct gmem_sb *sbi = fc->s_fs_info;
	struct fs_parse_result result;
	int opt;

	opt = fs_parse(fc, gmem_parameters, param, &result);
	switch (opt) {
	case OPT_SIZE:
		return gmem_parse_size(fc, param->string);
	case OPT_NR_INODES:
		return gmem_parse_nr_inodes(fc, param->string);
	case OPT_MODE:
		if (result.uint_32 & ~07777)
			return invalf(fc, "gmemfs: bad mode=%o; give permission bits, at most 7777",
				      result.uint_32);
		sbi->mode = result.uint_32;
		return 0;
	case OPT_UID:
		sbi->uid = result.uid;
		return 0;
	case OPT_GID:
		sbi->gid = result.gid;
		return 0;
	case OPT_HUGE:
		sbi->file_flags &= ~GMEM_HUGE_FLAGS;
		sbi->file_flags |= result.uint_32;
		return 0;
	case OPT_DIRECT_MAP:
		sbi->file_flags &= ~GMEM_FLAG_KEEP_DIRECT_MAP;
		sbi->file_flags |= result.uint_32;
		return 0;
	case OPT_STATFS:
		sbi->like_hugetlbfs = result.uint_32;
		return 0;
	case OPT_INIT:
		sbi->file_flags &= ~GMEM_FLAG_INIT_SHARED;
		sbi->file_flags |= result.uint_32;
		return 0;
	case OPT_ZERO_ON_CONVERT:
		sbi->file_flags &= ~GMEM_FLAG_ZERO_ON_CONVERT;
		sbi->file_flags |= result.uint_32;
		return 0;
	case OPT_COW:
		sbi->cow = result.uint_32;
		return 0;
	default:
		return opt;
	}
}

/*
 * QEMU and others take a file's page size from statfs(), if that reports
 * hugetlbfs. Otherwise they assume 4 KiB, and that memory also has to be given
 * back by madvise(MADV_DONTNEED), which the kernel refuses here.
 */
static void gmem_statfs_like_hugetlbfs(struct kstatfs *buf)
{
	buf->f_type = HUGETLBFS_MAGIC;
	buf->f_bsize = GMEM_BLOCK_SIZE;
	buf->f_blocks /= GMEM_BLOCK_PAGES;
	buf->f_bfree /= GMEM_BLOCK_PAGES;
	buf->f_bavail = buf->f_bfree;
}

/* Without a limit there is no free space to report: all 0, as in tmpfs. */
static int gmem_statfs(struct dentry *dentry, struct kstatfs *buf)
{
	struct gmem_sb *sbi = gmem_sb(dentry->d_sb);
	unsigned long used = atomic_long_read(&sbi->used);
	unsigned long limit = READ_ONCE(sbi->limit);
	unsigned long inodes = atomic_long_read(&sbi->inodes);
	unsigned long inode_limit = READ_ONCE(sbi->inode_limit);

	simple_statfs(dentry, buf);
	buf->f_type = GMEMFS_MAGIC;
	if (limit) {
		buf->f_blocks = limit;
		buf->f_bfree = limit - min(used, limit);
		buf->f_bavail = buf->f_bfree;
	}
	if (inode_limit) {
		buf->f_files = inode_limit;
		buf->f_ffree = inode_limit - min(inodes, inode_limit);
	}
	if (sbi->like_hugetlbfs)
		gmem_statfs_like_hugetlbfs(buf);
	return 0;
}

static const char *gmem_huge_name(u64 flags)
{
	if (flags & GMEM_FLAG_NO_HUGE)
		return "never";
	return flags & GMEM_FLAG_HUGE_ONLY ? "always" : "try";
}

static const char *gmem_cow_name(enum gmem_cow cow)
{
	return cow == GMEM_COW_PAGE ? "page" : "block";
}

static int gmem_show_options(struct seq_file *m, struct dentry *root)
{
	struct gmem_sb *sbi = gmem_sb(root->d_sb);

	if (sbi->limit)
		seq_printf(m, ",size=%luk", sbi->limit << (PAGE_SHIFT - 10));
	if (sbi->inode_limit)
		seq_printf(m, ",nr_inodes=%lu", sbi->inode_limit);
	seq_printf(m, ",mode=%03o", sbi->mode);
	if (!uid_eq(sbi->uid, GLOBAL_ROOT_UID))
		seq_printf(m, ",uid=%u",
			   from_kuid_munged(&init_user_ns, sbi->uid));
	if (!gid_eq(sbi->gid, GLOBAL_ROOT_GID))
		seq_printf(m, ",gid=%u",
			   from_kgid_munged(&init_user_ns, sbi->gid));
	seq_printf(m, ",huge=%s", gmem_huge_name(sbi->file_flags));
	seq_printf(m, ",direct_map=%s",
		   sbi->file_flags & GMEM_FLAG_KEEP_DIRECT_MAP ? "kept"
							       : "hidden");
	if (sbi->file_flags & GMEM_FLAG_INIT_SHARED)
		seq_puts(m, ",init=shared");
	if (sbi->file_flags & GMEM_FLAG_ZERO_ON_CONVERT)
		seq_puts(m, ",zero_on_convert=yes");
	if (sbi->like_hugetlbfs)
		seq_puts(m, ",statfs=hugetlbfs");
	if (sbi->cow != GMEM_COW_AUTO)
		seq_printf(m, ",cow=%s", gmem_cow_name(sbi->cow));
	return 0;
}

static const struct super_operations gmem_super_operations = {
	.alloc_inode	= gmem_inode_alloc,
	.free_inode	= gmem_inode_free,
	.evict_inode	= gmem_inode_evict,
	.drop_inode	= inode_just_drop,
	.statfs		= gmem_statfs,
	.show_options	= gmem_show_options,
};

static int gmem_fill_super(struct super_block *sb, struct fs_context *fc)
{
	struct gmem_sb *sbi = gmem_sb(sb);	/* moved there from @fc */
	struct inode *root;

	/* The end of the last block still fits into loff_t. */
	sb->s_maxbytes = round_down(MAX_LFS_FILESIZE, GMEM_BLOCK_SIZE);
	sb->s_blocksize = PAGE_SIZE;
	sb->s_blocksize_bits = PAGE_SHIFT;
	sb->s_magic = GMEMFS_MAGIC;
	sb->s_op = &gmem_super_operations;
	sb->s_xattr = gmem_xattr_handlers;
	sb->s_time_gran = 1;

	sbi->refusals = gmem_refusals_new();
	if (!sbi->refusals)
		return -ENOMEM;
	root = gmem_inode_new(sb, NULL, S_IFDIR | sbi->mode, 0);
	if (IS_ERR(root))
		return PTR_ERR(root);
	root->i_uid = sbi->uid;
	root->i_gid = sbi->gid;

	sb->s_root = d_make_root(root);
	return sb->s_root ? 0 : -ENOMEM;
}

/*
 * A remount can change the limits, but not to another that is less than in use.
 * The other options wouldn't affect files that exist already, so they can't be
 * changed.
 */
static int gmem_reconfigure(struct fs_context *fc)
{
	struct gmem_sb *sbi = gmem_sb(fc->root->d_sb);
	struct gmem_sb *new = fc->s_fs_info;
	unsigned long used = atomic_long_read(&sbi->used);
	unsigned long inodes = atomic_long_read(&sbi->inodes);

	if (new->file_flags != sbi->file_flags || new->mode != sbi->mode ||
	    new->like_hugetlbfs != sbi->like_hugetlbfs ||
	    new->cow != sbi->cow ||
	    !uid_eq(new->uid, sbi->uid) || !gid_eq(new->gid, sbi->gid))
		return invalf(fc, "gmemfs: a remount can only change size= and nr_inodes=; to change other options, unmount and mount again");
	if (new->limit && new->limit != sbi->limit && new->limit < used)
		return invalf(fc, "gmemfs: size= is less than the %lu KiB in use; remove files first",
			      used << (PAGE_SHIFT - 10));
	if (new->inode_limit && new->inode_limit != sbi->inode_limit &&
	    new->inode_limit < inodes)
		return invalf(fc, "gmemfs: nr_inodes= is less than the %lu in use; remove files first",
			      inodes);
	WRITE_ONCE(sbi->limit, new->limit);
	WRITE_ONCE(sbi->inode_limit, new->inode_limit);
	return 0;
}

static int gmem_get_tree(struct fs_context *fc)
{
	return get_tree_nodev(fc, gmem_fill_super);
}

static void gmem_free_fc(struct fs_context *fc)
{
	kfree(fc->s_fs_info);	/* NULL once a super block has it */
}

static const struct fs_context_operations gmem_context_operations = {
	.parse_param	= gmem_parse_param,
	.get_tree	= gmem_get_tree,
	.reconfigure	= gmem_reconfigure,
	.free		= gmem_free_fc,
};

/*
 * Defaults: half of the host's memory, as in tmpfs, because memory in here
 * can't be swapped; as many inodes as that has pages; and only root can make
 * files until the administrator says otherwise.
 */
static int gmem_init_fs_context(struct fs_context *fc)
{
	struct gmem_sb *sbi = kzalloc(sizeof(*sbi), GFP_KERNEL);

	if (!sbi)
		return -ENOMEM;
	fc->s_fs_info = sbi;
	fc->ops = &gmem_context_operations;
	if (fc->purpose == FS_CONTEXT_FOR_RECONFIGURE) {
		*sbi = *gmem_sb(fc->root->d_sb);
		return 0;
	}
	sbi->limit = totalram_pages() / 2;
	sbi->inode_limit = sbi->limit;
	sbi->set_operations = gmem_set_operations;
	sbi->mode = 0755;
	sbi->uid = GLOBAL_ROOT_UID;
	sbi->gid = GLOBAL_ROOT_GID;
	return 0;
}

static void gmem_kill_sb(struct super_block *sb)
{
	gmem_kill_tree(sb);
	gmem_refusals_free(gmem_sb(sb)->refusals);
	kfree(gmem_sb(sb));
}

static struct file_system_type gmem_fs_type = {
	.owner			= THIS_MODULE,
	.name			= "gmemfs",
	.init_fs_context	= gmem_init_fs_context,
	.parameters		= gmem_parameters,
	.kill_sb		= gmem_kill_sb,
};
MODULE_ALIAS_FS("gmemfs");

int __init gmem_super_init(void)
{
	return register_filesystem(&gmem_fs_type);
}

void gmem_super_exit(void)
{
	unregister_filesystem(&gmem_fs_type);
}
