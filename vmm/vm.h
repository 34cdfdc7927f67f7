/* SPDX-License-Identifier: GPL-2.0 */
/* A VM without its vCPUs: KVM's VM, its memory, interrupts and buses. */
#ifndef VM_H
#define VM_H

#include <gmem.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus.h"
#include "error.h"
#include "guest.h"
#include "iopool.h"
#include "layout.h"
#include "options.h"

enum vm_end {
	VM_RUNS,
	VM_POWERED_OFF,
	VM_RESET,
	VM_QUIT,	/* by Ctrl-A x or a signal */
	VM_SAVED,	/* in a snapshot */
	VM_FAILED,
};

/*
 * All warnings of a guest. They are in memory that all of its lives share: a
 * reset costs the guest nothing, and makes no warning new.
 */
struct warnings {
	struct seldom resets;
	struct seldom clocks;
	struct seldom queues[VIRTIO_MAX];	/* by the device's slot */
	struct seldom tap_gone;
	struct seldom tap_offload;
};

/* kvm-clock at the time of a snapshot, and the host's at the same time. */
struct saved_clock {
	uint64_t ns;
	uint64_t realtime_ns;
};

struct kvm_msr_list;

struct vm {
	int kvm_fd;
	int fd;
	int end_fd;		/* an eventfd: vm_end() was called */
	int end;		/* enum vm_end, atomic */
	struct gmem_region *region;
	struct gmem_vm *gmem;	/* libgmem's record of slots and clocks */
	struct guest guest;
	struct io_pool io_pool;
	struct bus ports;
	struct bus memory;	/* MMIO: addresses that are not memory */
	struct warnings *warnings;	/* all runs share them */

	/* What a snapshot has of a vCPU; vcpu_create() needs /dev/kvm. */
	struct kvm_msr_list *msrs;
	size_t xsave_size;
	struct saved_clock saved_clock;

	/* For a snapshot, all vCPUs wait: see vcpu_pause(). */
	pthread_mutex_t pause_lock;
	pthread_cond_t pause_changed;
	bool paused;		/* they are to wait; atomic */
	unsigned int waiting;	/* how many do; under the lock */
};

void vm_init(struct vm *vm);

/* After vm_init(). Return: 0, or -1 after fail() */
int vm_create(struct vm *vm, const struct memory_options *memory);
void vm_destroy(struct vm *vm);

/* Close /dev/kvm, which isn't needed after the last vcpu_create(). */
void vm_leave_kvm(struct vm *vm);

/* End the guest. Any thread may call this; the first call's @end counts. */
void vm_end(struct vm *vm, enum vm_end end);

/* Has vm_end() been called? Threads that wait for others give up then. */
bool vm_has_ended(const struct vm *vm);

/* Set an input of the interrupt controllers. */
void vm_set_irq(struct vm *vm, unsigned int irq, int level);

/*
 * Have an eventfd trigger the input, for an edge interrupt. Return: 0, or -1
 * after fail()
 */
int vm_irq_fd(struct vm *vm, unsigned int irq, int fd);

/*
 * Have the guest's write of @value, 4 bytes, signal an eventfd. Return: 0, or
 * -1 after fail()
 */
int vm_write_fd(struct vm *vm, uint64_t address, uint32_t value, int fd);

#endif
