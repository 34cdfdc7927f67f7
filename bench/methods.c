// SPDX-License-Identifier: GPL-2.0
#include <stddef.h>
#include <string.h>

#include "guests.h"

/* Each method sets protect=, so that none has more protection by default. */
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
		.name = "memfd-direct",
		.memory = "backend=memfd,protect=none",
		.disk = ",direct=on",
	}, {
		.name = "shared-io",
		.memory = "backend=gmemfs,protect=hidden+no-gup,shared-io=4M",
		.disk = ",direct=on",
	}, {
		/* 32 MiB: a network device takes 17 MiB at once to receive. */
		.name = "swiotlb",
		.memory = "backend=gmemfs,protect=hidden+no-gup",
		.disk = ",platform=on",
		.net = ",platform=on",
		.append = "swiotlb=16384,force",
	}, {
		.name = "reinsert",
		.memory = "backend=gmemfs,protect=hidden+no-gup,by-file=on",
		.sandbox = "--sandbox=off",
	}, {
		/*
		 * The disk reads and writes hidden memory itself: BENCH_NVME is
		 * its address.
		 */
		.name = "nvme-vfio",
		.nvme = true,
	},
};

const struct work touch_memory = { "touch", "touch", "", "" };

#define FIO_4K	" --bs=4k --iodepth="

const struct work works[] = {
	{ "start", "fio", "1x", "--rw=read --bs=4k" },
	{ "read-4k-1", "fio", NULL, "--rw=randread" FIO_4K "1" },
	{ "read-4k-32", "fio", NULL, "--rw=randread" FIO_4K "32" },
	{ "write-4k-1", "fio", NULL, "--rw=randwrite" FIO_4K "1" },
	{ "write-4k-32", "fio", NULL, "--rw=randwrite" FIO_4K "32" },
	{ "read-128k", "fio", NULL, "--rw=read --bs=128k --iodepth=8" },
	{ "write-128k", "fio", NULL, "--rw=write --bs=128k --iodepth=8" },
	{ "mixed-4k-32", "fio", NULL,
	  "--rw=randrw --rwmixread=70" FIO_4K "32" },
	{ "tcp-send", "tcp", NULL, "" },
	{ "tcp-receive", "tcp", NULL, "--reverse" },
	{ "stress-start", "stress", "1", "" },
	{ "stress", "stress", "100", "" },
	{ "copy", "copy", "16", "" },
	{ "tar", "tar", "", "" },
	{ NULL, NULL, NULL, NULL }
};

const struct method *find_method(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (!strcmp(methods[i].name, name))
			return &methods[i];
	return NULL;
}
