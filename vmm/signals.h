/* SPDX-License-Identifier: GPL-2.0 */
/* Signals that are to end the guest: SIGHUP, SIGINT, SIGTERM. */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <signal.h>

#include "thread.h"

/*
 * From here on they wait until somebody asks for them, in threads and children,
 * too. SIGCHLD as well; SIGPIPE is ignored. What was blocked or ignored before
 * by who has started us isn't any more.
 */
void signals_block(void);

/*
 * Around what may take for ever, as a read from a file server that doesn't
 * answer, which no handler could interrupt: such a signal ends the process at
 * once, with status 0, as it would the guest. Return: 0, or -1 said why
 */
int signals_watch(struct thread *thread);
int signals_unwatch(struct thread *thread);

/* A descriptor to read them from. Return: -1 if there is none */
int signals_open(void);

/* Waits for any, or SIGCHLD. Return: which */
int signals_wait(void);

#endif
