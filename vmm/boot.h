/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The boot loader: it puts a bzImage and its initramfs into the guest's memory,
 * with all that the kernel's 64-bit entry expects there
 * (Documentation/arch/x86/ boot.rst of the kernel's sources).
 */
#ifndef BOOT_H
#define BOOT_H

#include <stdint.h>

#include "guest.h"

struct kvm_regs;
struct kvm_sregs;

struct boot {
	int kernel_fd;
	int initrd_fd;		/* negative: none */
	const char *command_line;
	uint64_t acpi_address;	/* of the RSDP, the tables' root pointer */
};

/* Return: 0, with @entry set to the entry's address; or -1 after fail() */
int boot_load(const struct guest *guest, const struct boot *boot,
	      uint64_t *entry);

/* The first vCPU's registers: changes *sregs, and sets *regs. */
void boot_registers(struct kvm_sregs *sregs, struct kvm_regs *regs,
		    uint64_t entry);

#endif
