/* SPDX-License-Identifier: GPL-2.0 */
/* Units of memory: pages, and blocks of 2 MiB. */
#ifndef GMEMFS_UNITS_H
#define GMEMFS_UNITS_H

#include <linux/mm.h>
#include <linux/types.h>

#include <uapi/linux/gmemfs.h>

#define GMEM_BLOCK_ORDER	HPAGE_PMD_ORDER
#define GMEM_BLOCK_PAGES	((unsigned long)HPAGE_PMD_NR)

/* Rounded up; DIV_ROUND_UP() would wrap around. */
static inline unsigned long gmem_bytes_to_blocks(u64 bytes)
{
	return bytes / GMEM_BLOCK_SIZE + !!(bytes % GMEM_BLOCK_SIZE);
}

/* The end of a range that goes to the end of a file, whatever its size. */
#define GMEM_TO_END	round_down(ULONG_MAX, GMEM_BLOCK_PAGES)

#endif /* GMEMFS_UNITS_H */
