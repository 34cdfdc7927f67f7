// SPDX-License-Identifier: GPL-2.0
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../vmm/layout.h"
#include "driver.h"

/* ---- instead of vm.c ---- */

int vm_irq_fd(struct vm *vm, unsigned int irq, int fd)
{
	(void)vm;
	(void)irq;
	(void)fd;
	return 0;
}

int vm_write_fd(struct vm *vm, uint64_t address, uint32_t value, int fd)
{
	(void)vm;
	(void)address;
	(void)value;
	(void)fd;
	return 0;
}

void vm_set_irq(struct vm *vm, unsigned int irq, int level)
{
	(void)vm;
	(void)irq;
	(void)level;
}

bool vm_has_ended(const struct vm *vm)
{
	return __atomic_load_n(&vm->end, __ATOMIC_ACQUIRE) != VM_RUNS;
}

void vm_end(struct vm *vm, enum vm_end end)
{
	(void)vm;
	(void)end;
	abort();
}

static struct warnings warnings;

void driver_machine(struct vm *vm, struct gmem_region *region,
		    uint64_t shared_io)
{
	memset(vm, 0, sizeof(*vm));
	vm->region = region;
	vm->warnings = &warnings;
	guest_init(&vm->guest, region);
	io_pool_init(&vm->io_pool, &vm->guest, shared_io);
	if (guest_open_shared(&vm->guest))
		abort();
}

/* ---- registers ---- */

static uint64_t address_of(unsigned int slot, uint64_t offset)
{
	return VIRTIO_ADDRESS + slot * VIRTIO_STRIDE + offset;
}

void driver_write(struct vm *vm, unsigned int slot, uint64_t offset,
		  uint32_t value)
{
	bus_write(&vm->memory, address_of(slot, offset), &value, sizeof(value));
}

uint32_t driver_read(struct vm *vm, unsigned int slot, uint64_t offset)
{
	uint32_t value;

	bus_read(&vm->memory, address_of(slot, offset), &value, sizeof(value));
	return value;
}

static void write_address(struct vm *vm, unsigned int slot, uint64_t low,
			  uint64_t address)
{
	driver_write(vm, slot, low, address);
	driver_write(vm, slot, low + 4, address >> 32);
}

static void begin_queue(struct vm *vm, unsigned int slot, unsigned int index,
			const struct driver_queue *q)
{
	driver_write(vm, slot, VIRTIO_MMIO_QUEUE_SEL, index);
	driver_write(vm, slot, VIRTIO_MMIO_QUEUE_NUM, q->size);
	write_address(vm, slot, VIRTIO_MMIO_QUEUE_DESC_LOW, q->descriptors);
	write_address(vm, slot, VIRTIO_MMIO_QUEUE_AVAIL_LOW, q->available);
	write_address(vm, slot, VIRTIO_MMIO_QUEUE_USED_LOW, q->used);
	driver_write(vm, slot, VIRTIO_MMIO_QUEUE_READY, 1);
}

#define STARTED		(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)
#define AGREED		(STARTED | VIRTIO_CONFIG_S_FEATURES_OK)
#define RUNS		(AGREED | VIRTIO_CONFIG_S_DRIVER_OK)

void driver_begin(struct vm *vm, unsigned int slot, uint64_t features,
		  const struct driver_queue *queues, unsigned int nr)
{
	driver_reset(vm, slot);
	driver_write(vm, slot, VIRTIO_MMIO_STATUS, STARTED);
	for (unsigned int page = 0; page < 2; page++) {
		driver_write(vm, slot, VIRTIO_MMIO_DRIVER_FEATURES_SEL, page);
		driver_write(vm, slot, VIRTIO_MMIO_DRIVER_FEATURES,
			     features >> 32 * page);
	}
	driver_write(vm, slot, VIRTIO_MMIO_STATUS, AGREED);
	for (unsigned int i = 0; i < nr; i++)
		begin_queue(vm, slot, i, &queues[i]);
	driver_write(vm, slot, VIRTIO_MMIO_STATUS, RUNS);
}

void driver_reset(struct vm *vm, unsigned int slot)
{
	driver_write(vm, slot, VIRTIO_MMIO_STATUS, 0);
}

void driver_kick(struct virtio *v)
{
	uint64_t one = 1;

	if (write(v->kick_fd, &one, sizeof(one)) != sizeof(one))
		abort();
}
