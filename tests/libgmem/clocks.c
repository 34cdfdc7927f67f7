// SPDX-License-Identifier: GPL-2.0
/*
 * clocks [SECONDS]: libgmem with KVM, without the guard: the module is loaded
 * with guard=off. That the host survives is for hostvm to see; guard/off shows
 * that it wouldn't without the library.
 */
#include <pthread.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "../guard/kvm.h"
#include "../lib/chance.h"
#include "../../ctl/kcore.h"
#include "../module/gmem_test.h"
#include "libgmem_test.h"

#define SIZE	((long)GUEST_FILE_SIZE)
#define HALF	(SIZE / 2)
#define PAGES	(SIZE / (long)PAGE)
#define X	3
#define Y	10
#define PRIVATE	GMEM_ATTRIBUTE_PRIVATE

static struct vm vm;
static struct gmem_vm *book;
static struct gmem_region *region;
static char *mem;
static struct kcore kcore;

/* ---- the kernel's refusal ---- */

static bool refuse_mremap;
static bool at_once;	/* without having unmapped anything */
static bool taken;	/* another's memory comes into the gap */

/* As the kernel does if memory is short: it unmaps first, and then refuses. */
void *mremap(void *old, size_t old_size, size_t size, int flags, ...)
{
	va_list ap;
	void *at;

	va_start(ap, flags);
	at = va_arg(ap, void *);
	va_end(ap);
	if (!refuse_mremap)
		return (void *)syscall(SYS_mremap, old, old_size, size, flags,
				       at);
	refuse_mremap = false;
	if (!at_once)
		must(munmap(at, size));
	if (taken)
		must(mmap(at, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
			  -1, 0));
	errno = ENOMEM;
	return MAP_FAILED;
}

/* ---- what to do, and to see ---- */

static int set_clock_page(unsigned int vcpu, unsigned int page)
{
	return gmem_vm_write_msr(book, vm.vcpus[vcpu].fd, MSR_CLOCK,
				 (GUEST_FILE + page * PAGE + vcpu * 64) | 1);
}

static int clock_off(unsigned int vcpu)
{
	return gmem_vm_write_msr(book, vm.vcpus[vcpu].fd, MSR_CLOCK, 0);
}

/* Has KVM write all of its clocks before the guest runs the next time. */
static void update_clocks(void)
{
	struct kvm_clock_data clock = {};

	must(ioctl(vm.fd, KVM_GET_CLOCK, &clock));
	clock.flags = 0;
	must(ioctl(vm.fd, KVM_SET_CLOCK, &clock));
}

static bool run(unsigned int vcpu)
{
	update_clocks();
	return !vcpu_run(&vm.vcpus[vcpu]) &&
	       vm.vcpus[vcpu].run->exit_reason == KVM_EXIT_IO;
}

/* struct pvclock_vcpu_time_info: tsc_to_system_mul, which is never 0. */
static uint32_t clock_factor(unsigned int page)
{
	return *(volatile uint32_t *)(mem + page * PAGE + 24);
}

static uint8_t state(unsigned int page)
{
	uint8_t byte;

	good(gmem_file_state(region->fd, page * PAGE, PAGE, &byte));
	return byte;
}

static bool exposed(unsigned int page)
{
	return state(page) & GMEM_STATE_EXPOSED;
}

static bool alone_exposed(unsigned int page)
{
	return exposed(page) && !exposed(page - 1) && !exposed(page + 1);
}

static long shared_bytes(void)
{
	return get_info(region->fd).shared;
}

static int mappings(void)
{
	FILE *f = must(fopen("/proc/self/maps", "re") ?: (FILE *)-1);
	int c, lines = 0;

	while ((c = getc(f)) != EOF)
		lines += c == '\n';
	fclose(f);
	return lines;
}

/* ---- to set up ---- */

struct cpuid {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 entries[256];
};

/* All that KVM has, less what libgmem says, and less these leaves. */
static void set_cpuid(struct vcpu *vcpu, bool pv)
{
	struct cpuid cpuid = { .head.nent = 256 };
	unsigned int i;

	must(ioctl(vm.kvm_fd, KVM_GET_SUPPORTED_CPUID, &cpuid));
	gmem_cpuid_forbid_nesting(&cpuid.head);
	for (i = 0; i < cpuid.head.nent && !pv; i++)
		if (cpuid.entries[i].function == 0x40000001)
			cpuid.entries[i].eax = 0;
	must(ioctl(vcpu->fd, KVM_SET_CPUID2, &cpuid));
}

