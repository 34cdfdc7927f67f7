// SPDX-License-Identifier: GPL-2.0
/*
 * Files are zeroed by tasks that have no address space any more: their last
 * users exit. Such a task has its CPU use that of a task before, until another
 * CPU's flush takes that away. The address of the page that is being zeroed
 * must not depend on it: the module's debug build warns if the address space
 * has changed meanwhile, and the host's kernel log is looked at in the end.
 */
#include "gmem_test.h"

#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>

#define SIZE	(4 * BLOCK)
#define ROUNDS	200
#define APART_US	10000
#define STACK	(64UL << 10)

static volatile bool stop;
static long flushes;

static void use_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	must(sched_setaffinity(0, sizeof(set), &set));
}

/*
 * A page table is freed: all CPUs that use the address space are interrupted.
 * An exiting task's CPU doesn't use it any more after the first interrupt. So
 * that must not come before the zeroing, or after it.
 */
static void *flush(void *unused)
{
	char *p;

	use_cpu(1);
	while (!stop) {
		p = must(mmap(NULL, 2 * BLOCK, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
		p[0] = 1;
		p[BLOCK] = 1;
		munmap(p, 2 * BLOCK);
		__atomic_add_fetch(&flushes, 1, __ATOMIC_RELAXED);
		usleep(random() % APART_US);
	}
	return unused;
}

/*
 * It has our address space, but files of its own. The file goes while the task
 * exits, after that has let go of the address space.
 */
static int fill_and_exit(void *unused)
{
	int fd = new_file(SIZE);

	(void)unused;
	must(fallocate(fd, 0, 0, SIZE));
	_exit(0);
}

int main(void)
{
	char *stack = must(mmap(NULL, STACK, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	int i, status, good = 0;
	pthread_t thread;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		skip(2, "needs two CPUs");
		return done_testing();
	}
	/* Huge pages would need no page table. */
	must(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	if (pthread_create(&thread, NULL, flush, NULL))
		bail_out("no thread");
	use_cpu(0);
	for (i = 0; i < ROUNDS; i++) {
		must(clone(fill_and_exit, stack + STACK, CLONE_VM | SIGCHLD,
			   NULL));
		must(wait(&status));
		good += !status;
	}
	stop = true;
	pthread_join(thread, NULL);
	is(good, ROUNDS, "tasks exit, the last users of their files");
	ok(flushes > ROUNDS, "while another CPU flushes: %ld times", flushes);
	nothing_is_left();
	return done_testing();
}
