/* SPDX-License-Identifier: GPL-2.0 */
/* Signals that are to end the guest: SIGHUP, SIGINT, SIGTERM. */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <signal.h>

/*
 * From here on they wait until somebody asks for them, in threads and children,
 * too. SIGCHLD as well; SIGPIPE is ignored.
 */
void signals_block(void);

/* A descriptor to read them from. Return: -1 if there is none */
int signals_open(void);

/* Waits for any, or SIGCHLD. Return: which */
int signals_wait(void);

#endif
