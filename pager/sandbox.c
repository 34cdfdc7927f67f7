// SPDX-License-Identifier: GPL-2.0
/*
 * The sandbox. A snapshot may be made to do harm, and the pager has all of a
 * guest's memory. So once all files are open, it has no capabilities, no files
 * to open (Landlock, where the kernel has it), and no other system calls than
 * those below (seccomp).
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/gmemfs.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox.h"
#include "say.h"

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

/* ---- privileges ---- */

static int drop_privileges(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
		return fail_errno("the sandbox: prctl");
	if (syscall(SYS_capset, &header, none))
		return fail_errno("the sandbox: capset");
	return 0;
}

/* ---- files ---- */

/* All rights of Landlock's first version, none of which is given back. */
static int leave_files(void)
{
	struct landlock_ruleset_attr attr = {
		.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1,
	};
	int ruleset = syscall(SYS_landlock_create_ruleset, &attr,
			      sizeof(attr.handled_access_fs), 0);
	int ret;

	/* A kernel without it: the filter lets nothing be opened anyway. */
	if (ruleset < 0 && (errno == ENOSYS || errno == EOPNOTSUPP))
		return 0;
	if (ruleset < 0)
		return fail_errno("the sandbox: Landlock");
	ret = syscall(SYS_landlock_restrict_self, ruleset, 0);
	if (ret)
		fail_errno("the sandbox: Landlock");
	close(ruleset);
	return ret;
}

/* ---- system calls ---- */

static const uint32_t calls[] = {
	SYS_io_uring_enter, SYS_read, SYS_write, SYS_lseek, SYS_close,
	SYS_accept4, SYS_sendto, SYS_clock_gettime, SYS_clock_nanosleep,
	SYS_munmap, SYS_brk, SYS_madvise, SYS_futex, SYS_getrandom,
	SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_restart_syscall,
	SYS_exit, SYS_exit_group,
};

/* Calls that fail with an error; the C library can do without them. */
static const uint32_t refused[] = {
	SYS_openat, SYS_newfstatat, SYS_fstat,
};

static const uint32_t ioctls[] = {
	GMEM_FILL, GMEM_FILL_ZERO, GMEM_GET_INFO,
};

struct filter {
	struct sock_filter code[128];
	unsigned int size;
};

static void add(struct filter *f, uint16_t code, uint32_t value, uint8_t yes,
		uint8_t no)
{
	f->code[f->size++] = (struct sock_filter){ code, yes, no, value };
}

static void load(struct filter *f, size_t offset)
{
	add(f, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
}

static void end(struct filter *f, uint32_t action)
{
	add(f, BPF_RET | BPF_K, action, 0, 0);
}

static void end_if_equal(struct filter *f, uint32_t value, uint32_t action)
{
	add(f, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
	end(f, action);
}

/* The low 32 bits of ioctl()'s second argument. */
static void add_ioctls(struct filter *f)
{
	add(f, BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 2 + 2 * COUNT(ioctls));
	load(f, offsetof(struct seccomp_data, args) + sizeof(uint64_t));
	for (unsigned int i = 0; i < COUNT(ioctls); i++)
		end_if_equal(f, ioctls[i], SECCOMP_RET_ALLOW);
	end(f, SECCOMP_RET_KILL_PROCESS);
}

/* malloc()'s memory: nothing that can be executed. */
static void add_mmap(struct filter *f)
{
	add(f, BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 4);
	load(f, offsetof(struct seccomp_data, args) + 2 * sizeof(uint64_t));
	add(f, BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1);
	end(f, SECCOMP_RET_KILL_PROCESS);
	end(f, SECCOMP_RET_ALLOW);
}

static int limit_calls(void)
{
	struct filter f = {};
	struct sock_fprog program = { .filter = f.code };
	unsigned int i;

	load(&f, offsetof(struct seccomp_data, arch));
	add(&f, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	end(&f, SECCOMP_RET_KILL_PROCESS);
	load(&f, offsetof(struct seccomp_data, nr));
	for (i = 0; i < COUNT(calls); i++)
		end_if_equal(&f, calls[i], SECCOMP_RET_ALLOW);
	for (i = 0; i < COUNT(refused); i++)
		end_if_equal(&f, refused[i], SECCOMP_RET_ERRNO | EACCES);
	add_mmap(&f);
	add_ioctls(&f);
	end(&f, SECCOMP_RET_KILL_PROCESS);
	program.len = f.size;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return fail_errno("the sandbox: seccomp");
	return 0;
}

int sandbox_enter(void)
{
	if (drop_privileges() || leave_files())
		return -1;
	return limit_calls();
}
