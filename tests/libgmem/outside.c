// SPDX-License-Identifier: GPL-2.0
/*
 * outside: what comes to a thread from outside while it is in the library:
 * signals whose handlers open windows, fork() by another thread, cancellation.
 */
#include <linux/kvm.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/time.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#include "../module/gmem_test.h"
#include "libgmem_test.h"

#define SIZE		(4 * PAGE)
#define MANY		24	/* more than there are keys */
#define ONLY(b)		(1U << GMEM_BACKEND_##b)

#ifdef GMEM_POINTS
#include "../../lib/point.h"

/* The moments in which something from outside would do harm are long. */
void gmem_point_reached(enum gmem_point point)
{
	static unsigned int n;

	if (point == GMEM_POINT_MAPPED ||
	    __atomic_fetch_add(&n, 1, __ATOMIC_RELAXED) % 16 == 0)
		usleep(200);
}
#endif

static struct gmem_region *many[MANY];

static struct gmem_region *make(uint32_t backends, uint32_t windows)
{
	struct gmem_region_options options = {
		.size = SIZE, .windows = windows, .backends = backends,
	};
	struct gmem_region *r;

	good(gmem_region_create(&options, &r));
	return r;
}

static void make_many(void)
{
	int i;

	for (i = 0; i < MANY; i++)
		many[i] = make(ONLY(MEMFD), GMEM_WINDOWS_KEYS);
}

static void destroy_many(void)
{
	int i;

	for (i = 0; i < MANY; i++)
		gmem_region_destroy(many[i]);
}

/* ---- signals ---- */

static volatile unsigned int handled;
static volatile int refused;

static void open_in_handler(int sig)
{
	struct gmem_region *r = many[handled % MANY];
	struct gmem_window w;
	int error = errno, ret = gmem_window_open(&w, r, GMEM_WRITE);

	(void)sig;
	if (ret) {
		refused = ret;
	} else {
		++*(volatile unsigned int *)r->address;
		gmem_window_close(&w);
		handled++;
	}
	errno = error;
}

static void every(unsigned int us)
{
	struct itimerval t = { { 0, us }, { 0, us } };

	must(setitimer(ITIMER_REAL, &t, NULL));
}

static void count_handled(void)
{
	unsigned int i, sum = 0;

	for (i = 0; i < MANY; i++) {
		unsigned int value;

		good(gmem_region_read(many[i], 0, &value, sizeof(value)));
		sum += value;
	}
	is(sum, handled, "all of them were windows in the right regions");
}

/* Each window of this thread's needs a key that another region has. */
static void test_handler(void)
{
	struct sigaction act = { .sa_handler = open_in_handler };
	struct gmem_region *process = make(ONLY(MEMFD), GMEM_WINDOWS_PROCESS);
	unsigned int i, failed = 0, byte;

	sigaction(SIGALRM, &act, NULL);
	every(700);
	for (i = 0; i < 20000 && handled < 1000; i++)
		failed += gmem_region_read(many[i % MANY], 8, &byte, 1) ||
			  gmem_region_read(process, 0, &byte, 1);
	every(0);
	ok(handled > 50 && !failed && !refused,
	   "%u signal handlers opened windows, in %u of this thread's",
	   handled, i);
	count_handled();
	gmem_region_destroy(process);
}

/* A handler can't see that it has interrupted them. It must come to an end. */
static void test_handler_without_keys(void)
{
	struct gmem_window w[MANY];
	struct sigaction act = { .sa_handler = open_in_handler };
	unsigned int n = 0;

	while (n < MANY && !gmem_window_open(&w[n], many[n], GMEM_READ))
		n++;
	ok(n && n < MANY, "%u windows take all keys", n);
	sigaction(SIGUSR1, &act, NULL);
	handled = n;
	refused = 0;
	raise(SIGUSR1);
	is(refused, -EBUSY, "a handler that needs one is told so");
	ok(strstr(gmem_last_error(), "signal handler"), "  \"%s\"",
	   gmem_last_error());
	ok(may_read(many[0]->address), "what it interrupted is open still");
	while (n)
		gmem_window_close(&w[--n]);
}

