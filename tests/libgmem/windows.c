// SPDX-License-Identifier: GPL-2.0
/*
 * windows [SECONDS]: who may touch a region's memory, and who may not.
 *
 * The witness: instructions that write a canary, or read, where that must not
 * be possible. The signal handler notes what came of it and goes on behind the
 * instruction, so that the thread's rights stay as they were.
 */
#include <linux/kvm.h>
#include <pthread.h>
#include <sys/uio.h>
#include <time.h>
#include <ucontext.h>

#include "../guard/kvm.h"
#include "../lib/chance.h"
#include "../module/gmem_test.h"
#include "libgmem_test.h"

#ifndef SEGV_PKUERR
#define SEGV_PKUERR	4
#endif

#define SIZE	((long)(2 * BLOCK))
#define CANARY	0xc5

/* ---- the witness ---- */

static _Thread_local volatile int fault_code;

/* How long the two instructions are, and no others: movb to and from (%rdi). */
static void skip_it(ucontext_t *context)
{
	greg_t *rip = &context->uc_mcontext.gregs[REG_RIP];
	const unsigned char *code = (const unsigned char *)*rip;

	if (code[0] == 0xc6 && code[1] == 0x07)
		*rip += 3;
	else if (code[0] == 0x8a && code[1] == 0x07)
		*rip += 2;
	else
		_exit(99);
}

static void on_segv(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	fault_code = info->si_code;
	skip_it(context);
}

/* The si_code of the fault, 0 if it went through. */
static int write_canary(volatile void *p)
{
	fault_code = 0;
	asm volatile("movb %1, (%%rdi)" : : "D" (p), "i" ((char)CANARY)
		     : "memory");
	return fault_code;
}

static int read_byte(volatile void *p, unsigned char *byte)
{
	unsigned char al = 0;

	fault_code = 0;
	asm volatile("movb (%%rdi), %%al" : "+a" (al) : "D" (p) : "memory");
	*byte = al;
	return fault_code;
}

static int read_code(volatile void *p)
{
	unsigned char byte;

	return read_byte(p, &byte);
}

static bool is_closed(volatile void *p)
{
	return write_canary(p) == SEGV_PKUERR && read_code(p) == SEGV_PKUERR;
}

/* Puts back what the witness wrote. */
static bool is_open(volatile char *p)
{
	unsigned char byte;
	bool open = !read_byte(p, &byte) && !write_canary(p);

	if (open)
		*p = byte;
	return open;
}

static bool is_for_reading(volatile void *p, int code)
{
	return !read_code(p) && write_canary(p) == code;
}

/* A thread that was there before any window: it looks where it is told to. */
static int questions[2], answers[2];

static void *other_thread(void *arg)
{
	bool closed;
	void *p;

	(void)arg;
	while (read(questions[0], &p, sizeof(p)) == sizeof(p)) {
		closed = is_closed(p);
		must(write(answers[1], &closed, 1));
	}
	return NULL;
}

static void start_other_thread(void)
{
	pthread_t thread;

	must(pipe(questions));
	must(pipe(answers));
	must(pthread_create(&thread, NULL, other_thread, NULL) ? -1 : 0);
}

static bool closed_elsewhere(void *p)
{
	bool closed;

	must(write(questions[1], &p, sizeof(p)));
	must(read(answers[0], &closed, 1));
	return closed;
}

/* ---- regions ---- */

static struct gmem_region *make(uint32_t windows, uint64_t flags)
{
	struct gmem_region_options options = {
		.size = SIZE, .flags = flags, .windows = windows,
		.backends = 1 << GMEM_BACKEND_GMEMFS,
	};
	struct gmem_region *region;

	good(gmem_region_create(&options, &region));
	return region;
}

static uint64_t holds(const struct gmem_region *region)
{
	struct gmem_protection p;

	good(gmem_region_protection(region, &p));
	return p.holds;
}

/* ---- one region ---- */

