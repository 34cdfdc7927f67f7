// SPDX-License-Identifier: GPL-2.0
/*
 * The guest under QEMU, which unlike kvm.c prepares nothing for it: the table
 * of exceptions, the other vCPUs, and what guest.c wants to know.
 */
#include "guest.h"

#define APIC_ICR	0xfee00300UL
#define ICR_INIT	0xc4500		/* to all but this vCPU */
#define ICR_STARTUP	(0xc4600 | BOOT_TRAMPOLINE >> 12)

#define CPUID_KVM	0x40000000
#define MICROSOFT	0x7263694d	/* "Micr" */

extern char trampoline[], trampoline_end[];
extern const uint64_t start[];

struct gate {
	uint64_t lo;
	uint64_t hi;
};

static struct gate idt[256];

static void make_idt(void)
{
	uint64_t handler = start[1];	/* see guest_entry.S */
	unsigned int i;

	for (i = 0; i < 256; i++) {
		idt[i].lo = (handler & 0xffff) | GUEST_CS << 16 |
			    0x8e00UL << 32 | (handler >> 16 & 0xffff) << 48;
		idt[i].hi = handler >> 32;
	}
}

static void load_idt(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = { sizeof(idt) - 1, (uint64_t)idt };

	asm volatile("lidt %0" : : "m"(pointer));
}

static uint64_t tsc(void)
{
	uint32_t lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return lo | (uint64_t)hi << 32;
}

static void send_ipi(uint32_t icr)
{
	uint64_t until = tsc() + 20000000;

	*(volatile uint32_t *)APIC_ICR = icr;
	while (tsc() < until)
		;
}

static void start_others(void)
{
	uint64_t size = (uint64_t)trampoline_end - (uint64_t)trampoline, i;
	volatile char *to = (char *)BOOT_TRAMPOLINE;

	for (i = 0; i < size; i++)
		to[i] = trampoline[i];
	send_ipi(ICR_INIT);
	send_ipi(ICR_STARTUP);
}

static int is_hyperv(void)
{
	uint32_t eax = CPUID_KVM, ebx, ecx, edx;

	asm volatile("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
	return ebx == MICROSOFT;
}

/* On the stack of vCPU @id, whose lowest bytes are its struct guest_cpu. */
void boot_cpu(unsigned int id)
{
	struct guest_cpu *cpu = (void *)(GUEST_STACKS + id * GUEST_STACK_SIZE);

	if (!id) {
		make_idt();
		start_others();
	}
	load_idt();
	*cpu = (struct guest_cpu){
		.mode = GUEST_HOSTILE,
		.seed = tsc() | 1,
		.svm = 1,
		.hyperv = is_hyperv(),
	};
}
