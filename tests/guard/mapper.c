// SPDX-License-Identifier: GPL-2.0
/* mapper FILE: can its first 2 MiB be mapped and touched? Says why not. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

#define SIZE	(2UL << 20)

int main(int argc, char **argv)
{
	int fd = argc > 1 ? open(argv[1], O_RDWR) : -1;
	char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	p[0] = 1;
	return 0;
}
