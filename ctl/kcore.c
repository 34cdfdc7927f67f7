// SPDX-License-Identifier: GPL-2.0
/* A reader of /proc/kcore: its segments and notes, and the page tables. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kcore.h"

/* The kernel image and its modules live in the last 2 GiB. */
#define KERNEL_IMAGE_BASE	0xffffffff80000000ULL

#define TABLE_ENTRIES		512
#define TABLE_INDEX_BITS	9
#define ENTRY_PRESENT		(1ULL << 0)
#define ENTRY_HUGE		(1ULL << 7)
#define ENTRY_ADDRESS		0x000ffffffffff000ULL

/* The notes have a task_struct, registers and about a page of text. */
#define MAX_NOTES		(16UL << 20)

/* Levels are counted from 1, the table that maps single pages. */
#define LEVEL_2M		2
#define LEVEL_1G		3

const char *const kcore_kind_names[KCORE_KINDS] = {
	[KCORE_DIRECT_MAP] = "direct map",
	[KCORE_VMALLOC]	= "vmalloc",
	[KCORE_VMEMMAP]	= "vmemmap",
	[KCORE_TEXT] = "kernel image",
	[KCORE_MODULES]	= "modules",
	[KCORE_OTHER] = "other",
};

__attribute__((format(printf, 3, 4)))
static int kcore_fail(struct kcore *k, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(k->error, sizeof(k->error), fmt, ap);
	va_end(ap);
	return err;
}

