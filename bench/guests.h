/* SPDX-License-Identifier: GPL-2.0 */
/* What bench-guests compares: how a guest's memory is kept; what it does. */
#ifndef BENCH_GUESTS_H
#define BENCH_GUESTS_H

/* All but @name is for gmemvm. */
struct method {
	const char *name;
	const char *memory;	/* more of --memory */
	const char *disk;	/* more of --disk */
	const char *net;	/* more of --net */
	const char *append;	/* the guest's command line */
	const char *sandbox;	/* --sandbox=... */
};

struct work {
	const char *name;
	const char *program;	/* for guest-init, and what it's told: */
	const char *limit;	/* NULL: what all are measured with */
	const char *arguments;
};

/* NULL if there is no method of that name. */
const struct method *find_method(const char *name);

/* Once, after boot. */
extern const struct work touch_memory;

/* In rounds. The last one has no name. */
extern const struct work works[];

#endif /* BENCH_GUESTS_H */
