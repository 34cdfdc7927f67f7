/* SPDX-License-Identifier: GPL-2.0 */
/* gmemfs' pool of blocks prepared ahead of use: empty, or full enough. */
#ifndef BENCH_POOL_H
#define BENCH_POOL_H

#include <stddef.h>
#include <stdint.h>

/*
 * Fills the pool with at least that much. As soon as a block is taken it is
 * filled up again, beside what is measured, as it would be in use. 0, -ENOENT
 * if this gmemfs has no pool, -ETIMEDOUT if it doesn't fill.
 */
int pool_warm(size_t size);

/* Empties the pool and stops its refill. A gmemfs without a pool is cold. */
int pool_cold(void);

/*
 * Memory that is given back may be cleaned after the file's end, by somebody
 * else. Waits until all that is hidden is in the pool: no file may hold any.
 */
void pool_settle(void);

/* How often a block came from the pool so far; -1 without a pool. */
int64_t pool_hits(void);

#endif /* BENCH_POOL_H */
