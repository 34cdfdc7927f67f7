// SPDX-License-Identifier: GPL-2.0
/*
 * What somebody who has taken over gmemvm would like to do next, and what it
 * does itself: each in a process of its own that has entered the sandbox.
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/gmemfs.h>
#include <linux/kvm.h>
#include <linux/vhost.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "../../vmm/sandbox.h"
#include "../lib/tap.h"

#define PAGE		4096
#define NOT_IN		2	/* exit status: there is no sandbox */
#define OWN		64	/* and above: it is, and this is an errno */

/* Of the guest's memory, of a disk, and of a snapshot. */
static int memory_fd, disk_fd, snapshot_fd;

/* As gmemvm has them without options. */
static struct sandbox_options usual;

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

static int map_huge(void)
{
	char *at = mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	return at == MAP_FAILED ? errno : 0;
}

static int map_locked(void)
{
	char *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);

	return at == MAP_FAILED ? errno : 0;
}

static int leave_a_copy(void)
{
	return mremap(page, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP) ==
	       MAP_FAILED ? errno : 0;
}

/* Host memory that nobody can use any more. */
static int poison(void)
{
	page[0] = 1;
	return madvise(page, PAGE, MADV_HWPOISON) ? errno : 0;
}

#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE	101
#endif

static int take_offline(void)
{
	page[0] = 1;
	return madvise(page, PAGE, MADV_SOFT_OFFLINE) ? errno : 0;
}

/* The argument's upper half is no part of what the kernel looks at. */
static int poison_64(void)
{
	return syscall(SYS_madvise, page, PAGE, 1UL << 32 | MADV_HWPOISON) ?
		errno : 0;
}

static int merge_pages(void)
{
	return madvise(page, PAGE, MADV_MERGEABLE) ? errno : 0;
}

static int lend_priority(void)
{
	static uint32_t word;

	return syscall(SYS_futex, &word, FUTEX_LOCK_PI, 0, NULL, NULL, 0) ?
		errno : 0;
}

static int fill_disk(void)
{
	return fallocate(disk_fd, FALLOC_FL_KEEP_SIZE, 0, 1 << 20) ? errno : 0;
}

static int punch_disk(void)
{
	return fallocate(disk_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			 PAGE) ? errno : 0;
}

static int truncate_disk(void)
{
	return ftruncate(disk_fd, 0) ? errno : 0;
}

static int write_disk(void)
{
	return pwrite(disk_fd, page, PAGE, 0) == PAGE ? 0 : errno;
}

static int replace_snapshot(void)
{
	return ftruncate(snapshot_fd, 0) ||
	       pwrite(snapshot_fd, page, PAGE, 0) != PAGE ? errno : 0;
}

/* The filter lets it through, and the kernel knows better. */
static int save_registers(void)
{
	return ioctl(STDIN_FILENO, KVM_GET_SREGS2, page) ? errno : 0;
}

/* A snapshot reads registers. Nothing in the sandbox needs to write them. */
static int set_registers(void)
{
	return ioctl(STDIN_FILENO, KVM_SET_SREGS2, page) ? errno : 0;
}

static int enlarge_memory(void)
{
	return fallocate(memory_fd, 0, 1 << 20, PAGE) ? errno : 0;
}

static int punch_memory(void)
{
	return fallocate(memory_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 0, PAGE) ? errno : 0;
}

/* A thread is no way to a namespace. */
static int thread_in_namespace(void)
{
	const unsigned long flags = CLONE_VM | CLONE_FS | CLONE_FILES |
				    CLONE_SIGHAND | CLONE_THREAD |
				    CLONE_SYSVSEM | CLONE_NEWNET;

	return syscall(SYS_clone, flags, NULL, NULL, NULL, 0) < 0 ? errno : 0;
}

static int look_at_affinity(void)
{
	cpu_set_t set;

	return sched_getaffinity(getppid(), sizeof(set), &set) ? errno : 0;
}

static int look_for_file(void)
{
	struct stat st;

	return fstatat(AT_FDCWD, "/etc/passwd", &st, 0) ? errno : 0;
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
	at = mremap(at, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
	if (at == MAP_FAILED || madvise(at, PAGE, MADV_DONTNEED))
		return errno;
	return mprotect(at, PAGE, PROT_NONE) || munmap(at, 2 * PAGE) ? errno :
								       0;
}

/* As libgmem does with a page that KVM is to reach. */
static int replace_page(void)
{
	char *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			memory_fd, 0);

	if (at == MAP_FAILED ||
	    fallocate(memory_fd, FALLOC_FL_KEEP_SIZE, 0, PAGE) ||
	    madvise(at, PAGE, MADV_DONTDUMP) ||
	    madvise(at, PAGE, MADV_DONTFORK))
		return errno;
	return mremap(at, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, page) ==
	       page ? 0 : errno;
}

/* And where the kernel has left none in its place. */
static int fill_gap(void)
{
	const int flags = MAP_SHARED | MAP_FIXED_NOREPLACE;

	if (munmap(page, PAGE) ||
	    mmap(page, PAGE, PROT_NONE, flags, memory_fd, 0) != page ||
	    mmap(page, PAGE, PROT_NONE, flags, memory_fd, 0) != MAP_FAILED)
		return errno;
	return errno == EEXIST ? 0 : errno;
}

