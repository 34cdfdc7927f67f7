// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/gmemfs.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <linux/vhost.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "error.h"
#include "sandbox.h"

/* ---- which calls ---- */

static const uint32_t plain_calls[] = {
	/* devices and the terminal */
	SYS_read, SYS_write, SYS_poll, SYS_ppoll, SYS_close, SYS_getrandom,
	SYS_accept4,
	/* disks: the ring has restrictions of its own, see disk.c */
	SYS_io_uring_enter,
	/* memory */
	SYS_munmap, SYS_brk, SYS_madvise, SYS_mremap, SYS_fallocate,
	SYS_cachestat,		/* what guest_memfd holds */
	SYS_sched_getaffinity,	/* by malloc() in a thread */
	/* threads */
	SYS_futex, SYS_set_robust_list, SYS_rseq, SYS_sched_yield, SYS_gettid,
	SYS_getpid, SYS_exit, SYS_exit_group,
	SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn,
	SYS_clock_nanosleep, SYS_nanosleep, SYS_clock_gettime,
	SYS_restart_syscall,
	/* what stdio asks about stderr */
	SYS_fstat, SYS_newfstatat,
};

/* Not to make something executable. */
static const uint32_t mapping_calls[] = {
	SYS_mmap, SYS_mprotect, SYS_pkey_mprotect,
};

static const uint32_t ioctls[] = {
	KVM_RUN, KVM_IRQ_LINE, KVM_SET_MSRS, KVM_GET_REGS,
	KVM_SET_USER_MEMORY_REGION, KVM_SET_USER_MEMORY_REGION2,
	GMEM_GET_INFO, GMEM_GET_STATE, GMEM_SET_ATTRIBUTES, GMEM_SHARED_VIEW,
	TCGETS, TCSETS,
	TUNSETOFFLOAD, VHOST_SET_OWNER, VHOST_SET_FEATURES, VHOST_SET_MEM_TABLE,
	VHOST_SET_VRING_NUM, VHOST_SET_VRING_BASE, VHOST_SET_VRING_ADDR,
	VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL, VHOST_NET_SET_BACKEND,
};

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

/* ---- the filter ---- */

#define FILTER_MAX	256

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

/* The low half, on x86-64. */
static void load_argument(struct filter *f, unsigned int nr)
{
	load(f, offsetof(struct seccomp_data, args) + nr * sizeof(uint64_t));
}

static void end(struct filter *f, uint32_t action)
{
	add(f, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

static void end_if_equal(struct filter *f, uint32_t value, uint32_t action)
{
	add(f, (struct sock_filter)
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
	end(f, action);
}

static void end_if_set(struct filter *f, uint32_t bits, uint32_t action)
{
	add(f, (struct sock_filter)
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1));
	end(f, action);
}

/* What follows is for this call only, and ends in itself: @length long. */
static void begin_call(struct filter *f, uint32_t call, uint8_t length)
{
	add(f, (struct sock_filter)
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, length));
}

static void add_mapping(struct filter *f, uint32_t call)
{
	begin_call(f, call, 4);
	load_argument(f, 2);
	end_if_set(f, PROT_EXEC, SECCOMP_RET_KILL_PROCESS);
	end(f, SECCOMP_RET_ALLOW);
}

static void add_ioctls(struct filter *f)
{
	begin_call(f, SYS_ioctl, 2 + 2 * COUNT(ioctls));
	load_argument(f, 1);
	for (size_t i = 0; i < COUNT(ioctls); i++)
		end_if_equal(f, ioctls[i], SECCOMP_RET_ALLOW);
	end(f, SECCOMP_RET_KILL_PROCESS);
}

/*
 * Threads but not processes. A filter can't look at what clone3() is asked for;
 * the C library takes clone() where there is none.
 */
static void add_clone(struct filter *f)
{
	begin_call(f, SYS_clone, 4);
	load_argument(f, 0);
	end_if_set(f, CLONE_THREAD, SECCOMP_RET_ALLOW);
	end(f, SECCOMP_RET_KILL_PROCESS);
	end_if_equal(f, SYS_clone3, SECCOMP_RET_ERRNO | ENOSYS);
}

/* To itself, as abort() does, and not to another VMM of the same user. */
static void add_signals(struct filter *f)
{
	begin_call(f, SYS_tgkill, 4);
	load_argument(f, 0);
	end_if_equal(f, getpid(), SECCOMP_RET_ALLOW);
	end(f, SECCOMP_RET_KILL_PROCESS);
}

static void make_filter(struct filter *f)
{
	load(f, offsetof(struct seccomp_data, arch));
	add(f, (struct sock_filter)
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0));
	end(f, SECCOMP_RET_KILL_PROCESS);
	load(f, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < COUNT(plain_calls); i++)
		end_if_equal(f, plain_calls[i], SECCOMP_RET_ALLOW);
	for (size_t i = 0; i < COUNT(mapping_calls); i++)
		add_mapping(f, mapping_calls[i]);
	add_ioctls(f);
	add_clone(f);
	add_signals(f);
	/* free() would like to read /proc/sys/vm/overcommit_memory. */
	end_if_equal(f, SYS_openat, SECCOMP_RET_ERRNO | EACCES);
	end(f, SECCOMP_RET_KILL_PROCESS);
}

static int set_filter(void)
{
	struct filter filter = {};
	struct sock_fprog program = { .filter = filter.code };

	make_filter(&filter);
	if (filter.size > FILTER_MAX)
		return fail("the sandbox has more rules than there is room for");
	program.len = filter.size;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return fail_errno("seccomp (--sandbox=off does without)");
	return 0;
}

/* ---- namespaces: none of the host's files, or networks ---- */

#define SPACES	(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)

/* An ordinary user is root in a namespace of his own, where he may have one. */
static int leave_spaces(void)
{
	if (!unshare(SPACES))
		return 0;
	return unshare(CLONE_NEWUSER | SPACES);
}

/*
 * "Where permitted": a host may have forbidden it, and without the calls that
 * the filter forbids there is not much to do with files anyway.
 */
static void leave_files(void)
{
	static const char root[] = "/tmp";

	if (leave_spaces() ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", root, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  "size=4k,nr_inodes=2") || chdir(root))
		return;
	/* The old root is stacked below the new one, and goes. */
	if (syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH))
		return;
	mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY | MS_BIND, NULL);
}

int sandbox_enter(void)
{
	leave_files();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return fail_errno("no_new_privs (--sandbox=off does without)");
	prctl(PR_SET_DUMPABLE, 0);
	return set_filter();
}
