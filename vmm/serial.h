/* SPDX-License-Identifier: GPL-2.0 */
/* A 16550 at COM1's ports: what the guest's console is. */
#ifndef SERIAL_H
#define SERIAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vm.h"

#define SERIAL_FIFO	64
#define SERIAL_TYPED	4096	/* what may wait for the guest to read it */

struct serial {
	struct vm *vm;
	int out_fd;
	pthread_mutex_t lock;	/* of all that follows */
	pthread_cond_t room;
	uint8_t ier, lcr, mcr, scratch;
	uint16_t divisor;
	bool fifo_enabled;
	bool sent;		/* a byte was, and the guest isn't told yet */
	bool level;		/* of the interrupt */
	bool closed;
	uint8_t fifo[SERIAL_TYPED];
	unsigned int head, count;
};

/* What the guest writes goes to @out_fd. Return: 0, or -1 said why */
int serial_add(struct serial *serial, struct vm *vm, int out_fd);

/* For the guest to read; waits for room. Return: false after serial_close() */
bool serial_receive(struct serial *serial, uint8_t byte);

/* The same without waiting: what has no room is lost. */
void serial_type(struct serial *serial, uint8_t byte);

/* Nobody waits any more. */
void serial_close(struct serial *serial);

#endif