static int read_at(int fd, uint64_t offset, void *buf, size_t len)
{
	while (len) {
		ssize_t n = pread(fd, buf, len, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return -EFAULT;
		buf = (char *)buf + n;
		offset += n;
		len -= n;
	}
	return 0;
}

/* vmcoreinfo is text, a KEY=VALUE a line. */
static int info_number(const char *info, const char *key, int base,
		       uint64_t *value)
{
	size_t len = strlen(key);
	const char *line = info;

	while (line) {
		if (!strncmp(line, key, len) && line[len] == '=') {
			*value = strtoull(line + len + 1, NULL, base);
			return 0;
		}
		line = strchr(line, '\n');
		if (line)
			line++;
	}
	return -ENOENT;
}

static int parse_info(struct kcore *k, const char *info)
{
	uint64_t five_levels = 0;

	if (info_number(info, "SYMBOL(init_top_pgt)", 16, &k->top_table))
		return kcore_fail(k, -ENOTSUP,
				  "vmcoreinfo names no init_top_pgt (only x86-64 is known)");
	info_number(info, "NUMBER(pgtable_l5_enabled)", 10, &five_levels);
	info_number(info, "NUMBER(sme_mask)", 10, &k->sme_mask);
	info_number(info, "SYMBOL(vmemmap)", 16, &k->vmemmap);
	k->levels = five_levels ? 5 : 4;
	return 0;
}

static size_t note_align(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

struct note {
	const char *data;
	size_t size;
};

static int find_note(const char *notes, size_t len, const char *name,
		     uint32_t type, struct note *found)
{
	size_t at = 0;

	while (at + sizeof(Elf64_Nhdr) <= len) {
		const Elf64_Nhdr *note = (const Elf64_Nhdr *)(notes + at);
		size_t start = at + sizeof(*note);
		size_t desc = start + note_align(note->n_namesz);

		if (desc + note->n_descsz > len)
			break;
		if (note->n_type == type &&
		    note->n_namesz == strlen(name) + 1 &&
		    !memcmp(notes + start, name, note->n_namesz)) {
			found->data = notes + desc;
			found->size = note->n_descsz;
			return 0;
		}
		at = desc + note_align(note->n_descsz);
	}
	return -ENOENT;
}

/* The caller frees the result. */
static char *read_notes(const struct kcore *k, int *err)
{
	char *notes = malloc(k->notes_size);

	*err = notes ? read_at(k->fd, k->notes_offset, notes, k->notes_size) :
		       -ENOMEM;
	if (!*err)
		return notes;
	free(notes);
	return NULL;
}

static int read_info(struct kcore *k, const Elf64_Phdr *ph)
{
	char *notes, *info = NULL;
	struct note note;
	int err;

	if (ph->p_filesz > MAX_NOTES)
		return kcore_fail(k, -ENOTSUP, "/proc/kcore: too many notes");
	k->notes_offset = ph->p_offset;
	k->notes_size = ph->p_filesz;
	notes = read_notes(k, &err);
	if (!notes)
		return kcore_fail(k, err, "/proc/kcore: can't read its notes");
	if (!find_note(notes, k->notes_size, "VMCOREINFO", 0, &note))
		info = strndup(note.data, note.size);
	free(notes);
	if (!info)
		return kcore_fail(k, -ENOTSUP, "/proc/kcore: no VMCOREINFO");
	err = parse_info(k, info);
	free(info);
	return err;
}

/* The kernel adds the reading thread's task_struct to the notes. */
int kcore_task_word(const struct kcore *k, size_t offset, uint64_t *word)
{
	struct note note;
	char *notes;
	int err;

	notes = read_notes(k, &err);
	if (!notes)
		return err;
	err = find_note(notes, k->notes_size, "CORE", NT_TASKSTRUCT, &note);
	if (!err && (note.size < sizeof(*word) ||
		     offset > note.size - sizeof(*word)))
		err = -ENOENT;
	if (!err)
		memcpy(word, note.data + offset, sizeof(*word));
	free(notes);
	return err;
}

static enum kcore_kind segment_kind(const struct kcore *k,
				    const Elf64_Phdr *ph)
{
	bool has_paddr = ph->p_paddr != UINT64_MAX;

	if (ph->p_vaddr >= KERNEL_IMAGE_BASE) {
		if (has_paddr)
			return KCORE_TEXT;
		/* A segment of one page there is the vsyscall page. */
		return ph->p_filesz > KCORE_PAGE_SIZE ? KCORE_MODULES :
							KCORE_OTHER;
	}
	if (has_paddr)
		return KCORE_DIRECT_MAP;
	return k->vmemmap && ph->p_vaddr >= k->vmemmap ? KCORE_VMEMMAP :
							 KCORE_VMALLOC;
}

static void add_segment(struct kcore *k, const Elf64_Phdr *ph)
{
	struct kcore_segment *seg = &k->segments[k->nr_segments++];

	seg->kind = segment_kind(k, ph);
	seg->vaddr = ph->p_vaddr;
	seg->size = ph->p_filesz;
	seg->offset = ph->p_offset;
	if (seg->kind == KCORE_DIRECT_MAP)
		k->page_offset = ph->p_vaddr - ph->p_paddr;
}

static int parse_headers(struct kcore *k, const Elf64_Phdr *ph, size_t count)
{
	int err = kcore_fail(k, -ENOTSUP, "/proc/kcore: no notes");

	/* Notes come first: they say where vmemmap is, not vmalloc. */
	for (size_t i = 0; i < count; i++)
		if (ph[i].p_type == PT_NOTE)
			err = read_info(k, &ph[i]);
	if (err)
		return err;

	k->segments = calloc(count, sizeof(*k->segments));
	if (!k->segments)
		return kcore_fail(k, -ENOMEM, "out of memory");
	for (size_t i = 0; i < count; i++)
		if (ph[i].p_type == PT_LOAD)
			add_segment(k, &ph[i]);
	if (!k->page_offset)
		return kcore_fail(k, -ENOTSUP, "/proc/kcore: no direct map");
	return 0;
}

static int read_headers(struct kcore *k)
{
	Elf64_Phdr *ph;
	Elf64_Ehdr eh;
	int err;

	err = read_at(k->fd, 0, &eh, sizeof(eh));
	if (err)
		return kcore_fail(k, err, "/proc/kcore: %s", strerror(-err));
	if (memcmp(eh.e_ident, ELFMAG, SELFMAG) || eh.e_machine != EM_X86_64)
		return kcore_fail(k, -ENOTSUP, "/proc/kcore: not x86-64 ELF");

	ph = calloc(eh.e_phnum, sizeof(*ph));
	if (!ph)
		return kcore_fail(k, -ENOMEM, "out of memory");
	err = read_at(k->fd, eh.e_phoff, ph, eh.e_phnum * sizeof(*ph));
	if (err)
		kcore_fail(k, err, "/proc/kcore: %s", strerror(-err));
	else
		err = parse_headers(k, ph, eh.e_phnum);
	free(ph);
	return err;
}

int kcore_open_file(struct kcore *k, int fd)
{
	int err;

	memset(k, 0, sizeof(*k));
	k->fd = fd;
	err = read_headers(k);
	if (err)
		kcore_close(k);
	return err;
}

int kcore_open(struct kcore *k)
{
	int fd = open("/proc/kcore", O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		return kcore_open_file(k, fd);
	memset(k, 0, sizeof(*k));
	return kcore_fail(k, -errno, "/proc/kcore: %s", strerror(errno));
}

void kcore_close(struct kcore *k)
{
	close(k->fd);
	free(k->segments);
	k->segments = NULL;
	k->nr_segments = 0;
	k->fd = -1;
}

static const struct kcore_segment *find_segment(const struct kcore *k,
						uint64_t vaddr, size_t len)
{
	for (size_t i = 0; i < k->nr_segments; i++) {
		const struct kcore_segment *seg = &k->segments[i];

		if (vaddr >= seg->vaddr && vaddr - seg->vaddr < seg->size &&
		    len <= seg->size - (vaddr - seg->vaddr))
			return seg;
	}
	return NULL;
}

int kcore_read(const struct kcore *k, uint64_t vaddr, void *buf, size_t len)
{
	const struct kcore_segment *seg = find_segment(k, vaddr, len);

	if (!seg)
		return -EFAULT;
	return read_at(k->fd, seg->offset + (vaddr - seg->vaddr), buf, len);
}

bool kcore_is_ram(const struct kcore *k, uint64_t pfn)
{
	const struct kcore_segment *seg =
		find_segment(k, kcore_direct(k, pfn), KCORE_PAGE_SIZE);

	return seg && seg->kind == KCORE_DIRECT_MAP;
}

static int level_shift(int level)
{
	return KCORE_PAGE_SHIFT + (level - 1) * TABLE_INDEX_BITS;
}

struct walk {
	const struct kcore *k;
	uint64_t start;
	uint64_t last;			/* inclusive, as the end may be 2^64 */
	kcore_leaf_fn fn;
	void *arg;
};

static uint64_t entry_address(const struct kcore *k, uint64_t entry)
{
	return entry & ENTRY_ADDRESS & ~k->sme_mask;
}

static bool entry_is_leaf(uint64_t entry, int level)
{
	if (level == 1)
		return true;
	return level <= LEVEL_1G && (entry & ENTRY_HUGE);
}

static int walk_leaf(const struct walk *w, uint64_t entry, int level,
		     uint64_t vaddr)
{
	uint64_t size = 1ULL << level_shift(level);
	struct kcore_leaf leaf = {
		.vaddr = vaddr,
		/* In a large entry bit 12 is PAT, not a part of the address. */
		.paddr = entry_address(w->k, entry) & ~(size - 1),
		.size = size,
	};

	return w->fn(&leaf, w->arg);
}

/* @base is the address that the table's first entry maps. */
static int walk_table(const struct walk *w, uint64_t table, int level,
		      uint64_t base)
{
	int shift = level_shift(level);
	uint64_t size = 1ULL << shift;
	uint64_t entries[TABLE_ENTRIES];
	uint64_t first, last;
	int err;

	first = w->start > base ? (w->start - base) >> shift : 0;
	last = (w->last - base) >> shift;
	if (last >= TABLE_ENTRIES)
		last = TABLE_ENTRIES - 1;

	err = kcore_read(w->k, table, entries, sizeof(entries));
	for (uint64_t i = first; !err && i <= last; i++) {
		uint64_t vaddr = base + i * size;

		if (!(entries[i] & ENTRY_PRESENT))
			continue;
		if (entry_is_leaf(entries[i], level))
			err = walk_leaf(w, entries[i], level, vaddr);
		else
			err = walk_table(w, w->k->page_offset +
					 entry_address(w->k, entries[i]),
					 level - 1, vaddr);
	}
	return err;
}

int kcore_walk(const struct kcore *k, uint64_t start, uint64_t end,
	       kcore_leaf_fn fn, void *arg)
{
	int bits = level_shift(k->levels) + TABLE_INDEX_BITS;
	/* Addresses are sign-extended: the upper half counts down from 2^64. */
	uint64_t lowest = -(1ULL << (bits - 1));
	struct walk w = {
		.k = k, .start = start, .last = end - 1, .fn = fn, .arg = arg,
	};

	if (start < lowest || w.last < start)
		return -EINVAL;
	return walk_table(&w, k->top_table, k->levels, -(1ULL << bits));
}

int kcore_walk_user(const struct kcore *k, uint64_t table, uint64_t start,
		    uint64_t end, kcore_leaf_fn fn, void *arg)
{
	uint64_t first = 1ULL << (level_shift(k->levels) +
				  TABLE_INDEX_BITS - 1);
	struct walk w = {
		.k = k, .start = start, .last = end - 1, .fn = fn, .arg = arg,
	};

	if (w.last >= first || w.last < start)
		return -EINVAL;
	return walk_table(&w, table, k->levels, 0);
}

static int keep_leaf(const struct kcore_leaf *leaf, void *arg)
{
	*(struct kcore_leaf *)arg = *leaf;
	return 1;
}

int kcore_lookup(const struct kcore *k, uint64_t vaddr,
		 struct kcore_leaf *leaf)
{
	return kcore_walk(k, vaddr, vaddr + 1, keep_leaf, leaf);
}
