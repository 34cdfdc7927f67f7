/* SPDX-License-Identifier: GPL-2.0 */
/* A picture of the states of a file's pages: its cells. */
#ifndef PICTURE_H
#define PICTURE_H

#include <linux/gmemfs.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "text.h"

/* What a cell shows: the first of these that fits the cell's pages. */
enum cell_kind {
	CELL_UNPROTECTED,	/* private and in the direct map */
	CELL_PINNED,
	CELL_LENT,
	CELL_DEVICE,		/* a device has private pages */
	CELL_SHARED,		/* all populated pages are shared */
	CELL_MIXED,		/* shared and private pages */
	CELL_CLONED,		/* some pages are in common with other files */
	CELL_HIDDEN,		/* all pages are hidden, in 2 MiB blocks */
	CELL_HIDDEN_4K,
	CELL_PARTLY,		/* hidden, with holes */
	CELL_HOLE,
	CELL_KINDS,
};

struct cell_look {
	const char *name;	/* in JSON */
	const char *meaning;
	const char *glyph;
	const char *ascii;
	enum colour colour;
	const char *fill;	/* in SVG */
};

extern const struct cell_look cell_looks[CELL_KINDS];

struct cell {
	enum cell_kind kind;
	unsigned long pages;
	unsigned long holes;
	unsigned long hidden;
	unsigned long shared;
	unsigned long lent;
	unsigned long pinned;	/* and shared */
	unsigned long device;	/* pinned and private */
	unsigned long unprotected;
	unsigned long cloned;
	unsigned int sharers;	/* places that have one of these, at most */
	unsigned long small;	/* pages that aren't in 2 MiB blocks */
};

struct picture {
	const char *name;
	uint64_t size;
	uint64_t cell_size;
	struct cell *cells;
	size_t nr_cells;
	size_t columns;
	unsigned long kinds[CELL_KINDS];	/* how many cells */
	unsigned int sharers;			/* the most of all cells */
};

/*
 * picture_begin - begin a picture of holes only. picture_add() adds pages that
 * aren't holes. picture_end() then sets what each cell shows.
 */
void picture_begin(struct picture *p);
void picture_add(struct picture *p, uint64_t offset, const uint8_t *states,
		 const uint8_t *sharers, size_t pages);
void picture_end(struct picture *p);
void picture_free(struct picture *p);

/* picture_cell_size - the smallest size, a block or more, for @most cells */
uint64_t picture_cell_size(uint64_t size, size_t most);
uint64_t picture_cells(uint64_t size, uint64_t cell_size);

/* picture_sharers - that many as text, which says so if there may be more */
const char *picture_sharers(unsigned int sharers);

void picture_svg(const struct picture *p, const struct gmem_info *info,
		 FILE *out);

#endif /* PICTURE_H */
