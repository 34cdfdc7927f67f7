/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Signals that would end the program (SIGHUP, SIGINT, SIGTERM) wait while a
 * file is half written, which nobody would tidy up. Work that takes long looks
 * whether one has come, and gives up then.
 */
#ifndef INTERRUPT_H
#define INTERRUPT_H

#include <signal.h>
#include <stdbool.h>

/* interrupt_hold - they wait from now on. @before: for interrupt_release() */
void interrupt_hold(sigset_t *before);

/* interrupt_came - does one of them wait? */
bool interrupt_came(void);

/* interrupt_release - one that waits ends the program now */
void interrupt_release(const sigset_t *before);

#endif /* INTERRUPT_H */
