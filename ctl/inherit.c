// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctl.h"
#include "inherit.h"

/*
 * @fd is the lowest free descriptor, so open() returns it. Descriptor 0 is
 * opened for writing, the others for reading, so that every use is an error.
 */
static void open_null(int fd)
{
	if (open("/dev/null", fd ? O_RDONLY : O_WRONLY) != fd)
		_exit(CTL_FAILED);
}

/*
 * If SIGCHLD were ignored, helpers would not become zombies when they end, and
 * their pids could soon be those of other processes.
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
