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
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control.h"
#include "error.h"
#include "machine.h"
#include "options.h"
#include "signals.h"
#include "status.h"

#define FIRST_DESCRIPTOR	(STDERR_FILENO + 1)

static int status_of(enum vm_end end)
{
	switch (end) {
	case VM_POWERED_OFF:
	case VM_QUIT:
	case VM_SAVED:
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
			    struct warnings *warnings, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(STATUS_FAILED);
	_exit(status_of(machine_run(options, user, control_fd, warnings)));
}

/*
 * Wait for the child, and pass signals on to it. No other process gets the
 * child's pid before waitpid() returns it, and only this function calls that.
 * Return: its exit status; after a signal was passed on, a reset counts as
 * STATUS_OK
 */
static int wait_for(pid_t pid)
{
	bool told = false;
	pid_t gone = 0;
	int status;

	while (!gone) {
		int signal = signals_wait();

		if (signal == SIGCHLD) {
			gone = waitpid(pid, &status, WNOHANG);
			continue;
		}
		told = true;
		kill(pid, signal);
	}
	if (gone != pid) {
		fail_errno("can't wait for the guest's process");
		return STATUS_FAILED;
	}
	if (WIFEXITED(status))
		return told && WEXITSTATUS(status) == STATUS_RESET ?
		       STATUS_OK : WEXITSTATUS(status);
	fail("the guest's process was killed by signal %d (%s)%s",
	     WTERMSIG(status), strsignal(WTERMSIG(status)),
	     WTERMSIG(status) == SIGSYS ?
	     ": the sandbox refused a system call" : "");
	return STATUS_FAILED;
}

static int live(const struct options *options, const struct user *user,
		int control_fd, struct warnings *warnings)
{
	pid_t parent = getpid(), pid = fork();

	if (!pid)
		child(options, user, control_fd, warnings, parent);
	if (pid > 0)
		return wait_for(pid);
	fail_errno("can't fork");
	return STATUS_FAILED;
}

static int live_on(const struct options *options, const struct user *user,
		   int control_fd)
{
	struct warnings *warnings = mmap(NULL, sizeof(*warnings),
					 PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;

	if (warnings == MAP_FAILED) {
		fail_errno("no memory");
		return STATUS_FAILED;
	}
	if (options->no_reboot)
		return status_of(machine_run(options, user, control_fd,
					     warnings));
	/* A restored guest has no kernel to start again with. */
	do
		status = live(options, user, control_fd, warnings);
	while (status == STATUS_RESET && !options->restore);
	return status;
}

/*
 * If one of the descriptors 0 to 2 is closed, it becomes /dev/null. Otherwise a
 * disk could get the number of the guest's console, or that of messages.
 */
static int open_standard(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return fail_errno("/dev/null");
	return 0;
}

/*
 * Close all descriptors except 0 to 2 and @kept: a guest that takes over gmemvm
 * must not get the files that the process that starts gmemvm has open.
 */
static int keep_descriptors(int kept)
{
	if (kept <= STDERR_FILENO)
		kept = STDERR_FILENO;
	else if (kept > FIRST_DESCRIPTOR &&
		 close_range(FIRST_DESCRIPTOR, kept - 1, 0))
		return fail_errno("close_range");
	if (close_range(kept + 1, ~0U, 0))
		return fail_errno("close_range");
	return 0;
}

int main(int argc, char **argv)
{
	struct user user = {};
	struct options options;
	struct control_file control_file;
	int control_fd = -1;
	int status;

	if (open_standard())
		return STATUS_FAILED;
	status = parse_options(&options, argc, argv);
	if (status != OPTIONS_RUN)
		return status;
	if (keep_descriptors(options.net.given && !options.net.tap ?
			     options.net.fd : -1))
		return STATUS_FAILED;
	if (options.user && user_find(options.user, &user))
		return STATUS_USAGE;
	signals_block();
	if (options.control) {
		control_fd = control_listen(options.control, &control_file);
		if (control_fd < 0)
			return STATUS_FAILED;
	}
	status = live_on(&options, &user, control_fd);
	/*
	 * With --no-reboot this process is in the sandbox and can't unlink it:
	 * the socket stays until the next gmemvm removes it.
	 */
	if (options.control && !options.no_reboot)
		control_remove(options.control, &control_file);
	return status;
}
