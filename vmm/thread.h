/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Threads that can be ended at any time, also while they wait in a system call
 * that might never return, such as a write to a console that no process reads.
 * A signal interrupts the call. Then the thread checks whether it has to end.
 */
#ifndef THREAD_H
#define THREAD_H

#include <pthread.h>
#include <stdbool.h>

/* How long thread_end() waits: a thread may have to wait for a disk. */
#define THREAD_PATIENCE_MS	20000

struct thread {
	pthread_t id;
	bool started;
};

/*
 * From now on, all calls of thread_end() have this time together: the time of
 * each call doesn't begin anew.
 */
void threads_end_within(int patience_ms);

/* @what names the thread in messages. Return: 0, or -1 after fail() */
int thread_start(struct thread *thread, const char *what,
		 void *(*run)(void *arg), void *arg);

/*
 * Interrupt the system call in which a thread is, once: it may not have entered
 * it yet. Nothing happens if it was never started. No other thread may be in
 * thread_end() for it.
 */
void thread_interrupt(struct thread *thread);

/*
 * Wait for a thread's end. The caller has set the flag that the thread checks.
 * Return: 0, also if the thread was never started; or -1 after fail() if it
 * doesn't end in time. Then the caller can't free what the thread uses, and can
 * only end the process.
 */
int thread_end(struct thread *thread, const char *what, int patience_ms);

#endif
