// SPDX-License-Identifier: GPL-2.0
/* KVM's state of a guest: saved by its ioctls, and restored by them. */
#include <asm/kvm_para.h>
#include <errno.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "error.h"
#include "kvmstate.h"

/* ---- time ---- */

#define NS	1000000000ULL

/* What a snapshot has waited at most, as far as the guest sees: ten years. */
#define PASSED_MAX	(10 * 365 * 86400 * NS)

static uint64_t realtime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * NS + now.tv_nsec;
}

/* A host's clock that was set back doesn't make the guest's run backwards. */
static uint64_t time_since(uint64_t then_ns)
{
	uint64_t now = realtime_ns();
	uint64_t passed = now > then_ns ? now - then_ns : 0;

	return passed < PASSED_MAX ? passed : PASSED_MAX;
}

int kvmstate_save_clock(struct vm *vm, struct snap_writer *w)
{
	struct kvm_clock_data clock = {};

	if (ioctl(vm->fd, KVM_GET_CLOCK, &clock))
		return fail_errno("KVM_GET_CLOCK");
	vm->saved_clock = (struct saved_clock){ clock.clock, realtime_ns() };
	snap_put(w, SNAP_CLOCK, 0, &vm->saved_clock, sizeof(vm->saved_clock));
	return 0;
}

int kvmstate_restore_clock(struct vm *vm, struct snap_reader *r)
{
	return snap_get(r, SNAP_CLOCK, 0, &vm->saved_clock,
			sizeof(vm->saved_clock));
}

/* ---- interrupt controllers and the timer ---- */

int kvmstate_read_chips(struct vm *vm, struct kvm_chips *chips)
{
	*chips = (struct kvm_chips){};
	for (uint32_t i = 0; i < CHIPS; i++) {
		chips->irq[i].chip_id = i;
		if (ioctl(vm->fd, KVM_GET_IRQCHIP, &chips->irq[i]))
			return fail_errno("KVM_GET_IRQCHIP");
	}
	if (ioctl(vm->fd, KVM_GET_PIT2, &chips->pit))
		return fail_errno("KVM_GET_PIT2");
	return 0;
}

#define LINES	24

/*
 * All interrupts here are edges. If the chips were read while a line was high,
 * the next edge would be none.
 */
static void lower_lines(struct vm *vm)
{
	for (unsigned int irq = 0; irq < LINES; irq++)
		vm_set_irq(vm, irq, 0);
}

int kvmstate_restore_chips(struct vm *vm, struct snap_reader *r)
{
	struct kvm_chips chips;

	if (snap_get(r, SNAP_CHIPS, 0, &chips, sizeof(chips)))
		return -1;
	for (uint32_t i = 0; i < CHIPS; i++) {
		chips.irq[i].chip_id = i;
		if (ioctl(vm->fd, KVM_SET_IRQCHIP, &chips.irq[i]))
			return fail_errno("KVM_SET_IRQCHIP");
	}
	if (ioctl(vm->fd, KVM_SET_PIT2, &chips.pit))
		return fail_errno("KVM_SET_PIT2");
	lower_lines(vm);
	return 0;
}

/* ---- parts of a vCPU that are plain structs ---- */

struct part {
	enum snap_kind kind;
	const char *name;
	unsigned long get, set;
	size_t size;
};

#define PART(kind, name, type) \
	{ SNAP_##kind, #name, KVM_GET_##name, KVM_SET_##name, sizeof(type) }

#define CR4_VMXE	(1ULL << 13)
#define EFER_SVME	(1ULL << 12)

/*
 * KVM doesn't compare EFER with CPUID here, as it does when a guest writes it.
 * With nested virtualisation, KVM would access the guest's memory in the direct
 * map, where it is not.
 */
static bool is_permitted(enum snap_kind kind, const void *data)
{
	struct kvm_sregs2 sregs;

	if (kind != SNAP_SREGS)
		return true;
	memcpy(&sregs, data, sizeof(sregs));
	return !(sregs.efer & EFER_SVME) && !(sregs.cr4 & CR4_VMXE);
}

/*
 * In the order in which they can be set. The APIC's mode is in the special
 * registers. KVM_SET_REGS forgets exceptions, which are events.
 */
static const struct part first_parts[] = {
	PART(SREGS, SREGS2, struct kvm_sregs2),
	PART(REGS, REGS, struct kvm_regs),
	PART(XCRS, XCRS, struct kvm_xcrs),
	PART(DEBUGREGS, DEBUGREGS, struct kvm_debugregs),
	PART(LAPIC, LAPIC, struct kvm_lapic_state),
}, last_parts[] = {
	PART(MP_STATE, MP_STATE, struct kvm_mp_state),
	PART(EVENTS, VCPU_EVENTS, struct kvm_vcpu_events),
};

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))
#define PART_MAX	4096

