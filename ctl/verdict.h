/* SPDX-License-Identifier: GPL-2.0 */
/* The result of gmemctl verify for a file, and how it is printed. */
#ifndef VERDICT_H
#define VERDICT_H

#include <stddef.h>
#include <stdint.h>

#include "inventory.h"

enum problem {
	FINE,
	UNPROTECTED,	/* gmemfs itself says that it is exposed */
	LEAK,		/* gmemfs says hidden, but it is readable */
	MISSING,	/* gmemfs says exposed, but it isn't mapped */
	CONTRADICTION,	/* not in the page tables, but it was read */
	PROBLEMS,
};

/* How many runs of bad pages are listed. */
#define VERDICT_LISTED	16

/* Adjacent pages of a file with the same problem. */
struct bad_run {
	uint64_t offset;
	uint64_t pages;
	uint64_t pfn;		/* of the first */
	enum problem problem;
};

struct verdict {
	char *path;
	char *missed;		/* why not all was looked at, or NULL */
	uint64_t checked;
	uint64_t hidden;
	uint64_t proven;	/* hidden, not zero, and the kernel read 0 */
	uint64_t readable;
	uint64_t shared;	/* of the readable */
	uint64_t lent;		/* of the readable, not shared */
	uint64_t gone;		/* holes by the time they were looked at */
	uint64_t unseen;	/* populated, but can't be mapped */
	uint64_t doubtful;	/* wrong, but no time to look again */
	uint64_t bad[PROBLEMS];
	struct bad_run listed[VERDICT_LISTED];
	size_t nr_listed;
	uint64_t unlisted;	/* bad pages that aren't in @listed */
};

/* verdict_add_bad - list a page; the caller counts it */
void verdict_add_bad(struct verdict *v, uint64_t offset, uint64_t pfn,
		     enum problem problem);

/* verdict_missed - add a reason why not all was looked at */
__attribute__((format(printf, 2, 3)))
void verdict_missed(struct verdict *v, const char *fmt, ...);

struct verdicts {
	struct verdict **all;
	size_t count;
};

/*
 * verdicts_cost - what a verdict takes at most, in bytes, with its line of the
 * table
 */
size_t verdicts_cost(const char *path);

/* verdicts_add - add a verdict for a file */
struct verdict *verdicts_add(struct verdicts *s, const char *path);
void verdicts_free(struct verdicts *s);

/*
 * verdicts_conclude - print what was found, and what was missed
 *
 * Return: the exit status.
 */
int verdicts_conclude(const struct verdicts *s, const struct inventory *inv,
		      bool json);

#endif /* VERDICT_H */
