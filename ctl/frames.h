/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The page frames behind addresses of this process.
 *
 * /proc/PID/pagemap doesn't show the frames of mappings like those of gmemfs.
 * So this reads what the CPU uses: this process's page tables, through
 * /proc/kcore. gmemfs can't influence the answer.
 */
#ifndef FRAMES_H
#define FRAMES_H

#include <stdint.h>

#include "kcore.h"

#define FRAME_NONE UINT64_MAX

struct frames {
	const struct kcore *k;
	uint64_t table;		/* address of this process's top page table */
	char error[160];
};

/**
 * frames_open - find this process's page tables
 *
 * Return: 0, or a negative errno, with a sentence in @f->error.
 */
int frames_open(struct frames *f, const struct kcore *k);

/**
 * frames_behind - get the frames of a range of pages
 * @addr: address of the first page
 * @pages: how many
 * @pfns: set to the frame of each page, or FRAME_NONE if nothing is mapped
 *
 * Return: 0 or a negative errno.
 */
int frames_behind(const struct frames *f, const void *addr, size_t pages,
		  uint64_t *pfns);

#endif /* FRAMES_H */
