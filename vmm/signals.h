/* SPDX-License-Identifier: GPL-2.0 */
/* The signals that end the guest: SIGHUP, SIGINT, SIGTERM. */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <signal.h>

#include "thread.h"

/*
 * Block these signals and SIGCHLD, in later threads and child processes too:
 * they stay pending until one of the functions below takes them. No other
 * signal stays blocked, and SIGCHLD isn't ignored, whatever gmemvm has
 * inherited. SIGPIPE is ignored from now on.
 */
void signals_block(void);

/*
 * Called before and after operations that may wait for ever, such as a read
 * from a file server that doesn't answer. No signal handler can interrupt
 * those. So a thread waits for the signals meanwhile, and ends the process at
 * once, with status 0, as if the guest had run. Return: 0, or -1 after fail()
 */
int signals_watch(struct thread *thread);
int signals_unwatch(struct thread *thread);

/* Open a signalfd for these signals. Return: it, or -1 */
int signals_open(void);

/* Wait for one of these signals or SIGCHLD. Return: its number */
int signals_wait(void);

#endif
