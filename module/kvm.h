/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between versions of KVM, as one interface: kvm_6_12.c and
 * kvm_6_13.c, of which one compiles to something. By number of the first
 * version that each is for.
 */
#ifndef GMEMFS_KVM_H
#define GMEMFS_KVM_H

#include <linux/kvm_host.h>

#include "layout.h"

struct gmem_hook;

/* What KVM's structs must look like: kvm_6_*.c. */
extern const struct gmem_layout gmem_kvm_layouts[];
extern const int gmem_kvm_nr_layouts;

/* ---- hva_to_pfn(): from a user address to a frame ---- */

/*
 * A look-up: the arguments that KVM gave hva_to_pfn(). For borrow.c, which may
 * do it several times over.
 */
struct gmem_lookup;

extern struct gmem_hook gmem_kvm_to_pfn_hook;

/**
 * gmem_kvm_lookup - have KVM's own function look the address up
 * @l: as KVM asked for it
 *
 * Return: a frame, with the reference that KVM wants with it, if any; or one of
 * KVM's errors (is_error_noslot_pfn()).
 */
kvm_pfn_t gmem_kvm_lookup(struct gmem_lookup *l);

/* Drop the reference, or the pin, that came with the last answer. */
void gmem_kvm_lookup_release(struct gmem_lookup *l, kvm_pfn_t pfn);

/* Did one come? A page that has one stays where it is. */
bool gmem_kvm_lookup_is_counted(struct gmem_lookup *l);

/* Would KVM have refused this frame, which only a loan makes good? */
bool gmem_kvm_lookup_needs_loan(struct gmem_lookup *l);

/* ---- kvm_vcpu_map() and kvm_vcpu_unmap() ---- */

/**
 * struct gmem_map_call - what kvm_vcpu_map() was called with
 * @vcpu: the vCPU
 * @gfn: which page of the guest's
 * @map: to be filled in
 * @writable: from 6.13 on: is KVM going to write to it?
 */
struct gmem_map_call {
	struct kvm_vcpu *vcpu;
	gfn_t gfn;
	struct kvm_host_map *map;
	bool writable;
};

extern struct gmem_hook gmem_kvm_vcpu_map_hook, gmem_kvm_vcpu_unmap_hook;

/* The originals. @dirty: from 6.13 on, that is known from the map. */
int gmem_kvm_vcpu_map(const struct gmem_map_call *call);
void gmem_kvm_vcpu_unmap(struct kvm_vcpu *vcpu, struct kvm_host_map *map,
			 bool dirty);

#endif /* GMEMFS_KVM_H */
