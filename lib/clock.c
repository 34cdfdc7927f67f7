// SPDX-License-Identifier: MIT
/*
 * Clocks: KVM keeps the page of a vCPU's kvm-clock mapped in the kernel. The
 * guest names that page by writing an MSR. The VMM traps the write; the library
 * exposes the page, and then passes the write on to KVM. The page stays exposed
 * until the guest moves the clock or disables it.
 *
 * The library also records a clock at an address where the guest has no memory:
 * a slot may be added there later, and then KVM looks the page up.
 */
#include <linux/kvm.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "internal.h"

/* ---- places ---- */

static struct place place_of(const struct clock *clock,
			     const struct slot *slots, unsigned int nr)
{
	uint64_t page = clock->guest_address & -GMEM_PAGE_SIZE;
	struct place place = {};
	unsigned int i;

	for (i = 0; i < nr && clock->enabled; i++) {
		const struct slot *slot = &slots[i];

		/* KVM uses address space 0 for clocks, not that of SMM. */
		if (slot->id >> 16 || page < slot->guest_address ||
		    page - slot->guest_address >= slot->size)
			continue;
		place = slot->at;
		place.offset += page - slot->guest_address;
	}
	return place;
}

/* Memory of other backends is in the direct map anyway. */
static int expose(struct place *place)
{
	int ret;

	if (!place->region ||
	    place->region->public.backend != GMEM_BACKEND_GMEMFS)
		return 0;
	ret = gmem_expose(place->region, place->offset);
	if (ret)
		place->region = NULL;
	return ret;
}

static void unexpose(struct place *place)
{
	if (place->region &&
	    place->region->public.backend == GMEM_BACKEND_GMEMFS)
		gmem_unexpose(place->region, place->offset);
	place->region = NULL;
}

static void settle(struct clock *clock, bool changed)
{
	if (!changed) {
		unexpose(&clock->next);
		return;
	}
	unexpose(&clock->at);
	clock->at = clock->next;
	clock->next.region = NULL;
}

int gmem_clocks_prepare(struct gmem_vm *vm, const struct slot *slots,
			unsigned int nr_slots)
{
	unsigned int i;
	int ret;

	for (i = 0; i < vm->nr_clocks; i++) {
		struct clock *clock = &vm->clocks[i];

		clock->next = place_of(clock, slots, nr_slots);
		ret = expose(&clock->next);
		if (ret) {
			gmem_clocks_settle(vm, false);
			return ret;
		}
	}
	return 0;
}

void gmem_clocks_settle(struct gmem_vm *vm, bool changed)
{
	unsigned int i;

	for (i = 0; i < vm->nr_clocks; i++)
		settle(&vm->clocks[i], changed);
}

/* ---- the MSRs ---- */

#if defined(__x86_64__)

static const uint32_t clock_msrs[] = GMEM_CLOCK_MSRS;

#define NR_CLOCK_MSRS	(sizeof(clock_msrs) / sizeof(clock_msrs[0]))
#define CLOCK_ENABLED	1ULL
#define CLOCK_SIZE	32	/* struct pvclock_vcpu_time_info */

static bool is_clock_msr(uint32_t index)
{
	unsigned int i;

	for (i = 0; i < NR_CLOCK_MSRS; i++)
		if (clock_msrs[i] == index)
			return true;
	return false;
}

/*
 * An entry found by the descriptor may be that of a vCPU that was closed; the
 * new vCPU takes the entry over.
 */
static struct clock *get_clock(struct gmem_vm *vm, int vcpu_fd)
{
	struct clock *clocks;
	unsigned int i;

	for (i = 0; i < vm->nr_clocks; i++)
		if (vm->clocks[i].vcpu_fd == vcpu_fd)
			return &vm->clocks[i];
	clocks = realloc(vm->clocks, (vm->nr_clocks + 1) * sizeof(*clocks));
	if (!clocks) {
		gmem_fail(-ENOMEM, "no memory for the record of a clock");
		return NULL;
	}
	vm->clocks = clocks;
	clocks += vm->nr_clocks++;
	*clocks = (struct clock){ .vcpu_fd = vcpu_fd };
	return clocks;
}

static int set_msr(int vcpu_fd, uint32_t index, uint64_t value)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = {
		.head.nmsrs = 1,
		.entry = { .index = index, .data = value },
	};
	struct kvm_rights rights;
	int done = gmem_windows_enter_kvm(&rights);

	if (done)
		return done;
	done = ioctl(vcpu_fd, KVM_SET_MSRS, &msrs);
	gmem_windows_leave_kvm(&rights);
	if (done < 0)
		return gmem_fail_errno("KVM_SET_MSRS on descriptor %d",
				       vcpu_fd);
	if (!done)
		return gmem_fail(-EINVAL, "KVM refuses %#llx for MSR %#x",
				 (unsigned long long)value, index);
	return 0;
}

/*
 * KVM refuses a clock that crosses the end of a page. But KVM_SET_MSRS
 * succeeds, and KVM keeps the clock that it has (__kvm_gpc_activate()).
 */
static bool is_ignored(uint64_t value)
{
	return value & CLOCK_ENABLED &&
	       (value & ~CLOCK_ENABLED) % GMEM_PAGE_SIZE + CLOCK_SIZE >
	       GMEM_PAGE_SIZE;
}

