// SPDX-License-Identifier: GPL-2.0
/*
 * What somebody who has taken over gmemvm would like to do next, and what it
 * does itself: each in a process of its own that has entered the sandbox.
 */
#include <fcntl.h>
#include <linux/gmemfs.h>
#include <linux/kvm.h>
#include <linux/vhost.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "../../vmm/sandbox.h"
#include "../lib/tap.h"

#define PAGE		4096
#define NOT_IN		2	/* exit status: there is no sandbox */
#define OWN		64	/* and above: it is, and this is an errno */

/* ---- what is done in it; the answer is an errno, or 0 ---- */

static int open_file(void)
{
	return open("/etc/passwd", O_RDONLY) < 0 ? errno : 0;
}

static int create_file(void)
{
	return open("/tmp/file", O_CREAT | O_WRONLY, 0600) < 0 ? errno : 0;
}

static int run_program(void)
{
	static char *const none[] = { NULL };

	return execve("/bin/true", none, none) ? errno : 0;
}

static int make_process(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	return pid < 0 ? errno : 0;
}

static int make_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0;
}

static int map_code(void)
{
	char *at = mmap(NULL, PAGE, PROT_READ | PROT_EXEC,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? errno : 0;
}

static _Alignas(PAGE) char page[PAGE];

static int make_code(void)
{
	return mprotect(page, PAGE, PROT_READ | PROT_EXEC) ? errno : 0;
}

static int make_code_by_key(void)
{
	return syscall(SYS_pkey_mprotect, page, PAGE, PROT_EXEC, -1) ?
		errno : 0;
}

static int make_vm(void)
{
	return ioctl(STDIN_FILENO, KVM_CREATE_VM, 0) < 0 ? errno : 0;
}

static int push_input(void)
{
	return ioctl(STDIN_FILENO, TIOCSTI, "x") ? errno : 0;
}

/* The argument's upper half is no part of what a filter compares. */
static int push_input_64(void)
{
	return syscall(SYS_ioctl, STDIN_FILENO, 1UL << 32 | TIOCSTI, "x") ?
		errno : 0;
}

static int signal_another(void)
{
	return kill(getppid(), 0) ? errno : 0;
}

static int signal_a_thread(void)
{
	return syscall(SYS_tgkill, getppid(), getppid(), 0) ? errno : 0;
}

static int signal_itself(void)
{
	return raise(SIGCHLD) ? errno : 0;
}

static int look_into_another(void)
{
	return ptrace(PTRACE_SEIZE, getppid(), NULL, NULL) ? errno : 0;
}

static int read_another(void)
{
	char byte;
	struct iovec to = { &byte, 1 }, from = { open_file, 1 };

	return process_vm_readv(getppid(), &to, 1, &from, 1, 0) < 0 ? errno : 0;
}

static int new_ring(void)
{
	return syscall(SYS_io_uring_setup, 1, NULL) < 0 ? errno : 0;
}

static int leave_filter(void)
{
	return prctl(PR_SET_DUMPABLE, 1) ? errno : 0;
}

/* As a program of 32 bits: other numbers, which no rule here means. */
static int old_call(void)
{
	long ret;

	asm volatile("int $0x80" : "=a" (ret) : "a" (20L) : "memory");
	return ret < 0 ? -ret : 0;
}

/* With a bit that says x32. */
static int x32_call(void)
{
	return syscall(SYS_getpid | 0x40000000) < 0 ? errno : 0;
}

static void *do_nothing(void *arg)
{
	return arg;
}

static int make_thread(void)
{
	pthread_t thread;
	int ret = pthread_create(&thread, NULL, do_nothing, NULL);

	return ret ? ret : pthread_join(thread, NULL);
}

static int use_memory(void)
{
	char *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return errno;
	*at = 1;
	return mprotect(at, PAGE, PROT_NONE) || munmap(at, PAGE) ? errno : 0;
}

static int use_devices(void)
{
	struct pollfd none = { .fd = -1 };
	struct timespec now;
	char byte;

	if (getrandom(&byte, 1, 0) != 1 || poll(&none, 1, 0) ||
	    clock_gettime(CLOCK_MONOTONIC, &now))
		return errno;
	/* The filter lets it through, and the kernel knows better. */
	return ioctl(STDIN_FILENO, KVM_RUN, 0) && errno == ENOTTY ? 0 : EINVAL;
}

/* ---- and what comes of it ---- */

#define DIES	(-1)

static const struct attempt {
	const char *what;
	int (*act)(void);
	int want;	/* DIES, or the errno */
} attempts[] = {
	{ "open a file", open_file, EACCES },
	{ "create a file", create_file, EACCES },
	{ "run a program", run_program, DIES },
	{ "make a process", make_process, DIES },
	{ "make a socket", make_socket, DIES },
	{ "map code", map_code, DIES },
	{ "make data executable", make_code, DIES },
	{ "the same with a protection key", make_code_by_key, DIES },
	{ "make another VM", make_vm, DIES },
	{ "type for the user", push_input, DIES },
	{ "the same with an ioctl of 64 bits", push_input_64, DIES },
	{ "signal another process", signal_another, DIES },
	{ "signal another process's thread", signal_a_thread, DIES },
	{ "trace another process", look_into_another, DIES },
	{ "read another process's memory", read_another, DIES },
	{ "make another io_uring", new_ring, DIES },
	{ "change its own privileges", leave_filter, DIES },
	{ "call as i386", old_call, DIES },
	{ "call as x32", x32_call, DIES },
	{ "make a thread", make_thread, 0 },
	{ "signal itself", signal_itself, 0 },
	{ "use memory", use_memory, 0 },
	{ "use devices", use_devices, 0 },
};

static int in_sandbox(int (*act)(void))
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		bail_out("fork: %s", strerror(errno));
	if (!pid) {
		if (sandbox_enter())
			_exit(NOT_IN);
		_exit(OWN + act());
	}
	if (waitpid(pid, &status, 0) != pid)
		bail_out("waitpid: %s", strerror(errno));
	return status;
}

