// SPDX-License-Identifier: GPL-2.0
/* vCPUs: their state at the start, their exits, their threads. */
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "boot.h"
#include "convert.h"
#include "cpuid.h"
#include "error.h"
#include "vcpu.h"

/* ---- the state that firmware would leave ---- */

#define MSR_MISC_ENABLE			0x1a0
#define MISC_ENABLE_FAST_STRING		1
#define MSR_MTRR_DEFAULT		0x2ff
#define MTRR_ENABLE_WRITE_BACK		0x806

static int set_msrs(struct vcpu *vcpu)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entries[2];
	} msrs = {
		.head.nmsrs = 2,
		.entries = {
			{ .index = MSR_MISC_ENABLE,
			  .data = MISC_ENABLE_FAST_STRING },
			{ .index = MSR_MTRR_DEFAULT,
			  .data = MTRR_ENABLE_WRITE_BACK },
		},
	};

	if (ioctl(vcpu->fd, KVM_SET_MSRS, &msrs) != 2)
		return fail_errno("KVM_SET_MSRS");
	return 0;
}

int vcpu_set_entry(struct vcpu *vcpu, uint64_t entry)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs))
		return fail_errno("KVM_GET_SREGS");
	boot_registers(&sregs, &regs, entry);
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs))
		return fail_errno("KVM_SET_SREGS");
	if (ioctl(vcpu->fd, KVM_SET_REGS, &regs))
		return fail_errno("KVM_SET_REGS");
	return 0;
}

/* ---- exits ---- */

static void handle_port(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	char *data = (char *)run + run->io.data_offset;
	unsigned int size = run->io.size;

	for (uint32_t i = 0; i < run->io.count && !vm_has_ended(vcpu->vm);
	     i++, data += size) {
		if (run->io.direction == KVM_EXIT_IO_OUT)
			bus_write(&vcpu->vm->ports, run->io.port, data, size);
		else
			bus_read(&vcpu->vm->ports, run->io.port, data, size);
	}
}

static void handle_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	if (run->mmio.is_write)
		bus_write(&vcpu->vm->memory, run->mmio.phys_addr,
			  run->mmio.data, run->mmio.len);
	else
		bus_read(&vcpu->vm->memory, run->mmio.phys_addr,
			 run->mmio.data, run->mmio.len);
}

static enum vm_end unexpected(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct kvm_regs regs = {};

	ioctl(vcpu->fd, KVM_GET_REGS, &regs);
	switch (run->exit_reason) {
	case KVM_EXIT_SHUTDOWN:
		warn_seldom(&vcpu->vm->warnings->resets,
			    "vCPU %u: triple fault at %#llx: the guest is reset",
			    vcpu->id, (unsigned long long)regs.rip);
		return VM_RESET;
	case KVM_EXIT_INTERNAL_ERROR:
		fail("vCPU %u: KVM can't continue at %#llx (suberror %u)",
		     vcpu->id, (unsigned long long)regs.rip,
		     run->internal.suberror);
		return VM_FAILED;
	case KVM_EXIT_FAIL_ENTRY:
		fail("vCPU %u: the CPU refuses the vCPU's state (reason %#llx)",
		     vcpu->id, (unsigned long long)
		     run->fail_entry.hardware_entry_failure_reason);
		return VM_FAILED;
	default:
		fail("vCPU %u: KVM exit %u at %#llx, which gmemvm can't handle",
		     vcpu->id, run->exit_reason, (unsigned long long)regs.rip);
		return VM_FAILED;
	}
}

/* Only the vCPU's own thread writes these. */
static void count(struct vcpu *vcpu, enum vcpu_exit exit)
{
	__atomic_store_n(&vcpu->exits[exit], vcpu->exits[exit] + 1,
			 __ATOMIC_RELAXED);
}

/* A snapshot may interrupt it, which the guest must not see. */
static int handle_clock(struct vcpu *vcpu)
{
	int ret;

	do
		ret = gmem_vm_handle_exit(vcpu->vm->gmem, vcpu->fd, vcpu->run);
	while (ret == -EINTR && !vm_has_ended(vcpu->vm));
	return ret;
}

static void handle_exit(struct vcpu *vcpu)
{
	int ret = handle_clock(vcpu);

	/* The guest gets #GP, and uses another clocksource. */
	if (ret < 0)
		warn_seldom(&vcpu->vm->warnings->clocks,
			    "vCPU %u: the guest gets no kvm-clock: %s",
			    vcpu->id, gmem_last_error());
	if (ret) {
		count(vcpu, EXIT_CLOCK);
		return;
	}
	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_IO:
		count(vcpu, EXIT_PORT);
		handle_port(vcpu);
		break;
	case KVM_EXIT_MMIO:
		count(vcpu, EXIT_MMIO);
		handle_mmio(vcpu);
		break;
	case KVM_EXIT_HYPERCALL:
		count(vcpu, EXIT_HYPERCALL);
		convert_handle(vcpu->vm, vcpu->run);
		break;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		count(vcpu, EXIT_OTHER);
		break;
	default:
		vm_end(vcpu->vm, unexpected(vcpu));
	}
}

/* ---- pauses ---- */

#define PAUSE_PATIENCE_MS	5000
#define PAUSE_STEP_MS		20

static bool is_paused(const struct vm *vm)
{
	return __atomic_load_n(&vm->paused, __ATOMIC_ACQUIRE);
}

