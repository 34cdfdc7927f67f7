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
 * struct gmem_answering - this task answers faults, so it must not wait for one
 * @node: its place in a bucket
 * @task: the task
 */
struct gmem_answering {
	struct hlist_node node;
	struct task_struct *task;
};

void gmem_answering_begin(struct gmem_answering *a);
void gmem_answering_end(struct gmem_answering *a);

vm_fault_t gmem_faults_wait(struct vm_fault *vmf, struct gmem_channel *c);
int gmem_faults_wait_io(struct inode *inode, pgoff_t pgoff, bool write);
void gmem_faults_over(struct gmem_channel *c, pgoff_t first, pgoff_t end);
void gmem_faults_over_in(struct inode *inode, pgoff_t first, pgoff_t end);

void gmem_faults_zero(struct inode *inode, const struct gmem_block *block,
		      unsigned int slot);

struct gmem_await *gmem_faults_take(struct gmem_channel *c, loff_t size,
				    struct gmem_fault *fault);
void gmem_faults_taken(struct gmem_channel *c, struct gmem_await *a,
		       bool delivered);
void gmem_faults_unread_all(struct gmem_channel *c);

#endif /* GMEMFS_FAULTS_H */
