// SPDX-License-Identifier: GPL-2.0
/* Saved memory: its format. */
#include <stdlib.h>
#include <string.h>

#include "bulk.h"
#include "delta.h"

#define MAGIC	"gmemfs delta 1\n"

struct footer {
	char magic[16];
	uint64_t size;		/* of the memory */
	uint64_t bitmap_size;
	char zeros[BULK_PAGE - 32];
};

static uint64_t round_up(uint64_t size)
{
	return (size + BULK_PAGE - 1) / BULK_PAGE * BULK_PAGE;
}

static size_t bitmap_size(uint64_t size)
{
	return round_up(round_up(size) / BULK_PAGE / 8 + 1);
}

uint64_t delta_tail_at(uint64_t size)
{
	return round_up(size);
}

size_t delta_tail_size(uint64_t size)
{
	return bitmap_size(size) + sizeof(struct footer);
}

uint64_t delta_file_size(uint64_t size)
{
	return delta_tail_at(size) + delta_tail_size(size);
}

void delta_make(struct delta *d, uint64_t size)
{
	d->size = size;
	d->tail = bulk_buffer(delta_tail_size(size));
}

void delta_free(struct delta *d)
{
	free(d->tail);
	d->tail = NULL;
}

static struct footer *footer_of(const struct delta *d)
{
	return (struct footer *)(d->tail + bitmap_size(d->size));
}

void delta_seal(struct delta *d)
{
	struct footer *footer = footer_of(d);

	memcpy(footer->magic, MAGIC, sizeof(footer->magic));
	footer->size = d->size;
	footer->bitmap_size = bitmap_size(d->size);
}

bool delta_is_sealed(const struct delta *d)
{
	const struct footer *footer = footer_of(d);

	return !memcmp(footer->magic, MAGIC, sizeof(footer->magic)) &&
	       footer->size == d->size &&
	       footer->bitmap_size == bitmap_size(d->size);
}
