// SPDX-License-Identifier: GPL-2.0
/*
 * The fuzzer's guest. Freestanding: it begins in guard/guest_entry.S, as that
 * of the guard's tests.
 */
#include "guest.h"
#include "../guard/vmcb.h"

#define MSR_EFER	0xc0000080
#define EFER_SVME	(1UL << 12)
#define MSR_HSAVE_PA	0xc0010117

/* MSR, shutdown; VMRUN, VMMCALL */
#define INTERCEPTS1	0x90000000U
#define INTERCEPTS2	0x3U
#define EXIT_VMMCALL	0x81

extern char fuzz_l2[];

/* It runs on its host's page tables and needs no stack. */
asm("\t.text\n"
	"fuzz_l2:\n"
	"\tmov	$0x11, %edx\n"
	"\tout	%al, %dx\n"
	"\tvmmcall\n"
	"\tjmp	fuzz_l2\n");

static uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return lo | (uint64_t)hi << 32;
}

static void wrmsr(uint32_t msr, uint64_t value)
{
	asm volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value),
		     "d"((uint32_t)(value >> 32)) : "memory");
}

#define READ_REG(reg) ({					\
	uint64_t read_value;					\
	asm volatile("mov %%" #reg ", %0" : "=r"(read_value));	\
	read_value;						\
})

static void tick(void)
{
	asm volatile("outb %%al, %%dx" : : "a"(0), "d"(GUEST_TICK_PORT)
		     : "memory");
}

/* Single instructions: where they fail, the registers say how far it came. */
static void store(struct guest_order *o)
{
	uint64_t to = o->addr, n = o->size;

	asm volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(o->byte)
		     : "memory");
}

static void load(struct guest_order *o)
{
	uint64_t from = o->addr, n = o->size, to = GUEST_BUFFER;

	asm volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(n) : : "memory");
}

static void write_vmcb(struct guest_order *o, char *vmcb)
{
	unsigned int i;

	for (i = 0; i < 4096; i += 8)
		put64(vmcb, i, 0);
	put32(vmcb, VMCB_INTERCEPT1, INTERCEPTS1);
	put32(vmcb, VMCB_INTERCEPT2, INTERCEPTS2);
	put64(vmcb, VMCB_IOPM, GUEST_BUFFER);
	put64(vmcb, VMCB_MSRPM, GUEST_BUFFER);
	put32(vmcb, VMCB_ASID, 1);
	for (i = VMCB_ES; i < VMCB_GDTR; i += 16)
		put_segment(vmcb, i, GUEST_DS, 0xc93);
	put_segment(vmcb, VMCB_CS, GUEST_CS, 0xa9b);
	put64(vmcb, VMCB_EFER, rdmsr(MSR_EFER));
	put64(vmcb, VMCB_CR4, READ_REG(cr4));
	put64(vmcb, VMCB_CR3, READ_REG(cr3));
	put64(vmcb, VMCB_CR0, READ_REG(cr0));
	put64(vmcb, VMCB_DR7, 0x400);
	put64(vmcb, VMCB_DR6, 0xffff0ff0);
	put64(vmcb, VMCB_RFLAGS, 2);
	put64(vmcb, VMCB_RIP, (uint64_t)fuzz_l2);
	put64(vmcb, VMCB_PAT, 0x0007040600070406UL);
	o->l2_ran = 0;
}

/* KVM maps the VMCB twice: to begin, and for the exit that VMMCALL is. */
static void nested(struct guest_order *o)
{
	char *vmcb = (char *)o->addr;
	uint64_t rax = o->addr;

	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_HSAVE_PA, GUEST_BUFFER);
	write_vmcb(o, vmcb);
	asm volatile("vmrun\n\tstgi" : "+a"(rax) : : "rcx", "rdx", "memory");
	o->l2_ran = *(volatile uint64_t *)(vmcb + VMCB_EXIT_CODE) ==
		    EXIT_VMMCALL;
}

/* An order is taken before it is done: an exception ends it. */
void guest_step(struct guest_cpu *cpu)
{
	uint64_t id = ((uint64_t)cpu - GUEST_STACKS) / GUEST_STACK_SIZE;
	struct guest_order *o = (struct guest_order *)GUEST_ORDERS + id;
	uint64_t task = o->task;

	o->task = TASK_NONE;
	if (task == TASK_STORE)
		store(o);
	else if (task == TASK_LOAD)
		load(o);
	else if (task == TASK_NESTED)
		nested(o);
	tick();
}
