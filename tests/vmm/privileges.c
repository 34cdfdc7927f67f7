// SPDX-License-Identifier: GPL-2.0
/*
 * Who gmemvm is in its sandbox, seen from outside: no capabilities, no files of
 * the host's, whether root starts it or a user; that it doesn't outlive who
 * watches it; and that a step on the way there that fails is no sandbox.
 */
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "../../vmm/sandbox.h"
#include "../lib/tap.h"

#define NOT_IN		2	/* exit status: there is no sandbox */
#define IN		3
#define NOBODY		65534

/* As gmemvm has them without options. */
static const struct sandbox_options usual = {
	.memory_fd = -1, .namespaces = true,
};

static int wait_for(pid_t pid)
{
	int status;

	if (pid < 0)
		bail_out("fork: %s", strerror(errno));
	if (waitpid(pid, &status, 0) != pid)
		bail_out("waitpid: %s", strerror(errno));
	return status;
}

/* ---- what it is ---- */

static void check_line(const char *text, const char *line)
{
	ok(strstr(text, line), "  %.*s", (int)strcspn(line, "\n"), line);
}

static void check_status(pid_t pid, const char *ids)
{
	static const char *const lines[] = {
		"CapInh:\t0000000000000000\n", "CapPrm:\t0000000000000000\n",
		"CapEff:\t0000000000000000\n", "CapBnd:\t0000000000000000\n",
		"CapAmb:\t0000000000000000\n", "NoNewPrivs:\t1\n",
		"Seccomp:\t2\n",
	};
	char path[64], text[4096] = "";
	ssize_t size;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	fd = open(path, O_RDONLY);
	size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	close(fd);
	if (!ok(size > 0, "it can be looked at"))
		return;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		check_line(text, lines[i]);
	check_line(text, ids);
}

/* Nothing but an empty folder is left of the host's files. */
static void check_root(pid_t pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/root/etc", pid);
	fd = open(path, O_RDONLY | O_PATH);
	ok(fd < 0 && errno == ENOENT, "it has none of the host's files");
	snprintf(path, sizeof(path), "/proc/%d/root/file", pid);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	ok(fd < 0 && errno == EROFS, "and can't be given one");
}

/* In its sandbox until it's killed, or its parent ends if @dies is set. */
static _Noreturn void stay(const struct sandbox_options *options, bool dies,
			   int ready)
{
	if (dies)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sandbox_enter(options) || write(ready, "", 1) != 1)
		_exit(NOT_IN);
	for (;;)
		poll(NULL, 0, -1);
}

static void become_nobody(void)
{
	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY))
		bail_out("to be nobody: %s", strerror(errno));
}

static void test_outside(const char *who, uid_t starts,
			 const struct sandbox_options *options, const char *ids)
{
	int ready[2], status;
	char byte;
	pid_t pid;

	if (pipe(ready))
		bail_out("pipe: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		if (starts)
			become_nobody();
		stay(options, false, ready[1]);
	}
	close(ready[1]);
	ok(read(ready[0], &byte, 1) == 1, "%s: is in its sandbox", who);
	close(ready[0]);
	check_status(pid, ids);
	if (options->namespaces)
		check_root(pid);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

static const char root_ids[] = "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n";
static const char nobody_ids[] =
	"Uid:\t65534\t65534\t65534\t65534\n"
	"Gid:\t65534\t65534\t65534\t65534\n";

static void test_users(void)
{
	struct sandbox_options options = usual;

	test_outside("root", 0, &options, root_ids);
	test_outside("a user", NOBODY, &options, nobody_ids);
	options.user = (struct user){ true, NOBODY, NOBODY };
	test_outside("root that becomes a user", 0, &options, nobody_ids);
	options.namespaces = false;
	test_outside("the same without namespaces", 0, &options, nobody_ids);
}

/* ---- who watches it goes ---- */

/* Its pid, by a pipe whose other end it holds until it's dead. */
static void leave_child(const struct sandbox_options *options, uid_t starts,
			int *ready)
{
	pid_t pid;
	char byte;

	if (starts)
		become_nobody();
	pid = fork();
	if (!pid)
		stay(options, true, ready[1]);
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		_exit(NOT_IN);
	_exit(0);
}

static void test_death(const char *who, uid_t starts,
		       const struct sandbox_options *options)
{
	struct pollfd end;
	int ready[2];
	pid_t pid;

	if (pipe(ready))
		bail_out("pipe: %s", strerror(errno));
	pid = fork();
	if (!pid)
		leave_child(options, starts, ready);
	close(ready[1]);
	is(wait_for(pid), 0, "%s: who watches it goes", who);
	end = (struct pollfd){ .fd = ready[0] };
	ok(poll(&end, 1, 60000) == 1 && end.revents & POLLHUP,
	   "and it doesn't outlive that");
	close(ready[0]);
}

static void test_deaths(void)
{
	struct sandbox_options options = usual;

	test_death("root", 0, &options);
	test_death("a user", NOBODY, &options);
	options.user = (struct user){ true, NOBODY, NOBODY };
	test_death("root that becomes a user", 0, &options);
}

/* ---- a step that fails ---- */

/* A root directory that isn't a mount. */
static void be_in_folder(void)
{
	char folder[] = "/tmp/sandboxXXXXXX";

	if (!mkdtemp(folder) || chroot(folder) || chdir("/"))
		bail_out("chroot: %s", strerror(errno));
}

/* One without /tmp. */
static void be_in_mount(void)
{
	char folder[] = "/tmp/sandboxXXXXXX";

	if (unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    !mkdtemp(folder) || mount(folder, folder, NULL, MS_BIND, NULL) ||
	    chdir(folder) || chroot(".") || chdir("/"))
		bail_out("a mount: %s", strerror(errno));
}

/* The kernel counts namespaces by user, and lets the first one set limits. */
static void set_limit(const char *value)
{
	int fd = open("/proc/sys/user/max_net_namespaces", O_WRONLY);
	ssize_t size = strlen(value);

	if (fd < 0 || write(fd, value, size) != size)
		bail_out("max_net_namespaces: %s", strerror(errno));
	close(fd);
}

static void forbid_networks(void)
{
	set_limit("0");
}

static bool sandbox_fails(void (*prepare)(void),
			  const struct sandbox_options *options)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		prepare();
		_exit(sandbox_enter(options) ? NOT_IN : IN);
	}
	status = wait_for(pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == NOT_IN;
}

static void test_failures(void)
{
	struct sandbox_options options = usual;

	ok(sandbox_fails(be_in_folder, &options),
	   "a root that isn't a mount: there is no sandbox");
	ok(sandbox_fails(be_in_mount, &options), "no /tmp: there is none");
	ok(sandbox_fails(forbid_networks, &options),
	   "no namespaces permitted: there is none");
	set_limit("1000");
	options.user = (struct user){ true, 1, 1 };
	ok(sandbox_fails(become_nobody, &options),
	   "a user that can't be another: there is none");
	options = usual;
	options.namespaces = false;
	ok(!sandbox_fails(be_in_folder, &options),
	   "without namespaces, a root that isn't a mount is no hindrance");
}

int main(void)
{
	test_users();
	test_deaths();
	test_failures();
	return done_testing();
}
