// SPDX-License-Identifier: GPL-2.0
/*
 * sharer MOUNT: holds two files of 4 MiB for others to open by /proc/PID/fd/N,
 * filled with 's': all of the first is shared, all of the second private. Makes
 * /run/sharer.ready and waits to be killed.
 *	10, 11	the first file, and its shared view
 *	12, 13	the second file, and its shared view
 */
#include "gmem_test.h"

#define SIZE	(2 * BLOCK)

static void hold(const char *mnt, int as, bool shared)
{
	int fd = new_file_in(mnt, SIZE);
	struct gmem_attributes set = { .size = SIZE };
	char *p = map(fd, SIZE);
	int view;

	memset(p, 's', SIZE);
	munmap(p, SIZE);
	if (shared)
		must(ioctl(fd, GMEM_SET_ATTRIBUTES, &set));
	view = must(ioctl(fd, GMEM_SHARED_VIEW, 0));
	must(dup2(view, as + 1));
	must(dup2(fd, as));
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		bail_out("usage: sharer MOUNT");
	hold(argv[1], 10, true);
	hold(argv[1], 12, false);
	must(open("/run/sharer.ready", O_CREAT | O_WRONLY, 0600));
	tap_finished = true;
	for (;;)
		pause();
}
