// SPDX-License-Identifier: GPL-2.0
/*
 * Memory on demand: gmem-pager, in a process of its own, so that it keeps its
 * own sandbox, and gmemvm needs no right to fill what the guest touches. It
 * gets the file as a descriptor, since the file may have no name.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "error.h"
#include "pager.h"

#define PROGRAM	"gmem-pager"

/* In the child. It is ended by a signal when gmemvm's first thread is gone. */
static _Noreturn void become_pager(const char *from, int memory_fd, int ready,
				   pid_t parent)
{
	char file[64], ready_text[32], from_text[4200];

	/* It gets nothing else, such as the tap of --net=fd=N. */
	if (close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) ||
	    fcntl(memory_fd, F_SETFD, 0) || fcntl(ready, F_SETFD, 0) ||
	    prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0)) {
		fail_errno(PROGRAM);
		_exit(1);
	}
	if (getppid() != parent)
		_exit(1);
	/* gmemvm ends by it even if it was ignored: so does this. */
	signal(SIGTERM, SIG_DFL);
	snprintf(file, sizeof(file), "/proc/self/fd/%d", memory_fd);
	snprintf(ready_text, sizeof(ready_text), "--ready-fd=%d", ready);
	snprintf(from_text, sizeof(from_text), "--from=%s", from);
	execlp(PROGRAM, PROGRAM, from_text, ready_text, file, (char *)NULL);
	if (errno == ENOENT)
		fail("memory=on-demand needs " PROGRAM ", which the package gmemfs-tools has");
	else
		fail_errno(PROGRAM);
	_exit(1);
}

/* It has said why if it doesn't come to that. */
static int await_ready(int fd)
{
	char byte;
	ssize_t n;

	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		return 0;
	return fail(PROGRAM " can't bring the guest's memory");
}

int pager_start(const char *from, int memory_fd)
{
	/* Nobody waits for the pager: it shall not stay as a zombie. */
	const struct sigaction no_zombie = {
		.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT,
	};
	pid_t parent = getpid(), child;
	int ends[2], ret;

	if (sigaction(SIGCHLD, &no_zombie, NULL) || pipe2(ends, O_CLOEXEC))
		return fail_errno(PROGRAM);
	child = fork();
	if (!child)
		become_pager(from, memory_fd, ends[1], parent);
	close(ends[1]);
	ret = child < 0 ? fail_errno(PROGRAM) : await_ready(ends[0]);
	close(ends[0]);
	return ret;
}
