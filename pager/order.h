/* SPDX-License-Identifier: GPL-2.0 */
/* Which block comes next, and what of a file there is. */
#ifndef ORDER_H
#define ORDER_H

#include <stdbool.h>
#include <stdint.h>

enum block_state {
	BLOCK_ABSENT,
	BLOCK_COMING,
	BLOCK_THERE,
	BLOCK_LOST,
};

/**
 * struct order - blocks of 2 MiB, by their number
 * @nr: how many
 * @state: of each, an enum block_state
 * @asked: a queue of those that somebody waits for; @first to @last, which go
 *	   round
 * @replay: those to bring first, or NULL
 * @window: the next of those behind a block that was waited for, up to
 *	    @window_end
 * @next: all before are not absent
 * @in_background: bring also what nobody has asked for
 * @ahead: how many come behind one that was asked for
 */
struct order {
	uint64_t nr;
	uint8_t *state;
	uint32_t *asked;
	uint64_t first, last;
	uint32_t *replay;
	uint64_t nr_replay, replayed;
	uint64_t window, window_end;
	uint64_t next;
	uint64_t ahead;
	bool in_background;
	uint64_t nr_there, nr_lost;
};

/* Return: 0, or -1 after fail() */
int order_make(struct order *order, uint64_t nr);
void order_free(struct order *order);

/* Somebody waits for a block that is absent. */
void order_ask(struct order *order, uint64_t block);

/* A block that was coming didn't come: it is among the next ones. */
void order_return(struct order *order, uint64_t block);

/*
 * The next block that is to come. @urgent: only one that somebody waits for.
 * It is BLOCK_COMING then. Return: whether there is one
 */
bool order_next(struct order *order, bool urgent, uint64_t *block);
void order_set(struct order *order, uint64_t block, enum block_state state);

/* Is nothing absent, nor coming? */
bool order_complete(const struct order *order);

#endif
