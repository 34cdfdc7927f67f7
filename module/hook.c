// SPDX-License-Identifier: GPL-2.0
/*
 * Hooks: another module's functions lead to ours, by ftrace. Which functions,
 * and what ours do, is the business of guard.c and of the files it names.
 *
 * A hook is placed or not; to place or remove it a second time is an error of
 * ours, and is refused: ftrace's list of what is registered would not survive
 * it. The caller's lock keeps placing and removing apart.
 */
#include <linux/bug.h>
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/srcu.h>
#include <linux/string.h>

#include "hook.h"
#include "symbol.h"

/*
 * Who is inside of ours, so that removal can wait for them. SRCU, because they
 * may sleep, and because its counters are a CPU's own: VMs that have nothing to
 * do with gmemfs come by here, too.
 */
DEFINE_STATIC_SRCU(inside);

/**
 * gmem_hook_enter - the first thing in each function that replaces another
 *
 * Return: what the last thing in there, gmem_hook_leave(), must be given.
 */
int gmem_hook_enter(void)
{
	return srcu_read_lock(&inside);
}

void gmem_hook_leave(int token)
{
	srcu_read_unlock(&inside, token);
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

	if (hook->wanted && !hook->wanted())
		return;
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

static int gmem_hook_register(struct gmem_hook *hook)
{
	int ret;

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
	if (ret)
		ftrace_free_filter(&hook->ops);
	return ret;
}

static int gmem_hook_place(struct gmem_hook *hook, const char *module)
{
	int ret;

	if (WARN_ON_ONCE(hook->original))
		return -EEXIST;
	hook->original = gmem_hook_find(module, hook->name);
	if (!hook->original) {
		pr_err("guard: %s has no function %s to be found\n", module,
		       hook->name);
		return -ENOENT;
	}
	__static_call_update(hook->key, hook->tramp, hook->original);

	ret = gmem_hook_register(hook);
	if (ret) {
		pr_err("guard: ftrace can't hook %s (error %d): if kernel.ftrace_enabled is 0, set it to 1; if a live patch or another module has that function, unload it\n",
		       hook->name, ret);
		hook->original = NULL;
	}
	return ret;
}

static void gmem_hook_remove(struct gmem_hook *hook)
{
	if (WARN_ON_ONCE(!hook->original))
		return;
	unregister_ftrace_function(&hook->ops);
	ftrace_free_filter(&hook->ops);
	hook->original = NULL;
}

/**
 * gmem_hook_remove_all - the functions are their own again
 * @hooks: all of them placed; removed from the last to the first
 * @nr: how many
 *
 * On return nobody is inside of ours. A task may have been sent there and not
 * have counted itself yet, or not any more: neither can be sleeping, so
 * synchronize_rcu_tasks() waits for it. In between, wait for those that are
 * inside and may well sleep.
 */
void gmem_hook_remove_all(struct gmem_hook *const *hooks, int nr)
{
	while (nr--)
		gmem_hook_remove(hooks[nr]);
	synchronize_rcu_tasks();
	synchronize_srcu(&inside);
	synchronize_rcu_tasks();
}

/**
 * gmem_hook_place_all - hook all of these functions or none
 * @hooks: none of them placed; in the order to place them
 * @nr: how many
 * @module: whose functions they are. It is alive or about to be: ftrace knows
 *	    its functions and has enabled them.
 *
 * Return: 0; -ENOENT if the module lacks one; or what ftrace answered.
 */
int gmem_hook_place_all(struct gmem_hook *const *hooks, int nr,
			const char *module)
{
	int i, ret;

	for (i = 0; i < nr; i++) {
		ret = gmem_hook_place(hooks[i], module);
		if (ret) {
			gmem_hook_remove_all(hooks, i);
			return ret;
		}
	}
	return 0;
}
