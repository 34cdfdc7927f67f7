/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which device answers at an address: one bus for ports, one for memory. Ranges
 * are added before the first vCPU runs; then it's only read.
 */
#ifndef BUS_H
#define BUS_H

#include <stdint.h>

#define BUS_RANGES	16

struct bus_range {
	uint64_t first;
	uint64_t size;
	void *device;
	/* Called by any vCPU, with 1, 2, 4 or 8 bytes at @offset. */
	uint64_t (*read)(void *device, uint64_t offset, unsigned int size);
	void (*write)(void *device, uint64_t offset, unsigned int size,
		      uint64_t value);
};

struct bus {
	struct bus_range ranges[BUS_RANGES];
	unsigned int nr_ranges;
};

/* Return: 0, or -1 said why */
int bus_add(struct bus *bus, const struct bus_range *range);

/* Where nobody answers, a read finds all ones, and a write nothing. */
void bus_read(const struct bus *bus, uint64_t address, void *data,
	      unsigned int size);
void bus_write(const struct bus *bus, uint64_t address, const void *data,
	       unsigned int size);

#endif
