// SPDX-License-Identifier: GPL-2.0
/*
 * A hostile guest. Freestanding: runs in a VM of kvm.c, alone.
 *
 * guest_step() does one thing that makes KVM reach into this guest's memory,
 * at an address that is good or bad. What it does is decided by a seed, and
 * may well end in an exception: guest_entry.S then begins the next step.
 */
#include "guest.h"
#include "vmcb.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define PAGE		4096UL

#define MSR_EFER	0xc0000080
#define EFER_SVME	(1UL << 12)
#define MSR_HSAVE_PA	0xc0010117
#define MSR_PV_EOI	0x4b564d04

#define STEPS_PER_TICK	64

extern char l2_entry[], l2_ticks[];

/* ---- instructions ---- */

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

static void tick(void)
{
	asm volatile("outb %%al, %%dx" : : "a"(0), "d"(GUEST_TICK_PORT)
		     : "memory");
}

#define READ_REG(reg) ({					\
	uint64_t read_value;					\
	asm volatile("mov %%" #reg ", %0" : "=r"(read_value));	\
	read_value;						\
})

/* ---- chance ---- */

static uint64_t chance(struct guest_cpu *cpu)
{
	uint64_t x = cpu->seed;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	cpu->seed = x;
	return x * 0x2545f4914f6cdd1dUL >> 8;
}

static unsigned int below(struct guest_cpu *cpu, unsigned int n)
{
	return chance(cpu) % n;
}

/* Half of the time one of few pages, so that vCPUs and VMs meet there. */
static uint64_t file_page(struct guest_cpu *cpu)
{
	unsigned long pages = GUEST_FILE_SIZE / PAGE;

	if (below(cpu, 2))
		return GUEST_FILE + below(cpu, 8) * (GUEST_FILE_SIZE / 8);
	return GUEST_FILE + below(cpu, pages) * PAGE;
}

static uint64_t pick_address(struct guest_cpu *cpu)
{
	switch (below(cpu, 12)) {
	case 0:		/* misaligned */
		return file_page(cpu) + below(cpu, PAGE);
	case 1:		/* crosses into the next page */
		return file_page(cpu) + PAGE - 1 - below(cpu, 63);
	case 2:		/* between the slots */
		return GUEST_LOW_SIZE + below(cpu, GUEST_FILE - GUEST_LOW_SIZE);
	case 3:		/* beyond memory, and far beyond */
		return GUEST_FILE + GUEST_FILE_SIZE + (chance(cpu) & 0xffff000);
	case 4:
		return chance(cpu) << below(cpu, 16);
	case 5:		/* the last page, and what crosses out of it */
		return GUEST_FILE + GUEST_FILE_SIZE - below(cpu, PAGE);
	default:	/* good, aligned as everybody wants it */
		return file_page(cpu) + below(cpu, PAGE / 64) * 64;
	}
}

/* ---- MSRs ---- */

struct msr {
	uint32_t index;
	uint32_t flags;		/* low bits that may be set along */
};

/* The paravirtual ones twice: they are what this is about. */
static const struct msr msrs[] = {
	{ 0x4b564d01, 1 },	/* SYSTEM_TIME_NEW */
	{ 0x4b564d01, 1 },
	{ 0x12, 1 },		/* SYSTEM_TIME */
	{ 0x12, 1 },
	{ 0x4b564d00, 0 },	/* WALL_CLOCK_NEW */
	{ 0x11, 0 },		/* WALL_CLOCK */
	{ 0x4b564d02, 0xf },	/* ASYNC_PF_EN */
	{ 0x4b564d03, 1 },	/* STEAL_TIME */
	{ 0x4b564d03, 1 },
	{ MSR_PV_EOI, 1 },
	{ MSR_PV_EOI, 1 },
	{ 0x4b564d05, 1 },	/* POLL_CONTROL */
	{ 0x4b564d06, 0xff },	/* ASYNC_PF_INT */
	{ 0x4b564d07, 1 },	/* ASYNC_PF_ACK */
	{ 0x40000200, 0 },	/* the Xen hypercall page */
	{ 0x40000000, 0xff },	/* Hyper-V: guest OS id */
	{ 0x40000001, 1 },	/* hypercall page */
	{ 0x40000021, 1 },	/* reference TSC page */
	{ 0x40000073, 1 },	/* VP assist page */
	{ 0x40000080, 1 },	/* synthetic interrupts: control, */
	{ 0x40000082, 1 },	/* event flags page */
	{ 0x40000083, 1 },	/* message page */
	{ 0x10, 0 },		/* TSC: has the clocks written again */
	{ 0x3b, 0 },		/* TSC_ADJUST */
	{ MSR_HSAVE_PA, 0 },
};

