/* SPDX-License-Identifier: MIT */
/*
 * Points at which a test can have threads wait, to make what is rare common:
 * they are compiled only into the builds that tests/libgmem/Makefile makes for
 * that, with GMEM_POINTS, and are nothing otherwise.
 */
#ifndef GMEM_POINT_H
#define GMEM_POINT_H

enum gmem_point {
	GMEM_POINT_TAKE_KEY,	/* a region loses its key, not changed yet */
	GMEM_POINT_GIVE_KEY,	/* a key was found, but not given yet */
	GMEM_POINT_UNMAP,	/* a region is about to be unmapped */
	GMEM_POINT_UNMAPPED,	/* it just was */
	GMEM_POINT_MAPPED,	/* not kept from children yet */
	GMEM_POINTS_NR
};

#ifdef GMEM_POINTS
/* The test's, if it has one. */
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
