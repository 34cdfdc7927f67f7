/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A hash table: finds the value of a key without a search. So a user who makes
 * many files or processes can't make gmemctl slow.
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

/* Bytes that a key takes at most: six slots, while the table grows. */
#define INDEX_COST	288

/* index_find - get the value of a key. Return: false if the key isn't there. */
bool index_find(const struct index *index, struct index_key key,
		size_t *value);

/* index_put - add a key, which must not be in the table yet, and its value */
void index_put(struct index *index, struct index_key key, size_t value);
void index_free(struct index *index);

#endif /* INDEX_H */
