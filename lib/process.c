// SPDX-License-Identifier: MIT
/*
 * What comes to a thread from outside while it is in the library.
 *
 * Signals: a handler may open windows, for which it may need the lock. So none
 * runs in a thread that has it. What a thread does to itself, by a fault, isn't
 * held back: in here that is an error, and would end the process.
 *
 * fork(): the child has none of its parent's regions mapped, only the thread
 * that forked, and other memory at the same addresses before long. So the lock
 * is held while the process is copied, and then the child forgets all regions;
 * those that a program still has there answer -ESTALE.
 */
#include <signal.h>

#include "internal.h"
#include "keys.h"
#include "process.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Under the lock: the signals that were blocked before. */
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
	return gmem_fail(-ESTALE, "this %s was made before fork(), and is the parent process's; make another one",
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
