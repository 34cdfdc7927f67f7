// SPDX-License-Identifier: GPL-2.0
/*
 * gmemfs: guest memory that is not in the kernel's direct map.
 *
 * Load and unload: unload undoes each step of load, in reverse order.
 */
#include <linux/module.h>

#include "carve.h"
#include "directmap.h"
#include "fault_inject.h"
#include "frametable.h"
#include "giveway.h"
#include "guard.h"
#include "held.h"
#include "inode.h"
#include "lend.h"
#include "mapslot.h"
#include "memcg.h"
#include "orphan.h"
#include "pagearray.h"
#include "poison.h"
#include "pool.h"
#include "power.h"
#include "quarantine.h"
#include "reinsert.h"
#include "super.h"
#include "sysfs.h"
#include "vfio.h"
#include "vms.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/* All memory has been given back, or is lost until the next boot. */
static void gmem_memory_exit(void)
{
	gmem_lend_exit();
	gmem_orphan_exit();
	gmem_held_exit();
	gmem_quarantine_exit();
	gmem_poison_exit();
	gmem_frametable_exit();
}

static int __init gmem_init(void)
{
	int ret;

	gmem_fault_inject_init();
	ret = gmem_directmap_init();
	if (ret)
		return ret;
	gmem_poison_init();
	ret = gmem_slots_init();
	if (ret)
		goto memory_exit;
	ret = gmem_power_init();
	if (ret)
		goto memory_exit;
	ret = gmem_page_array_init();
	if (ret)
		goto power_exit;
	ret = gmem_inode_init();
	if (ret)
		goto page_array_exit;
	ret = gmem_guard_init();
	if (ret)
		goto inode_exit;
	gmem_memcg_init();
	ret = gmem_pool_init();
	if (ret)
		goto guard_exit;
	ret = gmem_carve_init();
	if (ret)
		goto carve_exit;
	ret = gmem_giveway_init();
	if (ret)
		goto carve_exit;
	ret = gmem_vfio_init();
	if (ret)
		goto giveway_exit;
	ret = gmem_sysfs_init();
	if (ret)
		goto vfio_exit;
	ret = gmem_vms_init();
	if (ret)
		goto sysfs_exit;
	ret = gmem_super_init();
	if (ret)
		goto vms_exit;
	gmem_reinsert_init();
	return 0;

vms_exit:
	gmem_vms_exit();
sysfs_exit:
	gmem_sysfs_exit();
vfio_exit:
	gmem_vfio_exit();
giveway_exit:
	gmem_giveway_exit();
carve_exit:
	gmem_carve_exit();
	gmem_pool_exit();
guard_exit:
	gmem_guard_exit();
	gmem_lend_exit();
inode_exit:
	gmem_inode_exit();
page_array_exit:
	gmem_page_array_exit();
power_exit:
	gmem_power_exit();
memory_exit:
	gmem_memory_exit();
	gmem_slots_exit();
	gmem_directmap_exit();
	return ret;
}

static void __exit gmem_exit(void)
{
	gmem_super_exit();
	gmem_vms_exit();
	gmem_sysfs_exit();
	gmem_vfio_exit();
	gmem_giveway_exit();
	gmem_carve_exit();
	gmem_pool_exit();
	gmem_guard_exit();
	gmem_lend_exit();
	gmem_inode_exit();
	gmem_page_array_exit();
	gmem_power_exit();
	gmem_memory_exit();
	gmem_slots_exit();
	gmem_directmap_exit();
}

module_init(gmem_init);
module_exit(gmem_exit);

MODULE_DESCRIPTION("Guest memory that is not in the kernel's direct map");
MODULE_AUTHOR("The gmemfs developers");
MODULE_LICENSE("GPL");
MODULE_VERSION(GMEM_VERSION);