static void test_window(uint32_t windows, uint64_t flags, const char *what)
{
	struct gmem_region *r = make(windows, flags);
	char *p = r->address;
	struct gmem_window w;

	is(r->windows, windows, "%s: it has that kind of windows", what);
	ok(holds(r) & GMEM_PROTECT_WINDOWS, "%s: it is said", what);
	ok(is_closed(p) && is_closed(p + SIZE - 1), "%s: closed at first",
	   what);
	is(get_info(r->fd).populated, 0, "%s: nothing came by that", what);
	w = opened(r, GMEM_WRITE);
	memset(p, 1, SIZE);
	ok(is_open(p) && is_open(p + SIZE - 1), "%s: open", what);
	ok(closed_elsewhere(p) && closed_elsewhere(p + SIZE - 1),
	   "%s: not for another thread", what);
	gmem_window_close(&w);
	ok(is_closed(p) && is_closed(p + SIZE - 1),
	   "%s: closed, now that memory is mapped", what);
	w = opened(r, GMEM_READ);
	ok(is_for_reading(p, SEGV_PKUERR), "%s: open for reading", what);
	ok(closed_elsewhere(p), "%s: here only", what);
	gmem_window_close(&w);
	ok(is_closed(p), "%s: closed again", what);
	w = opened(r, GMEM_READ);
	ok(all_bytes(p, SIZE, 1), "%s: the canary got nowhere", what);
	gmem_window_close(&w);
	ok((get_info(r->fd).map_faults_2m > 0) ==
	   !(flags & GMEM_FLAG_NO_HUGE),
	   "%s: mapped by 2 MiB unless it shouldn't", what);
	gmem_region_destroy(r);
}

static void test_nested(void)
{
	struct gmem_region *r = make(GMEM_WINDOWS_KEYS, 0);
	struct gmem_region *other = make(GMEM_WINDOWS_KEYS, 0);
	char *p = r->address, *q = other->address;
	struct gmem_window a, b, c;

	a = opened(r, GMEM_READ);
	b = opened(r, GMEM_WRITE);
	c = opened(r, GMEM_READ);
	ok(is_open(p), "reading within writing: can be written");
	ok(is_closed(q), "another region is closed");
	gmem_window_close(&c);
	ok(is_open(p), "back to writing");
	gmem_window_close(&b);
	ok(is_for_reading(p, SEGV_PKUERR), "back to reading");
	b = opened(other, GMEM_WRITE);
	gmem_window_close(&a);
	ok(is_closed(p) && is_open(q), "regions close in any order");
	gmem_window_close(&b);
	ok(is_closed(p) && is_closed(q), "all closed");
	{
		gmem_window_scope(w, r, GMEM_WRITE);

		ok(!w.error && is_open(p), "open in a scope");
	}
	ok(is_closed(p), "and closed behind it");
	gmem_region_destroy(r);
	gmem_region_destroy(other);
}

static void test_kernel(void)
{
	struct gmem_region *r = make(GMEM_WINDOWS_KEYS, 0);
	char *p = r->address, data[3] = "";
	struct gmem_window w;
	int pipes[2];

	must(pipe(pipes));
	is_errno(write(pipes[1], p, 1), EFAULT, "write() from a closed region");
	w = opened(r, GMEM_WRITE);
	memcpy(p, "abc", 3);
	is(write(pipes[1], p, 3), 3, "in a window");
	gmem_window_close(&w);
	w = opened(r, GMEM_READ);
	is_errno(read(pipes[0], p + 10, 3), EFAULT,
		 "read() into one that is open for reading");
	gmem_window_close(&w);
	close(pipes[0]);
	close(pipes[1]);
	is(gmem_region_read(r, 0, data, 3), 0, "copied out");
	ok(!memcmp(data, "abc", 3), "what was written");
	is(gmem_region_write(r, SIZE - 3, "xyz", 3), 0, "copied in");
	is(gmem_region_read(r, SIZE - 3, data, 3), 0, "and out");
	ok(!memcmp(data, "xyz", 3), "at the end");
	is(gmem_region_write(r, SIZE - 2, "xyz", 3), -ERANGE,
	   "not beyond the end");
	is(gmem_region_read(r, -1ULL, data, 2), -ERANGE, "nor around it");
	ok(is_closed(p), "closed behind all that");
	gmem_region_destroy(r);
}

static char *in_handler;
static volatile bool closed_in_handler;

