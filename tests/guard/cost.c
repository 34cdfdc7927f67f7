// SPDX-License-Identifier: GPL-2.0
/*
 * cost VCPUS: what a fault of a guest costs whose memory is not gmemfs's. Has
 * KVM map all pages of a memfd into a guest, one by one, as the faults of its
 * vCPUs would, and prints how many nanoseconds each took: instructions, where
 * the host's clock counts these (hostvm/run --icount). The least of some
 * rounds, since a timer may fall into any. cost.sh runs it with and without the
 * module.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "kvm.h"
#include "../module/gmem_test.h"

#define SIZE	(16 * BLOCK)
#define ROUNDS	8

struct part {
	struct vcpu *vcpu;
	uint64_t at;
	uint64_t size;
	pthread_t thread;
};

static struct vm vm;
static char *mem;

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000UL + ts.tv_nsec;
}

static void *fault_part(void *arg)
{
	struct part *part = arg;
	struct kvm_pre_fault_memory range = {
		.gpa = GUEST_FILE + part->at,
		.size = part->size,
	};

	while (range.size)
		if (ioctl(part->vcpu->fd, KVM_PRE_FAULT_MEMORY, &range) &&
		    errno != EINTR && errno != EAGAIN)
			bail_out("KVM_PRE_FAULT_MEMORY: %s", strerror(errno));
	return NULL;
}

/*
 * From the guest: from the process, too, which has it back at once. To remove
 * the slot would do the same, but Linux 6.12's KVM_PRE_FAULT_MEMORY then tries
 * for ever, with a root that only KVM_RUN replaces.
 */
static void unmap_all(void)
{
	must(madvise(mem, SIZE, MADV_DONTNEED));
	must(madvise(mem, SIZE, MADV_POPULATE_WRITE));
}

/* Each vCPU its part of the memory, all at once. */
static uint64_t fault_all(unsigned int vcpus)
{
	struct part parts[VM_MAX_VCPUS];
	uint64_t begin = now();
	unsigned int i;

	for (i = 0; i < vcpus; i++) {
		parts[i].vcpu = &vm.vcpus[i];
		parts[i].size = SIZE / vcpus;
		parts[i].at = i * parts[i].size;
		errno = pthread_create(&parts[i].thread, NULL, fault_part,
				       &parts[i]);
		must(errno ? -1 : 0);
	}
	for (i = 0; i < vcpus; i++)
		pthread_join(parts[i].thread, NULL);
	return now() - begin;
}

int main(int argc, char **argv)
{
	unsigned int vcpus = argc > 1 ? atoi(argv[1]) : 1;
	uint64_t least = UINT64_MAX, took;
	unsigned int round;
	int fd;

	tap_finished = true;
	fd = must(memfd_create("cost", MFD_CLOEXEC));
	must(ftruncate(fd, SIZE));
	mem = map(fd, SIZE);
	memset(mem, 1, SIZE);
	vm_make(&vm, vcpus, false);
	must(vm_set_slot(&vm, 1, GUEST_FILE, mem, SIZE));
	for (round = 0; round < ROUNDS; round++) {
		unmap_all();
		took = fault_all(vcpus);
		least = took < least ? took : least;
	}
	vm_free(&vm);
	printf("%lu\n", least / (SIZE / PAGE));
	return 0;
}
