// SPDX-License-Identifier: GPL-2.0
/* The frames behind addresses of this process: walks its page tables. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "btf.h"
#include "frames.h"

static int fail(struct frames *f, int err, const char *what)
{
	snprintf(f->error, sizeof(f->error), "%s: %s", what, strerror(-err));
	return err;
}

int frames_open(struct frames *f, const struct kcore *k)
{
	enum { MM, PGD };
	struct btf_place at[] = {
		[MM] = { .type = "task_struct", .member = "mm" },
		[PGD] = { .type = "mm_struct", .member = "pgd" },
	};
	uint64_t mm;
	int err;

	memset(f, 0, sizeof(*f));
	f->k = k;
	err = btf_find(at, sizeof(at) / sizeof(*at));
	if (err)
		return fail(f, err, "the kernel's types, /sys/kernel/btf/vmlinux");
	err = kcore_task_word(k, at[MM].offset, &mm);
	if (!err)
		err = kcore_read(k, mm + at[PGD].offset, &f->table,
				 sizeof(f->table));
	if (err)
		return fail(f, err, "this process's page tables, by /proc/kcore");
	return 0;
}

struct collect {
	uint64_t first;		/* address of the first page */
	size_t pages;
	uint64_t *pfns;
};

static int collect_leaf(const struct kcore_leaf *leaf, void *arg)
{
	struct collect *c = arg;
	uint64_t last = c->first + c->pages * KCORE_PAGE_SIZE;
	uint64_t at = leaf->vaddr > c->first ? leaf->vaddr : c->first;
	uint64_t end = leaf->vaddr + leaf->size;

	for (; at < end && at < last; at += KCORE_PAGE_SIZE)
		c->pfns[(at - c->first) / KCORE_PAGE_SIZE] =
			(leaf->paddr + (at - leaf->vaddr)) >> KCORE_PAGE_SHIFT;
	return 0;
}

int frames_behind(const struct frames *f, const void *addr, size_t pages,
		  uint64_t *pfns)
{
	struct collect c = {
		.first = (uintptr_t)addr, .pages = pages, .pfns = pfns,
	};

	for (size_t i = 0; i < pages; i++)
		pfns[i] = FRAME_NONE;
	return kcore_walk_user(f->k, f->table, c.first,
			       c.first + pages * KCORE_PAGE_SIZE, collect_leaf,
			       &c);
}
