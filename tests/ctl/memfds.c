// SPDX-License-Identifier: GPL-2.0
/*
 * What VMMs do with memfds, for gmemctl run to answer:
 *
 *	memfds check		the calls, as TAP
 *	memfds hold NAME BYTES	fill a memfd, say so, and keep it
 *	memfds later FILE	end; a child makes a memfd when FILE is there,
 *				and writes to FILE.kind which kind that was
 *	memfds kind NAME	say which kind of file a memfd is
 *	memfds odd		the same, without a name, and with a bad flag
 *	memfds seal		say what comes of a seal
 *	memfds slot		give a guest memory of several kinds
 *	memfds noisy		add wrong seals, then give a guest anonymous
 *				memory, in two processes
 *	memfds stuck FILE	calls with memory of FILE, which can't be read
 *
 * It is linked statically, too: then nothing could be preloaded.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/memfd.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "../lib/tap.h"

#define MIB		(1024UL * 1024)
#define X32		0x40000000L
#define NR_THREADS	8
#define NR_EACH		50

/* What the kernel adds to the flags of all files. */
#define LARGEFILE	0100000

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL	0x0008U
#define MFD_EXEC	0x0010U
#endif
#ifndef KVM_SET_USER_MEMORY_REGION2
#define KVM_SET_USER_MEMORY_REGION2	0x40a0ae49
#define KVM_MEM_GUEST_MEMFD		(1UL << 2)
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC	0x20
#endif

/* As memfd_create(), without the C library between. */
static int make(unsigned int flags)
{
	return syscall(SYS_memfd_create, "guest", flags);
}

/* Is it a file that stands for a memfd, rather than a memfd? */
static bool is_other(int fd)
{
	char path[32], link[256];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, link, sizeof(link) - 1);
	return n > 7 && memcmp(link, "/memfd:", 7);
}

/* Can it be given a name beside it? */
static bool can_be_named(int fd)
{
	char path[32], name[256];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, name, sizeof(name) - 8);
	while (n > 0 && name[n - 1] != '/')
		n--;
	memcpy(name + n, "named", 6);
	return !linkat(AT_FDCWD, path, AT_FDCWD, name, AT_SYMLINK_FOLLOW);
}

static bool make_and_close(void)
{
	int fd = make(MFD_CLOEXEC);
	bool is = fd >= 0 && is_other(fd);

	close(fd);
	return is;
}

/* ---- one process ---- */

static void check_memory(void)
{
	int fd = make(0);
	char *p;

	ok(fd >= 0 && is_other(fd), "memfd_create: another file stands for it");
	is(fcntl(fd, F_GETFD), 0, "  which exec keeps open");
	is(fcntl(fd, F_GETFL), O_RDWR | LARGEFILE, "  to read and write");
	ok(!ftruncate(fd, 4 * MIB), "ftruncate");
	p = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ok(p != MAP_FAILED, "mmap");
	memset(p, 0x5a, 4 * MIB);
	is(p[4 * MIB - 1], 0x5a, "  it is memory");
	ok(!ftruncate(fd, 2 * MIB), "  which can be made smaller");
	ok(!can_be_named(fd) && errno == ENOENT, "  and gets no name");
	munmap(p, 4 * MIB);
	close(fd);
}

static void check_flags(void)
{
	static const unsigned int good[] = {
		MFD_ALLOW_SEALING, MFD_HUGETLB, MFD_NOEXEC_SEAL, MFD_EXEC,
		MFD_HUGETLB | 21U << MFD_HUGE_SHIFT,
		MFD_HUGETLB | 30U << MFD_HUGE_SHIFT,
	};
	static const unsigned int bad[] = {
		0x20, 1U << 31, 21U << MFD_HUGE_SHIFT,
		MFD_NOEXEC_SEAL | MFD_EXEC,
	};
	int fd = make(MFD_CLOEXEC);

	is(fcntl(fd, F_GETFD), FD_CLOEXEC, "MFD_CLOEXEC: exec closes it");
	close(fd);
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		fd = make(good[i]);
		ok(fd >= 0 && is_other(fd), "flags %#x", good[i]);
		close(fd);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		is_errno(make(bad[i]), EINVAL, "flags %#x", bad[i]);
}