static void add_slots(void)
{
	good(gmem_vm_add(book, 1, GUEST_FILE, region, 0, HALF, 0));
	good(gmem_vm_add(book, 2, GUEST_FILE + HALF, region, HALF, HALF, 0));
}

static void set_up(void)
{
	struct gmem_region_options options = {
		.size = SIZE,
		.demand = GMEM_PROTECT_HIDDEN | GMEM_PROTECT_NO_GUP,
	};
	unsigned int i;

	good(gmem_region_create(&options, &region));
	mem = region->address;
	vm_make(&vm, 2, false);
	for (i = 0; i < 2; i++)
		set_cpuid(&vm.vcpus[i], true);
	good(gmem_vm_create(vm.fd, &book));
	good(gmem_vm_trap_clocks(book));
	add_slots();
}

static void tear_down(void)
{
	vm_free(&vm);
	gmem_vm_destroy(book);
	gmem_region_destroy(region);
	ok(becomes("hidden_bytes", 0), "nothing stays hidden");
	is(sysfs("loans"), 0, "and nothing was ever lent");
}

/* ---- one step after the other ---- */

static void test_one_page(void)
{
	uint64_t pfn = fault_pfn(mem);
	struct kcore_leaf leaf;

	if (kcore_open(&kcore))
		bail_out("%s", kcore.error);
	ok(!exposed(X), "at first X is hidden");
	is(set_clock_page(0, X), 0, "clock at X");
	ok(run(0), "the guest runs");
	ok(clock_factor(X), "KVM has written the clock to X");
	ok(alone_exposed(X), "X is in the direct map, its neighbours not");
	is(kcore_lookup(&kcore, kcore_direct(&kcore, pfn + X), &leaf), 1,
	   "says the witness");
	is(kcore_lookup(&kcore, kcore_direct(&kcore, pfn + X + 1), &leaf), 0,
	   "of both");
	kcore_close(&kcore);
}

static void test_move(void)
{
	is(set_clock_page(0, Y), 0, "clock moves to Y");
	ok(!exposed(X), "X is hidden again");
	ok(run(0) && clock_factor(Y), "KVM has written the clock to Y");
	ok(alone_exposed(Y), "Y is exposed");
	is(set_clock_page(1, Y), 0, "the other vCPU's clock at Y, too");
	is(clock_off(0), 0, "the first is switched off");
	ok(run(1) && exposed(Y), "Y is still there");
	is(clock_off(1), 0, "the second is switched off");
	ok(!exposed(Y), "Y is hidden again");
	is(shared_bytes(), 0, "nothing is shared");
}

/* What KVM makes of that: it goes on with the clock that it has. */
static void test_crossing(void)
{
	uint64_t value = GUEST_FILE + (Y + 1) * PAGE - 30;

	is(set_clock_page(0, X), 0, "clock at X");
	is(gmem_vm_write_msr(book, vm.vcpus[0].fd, MSR_CLOCK, value | 1), 0,
	   "an address that goes on in the next page");
	ok(run(0) && alone_exposed(X), "the guest runs, its clock still at X");
	ok(!exposed(Y) && !exposed(Y + 1), "the other pages stay hidden");
	good(gmem_file_punch(region->fd, X * PAGE, PAGE));
	ok(run(0) && clock_factor(X), "KVM writes the clock to X");
	is(gmem_vm_write_msr(book, vm.vcpus[0].fd, MSR_CLOCK, value & -64), 0,
	   "switched off, by another address");
	ok(run(0) && !exposed(X), "X is hidden");
}

/* The host takes the page away, in each way there is. */
static void test_memory_goes(void)
{
	is(set_clock_page(0, X), 0, "clock at X");
	good(gmem_file_punch(region->fd, X * PAGE, PAGE));
	ok(run(0) && clock_factor(X), "punched: the clock is back in new memory");
	ok(exposed(X), "which is exposed");
	good(gmem_file_punch(region->fd, 0, SIZE));
	ok(run(0) && clock_factor(X) && alone_exposed(X),
	   "all of the file punched");
	good(gmem_file_resize(region->fd, 0));
	ok(run(0), "the file cut off: the guest runs without a clock");
	good(gmem_file_resize(region->fd, SIZE));
	ok(run(0) && clock_factor(X) && exposed(X), "and with, when it's back");
	is(clock_off(0), 0, "off");
	ok(!exposed(X), "hidden");
}

