// SPDX-License-Identifier: MIT
/* VMs: parts of regions as memory slots. */
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "internal.h"
#include "kvm_compat.h"
#include "range.h"

EXPORT int gmem_vm_create(int vm_fd, struct gmem_vm **vm)
{
	*vm = calloc(1, sizeof(**vm));
	if (!*vm)
		return gmem_fail(-ENOMEM, "no memory for a VM's records");
	(*vm)->fd = vm_fd;
	(*vm)->generation = gmem_generation();
	pthread_mutex_init(&(*vm)->lock, NULL);
	return 0;
}

EXPORT void gmem_vm_destroy(struct gmem_vm *vm)
{
	int cancel NOT_CANCELLED = gmem_cancel_off();

	if (!vm)
		return;
	/*
	 * In a child process the clocks are the parent's, and a thread of the
	 * parent may have held the lock.
	 */
	if (vm->generation == gmem_generation()) {
		/* No slots: so no clock has a page, and all are unexposed. */
		if (!gmem_clocks_prepare(vm, NULL, 0))
			gmem_clocks_settle(vm, true);
		pthread_mutex_destroy(&vm->lock);
	}
	free(vm->slots);
	free(vm->clocks);
	free(vm);
}

/* ---- a slot, for KVM ---- */

static int set_plain(struct gmem_vm *vm, const struct slot *slot,
		     uint32_t flags)
{
	struct kvm_userspace_memory_region set = {
		.slot = slot->id,
		.flags = flags,
		.guest_phys_addr = slot->guest_address,
		.memory_size = slot->size,
	};

	if (slot->at.region)
		set.userspace_addr = slot->at.offset +
				     (uintptr_t)slot->at.region->public.address;
	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &set);
}

/* KVM takes pages directly from a guest_memfd file. */
static int set_guest_memfd(struct gmem_vm *vm, const struct slot *slot,
			   uint32_t flags)
{
	const struct gmem_region *region = &slot->at.region->public;
	struct kvm_userspace_memory_region2 set = {
		.slot = slot->id,
		.flags = flags | KVM_MEM_GUEST_MEMFD,
		.guest_phys_addr = slot->guest_address,
		.memory_size = slot->size,
		.userspace_addr = slot->at.offset + (uintptr_t)region->address,
		.guest_memfd_offset = slot->at.offset,
		.guest_memfd = region->fd,
	};

	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION2, &set);
}

static int set_slot(struct gmem_vm *vm, const struct slot *slot,
		    uint32_t flags)
{
	bool own = slot->at.region && slot->at.region->public.backend ==
				      GMEM_BACKEND_GUEST_MEMFD;
	int ret = own ? set_guest_memfd(vm, slot, flags) :
			set_plain(vm, slot, flags);

	if (!ret)
		return 0;
	if (own && errno == EINVAL)
		return gmem_fail(-EINVAL, "KVM refuses slot %u: a guest_memfd works only in the VM that it was made for, and its slot can have no flags and must be removed before it is changed",
				 slot->id);
	return gmem_fail_errno("KVM refuses slot %u: %llu bytes at %#llx",
			       slot->id, (unsigned long long)slot->size,
			       (unsigned long long)slot->guest_address);
}

/* ---- the list ---- */

static struct slot *find_slot(struct slot *slots, unsigned int nr, uint32_t id)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (slots[i].id == id)
			return &slots[i];
	return NULL;
}

/* A copy of the list with @slot added, or in place of the one of its number. */
static struct slot *list_with(struct gmem_vm *vm, const struct slot *slot,
			      unsigned int *nr)
{
	size_t room = (vm->nr_slots + 1) * sizeof(*slot);
	struct slot *slots = malloc(room), *old;

	if (!slots) {
		gmem_fail(-ENOMEM, "no memory for a list of slots");
		return NULL;
	}
	*nr = vm->nr_slots;
	if (*nr)
		memcpy(slots, vm->slots, *nr * sizeof(*slots));
	old = find_slot(slots, *nr, slot->id);
	if (!old)
		old = &slots[(*nr)++];
	*old = *slot;
	return slots;
}

/* Pages where clocks will be are exposed before KVM learns of the new slot. */
static int change_slot(struct gmem_vm *vm, const struct slot *slot,
		       uint32_t flags)
{
	unsigned int nr;
	struct slot *slots = list_with(vm, slot, &nr);
	int ret;

	if (!slots)
		return -ENOMEM;
	ret = gmem_clocks_prepare(vm, slots, nr);
	if (!ret) {
		ret = set_slot(vm, slot, flags);
		gmem_clocks_settle(vm, !ret);
	}
	if (ret) {
		free(slots);
		return ret;
	}
	free(vm->slots);
	vm->slots = slots;
	vm->nr_slots = nr;
	return 0;
}

#define SLOT_FLAGS	(KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY)

static int check_slot(uint64_t guest_address, const struct gmem_region *region,
		      uint64_t offset, uint64_t size, uint32_t flags)
{
	int ret = gmem_check_bits("flags", flags, SLOT_FLAGS);
	struct range range;

	if (ret)
		return ret;
	if (!gmem_range_of_pages(&range, offset, size, region->size))
		return gmem_bad_range(region->fd, offset, size);
	if (!gmem_range_of_pages(&range, guest_address, size, UINT64_MAX))
		return gmem_fail(-EINVAL, "guest_address: %#llx must be a multiple of 4096, and the part must end below 2^64",
				 (unsigned long long)guest_address);
	return 0;
}

EXPORT int gmem_vm_add(struct gmem_vm *vm, uint32_t slot,
		       uint64_t guest_address, struct gmem_region *region,
		       uint64_t offset, uint64_t size, uint32_t flags)
{
	struct slot new = {
		.id = slot, .guest_address = guest_address, .size = size,
		.at = { .region = region_of(region), .offset = offset },
	};
	int ret = gmem_check_generation(vm->generation, "VM") ?:
		  gmem_check_generation(new.at.region->generation, "region") ?:
		  check_slot(guest_address, region, offset, size, flags);
	int cancel NOT_CANCELLED = gmem_cancel_off();

	if (ret)
		return ret;
	pthread_mutex_lock(&vm->lock);
	ret = change_slot(vm, &new, flags);
	pthread_mutex_unlock(&vm->lock);
	return ret;
}

EXPORT int gmem_vm_remove(struct gmem_vm *vm, uint32_t slot)
{
	struct slot gone = { .id = slot }, *old;
	int ret = gmem_check_generation(vm->generation, "VM");
	int cancel NOT_CANCELLED = gmem_cancel_off();

	if (ret)
		return ret;
	pthread_mutex_lock(&vm->lock);
	old = find_slot(vm->slots, vm->nr_slots, slot);
	if (!old || !old->size)
		ret = gmem_fail(-ENOENT, "there is no slot %u", slot);
	else
		ret = change_slot(vm, &gone, 0);
	pthread_mutex_unlock(&vm->lock);
	return ret;
}
