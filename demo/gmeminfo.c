// SPDX-License-Identifier: GPL-2.0
/* gmeminfo FILE: prints GMEM_GET_INFO of a gmemfs file, KEY=VALUE a line */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../include/uapi/linux/gmemfs.h"

static void print_info(const struct gmem_info *info)
{
	printf("size=%" PRIu64 "\n", (uint64_t)info->size);
	printf("flags=0x%" PRIx64 "\n", (uint64_t)info->flags);
	printf("populated=%" PRIu64 "\n", (uint64_t)info->populated);
	printf("hidden=%" PRIu64 "\n", (uint64_t)info->hidden);
	printf("huge=%" PRIu64 "\n", (uint64_t)info->huge);
	printf("lent=%" PRIu64 "\n", (uint64_t)info->lent);
	printf("cloned=%" PRIu64 "\n", (uint64_t)info->cloned);
	printf("map_faults_2m=%" PRIu64 "\n", (uint64_t)info->map_faults_2m);
	printf("map_faults_4k=%" PRIu64 "\n", (uint64_t)info->map_faults_4k);
}

int main(int argc, char **argv)
{
	struct gmem_info info = { 0 };
	int fd;

	if (argc != 2) {
		fputs("usage: gmeminfo FILE\n", stderr);
		return 2;
	}
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, GMEM_GET_INFO, &info)) {
		fprintf(stderr, "gmeminfo: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	close(fd);
	print_info(&info);
	return 0;
}
