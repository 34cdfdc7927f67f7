// SPDX-License-Identifier: GPL-2.0
/* The guest's I/O pool: found by the addresses that devices see, and shared. */
#include <gmem.h>
#include <stdbool.h>

#include "guest.h"
#include "iopool.h"

void io_pool_init(struct io_pool *pool, struct guest *guest, uint64_t size)
{
	*pool = (struct io_pool){
		.guest = guest, .size = size,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
}

static int share(struct io_pool *pool, uint64_t from, uint64_t to)
{
	return from < to ? guest_try_share(pool->guest, from, to - from) : 0;
}

static uint64_t take_room(uint64_t size, uint64_t *room)
{
	uint64_t taken = size < *room ? size : *room;

	*room -= taken;
	return taken;
}

/*
 * Extend the known part so that it includes the range. If the part would get
 * too long, the range isn't in the pool. The caller holds the lock.
 */
static void extend(struct io_pool *pool, uint64_t start, uint64_t end,
		   uint64_t *room)
{
	bool empty = pool->start == pool->end;

	if (!empty && start >= pool->start && end <= pool->end)
		return;
	if (!empty && start > pool->start)
		start = pool->start;
	if (!empty && end < pool->end)
		end = pool->end;
	if (end - start > pool->size)
		return;
	if (empty) {
		pool->start = start;
		pool->end = start;
	}
	end = pool->end + take_room(end - pool->end, room);
	if (!share(pool, pool->end, end))
		pool->end = end;
	start = pool->start - take_room(pool->start - start, room);
	if (!share(pool, start, pool->start))
		pool->start = start;
}

void io_pool_saw(struct io_pool *pool, uint64_t address, uint64_t size,
		 uint64_t *room)
{
	uint64_t mask = GMEM_PAGE_SIZE - 1;

	if (!pool->size || !size || !guest_has(pool->guest, address, size))
		return;
	pthread_mutex_lock(&pool->lock);
	extend(pool, address & ~mask, (address + size + mask) & ~mask, room);
	pthread_mutex_unlock(&pool->lock);
}

uint64_t io_pool_known(struct io_pool *pool)
{
	uint64_t known;

	pthread_mutex_lock(&pool->lock);
	known = pool->end - pool->start;
	pthread_mutex_unlock(&pool->lock);
	return known;
}

void io_pool_save(struct io_pool *pool, struct io_pool_state *state)
{
	pthread_mutex_lock(&pool->lock);
	*state = (struct io_pool_state){ pool->size, pool->start, pool->end };
	pthread_mutex_unlock(&pool->lock);
}

int io_pool_restore(struct io_pool *pool, const struct io_pool_state *state)
{
	uint64_t size = state->end - state->start;

	if (state->size != pool->size || state->start > state->end ||
	    size > pool->size ||
	    (state->start | state->end) % GMEM_PAGE_SIZE ||
	    (size && !guest_has(pool->guest, state->start, size)))
		return -1;
	pthread_mutex_lock(&pool->lock);
	pool->start = state->start;
	pool->end = state->end;
	pthread_mutex_unlock(&pool->lock);
	return 0;
}