static void test_convert(void)
{
	is(set_clock_page(0, X), 0, "clock at X");
	is(gmem_region_convert(region, 0, SIZE, 0, 0, 0, NULL), 0,
	   "all made shared");
	is(gmem_region_convert(region, 0, SIZE, PRIVATE, 0, 1000, NULL), 0,
	   "and private");
	is(shared_bytes(), PAGE, "but for the clock's page");
	ok(run(0) && clock_factor(X), "which works");
	is(clock_off(0), 0, "off");
	is(shared_bytes(), 0, "now it is private too");

	is(gmem_region_convert(region, X * PAGE, PAGE, 0, 0, 0, NULL), 0,
	   "a page that is shared before");
	is(set_clock_page(0, X), 0, "and then a clock's");
	ok(run(0) && clock_off(0) == 0 && exposed(X), "stays shared after");
	is(set_clock_page(0, X), 0, "a clock's again");
	is(gmem_region_convert(region, 0, SIZE, PRIVATE, 0, 0, NULL), 0,
	   "made private meanwhile");
	is(clock_off(0), 0, "off");
	is(shared_bytes(), 0, "it is private");

	is(set_clock_page(0, X), 0, "clock at X");
	mem[X * PAGE + PAGE / 2] = 5;
	is(gmem_region_convert(region, X * PAGE, PAGE, 0, 0, 0, NULL), 0,
	   "its page is wanted shared");
	is(gmem_region_convert(region, X * PAGE, PAGE, PRIVATE,
			       GMEM_CONVERT_ZERO, 0, NULL), 0,
	   "and private, with zeros");
	is(mem[X * PAGE + PAGE / 2], 5, "not yet");
	is(clock_off(0), 0, "off");
	is(mem[X * PAGE + PAGE / 2], 0, "now it is zeroed");
	is(shared_bytes(), 0, "and private");

	is(set_clock_page(0, X), 0, "clock at X");
	mem[X * PAGE + PAGE / 2] = 5;
	is(gmem_region_convert(region, X * PAGE, PAGE, 0, GMEM_CONVERT_ZERO, 0,
			       NULL), 0, "its page is wanted shared, zeroed");
	is(mem[X * PAGE + PAGE / 2], 5, "not yet");
	is(clock_off(0), 0, "off");
	is(mem[X * PAGE + PAGE / 2], 0, "now it is zeroed");
	is(shared_bytes(), PAGE, "and shared");
	is(gmem_region_convert(region, X * PAGE, PAGE, PRIVATE, 0, 1000, NULL),
	   0, "private again");

	is(set_clock_page(0, X), 0, "clock at X");
	good(gmem_file_convert(region->fd, X * PAGE, PAGE, PRIVATE, 0, 1000,
			       NULL));
	ok(run(0), "made private behind the library's back: the guest runs");
	ok(!exposed(X), "the page is hidden");
	is(clock_off(0), 0, "off");
	is(touch_read(mem + X * PAGE), 0, "the guest's memory is all there");
}

static void test_slots(void)
{
	is(set_clock_page(0, X), 0, "clock at X");
	is(gmem_vm_remove(book, 1), 0, "its slot goes");
	ok(run(0) && !exposed(X), "X is hidden");
	is(gmem_vm_remove(book, 1), -ENOENT, "it can't go twice");
	is(gmem_vm_add(book, 1, GUEST_FILE, region, PAGE, HALF - PAGE, 0), 0,
	   "other memory comes in its place");
	ok(run(0) && clock_factor(X + 1) && alone_exposed(X + 1),
	   "the clock is there");
	is(gmem_vm_add(book, 1, GUEST_FILE, region, PAGE, HALF - PAGE,
		       KVM_MEM_LOG_DIRTY_PAGES), 0, "the slot's flags change");
	ok(run(0) && alone_exposed(X + 1), "and nothing else");
	is(gmem_vm_add(book, 3, GUEST_FILE, region, 0, PAGE, 0), -EEXIST,
	   "a slot on top of it is refused");
	ok(run(0) && alone_exposed(X + 1), "and changes nothing");
	is(gmem_vm_add(book, 3, 1UL << 40, region, HALF, SIZE, 0), -EINVAL,
	   "nor does one beyond the region");
	is(gmem_vm_remove(book, 1), 0, "it goes");
	is(gmem_vm_add(book, 1, GUEST_FILE, region, 0, HALF, 0), 0,
	   "the old one is back");
	ok(run(0) && alone_exposed(X), "with its clock");
	is(set_clock_page(0, PAGES + 1), 0, "a clock where no memory is");
	ok(run(0) && !exposed(X), "is nowhere");
	is(clock_off(0), 0, "off");
}

