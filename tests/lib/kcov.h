/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's KCOV: where in the module the calls of this thread come to.
 * hostvm's "debug" has it, and records nothing but our module: see
 * module/Kbuild. After gmem_test.h.
 */
#ifndef KCOV_H
#define KCOV_H

#include <linux/kcov.h>

#define KCOV_FILE	"/sys/kernel/debug/kcov"
/* Words; a call that takes more places than this is recorded up to there. */
#define KCOV_ROOM	(64 * 1024)
/* The module is smaller than this, so that no two places have one index. */
#define KCOV_PLACES	(1UL << 20)

/* The first word is how many of the others are in use. NULL: no such kernel. */
static unsigned long *kcov_trace;

static inline bool have_kcov(void)
{
	return !access(KCOV_FILE, R_OK | W_OK);
}

/* For the thread that calls it, once. It goes with the thread. */
static inline void kcov_start(void)
{
	int fd;

	if (!have_kcov())
		return;
	fd = must(open(KCOV_FILE, O_RDWR | O_CLOEXEC));
	must(ioctl(fd, KCOV_INIT_TRACE, KCOV_ROOM));
	kcov_trace = must(mmap(NULL, KCOV_ROOM * sizeof(*kcov_trace),
			       PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	must(ioctl(fd, KCOV_ENABLE, KCOV_TRACE_PC));
}

static inline void kcov_forget(void)
{
	if (kcov_trace)
		__atomic_store_n(kcov_trace, 0, __ATOMIC_RELAXED);
}

/*
 * Notes in @seen, which threads may share and has KCOV_PLACES bytes, where this
 * thread has been since kcov_forget(). Tells how many places are new there.
 */
static inline unsigned long kcov_note(unsigned char *seen)
{
	unsigned long new_ones = 0, n;

	if (!kcov_trace)
		return 0;
	n = __atomic_load_n(kcov_trace, __ATOMIC_RELAXED);
	for (unsigned long i = 1; i <= n; i++) {
		unsigned char *place = &seen[kcov_trace[i] % KCOV_PLACES];

		if (!__atomic_load_n(place, __ATOMIC_RELAXED) &&
		    !__atomic_exchange_n(place, 1, __ATOMIC_RELAXED))
			new_ones++;
	}
	return new_ones;
}

#endif /* KCOV_H */
