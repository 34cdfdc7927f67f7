/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A spare device of the host (hostvm --device), as a process has it by VFIO: a
 * container with the type1 driver, the device's group, the device. All calls
 * end the test where VFIO doesn't do what it always does.
 */
#ifndef DEVICES_VFIO_H
#define DEVICES_VFIO_H

#include <errno.h>
#include <linux/vfio.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define NVME_ADDRESS	"0000:00:10.0"

#define VFIO_RW	(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)

struct vfio {
	int container;
	int group;
	int device;
	uint64_t registers;	/* where @device has them */
	uint64_t config;
};

/* Ends the test. Only its main file can include gmem_test.h. */
__attribute__((format(printf, 1, 2))) _Noreturn void vfio_die(const char *fmt,
							      ...);

/* A call that can't fail. */
#define vfio_must(call) ({ \
	__typeof__(call) must_ret = (call); \
	if ((long)must_ret == -1) \
		vfio_die("%s:%d: %s: %s", __FILE__, __LINE__, #call, \
			 strerror(errno)); \
	must_ret; \
})

/*
 * vfio_give_away - the host's driver loses the device, vfio-pci gets it
 *
 * Return: false if the host has no such device behind an IOMMU, or the kernel
 * no vfio-pci.
 */
bool vfio_give_away(const char *address);

void vfio_open(struct vfio *v, const char *address);
void vfio_close(struct vfio *v);

/* Memory for the device: 0, or -1 and errno. */
int vfio_map(struct vfio *v, const void *p, uint64_t iova, uint64_t size,
	     uint32_t flags);
int vfio_unmap(struct vfio *v, uint64_t iova, uint64_t size);

/* Registers of the first BAR. */
uint32_t vfio_get(struct vfio *v, uint64_t offset);
void vfio_set(struct vfio *v, uint64_t offset, uint32_t value);

/* Lets the device do DMA. */
void vfio_enable(struct vfio *v);

#endif /* DEVICES_VFIO_H */
