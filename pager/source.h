/* SPDX-License-Identifier: GPL-2.0 */
/* The snapshot: what is where in it. */
#ifndef SOURCE_H
#define SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mapped_ram.h"

/**
 * struct source - a snapshot
 * @path: for messages
 * @fd: the file; O_DIRECT if it can be
 * @plain: the same, but by the page cache: for what isn't aligned, or fails
 * @size: of the guest's memory
 * @end: length of the file
 * @start: where that begins in the file
 * @ram: its bitmap, if QEMU has one
 */
struct source {
	const char *path;
	int fd, plain;
	uint64_t size;
	uint64_t end;
	uint64_t start;
	struct mapped_ram ram;
};

/* @block: as of mapped_ram_find(). Return: 0, or -1 after fail() */
int source_open(struct source *source, const char *path, const char *block,
		uint64_t size);
void source_close(struct source *source);

/*
 * Is anything but zeros there? Then it is read from @at of the file on. What
 * the file has lost since it was opened, by a truncate, is no zeros.
 */
bool source_has(const struct source *source, uint64_t offset, uint64_t size,
		uint64_t *at);

/* Of what was read, zero the pages that are zeros by QEMU's bitmap. */
void source_trim(const struct source *source, uint64_t offset, void *bytes,
		 size_t size);

#endif
