/* SPDX-License-Identifier: GPL-2.0 */
/* Memory errors, made by the kernel's test module hwpoison-inject. */
#ifndef HWPOISON_H
#define HWPOISON_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HWPOISON_FILE	"/sys/kernel/debug/hwpoison/corrupt-pfn"

/* Return: false if this kernel can't. */
static inline bool can_poison(void)
{
	int status = access(HWPOISON_FILE, W_OK)
		   ? system("modprobe -q hwpoison-inject") : 0;

	return !status && !access(HWPOISON_FILE, W_OK);
}

/* By frame number, as for a corrected error of which there were too many. */
static inline void poison(uint64_t pfn)
{
	char text[32];

	snprintf(text, sizeof(text), "0x%lx", pfn);
	/* The kernel can't handle it, and says so; the page is marked. */
	if (!access(HWPOISON_FILE, W_OK))
		write_text(HWPOISON_FILE, text);
	else
		bail_out("no hwpoison-inject");
}

#endif /* HWPOISON_H */