static void on_usr1(int sig)
{
	(void)sig;
	closed_in_handler = is_closed(in_handler);
}

static void test_signal_handler(void)
{
	struct sigaction act = { .sa_handler = on_usr1 };
	struct gmem_region *r = make(GMEM_WINDOWS_KEYS, 0);
	struct gmem_window w;

	in_handler = r->address;
	sigaction(SIGUSR1, &act, NULL);
	w = opened(r, GMEM_WRITE);
	raise(SIGUSR1);
	ok(closed_in_handler, "a signal handler in a window has none");
	ok(is_open(r->address), "and leaves it as it was");
	gmem_window_close(&w);
	gmem_region_destroy(r);
}

static void test_fork(void)
{
	struct gmem_region *r = make(GMEM_WINDOWS_KEYS, 0);
	struct gmem_window w = opened(r, GMEM_WRITE);
	int status;
	pid_t pid;

	*(char *)r->address = 1;
	pid = must(fork());
	if (!pid) {
		tap_finished = true;
		_exit(read_code(r->address) == SEGV_MAPERR ? 0 : 1);
	}
	must(waitpid(pid, &status, 0));
	is(status, 0, "a child has no part of it, even inside of a window");
	gmem_window_close(&w);
	gmem_region_destroy(r);
}

/* ---- what a fault says ---- */

static void test_describe(void)
{
	struct gmem_region *r = make(GMEM_WINDOWS_KEYS, 0);
	siginfo_t info = { .si_signo = SIGSEGV, .si_code = SEGV_PKUERR };
	char text[160] = "before", tiny[8];

	info.si_addr = (char *)r->address + 0x1234;
	is(gmem_fault_describe(&info, text, sizeof(text)), 1, "a fault");
	strtok(text, "\n");
	ok(strstr(text, "offset 0x1234 of") && strstr(text, "key"), "  \"%s\"",
	   text);
	is(gmem_fault_describe(&info, tiny, sizeof(tiny)), 1, "little room");
	is_str(tiny, "libgmem", "is kept to");
	snprintf(text, sizeof(text), "before");
	info.si_addr = text;
	is(gmem_fault_describe(&info, text, sizeof(text)), 0, "another's");
	info.si_addr = r->address;
	info.si_code = SEGV_MAPERR;
	is(gmem_fault_describe(&info, text, sizeof(text)), 0,
	   "a fault of another kind");
	is_str(text, "before", "both leave the text alone");
	info.si_code = SEGV_PKUERR;
	gmem_region_destroy(r);
	is(gmem_fault_describe(&info, text, sizeof(text)), 0,
	   "a region that is gone");
}

static _Noreturn void die_of_fault(void)
{
	struct gmem_region *r = make(GMEM_WINDOWS_KEYS, 0);
	volatile char *p = r->address;

	signal(SIGSEGV, SIG_DFL);
	good(gmem_fault_install());
	good(gmem_fault_install());
	p[0x777] = 1;
	_exit(0);
}

static void test_install(void)
{
	int pipes[2], status;
	char text[200] = "";
	pid_t pid;

	must(pipe(pipes));
	pid = must(fork());
	if (!pid) {
		tap_finished = true;
		dup2(pipes[1], STDERR_FILENO);
		die_of_fault();
	}
	close(pipes[1]);
	must(waitpid(pid, &status, 0));
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV,
	   "who touches closed memory dies of it");
	must(read(pipes[0], text, sizeof(text) - 1));
	ok(strchr(text, '\n'), "and it is told, on one line");
	strtok(text, "\n");
	ok(strstr(text, "offset 0x777 of"), "  \"%s\"", text);
	close(pipes[0]);
}

/* ---- keys ---- */

#define MANY	40

static struct gmem_region *many[MANY];

static void make_many(void)
{
	int i;

	for (i = 0; i < MANY; i++) {
		many[i] = make(GMEM_WINDOWS_KEYS, GMEM_FLAG_NO_HUGE);
		good(gmem_region_write(many[i], i, &i, sizeof(i)));
	}
}

static void destroy_many(void)
{
	int i;

	for (i = 0; i < MANY; i++)
		gmem_region_destroy(many[i]);
}

