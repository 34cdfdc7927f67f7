/* SPDX-License-Identifier: GPL-2.0 */
/* Reads of the snapshot, by an io_uring, and fills from what was read. */
#ifndef FETCH_H
#define FETCH_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

#include "order.h"
#include "source.h"

/* So many blocks are read at once; fewer if nobody waits for them. */
#define FETCH_SLOTS		16
#define FETCH_BACKGROUND	8

struct fetch_slot {
	void *buffer;
	bool busy;
	bool unread;	/* there was no memory to read it */
	bool full;	/* read, but there was no memory for it yet */
	uint64_t block;
	uint64_t at;	/* where in the snapshot */
	uint64_t size;	/* of the block */
	uint64_t got;	/* bytes */
	bool tried;	/* it has failed once */
};

/**
 * struct fetch - what is under way
 * @order: the blocks
 * @source: the snapshot
 * @channel: the file's fault channel
 * @size: of the file
 * @ring: the ring; its other operations are polls
 * @nr_busy: slots in use
 * @starved: there was no memory: nothing begins before fetch_again()
 * @told: a message has said so
 * @nr_said: blocks whose loss a message has named
 */
struct fetch {
	struct order *order;
	const struct source *source;
	int channel;
	uint64_t size;
	struct io_uring ring;
	bool has_ring;
	struct fetch_slot slots[FETCH_SLOTS];
	unsigned int nr_busy;
	bool starved;
	bool told;
	unsigned int nr_said;
	uint64_t bytes_read, bytes_zero;
};

/* The caller has set the first four fields. Return: 0, or -1 after fail() */
int fetch_open(struct fetch *fetch);
void fetch_close(struct fetch *fetch);

/* Begin what can be. Return: 0, or -1 after fail() */
int fetch_begin(struct fetch *fetch);

/* A read has ended; @tag is its. Return: 0, or -1 after fail() */
int fetch_end(struct fetch *fetch, void *tag, int result);

/* Try again what there was no memory for. Return: 0, or -1 after fail() */
int fetch_again(struct fetch *fetch);

/* Have one more event on the ring when @fd can be read. */
void fetch_poll(struct fetch *fetch, int fd, void *tag);

#endif
