/* SPDX-License-Identifier: GPL-2.0 */
/* The host's VMs and the slots of their memory, as the module lists them. */
#ifndef VMS_H
#define VMS_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define VMS_FILE	"/proc/fs/gmemfs/vms"

/* Linux 6.8 and later; older headers don't have it. */
#ifndef KVM_MEM_GUEST_MEMFD
#define KVM_MEM_GUEST_MEMFD	(1UL << 2)
#endif

struct vm_slot {
	int space;		/* 1: what the guest has in SMM */
	int id;
	unsigned int flags;	/* KVM_MEM_* */
	bool of_kvm;		/* KVM has made it for itself */
	uint64_t guest;		/* the guest's address */
	uint64_t size;
	uint64_t user;		/* the VMM's address */
};

struct vm {
	pid_t pid;		/* 0: no process has its address space */
	uint64_t generation;	/* of its slots: changes with each of them */
	struct vm_slot *slots;
	size_t nr_slots;
	bool cut;		/* it may have more slots: the list was full */
};

struct vms {
	struct vm *all;
	size_t count;
	size_t left;		/* how many more slots are kept */
	bool full;		/* there are more */
};

/*
 * vms_read - get the list
 *
 * Return: 0; or a negative errno: -EPROTO if the file has another format.
 */
int vms_read(struct vms *v);
void vms_free(struct vms *v);

/* vms_why - what such an error means, and what to do */
const char *vms_why(int err);

/* vms_find - is there such a VM, and no slot has changed meanwhile? */
bool vms_find(const struct vms *v, const struct vm *vm);

/* vms_has_process - has this process a VM? */
bool vms_has_process(const struct vms *v, pid_t pid);

/* vms_has_new - has a later list a VM that this one hasn't? */
bool vms_has_new(const struct vms *v, const struct vms *later);

#endif /* VMS_H */