/* What Firecracker and crosvm do. */
static void check_seals(void)
{
	int fd = make(MFD_CLOEXEC | MFD_ALLOW_SEALING), again;

	is(fcntl(fd, F_GET_SEALS), 0, "MFD_ALLOW_SEALING: no seals at first");
	ok(!ftruncate(fd, MIB), "  ftruncate");
	ok(!fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW),
	   "  F_ADD_SEALS shrink and grow");
	is_errno(ftruncate(fd, MIB / 2), EPERM, "  then not smaller");
	is_errno(ftruncate(fd, 2 * MIB), EPERM, "  and not larger");
	ok(!ftruncate(fd, MIB), "  but the same");
	is_errno(ftruncate(fd, -1), EINVAL, "  and what is wrong is wrong");
	is_errno(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EINVAL,
		 "  the seal against writing is refused");
	is_errno(fcntl(fd, F_ADD_SEALS, 0x8000), EINVAL, "  an unknown one");
	again = dup(fd);
	ok(!fcntl(again, F_ADD_SEALS, F_SEAL_SEAL), "  F_ADD_SEALS seal");
	is(fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL,
	   "  the file has them all, by another descriptor");
	is_errno(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), EPERM, "  and no more");
	close(again);
	close(fd);
}

static void check_first_seals(void)
{
	int fd = make(0);

	is(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL, "no sealing is allowed");
	is_errno(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), EPERM, "  so none is");
	ok(!ftruncate(fd, MIB) && !ftruncate(fd, 0), "  ftruncate is free");
	close(fd);
	fd = make(MFD_NOEXEC_SEAL);
	is(fcntl(fd, F_GET_SEALS), F_SEAL_EXEC, "MFD_NOEXEC_SEAL");
	close(fd);
}

static int open_again(int fd, int flags)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags);
}

static void check_read_only(void)
{
	int fd = make(MFD_ALLOW_SEALING), reader = open_again(fd, O_RDONLY);

	ok(reader >= 0, "a second descriptor, to read");
	is_errno(fcntl(reader, F_ADD_SEALS, F_SEAL_GROW), EPERM,
		 "  can't add seals");
	is(fcntl(reader, F_GET_SEALS), 0, "  but show them");
	is_errno(ftruncate(reader, MIB), EINVAL, "  nor ftruncate");
	close(reader);
	close(fd);
}

/* The filter can't see which file it is. These are the kernel's business. */
static void check_others(void)
{
	char name[] = "/tmp/memfds-XXXXXX";
	int fd = mkstemp(name), pipes[2];

	unlink(name);
	ok(!ftruncate(fd, MIB) && !ftruncate(fd, 0), "another file: ftruncate");
	ok(!pipe(pipes), "a pipe");
	is_errno(fcntl(pipes[0], F_GET_SEALS), EINVAL, "  F_GET_SEALS");
	is_errno(ftruncate(pipes[1], 0), EINVAL, "  ftruncate");
	is_errno(fcntl(12345, F_GET_SEALS), EBADF, "no descriptor at all");
	is_errno(ftruncate(-1, 0), EBADF, "  nor ftruncate");
	close(pipes[0]);
	close(pipes[1]);
	close(fd);
}

static void check_limit(void)
{
	struct rlimit few, before;

	getrlimit(RLIMIT_NOFILE, &before);
	few = before;
	few.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &few);
	is_errno(make(0), EMFILE, "RLIMIT_NOFILE");
	setrlimit(RLIMIT_NOFILE, &before);
	ok(make_and_close(), "  and back");
}

/* ---- the other kinds of system calls ---- */

static long call_32(long nr, long a, long b, long c)
{
	long ret;

	__asm__ volatile("int $0x80" : "=a" (ret)
			 : "a" (nr), "b" (a), "c" (b), "d" (c)
			 : "r8", "r9", "r10", "r11", "memory");
	return (int)ret;
}

static void check_32(void)
{
	char *name = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE |
			  MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	int fd;

	if (call_32(20, 0, 0, 0) != getpid()) {
		skip(5, "no system calls of i386");
		return;
	}
	memcpy(name, "guest", 6);
	fd = call_32(356, (long)name, MFD_ALLOW_SEALING, 0);
	ok(fd >= 0 && is_other(fd), "i386: memfd_create");
	is(call_32(93, fd, MIB, 0), 0, "  ftruncate");
	is(call_32(221, fd, F_ADD_SEALS, F_SEAL_GROW), 0, "  fcntl64");
	is(call_32(55, fd, F_GET_SEALS, 0), F_SEAL_GROW, "  fcntl");
	is(call_32(194, fd, 0, 1), -EPERM, "  ftruncate64, to 4 GiB");
	close(fd);
}

