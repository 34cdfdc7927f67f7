/* SPDX-License-Identifier: GPL-2.0 */
/* What libgmem's tests share. */
#ifndef LIBGMEM_TEST_H
#define LIBGMEM_TEST_H

#include <gmem.h>

#include "../lib/tap.h"

/*
 * What a child of a program with threads may do is the C library's promise:
 * that of AddressSanitizer's allocator may find a lock taken by a thread that
 * isn't in the child.
 */
#ifdef __SANITIZE_ADDRESS__
#define CHILDREN_ALLOCATE	false
#else
#define CHILDREN_ALLOCATE	true
#endif

/* A call without which there is nothing to test. */
#define good(call) \
	do { \
		int good_ret = (call); \
		if (good_ret) \
			bail_out("%d: %s: %d: %s", __LINE__, #call, good_ret, \
				 gmem_last_error()); \
	} while (0)

static inline struct gmem_window opened(struct gmem_region *region, int mode)
{
	struct gmem_window w;

	good(gmem_window_open(&w, region, mode));
	return w;
}

static inline struct gmem_window_stats stats(void)
{
	struct gmem_window_stats s;

	gmem_window_stats(&s);
	return s;
}

/* The kernel reads *@p with the rights of this thread. */
static inline bool may_read(const void *p)
{
	int ends[2];
	bool may;

	if (pipe(ends))
		bail_out("pipe: %s", strerror(errno));
	may = write(ends[1], p, 1) == 1;
	close(ends[0]);
	close(ends[1]);
	return may;
}

#endif /* LIBGMEM_TEST_H */
