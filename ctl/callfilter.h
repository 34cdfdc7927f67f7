/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The seccomp filter of gmemctl run: which system calls of the VMM wait for an
 * answer of the supervisor. All three kinds of system calls of x86-64 are in
 * it: those of 64 bits, of i386 and of x32. Otherwise a program could get
 * ordinary memory by another kind, and nobody would know.
 *
 * The filter keeps nothing from the VMM that it may do without it.
 */
#ifndef CALLFILTER_H
#define CALLFILTER_H

#include <linux/seccomp.h>
#include <stdint.h>

enum call {
	CALL_OTHER,
	CALL_MEMFD_CREATE,
	CALL_SEALS,		/* fcntl(F_ADD_SEALS) and fcntl(F_GET_SEALS) */
	CALL_FTRUNCATE,
	CALL_SLOT,		/* ioctl(KVM_SET_USER_MEMORY_REGION) and ...2 */
};

/*
 * callfilter_install - install it for the calling thread and what it starts
 *
 * Without CAP_SYS_ADMIN it sets no_new_privs, as the kernel demands.
 *
 * Return: the listener, a descriptor that is O_CLOEXEC; or a negative errno:
 * -EBUSY if there is a listener already, -EINVAL if the kernel is too old.
 */
int callfilter_install(void);

/* callfilter_call - which call is it? */
enum call callfilter_call(const struct seccomp_data *data);

/* callfilter_length - the second argument of ftruncate(2) */
uint64_t callfilter_length(const struct seccomp_data *data);

#endif /* CALLFILTER_H */
