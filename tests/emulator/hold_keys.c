// SPDX-License-Identifier: GPL-2.0
/*
 * Holds a static branch of the scheduler as KVM's first VM leaves it.
 *
 * The emulator may run code that has been replaced, and die of the int3 that
 * was there for a moment (docs/limits.md). Most such reports came from
 * __schedule() and finish_task_switch(): each CPU runs these all the time, and
 * whoever makes the first VM or closes the last one has them replaced, for
 * preempt notifiers. With this loaded both happen once, in a host that has run
 * nothing of ours yet.
 */
#include <linux/module.h>
#include <linux/preempt.h>

static int __init hold_keys_init(void)
{
	preempt_notifier_inc();
	return 0;
}

static void __exit hold_keys_exit(void)
{
	preempt_notifier_dec();
}

module_init(hold_keys_init);
module_exit(hold_keys_exit);

MODULE_DESCRIPTION("Switches preempt notifiers on once, for QEMU's TCG");
MODULE_LICENSE("GPL");
