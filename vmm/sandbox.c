// SPDX-License-Identifier: GPL-2.0
/* Entering the sandbox: namespaces, user, capabilities, and then the filter. */
#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "error.h"
#include "filter.h"
#include "sandbox.h"

/* ---- namespaces: without the host's files and networks ---- */

#define SPACES	(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)

#define ALONE_TRIES	1000

#define WITHOUT_SPACES	"(--sandbox=calls needs no namespaces)"

/*
 * A process with a second thread can't make a user namespace: EINVAL. After
 * pthread_join(), the kernel may still have the other thread for a moment. So
 * this tries again.
 */
static int unshare_alone(int spaces)
{
	static const struct timespec pause = { .tv_nsec = 1000000 };
	int ret = unshare(spaces);

	for (int i = 0; ret && errno == EINVAL && i < ALONE_TRIES; i++) {
		nanosleep(&pause, NULL);
		ret = unshare(spaces);
	}
	return ret;
}

/*
 * Without root's rights, a process can make these namespaces together with a
 * user namespace, in which it has them. If root's process is denied, it first
 * becomes the user of --user, and then does the same.
 */
static int leave_spaces(const struct user *user, bool *is_user)
{
	if (!unshare(SPACES))
		return 0;
	if (user->given && user_become(user))
		return -1;
	*is_user = user->given;
	if (!unshare_alone(CLONE_NEWUSER | SPACES))
		return 0;
	return fail_errno("the sandbox: can't make namespaces " WITHOUT_SPACES);
}

/* Change the root directory to an empty, read-only filesystem. */
static int leave_files(void)
{
	static const char root[] = "/tmp";
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return fail_errno("the sandbox: can't make its mounts private "
				  WITHOUT_SPACES);
	if (mount("none", root, "tmpfs", flags, "size=4k,nr_inodes=2") ||
	    chdir(root))
		return fail_errno("the sandbox: can't mount an empty folder on %s "
				  WITHOUT_SPACES, root);
	/* pivot_root() puts the old root below the new one: unmount it. */
	if (syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH) ||
	    chdir("/"))
		return fail_errno("the sandbox: can't leave the host's files "
				  WITHOUT_SPACES);
	if (mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | flags,
		  NULL))
		return fail_errno("the sandbox: can't make its folder read-only "
				  WITHOUT_SPACES);
	return 0;
}

/* ---- privileges ---- */

/*
 * Drop the bounding set, which limits what capabilities execve() could give. A
 * process that may not drop it (EPERM) gets nothing from it: no_new_privs is
 * set later.
 */
static int drop_bounding(void)
{
	int ret = 0;

	for (unsigned long cap = 0; !ret; cap++)
		ret = prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	/* EINVAL: the kernel has no more. */
	return errno == EINVAL || errno == EPERM ? 0 :
	       fail_errno("the sandbox: PR_CAPBSET_DROP");
}

/* Drop all capabilities: effective, permitted, inheritable and ambient. */
static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
		return fail_errno("the sandbox: PR_CAP_AMBIENT");
	if (syscall(SYS_capset, &header, none))
		return fail_errno("the sandbox: capset");
	return 0;
}

static int drop_privileges(const struct user *user, bool is_user)
{
	if (drop_bounding())
		return -1;
	if (user->given && !is_user && user_become(user))
		return -1;
	if (drop_capabilities())
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return fail_errno("the sandbox: no_new_privs");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return fail_errno("the sandbox: PR_SET_DUMPABLE");
	return 0;
}

/* ---- the parent ---- */

/* When a process's privileges change, the kernel resets PR_SET_PDEATHSIG. */
static int keep_death_signal(int signal, pid_t parent)
{
	if (!signal)
		return 0;
	if (prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0))
		return fail_errno("the sandbox: PR_SET_PDEATHSIG");
	if (getppid() != parent)
		return fail("the sandbox: the parent process, which watches this one, is gone");
	return 0;
}

int sandbox_enter(const struct sandbox_options *options)
{
	pid_t parent = getppid();
	bool is_user = false;
	int signal = 0;

	prctl(PR_GET_PDEATHSIG, &signal, 0, 0, 0);
	if (options->namespaces &&
	    (leave_spaces(&options->user, &is_user) || leave_files()))
		return -1;
	if (drop_privileges(&options->user, is_user) ||
	    keep_death_signal(signal, parent))
		return -1;
	return filter_set(options->memory_fd, options->snapshot_fd);
}