/* As many windows as there are keys, in one thread. Return: how many. */
static int open_all(struct gmem_window *w)
{
	int i, ret = 0;

	for (i = 0; i < MANY && !ret; i++)
		ret = gmem_window_open(&w[i], many[i], GMEM_WRITE);
	is(ret, -EBUSY, "a thread that has all keys gets no more");
	ok(strstr(gmem_last_error(), "close it first"), "  \"%s\"",
	   gmem_last_error());
	return i - 1;
}

/* Begun before any window is open, else it would have those too. */
static void *wait_for_window(void *arg)
{
	struct gmem_window w;
	struct gmem_region *r;
	int ret;

	must(read(*(int *)arg, &r, sizeof(r)));
	ret = gmem_window_open(&w, r, GMEM_WRITE);

	if (!ret)
		gmem_window_close(&w);
	return (void *)(long)ret;
}

static void test_many(void)
{
	struct gmem_window w[MANY];
	uint64_t misses, waits;
	int i, value, right = 0, keys, pipes[2];
	pthread_t thread;
	void *ret;

	make_many();
	for (i = 0; i < MANY; i++) {
		good(gmem_region_read(many[i], i, &value, sizeof(value)));
		right += value == i && is_closed(many[i]->address) &&
			 is_closed(many[(i * 7) % MANY]->address);
	}
	is(right, MANY, "%d regions, each with its own memory", MANY);
	keys = stats().keys;
	diag("%d keys, %lu misses, %lu recycled", keys,
	     (long)stats().misses, (long)stats().recycled);
	ok(keys > 1 && keys < MANY && stats().recycled,
	   "more than there are keys");

	must(pipe(pipes));
	must(pthread_create(&thread, NULL, wait_for_window, pipes) ? -1 : 0);
	is(open_all(w), keys, "as many windows as keys");
	waits = stats().waits;
	must(write(pipes[1], &many[MANY - 1], sizeof(many[0])));
	while (stats().waits == waits)
		usleep(1000);
	for (i = 0; i < keys; i++)
		gmem_window_close(&w[i]);
	pthread_join(thread, &ret);
	is((long)ret, 0, "a thread that has none waits for one");
	close(pipes[0]);
	close(pipes[1]);

	/* All but many[0] are used after it, so it's the one to lose. */
	for (i = 0; i < keys; i++)
		good(gmem_region_read(many[i], 0, &value, 1));
	good(gmem_region_read(many[keys], 0, &value, 1));
	misses = stats().misses;
	for (i = 2; i <= keys; i++)
		good(gmem_region_read(many[i], 0, &value, 1));
	is(stats().misses - misses, 0, "those used last have their keys");
	good(gmem_region_read(many[0], 0, &value, 1));
	is(stats().misses - misses, 1, "and the first to be used has none");
	destroy_many();
}

static void test_own_key(void)
{
	struct gmem_region_options options = {
		.size = PAGE, .windows = GMEM_WINDOWS_OWN_KEY,
	};
	struct gmem_region *own[16], *r;
	int n = 0, ret;

	do {
		ret = gmem_region_create(&options, &own[n]);
	} while (!ret && ++n < 16);
	is(ret, -EBUSY, "keys run out");
	is(n, stats().keys, "after as many regions");
	gmem_region_destroy(own[--n]);
	r = make(GMEM_WINDOWS_KEYS, 0);
	good(gmem_region_write(r, 0, "a", 1));
	ok(is_closed(r->address), "one is left for those that take turns");
	while (n)
		gmem_region_destroy(own[--n]);
	gmem_region_destroy(r);
}

/* ---- without keys ---- */

static void test_mprotect(void)
{
	struct gmem_region *r = make(GMEM_WINDOWS_PROCESS, 0);
	char *p = r->address;
	struct gmem_window a, b;

	ok(holds(r) & GMEM_PROTECT_PROCESS_WINDOWS, "mprotect: it is said");
	ok(!(holds(r) & GMEM_PROTECT_WINDOWS), "and not that it's more");
	is(write_canary(p), SEGV_ACCERR, "closed");
	a = opened(r, GMEM_READ);
	ok(is_for_reading(p, SEGV_ACCERR), "open for reading");
	b = opened(r, GMEM_WRITE);
	ok(is_open(p), "and for writing");
	ok(!closed_elsewhere(p), "for all threads");
	gmem_window_close(&b);
	ok(is_for_reading(p, SEGV_ACCERR), "for reading");
	gmem_window_close(&a);
	is(read_code(p), SEGV_ACCERR, "closed");
	gmem_region_destroy(r);
}

