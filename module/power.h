/* SPDX-License-Identifier: GPL-2.0 */
/* Hibernation: power.c. */
#ifndef GMEMFS_POWER_H
#define GMEMFS_POWER_H

#include <linux/types.h>

int gmem_power_init(void);
void gmem_power_exit(void);
bool gmem_power_may_hide(void);

#endif /* GMEMFS_POWER_H */
