// SPDX-License-Identifier: GPL-2.0
/* The plugin of dlopen.c: linked with libgmem, and loaded at run time. */
#include <gmem.h>

#include "plugin.h"

static void *make(bool own_key)
{
	struct gmem_region_options options = {
		.size = PLUGIN_REGION_SIZE,
		.windows = own_key ? GMEM_WINDOWS_OWN_KEY : GMEM_WINDOWS_KEYS,
		.demand = GMEM_PROTECT_WINDOWS,
	};
	struct gmem_region *region;

	return gmem_region_create(&options, &region) ? NULL : region;
}

static void destroy(void *region)
{
	gmem_region_destroy(region);
}

static char *address(void *region)
{
	return gmem_region_address(region);
}

static int visit(void *region, bool writing, void (*inside)(void *arg),
		 void *arg)
{
	gmem_window_scope(w, region, writing ? GMEM_WRITE : GMEM_READ);

	if (!w.error)
		inside(arg);
	return w.error;
}

static unsigned long keys(void)
{
	struct gmem_window_stats stats;

	gmem_window_stats(&stats);
	return stats.keys;
}

const struct plugin plugin = {
	.make		= make,
	.destroy	= destroy,
	.address	= address,
	.visit		= visit,
	.keys		= keys,
	.tell_faults	= gmem_fault_install,
	.error		= gmem_last_error,
};
