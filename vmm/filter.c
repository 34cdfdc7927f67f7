// SPDX-License-Identifier: GPL-2.0
/* The seccomp filter: its lists of calls and arguments, and its BPF program. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/gmemfs.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <linux/vhost.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "error.h"
#include "filter.h"

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

/* ---- calls that are allowed with any arguments ---- */

static const uint32_t plain_calls[] = {
	/* devices and the terminal */
	SYS_read, SYS_write, SYS_poll, SYS_ppoll, SYS_close, SYS_getrandom,
	SYS_accept4,
	/* disks: the ring has restrictions of its own, see disk.c */
	SYS_io_uring_enter,
	/* memory */
	SYS_munmap, SYS_brk,
	SYS_cachestat,		/* what guest_memfd holds */
	/* threads */
	SYS_set_robust_list, SYS_rseq, SYS_sched_yield, SYS_gettid,
	SYS_getpid, SYS_exit, SYS_exit_group,
	SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn,
	SYS_clock_nanosleep, SYS_nanosleep, SYS_clock_gettime,
	SYS_restart_syscall,
	/* what stdio asks about stderr */
	SYS_fstat,
};

/* Calls that fail with an error; the callers can do without them. */
static const struct {
	uint32_t call;
	int error;
} refused_calls[] = {
	/* A filter can't see its arguments; the C library then uses clone(). */
	{ SYS_clone3, ENOSYS },
	/* free() tries to read /proc/sys/vm/overcommit_memory. */
	{ SYS_openat, EACCES },
	/* With a path, it would show which files exist. */
	{ SYS_newfstatat, EACCES },
};

/* ---- calls that are allowed with some arguments ---- */

/* The argument without the bits of @ignored must be one of @values. */
struct condition {
	uint8_t argument;
	uint32_t ignored;
	const uint32_t *values;
	uint8_t count;
};

#define CONDITIONS	2

struct rule {
	uint32_t call;
	struct condition conditions[CONDITIONS];	/* a count of 0: none */
};

/* No bit is allowed except the ignored ones. */
static const uint32_t nothing[] = { 0 };

static const uint32_t ioctls[] = {
	KVM_RUN, KVM_IRQ_LINE, KVM_SET_MSRS, KVM_GET_REGS,
	KVM_SET_USER_MEMORY_REGION, KVM_SET_USER_MEMORY_REGION2,
	GMEM_GET_INFO, GMEM_GET_STATE, GMEM_SET_ATTRIBUTES, GMEM_SHARED_VIEW,
	TCGETS, TCSETS,
	TUNSETOFFLOAD, VHOST_SET_OWNER, VHOST_SET_FEATURES, VHOST_SET_MEM_TABLE,
	VHOST_SET_VRING_NUM, VHOST_SET_VRING_BASE, VHOST_SET_VRING_ADDR,
	VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL, VHOST_NET_SET_BACKEND,
};

/* Only with --snapshot, and these only read. */
static const uint32_t snapshot_ioctls[] = {
	KVM_GET_SREGS2, KVM_GET_XCRS, KVM_GET_XSAVE2, KVM_GET_DEBUGREGS,
	KVM_GET_LAPIC, KVM_GET_MSRS, KVM_GET_MP_STATE, KVM_GET_VCPU_EVENTS,
	KVM_GET_TSC_KHZ, KVM_GET_IRQCHIP, KVM_GET_PIT2, KVM_GET_CLOCK,
	VHOST_GET_VRING_BASE,
};

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL	102
#define MADV_GUARD_REMOVE	103
#endif

/*
 * Advice that the C library gives for its own memory, and libgmem for the
 * guest's. Other advice could take pages of the host offline.
 */
static const uint32_t advice[] = {
	MADV_DONTNEED, MADV_FREE, MADV_HUGEPAGE, MADV_GUARD_INSTALL,
	MADV_GUARD_REMOVE, MADV_DONTDUMP, MADV_DONTFORK,
};

/* Without priority inheritance (FUTEX_*_PI), which is not needed here. */
static const uint32_t futex_calls[] = {
	FUTEX_WAIT, FUTEX_WAKE, FUTEX_REQUEUE, FUTEX_CMP_REQUEUE,
	FUTEX_WAKE_OP, FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET,
};

#define FUTEX_FLAGS	(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME)

/* Only threads as the C library makes them: no processes, no namespaces. */
static const uint32_t thread[] = { CLONE_THREAD };

#define THREAD_FLAGS	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | \
			 CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | \
			 CLONE_CHILD_CLEARTID)

/* No PROT_EXEC. */
#define PROTECTION	(PROT_READ | PROT_WRITE)

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE	0x08	/* where the C library keeps random bytes */
#endif

/* Neither MAP_HUGETLB nor MAP_LOCKED. */
#define MAPPING		(MAP_SHARED | MAP_PRIVATE | MAP_FIXED | \
			 MAP_FIXED_NOREPLACE | MAP_ANONYMOUS | \
			 MAP_NORESERVE | MAP_STACK | \
			 MAP_DROPPABLE)

static const struct rule rules[] = {
	{ SYS_madvise, { { 2, 0, advice, COUNT(advice) } } },
	{ SYS_futex, { { 1, FUTEX_FLAGS, futex_calls, COUNT(futex_calls) } } },
	{ SYS_mmap, { { 2, PROTECTION, nothing, 1 },
		      { 3, MAPPING, nothing, 1 } } },
	{ SYS_mprotect, { { 2, PROTECTION, nothing, 1 } } },
	{ SYS_pkey_mprotect, { { 2, PROTECTION, nothing, 1 } } },
	{ SYS_mremap, { { 3, MREMAP_MAYMOVE | MREMAP_FIXED, nothing, 1 } } },
	{ SYS_clone, { { 0, THREAD_FLAGS, thread, COUNT(thread) } } },
	/* malloc() in a thread asks for its own. */
	{ SYS_sched_getaffinity, { { 0, 0, nothing, 1 } } },
};

