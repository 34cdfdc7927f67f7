// SPDX-License-Identifier: GPL-2.0
/*
 * The order: what somebody waits for; what a record says that will be needed;
 * what is behind a block that was waited for; and then all from the start.
 */
#include <stdlib.h>

#include "order.h"
#include "say.h"

int order_make(struct order *order, uint64_t nr)
{
	if (nr > UINT32_MAX)
		return fail("the file is too large");
	order->nr = nr;
	order->state = calloc(nr, 1);
	/* Each is in there once at most. */
	order->asked = calloc(nr, sizeof(*order->asked));
	if (!order->state || !order->asked)
		return fail("no memory for a list of %llu blocks",
			    (unsigned long long)nr);
	return 0;
}

void order_free(struct order *order)
{
	free(order->state);
	free(order->asked);
	free(order->replay);
}

static bool is_queued(const struct order *order, uint64_t block)
{
	for (uint64_t i = order->first; i < order->last; i++)
		if (order->asked[i % order->nr] == block)
			return true;
	return false;
}

static void enqueue(struct order *order, uint64_t block)
{
	if (order->state[block] == BLOCK_ABSENT && !is_queued(order, block))
		order->asked[order->last++ % order->nr] = block;
}

void order_ask(struct order *order, uint64_t block)
{
	order->window = block + 1;
	order->window_end = block + 1 + order->ahead;
	if (order->window_end > order->nr)
		order->window_end = order->nr;
	enqueue(order, block);
}

void order_return(struct order *order, uint64_t block)
{
	order_set(order, block, BLOCK_ABSENT);
	enqueue(order, block);
}

static bool take(struct order *order, uint64_t candidate, uint64_t *block)
{
	if (order->state[candidate] != BLOCK_ABSENT)
		return false;
	order->state[candidate] = BLOCK_COMING;
	*block = candidate;
	return true;
}

bool order_next(struct order *order, bool urgent, uint64_t *block)
{
	while (order->first < order->last)
		if (take(order, order->asked[order->first++ % order->nr],
			 block))
			return true;
	if (urgent)
		return false;
	while (order->replayed < order->nr_replay)
		if (take(order, order->replay[order->replayed++], block))
			return true;
	while (order->window < order->window_end)
		if (take(order, order->window++, block))
			return true;
	while (order->in_background && order->next < order->nr)
		if (take(order, order->next++, block))
			return true;
	return false;
}

void order_set(struct order *order, uint64_t block, enum block_state state)
{
	order->nr_there -= order->state[block] == BLOCK_THERE;
	order->nr_lost -= order->state[block] == BLOCK_LOST;
	order->state[block] = state;
	order->nr_there += state == BLOCK_THERE;
	order->nr_lost += state == BLOCK_LOST;
}

bool order_complete(const struct order *order)
{
	return order->nr_there + order->nr_lost == order->nr;
}