static void test_none(void)
{
	struct gmem_region *r = make(GMEM_WINDOWS_NONE, 0);
	struct gmem_window w;

	ok(!(holds(r) & (GMEM_PROTECT_WINDOWS | GMEM_PROTECT_PROCESS_WINDOWS)),
	   "no windows: none are said to be");
	w = opened(r, GMEM_READ);
	gmem_window_close(&w);
	ok(is_open(r->address), "always open");
	gmem_region_destroy(r);
}

/* ---- KVM ---- */

/*
 * Not a hostile guest: it would set clocks that nobody sees to, and here there
 * may be no guard.
 */
static int run_guest(struct vcpu *vcpu, bool in_windows)
{
	int i, ret = 0;

	for (i = 0; i < 20 && !ret; i++) {
		if (in_windows)
			ret = gmem_vcpu_run(vcpu->fd);
		else
			ret = vcpu_run(vcpu) ? -errno : 0;
	}
	return ret;
}

static void test_kvm(uint32_t windows, int code, const char *what)
{
	struct gmem_region_options options = {
		.size = GUEST_FILE_SIZE, .windows = windows,
	};
	struct gmem_region *r;
	struct gmem_vm *book;
	struct vm vm;

	good(gmem_region_create(&options, &r));
	vm_make(&vm, 1, false);
	vcpu_reset(&vm.vcpus[0], GUEST_SWEEP, 1);
	good(gmem_vm_create(vm.fd, &book));
	good(gmem_vm_add(book, 1, GUEST_FILE, r, 0, GUEST_FILE_SIZE, 0));
	good(gmem_vm_write_msr(book, vm.vcpus[0].fd, MSR_CLOCK,
			       (GUEST_FILE + 3 * PAGE + 64) | 1));
	is(write_canary((char *)r->address + 3 * PAGE), code,
	   "%s: a page that KVM keeps is closed too", what);
	is(run_guest(&vm.vcpus[0], true), 0,
	   "%s: a guest has all of its memory while it runs", what);
	is(vm.vcpus[0].guest->sweeps, 20, "%s: it ran over all of it", what);
	is(vm.vcpus[0].guest->wrong, 0, "%s: which kept what it wrote", what);
	is(write_canary(r->address), code, "%s: closed behind it", what);
	good(gmem_file_punch(r->fd, 0, GUEST_FILE_SIZE));
	is(run_guest(&vm.vcpus[0], false), -EFAULT,
	   "%s: KVM_RUN by itself finds it closed", what);
	good(gmem_vm_write_msr(book, vm.vcpus[0].fd, MSR_CLOCK, 0));
	vm_free(&vm);
	gmem_vm_destroy(book);
	gmem_region_destroy(r);
}

/* ---- all at once ---- */

#define STORM_REGIONS	64
#define STORM_THREADS	8
#define STORM_WINDOWS	3

static struct gmem_region *storm[STORM_REGIONS];
static unsigned char written[STORM_REGIONS][STORM_THREADS];
static volatile bool over;

struct stormer {
	pthread_t thread;
	unsigned int id;
	uint64_t seed;
	uint64_t inside, inside_failed;
	uint64_t stopped, went_through;
	uint64_t busy;
};

struct held {
	struct gmem_window window;
	unsigned int region;
	int mode;
};

static bool holds_region(const struct held *held, unsigned int n,
			 unsigned int region)
{
	while (n--)
		if (held[n].region == region)
			return true;
	return false;
}

static void expect_stopped(struct stormer *s, unsigned int region,
			   bool reading_is_fine)
{
	char *p = (char *)storm[region]->address +
		  (chance(&s->seed) % (SIZE / PAGE)) * PAGE;
	bool stopped = reading_is_fine ?
		       is_for_reading(p, SEGV_PKUERR) : is_closed(p);

	if (stopped)
		s->stopped++;
	else
		s->went_through++;
}

