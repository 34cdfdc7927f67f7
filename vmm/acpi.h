/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ACPI tables, by which the guest's kernel finds its CPUs and devices, and
 * how to power off. They are those of "reduced hardware", which lacks the old
 * timers and registers.
 */
#ifndef ACPI_H
#define ACPI_H

#include "guest.h"

/* Return: 0, with @address set to the RSDP's address; or -1 after fail() */
int acpi_put(const struct guest *guest, unsigned int cpus,
	     unsigned int nr_virtio, uint64_t *address);

#endif
