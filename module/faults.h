/* SPDX-License-Identifier: GPL-2.0 */
/* Who waits for missing pages: faults.c. */
#ifndef GMEMFS_FAULTS_H
#define GMEMFS_FAULTS_H

#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/types.h>

struct gmem_await;
struct gmem_block;
struct gmem_channel;
struct gmem_fault;
struct inode;
struct task_struct;
struct vm_fault;

/**
 * struct gmem_fault_note - how this task waits for missing pages
 * @node: its place in a bucket
 * @task: the task
 * @answers: it doesn't: it answers faults itself. Otherwise any signal ends its
 *	     wait, and the access fails then: the caller looks for the signal
 */
struct gmem_fault_note {
	struct hlist_node node;
	struct task_struct *task;
	bool answers;
};

void gmem_fault_note_begin(struct gmem_fault_note *n, bool answers);
void gmem_fault_note_end(struct gmem_fault_note *n);

vm_fault_t gmem_faults_wait(struct vm_fault *vmf, struct gmem_channel *c);
int gmem_faults_wait_io(struct inode *inode, pgoff_t pgoff, bool write);
void gmem_faults_over(struct gmem_channel *c, pgoff_t first, pgoff_t end);
void gmem_faults_filled(struct inode *inode, pgoff_t first, pgoff_t end);
void gmem_faults_over_in(struct inode *inode, pgoff_t first, pgoff_t end);

void gmem_faults_zero(struct inode *inode, const struct gmem_block *block,
		      unsigned int slot);

struct gmem_await *gmem_faults_take(struct gmem_channel *c, loff_t size,
				    struct gmem_fault *fault);
void gmem_faults_taken(struct gmem_channel *c, struct gmem_await *a,
		       bool delivered);
void gmem_faults_unread_all(struct gmem_channel *c);

#endif /* GMEMFS_FAULTS_H */
