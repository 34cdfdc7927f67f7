/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Saved memory. Without a base, a file is the memory, with holes where that is
 * zero. With one, it has only the pages that differ, at their places, and
 * behind them a tail: a bitmap of these, and a footer that says so. Either can
 * be compressed as it is: pack.h.
 */
#ifndef DELTA_H
#define DELTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct delta {
	uint64_t size;		/* of the memory, in bytes */
	uint8_t *tail;		/* a bit for each page that is there, and the
				 * footer; NULL: there is no base
				 */
};

/* delta_make - make one for so much memory, with no pages and no footer */
void delta_make(struct delta *d, uint64_t size);
void delta_free(struct delta *d);

static inline void delta_add(struct delta *d, uint64_t page)
{
	d->tail[page / 8] |= 1 << page % 8;
}

static inline bool delta_has(const struct delta *d, uint64_t page)
{
	return d->tail[page / 8] >> page % 8 & 1;
}

/* Where the tail is in a file, how long it is, and so the file. */
uint64_t delta_tail_at(uint64_t size);
size_t delta_tail_size(uint64_t size);
uint64_t delta_file_size(uint64_t size);

/* delta_seal - write the footer into the tail */
void delta_seal(struct delta *d);

/*
 * delta_is_sealed - is the footer there? What was read may be damaged, or made
 * to do harm.
 */
bool delta_is_sealed(const struct delta *d);

#endif /* DELTA_H */
