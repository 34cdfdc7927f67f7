/* SPDX-License-Identifier: MIT */
/* What libgmem's files share. Nothing of it is visible outside. */
#ifndef GMEM_INTERNAL_H
#define GMEM_INTERNAL_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "gmem.h"
#include "process.h"

#define EXPORT	__attribute__((visibility("default")))

/* ---- error.c ---- */

/*
 * gmem_fail - note the sentence for gmem_last_error(), and return @error
 *
 * @error is a negative errno; its text comes after the sentence.
 */
int gmem_fail(int error, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The same for a call that has just failed: the error is in errno. */
#define gmem_fail_errno(...)	gmem_fail(-errno, __VA_ARGS__)

/* Behind what isn't. */
#define GMEM_NOT_GMEMFS \
	"this is not on a gmemfs; mount one with: mount -t gmemfs none " \
	GMEM_DEFAULT_MOUNT

/* For a range that isn't one, or that the module has refused. */
int gmem_bad_range(int fd, uint64_t offset, uint64_t size);

/* Of the clock that isn't set. */
int64_t gmem_now_ns(void);

/* ---- backends ---- */

/**
 * struct backend - a kind of memory
 * @name: for people
 * @open: a descriptor of new memory, or an error
 * @ask: fill all of @p from what the kernel says of the file
 */
struct backend {
	const char *name;
	int (*open)(const struct gmem_region_options *options);
	int (*ask)(int fd, struct gmem_protection *p);
};

extern const struct backend gmem_backend_gmemfs;
extern const struct backend gmem_backend_guest_memfd;
extern const struct backend gmem_backend_memfd;

/* ---- region.c ---- */

struct exposed_page;
struct range;

/**
 * struct region - a region with what isn't public
 * @public: first, so that either can be had from the other
 * @lock: for all below
 * @shared: mapping of the shared view, or NULL
 * @shared_fd: its descriptor, or -1
 * @exposed: list of pages that KVM reaches by the shared view
 * @scars: mappings of single pages that were put back, see expose.c
 * @generation: gmem_generation() when it was made
 * @no_gup: the kernel was asked, and refuses to pin memory of the mapping
 * @next: in window.c's list of regions with windows by mprotect()
 * @writers: its windows for writing, of @public.users
 * @prot: what it is mapped with
 *
 * The last three are under window.c's lock.
 */
struct region {
	struct gmem_region public;
	pthread_mutex_t lock;
	void *shared;
	int shared_fd;
	struct exposed_page *exposed;
	unsigned int scars;
	unsigned int generation;
	bool no_gup;
	struct region *next;
	unsigned int writers;
	int prot;
};

static inline struct region *region_of(const struct gmem_region *public)
{
	return (struct region *)public;
}

/* As gmem_file_map(), of what was checked. */
int gmem_map(int fd, uint64_t offset, uint64_t size, int prot, void **address);

/*
 * A mapping that is neither for core dumps nor for children. What windows are
 * to close begins without rights.
 */
int gmem_map_guest(int fd, uint64_t offset, uint64_t size, int prot,
		   void **address);

/* Opens the shared view; with @lock held. */
int gmem_region_need_shared(struct region *r);

/* ---- convert.c ---- */

/*
 * GMEM_SET_ATTRIBUTES, once: moves @left's beginning to where it stopped. The
 * error isn't noted for gmem_last_error().
 */
int gmem_convert_once(int fd, struct range *left, uint64_t attributes,
		      uint64_t flags);

/* ---- expose.c ---- */

/* Has KVM find this page in the direct map, until as many calls of unexpose. */
int gmem_expose(struct region *r, uint64_t offset);
void gmem_unexpose(struct region *r, uint64_t offset);

/* As gmem_convert_once(), but exposed pages are converted when KVM is done. */
int gmem_convert_around_exposed(struct region *r, struct range *left,
				uint64_t attributes, uint64_t flags);

/*
 * When the mapping is gone: pages that only waited for somebody to let go are
 * made private if they can be, since the file may be the caller's and stay.
 */
void gmem_exposed_end(struct region *r);
void gmem_exposed_free(struct region *r);

/* ---- window.c ---- */

/* Gives a new mapping its rights: those of a closed one, or, for NONE, all. */
int gmem_windows_begin(struct region *r, uint32_t windows);

/*
 * Around the unmapping of a region: from the first on, nothing changes the
 * mapping; with the second, to which its result goes, others can have its key.
 */
int gmem_windows_leave(struct region *r);
void gmem_windows_left(int key);

/* In a child, which has none of them. */
void gmem_windows_forked(void);

/* Has a mapping that will be part of @r the rights of that; with the lock. */
int gmem_windows_protect(const struct region *r, void *p, uint64_t size);

/**
 * struct kvm_rights - what a thread had before a call of KVM's
 * @keys: whether @before is valid
 * @before: its rights
 * @generation: a handler may fork, and have the child return into the call
 */
struct kvm_rights {
	bool keys;
	uint64_t before;
	unsigned int generation;
};

/*
 * Around a call of KVM's: all windows are open for this thread. The second
 * leaves errno alone.
 */
int gmem_windows_enter_kvm(struct kvm_rights *rights);
void gmem_windows_leave_kvm(const struct kvm_rights *rights);

/* ---- fault.c ---- */

/* Which addresses are a region's, for who finds itself in a signal handler. */
int gmem_fault_know(const struct gmem_region *region);
void gmem_fault_forget(const struct gmem_region *region);
void gmem_fault_forked(void);

/* ---- kvm.c ---- */

/* A page of a region; none if @region is NULL. */
struct place {
	struct region *region;
	uint64_t offset;
};

/**
 * struct slot - a slot of a VM's
 * @id: its number
 * @guest_address: where it is for the guest
 * @size: its length
 * @at: where it begins
 */
struct slot {
	uint32_t id;
	uint64_t guest_address;
	uint64_t size;
	struct place at;
};

/**
 * struct clock - a vCPU's clock
 * @vcpu_fd: the vCPU
 * @enabled: whether there is one
 * @guest_address: where
 * @at: the page that is exposed for it
 * @next: the one that will be, if KVM takes it
 */
struct clock {
	int vcpu_fd;
	bool enabled;
	uint64_t guest_address;
	struct place at;
	struct place next;
};

/**
 * struct gmem_vm - see gmem.h
 * @fd: the VM
 * @generation: gmem_generation() when it was made
 * @lock: for all below
 * @slots: its slots
 * @nr_slots: how many
 * @clocks: of vCPUs that ever wrote the MSR
 * @nr_clocks: how many
 */
struct gmem_vm {
	int fd;
	unsigned int generation;
	pthread_mutex_t lock;
	struct slot *slots;
	unsigned int nr_slots;
	struct clock *clocks;
	unsigned int nr_clocks;
};

/* ---- clock.c ---- */

/*
 * Before slots change: expose what clocks will be at; afterwards: settle for
 * the new places, or, if KVM has refused the change, for the old ones.
 */
int gmem_clocks_prepare(struct gmem_vm *vm, const struct slot *slots,
			unsigned int nr_slots);
void gmem_clocks_settle(struct gmem_vm *vm, bool changed);

#endif /* GMEM_INTERNAL_H */