static void test_many_moves(void)
{
	int before = mappings(), most = 0, i;

	memset(mem, 6, SIZE);
	is(set_clock_page(1, 1), 0, "one clock stays where it is");
	for (i = 0; i < 500; i++) {
		good(set_clock_page(0, (i * 37) % (PAGES - 2) + 2));
		if (i % 8 == 0 && !run(0))
			break;
		most = mappings() > most ? mappings() : most;
	}
	is(i, 500, "the other moves 500 times");
	ok(most < before + 300, "%d mappings at most, %d before", most, before);
	is(shared_bytes(), 2 * PAGE, "two pages are shared");
	good(clock_off(0));
	good(clock_off(1));
	is(shared_bytes(), 0, "and none in the end");
	ok(all_bytes(mem + SIZE - PAGE, PAGE, 6), "memory is what it was");
}

static void pin(int *pipes)
{
	void *shared;
	struct iovec iov;

	good(gmem_region_shared(region, &shared));
	must(pipe(pipes));
	iov = (struct iovec){ (char *)shared + X * PAGE, PAGE };
	is(vmsplice(pipes[1], &iov, 1, 0), PAGE, "the clock's page is pinned");
}

static void unpin(const int *pipes)
{
	close(pipes[0]);
	close(pipes[1]);
}

/* A VMM that waits: somebody has the page pinned as the clock leaves it. */
static void test_pinned(void)
{
	int pipes[2], i;
	char c[PAGE];

	good(set_clock_page(0, X));
	pin(pipes);
	is(clock_off(0), 0, "the clock goes all the same");
	ok(exposed(X), "the page stays exposed");
	is(touch_write(mem + X * PAGE), 0, "and the guest's");
	is(read(pipes[0], c, PAGE), PAGE, "let go");
	unpin(pipes);
	for (i = 0; i < 6000 && exposed(X); i++) {
		good(set_clock_page(0, Y));
		usleep(10000);
	}
	ok(!exposed(X), "it's hidden when a clock moves the next time");
	good(clock_off(0));
}

/* Zeroing comes at the end of the clock, and not when the page can be had. */
static void test_pinned_zero(void)
{
	char *byte = mem + X * PAGE + PAGE / 2;
	int pipes[2], i;

	good(set_clock_page(0, X));
	*byte = 5;
	good(gmem_region_convert(region, X * PAGE, PAGE, 0, 0, 0, NULL));
	good(gmem_region_convert(region, X * PAGE, PAGE, PRIVATE,
				 GMEM_CONVERT_ZERO, 0, NULL));
	pin(pipes);
	is(clock_off(0), 0, "to be private, zeroed: the clock goes");
	ok(exposed(X), "the page is pinned, and stays exposed");
	is(*byte, 0, "but it is zeroed");
	*byte = 7;
	unpin(pipes);
	for (i = 0; i < 6000 && exposed(X); i++) {
		good(set_clock_page(0, Y));
		usleep(10000);
	}
	ok(!exposed(X), "it's hidden when a clock moves the next time");
	is(*byte, 7, "with what was written since");
	good(clock_off(0));
}

/* A page that stays shared, and is another's buffer: it's never private. */
static void test_shared_zero(void)
{
	char *byte = mem + X * PAGE + PAGE / 2;
	int pipes[2];

	good(set_clock_page(0, X));
	*byte = 5;
	good(gmem_region_convert(region, X * PAGE, PAGE, 0, GMEM_CONVERT_ZERO,
				 0, NULL));
	pin(pipes);
	is(clock_off(0), 0, "to be shared, zeroed: the clock goes");
	is(*byte, 0, "the page is zeroed, though it is pinned");
	*byte = 7;
	unpin(pipes);
	good(set_clock_page(0, Y));
	is(*byte, 7, "and not again");
	ok(exposed(X), "it stays shared");
	good(clock_off(0));
	good(gmem_region_convert(region, X * PAGE, PAGE, PRIVATE, 0, 1000,
				 NULL));
}

