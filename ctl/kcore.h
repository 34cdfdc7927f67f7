/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's memory as /proc/kcore shows it, and the kernel's page tables,
 * read through it. For x86-64, with 4 or 5 levels and with KASLR. This needs
 * root and a kernel that isn't locked down.
 *
 * A page that isn't mapped reads as zeros: fs/proc/kcore.c tries to read it,
 * faults, and fills the buffer with zeros. So the contents alone don't tell it
 * from a page of zeros. The page tables do: kcore_lookup(), kcore_walk().
 */
#ifndef KCORE_H
#define KCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define KCORE_PAGE_SHIFT	12
#define KCORE_PAGE_SIZE		(1UL << KCORE_PAGE_SHIFT)

enum kcore_kind {
	KCORE_DIRECT_MAP,
	KCORE_VMALLOC,
	KCORE_VMEMMAP,
	KCORE_TEXT,
	KCORE_MODULES,
	KCORE_OTHER,
	KCORE_KINDS,
};

extern const char *const kcore_kind_names[KCORE_KINDS];

struct kcore_segment {
	enum kcore_kind kind;
	uint64_t vaddr;
	uint64_t size;
	uint64_t offset;
};

struct kcore {
	int fd;
	int levels;			/* of page tables: 4 or 5 */
	uint64_t page_offset;		/* address of physical address 0 */
	uint64_t top_table;		/* address of init_top_pgt */
	uint64_t vmemmap;
	uint64_t sme_mask;
	uint64_t notes_offset;
	size_t notes_size;
	size_t nr_segments;
	struct kcore_segment *segments;
	char error[160];
};

/* A present page table entry that maps memory, at any level. */
struct kcore_leaf {
	uint64_t vaddr;
	uint64_t paddr;
	uint64_t size;			/* 4 KiB, 2 MiB or 1 GiB */
};

/* A walk goes on while its callback returns 0. */
typedef int (*kcore_leaf_fn)(const struct kcore_leaf *leaf, void *arg);

/**
 * kcore_open - open /proc/kcore, and find the layout of the kernel's memory
 *
 * Return: 0, or a negative errno, with a sentence in @k->error.
 */
int kcore_open(struct kcore *k);
void kcore_close(struct kcore *k);

/* kcore_open_file - the same for a file of that format; @k owns @fd then */
int kcore_open_file(struct kcore *k, int fd);

/**
 * kcore_read - read the kernel's memory at an address
 *
 * Unmapped pages inside a segment read as zeros.
 *
 * Return: 0; -EFAULT if the address lies in no segment or the kernel refuses
 * to read it; another negative errno.
 */
int kcore_read(const struct kcore *k, uint64_t vaddr, void *buf, size_t len);

/**
 * kcore_walk - call @fn for each leaf entry that maps a part of [start, end)
 *
 * @fn gets whole leaves, also one that begins before @start. Both addresses are
 * in the kernel's half; an @end of 0 stands for 2^64. The tables may change
 * during the walk: entries that are set or cleared meanwhile may be missed.
 *
 * Return: 0, what @fn returned, or a negative errno.
 */
int kcore_walk(const struct kcore *k, uint64_t start, uint64_t end,
	       kcore_leaf_fn fn, void *arg);

/**
 * kcore_lookup - find the entry that maps an address
 *
 * Return: 1, with @leaf filled; 0 if nothing is mapped there; or a negative
 * errno.
 */
int kcore_lookup(const struct kcore *k, uint64_t vaddr,
		 struct kcore_leaf *leaf);

/**
 * kcore_walk_user - kcore_walk() for the lower half of an address space
 * @table: address of its top table: the pgd of the mm_struct
 */
int kcore_walk_user(const struct kcore *k, uint64_t table, uint64_t start,
		    uint64_t end, kcore_leaf_fn fn, void *arg);

/**
 * kcore_task_word - read a word of the caller's own task_struct
 * @offset: its offset in the struct, see btf.h
 *
 * Return: 0 or a negative errno.
 */
int kcore_task_word(const struct kcore *k, size_t offset, uint64_t *word);

/* kcore_is_ram - does the direct map have a place for this frame? */
bool kcore_is_ram(const struct kcore *k, uint64_t pfn);

static inline uint64_t kcore_direct(const struct kcore *k, uint64_t pfn)
{
	return k->page_offset + (pfn << KCORE_PAGE_SHIFT);
}

/* kcore_has_frame - is this frame in the direct map? */
static inline bool kcore_has_frame(const struct kcore *k, uint64_t pfn)
{
	struct kcore_leaf leaf;

	return kcore_lookup(k, kcore_direct(k, pfn), &leaf) == 1;
}

#endif /* KCORE_H */
