// SPDX-License-Identifier: GPL-2.0
/* The ports for power-off and reset. */
#include "layout.h"
#include "power.h"

/* ---- ACPI's sleep control and sleep status registers ---- */

#define SLEEP_CONTROL	0
#define SLEEP_ENABLE	(1U << 5)
#define SLEEP_TYPE(v)	((v) >> 2 & 7)

static uint64_t read_sleep(void *device, uint64_t offset, unsigned int size)
{
	(void)device;
	(void)offset;
	(void)size;
	return 0;
}

static void write_sleep(void *device, uint64_t offset, unsigned int size,
			uint64_t value)
{
	(void)size;
	if (offset == SLEEP_CONTROL && value & SLEEP_ENABLE &&
	    SLEEP_TYPE(value) == SLEEP_TYPE_OFF)
		vm_end(device, VM_POWERED_OFF);
}

/* ---- the keyboard controller: only its reset line ---- */

static uint64_t read_i8042(void *device, uint64_t offset, unsigned int size)
{
	(void)device;
	(void)offset;
	(void)size;
	return 0;
}

static void write_i8042(void *device, uint64_t offset, unsigned int size,
			uint64_t value)
{
	(void)offset;
	(void)size;
	if (value == I8042_RESET)
		vm_end(device, VM_RESET);
}

int power_add(struct vm *vm)
{
	struct bus_range sleep = {
		.first = SLEEP_PORT, .size = SLEEP_PORTS, .device = vm,
		.read = read_sleep, .write = write_sleep,
	};
	struct bus_range i8042 = {
		.first = I8042_PORT, .size = 1, .device = vm,
		.read = read_i8042, .write = write_i8042,
	};

	if (bus_add(&vm->ports, &sleep))
		return -1;
	return bus_add(&vm->ports, &i8042);
}
