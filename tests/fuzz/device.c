// SPDX-License-Identifier: GPL-2.0
/*
 * Memory for a device, by VFIO: a container that a spare disk of the host's is
 * in, and the model of what it has. The disk does nothing: what counts is that
 * its pages are pinned, and stay so when their file gives them up.
 */
#include "fuzz.h"

#include "../devices/vfio.h"

#define IOVA	0x40000000UL

static struct vfio vfio;
static bool there_is_one;

/* Before there are workers, which all have it. */
bool open_device(void)
{
	there_is_one = vfio_give_away(NVME_ADDRESS);
	if (there_is_one)
		vfio_open(&vfio, NVME_ADDRESS);
	return there_is_one;
}

/* Whatever any worker has mapped, and lived to unmap or not. */
void unmap_device(void)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .flags = VFIO_DMA_UNMAP_FLAG_ALL,
	};

	if (there_is_one)
		must_do(ioctl(vfio.container, VFIO_IOMMU_UNMAP_DMA, &unmap));
}

/* ---- by a worker ---- */

static uint64_t iova_of_order(void)
{
	return IOVA + order->dma * SIZE;
}

long obey_dma_map(void)
{
	return vfio_map(&vfio, worker_view() + order->offset, iova_of_order(),
			order->size, VFIO_RW) ? -errno : 0;
}

long obey_dma_unmap(void)
{
	return vfio_unmap(&vfio, iova_of_order(), SIZE) ? -errno : 0;
}

/* ---- the model ---- */

/* How often devices have a page of the file. */
int devices_of(long page)
{
	int i, n = 0;

	for (i = 0; i < DMAS; i++)
		n += model.dmas[i].there[page];
	return n;
}

/* Has a device memory that the file has given up? */
bool has_lost_memory(void)
{
	int i;

	for (i = 0; i < DMAS; i++)
		if (model.dmas[i].on && model.dmas[i].lost)
			return true;
	return false;
}

/* The file gives up pages. What devices have of them, they keep. */
void lose_device_pages(long offset, long size)
{
	long first = (offset + PAGE_BYTES - 1) / PAGE_BYTES;
	long end = (offset + size) / PAGE_BYTES, page;
	int i;

	for (i = 0; i < DMAS; i++) {
		struct dma *d = &model.dmas[i];

		for (page = first; page < end; page++) {
			d->lost |= d->there[page];
			d->there[page] = false;
		}
	}
}

/* By the guest view, all pages; by the shared view, shared ones. */
static bool is_pinnable(long page)
{
	if (page >= pages_of_file())
		return false;
	switch (model.views[order->worker][page]) {
	case VIEW_GUEST:
		return true;
	case VIEW_SHARED:
		return model.shared[page];
	default:
		return false;
	}
}

bool check_dma_map(void)
{
	long first = order->offset / PAGE_BYTES, page;
	long end = first + order->size / PAGE_BYTES;

	for (page = first; page < end && is_pinnable(page); page++)
		;
	if (page < end)
		return order->result == -EFAULT ||
		       wrong("what can't be pinned is");
	if (order->result)
		return wrong("should work");
	model.dmas[order->dma].on = true;
	for (page = first; page < end; page++)
		model.dmas[order->dma].there[page] = true;
	return true;
}

bool check_dma_unmap(void)
{
	memset(&model.dmas[order->dma], 0, sizeof(model.dmas[0]));
	return check_works();
}
