// SPDX-License-Identifier: GPL-2.0
/*
 * What /proc/kcore can have in it: its headers, its notes, and the page tables
 * that are found by them. The input is the file.
 */
#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../ctl/kcore.h"
#include "../vmm/fuzz.h"

#define DIRECT_MAP	0xffff888000000000ULL
#define NOTES		0x200
#define TABLES		0x1000
#define LEVELS		4
#define PAGE		4096
#define FRAME		3	/* is in its own direct map */

static int file_of(const uint8_t *data, size_t size)
{
	int fd = memfd_create("kcore", MFD_CLOEXEC);

	fuzz_must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	return fd;
}

static int count_leaf(const struct kcore_leaf *leaf, void *arg)
{
	unsigned int *left = arg;

	fuzz_must(leaf->size >= PAGE && !(leaf->paddr & (leaf->size - 1)));
	return !--*left;
}

static void use(const struct kcore *k)
{
	uint64_t last = k->page_offset + (64ULL << 30), word;
	unsigned int left = 4096;
	struct kcore_leaf leaf;
	char buf[64];

	for (uint64_t pfn = 0; pfn < 8; pfn++) {
		kcore_has_frame(k, pfn);
		kcore_is_ram(k, pfn);
	}
	kcore_lookup(k, k->page_offset, &leaf);
	kcore_read(k, k->top_table, buf, sizeof(buf));
	kcore_walk_user(k, k->top_table, PAGE, 8 * PAGE, count_leaf, &left);
	if (last > k->page_offset)
		kcore_walk(k, k->page_offset, k->page_offset + 64 * PAGE,
			   count_leaf, &left);
	kcore_task_word(k, 8, &word);
	kcore_task_word(k, UINT64_MAX - 4, &word);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kcore k;

	if (kcore_open_file(&k, file_of(data, size)))
		return 0;
	use(&k);
	kcore_close(&k);
	return 0;
}

/* ---- one that is fine ---- */

static size_t add_note(uint8_t *at, const char *name, uint32_t type,
		       const void *desc, size_t size)
{
	size_t name_size = strlen(name) + 1;
	Elf64_Nhdr note = { name_size, size, type };
	size_t used = sizeof(note);

	memcpy(at, &note, sizeof(note));
	memcpy(at + used, name, name_size);
	used += (name_size + 3) & ~3UL;
	memcpy(at + used, desc, size);
	return used + ((size + 3) & ~3UL);
}

static size_t add_notes(uint8_t *data)
{
	uint64_t task[8] = { 0, DIRECT_MAP };
	char info[256];
	size_t used;

	snprintf(info, sizeof(info),
		 "OSRELEASE=6.12\nSYMBOL(init_top_pgt)=%llx\nNUMBER(pgtable_l5_enabled)=0\nNUMBER(sme_mask)=0\n",
		 DIRECT_MAP);
	used = add_note(data, "VMCOREINFO", 0, info, strlen(info));
	return used + add_note(data + used, "CORE", NT_TASKSTRUCT, task,
			       sizeof(task));
}

/* Tables of all levels one after the other; the last maps them themselves. */
static void add_tables(uint8_t *data)
{
	for (unsigned int level = LEVELS; level; level--) {
		unsigned int at = LEVELS - level;
		uint64_t *table = (uint64_t *)(data + at * PAGE);
		unsigned int slot =
			DIRECT_MAP >> (12 + 9 * (level - 1)) & 511;

		memset(table, 0, PAGE);
		if (level > 1)
			table[slot] = (at + 1) * PAGE | 1;
		else
			for (unsigned int i = 0; i < LEVELS; i++)
				table[i] = i * PAGE | 1;
	}
}

size_t fuzz_seed(uint8_t *data, size_t room)
{
	size_t size = TABLES + LEVELS * PAGE;
	Elf64_Ehdr eh = {
		.e_ident = ELFMAG, .e_machine = EM_X86_64, .e_phnum = 2,
		.e_phoff = sizeof(eh),
	};
	Elf64_Phdr ph[2] = {
		{ .p_type = PT_NOTE, .p_offset = NOTES },
		{ .p_type = PT_LOAD, .p_offset = TABLES, .p_vaddr = DIRECT_MAP,
		  .p_filesz = LEVELS * PAGE },
	};

	fuzz_must(room >= size);
	memset(data, 0, size);
	ph[0].p_filesz = add_notes(data + NOTES);
	memcpy(data, &eh, sizeof(eh));
	memcpy(data + sizeof(eh), ph, sizeof(ph));
	add_tables(data + TABLES);
	return size;
}
