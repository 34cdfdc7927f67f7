/* SPDX-License-Identifier: GPL-2.0 */
/* Functions and variables that the kernel doesn't export: symbol.c. */
#ifndef GMEMFS_SYMBOL_H
#define GMEMFS_SYMBOL_H

void *gmem_find_function(const char *name);
void *gmem_find_data(const char *name);

#endif /* GMEMFS_SYMBOL_H */
