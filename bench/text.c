// SPDX-License-Identifier: GPL-2.0
/* Readers of the kernel's small text files, and the end of a program. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

void die(const char *fmt, ...)
{
	int err = errno;
	va_list ap;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, ": %s\n", strerror(err));
	exit(1);
}

int64_t file_number(const char *path)
{
	FILE *f = fopen(path, "re");
	long long number;

	if (!f)
		return -1;
	if (fscanf(f, "%lld", &number) != 1)
		number = -1;
	fclose(f);
	return number;
}

int64_t file_field(const char *path, const char *word)
{
	FILE *f = fopen(path, "re");
	size_t len = strlen(word);
	int64_t number = -1;
	char line[256];

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, word, len) || !strchr(": \t", line[len]))
			continue;
		number = strtoll(line + len + 1, NULL, 10);
		break;
	}
	fclose(f);
	return number;
}

int file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}
