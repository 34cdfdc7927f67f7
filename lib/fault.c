// SPDX-License-Identifier: MIT
/*
 * Faults: does a SIGSEGV come from an access outside of a window? handler.c
 * reports it. Signal handlers run gmem_fault_describe() and what it calls, so
 * these take no lock, allocate nothing, and don't use printf().
 *
 * The addresses of regions are in a list. Entries are never removed; free ones
 * are used again.
 */
#include <stdlib.h>

#include "internal.h"

#ifndef SEGV_PKUERR
#define SEGV_PKUERR	4
#endif

/*
 * An entry of the list; @size is 0 in a free one. All fields are atomic. A
 * reader looks at @turn before and after it reads the others: only if both are
 * the same even number, the entry was not changed meanwhile.
 */
struct known {
	struct known *next;
	unsigned int turn;
	uintptr_t address;
	uintptr_t size;
};

static struct known *known;	/* atomic */

#define load(what)		__atomic_load_n(&(what), __ATOMIC_SEQ_CST)
#define store(what, value)	__atomic_store_n(&(what), value, \
						 __ATOMIC_SEQ_CST)

/* ---- which addresses ---- */

static void change(struct known *k, uintptr_t address, uintptr_t size)
{
	store(k->turn, k->turn + 1);
	store(k->address, address);
	store(k->size, size);
	store(k->turn, k->turn + 1);
}

static struct known *free_entry(void)
{
	struct known *k;

	for (k = known; k; k = k->next)
		if (!k->size)
			return k;
	k = calloc(1, sizeof(*k));
	if (k) {
		k->next = known;
		store(known, k);
	}
	return k;
}

/* All functions that change the list hold gmem_windows_lock(). */
int gmem_fault_know(const struct gmem_region *region)
{
	struct known *k;

	gmem_windows_lock();
	k = free_entry();
	if (k)
		change(k, (uintptr_t)region->address, region->size);
	gmem_windows_unlock();
	return k ? 0 : gmem_fail(-ENOMEM, "no memory for the record of a region");
}

void gmem_fault_forget(const struct gmem_region *region)
{
	struct known *k;

	gmem_windows_lock();
	for (k = known; k; k = k->next)
		if (k->size && k->address == (uintptr_t)region->address)
			change(k, 0, 0);
	gmem_windows_unlock();
}

/* In a child process other mappings may come to these addresses. */
void gmem_fault_forked(void)
{
	struct known *k;

	for (k = known; k; k = k->next)
		change(k, 0, 0);
}

/* Return: the start of the region that has @address, or 0. */
static uintptr_t known_at(uintptr_t address)
{
	const struct known *k;

	for (k = load(known); k; k = k->next) {
		unsigned int turn = load(k->turn);
		uintptr_t begins = load(k->address);
		bool inside = address - begins < load(k->size);

		if (inside && turn % 2 == 0 && turn == load(k->turn))
			return begins;
	}
	return 0;
}

/* ---- a sentence ---- */

struct text {
	char *at;
	size_t room;	/* without the final 0 */
};

static void append(struct text *text, const char *s)
{
	for (; *s && text->room; s++, text->room--)
		*text->at++ = *s;
	*text->at = 0;
}

static void append_hex(struct text *text, uintptr_t value)
{
	char digits[2 * sizeof(value) + 1], *p = digits + sizeof(digits);

	*--p = 0;
	do {
		*--p = "0123456789abcdef"[value % 16];
		value /= 16;
	} while (value);
	append(text, "0x");
	append(text, p);
}

EXPORT int gmem_fault_describe(const siginfo_t *info, char *text, size_t size)
{
	uintptr_t address = (uintptr_t)info->si_addr;
	struct text to = { text, size - 1 };
	uintptr_t begins;

	if (info->si_signo != SIGSEGV || !size)
		return 0;
	if (info->si_code != SEGV_PKUERR && info->si_code != SEGV_ACCERR)
		return 0;
	begins = known_at(address);
	if (!begins)
		return 0;
	append(&to, "libgmem: access to guest memory outside of a window: offset ");
	append_hex(&to, address - begins);
	append(&to, " of the region at ");
	append_hex(&to, begins);
	append(&to, info->si_code == SEGV_PKUERR ?
		    " (protection key)\n" : " (mprotect)\n");
	return 1;
}
