/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The VM generation ID: 16 random bytes in the guest's memory. A guest that
 * finds other bytes there knows that it was restored from a snapshot, and that
 * others may have been too. So its kernel draws new random numbers. The ACPI
 * tables say where the ID is, and by which interrupt a change is announced.
 */
#ifndef GENERATION_H
#define GENERATION_H

#include <stdint.h>

#include "vm.h"

#define GENERATION_SIZE		16

/* What the driver is notified of. */
#define GENERATION_CHANGED	0x80

/* Draw a new ID, and put it into memory. Return: 0, or -1 after fail() */
int generation_renew(const struct guest *guest);

/* Read the ID from memory. Return: 0, or an error of guest_read() */
int generation_get(const struct guest *guest, uint8_t *id);

/* Tell the guest that the ID has changed. */
void generation_tell(struct vm *vm);

#endif
