/* SPDX-License-Identifier: GPL-2.0 */
/* The pool gives way to others: giveway.c. */
#ifndef GMEMFS_GIVEWAY_H
#define GMEMFS_GIVEWAY_H

int gmem_giveway_init(void);
void gmem_giveway_exit(void);

#endif /* GMEMFS_GIVEWAY_H */
