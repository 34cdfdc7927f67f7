/* SPDX-License-Identifier: MIT */
/*
 * Protection keys, and which region has which key. The caller holds
 * gmem_windows_lock(), unless a comment says otherwise.
 */
#ifndef GMEM_KEYS_H
#define GMEM_KEYS_H

#include "internal.h"

/* What windows have cost so far. */
extern struct gmem_window_stats gmem_window_counts;

/* Can the library get keys? The first call that can takes the parking key. */
bool gmem_keys_exist(void);

/* A new region: it has no key, and is closed to all threads. */
int gmem_key_park(struct region *r);

/*
 * gmem_key_give - give a key to a region that has none
 *
 * If no key is free, take one from another region. Return: 0; -EBUSY if open
 * windows use all keys; or an error of pkey_mprotect().
 */
int gmem_key_give(struct region *r);

/* Count that a window was opened in a region that had no key. */
void gmem_key_missed(struct region *r);

/* The key that @r's mapping has now: its own, or the parking key. */
int gmem_key_now(const struct region *r);

/* Does this thread have rights under one of the regions' keys? */
bool gmem_keys_open_here(void);

/* Does the CPU have protection keys, switched on? Needs no lock. */
bool gmem_keys_in_cpu(void);

/* @rights with all keys open except key 0, which stays. Needs no lock. */
uint64_t gmem_keys_all_open(uint64_t rights);

/*
 * gmem_key_leave - a region is about to be unmapped: its mapping isn't changed
 * any more
 *
 * Return: the key that the region had, or -1. No region gets that key before
 * gmem_key_free().
 */
int gmem_key_leave(const struct region *r);
void gmem_key_free(int key);

/*
 * In a child process: no region has a key, and this thread has no rights under
 * the regions' keys.
 */
void gmem_keys_forked(void);

/* @rights with all the regions' keys closed. */
uint64_t gmem_keys_closed(uint64_t rights);

#endif /* GMEM_KEYS_H */
