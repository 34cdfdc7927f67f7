/* SPDX-License-Identifier: GPL-2.0 */
/* What the tests of this suite in C share. */
#ifndef DEVICES_DEVICES_H
#define DEVICES_DEVICES_H

#include "../module/gmem_test.h"

#include "nvme.h"

/* Where files are mapped for the device: 0xfee00000 and more is not free. */
#define DATA_IOVA	0x40000000UL

static inline uint8_t page_state(int fd, long page)
{
	uint8_t byte;
	struct gmem_state get = {
		.offset = page * PAGE, .size = PAGE,
		.states = (uintptr_t)&byte,
	};

	must(ioctl(fd, GMEM_GET_STATE, &get));
	return byte;
}

/* How many pages have all of @all and none of @none in their states? */
static inline long count_states(int fd, uint8_t all, uint8_t none)
{
	long pages = get_info(fd).size / PAGE, page, count = 0;

	for (page = 0; page < pages; page++) {
		uint8_t state = page_state(fd, page);

		count += (state & all) == all && !(state & none);
	}
	return count;
}

/* From memory at @iova to the disk, or back. All of it must work. */
static inline void transfer(struct nvme *n, bool write, uint64_t iova,
			    uint64_t at, uint64_t size)
{
	uint64_t done, part;
	int status;

	for (done = 0; done < size; done += part) {
		part = size - done < NVME_MOST ? size - done : NVME_MOST;
		status = nvme_io(n, write, iova + done,
				 (at + done) / NVME_SECTOR, part);
		if (status)
			bail_out("%s at %#lx: status %#x",
				 write ? "write" : "read", iova + done, status);
	}
}

static inline void open_disk(struct nvme *n)
{
	if (!vfio_give_away(NVME_ADDRESS))
		skip_all("no NVMe disk behind an IOMMU, or no vfio-pci");
	vfio_open(&n->v, NVME_ADDRESS);
	nvme_open(n);
}

static inline void close_disk(struct nvme *n)
{
	vfio_close(&n->v);
	munmap(n->memory, 5 * PAGE);
}

#endif /* DEVICES_DEVICES_H */
