// SPDX-License-Identifier: GPL-2.0
/*
 * Debug build only: module parameters that make a step fail on purpose.
 */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/sched.h>

#include <uapi/linux/gmemfs.h>

#include "fault_inject.h"

static int fail_at[GMEM_FAIL_KINDS];

module_param_named(fail_alloc_huge, fail_at[GMEM_FAIL_ALLOC_HUGE], int, 0600);
MODULE_PARM_DESC(fail_alloc_huge, "the nth next allocation of more than 4 KiB fails; -n: that and all after it");
module_param_named(fail_alloc_page, fail_at[GMEM_FAIL_ALLOC_PAGE], int, 0600);
MODULE_PARM_DESC(fail_alloc_page, "the nth next allocation of 4 KiB fails; -n: that and all after it");
module_param_named(fail_alloc_meta, fail_at[GMEM_FAIL_ALLOC_META], int, 0600);
MODULE_PARM_DESC(fail_alloc_meta, "the nth next allocation of a block's bookkeeping fails; -n: that and all after it");
module_param_named(fail_hide, fail_at[GMEM_FAIL_HIDE], int, 0600);
MODULE_PARM_DESC(fail_hide, "the nth next removal from the direct map fails; -n: that and all after it");
module_param_named(fail_expose, fail_at[GMEM_FAIL_EXPOSE], int, 0600);
MODULE_PARM_DESC(fail_expose, "the nth next return to the direct map fails; -n: that and all after it");
module_param_named(fail_symbol, fail_at[GMEM_FAIL_SYMBOL], int, 0600);
MODULE_PARM_DESC(fail_symbol, "the nth kernel function looked up is missing; -n: that and all after it");
module_param_named(fail_alloc_inode, fail_at[GMEM_FAIL_ALLOC_INODE], int, 0600);
MODULE_PARM_DESC(fail_alloc_inode, "the nth next allocation of an inode fails; -n: that and all after it");
module_param_named(fail_alloc_link, fail_at[GMEM_FAIL_ALLOC_LINK], int, 0600);
MODULE_PARM_DESC(fail_alloc_link, "the nth next allocation of a symbolic link's target fails; -n: that and all after it");
module_param_named(fail_alloc_xattr, fail_at[GMEM_FAIL_ALLOC_XATTR], int, 0600);
MODULE_PARM_DESC(fail_alloc_xattr, "the nth next allocation of an extended attribute fails; -n: that and all after it");
module_param_named(fail_label, fail_at[GMEM_FAIL_LABEL], int, 0600);
MODULE_PARM_DESC(fail_label, "the nth next labelling of a new inode fails; -n: that and all after it");
module_param_named(fail_create, fail_at[GMEM_FAIL_CREATE], int, 0600);
MODULE_PARM_DESC(fail_create, "the nth next GMEM_CREATE fails with its file open; -n: that and all after it");
module_param_named(fail_layout, fail_at[GMEM_FAIL_LAYOUT], int, 0600);
MODULE_PARM_DESC(fail_layout, "the nth next comparison of a member of KVM's structs with BTF fails; -n: that and all after it");
module_param_named(fail_second_look, fail_at[GMEM_FAIL_SECOND_LOOK], int, 0600);
MODULE_PARM_DESC(fail_second_look, "the nth next repeated look-up of a page by KVM finds another page; -n: that and all after it");
module_param_named(fail_borrow, fail_at[GMEM_FAIL_BORROW], int, 0600);
MODULE_PARM_DESC(fail_borrow, "the nth next allocation of a record of what KVM has borrowed fails; -n: that and all after it");

module_param_named(fail_pin, fail_at[GMEM_FAIL_PIN], int, 0600);
MODULE_PARM_DESC(fail_pin, "the nth next time that a device gets pages fails; -n: that and all after it");

/* For how long KVM knows a frame that isn't lent yet. */
static int delay_lending;
module_param(delay_lending, int, 0600);
MODULE_PARM_DESC(delay_lending, "milliseconds from a page's first look-up to its being lent");

/* For how long a block that will be copied to one place stays mapped. */
static int delay_joining;
module_param(delay_joining, int, 0600);
MODULE_PARM_DESC(delay_joining, "milliseconds from the check of a cloned block that is copied as a whole to its being unmapped");

static void gmem_fault_delay(int ms)
{
	if (ms > 0)
		msleep(ms);
}

void gmem_fault_delay_lending(void)
{
	gmem_fault_delay(READ_ONCE(delay_lending));
}

void gmem_fault_delay_joining(void)
{
	gmem_fault_delay(READ_ONCE(delay_joining));
}

#ifdef CONFIG_FAULT_INJECTION
static int fail_init;
module_param(fail_init, int, 0400);
MODULE_PARM_DESC(fail_init, "while the module loads, the nth failure point of the kernel's fault injection fails: see /proc/PID/fail-nth");

/* Count from here, not from where the kernel begins to load the module. */
void __init gmem_fault_inject_init(void)
{
	current->fail_nth = fail_init;
}
#endif

int gmem_fault_inject(enum gmem_fail kind)
{
	int n = READ_ONCE(fail_at[kind]);

	/* -1 is not counted further: from now on all such steps fail. */
	while (n > 0 || n < -1) {
		int seen = cmpxchg(&fail_at[kind], n, n > 0 ? n - 1 : n + 1);

		if (seen == n)
			break;
		n = seen;
	}
	return n == 1 || n == -1 ? -ENOMEM : 0;
}
