/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The terminal: each key that the user types goes to the guest. Ctrl-A x ends
 * the guest. Ctrl-A typed twice sends one Ctrl-A.
 */
#ifndef TERMINAL_H
#define TERMINAL_H

#include <stdbool.h>

#include "serial.h"
#include "thread.h"

struct terminal {
	struct vm *vm;
	struct serial *serial;
	struct thread thread;
	bool escaped;		/* after Ctrl-A */
};

/* Return: 0, or -1 after fail() */
int terminal_start(struct terminal *terminal, struct vm *vm,
		   struct serial *serial);

/*
 * After vm_end(). Restores the terminal's settings. Return: as thread_end()
 */
int terminal_stop(struct terminal *terminal);

#endif