static int save_parts(const struct vcpu *vcpu, struct snap_writer *w,
		      const struct part *parts, unsigned int nr)
{
	_Alignas(8) char data[PART_MAX];

	for (const struct part *p = parts; p < parts + nr; p++) {
		memset(data, 0, p->size);
		if (ioctl(vcpu->fd, p->get, data))
			return fail_errno("KVM_GET_%s", p->name);
		snap_put(w, p->kind, vcpu->id, data, p->size);
	}
	return 0;
}

static int restore_parts(const struct vcpu *vcpu, struct snap_reader *r,
			 const struct part *parts, unsigned int nr)
{
	_Alignas(8) char data[PART_MAX];

	for (const struct part *p = parts; p < parts + nr; p++) {
		if (snap_get(r, p->kind, vcpu->id, data, p->size))
			return -1;
		if (!is_permitted(p->kind, data))
			return snap_bad(r, "a vCPU with nested virtualisation");
		if (ioctl(vcpu->fd, p->set, data))
			return fail_errno("KVM_SET_%s", p->name);
	}
	return 0;
}

/* ---- CPUID ---- */

static size_t cpuid_size(const struct vcpu *vcpu)
{
	return vcpu->cpuid->nent * sizeof(vcpu->cpuid->entries[0]);
}

/*
 * The guest has seen what the CPU and KVM can do, and relies on it. The table
 * of the snapshot isn't used, only compared.
 */
static int check_cpuid(const struct vcpu *vcpu, struct snap_reader *r)
{
	size_t size = 0;
	const void *saved = snap_next(r, SNAP_CPUID, vcpu->id, &size,
				      SNAPFILE_MAX);

	if (!saved)
		return -1;
	if (size == cpuid_size(vcpu) &&
	    !memcmp(saved, vcpu->cpuid->entries, size))
		return 0;
	return fail("--restore: %s is of a host with another CPU, microcode or kernel (CPUID differs): restore it on such a host, or make the snapshot again here",
		    r->path);
}

/* ---- XSAVE ---- */

static int save_xsave(const struct vcpu *vcpu, struct snap_writer *w)
{
	size_t size = vcpu->vm->xsave_size;
	void *data = calloc(1, size);
	int ret = 0;

	if (!data)
		return fail("no memory for a vCPU's state");
	if (ioctl(vcpu->fd, KVM_GET_XSAVE2, data))
		ret = fail_errno("KVM_GET_XSAVE2");
	else
		snap_put(w, SNAP_XSAVE, vcpu->id, data, size);
	free(data);
	return ret;
}

/* KVM reads as many bytes as it has said. */
static int restore_xsave(const struct vcpu *vcpu, struct snap_reader *r)
{
	size_t size = vcpu->vm->xsave_size;
	const void *data = snap_next(r, SNAP_XSAVE, vcpu->id, &size, size);

	if (!data)
		return -1;
	if (ioctl(vcpu->fd, KVM_SET_XSAVE, data))
		return fail_errno("KVM_SET_XSAVE");
	return 0;
}

/* ---- MSRs ---- */

#define MSR_TSC			0x10
#define MSR_TSC_DEADLINE	0x6e0
#define MSR_EFER		0xc0000080
#define HYPERV_MSRS		0x40000000
#define HYPERV_MSRS_END		0x40000200

struct saved_msr {
	uint32_t index;
	uint32_t reserved;
	uint64_t value;
};

static bool get_msr(const struct vcpu *vcpu, uint32_t index, uint64_t *value)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = { .head.nmsrs = 1, .entry.index = index };

	if (ioctl(vcpu->fd, KVM_GET_MSRS, &msrs) != 1)
		return false;
	*value = msrs.entry.data;
	return true;
}

static int set_msr(const struct vcpu *vcpu, uint32_t index, uint64_t value)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = {
		.head.nmsrs = 1,
		.entry = { .index = index, .data = value },
	};

	if (ioctl(vcpu->fd, KVM_SET_MSRS, &msrs) == 1)
		return 0;
	return fail("--restore: KVM refuses %#llx for MSR %#x: restore the snapshot on a host with the CPU and the kernel where it was made",
		    (unsigned long long)value, index);
}

