/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel did while something was measured: flushes of kernel addresses
 * from all TLBs, changes of the direct map, splits of its entries, and the
 * memory that the kernel allocated for itself.
 */
#ifndef BENCH_COUNTERS_H
#define BENCH_COUNTERS_H

#include <stdint.h>

enum event {
	EVENT_CPA_FLUSH,
	EVENT_FLUSH_ALL,
	EVENT_FLUSH_RANGE,
	EVENT_EDIT,
	EVENT_HIDE,
	EVENT_EXPOSE,
	EVENTS
};

struct counters {
	int64_t all[EVENTS];	/* by all processes; -1: can't be counted */
	int64_t own[EVENTS];	/* by this process and its later children */
	int64_t splits_2m;
	int64_t splits_1g;
	int64_t slab;		/* bytes */
	int64_t user_tables;	/* bytes of processes' page tables */
};

/* Call this before the first fork(), so that children's events count as own. */
void counters_start(void);

struct counters counters_read(void);

/* Prints KEY=VALUE, each after a blank, for what can be counted here. */
void counters_print(const struct counters *from, const struct counters *to);

#endif /* BENCH_COUNTERS_H */
