/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the guest and those who run it agree on: where things lie in the
 * guest's memory, and what a guest counts.
 *
 * The guest's own code, tables and stacks are in ordinary memory (GUEST_LOW),
 * so that the host can take away every page of gmemfs's and the guest goes on.
 */
#ifndef GUARD_GUEST_H
#define GUARD_GUEST_H

#define GUEST_LOW_SIZE		0x200000UL
#define GUEST_TABLES		0x1000UL	/* PML4, PDPT, 4 for 2 MiB */
#define GUEST_GDT		0x8000UL
#define GUEST_IDT		0x9000UL
#define GUEST_CODE		0x10000UL
#define GUEST_STACKS		0x80000UL
#define GUEST_STACK_SIZE	0x4000UL	/* a vCPU's; the first bytes: */
#define GUEST_MAPPED		(4UL << 30)

/* Under QEMU all memory is a file's, with the code at 1 MiB, and this. */
#define BOOT_TRAMPOLINE		0x7000

/* The memory that is a file's. */
#define GUEST_FILE		(16UL << 20)
#define GUEST_FILE_SIZE		(16UL << 20)

/* GUEST_NESTED: where KVM finds what it needs for the guest's guest. */
#define GUEST_VMCB		GUEST_FILE
#define GUEST_HSAVE		(GUEST_FILE + 0x1000)
#define GUEST_BITMAPS		(GUEST_FILE + 0x10000)

#define GUEST_CS		0x08
#define GUEST_DS		0x10

/* A byte written here gives the vCPU's thread something to see. */
#define GUEST_TICK_PORT		0x10

#ifndef __ASSEMBLER__
#include <stdint.h>

enum guest_mode { GUEST_IDLE, GUEST_HOSTILE, GUEST_SWEEP, GUEST_NESTED };

/* At the lowest address of a vCPU's stack. */
struct guest_cpu {
	uint64_t mode;
	uint64_t seed;
	uint64_t svm;		/* may use it */
	uint64_t steps;
	uint64_t exceptions;
	uint64_t msr_writes;	/* that were let through */
	uint64_t vmruns;
	uint64_t l2_exits;	/* vmruns that got into the guest's guest */
	uint64_t hyperv;	/* KVM plays Hyper-V for it */
	uint64_t sweeps;	/* GUEST_SWEEP: rounds over all of the file */
	uint64_t wrong;		/* pages not as the last round left them */
};

#define GUEST_COUNTS	5	/* from @steps on */
#endif

#endif /* GUARD_GUEST_H */
