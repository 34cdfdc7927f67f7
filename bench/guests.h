/* SPDX-License-Identifier: GPL-2.0 */
/* What bench-guests compares: methods of protecting memory, and works. */
#ifndef BENCH_GUESTS_H
#define BENCH_GUESTS_H

#include <stdbool.h>

/* All but @name and @nvme is for gmemvm. */
struct method {
	const char *name;
	const char *memory;	/* more of --memory */
	const char *disk;	/* more of --disk */
	const char *net;	/* more of --net */
	const char *append;	/* the guest's command line */
	const char *sandbox;	/* --sandbox=... */
	bool nvme;		/* under QEMU, which drives an NVMe disk */
};

struct work {
	const char *name;
	const char *program;	/* what guest-init runs, with these: */
	const char *limit;	/* NULL: LIMIT of the command line */
	const char *arguments;
};

/* NULL if there is no method of that name. */
const struct method *find_method(const char *name);

/* Done once, after boot. */
extern const struct work touch_memory;

/* Done in rounds. The last one has no name. */
extern const struct work works[];

#endif /* BENCH_GUESTS_H */
