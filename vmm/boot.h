/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a boot loader does: a bzImage and its initramfs into the guest's memory,
 * and all that the kernel's 64-bit entry wants to find there (Documentation/
 * arch/x86/boot.rst of the kernel's sources).
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
	uint64_t acpi_address;	/* of the tables' root pointer */
};

/* Return: 0 and the entry's address, or -1 said why */
int boot_load(const struct guest *guest, const struct boot *boot,
	      uint64_t *entry);

/* The first vCPU's: sregs are changed, regs are set. */
void boot_registers(struct kvm_sregs *sregs, struct kvm_regs *regs,
		    uint64_t entry);

#endif