/* A byte of its own for each thread in each region, at the end of pages. */
static void access_inside(struct stormer *s, const struct held *h)
{
	char *p = (char *)storm[h->region]->address + PAGE - 1 -
		  s->id * 16 + (s->id % 2) * BLOCK;
	unsigned char *want = &written[h->region][s->id], byte;
	bool failed;

	if (h->mode == GMEM_WRITE) {
		*want = 1 + chance(&s->seed) % 100;
		*p = *want;
	}
	failed = read_byte(p, &byte) || byte != *want;
	s->inside++;
	s->inside_failed += failed;
}

static unsigned int open_some(struct stormer *s, struct held *held)
{
	unsigned int n, want = 1 + chance(&s->seed) % STORM_WINDOWS;

	for (n = 0; n < want; n++) {
		struct held *h = &held[n];

		h->region = chance(&s->seed) % STORM_REGIONS;
		h->mode = chance(&s->seed) % 2 ? GMEM_WRITE : GMEM_READ;
		if (holds_region(held, n, h->region))
			break;
		if (gmem_window_open(&h->window, storm[h->region], h->mode)) {
			s->busy++;
			break;
		}
	}
	return n;
}

static void storm_once(struct stormer *s)
{
	struct held held[STORM_WINDOWS];
	unsigned int n = open_some(s, held), i, region;

	for (i = 0; i < n; i++) {
		access_inside(s, &held[i]);
		if (held[i].mode == GMEM_READ)
			expect_stopped(s, held[i].region, true);
	}
	region = chance(&s->seed) % STORM_REGIONS;
	if (!holds_region(held, n, region))
		expect_stopped(s, region, false);
	while (n) {
		i = chance(&s->seed) % n;
		gmem_window_close(&held[i].window);
		held[i] = held[--n];
	}
}

static void *storm_thread(void *arg)
{
	struct stormer *s = arg;

	while (!over)
		storm_once(s);
	return NULL;
}

static long canaries(void)
{
	long found = 0, i;
	unsigned int region;

	for (region = 0; region < STORM_REGIONS; region++) {
		gmem_window_scope(w, storm[region], GMEM_READ);

		for (i = 0; i < SIZE; i++)
			found += ((unsigned char *)storm[region]->address)[i] ==
				 CANARY;
	}
	return found;
}

static void test_storm(int seconds)
{
	struct stormer threads[STORM_THREADS] = {}, sum = {};
	struct gmem_window_stats before = stats(), after;
	unsigned int i;

	for (i = 0; i < STORM_REGIONS; i++)
		storm[i] = make(GMEM_WINDOWS_KEYS,
				i % 2 ? 0 : GMEM_FLAG_NO_HUGE);
	for (i = 0; i < STORM_THREADS; i++) {
		threads[i].id = i;
		threads[i].seed = 1000 + i;
		must(pthread_create(&threads[i].thread, NULL, storm_thread,
				    &threads[i]) ? -1 : 0);
	}
	sleep(seconds);
	over = true;
	for (i = 0; i < STORM_THREADS; i++) {
		pthread_join(threads[i].thread, NULL);
		sum.inside += threads[i].inside;
		sum.inside_failed += threads[i].inside_failed;
		sum.stopped += threads[i].stopped;
		sum.went_through += threads[i].went_through;
		sum.busy += threads[i].busy;
	}
	after = stats();
	diag("%d regions, %d threads, %d s: %lu accesses inside, %lu stopped outside, %lu busy",
	     STORM_REGIONS, STORM_THREADS, seconds, sum.inside, sum.stopped,
	     sum.busy);
	diag("%lu keys, %lu misses, %lu recycled, %lu waits", (long)after.keys,
	     (long)(after.misses - before.misses),
	     (long)(after.recycled - before.recycled),
	     (long)(after.waits - before.waits));
	ok(sum.inside && !sum.inside_failed,
	   "no access in a window failed, %lu did", sum.inside_failed);
	ok(sum.stopped && !sum.went_through,
	   "every one outside was stopped, but for %lu", sum.went_through);
	ok(after.recycled > before.recycled, "keys went round");
	is(canaries(), 0, "there is no canary anywhere");
	for (i = 0; i < STORM_REGIONS; i++)
		gmem_region_destroy(storm[i]);
}

