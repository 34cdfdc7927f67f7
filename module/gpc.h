/* SPDX-License-Identifier: GPL-2.0 */
/* Pages in KVM's gfn_to_pfn_caches: gpc.c. */
#ifndef GMEMFS_GPC_H
#define GMEMFS_GPC_H

struct gmem_hook;
struct page;

extern struct gmem_hook gmem_gpc_activate_hook, gmem_gpc_activate_hva_hook,
			gmem_gpc_refresh_hook, gmem_gpc_deactivate_hook;

void gmem_gpc_gone(struct page *page);
void gmem_gpc_forget_all(void);

#endif /* GMEMFS_GPC_H */
