// SPDX-License-Identifier: GPL-2.0
/* A picture of the states of a file's pages: counts them for each cell. */
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "picture.h"

const struct cell_look cell_looks[CELL_KINDS] = {
	[CELL_UNPROTECTED] = { "unprotected", "some private pages are in the direct map",
			       "!", "!", COLOUR_RED, "#d62728" },
	[CELL_PINNED] = { "pinned", "some shared pages are pinned",
			  "P", "P", COLOUR_BLUE, "#1f77b4" },
	[CELL_LENT] = { "lent", "some pages are lent to KVM",
			"L", "L", COLOUR_MAGENTA, "#9467bd" },
	[CELL_DEVICE] = { "device", "hidden, some pages are pinned for a device",
			  "D", "D", COLOUR_BLUE, "#17becf" },
	[CELL_SHARED] = { "shared", "shared",
			  "s", "s", COLOUR_YELLOW, "#f2c744" },
	[CELL_MIXED] = { "mixed", "private and shared pages",
			 "m", "m", COLOUR_YELLOW, "#ff9f43" },
	[CELL_CLONED] = { "cloned", "hidden, some pages in common with other files",
			  "c", "c", COLOUR_GREEN, "#3fb0ac" },
	[CELL_HIDDEN] = { "hidden", "hidden, in 2 MiB blocks",
			  "█", "#", COLOUR_GREEN, "#2e8b57" },
	[CELL_HIDDEN_4K] = { "hidden_4k", "hidden, in single pages",
			     "▓", "=", COLOUR_CYAN, "#6cc3a0" },
	[CELL_PARTLY] = { "partly", "hidden, with holes",
			  "▒", "-", COLOUR_CYAN, "#b7e0cd" },
	[CELL_HOLE] = { "hole", "no memory yet",
			"·", ".", COLOUR_DIM, "#e6e6e6" },
};

static void add_page(struct cell *c, uint8_t state, uint8_t sharers)
{
	if (!(state & GMEM_STATE_POPULATED))
		return;
	c->holes--;
	c->small += !(state & GMEM_STATE_HUGE);
	c->hidden += !(state & GMEM_STATE_EXPOSED);
	if (state & GMEM_STATE_PINNED && state & GMEM_STATE_SHARED)
		c->pinned++;
	else
		c->device += !!(state & GMEM_STATE_PINNED);
	c->lent += !!(state & GMEM_STATE_LENT);
	c->cloned += !!(state & GMEM_STATE_CLONED);
	if (state & GMEM_STATE_CLONED && sharers > c->sharers)
		c->sharers = sharers;
	if (state & GMEM_STATE_SHARED)
		c->shared++;
	else if (state & GMEM_STATE_EXPOSED && !(state & GMEM_STATE_LENT))
		c->unprotected++;
}

static enum cell_kind kind_of(const struct cell *c)
{
	if (c->unprotected)
		return CELL_UNPROTECTED;
	if (c->pinned)
		return CELL_PINNED;
	if (c->lent)
		return CELL_LENT;
	if (c->device)
		return CELL_DEVICE;
	if (c->holes == c->pages)
		return CELL_HOLE;
	if (c->shared)
		return c->shared + c->holes == c->pages ? CELL_SHARED :
							  CELL_MIXED;
	if (c->cloned)
		return CELL_CLONED;
	if (c->holes)
		return CELL_PARTLY;
	return c->small ? CELL_HIDDEN_4K : CELL_HIDDEN;
}

void picture_begin(struct picture *p)
{
	uint64_t pages = (p->size + GMEM_PAGE_SIZE - 1) / GMEM_PAGE_SIZE;
	uint64_t per_cell = p->cell_size / GMEM_PAGE_SIZE;

	p->nr_cells = picture_cells(p->size, p->cell_size);
	p->cells = ctl_alloc(p->nr_cells, sizeof(*p->cells));
	for (size_t i = 0; i < p->nr_cells; i++) {
		uint64_t left = pages - i * per_cell;

		p->cells[i].pages = left < per_cell ? left : per_cell;
		p->cells[i].holes = p->cells[i].pages;
	}
}

void picture_add(struct picture *p, uint64_t offset, const uint8_t *states,
		 const uint8_t *sharers, size_t pages)
{
	for (size_t i = 0; i < pages; i++) {
		uint64_t cell = (offset + i * GMEM_PAGE_SIZE) / p->cell_size;

		if (cell < p->nr_cells && p->cells[cell].holes)
			add_page(&p->cells[cell], states[i], sharers[i]);
	}
}

void picture_end(struct picture *p)
{
	memset(p->kinds, 0, sizeof(p->kinds));
	p->sharers = 0;
	for (size_t i = 0; i < p->nr_cells; i++) {
		p->cells[i].kind = kind_of(&p->cells[i]);
		p->kinds[p->cells[i].kind]++;
		if (p->cells[i].sharers > p->sharers)
			p->sharers = p->cells[i].sharers;
	}
}

/* The kernel says no more than a byte can. */
const char *picture_sharers(unsigned int sharers)
{
	static char text[32];

	snprintf(text, sizeof(text), sharers < UINT8_MAX ? "%u" : "%u or more",
		 sharers);
	return text;
}

void picture_free(struct picture *p)
{
	free(p->cells);
}

uint64_t picture_cells(uint64_t size, uint64_t cell_size)
{
	return size / cell_size + !!(size % cell_size);
}

uint64_t picture_cell_size(uint64_t size, size_t most)
{
	uint64_t cell = GMEM_BLOCK_SIZE;

	while (picture_cells(size, cell) > most)
		cell *= 2;
	return cell;
}
