/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest's memory, and the only way to it: every address and length that
 * comes from the guest goes through these functions, which look whether it's
 * the guest's own memory, and open a window for as long as they touch it. No
 * pointer into that memory leaves guest.c, and what is there may change between
 * two looks at it: copy first, then judge.
 *
 * But two functions give addresses that are for the kernel to use, and not us.
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

	/* Of guest_open_shared(). */
	char *shared_view;	/* NULL: nothing of it can be pinned */
	uint64_t *shared;	/* a bit for each page of the region, atomic */
	pthread_mutex_t convert_lock;
	/* Pages, and calls that failed; with the lock, but atomic to read. */
	uint64_t made_shared, made_private, not_converted;
	bool by_file;		/* read() and write(), not the mapping */
};

/* The region becomes memory from address 0 on, and above the devices. */
void guest_init(struct guest *guest, struct gmem_region *region);

/* Is all of this memory, in one piece? */
bool guest_has(const struct guest *guest, uint64_t address, uint64_t size);

/* Return: 0, or -EFAULT if not all of it is memory. */
int guest_read(const struct guest *guest, uint64_t address, void *data,
	       uint64_t size);
int guest_write(const struct guest *guest, uint64_t address, const void *data,
		uint64_t size);

/*
 * Of an index that the guest changes while it runs: what was written before the
 * index is there for who has read it, and the other way round. The address is a
 * multiple of 2.
 */
int guest_load_index(const struct guest *guest, uint64_t address,
		     uint16_t *index);
int guest_store_index(const struct guest *guest, uint64_t address,
		      uint16_t index);

/*
 * From now on it's known which memory is shared, and where that can be pinned.
 * Return: 0, or -1 said why; guest_close_shared() may be called after either.
 */
int guest_open_shared(struct guest *guest);
void guest_close_shared(struct guest *guest);

/*
 * Where the kernel can pin this memory, for a transfer that needs no copy. NULL
 * if not all of it is shared, or it can't be had in one piece. Only for system
 * calls: the guest may make it private at any time, and then the kernel says
 * -EFAULT, but our own access would be SIGBUS.
 */
void *guest_shared_at(const struct guest *guest, uint64_t address,
		      uint64_t size);

/*
 * Where the kernel reaches this memory as system calls do, private or not, by
 * copying: for vhost. NULL if it isn't memory.
 */
void *guest_for_kernel(const struct guest *guest, uint64_t address,
		       uint64_t size);

/*
 * Private, so that it's hidden, or shared; what it holds stays. Waits for pages
 * that somebody has pinned, but not for ever. Return: 0, -EFAULT, -EAGAIN, or
 * another error of gmem_region_convert().
 */
int guest_convert(struct guest *guest, uint64_t address, uint64_t size,
		  bool private);

/*
 * Shared, but not if others convert just now: vCPUs may stand in line for
 * seconds, by what the guest does. Return: -EBUSY then
 */
int guest_try_share(struct guest *guest, uint64_t address, uint64_t size);

/*
 * The host gets that memory back; when it's touched again, it's zero. Return:
 * 0, -EFAULT, or an error of gmem_file_punch().
 */
int guest_punch(const struct guest *guest, uint64_t address, uint64_t size);

/* Part of a file. Return: 0, -EFAULT, -ENODATA it's shorter, another error. */
int guest_read_file(const struct guest *guest, uint64_t address, int fd,
		    uint64_t offset, uint64_t size);

#endif