static bool cpu_has_keys(void)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[4096];
	bool found = false;

	while (f && fgets(line, sizeof(line), f))
		found = found || strstr(line, " ospke");
	if (f)
		fclose(f);
	return found;
}

/* Return: which kind of windows a region has got, or the error. */
static int kind_of(uint32_t windows, uint64_t demand)
{
	struct gmem_region_options options = {
		.size = SIZE, .windows = windows, .demand = demand,
	};
	struct gmem_region *r;
	int kind = gmem_region_create(&options, &r);

	if (kind)
		return kind;
	kind = r->windows;
	gmem_region_destroy(r);
	return kind;
}

/* Where the caller hasn't said what kind, a demand does. */
static void test_demand(bool keys)
{
	static const uint32_t none[] = {
		GMEM_WINDOWS_NONE, GMEM_WINDOWS_NONE | GMEM_WINDOWS_OR_PROCESS,
	};
	unsigned int i;

	for (i = 0; i < 2; i++) {
		is(kind_of(none[i], 0), GMEM_WINDOWS_NONE,
		   "windows = %#x: none, without a demand", none[i]);
		is(kind_of(none[i], GMEM_PROTECT_WINDOWS),
		   keys ? GMEM_WINDOWS_KEYS : -EOPNOTSUPP,
		   "  demanded: by keys, if there are any");
		is(kind_of(none[i], GMEM_PROTECT_PROCESS_WINDOWS),
		   GMEM_WINDOWS_PROCESS, "  or by mprotect");
	}
}

/* They report themselves absent, and a demand says why. */
static void test_no_keys(void)
{
	struct gmem_region *r = make(GMEM_WINDOWS_KEYS, 0);
	struct gmem_region_options options = {
		.size = SIZE, .demand = GMEM_PROTECT_WINDOWS,
	};

	is(r->windows, GMEM_WINDOWS_NONE, "a CPU without keys: no windows");
	ok(!(holds(r) & GMEM_PROTECT_WINDOWS), "none are said to be");
	gmem_region_destroy(r);
	is(gmem_region_create(&options, &r), -EOPNOTSUPP, "none to be had");
	ok(strstr(gmem_last_error(), "protection keys"), "  \"%s\"",
	   gmem_last_error());
	r = make(GMEM_WINDOWS_KEYS | GMEM_WINDOWS_OR_PROCESS, 0);
	is(r->windows, GMEM_WINDOWS_PROCESS, "but by mprotect, where asked for");
	is(read_code(r->address), SEGV_ACCERR, "closed");
	gmem_region_destroy(r);
}

static void test_keys(int seconds)
{
	test_window(GMEM_WINDOWS_KEYS, 0, "huge");
	test_window(GMEM_WINDOWS_KEYS, GMEM_FLAG_NO_HUGE, "small");
	test_window(GMEM_WINDOWS_OWN_KEY, 0, "own key");
	test_nested();
	test_kernel();
	test_signal_handler();
	test_fork();
	test_describe();
	test_install();
	test_many();
	test_own_key();
	test_kvm(GMEM_WINDOWS_KEYS, SEGV_PKUERR, "kvm, keys");
	test_storm(seconds);
}

int main(int argc, char **argv)
{
	struct sigaction act = {
		.sa_sigaction = on_segv, .sa_flags = SA_SIGINFO,
	};

	sigaction(SIGSEGV, &act, NULL);
	start_other_thread();
	test_none();
	test_mprotect();
	test_kvm(GMEM_WINDOWS_PROCESS, SEGV_ACCERR, "kvm, mprotect");
	test_demand(cpu_has_keys());
	if (cpu_has_keys())
		test_keys(argc > 1 ? atoi(argv[1]) : 5);
	else
		test_no_keys();
	ok(becomes("hidden_bytes", 0), "nothing stays hidden");
	return done_testing();
}
