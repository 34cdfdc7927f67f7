/* SPDX-License-Identifier: GPL-2.0 */
/* Hibernation: power.c. */
#ifndef GMEMFS_POWER_H
#define GMEMFS_POWER_H

int gmem_power_init(void);
void gmem_power_exit(void);

#endif /* GMEMFS_POWER_H */
