/* SPDX-License-Identifier: GPL-2.0 */
/* /proc/fs/gmemfs/vms: vms.c. */
#ifndef GMEMFS_VMS_H
#define GMEMFS_VMS_H

int gmem_vms_init(void);
void gmem_vms_exit(void);

#endif /* GMEMFS_VMS_H */
