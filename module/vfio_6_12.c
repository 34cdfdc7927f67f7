// SPDX-License-Identifier: GPL-2.0
/*
 * VFIO's type1 driver of Linux 6.12: vaddr_get_pfns() gets an array for the
 * pages, which has room for as many as are asked for.
 */
#include <linux/version.h>
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)

#include <linux/mm.h>
#include <linux/static_call.h>

#include "hook.h"
#include "layout.h"
#include "vfio.h"

static const struct gmem_layout vfio_layouts[] = {
	GMEM_PROTOTYPE_LAST(vaddr_get_pfns, 6, page, 2),
	GMEM_PROTOTYPE(vfio_iommu_type1_ioctl, 3),
	GMEM_PROTOTYPE(vfio_iommu_type1_attach_group, 3),
};

const struct gmem_layouts gmem_vfio_layouts = {
	.who = "vfio",
	.module = "vfio_iommu_type1",
	.landmark = "vaddr_get_pfns",
	.of = vfio_layouts,
	.nr = ARRAY_SIZE(vfio_layouts),
};

/* It is static in the driver. */
int vaddr_get_pfns(struct mm_struct *mm, unsigned long vaddr, long npages,
		   int prot, unsigned long *pfn, struct page **pages);

DEFINE_STATIC_CALL_NULL(vfio_get_pfns, vaddr_get_pfns);

static int gmem_vaddr_get_pfns(struct mm_struct *mm, unsigned long vaddr,
			       long npages, int prot, unsigned long *pfn,
			       struct page **pages)
{
	int token = gmem_hook_enter(&gmem_vfio_hooks);
	int ret = gmem_vfio_pin(mm, vaddr, npages, prot, pages);

	if (ret > 0)
		*pfn = page_to_pfn(pages[0]);
	else if (!ret)
		ret = static_call(vfio_get_pfns)(mm, vaddr, npages, prot, pfn,
						 pages);
	gmem_hook_leave(&gmem_vfio_hooks, token);
	return ret;
}

struct gmem_hook gmem_vfio_get_pfns_hook =
	GMEM_HOOK(vaddr_get_pfns, gmem_vaddr_get_pfns, vfio_get_pfns);

#endif
