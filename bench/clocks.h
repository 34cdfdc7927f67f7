/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Clocks, in nanoseconds: of the host, and of the CPU time of this process, in
 * the kernel and outside. Where the clock counts instructions, CPU time is what
 * the process itself takes, without the kernel's workers.
 */
#ifndef BENCH_CLOCKS_H
#define BENCH_CLOCKS_H

#include <stdint.h>
#include <time.h>

static inline int64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static inline int64_t host_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static inline int64_t own_cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

#endif /* BENCH_CLOCKS_H */
