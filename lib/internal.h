/* SPDX-License-Identifier: MIT */
/* What libgmem's files share. The library exports none of it. */
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
 * gmem_fail - keep a sentence for gmem_last_error(), and return @error
 *
 * @error is a negative errno. Its description is appended to the sentence.
 */
int gmem_fail(int error, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The same after a failed system call: the error is in errno. */
#define gmem_fail_errno(...)	gmem_fail(-errno, __VA_ARGS__)

/* Comes after "this is not a file" or the like. */
#define GMEM_IN_A_MOUNT \
	"in a gmemfs mount; mount one with: mount -t gmemfs none " \
	GMEM_DEFAULT_MOUNT

/* For a range that the library or the module has refused. Return: -EINVAL. */
int gmem_bad_range(int fd, uint64_t offset, uint64_t size);

/* CLOCK_MONOTONIC, in ns. */
int64_t gmem_now_ns(void);

/* ---- backends ---- */

/**
 * struct backend - a kind of memory
 * @name: its name in messages
 * @open: returns a descriptor of new memory, or a negative errno
 * @ask: fills all of @p with what the kernel says of the file
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
 * struct region - a region, with its fields that aren't public
 * @public: the public part; it is first, so that region_of() can cast
 * @lock: protects the fields from @shared to @scars
 * @shared: mapping of the shared view, or NULL
 * @shared_fd: descriptor of the shared view, or -1
 * @exposed: list of pages that KVM accesses by the shared view
 * @scars: how many single pages were mapped back to the guest view, see
 *	   expose.c
 * @generation: gmem_generation() when the region was made; doesn't change
 * @no_gup: the kernel refuses to pin memory of the mapping; doesn't change
 * @next: in window.c's list of regions with windows by mprotect()
 * @writers: how many of the windows in @public.users are for writing
 * @prot: PROT_* of the mapping; -1 if parts of the mapping may differ
 *
 * gmem_windows_lock() protects the last three fields.
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

/* gmem_file_map() without its checks. */
int gmem_map(int fd, uint64_t offset, uint64_t size, int prot, void **address);

/*
 * Make a mapping that is neither in core dumps nor in child processes. The
 * caller gives PROT_NONE for a mapping that windows are to close.
 */
int gmem_map_guest(int fd, uint64_t offset, uint64_t size, int prot,
		   void **address);

/* Open the shared view if it isn't open. The caller holds @r->lock. */
int gmem_region_need_shared(struct region *r);

/* ---- convert.c ---- */

/*
 * GMEM_SET_ATTRIBUTES, once. Moves the start of @left to where the conversion
 * stopped, after success, EAGAIN, EINTR and ENOMEM. Doesn't set
 * gmem_last_error().
 */
int gmem_convert_once(int fd, struct range *left, uint64_t attributes,
		      uint64_t flags);

/* ---- expose.c ---- */

/*
 * Make a page shared, and map its shared view in the region, so that KVM finds
 * it in the direct map. The page stays so until gmem_unexpose() has been called
 * as often as gmem_expose().
 */
int gmem_expose(struct region *r, uint64_t offset);
void gmem_unexpose(struct region *r, uint64_t offset);

/*
 * As gmem_convert_once(), but an exposed page is converted only when KVM
 * doesn't use it any more.
 */
int gmem_convert_around_exposed(struct region *r, struct range *left,
				uint64_t attributes, uint64_t flags);

/*
 * After the region was unmapped: make those pages private that were still
 * pinned when KVM stopped using them, if they can be now. The file may be the
 * caller's, and outlive the region.
 */
void gmem_exposed_end(struct region *r);
void gmem_exposed_free(struct region *r);

/* ---- window.c ---- */

/*
 * Set the rights of a new region's mapping: closed, or open for
 * GMEM_WINDOWS_NONE.
 */
int gmem_windows_begin(struct region *r, uint32_t windows);

/*
 * Called before and after a region is unmapped. After gmem_windows_leave() the
 * library doesn't change the mapping any more. It returns the region's key, or
 * -1; gmem_windows_left() takes that, and lets other regions have the key.
 */
int gmem_windows_leave(struct region *r);
void gmem_windows_left(int key);

/* In a child process: forget all regions, since none is mapped there. */
void gmem_windows_forked(void);

/*
 * Give a mapping that will become a part of @r the same rights as @r has now.
 * The caller holds gmem_windows_lock().
 */
int gmem_windows_protect(const struct region *r, void *p, uint64_t size);

/**
 * struct kvm_rights - a thread's rights before a call of KVM
 * @keys: whether @before is valid
 * @before: the thread's rights
 * @generation: gmem_generation() at that time. A signal handler may fork, and
 *		then the child, too, returns from the call
 */
struct kvm_rights {
	bool keys;
	uint64_t before;
	unsigned int generation;
};

/*
 * Called before and after an ioctl of KVM: all windows are open for this thread
 * meanwhile. gmem_windows_leave_kvm() doesn't change errno.
 */
int gmem_windows_enter_kvm(struct kvm_rights *rights);
void gmem_windows_leave_kvm(const struct kvm_rights *rights);

/* ---- fault.c ---- */

/* Keep and forget a region's addresses, for use in signal handlers. */
int gmem_fault_know(const struct gmem_region *region);
void gmem_fault_forget(const struct gmem_region *region);
void gmem_fault_forked(void);

/* ---- kvm.c ---- */

/* A page of a region, at @offset. If @region is NULL there is no page. */
struct place {
	struct region *region;
	uint64_t offset;
};

/**
 * struct slot - a memory slot of a VM
 * @id: its number
 * @guest_address: its guest-physical address
 * @size: its length in bytes; 0 if the slot was removed
 * @at: where it begins in a region
 */
struct slot {
	uint32_t id;
	uint64_t guest_address;
	uint64_t size;
	struct place at;
};

/**
 * struct clock - a vCPU's kvm-clock
 * @vcpu_fd: the vCPU
 * @enabled: whether the guest has enabled the clock
 * @guest_address: guest-physical address of the clock
 * @at: the page that is exposed for the clock
 * @next: the page that will be, if KVM accepts the change
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
 * @fd: the VM's descriptor
 * @generation: gmem_generation() when the record was made
 * @lock: protects all fields below
 * @slots: the VM's slots, removed ones included
 * @nr_slots: how many
 * @clocks: a clock for each vCPU that has ever written the MSR
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
 * Called before and after the slots of a VM change. gmem_clocks_prepare()
 * exposes the pages where clocks will be. gmem_clocks_settle() keeps those, or,
 * if KVM has refused the change, the old pages, and unexposes the others. The
 * caller holds the VM's lock, or is about to free the VM's record.
 */
int gmem_clocks_prepare(struct gmem_vm *vm, const struct slot *slots,
			unsigned int nr_slots);
void gmem_clocks_settle(struct gmem_vm *vm, bool changed);

#endif /* GMEM_INTERNAL_H */
