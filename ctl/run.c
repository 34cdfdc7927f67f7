// SPDX-License-Identifier: GPL-2.0
/*
 * gmemctl run: starts a VMM that only knows memfds, on hidden memory. This is
 * the process that the shell sees: it waits for the VMM, hands on signals, and
 * ends as the VMM does.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "callfilter.h"
#include "ctl.h"
#include "supervisor.h"
#include "text.h"

#define DEFAULT_MOUNT	"/dev/gmem"

/* As of env(1) and other programs that start one. */
#define CANT_EXECUTE	126
#define NOT_FOUND	127

enum { OPT_MOUNT, OPT_NAME };

/* ---- the VMM to be ---- */

static int no_filter(int err)
{
	if (err == -EBUSY)
		return ctl_error("there is a supervisor already: gmemctl run, or a container's; one is all that the kernel allows, so start this outside of that");
	if (err == -EINVAL)
		return ctl_error("the kernel has no user notification of seccomp that waits for fatal signals only; boot Linux 6.12.118 or later with CONFIG_SECCOMP_FILTER");
	return ctl_error("can't install the seccomp filter: %s",
			 strerror(-err));
}

/* Yama lets a process read another one's memory only if that has agreed. */
static int put_under(const struct supervisor *s)
{
	int listener, err;

	prctl(PR_SET_PTRACER, s->pid, 0, 0, 0);
	listener = callfilter_install();
	if (listener < 0)
		return no_filter(listener);
	err = supervisor_take(s, listener);
	if (err)
		return ctl_error("the supervisor has ended too early: %s",
				 strerror(-err));
	close(listener);
	return CTL_OK;
}

static _Noreturn void become(char **argv, const struct supervisor *s,
			     const sigset_t *signals)
{
	int status = put_under(s);

	if (status)
		_exit(status);
	sigprocmask(SIG_SETMASK, signals, NULL);
	execvp(*argv, argv);
	ctl_error("%s: %s", text_safe(*argv), strerror(errno));
	_exit(errno == ENOENT ? NOT_FOUND : CANT_EXECUTE);
}

/* ---- while it runs ---- */

static void watched_signals(sigset_t *set)
{
	static const int watched[] = {
		SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2,
	};

	sigemptyset(set);
	for (size_t i = 0; i < sizeof(watched) / sizeof(*watched); i++)
		sigaddset(set, watched[i]);
}

/* When a terminal hangs up, only the leader of the session is told. */
static bool is_for_leader(const siginfo_t *info)
{
	return info->si_signo == SIGHUP && getsid(0) == getpid();
}

/* The terminal has sent the signal to the VMM, too, if it is in this group. */
static void hand_on(const siginfo_t *info, pid_t vmm)
{
	if (info->si_code == SI_KERNEL && getpgid(vmm) == getpgrp() &&
	    !is_for_leader(info))
		return;
	kill(vmm, info->si_signo);
}

/* It ends by itself, with 0, when nobody has the filter any more. */
static void watch(struct supervisor *s)
{
	int status;

	if (s->pid <= 0 || waitpid(s->pid, &status, WNOHANG) != s->pid)
		return;
	s->pid = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		ctl_error("the supervisor %s: from now on the VMM's memfd_create(), ftruncate() and changes of a guest's memory slots fail with ENOSYS; start the VMM again",
			  WIFSIGNALED(status) ? "was killed" : "has failed");
}

/* Return: the VMM's status, as of waitpid(). */
static int wait_for(pid_t vmm, struct supervisor *s, const sigset_t *set)
{
	siginfo_t info;
	int status;

	for (;;) {
		if (sigwaitinfo(set, &info) < 0)
			continue;
		if (info.si_signo != SIGCHLD) {
			hand_on(&info, vmm);
			continue;
		}
		if (waitpid(vmm, &status, WNOHANG) == vmm)
			return status;
		watch(s);
	}
}

static int run_vmm(char **argv, struct supervisor *s)
{
	sigset_t set, before;
	pid_t vmm;
	int status;

	watched_signals(&set);
	sigprocmask(SIG_BLOCK, &set, &before);
	vmm = fork();
	if (vmm < 0)
		return ctl_error("can't start: %s", strerror(errno));
	if (!vmm)
		become(argv, s, &before);
	status = wait_for(vmm, s, &set);
	watch(s);
	if (s->pid)
		supervisor_leave(s);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

/*
 * The VMM chooses the names. With these repetitions, there are names for which
 * fnmatch() takes for ever.
 */
static bool is_slow(const char *pattern)
{
	for (const char *p = pattern; (p = strchr(p, '(')); p++)
		if (p > pattern && strchr("*+?!", p[-1]))
			return true;
	return false;
}

static int check_usage(const struct ctl_call *call)
{
	const char *pattern = call->values[OPT_NAME];

	if (call->json)
		return ctl_usage(call, "--json: the output is the VMM's");
	if (pattern && !*pattern)
		return ctl_usage(call, "--name: the pattern is empty, so nothing would be hidden");
	if (pattern && is_slow(pattern))
		return ctl_usage(call, "--name: a pattern may have @(...), but not *(, +(, ?( and !(");
	return CTL_OK;
}

static int run(const struct ctl_call *call)
{
	const char *mount = call->values[OPT_MOUNT] ?: DEFAULT_MOUNT;
	struct supervisor s;
	int status = check_usage(call);

	if (status)
		return status;
	status = supervisor_start(mount, call->values[OPT_NAME], &s);
	return status ? status : run_vmm(call->args, &s);
}

static const struct ctl_option options[] = {
	[OPT_MOUNT] = { "mount", "DIR",
			"the mount, or a directory in it (" DEFAULT_MOUNT ")" },
	[OPT_NAME] = { "name", "PATTERN",
		       "only memfds with such names (default: all)" },
	{ NULL, NULL, NULL }
};

const struct ctl_command run_command = {
	.name = "run",
	.arguments = "[--] VMM [ARGUMENT]...",
	.summary = "start a VMM whose memfds are to be hidden memory",
	.details = "Starts a VMM that only knows memfds, such as crosvm, or Cloud Hypervisor with\n"
		   "--memory shared=on. What it gets from memfd_create() is a file of gmemfs, so its\n"
		   "guests' memory is hidden. What else it gives a guest as memory is reported.\n"
		   "PATTERN is one of the shell, such as 'crosvm_guest' or '@(ch_ram|guest_mem)'.\n"
		   "The exit status is the VMM's, or 128 and the signal that ended it; 126 and 127:\n"
		   "it can't be executed, or wasn't found.",
	.min_args = 1,
	.max_args = INT_MAX,
	.is_wrapper = true,
	.options = options,
	.run = run,
};
