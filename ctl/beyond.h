/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pages that a file holds beyond the end up to which it was looked at. They
 * have no state, and no mapping has them. But they are in the file's total, so
 * they are what is left of it when all pages in sight have been counted.
 *
 * The file may change meanwhile. A page that gets populated behind the count is
 * in the total, but not in the count. A page that is counted, and then given
 * back before the total is read, is the other way round: it makes up for a page
 * beyond the end. fallocate() and truncate() give back pages, and set the
 * file's ctime. And the total gets smaller then. So a count is certain only if
 * neither happens, and if nothing is left of the total.
 */
#ifndef BEYOND_H
#define BEYOND_H

#include <stdint.h>

#include "witness.h"

struct beyond {
	struct witness *witness;
	int fd;
	uint64_t end;		/* up to where the file was looked at */
};

/*
 * beyond_count - count such pages
 *
 * Return: 0; -EAGAIN if the file changed meanwhile, so that there may be others
 * than @pages; or another negative errno.
 */
int beyond_count(const struct beyond *b, uint64_t *pages);

#endif /* BEYOND_H */
