/* SPDX-License-Identifier: GPL-2.0 */
/* Why a process got no memory: refusal.c. */
#ifndef GMEMFS_REFUSAL_H
#define GMEMFS_REFUSAL_H

struct gmem_refusals;
struct inode;

enum gmem_refusal {
	GMEM_REFUSED_SIZE,		/* the mount is full */
	GMEM_REFUSED_BLOCK,		/* no 2 MiB, and the file needs that */
	GMEM_REFUSED_CGROUP,		/* the cgroup is full */
	GMEM_REFUSED_MEMORY,		/* the host is full */
	GMEM_REFUSED_UNHOOKED,		/* KVM could not be hooked */
	GMEM_REFUSED_EARLY,		/* the process may have an early VM */
	GMEM_REFUSED_HIBERNATION,	/* the host hibernates */
	GMEM_REFUSED_SOFTWARE,		/* not for DMA: see vfio.c */
	GMEM_REFUSED_FILLER,		/* whoever fills the file is gone */
	GMEM_REFUSED_UNFILLED,		/* not for DMA yet: see pin.c */
	GMEM_NR_REFUSALS,
};

struct gmem_refusals *gmem_refusals_new(void);
void gmem_refusals_free(struct gmem_refusals *refusals);

void gmem_refusal_say(struct inode *inode, enum gmem_refusal why);
void gmem_refusal_explain(struct inode *inode, int err);

#endif /* GMEMFS_REFUSAL_H */
