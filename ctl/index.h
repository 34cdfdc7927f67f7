/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An index: what has been noted under a key, found without a search. Whoever
 * makes many files or processes doesn't make gmemctl slow.
 */
#ifndef INDEX_H
#define INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct index_key {
	uint64_t a;
	uint64_t b;
	uint64_t c;
	uint64_t d;
};

struct index {
	struct index_slot *slots;
	size_t room;		/* a power of two, or 0 */
	size_t used;
};

/* Bytes that a key takes at most: six slots while there is made more room. */
#define INDEX_COST	288

/* index_find - return: whether there is such a key, and its value */
bool index_find(const struct index *index, struct index_key key,
		size_t *value);

/* index_put - note a value under a key that has none yet */
void index_put(struct index *index, struct index_key key, size_t value);
void index_free(struct index *index);

#endif /* INDEX_H */
