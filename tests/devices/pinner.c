// SPDX-License-Identifier: GPL-2.0
/*
 * A device of VFIO's without an IOMMU, as mediated devices are: its driver gets
 * at the memory that is mapped for it by software. gmem_pinner on the platform
 * bus; its ioctls are in pinner.h. For software.c.
 */
#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/vfio.h>

#include "pinner.h"

/* By the page: the direct map. Return: the byte at @iova, or -errno. */
static long pinner_by_page(struct vfio_device *vdev, unsigned long iova)
{
	struct page *page;
	u8 *at, byte;
	int ret;

	ret = vfio_pin_pages(vdev, iova, 1, IOMMU_READ | IOMMU_WRITE, &page);
	if (ret != 1)
		return ret < 0 ? ret : -EIO;
	at = kmap_local_page(page);
	byte = at[offset_in_page(iova)];
	kunmap_local(at);
	vfio_unpin_pages(vdev, iova, 1);
	return byte;
}

/* By a copy that VFIO makes. Return: as pinner_by_page(). */
static long pinner_by_copy(struct vfio_device *vdev, unsigned long iova)
{
	u8 byte;
	int ret = vfio_dma_rw(vdev, iova, &byte, 1, false);

	return ret ?: byte;
}

static long pinner_ioctl(struct vfio_device *vdev, unsigned int cmd,
			 unsigned long arg)
{
	switch (cmd) {
	case PINNER_BY_PAGE:
		return pinner_by_page(vdev, arg);
	case PINNER_BY_COPY:
		return pinner_by_copy(vdev, arg);
	default:
		return -ENOTTY;
	}
}

static int pinner_open(struct vfio_device *vdev)
{
	return 0;
}

static void pinner_close(struct vfio_device *vdev)
{
}

/* Nothing stays pinned. */
static void pinner_dma_unmap(struct vfio_device *vdev, u64 iova, u64 length)
{
}

static const struct vfio_device_ops pinner_ops = {
	.name		= "gmem_pinner",
	.bind_iommufd	= vfio_iommufd_emulated_bind,
	.unbind_iommufd	= vfio_iommufd_emulated_unbind,
	.attach_ioas	= vfio_iommufd_emulated_attach_ioas,
	.detach_ioas	= vfio_iommufd_emulated_detach_ioas,
	.open_device	= pinner_open,
	.close_device	= pinner_close,
	.ioctl		= pinner_ioctl,
	.dma_unmap	= pinner_dma_unmap,
};

struct pinner {
	struct vfio_device vdev;
};

static int pinner_probe(struct platform_device *pdev)
{
	struct pinner *p = vfio_alloc_device(pinner, vdev, &pdev->dev,
					     &pinner_ops);
	int ret;

	if (IS_ERR(p))
		return PTR_ERR(p);
	platform_set_drvdata(pdev, p);
	ret = vfio_register_emulated_iommu_dev(&p->vdev);
	if (ret)
		vfio_put_device(&p->vdev);
	return ret;
}

static void pinner_remove(struct platform_device *pdev)
{
	struct pinner *p = platform_get_drvdata(pdev);

	vfio_unregister_group_dev(&p->vdev);
	vfio_put_device(&p->vdev);
}

static struct platform_driver pinner_driver = {
	.probe	= pinner_probe,
	.remove	= pinner_remove,
	.driver	= { .name = PINNER },
};

static struct platform_device *pinner_device;

static int __init pinner_init(void)
{
	int ret = platform_driver_register(&pinner_driver);

	if (ret)
		return ret;
	pinner_device = platform_device_register_simple(PINNER,
							PLATFORM_DEVID_NONE,
							NULL, 0);
	if (!IS_ERR(pinner_device))
		return 0;
	platform_driver_unregister(&pinner_driver);
	return PTR_ERR(pinner_device);
}

static void __exit pinner_exit(void)
{
	platform_device_unregister(pinner_device);
	platform_driver_unregister(&pinner_driver);
}

module_init(pinner_init);
module_exit(pinner_exit);

MODULE_DESCRIPTION("A device that accesses memory of VFIO's users by software");
MODULE_LICENSE("GPL");
