// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kvm.h"

/* As in gmem_test.h, which only a test's main file can include. */
#define must(call) ({ \
	__typeof__(call) must_ret = (call); \
	if ((long)must_ret == -1) \
		die(#call); \
	must_ret; \
})

#define PTE_PRESENT	0x1
#define PTE_WRITE	0x2
#define PTE_HUGE	0x80

#define CR0_PE		(1UL << 0)
#define CR0_ET		(1UL << 4)
#define CR0_NE		(1UL << 5)
#define CR0_WP		(1UL << 16)
#define CR0_PG		(1UL << 31)
#define CR4_PAE		(1UL << 5)
#define EFER_LME	(1UL << 8)
#define EFER_LMA	(1UL << 10)

#define MAX_CPUID	256

extern const char guest_image[], guest_image_end[];

static _Noreturn void die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	fflush(stdout);
	exit(1);
}

/* ---- the guest's own memory ---- */

static void write_page_tables(char *low)
{
	uint64_t *pml4 = (uint64_t *)(low + GUEST_TABLES);
	uint64_t *pdpt = pml4 + 512, *pd = pdpt + 512;
	uint64_t flags = PTE_PRESENT | PTE_WRITE;
	unsigned long i;

	pml4[0] = (GUEST_TABLES + 4096) | flags;
	for (i = 0; i < GUEST_MAPPED >> 30; i++)
		pdpt[i] = (GUEST_TABLES + (2 + i) * 4096) | flags;
	for (i = 0; i < GUEST_MAPPED >> 21; i++)
		pd[i] = i << 21 | flags | PTE_HUGE;
}

static void write_gdt(char *low)
{
	uint64_t *gdt = (uint64_t *)(low + GUEST_GDT);

	gdt[GUEST_CS / 8] = 0x00af9b000000ffffUL;
	gdt[GUEST_DS / 8] = 0x00cf93000000ffffUL;
}

/* Every exception goes to the same place, which the image names. */
static void write_idt(char *low)
{
	uint64_t *idt = (uint64_t *)(low + GUEST_IDT);
	uint64_t handler;
	unsigned int i;

	memcpy(&handler, guest_image + 8, sizeof(handler));
	for (i = 0; i < 256; i++) {
		idt[2 * i] = (handler & 0xffff) | GUEST_CS << 16 |
			     0x8e00UL << 32 | (handler >> 16 & 0xffff) << 48;
		idt[2 * i + 1] = handler >> 32;
	}
}

static void make_low_memory(struct vm *vm)
{
	vm->low = must(mmap(NULL, GUEST_LOW_SIZE, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	write_page_tables(vm->low);
	write_gdt(vm->low);
	write_idt(vm->low);
	memcpy(vm->low + GUEST_CODE, guest_image,
	       guest_image_end - guest_image);
	must(vm_set_slot(vm, 0, 0, vm->low, GUEST_LOW_SIZE));
}

int vm_set_slot(struct vm *vm, unsigned int slot, uint64_t addr, void *mem,
		uint64_t size)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = addr,
		.memory_size = size,
		.userspace_addr = (uintptr_t)mem,
	};

	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
}

/* ---- what the guest may know and use: everything ---- */

struct cpuid {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 entries[MAX_CPUID];
};

/* KVM's leaves make place for Hyper-V's and go on being found behind them. */
static void add_hyperv(struct vm *vm, struct cpuid *cpuid)
{
	struct cpuid hv = { .head.nent = MAX_CPUID };
	unsigned int i, n = cpuid->head.nent;

	if (ioctl(vm->kvm_fd, KVM_GET_SUPPORTED_HV_CPUID, &hv))
		return;
	for (i = 0; i < n; i++)
		if (cpuid->entries[i].function >> 8 == 0x400000)
			cpuid->entries[i].function += 0x100;
	for (i = 0; i < hv.head.nent && n < MAX_CPUID; i++)
		cpuid->entries[n++] = hv.entries[i];
	cpuid->head.nent = n;
}

static void set_cpuid(struct vcpu *vcpu, bool hyperv)
{
	struct cpuid cpuid = { .head.nent = MAX_CPUID };

	must(ioctl(vcpu->vm->kvm_fd, KVM_GET_SUPPORTED_CPUID, &cpuid));
	if (hyperv)
		add_hyperv(vcpu->vm, &cpuid);
	must(ioctl(vcpu->fd, KVM_SET_CPUID2, &cpuid));
}

/* Where KVM lacks it, the guest writes the MSR in vain. */
static void allow_xen(struct vm *vm)
{
	struct kvm_xen_hvm_config config = {
		.flags = KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL,
		.msr = XEN_MSR,
	};

	ioctl(vm->fd, KVM_XEN_HVM_CONFIG, &config);
}

static void make_vcpu(struct vm *vm, unsigned int id, bool hyperv)
{
	struct kvm_enable_cap synic = { .cap = KVM_CAP_HYPERV_SYNIC };
	struct vcpu *vcpu = &vm->vcpus[id];
	int size = must(ioctl(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0));

	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->fd = must(ioctl(vm->fd, KVM_CREATE_VCPU, id));
	vcpu->run = must(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			      vcpu->fd, 0));
	vcpu->guest = (void *)(vm->low + GUEST_STACKS + id * GUEST_STACK_SIZE);
	if (hyperv)
		ioctl(vcpu->fd, KVM_ENABLE_CAP, &synic);
	set_cpuid(vcpu, hyperv);
	vcpu_reset(vcpu, GUEST_IDLE, 1);
}

