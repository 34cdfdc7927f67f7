/* SPDX-License-Identifier: GPL-2.0 */
/* A task for which KVM is about to map a page into the kernel: borrow.c. */
#ifndef GMEMFS_BORROW_H
#define GMEMFS_BORROW_H

#include <linux/kvm_types.h>
#include <linux/types.h>

struct gmem_lookup;
struct page;

/**
 * struct gmem_borrow - a note on the stack of a task that maps a page
 * @node: in the bucket of that task
 * @task: the task
 * @keep: takes over a loan of @page that was made for this task. Return: 0; or
 *	  -errno: then the loan is given back. Called under the locks that KVM
 *	  holds while it looks an address up. May sleep.
 */
struct gmem_borrow {
	struct hlist_node node;
	struct task_struct *task;
	int (*keep)(struct gmem_borrow *b, struct page *page);
};

void gmem_borrow_begin(struct gmem_borrow *b);
void gmem_borrow_end(struct gmem_borrow *b);

bool gmem_borrow_under_way(void);
kvm_pfn_t gmem_borrow_lookup(struct gmem_lookup *l);
bool gmem_borrow_slipped_through(kvm_pfn_t pfn);

#endif /* GMEMFS_BORROW_H */
