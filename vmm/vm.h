/* SPDX-License-Identifier: GPL-2.0 */
/* The machine without its CPUs: KVM's VM, its memory, interrupts and buses. */
#ifndef VM_H
#define VM_H

#include <gmem.h>
#include <stdbool.h>
#include <stdint.h>

#include "bus.h"
#include "error.h"
#include "guest.h"
#include "iopool.h"
#include "options.h"

enum vm_end {
	VM_RUNS,
	VM_POWERED_OFF,
	VM_RESET,
	VM_QUIT,	/* the user has had enough */
	VM_FAILED,
};

struct vm {
	int kvm_fd;
	int fd;
	int end_fd;		/* an eventfd: the end has come */
	int end;		/* enum vm_end, atomic */
	struct gmem_region *region;
	struct gmem_vm *gmem;	/* its slots and clocks */
	struct guest guest;
	struct io_pool io_pool;
	struct bus ports;
	struct bus memory;	/* where there is no memory */
	struct seldom *resets;	/* of all lives: what is said of them */
};

void vm_init(struct vm *vm);

/* After vm_init(). Return: 0, or -1 said why */
int vm_create(struct vm *vm, const struct memory_options *memory);
void vm_destroy(struct vm *vm);

/* After the last vcpu_create(): /dev/kvm itself isn't needed any more. */
void vm_leave_kvm(struct vm *vm);

/* From any thread. The first one counts. */
void vm_end(struct vm *vm, enum vm_end end);

/* Has it been called? What waits for others then doesn't go on. */
bool vm_has_ended(const struct vm *vm);

/* An input of the interrupt controllers. */
void vm_set_irq(struct vm *vm, unsigned int irq, int level);

/* An eventfd that triggers it, for an interrupt that is an edge. */
int vm_irq_fd(struct vm *vm, unsigned int irq, int fd);

/* An eventfd that is signalled by the guest's write of @value, 4 bytes. */
int vm_write_fd(struct vm *vm, uint64_t address, uint32_t value, int fd);

#endif
