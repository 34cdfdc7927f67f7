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

/* How often the device has a page of the file. */
int devices_of(long page)
{
	const struct dma *d;
	int n = 0;

	for (d = model->dmas; d < model->dmas + DMAS; d++)
		n += file == &model->files[d->file] && d->there[page];
	return n;
}

/* Of some of these bytes? */
bool has_devices(long offset, long size)
{
	long page = offset / PAGE, end = (offset + size + PAGE - 1) / PAGE;

	for (; page < end; page++)
		if (devices_of(page))
			return true;
	return false;
}

/* Has the device memory that is none of the files' (any more)? */
bool has_lost_memory(void)
{
	int i;

	for (i = 0; i < DMAS; i++)
		if (model->dmas[i].on && model->dmas[i].lost)
			return true;
	return false;
}

/* The file gives up pages. What the device has of them, it keeps. */
void lose_device_pages(long offset, long size)
{
	long first = (offset + PAGE_BYTES - 1) / PAGE_BYTES;
	long end = (offset + size) / PAGE_BYTES, page;
	struct dma *d;

	for (d = model->dmas; d < model->dmas + DMAS; d++) {
		if (file != &model->files[d->file])
			continue;
		for (page = first; page < end; page++) {
			d->lost |= d->there[page];
			d->there[page] = false;
		}
	}
}

/* ---- what a map must answer ---- */

static enum view view_of(long page)
{
	return model->views[order->worker][page];
}

/* By the guest view, all pages; by the shared view, shared ones. */
static bool is_pinnable(long page)
{
	switch (view_of(page)) {
	case VIEW_GUEST:
		return page < pages_of_file();
	case VIEW_SHARED:
		return page < pages_of_file() && file->shared[page];
	case VIEW_PRIVATE:
		return private_has(order->worker, page);
	default:
		return false;
	}
}

/* A page that others have, too, is copied for the device. */
static void note_pinned(long first, long end)
{
	long page;

	note_places(order->offset, order->size);
	for (page = first; page < end; page++)
		if (view_of(page) != VIEW_PRIVATE)
			note_own(page * PAGE_BYTES, PAGE_BYTES);
}

bool check_dma_map(void)
{
	struct dma *d = &model->dmas[order->dma];
	long first = order->offset / PAGE_BYTES, page;
	long end = first + order->size / PAGE_BYTES;

	for (page = first; page < end && is_pinnable(page); page++)
		;
	note_pinned(first, page);
	if (page < end)
		return order->result == -EFAULT ||
		       wrong("what can't be pinned is");
	if (order->result)
		return wrong("should work");
	d->on = true;
	d->file = order->file;
	for (page = first; page < end; page++) {
		d->there[page] = view_of(page) != VIEW_PRIVATE;
		d->lost |= !d->there[page];
	}
	return true;
}

bool check_dma_unmap(void)
{
	memset(&model->dmas[order->dma], 0, sizeof(model->dmas[0]));
	return check_works();
}
