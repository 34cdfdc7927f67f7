/* SPDX-License-Identifier: GPL-2.0 */
/* gmemfs' pool of blocks prepared ahead of use: empty, or full enough. */
#ifndef BENCH_POOL_H
#define BENCH_POOL_H

#include <stddef.h>
#include <stdint.h>

/*
 * Fill the pool with at least @size bytes. When a block is taken, the module
 * refills the pool during the measurement, as in real use. Return: 0; -ENOENT
 * if this gmemfs has no pool; -ETIMEDOUT if the pool doesn't fill.
 */
int pool_warm(size_t size);

/* Empty the pool and stop its refill. A gmemfs without a pool is cold, too. */
int pool_cold(void);

/*
 * Memory that a file gives back may be zeroed later, by another thread. Wait
 * until all hidden memory is in the pool, but for so many bytes that files
 * hold.
 */
void pool_settle(int64_t held);

/* How often a block came from the pool so far; -1 without a pool. */
int64_t pool_hits(void);

#endif /* BENCH_POOL_H */
