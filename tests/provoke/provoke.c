// SPDX-License-Identifier: GPL-2.0
/*
 * Mistakes, one by name: insmod provoke.ko mistake=lock. For a test that a
 * debugging host sees what its kernel reports. It never loads.
 */
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

static char *mistake = "";
module_param(mistake, charp, 0400);
MODULE_PARM_DESC(mistake, "free, bounds, lock, sleep, shift, list, leak or race");

/* Where no compiler sees that it is too many. */
static int bits = 40;
module_param(bits, int, 0400);
MODULE_PARM_DESC(bits, "how far to shift an int");

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);
static DEFINE_SPINLOCK(spin);

static void use_after_free(void)
{
	volatile char *p = kmalloc(64, GFP_KERNEL);

	kfree((void *)p);
	if (p)
		p[5] = 1;
}

static void use_beyond_end(void)
{
	volatile char *p = kmalloc(64, GFP_KERNEL);

	if (p)
		p[64] = 1;
	kfree((void *)p);
}

/* Two tasks that did this at once would wait for each other. */
static void lock_both_ways(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);
	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static void sleep_with_spinlock(void)
{
	spin_lock(&spin);
	might_sleep();
	spin_unlock(&spin);
}

static void shift_too_far(void)
{
	volatile int n = 1;

	n <<= bits;
}

static void delete_twice(void)
{
	LIST_HEAD(head);
	struct list_head entry;

	list_add(&entry, &head);
	list_del(&entry);
	list_del(&entry);
}

/* Nobody knows where it is: the list that it was on is gone. */
static void lose_memory(void)
{
	void *volatile p;
	int i;

	for (i = 0; i < 8; i++)
		p = kmalloc(96, GFP_KERNEL);
	p = NULL;
}

static unsigned long counter;

static int count_in_thread(void *unused)
{
	while (!kthread_should_stop()) {
		counter++;
		cond_resched();
	}
	return 0;
}

/* For seconds, as a watchpoint is set only now and then. */
static void count_in_two_threads(void)
{
	unsigned long end = jiffies + 10 * HZ;
	struct task_struct *other;

	other = kthread_run(count_in_thread, NULL, "provoke");
	if (IS_ERR(other))
		return;
	while (time_before(jiffies, end)) {
		counter++;
		cond_resched();
	}
	kthread_stop(other);
}

static const struct {
	const char *name;
	void (*make)(void);
} mistakes[] = {
	{ "free", use_after_free },
	{ "bounds", use_beyond_end },
	{ "lock", lock_both_ways },
	{ "sleep", sleep_with_spinlock },
	{ "shift", shift_too_far },
	{ "list", delete_twice },
	{ "leak", lose_memory },
	{ "race", count_in_two_threads },
};

static int __init provoke_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(mistakes); i++) {
		if (strcmp(mistake, mistakes[i].name))
			continue;
		mistakes[i].make();
		return -ECANCELED;
	}
	return -EINVAL;
}
module_init(provoke_init);

MODULE_DESCRIPTION("Mistakes for the kernel's checkers to find");
MODULE_LICENSE("GPL");
