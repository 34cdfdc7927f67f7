// SPDX-License-Identifier: GPL-2.0
/*
 * Says what is at the end of a task's stack when the kernel panics because the
 * scheduler's mark isn't there. Hosts of the emulator have died of that three
 * times, and nobody knows what had written there (docs/limits.md). What is
 * printed tells much: whether the direct map has the same as the stack's own
 * address, whether all of the page is lost or the first word, and what is on
 * the page before it in memory.
 */
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/panic_notifier.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

static bool lose;
module_param(lose, bool, 0);
MODULE_PARM_DESC(lose, "for a test: lose the mark, and panic");

#define SHOWN	64

static void show(const char *what, const void *from)
{
	u8 bytes[SHOWN];

	if (copy_from_kernel_nofault(bytes, from, SHOWN)) {
		pr_emerg("stack_end: %s can't be read\n", what);
		return;
	}
	pr_emerg("stack_end: %s\n", what);
	print_hex_dump(KERN_EMERG, "stack_end: ", DUMP_PREFIX_OFFSET, 16, 8,
		       bytes, SHOWN, false);
}

static void show_pages(void *stack)
{
	unsigned int i;

	for (i = 0; i < THREAD_SIZE / PAGE_SIZE; i++) {
		struct page *page = vmalloc_to_page(stack + i * PAGE_SIZE);

		if (page)
			pr_emerg("stack_end: page %u: pfn %#lx, count %d\n",
				 i, page_to_pfn(page), page_count(page));
	}
}

static int on_panic(struct notifier_block *nb, unsigned long action,
		    void *message)
{
	void *stack = task_stack_page(current);
	unsigned long *end = end_of_stack(current);
	struct page *page;

	if (!stack || READ_ONCE(*end) == STACK_END_MAGIC)
		return NOTIFY_DONE;
	show("by its own address", stack);
	page = is_vmalloc_addr(stack) ? vmalloc_to_page(stack) : NULL;
	if (page) {
		show("by the direct map", page_address(page));
		show("the end of the page before",
		     page_address(page) - SHOWN);
		show_pages(stack);
	}
	return NOTIFY_DONE;
}

static struct notifier_block panic_nb = {
	.notifier_call = on_panic,
};

static int __init stack_end_init(void)
{
	int ret = atomic_notifier_chain_register(&panic_notifier_list,
						 &panic_nb);

	if (!ret && lose) {
		WRITE_ONCE(*end_of_stack(current), 0);
		panic("a stack's mark is lost on purpose");
	}
	return ret;
}

static void __exit stack_end_exit(void)
{
	atomic_notifier_chain_unregister(&panic_notifier_list, &panic_nb);
}

module_init(stack_end_init);
module_exit(stack_end_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("What is at the end of a stack that has lost its mark");
