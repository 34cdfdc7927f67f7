// SPDX-License-Identifier: GPL-2.0
/*
 * VFIO's type1 driver since Linux 6.15: vaddr_get_pfns() gets the driver's
 * struct of a batch of pages, and fills it in if there are pages. It may be
 * asked for more than the batch has room for.
 */
#include <linux/version.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)

#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/static_call.h>

#include "hook.h"
#include "layout.h"
#include "vfio.h"

/* A copy: the driver declares it in its .c file. */
struct vfio_batch {
	struct page **pages;
	struct page *fallback_page;
	unsigned int capacity;
	unsigned int size;
	unsigned int offset;
};

static const struct gmem_member batch_members[] = {
	GMEM_MEMBER(struct vfio_batch, pages),
	GMEM_MEMBER(struct vfio_batch, fallback_page),
	GMEM_MEMBER(struct vfio_batch, capacity),
	GMEM_MEMBER(struct vfio_batch, size),
	GMEM_MEMBER(struct vfio_batch, offset),
};

static const struct gmem_layout vfio_layouts[] = {
	GMEM_LAYOUT_PRIVATE(vfio_batch, batch_members),
	GMEM_PROTOTYPE_LAST(vaddr_get_pfns, 6, vfio_batch, 1),
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
long vaddr_get_pfns(struct mm_struct *mm, unsigned long vaddr,
		    unsigned long npages, int prot, unsigned long *pfn,
		    struct vfio_batch *batch);

DEFINE_STATIC_CALL_NULL(vfio_get_pfns, vaddr_get_pfns);

static long gmem_vaddr_get_pfns(struct mm_struct *mm, unsigned long vaddr,
				unsigned long npages, int prot,
				unsigned long *pfn, struct vfio_batch *batch)
{
	int token = gmem_hook_enter(&gmem_vfio_hooks);
	long ret = gmem_vfio_pin(mm, vaddr,
				 min_t(unsigned long, npages, batch->capacity),
				 prot, batch->pages);

	if (ret > 0) {
		batch->size = ret;
		batch->offset = 0;
		*pfn = page_to_pfn(batch->pages[0]);
	} else if (!ret) {
		ret = static_call(vfio_get_pfns)(mm, vaddr, npages, prot, pfn,
						 batch);
	}
	gmem_hook_leave(&gmem_vfio_hooks, token);
	return ret;
}

struct gmem_hook gmem_vfio_get_pfns_hook =
	GMEM_HOOK(vaddr_get_pfns, gmem_vaddr_get_pfns, vfio_get_pfns);

#endif
