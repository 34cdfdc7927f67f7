// SPDX-License-Identifier: GPL-2.0
/*
 * Holds one hidden 2 MiB block: makes a file in the mount given, fills it,
 * keeps it mapped, makes /run/holder.ready, and waits to be killed.
 */
#include "gmem_test.h"

int main(int argc, char **argv)
{
	char *p;
	int fd;

	if (argc < 2)
		bail_out("usage: holder MOUNT");
	fd = new_file_in(argv[1], BLOCK);
	p = map(fd, BLOCK);
	memset(p, 1, BLOCK);
	close(fd);
	must(open("/run/holder.ready", O_CREAT | O_WRONLY, 0600));
	tap_finished = true;
	for (;;)
		pause();
}
