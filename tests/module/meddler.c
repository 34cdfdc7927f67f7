// SPDX-License-Identifier: GPL-2.0
/*
 * Changes what a page of gmemfs is behind the module's back, so that a test
 * sees the frame check find it: write a frame's number to the parameter
 *	expose	the page is put into the direct map
 *	hide	the page is taken out of it
 *	flip	the page's word, which has its state, has another bit 0; once
 *		more, and it is as it was
 */
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/module.h>

typedef int (*edit_fn)(struct page *page);

static edit_fn make_valid, make_invalid;

/* Neither is exported. */
static edit_fn find(const char *name)
{
	struct kprobe kp = { .symbol_name = name };
	edit_fn found;

	if (register_kprobe(&kp))
		return NULL;
	found = (edit_fn)kp.addr;
	unregister_kprobe(&kp);
	return found;
}

static int page_of(const char *value, struct page **page)
{
	unsigned long pfn;
	int ret = kstrtoul(value, 0, &pfn);

	if (ret)
		return ret;
	if (!pfn_valid(pfn))
		return -EINVAL;
	*page = pfn_to_page(pfn);
	return 0;
}

static int set_expose(const char *value, const struct kernel_param *kp)
{
	struct page *page;

	return page_of(value, &page) ?: make_valid(page);
}

/* Nobody reads there: an old translation may stay where it is. */
static int set_hide(const char *value, const struct kernel_param *kp)
{
	struct page *page;

	return page_of(value, &page) ?: make_invalid(page);
}

static int set_flip(const char *value, const struct kernel_param *kp)
{
	struct page *page;
	int ret = page_of(value, &page);

	if (!ret)
		set_page_private(page, page_private(page) ^ 1);
	return ret;
}

static const struct kernel_param_ops expose_ops = { .set = set_expose };
static const struct kernel_param_ops hide_ops = { .set = set_hide };
static const struct kernel_param_ops flip_ops = { .set = set_flip };

module_param_cb(expose, &expose_ops, NULL, 0200);
MODULE_PARM_DESC(expose, "a frame to put into the direct map");
module_param_cb(hide, &hide_ops, NULL, 0200);
MODULE_PARM_DESC(hide, "a frame to take out of the direct map");
module_param_cb(flip, &flip_ops, NULL, 0200);
MODULE_PARM_DESC(flip, "a frame of whose word to flip bit 0");

static int __init meddler_init(void)
{
	make_valid = find("set_direct_map_default_noflush");
	make_invalid = find("set_direct_map_invalid_noflush");
	return make_valid && make_invalid ? 0 : -ENOENT;
}

static void __exit meddler_exit(void)
{
}

module_init(meddler_init);
module_exit(meddler_exit);

MODULE_DESCRIPTION("Mistakes for gmemfs's frame check to find");
MODULE_LICENSE("GPL");
