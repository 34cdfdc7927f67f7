/* SPDX-License-Identifier: GPL-2.0 */
/* What a mount may hold, and holds: charge.c. */
#ifndef GMEMFS_CHARGE_H
#define GMEMFS_CHARGE_H

#include <linux/types.h>

struct super_block;

bool gmem_sb_charge(struct super_block *sb, unsigned long nr);
bool gmem_sb_has(struct super_block *sb, unsigned long nr);
void gmem_sb_uncharge(struct super_block *sb, unsigned long nr);
bool gmem_sb_charge_inode(struct super_block *sb);
void gmem_sb_uncharge_inode(struct super_block *sb);

#endif /* GMEMFS_CHARGE_H */
