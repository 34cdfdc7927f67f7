/* SPDX-License-Identifier: MIT */
/*
 * Points at which a test can make threads wait, so that rare races become
 * common. Only builds with GMEM_POINTS have them, which tests/libgmem/Makefile
 * makes. In other builds they compile to nothing.
 */
#ifndef GMEM_POINT_H
#define GMEM_POINT_H

enum gmem_point {
	GMEM_POINT_TAKE_KEY,	/* a region loses its key; mapping unchanged */
	GMEM_POINT_GIVE_KEY,	/* a key was found, but not given yet */
	GMEM_POINT_UNMAP,	/* a region is about to be unmapped */
	GMEM_POINT_UNMAPPED,	/* a region was just unmapped */
	GMEM_POINT_MAPPED,	/* mapped; MADV_DONTFORK not set yet */
	GMEM_POINTS_NR
};

#ifdef GMEM_POINTS
/* A test may define this. If it doesn't, point.c has one that does nothing. */
void gmem_point_reached(enum gmem_point point);

static inline void gmem_point(enum gmem_point point)
{
	gmem_point_reached(point);
}
#else
static inline void gmem_point(enum gmem_point point)
{
	(void)point;
}
#endif

#endif /* GMEM_POINT_H */
