/* SPDX-License-Identifier: MIT */
/*
 * What comes to a thread from outside while it is in the library: signals,
 * fork(), cancellation.
 */
#ifndef GMEM_PROCESS_H
#define GMEM_PROCESS_H

#include <pthread.h>
#include <stdbool.h>

/*
 * The lock of windows, inside of region.lock. While it is held, regions keep
 * their keys, nobody forks, and no signal handler runs in this thread: so one
 * may take it, whatever it has interrupted. It takes no other of the library's.
 */
void gmem_windows_lock(void);
void gmem_windows_unlock(void);

/*
 * How many forks from the first process that had the library. A region and a
 * VM that were made in another one are the parent's.
 */
unsigned int gmem_generation(void);

/* 0, or -ESTALE and a sentence about it, @what being a region or a VM. */
int gmem_check_generation(unsigned int generation, const char *what);

static inline int gmem_cancel_off(void)
{
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	return state;
}

static inline void gmem_cancel_back(const int *state)
{
	pthread_setcancelstate(*state, NULL);
}

/*
 * Of a variable that is gmem_cancel_off(), in calls of the library's in which
 * the C library may have cancellation points: up to the end of the call there
 * are none. They would leave locks, counts and descriptors behind.
 */
#define NOT_CANCELLED	__attribute__((cleanup(gmem_cancel_back), unused))

#endif /* GMEM_PROCESS_H */
