// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctl.h"
#include "inherit.h"

/* The lowest that is free is @fd then. Open the other way, it can't be used. */
static void open_null(int fd)
{
	if (open("/dev/null", fd ? O_RDONLY : O_WRONLY) != fd)
		_exit(CTL_FAILED);
}

/*
 * If SIGCHLD were ignored, the numbers of helpers that have ended would be
 * others' before long.
 */
void inherit_begin(void)
{
	sigset_t none;

	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open_null(fd);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}
