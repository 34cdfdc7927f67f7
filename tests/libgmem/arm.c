// SPDX-License-Identifier: GPL-2.0
/*
 * arm: windows by Arm's permission overlays, run under QEMU's emulator of
 * programs.
 *
 * That has neither the register nor the system calls. Here they are: accesses
 * to POR_EL0 trap, and are carried out in the handler; pkey_alloc() and
 * pkey_mprotect() are taken over when the program is linked, and do what Linux
 * does on Arm; and whether an access would go through is worked out from both.
 * All else is the library as it is. What this can't show is that a CPU agrees.
 */
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <linux/kvm.h>

#include "libgmem_test.h"

#define SIZE		(4 * GMEM_PAGE_SIZE)

/* Of a key, four bits; 0 is everybody's, as long as nobody changes it. */
#define READ		1U
#define EXECUTE		2U
#define WRITE		4U
#define KEYS		8
#define BEGINNING	((uint64_t)(READ | EXECUTE | WRITE))

/* One stays with regions that have none. */
#define REGION_KEYS	(KEYS - 2)
#define MANY		(REGION_KEYS + 3)

/* ---- the register ---- */

#define MRS_POR_EL0	0xd53ba280U
#define MSR_POR_EL0	0xd51ba280U
#define REGISTER	0x1fU

static _Thread_local uint64_t por = BEGINNING;

static void on_sigill(int sig, siginfo_t *info, void *context)
{
	mcontext_t *cpu = &((ucontext_t *)context)->uc_mcontext;
	uint32_t code = *(const uint32_t *)cpu->pc;
	uint32_t reg = code & REGISTER;

	(void)sig;
	(void)info;
	if ((code & ~REGISTER) == MRS_POR_EL0 && reg < 31)
		cpu->regs[reg] = por;
	else if ((code & ~REGISTER) == MSR_POR_EL0)
		por = reg < 31 ? cpu->regs[reg] : 0;
	else
		_exit(99);
	cpu->pc += 4;
}

static uint32_t rights_under(int key)
{
	return gmem_rights_read() >> (4 * key) & 0xf;
}

/* ---- the kernel ---- */

static struct mapping {
	const void *address;
	int key;
} mappings[MANY];

static bool no_keys, no_memory;
static const void *unchangeable;	/* can't be parked */
static int parking = -1;
static int keys_taken = 1;

int __wrap_pkey_alloc(unsigned int flags, unsigned int rights);
int __wrap_pkey_mprotect(void *p, size_t size, int prot, int key);
int __wrap_ioctl(int fd, unsigned long request, ...);
unsigned long __wrap_getauxval(unsigned long type);
unsigned long __real_getauxval(unsigned long type);

/* HWCAP2_POE: the CPU has the register. */
unsigned long __wrap_getauxval(unsigned long type)
{
	unsigned long poe = type == AT_HWCAP2 ? 1UL << 63 : 0;

	return __real_getauxval(type) | poe;
}

/* Who is denied reading and writing may still execute. */
int __wrap_pkey_alloc(unsigned int flags, unsigned int rights)
{
	uint64_t allowed = BEGINNING;

	errno = ENOSPC;
	if (no_keys || keys_taken == KEYS)
		return -1;
	errno = EINVAL;
	if (flags || rights & ~(PKEY_DISABLE_ACCESS | PKEY_DISABLE_WRITE))
		return -1;
	if (rights & PKEY_DISABLE_ACCESS)
		allowed &= ~(READ | WRITE);
	if (rights & PKEY_DISABLE_WRITE)
		allowed &= ~WRITE;
	gmem_rights_set(keys_taken, allowed);
	return keys_taken++;
}

static struct mapping *mapping_at(const void *p)
{
	int i;

	for (i = 0; i < MANY; i++)
		if (mappings[i].address == p)
			return &mappings[i];
	return NULL;
}

int __wrap_pkey_mprotect(void *p, size_t size, int prot, int key)
{
	struct mapping *m = mapping_at(p) ?: mapping_at(NULL);

	errno = ENOMEM;
	if (no_memory || !m || (p == unchangeable && key == parking))
		return -1;
	errno = EINVAL;
	if (key < 0 || key >= keys_taken)
		return -1;
	*m = (struct mapping){ .address = p, .key = key };
	return mprotect(p, size, prot);
}

static int key_of(const struct gmem_region *r)
{
	return mapping_at(r->address)->key;
}

/* Whether the CPU would let this thread, as far as overlays go. */
static bool may(const struct gmem_region *r, uint32_t rights)
{
	return (rights_under(key_of(r)) & rights) == rights;
}

static bool is_closed(const struct gmem_region *r)
{
	return !may(r, READ) && !may(r, WRITE);
}

static bool is_open(const struct gmem_region *r)
{
	return may(r, READ | WRITE);
}

static bool is_for_reading(const struct gmem_region *r)
{
	return may(r, READ) && !may(r, WRITE);
}

/* ---- regions ---- */

static struct gmem_region *make(uint32_t windows)
{
	struct gmem_region_options options = {
		.size = SIZE, .windows = windows,
		.backends = 1 << GMEM_BACKEND_MEMFD,
	};
	struct gmem_region *r;

