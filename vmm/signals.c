// SPDX-License-Identifier: GPL-2.0
/* The signals that end the guest: blocked, and then waited for. */
#include <stdbool.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "signals.h"
#include "status.h"

static sigset_t ending(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	return set;
}

static sigset_t all(void)
{
	sigset_t set = ending();

	sigaddset(&set, SIGCHLD);
	return set;
}

void signals_block(void)
{
	sigset_t set = all();

	/* The process that starts gmemvm may have blocked thread.c's signal. */
	sigprocmask(SIG_SETMASK, &set, NULL);
	/* If it is ignored, waitpid() gets no status of a child. */
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
}

/* ---- while no thread reads them ---- */

static bool is_over;	/* atomic */

/* thread_end() interrupts sigwaitinfo(). */
static void *watch(void *arg)
{
	sigset_t set = ending();

	while (sigwaitinfo(&set, NULL) < 0)
		if (__atomic_load_n(&is_over, __ATOMIC_ACQUIRE))
			return arg;
	_exit(STATUS_OK);
}

int signals_watch(struct thread *thread)
{
	return thread_start(thread, "signals", watch, NULL);
}

int signals_unwatch(struct thread *thread)
{
	__atomic_store_n(&is_over, true, __ATOMIC_RELEASE);
	return thread_end(thread, "signals", THREAD_PATIENCE_MS);
}

/* ---- to read them ---- */

int signals_open(void)
{
	sigset_t set = ending();

	return signalfd(-1, &set, SFD_CLOEXEC);
}

int signals_wait(void)
{
	sigset_t set = all();
	int signal;

	do
		signal = sigwaitinfo(&set, NULL);
	while (signal < 0);
	return signal;
}
