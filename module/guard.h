/* SPDX-License-Identifier: GPL-2.0 */
/* The guard: guard.c. */
#ifndef GMEMFS_GUARD_H
#define GMEMFS_GUARD_H

int gmem_guard_init(void);
void gmem_guard_exit(void);
int gmem_guard_allows_sharing(void);
int gmem_guard_allows_mapping(void);

#endif /* GMEMFS_GUARD_H */
