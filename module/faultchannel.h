/* SPDX-License-Identifier: GPL-2.0 */
/* The fault channel of a file: faultchannel.c. */
#ifndef GMEMFS_FAULTCHANNEL_H
#define GMEMFS_FAULTCHANNEL_H

#include <linux/compiler_types.h>

struct file;
struct inode;

long gmem_userfault(struct file *file, void __user *arg);
void gmem_channel_evict(struct inode *inode);

#endif /* GMEMFS_FAULTCHANNEL_H */