/*
 * gmemvm offers no Hyper-V, by whose MSRs KVM writes to the guest's memory.
 * EFER is one of the special registers.
 */
static bool is_kept(uint32_t index)
{
	return (index < HYPERV_MSRS || index >= HYPERV_MSRS_END) &&
	       index != MSR_EFER;
}

/* KVM lists MSRs that this vCPU doesn't have; they can't be read. */
static int save_msrs(const struct vcpu *vcpu, struct snap_writer *w)
{
	const struct kvm_msr_list *list = vcpu->vm->msrs;
	struct saved_msr *saved = calloc(list->nmsrs, sizeof(*saved));
	unsigned int nr = 0;

	if (!saved)
		return fail("no memory for a vCPU's state");
	for (unsigned int i = 0; i < list->nmsrs; i++) {
		struct saved_msr *msr = &saved[nr];

		msr->index = list->indices[i];
		nr += is_kept(msr->index) &&
		      get_msr(vcpu, msr->index, &msr->value);
	}
	snap_put(w, SNAP_MSRS, vcpu->id, saved, nr * sizeof(*saved));
	free(saved);
	return 0;
}

static bool is_listed(const struct vcpu *vcpu, uint32_t index)
{
	const struct kvm_msr_list *list = vcpu->vm->msrs;

	for (unsigned int i = 0; i < list->nmsrs; i++)
		if (list->indices[i] == index)
			return is_kept(index);
	return false;
}

/*
 * These are not just written: the TSC goes on; a deadline needs the TSC;
 * libgmem has to know of clocks; and for the time of the guest's boot KVM would
 * write to memory that the guest has given up since.
 */
static bool is_special(uint32_t index)
{
	static const uint32_t special[] = {
		MSR_TSC, MSR_TSC_DEADLINE, MSR_KVM_WALL_CLOCK,
		MSR_KVM_WALL_CLOCK_NEW, MSR_KVM_SYSTEM_TIME,
		MSR_KVM_SYSTEM_TIME_NEW,
	};

	for (unsigned int i = 0; i < COUNT(special); i++)
		if (special[i] == index)
			return true;
	return false;
}

/* What a new vCPU has anyway isn't written: KVM may not permit that. */
static int restore_plain_msr(const struct vcpu *vcpu,
			     const struct saved_msr *msr)
{
	uint64_t now;

	if (get_msr(vcpu, msr->index, &now) && now == msr->value)
		return 0;
	return set_msr(vcpu, msr->index, msr->value);
}

static uint64_t find_msr(const struct saved_msr *msrs, unsigned int nr,
			 uint32_t index)
{
	for (unsigned int i = 0; i < nr; i++)
		if (msrs[i].index == index)
			return msrs[i].value;
	return 0;
}

/*
 * The TSCs of all vCPUs differ by less than a second from what they should be,
 * and so KVM takes them for synchronised.
 */
static int restore_tsc(const struct vcpu *vcpu, uint64_t tsc, uint32_t khz)
{
	uint64_t passed = time_since(vcpu->vm->saved_clock.realtime_ns);

	tsc += (unsigned __int128)passed * khz / 1000000;
	return set_msr(vcpu, MSR_TSC, tsc);
}

static int restore_clock(const struct vcpu *vcpu, uint64_t value)
{
	if (!(value & KVM_MSR_ENABLED))
		return 0;
	if (gmem_vm_write_msr(vcpu->vm->gmem, vcpu->fd,
			      MSR_KVM_SYSTEM_TIME_NEW, value))
		return fail_gmem("--restore: vCPU %u: kvm-clock", vcpu->id);
	return 0;
}

static int restore_special_msrs(const struct vcpu *vcpu,
				const struct saved_msr *msrs, unsigned int nr,
				uint32_t tsc_khz)
{
	uint64_t deadline = find_msr(msrs, nr, MSR_TSC_DEADLINE);

	if (restore_tsc(vcpu, find_msr(msrs, nr, MSR_TSC), tsc_khz) ||
	    restore_clock(vcpu, find_msr(msrs, nr, MSR_KVM_SYSTEM_TIME_NEW)))
		return -1;
	return deadline ? set_msr(vcpu, MSR_TSC_DEADLINE, deadline) : 0;
}

