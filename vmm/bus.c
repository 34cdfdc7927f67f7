// SPDX-License-Identifier: GPL-2.0
/* A bus: finds the device at an address, and calls it. */
#include <stddef.h>
#include <string.h>

#include "bus.h"
#include "error.h"

int bus_add(struct bus *bus, const struct bus_range *range)
{
	if (bus->nr_ranges == BUS_RANGES)
		return fail("more devices than a bus has room for");
	bus->ranges[bus->nr_ranges++] = *range;
	return 0;
}

static const struct bus_range *find(const struct bus *bus, uint64_t address,
				    unsigned int size)
{
	for (unsigned int i = 0; i < bus->nr_ranges; i++) {
		const struct bus_range *r = &bus->ranges[i];

		if (address >= r->first && address - r->first < r->size &&
		    size <= r->size - (address - r->first))
			return r;
	}
	return NULL;
}

void bus_read(const struct bus *bus, uint64_t address, void *data,
	      unsigned int size)
{
	const struct bus_range *r = find(bus, address, size);
	uint64_t value = UINT64_MAX;

	if (r)
		value = r->read(r->device, address - r->first, size);
	memcpy(data, &value, size);
}

void bus_write(const struct bus *bus, uint64_t address, const void *data,
	       unsigned int size)
{
	const struct bus_range *r = find(bus, address, size);
	uint64_t value = 0;

	if (!r)
		return;
	memcpy(&value, data, size);
	r->write(r->device, address - r->first, size, value);
}
