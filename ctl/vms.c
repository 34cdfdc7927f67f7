// SPDX-License-Identifier: GPL-2.0
/* Reads the module's list of VMs. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "kernel.h"
#include "vms.h"

#define FORMAT	"gmemfs-vms 1\n"

/* A VM may have 65,000 slots, and a user many VMs. */
#define MOST_SLOTS	(1UL << 20)

/* ---- a line ---- */

static void add_vm(struct vms *v, const struct vm *vm)
{
	v->all = ctl_grow(v->all, v->count, sizeof(*v->all));
	v->all[v->count++] = *vm;
}

static void add_slot(struct vms *v, const struct vm_slot *slot)
{
	struct vm *vm = &v->all[v->count - 1];

	vm->slots = ctl_grow(vm->slots, vm->nr_slots, sizeof(*vm->slots));
	vm->slots[vm->nr_slots++] = *slot;
}

static int parse_slot(const char *line, struct vm_slot *slot)
{
	char word[8];
	int n;

	*slot = (struct vm_slot){ 0 };
	n = sscanf(line, "%7s %d %d %x %" SCNx64 " %" SCNx64 " %" SCNx64,
		   word, &slot->space, &slot->id, &slot->flags, &slot->guest,
		   &slot->size, &slot->user);
	if (n != 7)
		return -EPROTO;
	slot->of_kvm = !strcmp(word, "kvm");
	return slot->of_kvm || !strcmp(word, "slot") ? 0 : -EPROTO;
}

/* VMs and slots together are limited, as both take memory. */
static int add_line(struct vms *v, const char *line)
{
	struct vm vm = { 0 };
	struct vm_slot slot;

	if (!v->left) {
		v->full = true;
		v->all[v->count - 1].cut = true;
		return 0;
	}
	v->left--;
	if (sscanf(line, "vm %d %" SCNx64, &vm.pid, &vm.generation) == 2) {
		add_vm(v, &vm);
		return 0;
	}
	if (!v->count || parse_slot(line, &slot))
		return -EPROTO;
	add_slot(v, &slot);
	return 0;
}

/* ---- the list ---- */

static int read_lines(struct vms *v, FILE *f)
{
	char line[256];
	int err = 0;

	if (!fgets(line, sizeof(line), f))
		return ferror(f) ? -errno : -EPROTO;
	if (strcmp(line, FORMAT))
		return -EPROTO;
	while (!err && !v->full && fgets(line, sizeof(line), f))
		err = add_line(v, line);
	if (!err && ferror(f))
		err = -errno;
	return err;
}

int vms_read(struct vms *v)
{
	FILE *f = kernel_file(VMS_FILE);
	int err;

	*v = (struct vms){ .left = MOST_SLOTS };
	if (!f)
		return -errno;
	err = read_lines(v, f);
	fclose(f);
	if (err)
		vms_free(v);
	return err;
}

void vms_free(struct vms *v)
{
	for (size_t i = 0; i < v->count; i++)
		free(v->all[i].slots);
	free(v->all);
	*v = (struct vms){ 0 };
}

const char *vms_why(int err)
{
	switch (err) {
	case -EACCES:
	case -EPERM:
		return "only root may see them, with CAP_SYS_ADMIN";
	case -ENOENT:
		return "the module that is loaded has no list of them; load the one of this version";
	case -EPROTO:
		return "the module that is loaded has a list of another format; load the one of this version";
	case -EOPNOTSUPP:
		return "gmemfs is loaded with guard=off, or could not hook kvm: 'gmemctl check' says which, and what to do";
	case -ENODEV:
		return "this kernel's kvm isn't the one that gmemfs was built for, as the kernel's log says; build gmemfs for this kernel";
	case -EMEDIUMTYPE:
		return "another file is mounted over " VMS_FILE;
	}
	return strerror(-err);
}

/* ---- two lists ---- */

static bool is_same_slot(const struct vm_slot *a, const struct vm_slot *b)
{
	return a->space == b->space && a->id == b->id &&
	       a->flags == b->flags && a->guest == b->guest &&
	       a->size == b->size && a->user == b->user;
}

static bool is_same(const struct vm *a, const struct vm *b)
{
	if (a->pid != b->pid || a->generation != b->generation ||
	    a->nr_slots != b->nr_slots)
		return false;
	for (size_t i = 0; i < a->nr_slots; i++)
		if (!is_same_slot(&a->slots[i], &b->slots[i]))
			return false;
	return true;
}

bool vms_find(const struct vms *v, const struct vm *vm)
{
	for (size_t i = 0; i < v->count; i++)
		if (is_same(&v->all[i], vm))
			return true;
	return false;
}

bool vms_has_new(const struct vms *v, const struct vms *later)
{
	for (size_t i = 0; i < later->count; i++)
		if (!vms_find(v, &later->all[i]))
			return true;
	return false;
}

bool vms_has_process(const struct vms *v, pid_t pid)
{
	for (size_t i = 0; i < v->count; i++)
		if (v->all[i].pid == pid)
			return true;
	return false;
}
