// SPDX-License-Identifier: GPL-2.0
#include <stddef.h>
#include <string.h>

#include "guests.h"

/* Each says what must protect its memory, so that none gets more by default. */
static const struct method methods[] = {
	{
		.name = "memfd",
		.memory = "backend=memfd,protect=none",
	}, {
		.name = "kept",
		.memory = "backend=gmemfs,protect=no-gup",
	}, {
		.name = "gmemfs",
		.memory = "backend=gmemfs,protect=hidden+no-gup",
	}, {
		.name = "windows",
		.memory = "backend=gmemfs,protect=hidden+no-gup+windows",
	}, {
		.name = "shared-io",
		.memory = "backend=gmemfs,protect=hidden+no-gup,shared-io=4M",
	}, {
		.name = "swiotlb",
		.memory = "backend=gmemfs,protect=hidden+no-gup",
		.disk = ",platform=on",
		.append = "swiotlb=4096,force",
	}, {
		.name = "reinsert",
		.memory = "backend=gmemfs,protect=hidden+no-gup,by-file=on",
		.sandbox = "--sandbox=off",
	},
};

const struct work touch_memory = { "touch", "touch", false };

const struct work works[] = {
	{ "start", "fio --rw=read --bs=4k --number_ios=1", false },
	{ "read-4k-1", "fio --rw=randread --bs=4k --iodepth=1", true },
	{ "read-4k-32", "fio --rw=randread --bs=4k --iodepth=32", true },
	{ "write-4k-1", "fio --rw=randwrite --bs=4k --iodepth=1", true },
	{ "write-4k-32", "fio --rw=randwrite --bs=4k --iodepth=32", true },
	{ "read-128k", "fio --rw=read --bs=128k --iodepth=8", true },
	{ "write-128k", "fio --rw=write --bs=128k --iodepth=8", true },
	{ "mixed-4k-32", "fio --rw=randrw --rwmixread=70 --bs=4k --iodepth=32",
	  true },
	{ "copy", "copy 16", false },
	{ "tar", "tar", false },
	{ NULL, NULL, false }
};

const struct method *find_method(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (!strcmp(methods[i].name, name))
			return &methods[i];
	return NULL;
}
