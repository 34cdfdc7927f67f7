/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest's pool for I/O: memory that becomes shared because the guest has
 * devices transfer to and from it, so that they need no copy.
 *
 * A guest with swiotlb=force moves all data of its devices through one piece of
 * memory, of a size that is known. Where that is, a guest without encrypted
 * memory tells nobody. But devices see it: what lies between two addresses that
 * they are given is the pool as well, as long as the two are no farther apart
 * than the pool is long. So it is found bit by bit, and what it turns out to be
 * is never longer than the user has allowed.
 */
#ifndef IOPOOL_H
#define IOPOOL_H

#include <pthread.h>
#include <stdint.h>

struct guest;

struct io_pool {
	struct guest *guest;
	uint64_t size;		/* at most; 0: there is none */
	pthread_mutex_t lock;	/* of what follows */
	uint64_t start, end;	/* what of it is known; empty at first */
};

void io_pool_init(struct io_pool *pool, struct guest *guest, uint64_t size);

/* What becomes shared for one request, at most: another time the rest. */
#define IO_POOL_STEP	(32ULL << 20)

/*
 * The guest has a device transfer data there, and says by
 * VIRTIO_F_ACCESS_PLATFORM that its memory isn't all the same to devices. At
 * most *@room of the pool becomes shared for that, which it takes from it.
 */
void io_pool_saw(struct io_pool *pool, uint64_t address, uint64_t size,
		 uint64_t *room);

/* What is known of it now. */
uint64_t io_pool_known(struct io_pool *pool);

#endif
