// SPDX-License-Identifier: GPL-2.0
/*
 * Hooks: ftrace redirects functions of another module to ours. Which functions,
 * and what ours do, is up to guard.c and vfio.c, and the files that they name.
 *
 * All hooks of a module are one ftrace_ops. So they are placed in one step or
 * not at all, and removing them waits for the whole system once, and not once
 * for each. To place them twice is a bug of ours, and is refused: ftrace's list
 * of ftrace_ops would be corrupted. The caller's lock serialises placing and
 * removing.
 *
 * SRCU tracks the tasks inside our functions, so that removal can wait for
 * them. These tasks may sleep; and its counters are per CPU: VMs that don't use
 * gmemfs call the hooked functions, too.
 */
#include <linux/bug.h>
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/srcu.h>
#include <linux/string.h>

#include "hook.h"
#include "symbol.h"

/**
 * gmem_hook_enter - called first in each function that replaces another
 * @hooks: the set that the function is one of
 *
 * Return: the argument for gmem_hook_leave(), which is called last.
 */
int gmem_hook_enter(struct gmem_hooks *hooks)
	__acquires(hooks->inside)
{
	return srcu_read_lock(hooks->inside);
}

void gmem_hook_leave(struct gmem_hooks *hooks, int token)
	__releases(hooks->inside)
{
	srcu_read_unlock(hooks->inside, token);
}

/* ---- redirecting a call ---- */

static __always_inline struct gmem_hook *
gmem_hook_at(const struct gmem_hooks *hooks, unsigned long ip)
{
	int i;

	for (i = 0; i < hooks->nr; i++)
		if ((unsigned long)hooks->hooks[i]->original == ip)
			return hooks->hooks[i];
	return NULL;
}

/*
 * Our own calls of the originals come here, too, and must not be redirected.
 * They are recognised by their return address, so none of them may be a tail
 * call: the files that make them are built with -fno-optimize-sibling-calls.
 */
static void notrace gmem_hook_entry(unsigned long ip, unsigned long parent_ip,
				    struct ftrace_ops *ops,
				    struct ftrace_regs *fregs)
{
	struct gmem_hooks *hooks = container_of(ops, struct gmem_hooks, ops);
	struct gmem_hook *hook = gmem_hook_at(hooks, ip);

	if (!hook || (hook->wanted && !hook->wanted()))
		return;
	if (!within_module(parent_ip, THIS_MODULE))
		ftrace_regs_set_instruction_pointer(fregs,
						    (unsigned long)hook->ours);
}

/* ---- place and remove ---- */

/* Find a function of that module, or of the kernel if that is built in. */
void *gmem_hook_find(const char *module, const char *name)
{
	char qualified[64];
	void *addr;

	snprintf(qualified, sizeof(qualified), "%s:%s", module, name);
	addr = gmem_find_function(qualified);
	return addr ?: gmem_find_function(name);
}

static int gmem_hook_find_all(struct gmem_hooks *hooks, unsigned long *ips)
{
	int i;

	for (i = 0; i < hooks->nr; i++) {
		struct gmem_hook *hook = hooks->hooks[i];

		hook->original = gmem_hook_find(hooks->module, hook->name);
		if (!hook->original) {
			pr_err("%s: %s has no function %s that gmemfs can find: this kernel isn't supported\n",
			       hooks->who, hooks->module, hook->name);
			return -ENOENT;
		}
		__static_call_update(hook->key, hook->tramp, hook->original);
		ips[i] = (unsigned long)hook->original;
	}
	return 0;
}

static int gmem_hook_register(struct gmem_hooks *hooks, unsigned long *ips)
{
	struct ftrace_ops *ops = &hooks->ops;
	int ret;

	/*
	 * Fill it in again each time: ftrace_free_filter() leaves pointers to
	 * what it has freed. PERMANENT: so the sysctl kernel.ftrace_enabled
	 * can't disable the hooks.
	 */
	memset(ops, 0, sizeof(*ops));
	ops->func = gmem_hook_entry;
	ops->flags = FTRACE_OPS_FL_DYNAMIC | FTRACE_OPS_FL_IPMODIFY |
		     FTRACE_OPS_FL_PERMANENT;
	ret = ftrace_set_filter_ips(ops, ips, hooks->nr, 0, 0);
	if (!ret)
		ret = register_ftrace_function(ops);
	if (ret)
		ftrace_free_filter(ops);
	return ret;
}

/**
 * gmem_hook_remove - restore the original functions
 * @hooks: which; they are placed
 *
 * On return no task is inside our functions. A task may have been redirected
 * and not have called gmem_hook_enter() yet, or have called gmem_hook_leave()
 * already. In neither place does it sleep, so synchronize_rcu_tasks() waits for
 * it, before and after. In between, synchronize_srcu() waits for the tasks that
 * are inside, and may sleep there.
 */
void gmem_hook_remove(struct gmem_hooks *hooks)
{
	if (WARN_ON_ONCE(!hooks->placed))
		return;
	unregister_ftrace_function(&hooks->ops);
	ftrace_free_filter(&hooks->ops);
	synchronize_rcu_tasks();
	synchronize_srcu(hooks->inside);
	synchronize_rcu_tasks();
	hooks->placed = false;
}

/**
 * gmem_hook_place - hook all of these functions or none
 * @hooks: which. Their module is live, or is being loaded and ftrace has
 *	   enabled its functions already.
 *
 * Return: 0; -ENOENT if the module lacks a function; or an error from ftrace.
 */
int gmem_hook_place(struct gmem_hooks *hooks)
{
	unsigned long ips[GMEM_MAX_HOOKS];
	int ret;

	if (WARN_ON_ONCE(hooks->placed))
		return -EEXIST;
	ret = gmem_hook_find_all(hooks, ips);
	if (ret)
		return ret;
	hooks->placed = true;
	ret = gmem_hook_register(hooks, ips);
	if (!ret)
		return 0;
	hooks->placed = false;
	pr_err("%s: ftrace can't hook %s (error %d). If the sysctl kernel.ftrace_enabled is 0, set it to 1. If a live patch or another module has hooked one of the functions (an I in /sys/kernel/tracing/enabled_functions), disable or unload that\n",
	       hooks->who, hooks->module, ret);
	return ret;
}
