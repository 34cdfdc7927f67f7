/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Devices of gmemvm's without KVM, and a guest's driver for them: it writes the
 * registers, and the queue into memory.
 */
#ifndef DRIVER_H
#define DRIVER_H

#include <gmem.h>
#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdint.h>

#include "../../vmm/virtio.h"

/* A machine: only its memory and its bus are there. */
void driver_machine(struct vm *vm, struct gmem_region *region,
		    uint64_t shared_io);

/* Registers of the device in a slot. */
void driver_write(struct vm *vm, unsigned int slot, uint64_t offset,
		  uint32_t value);
uint32_t driver_read(struct vm *vm, unsigned int slot, uint64_t offset);

/* Where a queue is, and how long. */
struct driver_queue {
	uint64_t descriptors, available, used;
	uint16_t size;
};

/* Resets the device, agrees on features, and starts queue 0 (to @nr). */
void driver_begin(struct vm *vm, unsigned int slot, uint64_t features,
		  const struct driver_queue *queues, unsigned int nr);
void driver_reset(struct vm *vm, unsigned int slot);

/* As the guest's notification does. */
void driver_kick(struct virtio *virtio);

#endif
