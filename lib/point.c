// SPDX-License-Identifier: MIT
/* The default for tests that don't use points. Other builds have no points. */
#include "point.h"

#ifdef GMEM_POINTS
__attribute__((weak)) void gmem_point_reached(enum gmem_point point)
{
	(void)point;
}
#endif
