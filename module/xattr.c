// SPDX-License-Identifier: GPL-2.0
/*
 * Extended attributes: each inode has a list of names and values. The kernel
 * has such a store, but doesn't export it to modules.
 *
 * The VFS decides who may read and write which name. It writes under the
 * inode's i_rwsem and reads without. The list's own lock is for the readers.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/xattr.h>

#include "charge.h"
#include "fault_inject.h"
#include "gmem_inode.h"
#include "xattr.h"

/* Limit for one inode: names, values and the structs for them, in bytes. */
#define GMEM_XATTR_MAX	SZ_64K

struct gmem_xattr {
	struct list_head list;
	size_t size;
	char *value;	/* follows the name */
	char name[];
};

static size_t gmem_xattr_bytes(const char *name, size_t size)
{
	return sizeof(struct gmem_xattr) + strlen(name) + 1 + size;
}

static size_t gmem_xattr_cost(const struct gmem_xattr *xattr)
{
	return xattr ? gmem_xattr_bytes(xattr->name, xattr->size) : 0;
}

static struct gmem_xattr *gmem_xattr_new(const char *name, const void *value,
					 size_t size)
{
	size_t length = strlen(name) + 1;
	struct gmem_xattr *xattr;

	if (gmem_fault_inject(GMEM_FAIL_ALLOC_XATTR))
		return NULL;
	xattr = kvmalloc(gmem_xattr_bytes(name, size), GFP_KERNEL_ACCOUNT);
	if (!xattr)
		return NULL;

	xattr->size = size;
	xattr->value = xattr->name + length;
	memcpy(xattr->name, name, length);
	memcpy(xattr->value, value, size);
	return xattr;
}

static struct gmem_xattr *gmem_xattr_find(struct gmem_inode *gi,
					  const char *name)
{
	struct gmem_xattr *xattr;

	list_for_each_entry(xattr, &gi->xattrs, list)
		if (!strcmp(xattr->name, name))
			return xattr;
	return NULL;
}

static int gmem_xattr_get(const struct xattr_handler *handler,
			  struct dentry *unused, struct inode *inode,
			  const char *suffix, void *buffer, size_t size)
{
	struct gmem_inode *gi = gmem_i(inode);
	struct gmem_xattr *xattr;
	int ret = -ENODATA;

	read_lock(&gi->xattr_lock);
	xattr = gmem_xattr_find(gi, xattr_full_name(handler, suffix));
	if (xattr) {
		ret = xattr->size;
		if (buffer && xattr->size > size)
			ret = -ERANGE;
		else if (buffer)
			memcpy(buffer, xattr->value, xattr->size);
	}
	read_unlock(&gi->xattr_lock);
	return ret;
}

/*
 * Called under xattr_lock. @old and @new are both NULL if a name is removed
 * that doesn't exist.
 */
static int gmem_xattr_exchange(struct gmem_inode *gi, struct gmem_xattr *old,
			       struct gmem_xattr *new, int flags)
{
	size_t cost = gmem_xattr_cost(new), freed = gmem_xattr_cost(old);
	size_t bytes = gi->xattr_bytes - freed + cost;
	int ret = 0;

	if (old && flags & XATTR_CREATE)
		return -EEXIST;
	if (!old && flags & XATTR_REPLACE)
		return -ENODATA;
	if (new && bytes > GMEM_XATTR_MAX)
		return -ENOSPC;
	if (cost > freed)
		ret = gmem_charge_bookkeeping(&gi->vfs, cost - freed);
	else
		gmem_uncharge_bookkeeping(&gi->vfs, freed - cost);
	if (ret)
		return ret;

	if (old)
		list_del(&old->list);
	if (new)
		list_add_tail(&new->list, &gi->xattrs);
	gi->xattr_bytes = bytes;
	return 0;
}

static int gmem_xattr_replace(struct inode *inode, const char *name,
			      struct gmem_xattr *new, int flags)
{
	struct gmem_inode *gi = gmem_i(inode);
	struct gmem_xattr *old;
	int ret;

	write_lock(&gi->xattr_lock);
	old = gmem_xattr_find(gi, name);
	ret = gmem_xattr_exchange(gi, old, new, flags);
	write_unlock(&gi->xattr_lock);

