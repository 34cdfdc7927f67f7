// SPDX-License-Identifier: GPL-2.0
/* A spare device of the host, by VFIO: see vfio.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vfio.h"

#define PCI		"/sys/bus/pci"
#define PCI_COMMAND	4
#define PCI_MEMORY	2
#define PCI_MASTER	4

void vfio_die(const char *fmt, ...)
{
	va_list ap;

	printf("Bail out! ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	_exit(1);
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = write(fd, text, strlen(text));
	close(fd);
	return n < 0 ? -1 : 0;
}

static void device_path(char *path, size_t size, const char *address,
			const char *name)
{
	snprintf(path, size, PCI "/devices/%s/%s", address, name);
}

static bool device_has(const char *address, const char *name)
{
	char path[128];

	device_path(path, sizeof(path), address, name);
	return !access(path, F_OK);
}

static int device_write(const char *address, const char *name,
			const char *text)
{
	char path[128];

	device_path(path, sizeof(path), address, name);
	return write_text(path, text);
}

static bool is_given_away(const char *address)
{
	char path[128], target[256] = "";

	device_path(path, sizeof(path), address, "driver");
	return readlink(path, target, sizeof(target) - 1) > 0 &&
	       strstr(target, "/vfio-pci");
}

bool vfio_give_away(const char *address)
{
	if (!device_has(address, "iommu_group") ||
	    system("modprobe vfio-pci"))
		return false;
	if (is_given_away(address))
		return true;
	vfio_must(device_write(address, "driver_override", "vfio-pci"));
	if (device_has(address, "driver"))
		vfio_must(device_write(address, "driver/unbind", address));
	vfio_must(write_text(PCI "/drivers_probe", address));
	if (!is_given_away(address))
		vfio_die("vfio-pci doesn't take %s", address);
	return true;
}

static int open_group(const char *address)
{
	char path[128], target[256] = "", *name;

	device_path(path, sizeof(path), address, "iommu_group");
	vfio_must(readlink(path, target, sizeof(target) - 1));
	name = strrchr(target, '/');
	if (!name)
		vfio_die("%s leads to %s", path, target);
	snprintf(path, sizeof(path), "/dev/vfio/%s", name + 1);
	return vfio_must(open(path, O_RDWR | O_CLOEXEC));
}

static uint64_t region_offset(int device, unsigned int index)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info), .index = index,
	};

	vfio_must(ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info));
	return info.offset;
}

void vfio_open(struct vfio *v, const char *address)
{
	v->container = vfio_must(open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC));
	v->group = open_group(address);
	vfio_must(ioctl(v->group, VFIO_GROUP_SET_CONTAINER, &v->container));
	vfio_must(ioctl(v->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	v->device = vfio_must(ioctl(v->group, VFIO_GROUP_GET_DEVICE_FD,
				    address));
	v->registers = region_offset(v->device, VFIO_PCI_BAR0_REGION_INDEX);
	v->config = region_offset(v->device, VFIO_PCI_CONFIG_REGION_INDEX);
}

/* The container's end: the IOMMU lets go of all memory. */
void vfio_close(struct vfio *v)
{
	close(v->device);
	close(v->group);
	close(v->container);
}

int vfio_map(struct vfio *v, const void *p, uint64_t iova, uint64_t size,
	     uint32_t flags)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .flags = flags,
		.vaddr = (uintptr_t)p, .iova = iova, .size = size,
	};

	return ioctl(v->container, VFIO_IOMMU_MAP_DMA, &map);
}

int vfio_unmap(struct vfio *v, uint64_t iova, uint64_t size)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = iova, .size = size,
	};

	return ioctl(v->container, VFIO_IOMMU_UNMAP_DMA, &unmap);
}

uint32_t vfio_get(struct vfio *v, uint64_t offset)
{
	uint32_t value;

	vfio_must(pread(v->device, &value, sizeof(value),
			v->registers + offset));
	return value;
}

void vfio_set(struct vfio *v, uint64_t offset, uint32_t value)
{
	vfio_must(pwrite(v->device, &value, sizeof(value),
			 v->registers + offset));
}

void vfio_enable(struct vfio *v)
{
	uint16_t command;

	vfio_must(pread(v->device, &command, sizeof(command),
			v->config + PCI_COMMAND));
	command |= PCI_MEMORY | PCI_MASTER;
	vfio_must(pwrite(v->device, &command, sizeof(command),
			 v->config + PCI_COMMAND));
}
