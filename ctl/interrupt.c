// SPDX-License-Identifier: GPL-2.0
/* Signals that would end the program wait meanwhile. */
#include <stddef.h>

#include "interrupt.h"

static const int signals[] = { SIGHUP, SIGINT, SIGTERM };

#define NR_SIGNALS	(sizeof(signals) / sizeof(*signals))

/* One that is ignored would wait, too, if it were blocked: under nohup. */
static bool is_ignored(int number)
{
	struct sigaction action;

	return !sigaction(number, NULL, &action) &&
	       action.sa_handler == SIG_IGN;
}

void interrupt_hold(sigset_t *before)
{
	sigset_t set;

	/* A file that may become no longer is an error of write() then. */
	signal(SIGXFSZ, SIG_IGN);
	sigemptyset(&set);
	for (size_t i = 0; i < NR_SIGNALS; i++)
		if (!is_ignored(signals[i]))
			sigaddset(&set, signals[i]);
	sigprocmask(SIG_BLOCK, &set, before);
}

bool interrupt_came(void)
{
	sigset_t set;

	sigpending(&set);
	for (size_t i = 0; i < NR_SIGNALS; i++)
		if (sigismember(&set, signals[i]))
			return true;
	return false;
}

void interrupt_release(const sigset_t *before)
{
	sigprocmask(SIG_SETMASK, before, NULL);
}