static void test_attempt(const struct attempt *a)
{
	int status = in_sandbox(a->act);
	bool fine;

	if (a->want == DIES) {
		fine = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
		ok(fine, "%s: killed by the filter", a->what);
	} else {
		fine = WIFEXITED(status) &&
		       WEXITSTATUS(status) == OWN + a->want;
		ok(fine, "%s: %s", a->what,
		   a->want ? strerror(a->want) : "works");
	}
	if (!fine)
		diag("  wait status %#x", status);
}

/* ---- from the outside ---- */

static void check_line(const char *text, const char *line)
{
	ok(strstr(text, line), "/proc has %.*s", (int)strlen(line) - 1, line);
}

static void test_status(pid_t pid)
{
	char path[64], text[4096] = "";
	ssize_t size;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	fd = open(path, O_RDONLY);
	size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	close(fd);
	if (!ok(size > 0, "it can be looked at"))
		return;
	check_line(text, "NoNewPrivs:\t1\n");
	check_line(text, "Seccomp:\t2\n");
}

/* Nothing but an empty folder is left of the host's files. */
static void test_root(pid_t pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/root/etc", pid);
	fd = open(path, O_RDONLY | O_PATH);
	ok(fd < 0 && errno == ENOENT, "it has none of the host's files");
	snprintf(path, sizeof(path), "/proc/%d/root/file", pid);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	ok(fd < 0 && (errno == EROFS || errno == ENOSPC),
	   "and can't be given one");
}

static void test_outside(void)
{
	int ready[2], status;
	char byte;
	pid_t pid;

	if (pipe(ready))
		bail_out("pipe: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		if (sandbox_enter() || write(ready[1], "", 1) != 1)
			_exit(NOT_IN);
		for (;;)
			poll(NULL, 0, -1);
	}
	close(ready[1]);
	ok(read(ready[0], &byte, 1) == 1, "a process is in its sandbox");
	test_status(pid);
	test_root(pid);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++)
		test_attempt(&attempts[i]);
	test_outside();
	return done_testing();
}
