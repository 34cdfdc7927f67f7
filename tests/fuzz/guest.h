/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the fuzzer's guest and the worker that runs it agree on. The guest does
 * one thing after the other, as the order in its own memory says, and ticks
 * after each: KVM_RUN returns.
 */
#ifndef FUZZ_GUEST_H
#define FUZZ_GUEST_H

#include "../guard/guest.h"

#define GUEST_ORDERS		0x90000UL	/* one for each vCPU */
#define GUEST_BUFFER		0x100000UL
#define GUEST_BUFFER_SIZE	0x80000UL

/* What the guest's guest writes to: then KVM_RUN returns from within it. */
#define GUEST_L2_PORT		0x11

enum guest_task { TASK_NONE, TASK_STORE, TASK_LOAD, TASK_NESTED };

struct guest_order {
	uint64_t task;
	uint64_t addr;
	uint64_t size;
	uint64_t byte;
	uint64_t l2_ran;	/* the guest's guest ended as it should */
};

#endif /* FUZZ_GUEST_H */
