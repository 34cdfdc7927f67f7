// SPDX-License-Identifier: MIT
/* For tests that have no use for points. In other builds there is nothing. */
#include "point.h"

#ifdef GMEM_POINTS
__attribute__((weak)) void gmem_point_reached(enum gmem_point point)
{
	(void)point;
}
#endif