static int write_clock(struct gmem_vm *vm, int vcpu_fd, uint32_t index,
		       uint64_t value)
{
	struct clock *clock = get_clock(vm, vcpu_fd), new;
	int ret;

	if (!clock)
		return -ENOMEM;
	if (is_ignored(value))
		return set_msr(vcpu_fd, index, value);
	new = *clock;
	new.enabled = value & CLOCK_ENABLED;
	new.guest_address = value & ~CLOCK_ENABLED;
	new.next = place_of(&new, vm->slots, vm->nr_slots);
	ret = expose(&new.next);
	if (ret)
		return ret;
	ret = set_msr(vcpu_fd, index, value);
	settle(&new, !ret);
	if (!ret)
		*clock = new;
	return ret;
}

EXPORT int gmem_vm_write_msr(struct gmem_vm *vm, int vcpu_fd, uint32_t index,
			     uint64_t value)
{
	int ret = gmem_check_generation(vm->generation, "VM");
	int cancel NOT_CANCELLED = gmem_cancel_off();

	if (ret)
		return ret;
	if (!is_clock_msr(index))
		return gmem_fail(-EINVAL, "MSR %#x is not one of GMEM_CLOCK_MSRS; write it by KVM_SET_MSRS",
				 index);
	pthread_mutex_lock(&vm->lock);
	ret = write_clock(vm, vcpu_fd, index, value);
	pthread_mutex_unlock(&vm->lock);
	return ret;
}

EXPORT int gmem_vm_handle_exit(struct gmem_vm *vm, int vcpu_fd,
			       struct kvm_run *run)
{
	int ret;

	if (run->exit_reason != KVM_EXIT_X86_WRMSR ||
	    run->msr.reason != KVM_MSR_EXIT_REASON_FILTER ||
	    !is_clock_msr(run->msr.index))
		return 0;
	ret = gmem_vm_write_msr(vm, vcpu_fd, run->msr.index, run->msr.data);
	run->msr.error = !!ret;
	/* The guest wrote a bad value and gets #GP: no error for the VMM. */
	return ret && ret != -EINVAL ? ret : 1;
}

EXPORT int gmem_vm_trap_clocks(struct gmem_vm *vm)
{
	/* A bit for each MSR of a range, in whole words; 0 denies the write. */
	static uint64_t none_allowed;
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_X86_USER_SPACE_MSR,
		.args[0] = KVM_MSR_EXIT_REASON_FILTER,
	};
	struct kvm_msr_filter filter = {
		.flags = KVM_MSR_FILTER_DEFAULT_ALLOW,
	};
	int ret = gmem_check_generation(vm->generation, "VM");
	unsigned int i;

	if (ret)
		return ret;
	for (i = 0; i < NR_CLOCK_MSRS; i++)
		filter.ranges[i] = (struct kvm_msr_filter_range){
			.flags = KVM_MSR_FILTER_WRITE,
			.nmsrs = 1,
			.base = clock_msrs[i],
			.bitmap = (uint8_t *)&none_allowed,
		};
	if (ioctl(vm->fd, KVM_ENABLE_CAP, &cap))
		return gmem_fail_errno("KVM_CAP_X86_USER_SPACE_MSR");
	if (ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, &filter))
		return gmem_fail_errno("KVM_X86_SET_MSR_FILTER");
	return 0;
}

EXPORT int gmem_vcpu_enforce_cpuid(int vcpu_fd)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_ENFORCE_PV_FEATURE_CPUID,
		.args[0] = 1,
	};

	if (ioctl(vcpu_fd, KVM_ENABLE_CAP, &cap))
		return gmem_fail_errno("KVM_CAP_ENFORCE_PV_FEATURE_CPUID");
	return 0;
}

#define CPUID_1_ECX_VMX			(1U << 5)
#define CPUID_80000001_ECX_SVM		(1U << 2)

EXPORT void gmem_cpuid_forbid_nesting(struct kvm_cpuid2 *cpuid)
{
	struct kvm_cpuid_entry2 *entry = cpuid->entries;
	unsigned int i;

	for (i = 0; i < cpuid->nent; i++, entry++) {
		if (entry->function == 1)
			entry->ecx &= ~CPUID_1_ECX_VMX;
		else if (entry->function == 0x80000001)
			entry->ecx &= ~CPUID_80000001_ECX_SVM;
	}
}

#else

static int only_x86(void)
{
	return gmem_fail(-EOPNOTSUPP, "this call is for x86 only; other architectures don't need it");
}

EXPORT int gmem_vm_write_msr(struct gmem_vm *vm, int vcpu_fd, uint32_t index,
			     uint64_t value)
{
	(void)vm, (void)vcpu_fd, (void)index, (void)value;
	return only_x86();
}

EXPORT int gmem_vm_handle_exit(struct gmem_vm *vm, int vcpu_fd,
			       struct kvm_run *run)
{
	(void)vm, (void)vcpu_fd, (void)run;
	return 0;
}

EXPORT int gmem_vm_trap_clocks(struct gmem_vm *vm)
{
	(void)vm;
	return only_x86();
}

EXPORT int gmem_vcpu_enforce_cpuid(int vcpu_fd)
{
	(void)vcpu_fd;
	return only_x86();
}

EXPORT void gmem_cpuid_forbid_nesting(struct kvm_cpuid2 *cpuid)
{
	(void)cpuid;
}

#endif
