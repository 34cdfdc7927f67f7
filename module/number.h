/* SPDX-License-Identifier: GPL-2.0 */
/* Numbers in mount options and parameters: number.c. */
#ifndef GMEMFS_NUMBER_H
#define GMEMFS_NUMBER_H

#include <linux/types.h>

int gmem_parse_number(const char *string, u64 *number);

#endif /* GMEMFS_NUMBER_H */
