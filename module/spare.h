/* SPDX-License-Identifier: GPL-2.0 */
/* Spare pages, by record: spare.c. */
#ifndef GMEMFS_SPARE_H
#define GMEMFS_SPARE_H

#include <linux/types.h>

#include "frametable.h"

struct page;

int gmem_spare_init(void (*on_alone)(void));
void gmem_spare_exit(void);

/* the caller has locked the record */
void gmem_spare_add(struct gmem_frames *frames, struct page *page,
		    unsigned int nr);
unsigned int gmem_spare_detach(struct gmem_frames *frames,
			       unsigned long *pages);
void gmem_spare_recount(struct gmem_frames *frames);
bool gmem_spare_alone(const struct gmem_frames *frames);
enum gmem_spare_list gmem_spare_list_of(const struct gmem_frames *frames);

/* the caller has locked no record */
bool gmem_spare_can_be(const struct page *page);
bool gmem_spare_on_node(int node);
struct page *gmem_spare_take(int node);
struct gmem_frames *gmem_spare_lock(int node, bool alone);
struct gmem_frames *gmem_spare_lock_last(int node);
void gmem_spare_unlock(struct gmem_frames *frames);
void gmem_spare_skip(struct gmem_frames *frames);
bool gmem_spare_any_alone(int node);
unsigned long gmem_spare_pages(int node);

#endif /* GMEMFS_SPARE_H */
