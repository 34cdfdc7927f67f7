/* SPDX-License-Identifier: GPL-2.0 */
/* How much a mount holds, and may hold: charge.c. */
#ifndef GMEMFS_CHARGE_H
#define GMEMFS_CHARGE_H

#include <linux/types.h>

struct inode;
struct super_block;

int gmem_sb_charge(struct super_block *sb, unsigned long nr);
bool gmem_sb_has(struct super_block *sb, unsigned long nr);
void gmem_sb_uncharge(struct super_block *sb, unsigned long nr);
int gmem_sb_charge_inode(struct super_block *sb);
void gmem_sb_uncharge_inode(struct super_block *sb);

void gmem_inode_account(struct inode *inode, long nr, bool huge);

int gmem_charge_bookkeeping(struct inode *inode, size_t bytes);
int gmem_charge_instead(struct inode *inode, unsigned long nr, size_t bytes);
unsigned int gmem_bookkeeping_take_over(struct inode *inode, size_t bytes);
unsigned long gmem_bookkeeping_saved(struct inode *inode, size_t bytes);
void gmem_charge_bookkeeping_anyway(struct inode *inode, size_t bytes);
void gmem_uncharge_bookkeeping(struct inode *inode, size_t bytes);

#endif /* GMEMFS_CHARGE_H */
