/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is typed goes to the guest, each key as it is; but Ctrl-A x ends it, and
 * Ctrl-A twice is one.
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

/* Return: 0, or -1 said why */
int terminal_start(struct terminal *terminal, struct vm *vm,
		   struct serial *serial);

/*
 * After the VM has ended. The terminal is as it was before. Return: as of
 * thread_end()
 */
int terminal_stop(struct terminal *terminal);

#endif