/* ---- fork() ---- */

/* A child that hangs ends by this. */
static int in_child(int (*what)(void))
{
	pid_t pid = must(fork());
	int status;

	if (!pid) {
		tap_finished = true;
		alarm(300);
		signal(SIGALRM, SIG_DFL);
		_exit(what());
	}
	must(waitpid(pid, &status, 0));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static struct gmem_region *own, *keyed, *plain, *by_mprotect, *hidden;
static struct gmem_vm *vm;

/* Return: how many calls took a region of the parent's for a good one. */
static int ask_for_parents(struct gmem_region *r)
{
	struct gmem_protection p;
	struct gmem_window w;
	void *shared;
	char byte = 0;

	return (gmem_window_open(&w, r, GMEM_READ) != -ESTALE) +
	       (gmem_region_read(r, 0, &byte, 1) != -ESTALE) +
	       (gmem_region_write(r, 0, &byte, 1) != -ESTALE) +
	       (gmem_region_shared(r, &shared) != -ESTALE) +
	       (gmem_region_protection(r, &p) != -ESTALE) +
	       (gmem_region_convert(r, 0, PAGE, 0, 0, 0, NULL) != -ESTALE) +
	       (gmem_vm_add(vm, 1, 0, r, 0, PAGE, 0) != -ESTALE) +
	       (gmem_vm_trap_clocks(vm) != -ESTALE);
}

static int use_parents(void)
{
	return ask_for_parents(own) + ask_for_parents(keyed) +
	       ask_for_parents(plain) + ask_for_parents(by_mprotect) +
	       ask_for_parents(hidden) + (gmem_vm_remove(vm, 1) != -ESTALE);
}

/* Of the child's, where the parent has a region. */
static char *move_in(const struct gmem_region *r)
{
	char *p = mmap(r->address, SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
		       0);

	if (p != r->address)
		_exit(90);
	memset(p, 'c', SIZE);
	return p;
}

/* As a VMM would that cleans up. Keys are wanted meanwhile. */
static int destroy_parents(void)
{
	char *a = move_in(keyed), *b = move_in(own), *c = move_in(hidden);
	siginfo_t info = { .si_signo = SIGSEGV, .si_code = 4 };
	char text[160];
	int i, described, whole;

	info.si_addr = a;
	described = gmem_fault_describe(&info, text, sizeof(text));
	for (i = 0; i < MANY; i++)
		gmem_region_write(make(ONLY(MEMFD), GMEM_WINDOWS_KEYS), 0, "x",
				  1);
	gmem_vm_destroy(vm);
	gmem_region_destroy(keyed);
	gmem_region_destroy(own);
	gmem_region_destroy(hidden);
	gmem_region_destroy(plain);
	gmem_region_destroy(by_mprotect);
	whole = may_read(a) && may_read(b) && may_read(c) &&
		all_bytes(a, SIZE, 'c') && all_bytes(b, SIZE, 'c') &&
		all_bytes(c, SIZE, 'c');
	return described + 2 * !whole;
}

/* Made within a window, whose key the child's regions get in turn. */
static int look_at_own(void)
{
	int i, open = 0;

	for (i = 0; i < MANY; i++) {
		struct gmem_region *r = make(ONLY(MEMFD), GMEM_WINDOWS_KEYS);

		good(gmem_region_write(r, 0, "x", 1));
		open += may_read(r->address);
	}
	return open;
}

static pid_t forked;

static void fork_in_handler(int sig)
{
	int error = errno;

	(void)sig;
	forked = fork();
	errno = error;
}

static void interrupt_by_fork(void)
{
	signal(SIGUSR1, fork_in_handler);
	raise(SIGUSR1);
}

/* KVM_RUN without a vCPU: a handler interrupts it, while all keys are open. */
int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (request != KVM_RUN || fd >= 0)
		return syscall(SYS_ioctl, fd, request, arg);
	interrupt_by_fork();
	errno = EINTR;
	return -1;
}

