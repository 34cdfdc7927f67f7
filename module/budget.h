/* SPDX-License-Identifier: GPL-2.0 */
/* How often a guest may make the host flush its TLBs: budget.c. */
#ifndef GMEMFS_BUDGET_H
#define GMEMFS_BUDGET_H

#include <linux/spinlock.h>
#include <linux/types.h>

/* TLB flushes a second that lending and returning a file's pages may cause. */
#define GMEM_FLUSHES_PER_SECOND	100U

/**
 * struct gmem_budget - TLB flushes that a file may cause
 * @lock: protects the two below
 * @credit: HZ for each flush; at most as much as one second adds
 * @since: @credit has been topped up to this time, in jiffies
 */
struct gmem_budget {
	spinlock_t lock;	/* see above */
	unsigned long credit;
	unsigned long since;
};

void gmem_budget_init(struct gmem_budget *budget);
int gmem_budget_take(struct gmem_budget *budget);

#endif /* GMEMFS_BUDGET_H */
