/* SPDX-License-Identifier: GPL-2.0 */
/* Where a guest's memory is in a file that QEMU has migrated with mapped-ram. */
#ifndef MAPPED_RAM_H
#define MAPPED_RAM_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct mapped_ram - one RAM block
 * @pages: where its pages are in the file
 * @size: its length in bytes
 * @bitmap: a bit for each page of 4 KiB that isn't zero, in the order of bytes;
 *	    allocated
 */
struct mapped_ram {
	uint64_t pages;
	uint64_t size;
	uint8_t *bitmap;
};

/* Is this a migration of QEMU's? Return: 1, 0, or -1 after fail() */
int mapped_ram_is(int fd, const char *path);

/*
 * Find a block by its name; NULL: the only one of this size. Return: 0, or -1
 * after fail()
 */
int mapped_ram_find(int fd, const char *path, const char *name, uint64_t size,
		    struct mapped_ram *ram);

static inline bool mapped_ram_has(const struct mapped_ram *ram, uint64_t page)
{
	return ram->bitmap[page / 8] >> (page % 8) & 1;
}

#endif
