/* SPDX-License-Identifier: GPL-2.0 */
/* What gmemctl verify found out about a file, and how it says that. */
#ifndef VERDICT_H
#define VERDICT_H

#include <stddef.h>
#include <stdint.h>

#include "inventory.h"

enum problem {
	FINE,
	UNPROTECTED,	/* gmemfs says so itself: it keeps it exposed */
	LEAK,		/* gmemfs says hidden, and it's readable */
	MISSING,	/* gmemfs says exposed, and it isn't there */
	CONTRADICTION,	/* not in the page tables, and yet it was read */
	PROBLEMS,
};

/* Runs of bad pages that are listed. */
#define VERDICT_LISTED	16

/* Pages of one file next to each other, in which the same is wrong. */
struct bad_run {
	uint64_t offset;
	uint64_t pages;
	uint64_t pfn;		/* of the first */
	enum problem problem;
};

struct verdict {
	char *path;
	char *missed;		/* why not all of it was looked at, or NULL */
	uint64_t checked;
	uint64_t hidden;
	uint64_t proven;	/* of these, with contents that weren't read */
	uint64_t readable;
	uint64_t shared;	/* of the readable */
	uint64_t lent;		/* of the readable, not shared */
	uint64_t gone;		/* holes by the time it was looked at */
	uint64_t unseen;	/* there, but not to be had by a mapping */
	uint64_t doubtful;	/* wrong, with no time for a second look */
	uint64_t bad[PROBLEMS];
	struct bad_run listed[VERDICT_LISTED];
	size_t nr_listed;
	uint64_t unlisted;	/* pages */
};

/* verdict_add_bad - list a page; the caller counts it */
void verdict_add_bad(struct verdict *v, uint64_t offset, uint64_t pfn,
		     enum problem problem);

/* verdict_missed - one more reason why not all of it was looked at */
__attribute__((format(printf, 2, 3)))
void verdict_missed(struct verdict *v, const char *fmt, ...);

struct verdicts {
	struct verdict *all;
	size_t count;
};

/* verdicts_add - one for a file; its address is good until the next is added */
struct verdict *verdicts_add(struct verdicts *s, const char *path);
void verdicts_free(struct verdicts *s);

/*
 * verdicts_conclude - tell the user what was found, and what was missed
 *
 * Return: the exit status.
 */
int verdicts_conclude(const struct verdicts *s, const struct inventory *inv,
		      bool json);

#endif /* VERDICT_H */
