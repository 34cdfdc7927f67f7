// SPDX-License-Identifier: GPL-2.0
/*
 * Budget: how often a guest may make the host flush its TLBs.
 *
 * A guest chooses which of its pages KVM borrows, and how often. To hide a
 * returned page flushes the TLBs of all CPUs, and so may lending one. So each
 * file may cause a limited number of flushes a second. Unused ones add up to at
 * most those of one second. That is more than any guest needs that doesn't run
 * guests itself.
 */
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>

#include "budget.h"

#define GMEM_MAX_CREDIT	((unsigned long)GMEM_FLUSHES_PER_SECOND * HZ)

void gmem_budget_init(struct gmem_budget *budget)
{
	spin_lock_init(&budget->lock);
	budget->credit = GMEM_MAX_CREDIT;
	budget->since = jiffies;
}

static void gmem_budget_top_up(struct gmem_budget *budget)
{
	unsigned long now = jiffies, passed = now - budget->since;

	passed = min_t(unsigned long, passed, HZ);
	budget->credit = min(budget->credit + passed * GMEM_FLUSHES_PER_SECOND,
			     GMEM_MAX_CREDIT);
	budget->since = now;
}

/**
 * gmem_budget_take - take one flush, if there is one left
 * @budget: a file's budget
 *
 * Return: 0; or -EAGAIN: there will be a flush later.
 */
int gmem_budget_take(struct gmem_budget *budget)
{
	int ret = -EAGAIN;

	spin_lock(&budget->lock);
	gmem_budget_top_up(budget);
	if (budget->credit >= HZ) {
		budget->credit -= HZ;
		ret = 0;
	}
	spin_unlock(&budget->lock);
	return ret;
}
