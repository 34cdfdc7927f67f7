/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Threads that end when they are told to, wherever they are: also in a system
 * call that waits for somebody who doesn't come, as a console that nobody
 * reads. Such a call is interrupted, and its caller then looks whether to end.
 */
#ifndef THREAD_H
#define THREAD_H

#include <pthread.h>
#include <stdbool.h>

/* Who waits for a disk gets so long. */
#define THREAD_PATIENCE_MS	20000

struct thread {
	pthread_t id;
	bool started;
};

/*
 * From now on all that are to end have so long, together: the others' patience
 * isn't begun anew for each.
 */
void threads_end_within(int patience_ms);

/* @what names it. Return: 0, or -1 said why */
int thread_start(struct thread *thread, const char *what,
		 void *(*run)(void *arg), void *arg);

/*
 * It has been told to end, by what it looks at. Return: 0, also where none was
 * started; -1 said that it doesn't end: then what it uses can't be freed, and
 * all that is left is to end the process.
 */
int thread_end(struct thread *thread, const char *what, int patience_ms);

#endif
