// SPDX-License-Identifier: GPL-2.0
/* /sys/fs/gmemfs: what the module holds, over all mounts, in bytes. */
#include <linux/fs.h>
#include <linux/kobject.h>
#include <linux/nodemask.h>
#include <linux/sysfs.h>

#include <uapi/linux/gmemfs.h>

#include "device.h"
#include "directmap.h"
#include "held.h"
#include "hiding.h"
#include "lend.h"
#include "orphan.h"
#include "pageword.h"
#include "pool.h"
#include "quarantine.h"
#include "spare.h"
#include "sysfs.h"
#include "units.h"
#include "vfio.h"

static struct kobject *gmem_kobj;

static unsigned long gmem_sum_of_nodes(unsigned long (*get)(int node))
{
	unsigned long sum = 0;
	int node;

	/* Also of nodes whose memory has left: they may have a watermark. */
	for_each_node(node)
		sum += get(node);
	return sum;
}

static ssize_t hidden_bytes_show(struct kobject *kobj,
				 struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lu\n", gmem_hiding_pages() << PAGE_SHIFT);
}

static ssize_t lent_bytes_show(struct kobject *kobj,
			       struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lu\n", gmem_frame_lent_pages() << PAGE_SHIFT);
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
			  gmem_quarantined_pages() << PAGE_SHIFT);
}

static ssize_t pinned_bytes_show(struct kobject *kobj,
				 struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lu\n",
			  (gmem_held_pages() + gmem_orphan_pages())
			  << PAGE_SHIFT);
}

static ssize_t device_bytes_show(struct kobject *kobj,
				 struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lu\n", gmem_device_pages() << PAGE_SHIFT);
}

static ssize_t vfio_show(struct kobject *kobj, struct kobj_attribute *attr,
			 char *buf)
{
	return sysfs_emit(buf, "%s\n", gmem_vfio_state());
}

static ssize_t spare_bytes_show(struct kobject *kobj,
				struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lu\n",
			  gmem_sum_of_nodes(gmem_spare_pages) << PAGE_SHIFT);
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
static struct kobj_attribute pinned_bytes_attr = __ATTR_RO(pinned_bytes);
static struct kobj_attribute device_bytes_attr = __ATTR_RO(device_bytes);
static struct kobj_attribute vfio_attr = __ATTR_RO(vfio);
static struct kobj_attribute spare_bytes_attr = __ATTR_RO(spare_bytes);
static struct kobj_attribute direct_map_method_attr =
	__ATTR_RO(direct_map_method);

static struct attribute *gmem_attrs[] = {
	&hidden_bytes_attr.attr,
	&lent_bytes_attr.attr,
	&loans_attr.attr,
	&quarantined_bytes_attr.attr,
	&pinned_bytes_attr.attr,
	&device_bytes_attr.attr,
	&vfio_attr.attr,
	&spare_bytes_attr.attr,
	&direct_map_method_attr.attr,
	NULL
};

static const struct attribute_group gmem_attr_group = {
	.attrs = gmem_attrs,
};

/* ---- /sys/fs/gmemfs/pool: the sum of all nodes, and counters ---- */

static ssize_t gmem_emit_blocks(char *buf, unsigned long blocks)
{
	return sysfs_emit(buf, "%llu\n", (u64)blocks * GMEM_BLOCK_SIZE);
}

/* Bytes, rounded up to blocks. */
static int gmem_parse_blocks(const char *buf, unsigned long *blocks)
{
	u64 bytes;
	int ret = kstrtou64(buf, 10, &bytes);

	if (!ret)
		*blocks = gmem_bytes_to_blocks(bytes);
	return ret;
}

static ssize_t low_bytes_show(struct kobject *kobj,
			      struct kobj_attribute *attr, char *buf)
{
	return gmem_emit_blocks(buf, gmem_sum_of_nodes(gmem_pool_low));
}

static ssize_t low_bytes_store(struct kobject *kobj,
			       struct kobj_attribute *attr, const char *buf,
			       size_t len)
{
	unsigned long blocks;
	int ret = gmem_parse_blocks(buf, &blocks) ?:
		  gmem_pool_set_low_all(blocks);

	return ret ?: len;
}

static ssize_t free_bytes_show(struct kobject *kobj,
			       struct kobj_attribute *attr, char *buf)
{
	return gmem_emit_blocks(buf, gmem_sum_of_nodes(gmem_pool_clean));
}

static ssize_t dirty_bytes_show(struct kobject *kobj,
				struct kobj_attribute *attr, char *buf)
{
	return gmem_emit_blocks(buf, gmem_sum_of_nodes(gmem_pool_dirty));
}

static struct kobj_attribute low_bytes_attr = __ATTR_RW(low_bytes);
static struct kobj_attribute free_bytes_attr = __ATTR_RO(free_bytes);
static struct kobj_attribute dirty_bytes_attr = __ATTR_RO(dirty_bytes);