	good(gmem_region_create(&options, &r));
	return r;
}

static void destroy(struct gmem_region *r)
{
	struct mapping *m = mapping_at(r->address);

	if (m)
		m->address = NULL;
	gmem_region_destroy(r);
}

/* ---- tests ---- */

static void test_without_keys(void)
{
	struct gmem_region *r;

	no_keys = true;
	r = make(GMEM_WINDOWS_KEYS);
	is(r->windows, GMEM_WINDOWS_NONE, "a CPU without overlays: no windows");
	destroy(r);
	r = make(GMEM_WINDOWS_KEYS | GMEM_WINDOWS_OR_PROCESS);
	is(r->windows, GMEM_WINDOWS_PROCESS, "by mprotect, where asked for");
	destroy(r);
	is(gmem_rights_read(), BEGINNING, "and the register stays as it was");
	no_keys = false;
}

static void test_window(uint32_t windows)
{
	struct gmem_region *r = make(windows);
	struct gmem_window w;
	uint64_t before;

	is(r->windows, windows, "kind %u: it has windows", windows);
	ok(is_closed(r), "closed at first");
	w = opened(r, GMEM_WRITE);
	ok(is_open(r), "open");
	is(rights_under(0), BEGINNING, "other memory as before");
	gmem_window_close(&w);
	ok(is_closed(r), "closed");
	before = gmem_rights_read();
	w = opened(r, GMEM_READ);
	ok(is_for_reading(r), "open for reading");
	gmem_window_close(&w);
	is(gmem_rights_read(), before, "the register is as it was");
	{
		gmem_window_scope(s, r, GMEM_WRITE);

		ok(!s.error && is_open(r), "open in a scope");
	}
	is(gmem_rights_read(), before, "and closed behind it");
	destroy(r);
}

static void test_nested(void)
{
	struct gmem_region *r = make(GMEM_WINDOWS_KEYS);
	struct gmem_region *other = make(GMEM_WINDOWS_KEYS);
	struct gmem_window a, b, c;

	a = opened(r, GMEM_READ);
	b = opened(r, GMEM_WRITE);
	c = opened(r, GMEM_READ);
	ok(is_open(r), "reading within writing: can be written");
	ok(is_closed(other), "another region is closed");
	gmem_window_close(&c);
	ok(is_open(r), "back to writing");
	gmem_window_close(&b);
	ok(is_for_reading(r), "back to reading");
	b = opened(other, GMEM_WRITE);
	gmem_window_close(&a);
	ok(is_closed(r) && is_open(other), "regions close in any order");
	gmem_window_close(&b);
	ok(is_closed(r) && is_closed(other), "all closed");
	destroy(r);
	destroy(other);
}

/* As in a signal handler: the kernel puts it back afterwards. */
static void test_signal_handler(void)
{
	struct gmem_region *r = make(GMEM_WINDOWS_OWN_KEY);
	struct gmem_window outer = opened(r, GMEM_WRITE), inner;
	uint64_t interrupted = gmem_rights_read();

	gmem_rights_write(BEGINNING);
	ok(is_closed(r), "what a signal handler begins with has no window");
	inner = opened(r, GMEM_READ);
	ok(is_for_reading(r), "it may open one");
	gmem_window_close(&inner);
	is(gmem_rights_read(), BEGINNING, "and close it");
	gmem_rights_write(interrupted);
	gmem_window_close(&outer);
	ok(is_closed(r), "the one that was interrupted closes");
	destroy(r);
}

/* ---- other threads ---- */

struct visit {
	struct gmem_region *region;
	bool closed, opened, shut;
	uint64_t at_first, at_last;
};

/* Keys that came after it was made are all denied to a thread. */
static void *visit(void *arg)
{
	struct visit *v = arg;
	struct gmem_window w;

	gmem_rights_write(BEGINNING);
	v->at_first = gmem_rights_read();
	v->closed = is_closed(v->region);
	w = opened(v->region, GMEM_WRITE);
	v->opened = is_open(v->region);
	gmem_window_close(&w);
	v->shut = is_closed(v->region);
	v->at_last = gmem_rights_read();
	return NULL;
}

static void test_thread(void)
{
	struct visit v = { .region = make(GMEM_WINDOWS_KEYS) };
	struct gmem_window w = opened(v.region, GMEM_READ);
	pthread_t thread;

	if (pthread_create(&thread, NULL, visit, &v))
		bail_out("no thread");
	pthread_join(thread, NULL);
	ok(v.closed, "a window is closed for an older thread");
	ok(v.opened && v.shut, "which opens and closes its own");
	is(v.at_last, v.at_first, "its register is as it was");
	ok(is_for_reading(v.region), "and nothing came of it for others");
	gmem_window_close(&w);
	destroy(v.region);
}

/* ---- keys ---- */

static struct gmem_region *many[MANY];

