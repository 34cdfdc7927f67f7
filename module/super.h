/* SPDX-License-Identifier: GPL-2.0 */
/* Mounts: super.c. */
#ifndef GMEMFS_SUPER_H
#define GMEMFS_SUPER_H

int gmem_super_init(void);
void gmem_super_exit(void);

#endif /* GMEMFS_SUPER_H */
