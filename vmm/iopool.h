/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest's I/O pool: memory that the VMM makes shared because the guest's
 * devices transfer data from and to it. So these transfers need no copy.
 *
 * A guest with swiotlb=force moves all data of its devices through one
 * contiguous pool of memory. Its size is known. A guest without encrypted
 * memory doesn't say where the pool is. But devices see addresses in it: the
 * memory between two of these addresses is part of the pool, too, if the two
 * are no farther apart than the pool's size. So the VMM finds the pool step by
 * step. The memory found is never longer than the user has allowed.
 */
#ifndef IOPOOL_H
#define IOPOOL_H

#include <pthread.h>
#include <stdint.h>

struct guest;

struct io_pool {
	struct guest *guest;
	uint64_t size;		/* at most; 0: there is no pool */
	pthread_mutex_t lock;	/* protects the fields below */
	uint64_t start, end;	/* the known part; empty at first */
};

void io_pool_init(struct io_pool *pool, struct guest *guest, uint64_t size);

/* The most that becomes shared for one request; later requests do the rest. */
#define IO_POOL_STEP	(32ULL << 20)

/*
 * A device transfers data at this address, and the guest has negotiated
 * VIRTIO_F_ACCESS_PLATFORM: it uses its DMA API, and so the pool. At most
 * *@room bytes of the pool become shared; the call subtracts them from *@room.
 */
void io_pool_saw(struct io_pool *pool, uint64_t address, uint64_t size,
		 uint64_t *room);

/* Return: how many bytes of the pool are known now. */
uint64_t io_pool_known(struct io_pool *pool);

/* In a snapshot. */
struct io_pool_state {
	uint64_t size;
	uint64_t start, end;
};

void io_pool_save(struct io_pool *pool, struct io_pool_state *state);

/*
 * The memory itself is in the list of shared ranges. Return: 0, or -1 if the
 * state is none that this pool can have
 */
int io_pool_restore(struct io_pool *pool, const struct io_pool_state *state);

#endif