static void end_child(int status)
{
	tap_finished = true;
	_exit(status);
}

static int wait_for_forked(void)
{
	int status;

	must(waitpid(forked, &status, 0));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The child returns to the window that the handler has interrupted. */
static void test_fork_in_handler(struct gmem_region *r, const char *what)
{
	struct gmem_window w = opened(r, GMEM_WRITE);

	interrupt_by_fork();
	if (!forked)
		end_child(look_at_own());
	is(wait_for_forked(), 0,
	   "a handler forked in a window %s: the child's regions are closed",
	   what);
	ok(may_read(r->address), "and the parent's window is open");
	gmem_window_close(&w);
}

static void test_fork_in_kvm(void)
{
	struct gmem_window w = opened(keyed, GMEM_WRITE);
	int ret = gmem_vcpu_run(-1);

	if (!forked)
		end_child(ret == -EINTR ? look_at_own() : 91);
	is(ret, -EINTR, "a vCPU's run is interrupted by a fork");
	is(wait_for_forked(), 0, "the child's regions are closed");
	ok(may_read(keyed->address) && !may_read(own->address),
	   "and of the parent's just the one with a window is open");
	gmem_window_close(&w);
}

static void test_fork(void)
{
	int kvm = must(open("/dev/kvm", O_RDWR | O_CLOEXEC));
	struct gmem_window w;
	uint8_t state;

	own = make(ONLY(MEMFD), GMEM_WINDOWS_OWN_KEY);
	keyed = make(ONLY(MEMFD), GMEM_WINDOWS_KEYS);
	plain = make(ONLY(MEMFD), GMEM_WINDOWS_NONE);
	by_mprotect = make(ONLY(MEMFD), GMEM_WINDOWS_PROCESS);
	hidden = make(ONLY(GMEMFS), GMEM_WINDOWS_KEYS);
	good(gmem_vm_create(must(ioctl(kvm, KVM_CREATE_VM, 0)), &vm));
	good(gmem_region_write(keyed, 0, "k", 1));
	good(gmem_region_write(hidden, 0, "h", 1));
	good(gmem_region_convert(hidden, PAGE, PAGE, 0, 0, 0, NULL));
	w = opened(keyed, GMEM_WRITE);
	is(in_child(look_at_own), 0,
	   "a child that comes in a window has it closed, for its own regions");
	is(in_child(use_parents), 0, "it is told that regions are the parent's");
	is(in_child(destroy_parents), 0,
	   "to destroy those leaves its own memory there alone");
	gmem_window_close(&w);
	test_fork_in_handler(keyed, "by a shared key");
	test_fork_in_handler(own, "by a key of its own");
	test_fork_in_kvm();
	good(gmem_file_state(hidden->fd, PAGE, PAGE, &state));
	ok(state & GMEM_STATE_SHARED, "and the parent's");
	good(gmem_region_read(hidden, 0, &state, 1));
	is(state, 'h', "which is as it was");
	gmem_vm_destroy(vm);
	gmem_region_destroy(own);
	gmem_region_destroy(keyed);
	gmem_region_destroy(plain);
	gmem_region_destroy(by_mprotect);
	gmem_region_destroy(hidden);
	close(kvm);
}

static volatile bool over;

static void *keep_busy(void *arg)
{
	unsigned int i = (intptr_t)arg;
	char byte;

	while (!over) {
		struct gmem_region *r = make(ONLY(MEMFD), GMEM_WINDOWS_KEYS);

		good(gmem_region_read(many[++i % MANY], 0, &byte, 1));
		good(gmem_region_read(r, 0, &byte, 1));
		gmem_region_destroy(r);
	}
	return NULL;
}

/* memfd's name, as the kernel shows it. */
static int has_region(void)
{
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC), found;
	static char maps[1 << 20];
	size_t n = 0;
	ssize_t got;

	while ((got = read(fd, maps + n, sizeof(maps) - 1 - n)) > 0)
		n += got;
	maps[n] = 0;
	found = strstr(maps, "memfd:guest") ? 1 : 0;
	close(fd);
	return found;
}