static void step_write_msr(struct guest_cpu *cpu)
{
	const struct msr *msr = &msrs[below(cpu, ARRAY_SIZE(msrs))];
	uint64_t value = pick_address(cpu);

	if (below(cpu, 8))
		value |= chance(cpu) & msr->flags;
	if (!below(cpu, 8))
		value = 0;
	/*
	 * KVM keeps this and Hyper-V's VP assist page in one place and warns
	 * about itself when VMRUN looks for that (WARN_ON_ONCE in
	 * kvm_read_guest_offset_cached()), on any memory.
	 */
	if (msr->index == MSR_PV_EOI && cpu->hyperv)
		return;
	wrmsr(msr->index, value);
	cpu->msr_writes++;
}

/* The clock on a good page: what a guest that means well does. */
static void step_clock(struct guest_cpu *cpu)
{
	wrmsr(0x4b564d01, (file_page(cpu) + below(cpu, 64) * 64) | 1);
	cpu->msr_writes++;
}

static void step_read_msr(struct guest_cpu *cpu)
{
	rdmsr(msrs[below(cpu, ARRAY_SIZE(msrs))].index);
}

static void step_memory(struct guest_cpu *cpu)
{
	volatile uint64_t *p = (void *)pick_address(cpu);

	if ((uint64_t)p < GUEST_MAPPED - 8)
		*p ^= chance(cpu);
}

/* ---- SVM ---- */

/* INTR, NMI, SMI, INIT, CPUID, HLT, INVLPGA, IOIO, MSR, shutdown */
#define INTERCEPTS1	0x9d04000fU
/* VMRUN, VMMCALL, VMLOAD, VMSAVE, STGI, CLGI, SKINIT */
#define INTERCEPTS2	0x7fU

/*
 * A guest's guest that would run, on this guest's own page tables.
 *
 * Its exceptions are not intercepted; it has no IDT, so they end in shutdown,
 * which is. For KVM up to now has a flaw of its own, on any memory: when the
 * VMCB's page is away just as it wants to leave for an intercepted exception,
 * it warns (WARN_ON_ONCE in kvm_check_and_inject_events()).
 */
static void write_vmcb(struct guest_cpu *cpu, char *vmcb)
{
	unsigned int i;

	for (i = 0; i < PAGE; i += 8)
		put64(vmcb, i, 0);
	put32(vmcb, VMCB_INTERCEPT1, INTERCEPTS1);
	put32(vmcb, VMCB_INTERCEPT2, INTERCEPTS2);
	put64(vmcb, VMCB_IOPM, pick_address(cpu));
	put64(vmcb, VMCB_MSRPM, pick_address(cpu));
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
	put64(vmcb, VMCB_RIP, (uint64_t)l2_entry);
	put64(vmcb, VMCB_RSP, (uint64_t)cpu + GUEST_STACK_SIZE / 2);
	put64(vmcb, VMCB_PAT, 0x0007040600070406UL);
	if (!below(cpu, 4)) {
		put64(vmcb, VMCB_NESTED_PAGING, 1);
		put64(vmcb, VMCB_NESTED_CR3, pick_address(cpu) & -PAGE);
	}
}

static void spoil_vmcb(struct guest_cpu *cpu, char *vmcb)
{
	unsigned int n = below(cpu, 4);

	while (n--) {
		unsigned int at = below(cpu, 0x700) & ~7U;

		if (at != VMCB_EXCEPTIONS)
			put64(vmcb, at, chance(cpu));
	}
}

