/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Is a page of this process in the kernel's direct map? This is answered
 * without asking gmemfs. The page's frame is read from the process's own page
 * tables. Then it is looked for in the direct map in two ways, which must
 * agree:
 *
 *  - Do the kernel's page tables have an entry for it?
 *  - The kernel is made to read it. A page that isn't mapped reads as zeros. So
 *    other contents prove that the page is readable. And zeros prove that it
 *    isn't, if the process's own mapping shows other contents.
 */
#ifndef WITNESS_H
#define WITNESS_H

#include <stdbool.h>
#include <stdint.h>

#include "frames.h"
#include "kcore.h"

/* The most pages for one call of witness_see(). */
#define WITNESS_PAGES	512

struct witness {
	struct kcore k;
	struct frames frames;
	uint8_t *buf;		/* contents read from /proc/kcore */
};

struct sight {
	uint64_t pfn;		/* FRAME_NONE: not mapped here, or no longer */
	bool mapped;		/* the kernel's page tables have it */
	bool read;		/* the kernel could read its contents */
};

/* witness_open - Return: CTL_OK, or another status after a message */
int witness_open(struct witness *w);
void witness_close(struct witness *w);

/*
 * witness_look - is a page of this process all zeros? This faults it in.
 *
 * A user may make the page one that somebody has to fill first, and never does
 * (a fault channel). Between witness_begin_looks() and witness_end_looks() such
 * a look ends after a few seconds.
 *
 * Return: 1 if it is, 0 if not, -1 if it can't be accessed.
 */
int witness_look(const uint8_t *page);
void witness_begin_looks(void);
void witness_end_looks(void);

/* witness_look_once - the same for one look */
int witness_look_once(const uint8_t *page);

/*
 * witness_see - look for pages in the direct map, after witness_look(). Return:
 * 0 or a negative errno.
 */
int witness_see(struct witness *w, const uint8_t *addr, size_t pages,
		struct sight *sights);

/* witness_see_frames - the same for frames, which are contiguous */
int witness_see_frames(struct witness *w, uint64_t pfn, size_t pages,
		       struct sight *sights);

#endif /* WITNESS_H */
