/* SPDX-License-Identifier: GPL-2.0 */
/* /sys/fs/gmemfs: sysfs.c. */
#ifndef GMEMFS_SYSFS_H
#define GMEMFS_SYSFS_H

int gmem_sysfs_init(void);
void gmem_sysfs_exit(void);

#endif /* GMEMFS_SYSFS_H */