static int live_on(void)
{
	int mapped = has_region();
	struct gmem_region *r;

	if (!CHILDREN_ALLOCATE)
		return mapped;
	r = make(ONLY(MEMFD), GMEM_WINDOWS_KEYS);
	good(gmem_region_write(r, 0, "x", 1));
	gmem_region_destroy(r);
	return mapped;
}

static void test_fork_of_many(void)
{
	pthread_t threads[3];
	int i, status = 0;

	for (i = 0; i < 3; i++)
		must(pthread_create(&threads[i], NULL, keep_busy,
				    (void *)(intptr_t)i) ? -1 : 0);
	for (i = 0; i < 60 && !status; i++)
		status = in_child(live_on);
	over = true;
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	is(status, 0, "60 children have no region, and make their own, whatever the parent's threads were at");
}

/* ---- descriptors ---- */

static bool left_to_programs(const char *name)
{
	int flags = fcntl(atoi(name), F_GETFD);

	return flags >= 0 && !(flags & FD_CLOEXEC) && atoi(name) > 2;
}

static int not_close_on_exec(void)
{
	DIR *dir = must(opendir("/proc/self/fd") ?: (DIR *)-1);
	struct dirent *entry;
	int n = 0;

	while ((entry = readdir(dir)))
		n += left_to_programs(entry->d_name);
	closedir(dir);
	return n;
}

static void test_descriptors(void)
{
	int kvm = must(open("/dev/kvm", O_RDWR | O_CLOEXEC));
	struct gmem_region_options options = {
		.size = SIZE, .vm_fd = must(ioctl(kvm, KVM_CREATE_VM, 0)),
		.backends = ONLY(GUEST_MEMFD) | ONLY(MEMFD),
	};
	int before = not_close_on_exec();
	struct gmem_region *a, *b = make(ONLY(GMEMFS), 0);
	int fd = gmem_file_create(NULL, SIZE, 0);
	void *p;

	good(gmem_region_create(&options, &a));
	good(gmem_region_shared(b, &p));
	is(not_close_on_exec(), before, "no descriptor is left to exec(), nor %s's",
	   gmem_region_backend(a));
	gmem_region_destroy(a);
	gmem_region_destroy(b);
	close(fd);
	close(options.vm_fd);
	close(kvm);
}

/* ---- cancellation ---- */

static int file;

static void c_create(void)
{
	gmem_region_destroy(make(ONLY(GMEMFS), GMEM_WINDOWS_KEYS));
}

static void c_file(void)
{
	int fd = gmem_file_create(NULL, SIZE, 0);

	gmem_file_resize(fd, SIZE);
	gmem_file_populate(fd, 0, SIZE);
	gmem_file_punch(fd, 0, SIZE);
	syscall(SYS_close, fd);
}

static void c_open(void)
{
	syscall(SYS_close, gmem_file_open(MNT "/named", O_RDWR | O_CREAT));
}

static void c_window(void)
{
	char byte;

	gmem_region_read(many[MANY - 1], 0, &byte, 1);
}

static void c_convert(void)
{
	gmem_file_convert(file, 0, PAGE, GMEM_ATTRIBUTE_PRIVATE, 0, 5, NULL);
}