/* If the kernel has none, the answer comes before it could say so. */
static void check_x32(void)
{
	int fd = syscall(X32 | SYS_memfd_create, "guest", 0);

	ok(fd >= 0 && is_other(fd), "x32: memfd_create");
	close(fd);
}

/* ---- many ---- */

static void *make_many(void *unused)
{
	intptr_t good = 0;

	(void)unused;
	for (int i = 0; i < NR_EACH; i++)
		good += make_and_close();
	return (void *)good;
}

static void check_threads(void)
{
	pthread_t threads[NR_THREADS];
	intptr_t good = 0;
	void *n;

	for (int i = 0; i < NR_THREADS; i++)
		pthread_create(&threads[i], NULL, make_many, NULL);
	for (int i = 0; i < NR_THREADS; i++) {
		pthread_join(threads[i], &n);
		good += (intptr_t)n;
	}
	is(good, NR_THREADS * NR_EACH, "threads: every call of each");
}

static int status_of(pid_t pid)
{
	int status;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void check_fork(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(make_and_close() ? 42 : 1);
	is(status_of(pid), 42, "fork: the child's, too");
	pid = fork();
	if (!pid) {
		execl("/proc/self/exe", "memfds", "other", NULL);
		_exit(1);
	}
	is(status_of(pid), 42, "exec: the new program's, too");
}

static void on_alarm(int sig)
{
	(void)sig;
}

/*
 * Nothing is lost or made twice if signals come while a call waits. Without
 * SA_RESTART, a call that the supervisor hasn't seen yet ends with EINTR.
 */
static void check_signals(void)
{
	struct sigaction act = {
		.sa_handler = on_alarm, .sa_flags = SA_RESTART,
	};
	struct itimerval often = { { 0, 500 }, { 0, 500 } }, off = { 0 };
	int first = make(MFD_CLOEXEC), last;

	close(first);
	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	is((intptr_t)make_many(NULL), NR_EACH, "signals: every call");
	setitimer(ITIMER_REAL, &off, NULL);
	last = make(MFD_CLOEXEC);
	is(last, first, "  none left a descriptor behind");
	close(last);
}

/* A process that is killed or stopped in the middle keeps no other waiting. */
static void check_victims(void)
{
	int good = 0;

	for (int i = 0; i < NR_EACH; i++) {
		pid_t pid = fork();

		while (!pid)
			make_and_close();
		usleep(i * 100);
		kill(pid, SIGSTOP);
		good += make_and_close();
		kill(pid, SIGKILL);
		good += make_and_close();
		waitpid(pid, NULL, 0);
	}
	is(good, 2 * NR_EACH, "others that are stopped and killed: every call");
}

static int check(void)
{
	check_memory();
	check_flags();
	check_seals();
	check_first_seals();
	check_read_only();
	check_others();
	check_limit();
	check_32();
	check_x32();
	check_threads();
	check_fork();
	check_signals();
	check_victims();
	return done_testing();
}

/* ---- for the script ---- */

static const char *kind_of(int fd)
{
	return fd < 0 ? strerror(errno) : is_other(fd) ? "other" : "memfd";
}

static int hold(const char *name, size_t size)
{
	int fd = syscall(SYS_memfd_create, name, MFD_CLOEXEC);
	char *p;

	if (fd < 0 || ftruncate(fd, size))
		return 1;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return 1;
	memset(p, 'G', size);
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}

static int later(const char *file)
{
	char *path;
	FILE *f;

	if (fork())
		return 7;
	setsid();
	close_range(0, 2, 0);
	while (access(file, F_OK))
		usleep(10000);
	if (asprintf(&path, "%s.kind", file) < 0)
		return 1;
	f = fopen(path, "w");
	if (!f)
		return 1;
	fprintf(f, "%s\n", kind_of(make(0)));
	fclose(f);
	return 0;
}

/* No VM is needed: the call is answered first, and then the kernel refuses. */
static void give_by(unsigned int how, void *address, size_t size,
		    unsigned int flags)
{
	union {
		struct kvm_userspace_memory_region slot;
		char room[256];		/* for ...REGION2 */
	} arg = {
		.slot.memory_size = size, .slot.flags = flags,
		.slot.userspace_addr = (uintptr_t)address,
	};

	if (!ioctl(-1, how, &arg) || errno != EBADF)
		puts("the kernel was not asked");
}

static void give(void *address, size_t size, unsigned int flags)
{
	give_by(KVM_SET_USER_MEMORY_REGION, address, size, flags);
}

static void *anonymous(size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static int slots(void)
{
	int fd = make(MFD_CLOEXEC);
	char *other = anonymous(3 * MIB), *none = anonymous(5 * MIB);
	char *file;

	if (ftruncate(fd, 4 * MIB))
		return 1;
	file = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	munmap(none, 5 * MIB);
	give(file, 4 * MIB, 0);
	give(other, MIB, KVM_MEM_READONLY);
	give(other, 3 * MIB, 0);
	give(other, 0, 0);
	give(other, 3 * MIB, 0);
	give(none, 5 * MIB, 0);
	give_by(KVM_SET_USER_MEMORY_REGION2, file, 4 * MIB,
		KVM_MEM_GUEST_MEMFD);
	return 0;
}

static int noisy(void)
{
	int fd = make(MFD_CLOEXEC | MFD_ALLOW_SEALING);
	char *other = anonymous(3 * MIB);
	pid_t pid;

	for (int i = 0; i < 40; i++)
		fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE);
	give(other, 3 * MIB, 0);
	pid = fork();
	if (!pid) {
		give(other, 3 * MIB, 0);
		_exit(0);
	}
	return status_of(pid);
}

static int seal(void)
{
	int fd = make(MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int err = fcntl(fd, F_ADD_SEALS, F_SEAL_GROW);

	return puts(err ? strerror(errno) : "sealed") < 0;
}

/* ---- a file whose server doesn't answer ---- */

static int stuck_fd;
static pid_t stuck_thread;
static void *stuck_memory;

/* It never comes back. */
static void *write_stuck(void *unused)
{
	ssize_t n;

	(void)unused;
	__atomic_store_n(&stuck_thread, gettid(), __ATOMIC_RELEASE);
	n = write(stuck_fd, stuck_memory, 4096);
	printf("written: %zd\n", n);
	return NULL;
}

/* "1": a thread that sleeps in write(2). */
static bool is_writing(pid_t tid)
{
	char path[64], text[2] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid);
	fd = open(path, O_RDONLY);
	if (read(fd, text, sizeof(text)) < 0)
		text[0] = '\0';
	close(fd);
	return !memcmp(text, "1 ", 2);
}

static void wait_until_it_writes(void)
{
	while (!is_writing(__atomic_load_n(&stuck_thread, __ATOMIC_ACQUIRE)))
		usleep(10000);
}

static int stuck(const char *path)
{
	int fd = open(path, O_RDONLY);
	pthread_t thread;

	stuck_fd = make(MFD_CLOEXEC | MFD_ALLOW_SEALING);
	stuck_memory = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	if (fd < 0 || stuck_memory == MAP_FAILED)
		return 1;
	if (!ioctl(-1, KVM_SET_USER_MEMORY_REGION, stuck_memory) ||
	    errno != EBADF)
		return 1;
	puts("slot");
	puts(kind_of(syscall(SYS_memfd_create, stuck_memory, 0)));
	pthread_create(&thread, NULL, write_stuck, NULL);
	wait_until_it_writes();
	if (fcntl(stuck_fd, F_ADD_SEALS, F_SEAL_GROW))
		puts(strerror(errno));
	puts(kind_of(make(0)));
	fflush(stdout);
	_exit(0);
}

/* A call of each kind of odd: nothing is at that address, nor is the flag. */
static int odd(void)
{
	return puts(kind_of(syscall(SYS_memfd_create, 8, 0x20))) < 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "check"))
		return check();
	tap_finished = true;
	if (!strcmp(what, "other"))
		return make_and_close() ? 42 : 1;
	if (!strcmp(what, "hold") && argc == 4)
		return hold(argv[2], strtoul(argv[3], NULL, 10));
	if (!strcmp(what, "later") && argc == 3)
		return later(argv[2]);
	if (!strcmp(what, "slot"))
		return slots();
	if (!strcmp(what, "noisy"))
		return noisy();
	if (!strcmp(what, "seal"))
		return seal();
	if (!strcmp(what, "odd"))
		return odd();
	if (!strcmp(what, "stuck") && argc == 3)
		return stuck(argv[2]);
	if (!strcmp(what, "kind") && argc == 3)
		return puts(kind_of(syscall(SYS_memfd_create, argv[2], 0))) < 0;
	fputs("usage: memfds check|hold|later|kind|odd|seal|slot|noisy|stuck ...\n",
	      stderr);
	return 2;
}
