// SPDX-License-Identifier: GPL-2.0
/* A hash table with open addressing. */
#include <stdlib.h>

#include "ctl.h"
#include "index.h"

#define LEAST_ROOM	64

struct index_slot {
	struct index_key key;
	size_t value;
	bool used;
};

/* Multiply by an odd number, and fold the high half into the low one. */
static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 32;
}

/* The key's slot, or the free one for it. Keys that collide use later slots. */
static struct index_slot *slot_of(const struct index *index,
				  struct index_key key)
{
	uint64_t at = mix(mix(mix(mix(0, key.a), key.b), key.c), key.d);

	for (;; at++) {
		struct index_slot *slot = &index->slots[at & (index->room - 1)];

		if (!slot->used || (slot->key.a == key.a &&
				    slot->key.b == key.b &&
				    slot->key.c == key.c &&
				    slot->key.d == key.d))
			return slot;
	}
}

bool index_find(const struct index *index, struct index_key key, size_t *value)
{
	const struct index_slot *slot;

	if (!index->room)
		return false;
	slot = slot_of(index, key);
	if (slot->used)
		*value = slot->value;
	return slot->used;
}

static void make_room(struct index *index)
{
	struct index old = *index;

	index->room = old.room ? 2 * old.room : LEAST_ROOM;
	index->slots = ctl_alloc(index->room, sizeof(*index->slots));
	for (size_t i = 0; i < old.room; i++)
		if (old.slots[i].used)
			*slot_of(index, old.slots[i].key) = old.slots[i];
	free(old.slots);
}

void index_put(struct index *index, struct index_key key, size_t value)
{
	struct index_slot *slot;

	if (2 * index->used >= index->room)
		make_room(index);
	slot = slot_of(index, key);
	index->used += !slot->used;
	*slot = (struct index_slot){ key, value, true };
}

void index_free(struct index *index)
{
	free(index->slots);
	*index = (struct index){ 0 };
}
