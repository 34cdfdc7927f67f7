/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Is a page of this process in the kernel's direct map? Answered without asking
 * gmemfs: its frame is read from our own page tables, and looked for in the
 * direct map in two ways that must agree:
 *
 *  - the kernel's page tables have an entry for it, or none;
 *  - the kernel is made to read it. What isn't mapped reads as zeros, so
 *    anything else is proof that it is readable; and zeros, where our own
 *    mapping shows something else, that it isn't.
 */
#ifndef WITNESS_H
#define WITNESS_H

#include <stdbool.h>
#include <stdint.h>

#include "frames.h"
#include "kcore.h"

/* As many pages can be seen at once. */
#define WITNESS_PAGES	512

struct witness {
	struct kcore k;
	struct frames frames;
	uint8_t *buf;		/* what /proc/kcore says */
};

struct sight {
	uint64_t pfn;		/* FRAME_NONE: not there, or not any more */
	bool mapped;		/* the page tables have it */
	bool read;		/* the kernel gave its contents */
};

/* witness_open - return: CTL_OK, or another status after telling the user */
int witness_open(struct witness *w);
void witness_close(struct witness *w);

/*
 * witness_look - is a page of ours all zeros? Faults it in, if need be.
 *
 * Return: 1 if so, 0 if not, -1 if it can't be touched.
 */
int witness_look(const uint8_t *page);

/* witness_see - pages that were looked at. Return: 0 or a negative errno. */
int witness_see(struct witness *w, const uint8_t *addr, size_t pages,
		struct sight *sights);

#endif /* WITNESS_H */
