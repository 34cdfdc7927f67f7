// SPDX-License-Identifier: GPL-2.0
/*
 * gmemvm: a small VMM on libgmem, for reference: how a guest's memory is kept
 * out of the host kernel's direct map, and what a VMM has to do for it.
 *
 * A guest that may start again lives in a child, as there is no way back out of
 * the sandbox. With --no-reboot there is one process.
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
		return STATUS_OK;
	case VM_RESET:
		return STATUS_RESET;
	default:
		return STATUS_FAILED;
	}
}

/* It doesn't outlive us. */
static _Noreturn void child(const struct options *options,
			    const struct user *user, int control_fd,
			    struct seldom *resets, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(STATUS_FAILED);
	_exit(status_of(machine_run(options, user, control_fd, resets)));
}

/*
 * Passes signals on. The child's number is its own until it's waited for, and
 * that is done here only. Return: how the child ended; not by a reset then
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
		fail_errno("the guest's process");
		return STATUS_FAILED;
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
		int control_fd, struct seldom *resets)
{
	pid_t parent = getpid(), pid = fork();

	if (!pid)
		child(options, user, control_fd, resets, parent);
	if (pid > 0)
		return wait_for(pid);
	fail_errno("fork");
	return STATUS_FAILED;
}

static int live_on(const struct options *options, const struct user *user,
		   int control_fd)
{
	struct seldom *resets = mmap(NULL, sizeof(*resets),
				     PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;

	if (resets == MAP_FAILED) {
		fail_errno("no memory");
		return STATUS_FAILED;
	}
	if (options->no_reboot)
		return status_of(machine_run(options, user, control_fd, resets));
	do
		status = live(options, user, control_fd, resets);
	while (status == STATUS_RESET);
	return status;
}

/*
 * What the caller has open is none of the guest's business, but the three that
 * every program has, and @kept. If one of the three isn't there, what is opened
 * next must not take its place.
 */
static int keep_descriptors(int kept)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
			return fail_errno("/dev/null");
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
	int status = parse_options(&options, argc, argv);
	struct control_file control_file;
	int control_fd = -1;

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
	/* Not from the sandbox; there it stays, until the next one takes it. */
	if (options.control && !options.no_reboot)
		control_remove(options.control, &control_file);
	return status;
}
