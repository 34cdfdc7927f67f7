/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the slots of a guest lie on: files of gmemfs, and the states of their
 * pages; or something else. The VMM's mappings say that, and the files
 * themselves. The states are the module's word: for a proof, there is "gmemctl
 * verify".
 */
#ifndef BACKING_H
#define BACKING_H

#include <stdint.h>

#include "vms.h"

/* In bytes. All but @name, @file and @why add up to the size of the slot. */
struct backing {
	/* In files of gmemfs: */
	uint64_t hidden;
	uint64_t lent;		/* to KVM, now */
	uint64_t shared;	/* as userspace wants it */
	uint64_t kept;		/* not shared, but in the direct map */
	uint64_t absent;	/* no memory yet; hidden when it comes, unless
				 * the VMM wants that part shared by then */
	/* Not in files of gmemfs: */
	uint64_t outside;
	uint64_t device;	/* no memory of the host's, but of a device that
				 * the guest has by VFIO */
	uint64_t unmapped;	/* nothing is mapped there */
	uint64_t unknown;	/* could not be looked at */
	char *name;		/* of the first mapping outside; "" has none */
	char *file;		/* of the first mapping of gmemfs */
	const char *why;	/* the first reason why something is unknown */
};

/*
 * backing_look - look at all slots of a VM
 *
 * Return: an array with an element for each slot, for backing_free().
 */
struct backing *backing_look(const struct vm *vm);
void backing_free(struct backing *all, size_t count);

/* backing_add - add the bytes of @b to @sum */
void backing_add(struct backing *sum, const struct backing *b);

/* backing_is_anonymous - has it no file, or none that has a name? */
bool backing_is_anonymous(const struct backing *b);

/* backing_is_memfd - is it a memfd? */
bool backing_is_memfd(const struct backing *b);

#endif /* BACKING_H */
