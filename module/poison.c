// SPDX-License-Identifier: GPL-2.0
/*
 * Memory errors that the hardware reports.
 *
 * The kernel can't handle one in a page of ours: memory_failure() marks the
 * page, and leaves it where it is. So whoever is about to touch a page or to
 * hand it out looks at the mark. For the 512 pages of a block that is a lot of
 * looking where there hardly ever is anything to see: nobody looks before
 * memory_failure() has been called for the first time.
 */
#include <linux/ftrace.h>
#include <linux/mm.h>

#include "poison.h"
#include "symbol.h"

bool gmem_poison_seen __read_mostly;

/* Called before the page is marked, on any CPU. */
static void notrace gmem_poison_event(unsigned long ip, unsigned long parent_ip,
				      struct ftrace_ops *ops,
				      struct ftrace_regs *fregs)
{
	WRITE_ONCE(gmem_poison_seen, true);
}

/* PERMANENT: ftrace can't be switched off under us by sysctl. */
static struct ftrace_ops poison_ops = {
	.func = gmem_poison_event,
	.flags = FTRACE_OPS_FL_DYNAMIC | FTRACE_OPS_FL_PERMANENT,
};

static bool poison_hooked;

static int gmem_poison_hook(void)
{
	void *addr = gmem_find_function("memory_failure");
	int ret;

	if (!addr)
		return -ENOENT;
	ret = ftrace_set_filter_ip(&poison_ops, (unsigned long)addr, 0, 0);
	if (!ret)
		ret = register_ftrace_function(&poison_ops);
	if (ret)
		ftrace_free_filter(&poison_ops);
	return ret;
}

/* Where it can't be known, everybody looks always. */
void __init gmem_poison_init(void)
{
	poison_hooked = !gmem_poison_hook();
	if (!poison_hooked)
		gmem_poison_seen = true;
}

void gmem_poison_exit(void)
{
	if (!poison_hooked)
		return;
	unregister_ftrace_function(&poison_ops);
	ftrace_free_filter(&poison_ops);
}