/* Are these the pages of a file? Data is no file. */
static int map_twice(void)
{
	return mremap(page, 0, PAGE, MREMAP_MAYMOVE) == MAP_FAILED ? errno : 0;
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
	{ "map huge pages of the host's pool", map_huge, DIES },
	{ "lock memory", map_locked, DIES },
	{ "move memory and leave its mapping", leave_a_copy, DIES },
	{ "poison a page", poison, DIES },
	{ "the same with 64 bits", poison_64, DIES },
	{ "take a page offline", take_offline, DIES },
	{ "have its pages compared with others'", merge_pages, DIES },
	{ "lend priority", lend_priority, DIES },
	{ "fill the host's disk", fill_disk, DIES },
	{ "punch the disk past its ring", punch_disk, DIES },
	{ "truncate the disk", truncate_disk, DIES },
	{ "write to the disk past its ring, at an offset", write_disk, DIES },
	{ "replace the snapshot", replace_snapshot, 0 },
	{ "read a vCPU's registers", save_registers, ENOTTY },
	{ "set a vCPU's registers", set_registers, DIES },
	{ "enlarge the memory", enlarge_memory, DIES },
	{ "punch the memory", punch_memory, 0 },
	{ "make a thread in a namespace", thread_in_namespace, DIES },
	{ "look where another process runs", look_at_affinity, DIES },
	{ "look whether a file is there", look_for_file, EACCES },
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
	{ "put a page in another's place", replace_page, 0 },
	{ "put a page where none is", fill_gap, 0 },
	{ "map a page twice", map_twice, EINVAL },
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

static int in_sandbox(int (*act)(void), const struct sandbox_options *options)
{
	pid_t pid = fork();

	if (!pid) {
		if (sandbox_enter(options))
			_exit(NOT_IN);
		_exit(OWN + act());
	}
	return wait_for(pid);
}

static bool is_killed(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

static void test_attempt(const struct attempt *a)
{
	int status = in_sandbox(a->act, &usual);
	bool fine;

	if (a->want == DIES) {
		fine = is_killed(status);
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

/* What only a snapshot needs. */
static void test_no_snapshot(void)
{
	struct sandbox_options without = usual;

	without.snapshot_fd = -1;
	ok(is_killed(in_sandbox(replace_snapshot, &without)),
	   "without --snapshot, replace a file: killed by the filter");
	ok(is_killed(in_sandbox(save_registers, &without)),
	   "  and read a vCPU's registers, too");
}

/* ---- every other call ---- */

/* All that may be made, whatever becomes of it then. */
static const unsigned int allowed[] = {
	SYS_read, SYS_write, SYS_poll, SYS_ppoll, SYS_close, SYS_getrandom,
	SYS_accept4, SYS_io_uring_enter, SYS_munmap, SYS_brk, SYS_mmap,
	SYS_mprotect, SYS_pkey_mprotect, SYS_mremap, SYS_madvise,
	SYS_fallocate, SYS_cachestat, SYS_futex, SYS_sched_getaffinity,
	SYS_set_robust_list, SYS_rseq, SYS_sched_yield, SYS_gettid, SYS_getpid,
	SYS_exit, SYS_exit_group, SYS_rt_sigaction, SYS_rt_sigprocmask,
	SYS_rt_sigreturn, SYS_clock_nanosleep, SYS_nanosleep,
	SYS_clock_gettime, SYS_restart_syscall, SYS_fstat, SYS_newfstatat,
	SYS_openat, SYS_clone, SYS_clone3, SYS_ioctl, SYS_tgkill,
	/* The kernel's uprobes use these, past filters; others get SIGILL. */
	335, 336,
};

#define CALLS	1024

static bool is_allowed(unsigned int call)
{
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		if (allowed[i] == call)
			return true;
	return false;
}

static bool call_dies(unsigned int call)
{
	const struct sandbox_options calls = { .memory_fd = -1 };
	pid_t pid = fork();

	if (!pid) {
		if (sandbox_enter(&calls))
			_exit(NOT_IN);
		syscall(call, 0, 0, 0, 0, 0, 0);
		_exit(OWN);
	}
	return is_killed(wait_for(pid));
}

static void test_calls(void)
{
	unsigned int lived = 0;

	for (unsigned int call = 0; call < CALLS; call++) {
		if (is_allowed(call) || call_dies(call))
			continue;
		lived++;
		diag("system call %u is let through", call);
	}
	is(lived, 0, "all other system calls of %d: killed by the filter",
	   CALLS);
}

int main(void)
{
	memory_fd = memfd_create("memory", MFD_CLOEXEC);
	disk_fd = memfd_create("disk", MFD_CLOEXEC);
	snapshot_fd = memfd_create("snapshot", MFD_CLOEXEC);
	if (memory_fd < 0 || disk_fd < 0 || snapshot_fd < 0 ||
	    ftruncate(memory_fd, 1 << 20) ||
	    ftruncate(disk_fd, 1 << 20))
		bail_out("files: %s", strerror(errno));
	usual = (struct sandbox_options){
		.memory_fd = memory_fd, .snapshot_fd = snapshot_fd,
		.namespaces = true,
	};
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++)
		test_attempt(&attempts[i]);
	test_no_snapshot();
	test_calls();
	return done_testing();
}
