// SPDX-License-Identifier: GPL-2.0
#include <sys/signalfd.h>

#include "signals.h"

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

	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

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