#define GMEM_POOL_COUNT_ATTR(name, what) \
static ssize_t name##_show(struct kobject *kobj, struct kobj_attribute *attr, \
			   char *buf) \
{ \
	return sysfs_emit(buf, "%lu\n", gmem_pool_counted(what)); \
} \
static struct kobj_attribute name##_attr = __ATTR_RO(name)

GMEM_POOL_COUNT_ATTR(hits, GMEM_POOL_HITS);
GMEM_POOL_COUNT_ATTR(misses, GMEM_POOL_MISSES);
GMEM_POOL_COUNT_ATTR(refills, GMEM_POOL_REFILLS);
GMEM_POOL_COUNT_ATTR(scrubs, GMEM_POOL_SCRUBS);
GMEM_POOL_COUNT_ATTR(shrunk, GMEM_POOL_SHRUNK);

static struct attribute *gmem_pool_attrs[] = {
	&low_bytes_attr.attr,
	&free_bytes_attr.attr,
	&dirty_bytes_attr.attr,
	&hits_attr.attr,
	&misses_attr.attr,
	&refills_attr.attr,
	&scrubs_attr.attr,
	&shrunk_attr.attr,
	NULL
};

static const struct attribute_group gmem_pool_attr_group = {
	.name = "pool",
	.attrs = gmem_pool_attrs,
};

/* ---- /sys/fs/gmemfs/nodeN: one node's pool ---- */

static struct kobject *gmem_node_kobjs[MAX_NUMNODES];

static int gmem_node_of(struct kobject *kobj)
{
	int node;

	for_each_node(node)
		if (gmem_node_kobjs[node] == kobj)
			return node;
	return NUMA_NO_NODE;
}

static ssize_t node_low_show(struct kobject *kobj, struct kobj_attribute *attr,
			     char *buf)
{
	return gmem_emit_blocks(buf, gmem_pool_low(gmem_node_of(kobj)));
}

static ssize_t node_low_store(struct kobject *kobj,
			      struct kobj_attribute *attr, const char *buf,
			      size_t len)
{
	unsigned long blocks;
	int ret = gmem_parse_blocks(buf, &blocks) ?:
		  gmem_pool_set_low(gmem_node_of(kobj), blocks);

	return ret ?: len;
}

static ssize_t node_free_show(struct kobject *kobj,
			      struct kobj_attribute *attr, char *buf)
{
	return gmem_emit_blocks(buf, gmem_pool_clean(gmem_node_of(kobj)));
}

static ssize_t node_dirty_show(struct kobject *kobj,
			       struct kobj_attribute *attr, char *buf)
{
	return gmem_emit_blocks(buf, gmem_pool_dirty(gmem_node_of(kobj)));
}

static struct kobj_attribute node_low_attr =
	__ATTR(low_bytes, 0644, node_low_show, node_low_store);
static struct kobj_attribute node_free_attr =
	__ATTR(free_bytes, 0444, node_free_show, NULL);
static struct kobj_attribute node_dirty_attr =
	__ATTR(dirty_bytes, 0444, node_dirty_show, NULL);

static struct attribute *gmem_node_attrs[] = {
	&node_low_attr.attr,
	&node_free_attr.attr,
	&node_dirty_attr.attr,
	NULL
};

static const struct attribute_group gmem_node_attr_group = {
	.attrs = gmem_node_attrs,
};

static int gmem_sysfs_add_node(int node)
{
	char name[16];

	snprintf(name, sizeof(name), "node%d", node);
	gmem_node_kobjs[node] = kobject_create_and_add(name, gmem_kobj);
	if (!gmem_node_kobjs[node])
		return -ENOMEM;
	return sysfs_create_group(gmem_node_kobjs[node],
				  &gmem_node_attr_group);
}

static void gmem_sysfs_remove_nodes(void)
{
	int node;

	for_each_node(node) {
		kobject_put(gmem_node_kobjs[node]);
		gmem_node_kobjs[node] = NULL;
	}
}

static int gmem_sysfs_fill(void)
{
	int node, ret;

	ret = sysfs_create_group(gmem_kobj, &gmem_attr_group) ?:
	      sysfs_create_group(gmem_kobj, &gmem_pool_attr_group);
	if (ret)
		return ret;
	for_each_node_state(node, N_MEMORY) {
		ret = gmem_sysfs_add_node(node);
		if (ret)
			break;
	}
	return ret;
}

int __init gmem_sysfs_init(void)
{
	int ret;

	gmem_kobj = kobject_create_and_add("gmemfs", fs_kobj);
	if (!gmem_kobj)
		return -ENOMEM;
	ret = gmem_sysfs_fill();
	if (ret)
		gmem_sysfs_exit();
	return ret;
}

void gmem_sysfs_exit(void)
{
	gmem_sysfs_remove_nodes();
	kobject_put(gmem_kobj);
}
