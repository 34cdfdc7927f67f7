/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which page frames lie behind addresses of this process.
 *
 * /proc/PID/pagemap says nothing of mappings like those of gmemfs. So this
 * reads the CPU's own answer: this process's page tables, through /proc/kcore.
 * gmemfs has no say in it.
 */
#ifndef FRAMES_H
#define FRAMES_H

#include <stdint.h>

#include "kcore.h"

#define FRAME_NONE UINT64_MAX

struct frames {
	const struct kcore *k;
	uint64_t table;		/* address of our top page table */
	char error[160];
};

/**
 * frames_open - find this process's page tables
 *
 * Return: 0, or a negative errno, with a sentence in @f->error.
 */
int frames_open(struct frames *f, const struct kcore *k);

/**
 * frames_behind - the frames of a range of pages
 * @addr: where it begins
 * @pages: how many
 * @pfns: for each its frame, or FRAME_NONE where nothing is mapped
 *
 * Return: 0 or a negative errno.
 */
int frames_behind(const struct frames *f, const void *addr, size_t pages,
		  uint64_t *pfns);

#endif /* FRAMES_H */
