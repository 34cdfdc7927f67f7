/* SPDX-License-Identifier: MIT */
/*
 * Events that a thread may meet while it is in the library: signals, fork(),
 * cancellation.
 */
#ifndef GMEM_PROCESS_H
#define GMEM_PROCESS_H

#include <pthread.h>
#include <stdbool.h>

/*
 * The lock of windows. A thread may take it while it holds region.lock, and
 * takes no other lock of the library inside of it. While a thread holds it,
 * regions keep their keys, no thread can fork by fork(), and no signal handler
 * runs in this thread, except those of faults. So a signal handler may take the
 * lock, whatever code it has interrupted.
 */
void gmem_windows_lock(void);
void gmem_windows_unlock(void);

/*
 * The number of forks between this process and the first process that used the
 * library. A region or a VM with another number belongs to a parent process.
 */
unsigned int gmem_generation(void);

/* Return: 0; or -ESTALE with a sentence. @what is "region" or "VM". */
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
 * The attribute of a variable that holds the result of gmem_cancel_off(). Calls
 * use it if the C library may have cancellation points in them: then there are
 * none up to the end of the call. A thread that is cancelled there would leave
 * locks, counts and descriptors behind.
 */
#define NOT_CANCELLED	__attribute__((cleanup(gmem_cancel_back), unused))

#endif /* GMEM_PROCESS_H */