static void vmrun(struct guest_cpu *cpu, uint64_t vmcb)
{
	uint64_t rax = vmcb;

	cpu->vmruns++;
	asm volatile("vmrun\n\tstgi" : "+a"(rax) : : "rcx", "rdx", "memory");
}

static void step_vmrun(struct guest_cpu *cpu)
{
	uint64_t addr = file_page(cpu);
	char *vmcb = (char *)addr;

	write_vmcb(cpu, vmcb);
	spoil_vmcb(cpu, vmcb);
	vmrun(cpu, addr);
	if (*(volatile int64_t *)(vmcb + VMCB_EXIT_CODE) > 0)
		cpu->l2_exits++;
}

/*
 * Whatever is there. It may be an old VMCB, into which a clock was written
 * since, so exceptions are seen to here as well: see write_vmcb().
 */
static void step_vmrun_any(struct guest_cpu *cpu, uint64_t addr)
{
	uint64_t vmcb = addr & -PAGE;

	if (vmcb < GUEST_MAPPED)
		put32((char *)vmcb, VMCB_EXCEPTIONS, 0);
	vmrun(cpu, addr);
}

static void step_svm(struct guest_cpu *cpu)
{
	uint64_t addr = pick_address(cpu);

	switch (below(cpu, 8)) {
	case 0:
		wrmsr(MSR_EFER, rdmsr(MSR_EFER) ^ EFER_SVME);
		break;
	case 1:
		wrmsr(MSR_HSAVE_PA, addr);
		break;
	case 2:
		asm volatile("vmload" : : "a"(addr) : "memory");
		break;
	case 3:
		asm volatile("vmsave" : : "a"(addr) : "memory");
		break;
	case 4:
		step_vmrun_any(cpu, addr);
		break;
	default:
		wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
		step_vmrun(cpu);
	}
}

/* A guest's guest that ticks for ever, by itself: that is KVM's to let out. */
static void step_nested(struct guest_cpu *cpu)
{
	char *vmcb = (char *)GUEST_VMCB;

	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_HSAVE_PA, GUEST_HSAVE);
	write_vmcb(cpu, vmcb);
	put32(vmcb, VMCB_INTERCEPT1, 0);
	put64(vmcb, VMCB_IOPM, GUEST_BITMAPS);
	put64(vmcb, VMCB_MSRPM, GUEST_BITMAPS);
	put64(vmcb, VMCB_NESTED_PAGING, 0);
	put64(vmcb, VMCB_RIP, (uint64_t)l2_ticks);
	vmrun(cpu, GUEST_VMCB);
	cpu->l2_exits++;
}

/* ---- a step ---- */

static void hostile_step(struct guest_cpu *cpu)
{
	switch (below(cpu, 16)) {
	case 0 ... 6:
		step_write_msr(cpu);
		break;
	case 7 ... 8:
		step_clock(cpu);
		break;
	case 9:
		step_read_msr(cpu);
		break;
	case 10 ... 11:
		step_memory(cpu);
		break;
	default:
		if (cpu->svm)
			step_svm(cpu);
	}
}

/* The first word of each page counts the rounds. */
static void sweep(struct guest_cpu *cpu)
{
	volatile uint64_t *word;
	uint64_t page;

	for (page = 0; page < GUEST_FILE_SIZE; page += PAGE) {
		word = (void *)(GUEST_FILE + page);
		cpu->wrong += *word != cpu->sweeps;
		*word = cpu->sweeps + 1;
	}
	cpu->sweeps++;
	tick();
}

void guest_step(struct guest_cpu *cpu)
{
	cpu->steps++;
	if (cpu->mode == GUEST_SWEEP)
		sweep(cpu);
	else if (cpu->mode == GUEST_NESTED)
		step_nested(cpu);
	else if (cpu->mode == GUEST_IDLE ||
		 cpu->steps % STEPS_PER_TICK == 0)
		tick();
	else
		hostile_step(cpu);
}
