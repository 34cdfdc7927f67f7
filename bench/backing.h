/* SPDX-License-Identifier: GPL-2.0 */
/* The kinds of memory that are compared: each is a file to map. */
#ifndef BENCH_BACKING_H
#define BENCH_BACKING_H

#include <stdbool.h>
#include <stddef.h>

struct backing {
	const char *name;
	int (*open)(void);
	bool gmemfs;	/* has a pool that is emptied or filled first */
	bool warm;	/* the pool is filled for all that will be used */
};

/* NULL if there is no backing of that name. */
const struct backing *backing_find(const char *name);

/* Make a file of that size, without memory yet. Return: it, or -errno. */
int backing_make(const struct backing *b, size_t size);

#endif /* BENCH_BACKING_H */