static void test_taking_turns(void)
{
	struct gmem_window w[MANY];
	int i, ret = 0, parked, right = 0, open = 0, value;

	for (i = 0; i < MANY; i++)
		many[i] = make(GMEM_WINDOWS_KEYS);
	parked = key_of(many[MANY - 1]);
	parking = parked;
	for (i = 0; i < MANY; i++)
		good(gmem_region_write(many[i], 8, &i, sizeof(i)));
	is(stats().keys, REGION_KEYS, "all keys are in use but two");
	is(stats().recycled, MANY - REGION_KEYS, "and have gone round");
	is(key_of(many[0]), parked, "the first to have one has none now");
	ok(is_closed(many[0]), "and is closed");
	for (i = 0; i < MANY; i++) {
		good(gmem_region_read(many[i], 8, &value, sizeof(value)));
		right += value == i && is_closed(many[i]);
	}
	is(right, MANY, "each region has its own memory, and is closed");

	for (i = 0; i < MANY && !ret; i++)
		ret = gmem_window_open(&w[i], many[i], GMEM_WRITE);
	is(ret, -EBUSY, "a thread that has all keys gets no more");
	is(i - 1, REGION_KEYS, "windows at a time");
	ok(is_closed(many[i - 1]), "the next region stays closed");
	for (i = 0; i < REGION_KEYS; i++) {
		open += is_open(many[i]);
		gmem_window_close(&w[i]);
	}
	is(open, REGION_KEYS, "they were all open");
	is(rights_under(parked) & (READ | WRITE), 0,
	   "what regions without a key have was never open");
}

/* A region whose mapping can't be changed, and one that wants its key. */
static void test_one_fails(void)
{
	struct gmem_region *oldest, *next;
	int i;

	for (i = 0; i < REGION_KEYS; i++)
		good(gmem_region_write(many[i], 8, &i, sizeof(i)));
	oldest = many[0];
	next = many[1];
	unchangeable = oldest->address;
	is(gmem_region_write(many[MANY - 1], 8, &i, sizeof(i)), 0,
	   "a region that can't be parked is passed over");
	is(oldest->users, 0, "it keeps its key");
	is(next->users, GMEM_NO_KEY, "and the next one has lost it");
	unchangeable = NULL;
}

static void test_no_memory(void)
{
	struct gmem_region *r = many[1];
	struct gmem_window w;
	uint64_t before = gmem_rights_read();

	is(r->users, GMEM_NO_KEY, "a region without a key");
	no_memory = true;
	is(gmem_window_open(&w, r, GMEM_READ), -ENOMEM, "gets none");
	no_memory = false;
	is(gmem_rights_read(), before, "then nothing is open");
	is(r->users, GMEM_NO_KEY, "nor counted");
	w = opened(r, GMEM_READ);
	ok(is_for_reading(r), "and the next time it is");
	gmem_window_close(&w);
}

static void test_own_key(void)
{
	struct gmem_region_options options = {
		.size = SIZE, .windows = GMEM_WINDOWS_OWN_KEY,
		.backends = 1 << GMEM_BACKEND_MEMFD,
	};
	struct gmem_region *r;
	int i;

	for (i = 0; i < MANY; i++)
		destroy(many[i]);
	for (i = 0; i < REGION_KEYS; i++)
		many[i] = make(GMEM_WINDOWS_OWN_KEY);
	is(gmem_region_create(&options, &r), -EBUSY,
	   "%d regions have keys of their own, and no more", REGION_KEYS);
	for (i = 0; i < REGION_KEYS; i++)
		destroy(many[i]);
}

/* ---- KVM ---- */

static uint64_t rights_in_kvm;

/* Of KVM there is KVM_RUN, which ends at once. */
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	(void)fd;
	errno = ENOTTY;
	if (request == KVM_RUN) {
		rights_in_kvm = gmem_rights_read();
		errno = EINTR;
	}
	return -1;
}

static int open_in_kvm(void)
{
	int key, open = 0;

	for (key = 1; key < KEYS; key++)
		open += (rights_in_kvm >> (4 * key) & 0xf) == (READ | WRITE);
	return open;
}

static void test_vcpu(const char *when)
{
	uint64_t before = gmem_rights_read();

	is(gmem_vcpu_run(-1), -EINTR, "%s: a vCPU runs", when);
	is(open_in_kvm(), KEYS - 1,
	   "%s: with all keys open that a region may get meanwhile", when);
	is(rights_in_kvm & 0xf, BEGINNING, "%s: and ordinary memory's", when);
	is(gmem_rights_read(), before, "%s: behind it, all is as it was", when);
}

int main(void)
{
	struct sigaction act = {
		.sa_sigaction = on_sigill, .sa_flags = SA_SIGINFO,
	};

	/* Who waits for its own key waits for ever. */
	alarm(300);
	sigaction(SIGILL, &act, NULL);
	gmem_rights_write(BEGINNING);
	test_vcpu("before there are keys");
	test_without_keys();
	test_window(GMEM_WINDOWS_KEYS);
	test_window(GMEM_WINDOWS_OWN_KEY);
	test_nested();
	test_signal_handler();
	test_thread();
	test_taking_turns();
	test_one_fails();
	test_no_memory();
	test_own_key();
	test_vcpu("at last");
	return done_testing();
}