	kvfree(ret ? new : old);
	return ret;
}

/* Without a value: remove the attribute. */
static int gmem_xattr_set(const struct xattr_handler *handler,
			  struct mnt_idmap *idmap, struct dentry *unused,
			  struct inode *inode, const char *suffix,
			  const void *value, size_t size, int flags)
{
	const char *name = xattr_full_name(handler, suffix);
	struct gmem_xattr *new = NULL;
	int ret;

	if (value) {
		new = gmem_xattr_new(name, value, size);
		if (!new)
			return -ENOMEM;
	}
	ret = gmem_xattr_replace(inode, name, new, flags);
	if (!ret)
		inode_set_ctime_current(inode);
	return ret;
}

static const struct xattr_handler gmem_xattr_security = {
	.prefix	= XATTR_SECURITY_PREFIX,
	.get	= gmem_xattr_get,
	.set	= gmem_xattr_set,
};

static const struct xattr_handler gmem_xattr_trusted = {
	.prefix	= XATTR_TRUSTED_PREFIX,
	.get	= gmem_xattr_get,
	.set	= gmem_xattr_set,
};

static const struct xattr_handler gmem_xattr_user = {
	.prefix	= XATTR_USER_PREFIX,
	.get	= gmem_xattr_get,
	.set	= gmem_xattr_set,
};

const struct xattr_handler * const gmem_xattr_handlers[] = {
	&gmem_xattr_security,
	&gmem_xattr_trusted,
	&gmem_xattr_user,
	NULL
};

/* Lists names with their NULs. Without a buffer: returns the size it needs. */
ssize_t gmem_xattr_list(struct dentry *dentry, char *buffer, size_t size)
{
	bool trusted = ns_capable_noaudit(&init_user_ns, CAP_SYS_ADMIN);
	struct gmem_inode *gi = gmem_i(d_inode(dentry));
	struct gmem_xattr *xattr;
	ssize_t used = 0;

	read_lock(&gi->xattr_lock);
	list_for_each_entry(xattr, &gi->xattrs, list) {
		const char *name = xattr->name;
		size_t length = strlen(name) + 1;

		if (!trusted && strstarts(name, XATTR_TRUSTED_PREFIX))
			continue;
		if (buffer && used + length > size) {
			used = -ERANGE;
			break;
		}
		if (buffer)
			memcpy(buffer + used, name, length);
		used += length;
	}
	read_unlock(&gi->xattr_lock);
	return used;
}

/* Store the labels that the security modules give a new inode. */
static int gmem_xattr_init_labels(struct inode *inode,
				  const struct xattr *labels, void *unused)
{
	for (; labels->name; labels++) {
		struct gmem_xattr *xattr;
		char *name;
		int ret;

		name = kasprintf(GFP_KERNEL, "%s%s", XATTR_SECURITY_PREFIX,
				 labels->name);
		if (!name)
			return -ENOMEM;
		xattr = gmem_xattr_new(name, labels->value, labels->value_len);
		ret = xattr ? gmem_xattr_replace(inode, name, xattr, 0)
			    : -ENOMEM;
		kfree(name);
		if (ret)
			return ret;
	}
	return 0;
}

/**
 * gmem_xattr_init_security - label a new inode
 * @inode: the inode, which nobody else has yet
 * @dir: the directory it is made in
 * @name: its name there, or NULL
 *
 * Return: 0; or an errno: then the inode must not be used.
 */
int gmem_xattr_init_security(struct inode *inode, struct inode *dir,
			     const struct qstr *name)
{
	if (gmem_fault_inject(GMEM_FAIL_LABEL))
		return -ENOMEM;
	return security_inode_init_security(inode, dir, name,
					    gmem_xattr_init_labels, NULL);
}

/* The inode is being freed: no lock. */
void gmem_xattr_free(struct inode *inode)
{
	struct gmem_inode *gi = gmem_i(inode);
	struct gmem_xattr *xattr, *next;

	list_for_each_entry_safe(xattr, next, &gi->xattrs, list)
		kvfree(xattr);
}
