// SPDX-License-Identifier: GPL-2.0
/* The checksum of memory, by libmd. */
#include <stdlib.h>

#include "bulk.h"
#include "progress.h"
#include "sum.h"

void sum_begin(struct sum *s)
{
	SHA256Init(&s->context);
}

void sum_add(struct sum *s, const void *bytes, size_t size)
{
	SHA256Update(&s->context, bytes, size);
}

void sum_end(struct sum *s)
{
	SHA256End(&s->context, s->text);
}

/* Holes aren't read. */
static int add_file(struct sum *s, int fd, uint64_t size, char *bytes,
		    const char *zeros)
{
	struct progress p;
	uint64_t data = 0;
	int err = 0;

	progress_begin(&p, "checksum");
	for (uint64_t at = 0; !err && at < size; at += BULK_BLOCK) {
		size_t part = bulk_part(at, size, BULK_BLOCK);

		if (data <= at)
			data = bulk_data(fd, at, size);
		if (data <= at)
			err = bulk_read(fd, bytes, part, at);
		sum_add(s, data <= at ? bytes : zeros, part);
		progress_show(&p, at, size);
	}
	progress_end(&p);
	return err;
}

int sum_file(struct sum *s, int fd, uint64_t size)
{
	char *bytes = bulk_buffer(BULK_BLOCK), *zeros = bulk_buffer(BULK_BLOCK);
	int err;

	sum_begin(s);
	err = add_file(s, fd, size, bytes, zeros);
	sum_end(s);
	free(bytes);
	free(zeros);
	return err;
}