/* A page's mapping is exchanged, and the kernel gives up halfway. */
static void test_refused_move(void)
{
	mem[X * PAGE + PAGE / 2] = 5;
	refuse_mremap = true;
	is(set_clock_page(0, X), 0, "clock at X, where the kernel refuses to move a mapping");
	ok(!refuse_mremap, "it has unmapped the page before");
	is(mem[X * PAGE + PAGE / 2], 5, "the page is mapped again");
	ok(run(0) && clock_factor(X) && alone_exposed(X), "KVM writes the clock there");
	refuse_mremap = true;
	is(clock_off(0), 0, "off, and refused as before");
	ok(!refuse_mremap && !exposed(X), "the page is hidden");
	is(mem[X * PAGE + PAGE / 2], 5, "and mapped");

	refuse_mremap = true;
	at_once = true;
	is(set_clock_page(0, X), -ENOMEM, "refused before anything is unmapped: an error");
	ok(!exposed(X), "X stays hidden");
	is(mem[X * PAGE + PAGE / 2], 5, "and mapped");
	at_once = false;
	is(set_clock_page(0, X), 0, "clock at X, the next time");
	ok(run(0) && clock_factor(X), "KVM writes it");
	is(clock_off(0), 0, "off");
}

/* Another thread's memory comes into the gap: the guest would have it. */
static int be_given_foreign(void)
{
	set_up();
	taken = true;
	refuse_mremap = true;
	set_clock_page(0, X);
	return 0;
}

/* Let stderr be a pipe that takes no more. */
static void fill_stderr(const int *pipes)
{
	char bytes[4096] = { 0 };

	must(fcntl(pipes[1], F_SETFL, O_NONBLOCK));
	while (write(pipes[1], bytes, sizeof(bytes)) > 0)
		;
	must(fcntl(pipes[1], F_SETFL, 0));
	must(dup2(pipes[1], STDERR_FILENO));
}

/* Return: its status. After a minute it is killed. */
static int end_of(pid_t pid)
{
	int status, i;

	for (i = 0; i < 600; i++) {
		if (must(waitpid(pid, &status, WNOHANG)))
			return status;
		usleep(100000);
	}
	kill(pid, SIGKILL);
	must(waitpid(pid, &status, 0));
	return status;
}

static void test_foreign(bool full)
{
	int pipes[2], status;
	pid_t pid;

	must(pipe(pipes));
	pid = must(fork());
	if (!pid) {
		if (full)
			fill_stderr(pipes);
		execl("/proc/self/exe", "clocks", "foreign", NULL);
		_exit(1);
	}
	status = end_of(pid);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT,
	   "another's memory in the gap: the process ends%s",
	   full ? ", though nobody reads stderr" : "");
	close(pipes[0]);
	close(pipes[1]);
}

static void test_enforced_cpuid(void)
{
	struct vm one;
	struct gmem_vm *its;

	vm_make(&one, 1, false);
	good(gmem_vm_create(one.fd, &its));
	set_cpuid(&one.vcpus[0], false);
	is(gmem_vm_write_msr(its, one.vcpus[0].fd, MSR_CLOCK, 1), 0,
	   "a clock that CPUID doesn't show");
	is(gmem_vcpu_enforce_cpuid(one.vcpus[0].fd), 0, "CPUID is enforced");
	set_cpuid(&one.vcpus[0], false);
	is(gmem_vm_write_msr(its, one.vcpus[0].fd, MSR_CLOCK, 1), -EINVAL,
	   "now there is none");
	is(gmem_vm_write_msr(its, one.vcpus[0].fd, 0x10, 1), -EINVAL,
	   "other MSRs aren't for this call");
	is(gmem_vcpu_enforce_cpuid(one.fd), -EINVAL, "not a vCPU");
	vm_free(&one);
	gmem_vm_destroy(its);
}

/* ---- a hostile guest, and a host that takes its memory about ---- */

static volatile bool over;
static uint64_t trapped, failed, started;
static uint64_t counts[GUEST_COUNTS];

#define add(to, n) __atomic_add_fetch(&(to), (n), __ATOMIC_RELAXED)

static void take_counts(struct vcpu *vcpu)
{
	uint64_t its[GUEST_COUNTS];
	unsigned int i;

	vcpu_take_counts(vcpu, its);
	for (i = 0; i < GUEST_COUNTS; i++)
		add(counts[i], its[i]);
}

static void on_kick(int sig)
{
	(void)sig;
}

