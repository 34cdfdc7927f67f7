/* SPDX-License-Identifier: GPL-2.0 */
/* How the module itself accesses hidden pages: mapslot.c. */
#ifndef GMEMFS_MAPSLOT_H
#define GMEMFS_MAPSLOT_H

struct page;

/*
 * How many pages have addresses together, at most. They are copied or zeroed
 * with preemption off: 32 KiB take a few microseconds.
 */
#define GMEM_SLOT_RUN	8U

void *gmem_slot_map_run(struct page *const *pages, unsigned int nr);
void gmem_slot_unmap_run(void *addr, unsigned int nr);
void *gmem_slot_map(struct page *page);
void gmem_slot_unmap(void *addr);
void gmem_slot_copy(struct page *to, struct page *from);
void gmem_slot_zero(struct page *page, unsigned int nr);
void gmem_slot_zero_bytes(struct page *page, unsigned int from,
			  unsigned int to);

int gmem_slots_init(void);
void gmem_slots_exit(void);

#endif /* GMEMFS_MAPSLOT_H */
