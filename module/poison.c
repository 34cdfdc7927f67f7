// SPDX-License-Identifier: GPL-2.0
/*
 * Memory errors that the hardware reports.
 *
 * The kernel can't handle one in a page of gmemfs: memory_failure() marks the
 * page and leaves it where it is. So code that is about to touch a page or hand
 * it out checks that mark. For the 512 pages of a block that takes long, and
 * hardly ever finds one: so nobody checks before memory_failure() has been
 * called once.
 */
#include <linux/ftrace.h>
#include <linux/mm.h>

#include "poison.h"
#include "symbol.h"

bool gmem_poison_seen __read_mostly;

/* ftrace calls this before memory_failure() marks the page, on any CPU. */
static void notrace gmem_poison_event(unsigned long ip, unsigned long parent_ip,
				      struct ftrace_ops *ops,
				      struct ftrace_regs *fregs)
{
	WRITE_ONCE(gmem_poison_seen, true);
}

/* PERMANENT: so the sysctl kernel.ftrace_enabled can't disable it. */
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

/* If memory_failure() can't be hooked, the marks are always checked. */
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
