/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between versions of KVM, as one interface. kvm_6_12.c and
 * kvm_6_13.c implement it; each is named after the first version that it is
 * for, and only one of them compiles to any code.
 */
#ifndef GMEMFS_KVM_H
#define GMEMFS_KVM_H

#include <linux/kvm_host.h>

#include "layout.h"

struct gmem_hook;
struct gmem_hooks;

/* What KVM's structs must look like: in kvm_6_*.c. */
extern const struct gmem_layouts gmem_kvm_layouts;

/* All functions of KVM that are redirected: in guard.c. */
extern struct gmem_hooks gmem_kvm_hooks;

/* ---- hva_to_pfn(): from a user address to a frame ---- */

/*
 * A look-up: the arguments that KVM passed to hva_to_pfn(). borrow.c may repeat
 * it.
 */
struct gmem_lookup;

extern struct gmem_hook gmem_kvm_to_pfn_hook;

/**
 * gmem_kvm_lookup - look the address up with KVM's own function
 * @l: what KVM asked for
 *
 * Return: a frame, with the reference that KVM wants with it, if any; or one of
 * KVM's errors (is_error_noslot_pfn()).
 */
kvm_pfn_t gmem_kvm_lookup(struct gmem_lookup *l);

/* The address that is looked up. */
unsigned long gmem_kvm_lookup_address(const struct gmem_lookup *l);

/* May it sleep? */
bool gmem_kvm_lookup_may_sleep(const struct gmem_lookup *l);

/*
 * Does any signal end it? If not, only a fatal one does. KVM says so of the
 * second look-up for a guest's fault, after one that isn't to wait for I/O. A
 * guest view knows no such difference: the first one waits there.
 */
bool gmem_kvm_lookup_interruptible(const struct gmem_lookup *l);

/* Does KVM want a frame that may be written to? */
bool gmem_kvm_lookup_writes(const struct gmem_lookup *l);

/* Drop the reference, or the pin, that came with the last frame. */
void gmem_kvm_lookup_release(struct gmem_lookup *l, kvm_pfn_t pfn);

/* Is it certain that the frame was not ours when KVM found it? */
bool gmem_kvm_lookup_is_foreign(struct gmem_lookup *l);

/* Would KVM have refused this frame, so that only a loan makes it valid? */
bool gmem_kvm_lookup_needs_loan(struct gmem_lookup *l);

/* ---- kvm_vcpu_map() and kvm_vcpu_unmap() ---- */

/**
 * struct gmem_map_call - the arguments of kvm_vcpu_map()
 * @vcpu: the vCPU
 * @gfn: guest frame number of the page
 * @map: KVM fills it in
 * @writable: from 6.13 on: will KVM write to the page?
 */
struct gmem_map_call {
	struct kvm_vcpu *vcpu;
	gfn_t gfn;
	struct kvm_host_map *map;
	bool writable;
};

extern struct gmem_hook gmem_kvm_vcpu_map_hook, gmem_kvm_vcpu_unmap_hook;

/* KVM's own functions. @dirty: unused from 6.13 on, where the map says it. */
int gmem_kvm_vcpu_map(const struct gmem_map_call *call);
void gmem_kvm_vcpu_unmap(struct kvm_vcpu *vcpu, struct kvm_host_map *map,
			 bool dirty);

#endif /* GMEMFS_KVM_H */
