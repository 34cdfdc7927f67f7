/* SPDX-License-Identifier: GPL-2.0 */
/* How far it is: on a terminal, and by a socket. */
#ifndef STATUS_H
#define STATUS_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct status - what there is to say; the caller keeps it up to date
 * @file: the file
 * @from: the snapshot
 * @size: of the file, in bytes
 * @there: bytes that are there
 * @lost: bytes that couldn't be read
 * @read: bytes that were read from the snapshot
 * @zero: bytes that are zeros without a read
 * @faults: blocks that somebody waited for
 * @punched: how often somebody waited for what was punched
 * @starved: there is no memory for the file
 */
struct status {
	const char *file, *from;
	uint64_t size, there, lost, read, zero;
	uint64_t faults, punched;
	bool starved;
	double began;
};

void status_begin(struct status *status);

/* A bar on stderr, if that is a terminal. */
void status_draw(const struct status *status);

/* The bar's line is cleared. */
void status_clear(void);

/* Return: a socket that listens, which only its owner may use; or -1 */
int status_listen(const char *path);

/* Somebody has connected: answer with a line of JSON, and close. */
void status_answer(int listener, const struct status *status);

#endif