/* False: the guest can't go on, or was kicked, as it may be stuck. */
static bool run_hostile(struct vcpu *vcpu)
{
	int ret = vcpu_run(vcpu);

	if (ret)
		return errno == EAGAIN;
	ret = gmem_vm_handle_exit(book, vcpu->fd, vcpu->run);
	if (ret) {
		add(trapped, 1);
		if (ret < 0)
			add(failed, 1);
		return true;
	}
	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_IO:
		take_counts(vcpu);
		return true;
	case KVM_EXIT_MMIO:
	case KVM_EXIT_XEN:
		return true;
	default:
		return false;
	}
}

static void *hostile_vcpu(void *arg)
{
	struct vcpu *vcpu = arg;
	uint64_t seed = 77 + vcpu->id;

	while (!over) {
		vcpu_reset(vcpu, GUEST_HOSTILE, chance(&seed));
		add(started, 1);
		while (!over && run_hostile(vcpu))
			;
		take_counts(vcpu);
	}
	return NULL;
}

static void churn(uint64_t *seed)
{
	uint64_t page = chance(seed) % PAGES;
	uint64_t size = (1 + chance(seed) % (PAGES - page)) * PAGE;
	unsigned int half = chance(seed) % 2;

	switch (chance(seed) % 7) {
	case 0:
		gmem_file_punch(region->fd, page * PAGE, size);
		break;
	case 1:
		gmem_region_convert(region, page * PAGE, size,
				    chance(seed) % 2 ? PRIVATE : 0,
				    chance(seed) % 2, 2, NULL);
		break;
	case 2:
		gmem_file_convert(region->fd, page * PAGE, size, PRIVATE, 0, 2,
				  NULL);
		break;
	case 3:
		gmem_file_resize(region->fd, page * PAGE);
		usleep(1000);
		gmem_file_resize(region->fd, SIZE);
		break;
	case 4:
		good(gmem_vm_remove(book, 1 + half));
		usleep(1000);
		gmem_vm_add(book, 1 + half, GUEST_FILE + half * HALF, region,
			    half * HALF, HALF, 0);
		break;
	default:
		update_clocks();
	}
}

/* A slot that couldn't be had for want of memory comes with the next. */
static void test_hostile(int seconds)
{
	struct sigaction act = { .sa_handler = on_kick };
	time_t end = time(NULL) + seconds;
	pthread_t threads[2];
	uint64_t seed = 12345;
	unsigned long changes = 0;
	unsigned int i;

	sigaction(SIGUSR1, &act, NULL);
	for (i = 0; i < 2; i++)
		must(pthread_create(&threads[i], NULL, hostile_vcpu,
				    &vm.vcpus[i]) ? -1 : 0);
	while (time(NULL) < end) {
		churn(&seed);
		if (++changes % 32 == 0)
			pthread_kill(threads[changes / 32 % 2], SIGUSR1);
		usleep(chance(&seed) % 3000);
	}
	over = true;
	for (i = 0; i < 2; i++) {
		while (pthread_tryjoin_np(threads[i], NULL)) {
			pthread_kill(threads[i], SIGUSR1);
			usleep(10000);
		}
	}

	diag("guest: %lu steps, %lu exceptions, %lu MSRs written, %lu trapped, %lu of them failed, %lu VMRUNs",
	     counts[0], counts[1], counts[2], trapped, failed, counts[3]);
	diag("host: %lu changes, guests begun %lu times", changes, started);
	ok(trapped && failed < trapped,
	   "the guest's clocks went through the library");
	is(counts[4], 0, "it never ran a guest of its own");
	for (i = 0; i < 2; i++)
		good(clock_off(i));
	good(gmem_region_convert(region, 0, SIZE, PRIVATE, 0, 1000, NULL));
	is(shared_bytes(), 0, "in the end nothing is shared");
}

int main(int argc, char **argv)
{
	int seconds = argc > 1 ? atoi(argv[1]) : 10;

	if (argc > 1 && !strcmp(argv[1], "foreign"))
		return be_given_foreign();
	set_up();
	test_one_page();
	test_move();
	test_crossing();
	test_memory_goes();
	test_convert();
	test_slots();
	test_many_moves();
	test_pinned();
	test_pinned_zero();
	test_shared_zero();
	test_refused_move();
	test_foreign(false);
	test_foreign(true);
	test_enforced_cpuid();
	test_hostile(seconds);
	tear_down();
	return done_testing();
}