/* ---- the filter ---- */

#define FILTER_MAX	320

struct filter {
	struct sock_filter code[FILTER_MAX];
	unsigned int size;
};

static void add(struct filter *f, struct sock_filter instruction)
{
	if (f->size < FILTER_MAX)
		f->code[f->size] = instruction;
	f->size++;
}

static void load(struct filter *f, size_t offset)
{
	add(f, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset));
}

static void skip_if_equal(struct filter *f, uint32_t value, uint8_t equal,
			  uint8_t other)
{
	add(f, (struct sock_filter)
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, equal, other));
}

static void end(struct filter *f, uint32_t action)
{
	add(f, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

static void end_if_equal(struct filter *f, uint32_t value, uint32_t action)
{
	skip_if_equal(f, value, 0, 1);
	end(f, action);
}

/* Loads the low 32 bits of the argument: these calls ignore the high ones. */
static void add_condition(struct filter *f, const struct condition *c)
{
	load(f, offsetof(struct seccomp_data, args) +
		c->argument * sizeof(uint64_t));
	add(f, (struct sock_filter)
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ~c->ignored));
	/* A match jumps over the remaining comparisons and the kill. */
	for (uint8_t left = c->count; left; left--)
		skip_if_equal(f, c->values[c->count - left], left, 0);
	end(f, SECCOMP_RET_KILL_PROCESS);
}

/* The accumulator holds the call's number, and keeps it if no rule matches. */
static void add_rule(struct filter *f, const struct rule *r)
{
	uint8_t length = 1;

	for (unsigned int i = 0; i < CONDITIONS; i++)
		if (r->conditions[i].count)
			length += r->conditions[i].count + 3;
	skip_if_equal(f, r->call, 0, length);
	for (unsigned int i = 0; i < CONDITIONS; i++)
		if (r->conditions[i].count)
			add_condition(f, &r->conditions[i]);
	end(f, SECCOMP_RET_ALLOW);
}

/*
 * The balloon punches, and pages that become shared are populated. Other files
 * are refused: a guest must not fill a disk of the host.
 */
static void add_fallocate(struct filter *f, int memory_fd)
{
	static const uint32_t modes[] = {
		FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	};
	const uint32_t memory[] = { memory_fd };
	const struct rule rule = {
		SYS_fallocate, { { 0, 0, memory, 1 },
				 { 1, 0, modes, COUNT(modes) } }
	};

	add_rule(f, &rule);
}

/* libgmem waits that way for a page that isn't there yet. */
static void add_pread(struct filter *f, int memory_fd)
{
	const uint32_t memory[] = { memory_fd };
	const struct rule rule = { SYS_pread64, { { 0, 0, memory, 1 } } };

	add_rule(f, &rule);
}

static void add_ioctls(struct filter *f, bool snapshot)
{
	uint32_t all[COUNT(ioctls) + COUNT(snapshot_ioctls)];
	const struct rule rule = {
		SYS_ioctl,
		{ { 1, 0, all, snapshot ? COUNT(all) : COUNT(ioctls) } }
	};

	memcpy(all, ioctls, sizeof(ioctls));
	memcpy(all + COUNT(ioctls), snapshot_ioctls, sizeof(snapshot_ioctls));
	add_rule(f, &rule);
}

/* A snapshot replaces what is in the file that the user has named. */
static void add_snapshot(struct filter *f, int snapshot_fd)
{
	const uint32_t file[] = { snapshot_fd };
	const struct rule truncate = {
		SYS_ftruncate, { { 0, 0, file, 1 } }
	};
	const struct rule write = { SYS_pwrite64, { { 0, 0, file, 1 } } };

	add_rule(f, &truncate);
	add_rule(f, &write);
}

/* abort() sends one to itself. Another VMM of the same user gets none. */
static void add_signals(struct filter *f)
{
	const uint32_t self[] = { getpid() };
	const struct rule rule = { SYS_tgkill, { { 0, 0, self, 1 } } };

	add_rule(f, &rule);
}

static void make_filter(struct filter *f, int memory_fd, int snapshot_fd)
{
	load(f, offsetof(struct seccomp_data, arch));
	skip_if_equal(f, AUDIT_ARCH_X86_64, 1, 0);
	end(f, SECCOMP_RET_KILL_PROCESS);
	load(f, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < COUNT(plain_calls); i++)
		end_if_equal(f, plain_calls[i], SECCOMP_RET_ALLOW);
	for (size_t i = 0; i < COUNT(refused_calls); i++)
		end_if_equal(f, refused_calls[i].call,
			     SECCOMP_RET_ERRNO | refused_calls[i].error);
	add_ioctls(f, snapshot_fd > 0);
	for (size_t i = 0; i < COUNT(rules); i++)
		add_rule(f, &rules[i]);
	add_fallocate(f, memory_fd);
	add_pread(f, memory_fd);
	if (snapshot_fd > 0)
		add_snapshot(f, snapshot_fd);
	add_signals(f);
	end(f, SECCOMP_RET_KILL_PROCESS);
}

int filter_set(int memory_fd, int snapshot_fd)
{
	struct filter filter = {};
	struct sock_fprog program = { .filter = filter.code };

	make_filter(&filter, memory_fd, snapshot_fd);
	if (filter.size > FILTER_MAX)
		return fail("the sandbox has more rules than there is room for");
	program.len = filter.size;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return fail_errno("the sandbox: seccomp");
	return 0;
}
