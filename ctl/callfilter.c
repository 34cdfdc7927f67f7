// SPDX-License-Identifier: GPL-2.0
/* The seccomp filter of gmemctl run: its list of calls, its BPF program. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "callfilter.h"

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

#define X32		0x40000000

/* Linux 6.8 and later; older headers don't have it. */
#ifndef KVM_SET_USER_MEMORY_REGION2
#define KVM_SET_USER_MEMORY_REGION2	0x40a0ae49
#endif

/* ---- the calls ---- */

struct rule {
	uint32_t nr;
	enum call call;
	/* If there are values, the second argument must be one of them. */
	const uint32_t *values;
};

#define NR_VALUES	2

static const uint32_t seal_commands[NR_VALUES] = { F_ADD_SEALS, F_GET_SEALS };
static const uint32_t slot_ioctls[NR_VALUES] = {
	KVM_SET_USER_MEMORY_REGION, KVM_SET_USER_MEMORY_REGION2,
};

static const struct rule rules_64[] = {
	{ SYS_memfd_create, CALL_MEMFD_CREATE, NULL },
	{ SYS_fcntl, CALL_SEALS, seal_commands },
	{ SYS_ftruncate, CALL_FTRUNCATE, NULL },
	{ SYS_ioctl, CALL_SLOT, slot_ioctls },
	{ X32 | 319, CALL_MEMFD_CREATE, NULL },
	{ X32 | 72, CALL_SEALS, seal_commands },
	{ X32 | 77, CALL_FTRUNCATE, NULL },
	{ X32 | 514, CALL_SLOT, slot_ioctls },
};

#define I386_FTRUNCATE64	194

static const struct rule rules_32[] = {
	{ 356, CALL_MEMFD_CREATE, NULL },
	{ 55, CALL_SEALS, seal_commands },	/* fcntl */
	{ 221, CALL_SEALS, seal_commands },	/* fcntl64 */
	{ 93, CALL_FTRUNCATE, NULL },
	{ I386_FTRUNCATE64, CALL_FTRUNCATE, NULL },
	{ 54, CALL_SLOT, slot_ioctls },
};

static const struct abi {
	uint32_t arch;
	const struct rule *rules;
	size_t nr_rules;
} abis[] = {
	{ AUDIT_ARCH_X86_64, rules_64, COUNT(rules_64) },
	{ AUDIT_ARCH_I386, rules_32, COUNT(rules_32) },
};

/* ---- the program ---- */

struct program {
	struct sock_filter code[128];
	unsigned short length;
};

static void emit(struct program *p, uint16_t code, uint32_t k, uint8_t yes,
		 uint8_t no)
{
	p->code[p->length++] = (struct sock_filter){ code, yes, no, k };
}

static void emit_load(struct program *p, size_t offset)
{
	emit(p, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
}

/* Without @value, the next instruction is the @skip-th after this one. */
static void emit_unless(struct program *p, uint32_t value, uint8_t skip)
{
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip);
}

static void emit_return(struct program *p, uint32_t what)
{
	emit(p, BPF_RET | BPF_K, what, 0, 0);
}

/*
 * The number of the call is loaded, and it is again where this leaves off. The
 * kernel takes only the lower half of such an argument, and so does this.
 */
static void emit_rule(struct program *p, const struct rule *r)
{
	if (!r->values) {
		emit_unless(p, r->nr, 1);
		emit_return(p, SECCOMP_RET_USER_NOTIF);
		return;
	}
	emit_unless(p, r->nr, 2 + 2 * NR_VALUES);
	emit_load(p, offsetof(struct seccomp_data, args[1]));
	for (size_t i = 0; i < NR_VALUES; i++) {
		emit_unless(p, r->values[i], 1);
		emit_return(p, SECCOMP_RET_USER_NOTIF);
	}
	emit_return(p, SECCOMP_RET_ALLOW);
}

static void emit_abi(struct program *p, const struct abi *abi)
{
	unsigned short check;

	emit_load(p, offsetof(struct seccomp_data, arch));
	check = p->length;
	emit_unless(p, abi->arch, 0);
	emit_load(p, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < abi->nr_rules; i++)
		emit_rule(p, &abi->rules[i]);
	emit_return(p, SECCOMP_RET_ALLOW);
	p->code[check].jf = p->length - check - 1;
}

/*
 * The filter is no sandbox, so it isn't to cost what the kernel does for
 * sandboxes (SPEC_ALLOW). A signal that arrives while a call waits must not
 * begin the call anew (WAIT_KILLABLE_RECV).
 */
static int install(const struct program *p)
{
	unsigned int flags = SECCOMP_FILTER_FLAG_NEW_LISTENER |
			     SECCOMP_FILTER_FLAG_SPEC_ALLOW |
			     SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	struct sock_fprog prog = {
		.len = p->length, .filter = (struct sock_filter *)p->code,
	};
	int fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);

	return fd < 0 ? -errno : fd;
}

int callfilter_install(void)
{
	struct program p = { .length = 0 };
	int fd;

	for (size_t i = 0; i < COUNT(abis); i++)
		emit_abi(&p, &abis[i]);
	emit_return(&p, SECCOMP_RET_ALLOW);
	fd = install(&p);
	if (fd != -EACCES)
		return fd;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return install(&p);
}

/* ---- what was called ---- */

static bool has_value(const struct rule *r, uint32_t value)
{
	for (size_t i = 0; r->values && i < NR_VALUES; i++)
		if (r->values[i] == value)
			return true;
	return !r->values;
}

enum call callfilter_call(const struct seccomp_data *data)
{
	for (const struct abi *a = abis; a < abis + COUNT(abis); a++) {
		if (a->arch != data->arch)
			continue;
		for (size_t i = 0; i < a->nr_rules; i++)
			if (a->rules[i].nr == (uint32_t)data->nr &&
			    has_value(&a->rules[i], data->args[1]))
				return a->rules[i].call;
	}
	return CALL_OTHER;
}

uint64_t callfilter_length(const struct seccomp_data *data)
{
	if (data->arch != AUDIT_ARCH_I386)
		return data->args[1];
	if (data->nr == I386_FTRUNCATE64)
		return (uint32_t)data->args[1] | data->args[2] << 32;
	return (int64_t)(int32_t)data->args[1];
}
