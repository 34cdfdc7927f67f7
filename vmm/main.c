// SPDX-License-Identifier: GPL-2.0
/*
 * gmemvm: a small VMM on libgmem, for reference. It shows how a VMM keeps a
 * guest's memory out of the host kernel's direct map. This file has main(), and
 * starts the guest again when it resets itself.
 *
 * A guest that may start again runs in a child process, because a process can't
 * leave the sandbox. With --no-reboot there is one process.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control.h"
#include "error.h"
#include "machine.h"
#include "options.h"
#include "signals.h"
#include "status.h"

static int status_of(enum vm_end end)
{
	switch (end) {
	case VM_POWERED_OFF:
	case VM_QUIT:
		return STATUS_OK;
	case VM_RESET:
		return STATUS_RESET;
	default:
		return STATUS_FAILED;
	}
}

/* The child ends when its parent ends. */
static _Noreturn void child(const struct options *options,
			    const struct user *user, int control_fd,
			    pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(STATUS_FAILED);
	_exit(status_of(machine_run(options, user, control_fd)));
}

/*
 * Wait for the child, and pass signals on to it. Return: its exit status; after
 * a signal was passed on, a reset counts as STATUS_OK
 */
static int wait_for(pid_t pid)
{
	bool told = false;
	int signal, status;

	while ((signal = signals_wait()) != SIGCHLD ||
	       waitpid(pid, &status, WNOHANG) != pid)
		if (signal != SIGCHLD) {
			told = true;
			kill(pid, signal);
		}
	if (WIFEXITED(status))
		return told && WEXITSTATUS(status) == STATUS_RESET ?
		       STATUS_OK : WEXITSTATUS(status);
	fail("killed by signal %d (%s)%s", WTERMSIG(status),
	     strsignal(WTERMSIG(status)), WTERMSIG(status) == SIGSYS ?
	     ": the sandbox has refused a system call" : "");
	return STATUS_FAILED;
}

static int live(const struct options *options, const struct user *user,
		int control_fd)
{
	pid_t parent = getpid(), pid = fork();

	if (!pid)
		child(options, user, control_fd, parent);
	if (pid > 0)
		return wait_for(pid);
	fail_errno("fork");
	return STATUS_FAILED;
}

static int live_on(const struct options *options, const struct user *user,
		   int control_fd)
{
	int status;

	if (options->no_reboot)
		return status_of(machine_run(options, user, control_fd));
	do
		status = live(options, user, control_fd);
	while (status == STATUS_RESET);
	return status;
}

/*
 * If one of the descriptors 0 to 2 is closed, it becomes /dev/null. Otherwise a
 * disk could get the number of the guest's console, or that of messages.
 */
static int open_standard(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return -1;
	return 0;
}

int main(int argc, char **argv)
{
	struct user user = {};
	struct options options;
	int control_fd = -1;
	int status;

	if (open_standard())
		return STATUS_FAILED;
	status = parse_options(&options, argc, argv);
	if (status != OPTIONS_RUN)
		return status;
	if (options.user && user_find(options.user, &user))
		return STATUS_USAGE;
	signals_block();
	if (options.control) {
		control_fd = control_listen(options.control);
		if (control_fd < 0)
			return STATUS_FAILED;
	}
	status = live_on(&options, &user, control_fd);
	/*
	 * With --no-reboot this process is in the sandbox and can't unlink it:
	 * the socket stays until the next gmemvm removes it.
	 */
	if (options.control && !options.no_reboot)
		unlink(options.control);
	return status;
}