static int restore_msrs(const struct vcpu *vcpu, struct snap_reader *r,
			uint32_t tsc_khz)
{
	size_t size = 0;
	const struct saved_msr *msrs =
		snap_next(r, SNAP_MSRS, vcpu->id, &size,
			  vcpu->vm->msrs->nmsrs * sizeof(*msrs));
	unsigned int nr = size / sizeof(*msrs);

	if (!msrs)
		return -1;
	if (size % sizeof(*msrs))
		return snap_bad(r, "the list of MSRs");
	for (unsigned int i = 0; i < nr; i++) {
		if (!is_listed(vcpu, msrs[i].index))
			return fail("--restore: %s has MSR %#x, which this host's KVM doesn't know: restore it on a host with the kernel where it was made",
				    r->path, msrs[i].index);
		if (!is_special(msrs[i].index) &&
		    restore_plain_msr(vcpu, &msrs[i]))
			return -1;
	}
	return restore_special_msrs(vcpu, msrs, nr, tsc_khz);
}

/* ---- the TSC's frequency ---- */

static int save_tsc_khz(const struct vcpu *vcpu, struct snap_writer *w)
{
	int khz = ioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0);
	uint32_t saved = khz;

	if (khz <= 0)
		return fail_errno("KVM_GET_TSC_KHZ");
	snap_put(w, SNAP_TSC_KHZ, vcpu->id, &saved, sizeof(saved));
	return 0;
}

static int restore_tsc_khz(const struct vcpu *vcpu, struct snap_reader *r,
			   uint32_t *khz)
{
	if (snap_get(r, SNAP_TSC_KHZ, vcpu->id, khz, sizeof(*khz)))
		return -1;
	if (ioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0) == (int)*khz ||
	    !ioctl(vcpu->fd, KVM_SET_TSC_KHZ, (unsigned long)*khz))
		return 0;
	return fail("--restore: this host's TSC can't run at the %u kHz of the snapshot: restore it on the host where it was made",
		    *khz);
}

/* ---- a vCPU ---- */

static int save_vcpu(const struct vcpu *vcpu, struct snap_writer *w)
{
	struct kvm_mp_state state;

	/* KVM handles a start-up IPI now that would change the rest later. */
	if (ioctl(vcpu->fd, KVM_GET_MP_STATE, &state))
		return fail_errno("KVM_GET_MP_STATE");
	snap_put(w, SNAP_CPUID, vcpu->id, vcpu->cpuid->entries,
		 cpuid_size(vcpu));
	if (save_tsc_khz(vcpu, w) ||
	    save_parts(vcpu, w, first_parts, COUNT(first_parts)) ||
	    save_xsave(vcpu, w) || save_msrs(vcpu, w))
		return -1;
	return save_parts(vcpu, w, last_parts, COUNT(last_parts));
}

static int restore_vcpu(const struct vcpu *vcpu, struct snap_reader *r)
{
	uint32_t tsc_khz;

	if (check_cpuid(vcpu, r) || restore_tsc_khz(vcpu, r, &tsc_khz) ||
	    restore_parts(vcpu, r, first_parts, COUNT(first_parts)) ||
	    restore_xsave(vcpu, r) || restore_msrs(vcpu, r, tsc_khz))
		return -1;
	return restore_parts(vcpu, r, last_parts, COUNT(last_parts));
}

/* KVM may have to read page tables, or to write what an MSR points to. */
int kvmstate_save_vcpu(struct vcpu *vcpu, struct snap_writer *w)
{
	struct gmem_window window;
	int ret;

	if (guest_open_for_kvm(&vcpu->vm->guest, &window))
		return fail_gmem("vCPU %u", vcpu->id);
	ret = save_vcpu(vcpu, w);
	gmem_window_close(&window);
	return ret;
}

int kvmstate_restore_vcpu(struct vcpu *vcpu, struct snap_reader *r)
{
	struct gmem_window window;
	int ret;

	if (guest_open_for_kvm(&vcpu->vm->guest, &window))
		return fail_gmem("vCPU %u", vcpu->id);
	ret = restore_vcpu(vcpu, r);
	gmem_window_close(&window);
	return ret;
}

/* KVM_KVMCLOCK_CTRL fails if the guest has no kvm-clock: no error. */
int kvmstate_start_clocks(struct vcpu *vcpus, unsigned int nr)
{
	struct vm *vm = vcpus->vm;
	struct kvm_clock_data clock = {
		.clock = vm->saved_clock.ns +
			 time_since(vm->saved_clock.realtime_ns),
	};

	if (ioctl(vm->fd, KVM_SET_CLOCK, &clock))
		return fail_errno("KVM_SET_CLOCK");
	for (unsigned int i = 0; i < nr; i++)
		ioctl(vcpus[i].fd, KVM_KVMCLOCK_CTRL, 0);
	return 0;
}
