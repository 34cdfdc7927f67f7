// SPDX-License-Identifier: GPL-2.0
/*
 * Hooks: another module's functions lead to ours, by ftrace. Which functions,
 * and what ours do, is guard.c's business.
 */
#include <linux/atomic.h>
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/string.h>
#include <linux/wait.h>

#include "hook.h"
#include "symbol.h"

/* ---- who is inside of ours, so that unloading can wait for them ---- */

static atomic_t inside;
static DECLARE_WAIT_QUEUE_HEAD(inside_wait);

/* First and last thing in each function that replaces another. */
void gmem_hook_enter(void)
{
	atomic_inc(&inside);
}

void gmem_hook_leave(void)
{
	if (atomic_dec_and_test(&inside))
		wake_up(&inside_wait);
}

/* ---- place and remove ---- */

/*
 * Our own calls of the originals come by here, too, and must go through. They
 * are told by where they return to, so no such call may be a tail call: who
 * makes them is built with -fno-optimize-sibling-calls.
 */
static void notrace gmem_hook_entry(unsigned long ip, unsigned long parent_ip,
				    struct ftrace_ops *ops,
				    struct ftrace_regs *fregs)
{
	struct gmem_hook *hook = container_of(ops, struct gmem_hook, ops);

	if (!within_module(parent_ip, THIS_MODULE))
		ftrace_regs_set_instruction_pointer(fregs,
						    (unsigned long)hook->ours);
}

/* The function of that module, or of the kernel where that is built in. */
void *gmem_hook_find(const char *module, const char *name)
{
	char qualified[64];
	void *addr;

	snprintf(qualified, sizeof(qualified), "%s:%s", module, name);
	addr = gmem_find_function(qualified);
	return addr ?: gmem_find_function(name);
}

static int gmem_hook_place(struct gmem_hook *hook, const char *module)
{
	int ret;

	hook->original = gmem_hook_find(module, hook->name);
	if (!hook->original) {
		pr_err("guard: %s has no function %s to be found\n", module,
		       hook->name);
		return -ENOENT;
	}
	__static_call_update(hook->key, hook->tramp, hook->original);

	/*
	 * Anew each time: ftrace_free_filter() leaves pointers to what it has
	 * freed. PERMANENT: ftrace can't be switched off under us by sysctl.
	 */
	memset(&hook->ops, 0, sizeof(hook->ops));
	hook->ops.func = gmem_hook_entry;
	hook->ops.flags = FTRACE_OPS_FL_DYNAMIC | FTRACE_OPS_FL_IPMODIFY |
			  FTRACE_OPS_FL_PERMANENT;
	ret = ftrace_set_filter_ip(&hook->ops, (unsigned long)hook->original,
				   0, 0);
	if (!ret)
		ret = register_ftrace_function(&hook->ops);
	if (ret) {
		pr_err("guard: ftrace can't hook %s (error %d); is kernel.ftrace_enabled 0, or a live patch on it?\n",
		       hook->name, ret);
		ftrace_free_filter(&hook->ops);
		hook->original = NULL;
	}
	return ret;
}

static void gmem_hook_remove(struct gmem_hook *hook)
{
	if (!hook->original)
		return;
	unregister_ftrace_function(&hook->ops);
	ftrace_free_filter(&hook->ops);
	hook->original = NULL;
}

/**
 * gmem_hook_remove_all - the functions are their own again
 * @hooks: placed or not; removed from the last to the first
 * @nr: how many
 *
 * On return nobody is inside of ours. A task may have been sent there and not
 * have counted itself yet, or not any more: neither can be sleeping, so
 * synchronize_rcu_tasks() waits for it. In between, wait for those that are
 * inside and may well sleep.
 */
void gmem_hook_remove_all(struct gmem_hook *hooks, int nr)
{
	while (nr--)
		gmem_hook_remove(&hooks[nr]);
	synchronize_rcu_tasks();
	wait_event(inside_wait, !atomic_read(&inside));
	synchronize_rcu_tasks();
}

/**
 * gmem_hook_place_all - hook all of these functions or none
 * @hooks: in the order to place them
 * @nr: how many
 * @module: whose functions they are
 *
 * Return: 0; -ENOENT if the module lacks one; or what ftrace answered.
 */
int gmem_hook_place_all(struct gmem_hook *hooks, int nr, const char *module)
{
	int i, ret;

	for (i = 0; i < nr; i++) {
		ret = gmem_hook_place(&hooks[i], module);
		if (ret) {
			gmem_hook_remove_all(hooks, i);
			return ret;
		}
	}
	return 0;
}
