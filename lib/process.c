// SPDX-License-Identifier: MIT
/*
 * Events that a thread may meet while it is in the library.
 *
 * Signals: a handler may open windows, and may need the lock for that. So a
 * thread that holds the lock has signals blocked. Signals of faults are not
 * blocked: a fault under the lock is a bug, and ends the process.
 *
 * fork(): the child has none of its parent's regions mapped, it has only the
 * thread that forked, and other memory may soon come to the same addresses. So
 * the forking thread holds the lock while the process is copied. Then the child
 * forgets all regions. Calls for a parent's region return -ESTALE there.
 */
#include <signal.h>

#include "internal.h"
#include "keys.h"
#include "process.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* The signals that the lock's holder had blocked before; under the lock. */
static sigset_t blocked;
static unsigned int generation;	/* atomic */

/* ---- signals ---- */

static void all_but_faults(sigset_t *set)
{
	static const int faults[] = {
		SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGABRT,
	};
	unsigned int i;

	sigfillset(set);
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigdelset(set, faults[i]);
}

void gmem_windows_lock(void)
{
	sigset_t most, before;

	all_but_faults(&most);
	pthread_sigmask(SIG_BLOCK, &most, &before);
	pthread_mutex_lock(&lock);
	blocked = before;
}

void gmem_windows_unlock(void)
{
	sigset_t before = blocked;

	pthread_mutex_unlock(&lock);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* ---- fork() ---- */

unsigned int gmem_generation(void)
{
	return __atomic_load_n(&generation, __ATOMIC_RELAXED);
}

int gmem_check_generation(unsigned int its, const char *what)
{
	if (its == gmem_generation())
		return 0;
	return gmem_fail(-ESTALE, "this %s was made before fork(), and belongs to the parent process; make another one",
			 what);
}

static void in_child(void)
{
	__atomic_fetch_add(&generation, 1, __ATOMIC_RELAXED);
	gmem_keys_forked();
	gmem_windows_forked();
	gmem_fault_forked();
	gmem_windows_unlock();
}

__attribute__((constructor)) static void see_forks(void)
{
	pthread_atfork(gmem_windows_lock, gmem_windows_unlock, in_child);
}
