/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest's memory, and the only way to it. Every address and length that
 * comes from the guest goes through these functions. They check that it is the
 * guest's own memory, and have a window open while they access it. No pointer
 * into that memory leaves guest.c. The guest may change its memory between two
 * reads: so callers copy first, and check the copy.
 *
 * Two functions are an exception: guest_shared_at() and guest_for_kernel()
 * return addresses that the caller passes to the kernel, and never accesses.
 */
#ifndef GUEST_H
#define GUEST_H

#include <gmem.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct guest {
	struct gmem_region *region;
	uint64_t low_size;	/* from address 0 on */
	uint64_t high_size;	/* from HIGH_MEMORY_START on */

	/* Set by guest_open_shared(). */
	char *shared_view;	/* NULL: no memory can be pinned */
	uint64_t *shared;	/* a bit for each page of the region, atomic */
	pthread_mutex_t convert_lock;
	/* Pages, pages, and failed calls: set under convert_lock, atomic. */
	uint64_t made_shared, made_private, not_converted;
	bool by_file;		/* copy by read() and write(), no mapping */
};

/* The region becomes the guest's memory, at address 0 and above the devices. */
void guest_init(struct guest *guest, struct gmem_region *region);

/* Is all of this memory, in one piece? */
bool guest_has(const struct guest *guest, uint64_t address, uint64_t size);

/*
 * Copy from and to the guest's memory. Return: 0; -EFAULT if not all of the
 * range is memory; or an error of gmem_region_read(), or of the file.
 */
int guest_read(const struct guest *guest, uint64_t address, void *data,
	       uint64_t size);
int guest_write(const struct guest *guest, uint64_t address, const void *data,
		uint64_t size);

/*
 * Read and write an index that a vCPU may access meanwhile. The load has
 * acquire semantics: what the guest wrote before the index is visible
 * afterwards. The store has release semantics: what the VMM wrote before it is
 * visible to the guest. The address is a multiple of 2. Return: as
 * guest_read().
 */
int guest_load_index(const struct guest *guest, uint64_t address,
		     uint16_t *index);
int guest_store_index(const struct guest *guest, uint64_t address,
		      uint16_t index);

/*
 * Begin to record which memory is shared, and map the view where the kernel can
 * pin it. Return: 0, or -1 after fail(). guest_close_shared() may be called
 * after either.
 */
int guest_open_shared(struct guest *guest);
void guest_close_shared(struct guest *guest);

/*
 * The address at which the kernel can pin this memory, for a transfer without a
 * copy. NULL if not all of the memory is shared, or if it isn't in one piece.
 * The address is only for system calls: the guest may make the memory private
 * at any time. Then a system call returns -EFAULT, but an access by the VMM
 * itself would get SIGBUS.
 */
void *guest_shared_at(const struct guest *guest, uint64_t address,
		      uint64_t size);

/*
 * The address at which the kernel can copy from and to this memory, private or
 * shared, as system calls do; for vhost. NULL if it isn't memory.
 */
void *guest_for_kernel(const struct guest *guest, uint64_t address,
		       uint64_t size);

/*
 * Make memory private, so that it is hidden, or shared. Contents stay. The call
 * waits for pinned pages for 1 s at most. Return: 0; -EFAULT if it isn't
 * memory; -EINVAL if it isn't whole pages; -EAGAIN or another error of
 * gmem_region_convert().
 */
int guest_convert(struct guest *guest, uint64_t address, uint64_t size,
		  bool private);

/*
 * Make memory shared, but not while other threads convert: the guest can make
 * its vCPUs wait for that lock, one after the other, for seconds. Return: as
 * guest_convert(); or -EBUSY if another thread converts.
 */
int guest_try_share(struct guest *guest, uint64_t address, uint64_t size);

/* A part of the region, in bytes. */
struct guest_range {
	uint64_t offset;
	uint64_t size;
};

/*
 * List the ranges of memory that are shared, in their order. Return: how many
 * there are, which may be more than the @room for which the list has room
 */
unsigned int guest_list_shared(const struct guest *guest,
			       struct guest_range *list, unsigned int room);

/*
 * Make such a list's ranges shared, and all other memory private: a file that
 * has a name may have been another guest's. Before any thread runs. Return: 0;
 * -EINVAL for ranges that guest_list_shared() can't have listed; or as
 * guest_convert()
 */
int guest_share_only(struct guest *guest, const struct guest_range *list,
		     unsigned int nr);

/*
 * Around ioctls of KVM, other than KVM_RUN, that may access the guest's memory:
 * @window must be open meanwhile, in the same thread. Return: 0, or an error of
 * gmem_window_open()
 */
int guest_open_for_kvm(const struct guest *guest, struct gmem_window *window);

/*
 * Give memory back to the host. When the guest accesses it again, it is zero.
 * Return: 0; -EFAULT if it isn't memory; or an error of gmem_file_punch().
 */
int guest_punch(const struct guest *guest, uint64_t address, uint64_t size);

/*
 * Read a part of a file into memory. Return: 0; -EFAULT if it isn't memory;
 * -ENODATA if the file is shorter; or another error.
 */
int guest_read_file(const struct guest *guest, uint64_t address, int fd,
		    uint64_t offset, uint64_t size);

#endif