/* Return after a change, or after a while. The caller holds the lock. */
static void wait_a_step(struct vm *vm)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += PAUSE_STEP_MS * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	pthread_cond_clockwait(&vm->pause_changed, &vm->pause_lock,
			       CLOCK_MONOTONIC, &until);
}

/* The end of the VM doesn't wake this thread, so it looks itself. */
static void wait_while_paused(struct vm *vm)
{
	pthread_mutex_lock(&vm->pause_lock);
	vm->waiting++;
	pthread_cond_broadcast(&vm->pause_changed);
	while (is_paused(vm) && !vm_has_ended(vm))
		wait_a_step(vm);
	vm->waiting--;
	pthread_mutex_unlock(&vm->pause_lock);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static bool all_wait(struct vm *vm, unsigned int nr)
{
	bool all;

	pthread_mutex_lock(&vm->pause_lock);
	if (vm->waiting < nr)
		wait_a_step(vm);
	all = vm->waiting == nr;
	pthread_mutex_unlock(&vm->pause_lock);
	return all;
}

int vcpu_pause(struct vcpu *vcpus, unsigned int nr)
{
	int64_t until = now_ms() + PAUSE_PATIENCE_MS;
	struct vm *vm = vcpus->vm;

	__atomic_store_n(&vm->paused, true, __ATOMIC_RELEASE);
	do {
		for (unsigned int i = 0; i < nr; i++) {
			vcpu_tell(&vcpus[i]);
			thread_interrupt(&vcpus[i].thread);
		}
		if (all_wait(vm, nr))
			return 0;
	} while (now_ms() < until && !vm_has_ended(vm));
	vcpu_go_on(vm);
	if (vm_has_ended(vm))
		return fail("the guest ends: no snapshot was made");
	return fail("a vCPU can't be stopped now: it waits for a process to read the guest's console, or converts much memory; try again");
}

void vcpu_go_on(struct vm *vm)
{
	__atomic_store_n(&vm->paused, false, __ATOMIC_RELEASE);
	pthread_mutex_lock(&vm->pause_lock);
	pthread_cond_broadcast(&vm->pause_changed);
	pthread_mutex_unlock(&vm->pause_lock);
}

/* ---- threads ---- */

/*
 * KVM_RUN first completes what the last exit asked for. With immediate_exit it
 * then returns EINTR. So after that, the vCPU's state is whole. EAGAIN may come
 * from libgmem, which has not called KVM.
 *
 * If the VM ends right now, immediate_exit is set after this has cleared it, or
 * the caller sees the end. vcpu_pause() sets it again and again.
 */
static void interrupted(struct vcpu *vcpu)
{
	count(vcpu, EXIT_OTHER);
	if (is_paused(vcpu->vm))
		wait_while_paused(vcpu->vm);
	__atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
}

static void *run_thread(void *arg)
{
	struct vcpu *vcpu = arg;
	int ret;

	while (!vm_has_ended(vcpu->vm)) {
		ret = gmem_vcpu_run(vcpu->fd);
		if (!ret)
			handle_exit(vcpu);
		else if (ret == -EINTR)
			interrupted(vcpu);
		else if (ret == -EAGAIN)
			count(vcpu, EXIT_OTHER);
		else
			vm_end(vcpu->vm,
			       (fail("vCPU %u: KVM_RUN: %s", vcpu->id,
				     strerror(-ret)), VM_FAILED));
	}
	return NULL;
}

int vcpu_start(struct vcpu *vcpu)
{
	return thread_start(&vcpu->thread, "a vCPU", run_thread, vcpu);
}

/* immediate_exit is for a signal that arrives before KVM_RUN. */
void vcpu_tell(struct vcpu *vcpu)
{
	if (__atomic_load_n(&vcpu->thread.started, __ATOMIC_ACQUIRE))
		__atomic_store_n(&vcpu->run->immediate_exit, 1,
				 __ATOMIC_RELEASE);
}

int vcpu_stop(struct vcpu *vcpu)
{
	if (!vcpu->thread.started)
		return 0;
	vcpu_tell(vcpu);
	return thread_end(&vcpu->thread, "a vCPU", THREAD_PATIENCE_MS);
}

/* ---- all ---- */

int vcpu_create(struct vcpu *vcpu, struct vm *vm, unsigned int id,
		unsigned int cpus)
{
	int size = ioctl(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);

	*vcpu = (struct vcpu){ .vm = vm, .id = id };
	vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, id);
	if (size < 0 || vcpu->fd < 0)
		return fail_errno("KVM_CREATE_VCPU");
	vcpu->run_size = size;
	vcpu->run = mmap(NULL, vcpu->run_size, PROT_READ | PROT_WRITE,
			 MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED) {
		vcpu->run = NULL;
		return fail_errno("vCPU %u: mmap", id);
	}
	vcpu->cpuid = cpuid_set(vm->kvm_fd, vcpu->fd, id, cpus);
	if (!vcpu->cpuid)
		return -1;
	return set_msrs(vcpu);
}

void vcpu_destroy(struct vcpu *vcpu)
{
	if (vcpu->run)
		munmap(vcpu->run, vcpu->run_size);
	if (vcpu->fd > 0)
		close(vcpu->fd);
	free(vcpu->cpuid);
}
