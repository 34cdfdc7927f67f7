/* SPDX-License-Identifier: GPL-2.0 */
/* The guest's console: a 16550 at the ports of COM1. */
#ifndef SERIAL_H
#define SERIAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vm.h"

#define SERIAL_FIFO	64
#define SERIAL_TYPED	4096	/* how many typed keys wait for the guest */

struct serial {
	struct vm *vm;
	int out_fd;
	pthread_mutex_t lock;	/* protects all fields below */
	pthread_cond_t room;
	uint8_t ier, lcr, mcr, scratch;
	uint16_t divisor;
	bool fifo_enabled;
	bool sent;		/* a byte was sent; the guest isn't told yet */
	bool level;		/* of the interrupt */
	bool closed;
	uint8_t fifo[SERIAL_TYPED];
	unsigned int head, count;
};

/* The guest's output goes to @out_fd. Return: 0, or -1 after fail() */
int serial_add(struct serial *serial, struct vm *vm, int out_fd);

/* Give the guest a byte; waits for room. Return: false after serial_close() */
bool serial_receive(struct serial *serial, uint8_t byte);

/* The same without waiting: if there is no room, the byte is lost. */
void serial_type(struct serial *serial, uint8_t byte);

/* End all waits in serial_receive(). */
void serial_close(struct serial *serial);

/* In a snapshot. */
struct serial_state {
	uint8_t ier, lcr, mcr, scratch;
	uint16_t divisor;
	uint8_t fifo_enabled, sent;
	uint32_t count;
	uint32_t reserved;
	uint8_t fifo[SERIAL_TYPED];	/* the first @count bytes */
};

void serial_save(struct serial *serial, struct serial_state *state);

/*
 * Before any thread runs, and when the interrupt controllers have their state.
 * Return: 0, or -1 if the state is none that a port can have
 */
int serial_restore(struct serial *serial, const struct serial_state *state);

#endif
