/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A bus: which device answers at an address. There is one for ports and one for
 * memory. Ranges are added before the first vCPU runs. After that a bus doesn't
 * change, so it needs no lock.
 */
#ifndef BUS_H
#define BUS_H

#include <stdint.h>

#define BUS_RANGES	16

struct bus_range {
	uint64_t first;
	uint64_t size;
	void *device;
	/* Any vCPU's thread calls these. @size is 1, 2, 4 or 8 bytes. */
	uint64_t (*read)(void *device, uint64_t offset, unsigned int size);
	void (*write)(void *device, uint64_t offset, unsigned int size,
		      uint64_t value);
};

struct bus {
	struct bus_range ranges[BUS_RANGES];
	unsigned int nr_ranges;
};

/* Return: 0, or -1 after fail() */
int bus_add(struct bus *bus, const struct bus_range *range);

/* If no device answers, a read returns all ones, and a write does nothing. */
void bus_read(const struct bus *bus, uint64_t address, void *data,
	      unsigned int size);
void bus_write(const struct bus *bus, uint64_t address, const void *data,
	       unsigned int size);

#endif
