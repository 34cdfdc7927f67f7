/* SPDX-License-Identifier: GPL-2.0 */
/* What gmemctl audit found out about one VM, and what follows from it. */
#ifndef GUEST_H
#define GUEST_H

#include "backing.h"
#include "vms.h"

enum guest_verdict {
	GUEST_HIDDEN,
	GUEST_READABLE,		/* some of its memory isn't hidden */
	GUEST_INCOMPLETE,	/* not known to be, nor that all is hidden */
};

struct guest {
	const struct vm *vm;	/* of a list that outlives this */
	char comm[32];
	struct backing *slots;
	bool *skipped;		/* KVM's own; or the same memory once more */
	bool allow_shared;	/* the user takes that for hidden */
	bool changed;		/* KVM had no such VM afterwards */
	struct backing sum;	/* of all that aren't skipped */
	uint64_t read_only;	/* of @sum.outside, for the guest */
	uint64_t guest_memfd;	/* slots with memory that KVM has besides */
	char *direct;		/* options of disks, or NULL: directio.h */
};

/* guest_look - look at a VM */
void guest_look(struct guest *g, const struct vm *vm, bool allow_shared);
void guest_free(struct guest *g);

/* guest_size - the size of all slots that aren't skipped */
uint64_t guest_size(const struct guest *g);

/* guest_readable - how much isn't hidden, and matters */
uint64_t guest_readable(const struct guest *g);
enum guest_verdict guest_verdict(const struct guest *g);

/*
 * guest_on - what a slot lies on, in words; the caller frees it. Names in it
 * are not safe to print.
 */
char *guest_on(const struct guest *g, size_t slot);

/* guest_missed - what could not be looked at, in words; NULL: nothing */
const char *guest_missed(const struct guest *g);

/* How many sentences about a VM are given; the others are only counted. */
#define GUEST_SENTENCES	16

/*
 * guest_sentences - what isn't hidden, why that matters, and what to do
 *
 * Each is for the caller to free, and safe to print. Return: how many there
 * would be.
 */
size_t guest_sentences(const struct guest *g, char *texts[GUEST_SENTENCES]);

#endif /* GUEST_H */