/*
 * The first VM and the end of the last switch a static branch that each task
 * switch passes (preempt_notifier_key). When VMs came and went a thousand
 * times, QEMU's TCG ran the int3 of that patching after it was over, and the
 * host died.
 */
void vm_keep_one(void)
{
	int kvm = must(open("/dev/kvm", O_RDWR | O_CLOEXEC));

	must(ioctl(kvm, KVM_CREATE_VM, 0));
	close(kvm);
}

void vm_make(struct vm *vm, unsigned int nr_vcpus, bool hyperv)
{
	unsigned int id;

	memset(vm, 0, sizeof(*vm));
	vm->kvm_fd = must(open("/dev/kvm", O_RDWR | O_CLOEXEC));
	vm->fd = must(ioctl(vm->kvm_fd, KVM_CREATE_VM, 0));
	vm->nr_vcpus = nr_vcpus;
	vm->hyperv = hyperv;
	must(ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0));
	allow_xen(vm);
	make_low_memory(vm);
	for (id = 0; id < nr_vcpus; id++)
		make_vcpu(vm, id, hyperv);
}

void vm_free(struct vm *vm)
{
	int size = ioctl(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	unsigned int id;

	for (id = 0; id < vm->nr_vcpus; id++) {
		munmap(vm->vcpus[id].run, size);
		close(vm->vcpus[id].fd);
	}
	close(vm->fd);
	close(vm->kvm_fd);
	munmap(vm->low, GUEST_LOW_SIZE);
}

/* ---- vCPUs ---- */

static void set_segments(struct kvm_sregs *sregs)
{
	struct kvm_segment data = {
		.selector = GUEST_DS, .limit = ~0U, .type = 3, .present = 1,
		.s = 1, .db = 1, .g = 1,
	};

	sregs->ds = data;
	sregs->es = data;
	sregs->fs = data;
	sregs->gs = data;
	sregs->ss = data;
	data.selector = GUEST_CS;
	data.type = 0xb;
	data.db = 0;
	data.l = 1;
	sregs->cs = data;
	sregs->tr = (struct kvm_segment){ .limit = 0x67, .type = 0xb,
					  .present = 1 };
	sregs->ldt = (struct kvm_segment){ .unusable = 1 };
}

static void reset_sregs(struct vcpu *vcpu)
{
	struct kvm_sregs sregs;

	must(ioctl(vcpu->fd, KVM_GET_SREGS, &sregs));
	memset(sregs.interrupt_bitmap, 0, sizeof(sregs.interrupt_bitmap));
	set_segments(&sregs);
	sregs.gdt = (struct kvm_dtable){ GUEST_GDT, 23, {} };
	sregs.idt = (struct kvm_dtable){ GUEST_IDT, 4095, {} };
	sregs.cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	sregs.cr2 = 0;
	sregs.cr3 = GUEST_TABLES;
	sregs.cr4 = CR4_PAE;
	/* Without SVME: a vCPU that runs a guest leaves it for that. */
	sregs.efer = EFER_LME | EFER_LMA;
	/* What is set before EFER goes to the guest's guest: so once more. */
	must(ioctl(vcpu->fd, KVM_SET_SREGS, &sregs));
	must(ioctl(vcpu->fd, KVM_SET_SREGS, &sregs));
}

void vcpu_reset(struct vcpu *vcpu, enum guest_mode mode, uint64_t seed)
{
	uint64_t stack = GUEST_STACKS + vcpu->id * GUEST_STACK_SIZE;
	struct kvm_regs regs = {
		.rip = GUEST_CODE,
		.rsp = stack + GUEST_STACK_SIZE,
		.rflags = 2,
	};
	struct kvm_mp_state state = { .mp_state = KVM_MP_STATE_RUNNABLE };
	struct kvm_vcpu_events events = {};

	must(ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &events));
	reset_sregs(vcpu);
	must(ioctl(vcpu->fd, KVM_SET_REGS, &regs));
	must(ioctl(vcpu->fd, KVM_SET_MP_STATE, &state));
	vcpu->guest->mode = mode;
	vcpu->guest->seed = seed ?: 1;
	vcpu->guest->svm = 1;
	vcpu->guest->hyperv = vcpu->vm->hyperv;
}

int vcpu_run(struct vcpu *vcpu)
{
	return ioctl(vcpu->fd, KVM_RUN, 0);
}

bool vcpu_set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = {
		.head.nmsrs = 1,
		.entry = { .index = index, .data = value },
	};

	return ioctl(vcpu->fd, KVM_SET_MSRS, &msrs) == 1;
}

void vcpu_take_counts(struct vcpu *vcpu, uint64_t counts[GUEST_COUNTS])
{
	uint64_t *from = &vcpu->guest->steps;
	unsigned int i;

	for (i = 0; i < GUEST_COUNTS; i++) {
		counts[i] = from[i];
		from[i] = 0;
	}
}
