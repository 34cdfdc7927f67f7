// SPDX-License-Identifier: GPL-2.0
/*
 * KVM looks a page up again and again while its MMU notifier runs for the VMM,
 * and on 6.12 for as long as that goes on. A VMM can make it go on. Each
 * look-up borrows the page. KVM keeps one at most, so the others' loans and
 * their records must not pile up.
 */
#include "kvm.h"
#include "../module/gmem_test.h"

#include <pthread.h>

#define GUEST_AT	0x40000000ul
#define THREADS		16
#define SECONDS		5
#define FEW		500	/* records; a slab of them has 128 */

static volatile bool stop;

/* The notifier runs for memory that is in no slot as well. */
static void *notify(void *unused)
{
	size_t size = 16 * PAGE;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	while (!stop) {
		memset(p, 1, size);
		madvise(p, size, MADV_DONTNEED);
	}
	munmap(p, size);
	return unused;
}

static void *set_clock(void *vcpu)
{
	uint64_t page = 0;

	while (!stop)
		vcpu_set_msr(vcpu, MSR_CLOCK,
			     (GUEST_AT + page++ % 8 * PAGE) | 1);
	return NULL;
}

static long records(void)
{
	long n = number_in("/proc/slabinfo", "kmalloc-cg-32");

	return n >= 0 ? n : number_in("/proc/slabinfo", "kmalloc-32");
}

static long watch_records(void)
{
	long before = records(), most = 0, now;
	int i;

	for (i = 0; i < SECONDS * 10; i++) {
		usleep(100000);
		now = records() - before;
		most = now > most ? now : most;
	}
	return most;
}

int main(void)
{
	pthread_t threads[THREADS], clock;
	int fd = new_file(BLOCK), i;
	char *mem = map(fd, BLOCK);
	struct vm vm;
	long most;

	memset(mem, 0, BLOCK);
	vm_make(&vm, 1, false);
	must(vm_set_slot(&vm, 1, GUEST_AT, mem, BLOCK));
	for (i = 0; i < THREADS; i++)
		must(-pthread_create(&threads[i], NULL, notify, NULL));
	must(-pthread_create(&clock, NULL, set_clock, &vm.vcpus[0]));
	most = watch_records();
	stop = true;
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_join(clock, NULL);
	ok(most < FEW, "%ld records at once at most", most);
	vm_free(&vm);
	ok(becomes("lent_bytes", 0), "none when the VM is gone");
	munmap(mem, BLOCK);
	close(fd);
	nothing_is_left();
	return done_testing();
}
