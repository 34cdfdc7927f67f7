// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/fs/gmemfs: what the module holds, over all mounts. In bytes.
 */
#include <linux/fs.h>
#include <linux/kobject.h>
#include <linux/sysfs.h>

#include "internal.h"
#include "lend.h"

static struct kobject *gmem_kobj;

static ssize_t hidden_bytes_show(struct kobject *kobj,
				 struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lu\n", gmem_directmap_hidden() << PAGE_SHIFT);
}

static ssize_t lent_bytes_show(struct kobject *kobj,
			       struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lu\n", gmem_lend_pages() << PAGE_SHIFT);
}

static ssize_t loans_show(struct kobject *kobj, struct kobj_attribute *attr,
			  char *buf)
{
	return sysfs_emit(buf, "%lu\n", gmem_lend_total());
}

static ssize_t quarantined_bytes_show(struct kobject *kobj,
				      struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lu\n",
			  gmem_block_quarantined() << PAGE_SHIFT);
}

static ssize_t direct_map_method_show(struct kobject *kobj,
				      struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", gmem_directmap_method());
}

static struct kobj_attribute hidden_bytes_attr = __ATTR_RO(hidden_bytes);
static struct kobj_attribute lent_bytes_attr = __ATTR_RO(lent_bytes);
static struct kobj_attribute loans_attr = __ATTR_RO(loans);
static struct kobj_attribute quarantined_bytes_attr =
	__ATTR_RO(quarantined_bytes);
static struct kobj_attribute direct_map_method_attr =
	__ATTR_RO(direct_map_method);

static struct attribute *gmem_attrs[] = {
	&hidden_bytes_attr.attr,
	&lent_bytes_attr.attr,
	&loans_attr.attr,
	&quarantined_bytes_attr.attr,
	&direct_map_method_attr.attr,
	NULL
};

static const struct attribute_group gmem_attr_group = {
	.attrs = gmem_attrs,
};

int __init gmem_sysfs_init(void)
{
	int ret;

	gmem_kobj = kobject_create_and_add("gmemfs", fs_kobj);
	if (!gmem_kobj)
		return -ENOMEM;
	ret = sysfs_create_group(gmem_kobj, &gmem_attr_group);
	if (ret)
		kobject_put(gmem_kobj);
	return ret;
}

void gmem_sysfs_exit(void)
{
	kobject_put(gmem_kobj);
}
