/* SPDX-License-Identifier: MIT */
/*
 * Protection keys, and which region has which. With the lock of windows, but
 * for what says otherwise.
 */
#ifndef GMEM_KEYS_H
#define GMEM_KEYS_H

#include "internal.h"

/* What windows have cost so far. */
extern struct gmem_window_stats gmem_window_counts;

/* Whether there are keys; the first time, takes the parking key. */
bool gmem_keys_exist(void);

/* Has a region begin without a key, closed to all. */
int gmem_key_park(struct region *r);

/*
 * gmem_key_give - a key for a region that has none
 *
 * Takes one from another region where it must. Return: 0; -EBUSY all are in
 * use by open windows; an error of pkey_mprotect().
 */
int gmem_key_give(struct region *r);

/* A window was opened in a region that had no key. */
void gmem_key_missed(struct region *r);

/* The key that a mapping of @r has at the moment. */
int gmem_key_now(const struct region *r);

/* Whether this thread has rights under one of the keys. */
bool gmem_keys_open_here(void);

/* Whether a thread has such rights at all; without the lock. */
bool gmem_keys_in_cpu(void);

/* @rights with all keys open that any memory may have; without the lock. */
uint64_t gmem_keys_all_open(uint64_t rights);

/*
 * gmem_key_leave - before a region is unmapped: its mapping isn't touched from
 * now on
 *
 * Return: the key that it had, which nobody gets before gmem_key_free(), or -1.
 */
int gmem_key_leave(const struct region *r);
void gmem_key_free(int key);

/*
 * In a child: no region has a key, and this thread no rights; and the rights
 * that it would have without any.
 */
void gmem_keys_forked(void);
uint64_t gmem_keys_closed(uint64_t rights);

#endif /* GMEM_KEYS_H */
