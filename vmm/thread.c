// SPDX-License-Identifier: GPL-2.0
/* Threads: started, and interrupted until they end. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>

#include "error.h"
#include "thread.h"

/* The signal that interrupts a thread's system call. */
#define KICK	SIGUSR1
#define STEP_MS	20

static void kicked(int signal)
{
	(void)signal;
}

int thread_start(struct thread *t, const char *what, void *(*run)(void *arg),
		 void *arg)
{
	/* Without SA_RESTART, so that system calls return -EINTR. */
	struct sigaction action = { .sa_handler = kicked };

	sigaction(KICK, &action, NULL);
	errno = pthread_create(&t->id, NULL, run, arg);
	if (errno)
		return fail_errno("can't start a thread for %s", what);
	__atomic_store_n(&t->started, true, __ATOMIC_RELEASE);
	return 0;
}

void thread_interrupt(struct thread *t)
{
	if (__atomic_load_n(&t->started, __ATOMIC_ACQUIRE))
		pthread_kill(t->id, KICK);
}

/* ---- time ---- */

/* Only the thread that ends the others uses it. */
static int64_t all_until = INT64_MAX;

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

void threads_end_within(int patience_ms)
{
	all_until = now_ms() + patience_ms;
}

static bool ends_within(struct thread *t, int ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += ms * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	return !pthread_clockjoin_np(t->id, NULL, CLOCK_MONOTONIC, &until);
}

/*
 * The signal is sent repeatedly: one that arrives after the thread has checked
 * its flag, but before it is in its system call, has no effect.
 */
int thread_end(struct thread *t, const char *what, int patience_ms)
{
	int64_t until = now_ms() + patience_ms;

	if (!t->started)
		return 0;
	if (until > all_until)
		until = all_until;
	do {
		pthread_kill(t->id, KICK);
		if (ends_within(t, STEP_MS)) {
			t->started = false;
			return 0;
		}
	} while (now_ms() < until);
	return fail("%s doesn't end within %d ms: gmemvm ends without it",
		    what, patience_ms);
}
