/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A driver for the NVMe disk that a process has by VFIO: reads and writes, one
 * after the other, from and to memory that is mapped for the device. It polls.
 */
#ifndef DEVICES_NVME_H
#define DEVICES_NVME_H

#include <stdbool.h>
#include <stdint.h>

#include "vfio.h"

#define NVME_SECTOR	512
#define NVME_MOST	(64 * 4096)	/* of one command */

/* The queues are in ordinary memory, mapped here. Data goes elsewhere. */
#define NVME_IOVA	0x100000UL

struct nvme_queue {
	volatile uint32_t *commands;	/* of 16 words */
	volatile uint32_t *answers;	/* of 4 words */
	uint64_t iova;			/* of the commands; answers follow */
	unsigned int id;
	unsigned int tail;
	unsigned int head;
	bool phase;
};

struct nvme {
	struct vfio v;
	unsigned int stride;
	char *memory;
	struct nvme_queue admin;
	struct nvme_queue io;
};

/* nvme_open - @n->v is open; all else is set up here */
void nvme_open(struct nvme *n);

/*
 * nvme_io - a command, until the disk has answered
 * @write: to the disk, from @iova
 * @iova: a whole page
 * @sector: where on the disk
 * @size: whole pages, NVME_MOST at most
 *
 * Return: the status of the command, 0 if all is well.
 */
int nvme_io(struct nvme *n, bool write, uint64_t iova, uint64_t sector,
	    uint32_t size);

#endif /* DEVICES_NVME_H */
