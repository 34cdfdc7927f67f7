/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ACPI tables, by which a kernel finds its CPUs and devices, and how to power
 * off: those of "reduced hardware", which has no timers and registers of old.
 */
#ifndef ACPI_H
#define ACPI_H

#include "guest.h"

/* Return: 0 and where the root pointer is, or -1 said why */
int acpi_put(const struct guest *guest, unsigned int cpus,
	     unsigned int nr_virtio, uint64_t *address);

#endif