static void c_clock(void)
{
	int kvm = syscall(SYS_openat, AT_FDCWD, "/dev/kvm", O_RDWR);
	int vm_fd = ioctl(kvm, KVM_CREATE_VM, 0);
	int vcpu = ioctl(vm_fd, KVM_CREATE_VCPU, 0);
	struct gmem_region *r = make(ONLY(GMEMFS), 0);
	struct gmem_vm *book;

	good(gmem_vm_create(vm_fd, &book));
	good(gmem_vm_add(book, 0, 0, r, 0, SIZE, 0));
	good(gmem_vm_write_msr(book, vcpu, 0x4b564d01, 1));
	good(gmem_vm_remove(book, 0));
	gmem_vm_destroy(book);
	gmem_region_destroy(r);
	syscall(SYS_close, vcpu);
	syscall(SYS_close, vm_fd);
	syscall(SYS_close, kvm);
}

static const struct {
	const char *name;
	void (*call)(void);
} cancelled[] = {
	{ "a region's life", c_create },
	{ "a file's life", c_file },
	{ "opening a file", c_open },
	{ "waiting for a key", c_window },
	{ "waiting for a pin", c_convert },
	{ "a clock", c_clock },
};

static volatile bool came_back;

/* Its own request is there before the call, and comes true behind it. */
static void *cancel_oneself(void *arg)
{
	void (*const *call)(void) = arg;

	pthread_cancel(pthread_self());
	(*call)();
	came_back = true;
	pthread_testcancel();
	return NULL;
}

static void test_one_cancelled(unsigned int n)
{
	pthread_t thread;
	void *end;

	came_back = false;
	must(pthread_create(&thread, NULL, cancel_oneself,
			    (void *)&cancelled[n].call) ? -1 : 0);
	pthread_join(thread, &end);
	ok(came_back && end == PTHREAD_CANCELED,
	   "%s: cancelled behind it, not in it", cancelled[n].name);
}

/* In a thread that was there before any window, and with one that has all. */
static void *hold_keys(void *arg)
{
	struct gmem_window w[MANY];
	unsigned int n = 0;

	while (n < MANY && !gmem_window_open(&w[n], many[n], GMEM_READ))
		n++;
	*(volatile bool *)arg = true;
	usleep(300000);
	while (n)
		gmem_window_close(&w[--n]);
	return NULL;
}

static void test_cancel(void)
{
	int before, pipes[2];
	volatile bool held = false;
	pthread_t holder;
	struct iovec iov = { .iov_len = PAGE };
	unsigned int i;

	file = gmem_file_create(NULL, SIZE, GMEM_FLAG_INIT_SHARED);
	good(gmem_file_map(gmem_file_shared_view(file), 0, SIZE,
			   PROT_READ | PROT_WRITE, &iov.iov_base));
	must(pipe(pipes));
	must(vmsplice(pipes[1], &iov, 1, 0));
	before = descriptors();
	must(pthread_create(&holder, NULL, hold_keys, (void *)&held) ? -1 : 0);
	while (!held)
		usleep(1000);
	for (i = 0; i < sizeof(cancelled) / sizeof(cancelled[0]); i++)
		test_one_cancelled(i);
	pthread_join(holder, NULL);
	is(descriptors(), before, "no descriptor is left");
	is(many[MANY - 1]->users & ~GMEM_NO_KEY, 0, "nor a window counted");
	must(unlink(MNT "/named"));
}

/* What hangs ends: not by SIGALRM, which is used. */
static void limit_time(int seconds)
{
	struct sigevent event = {
		.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGTERM,
	};
	struct itimerspec limit = { .it_value.tv_sec = seconds };
	timer_t timer;

	must(timer_create(CLOCK_MONOTONIC, &event, &timer));
	must(timer_settime(timer, 0, &limit, NULL));
}

int main(int argc, char **argv)
{
	limit_time(argc > 1 ? atoi(argv[1]) : 600);
	make_many();
	test_handler();
	test_handler_without_keys();
	test_fork();
	test_fork_of_many();
	test_descriptors();
	test_cancel();
	destroy_many();
	ok(becomes("hidden_bytes", 0), "nothing stays hidden");
	return done_testing();
}
