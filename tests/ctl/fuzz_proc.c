// SPDX-License-Identifier: GPL-2.0
/*
 * What lines of maps, mountinfo and fdinfo can have in them: a part of each is
 * chosen by users. Each parser gets each line, in memory that ends where it
 * does. What it says is in the line lies in it.
 */
#include <stdlib.h>
#include <string.h>

#include "../../ctl/procfs.h"
#include "fuzz_copy.h"

static const char *const seeds[] = {
	"7f1c00000000-7f1c20000000 rw-s 00000000 00:2a 13                         /dev/gmem/vm1 (deleted)\n"
	"7ffd1e000000-7ffd1e021000 rw-p 00000000 00:00 0                          [stack]\n"
	"7f2c00000000-7f2c00001000 r--s 7fffffffff000 fd:01 18446744073709551615 /a b\\012c\n",
	"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 propagate_from:2 - ext3 /dev/root rw,errors=continue\n"
	"41 23 0:42 / /run/odd\\040mount rw,relatime shared:7 - gmemfs  rw,size=2007764k,mode=755\n"
	"42 41 0:42 / /a\\134b rw - gmemfs none rw\n",
	"pos:\t0\nflags:\t0100002\nmnt_id:\t41\nino:\t13\ngmem-size:\t2048 kB\n",
};

#define SEEDS	(sizeof(seeds) / sizeof(*seeds))

static void check_inside(const char *text, const char *line, size_t size)
{
	fuzz_must(text >= line && text <= line + size);
	fuzz_must(text + strlen(text) <= line + size);
}

/* @line ends with a null byte after @size others. */
static void try_map(const char *line, size_t size)
{
	struct proc_map map;

	if (proc_map_line(line, &map))
		return;
	fuzz_must(map.from < map.to);
	check_inside(map.name, line, size);
}

static void try_mount(char *line, size_t size)
{
	struct proc_mount mount;

	if (proc_mount_line(line, &mount))
		return;
	check_inside(mount.root, line, size);
	check_inside(mount.dir, line, size);
	check_inside(mount.type, line, size);
	check_inside(mount.options, line, size);
	fuzz_must(!strchr(mount.type, ' '));
	fuzz_must(!strchr(mount.options, '\n'));
}

static void try_line(const uint8_t *data, size_t size)
{
	struct proc_fdinfo info = { 0 };
	char *line = fuzz_copy(data, size);

	proc_fdinfo_line(line, &info);
	proc_is_kthread_line(line);
	try_map(line, size);
	try_mount(line, size);
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	while (size) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t n = end ? end - data + 1 : (ptrdiff_t)size;

		try_line(data, n);
		data += n;
		size -= n;
	}
	return 0;
}

size_t fuzz_seed(uint8_t *data, size_t room)
{
	static unsigned int turn;
	const char *seed = seeds[turn++ % SEEDS];
	size_t size = strlen(seed);

	fuzz_must(room >= size);
	memcpy(data, seed, size);
	return size;
}
