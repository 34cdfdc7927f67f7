// SPDX-License-Identifier: GPL-2.0
/*
 * Hooks: another module's functions lead to ours, by ftrace. Which functions,
 * and what ours do, is the business of guard.c and of the files it names.
 *
 * All hooks are ftrace's in one piece: they are placed in one step or not at
 * all, and removing them waits for the whole system once, not for each. To
 * place them a second time is an error of ours, and is refused: ftrace's list
 * of what is registered would not survive it. The caller's lock keeps placing
 * and removing apart.
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

/* ---- where a hooked function leads ---- */

#define MAX_HOOKS	8

/* Set before ftrace knows of it, and until it has forgotten it. */
static struct gmem_hook *const *placed;
static int nr_placed;

static __always_inline struct gmem_hook *gmem_hook_at(unsigned long ip)
{
	int i;

	for (i = 0; i < nr_placed; i++)
		if ((unsigned long)placed[i]->original == ip)
			return placed[i];
	return NULL;
}

/*
 * Our own calls of the originals come by here, too, and must go through. They
 * are told by where they return to, so no such call may be a tail call: who
 * makes them is built with -fno-optimize-sibling-calls.
 */
static void notrace gmem_hook_entry(unsigned long ip, unsigned long parent_ip,
				    struct ftrace_ops *ops,
				    struct ftrace_regs *fregs)
{
	struct gmem_hook *hook = gmem_hook_at(ip);

	if (!hook || (hook->wanted && !hook->wanted()))
		return;
	if (!within_module(parent_ip, THIS_MODULE))
		ftrace_regs_set_instruction_pointer(fregs,
						    (unsigned long)hook->ours);
}

static struct ftrace_ops hook_ops;

/* ---- place and remove ---- */

/* The function of that module, or of the kernel where that is built in. */
void *gmem_hook_find(const char *module, const char *name)
{
	char qualified[64];
	void *addr;

	snprintf(qualified, sizeof(qualified), "%s:%s", module, name);
	addr = gmem_find_function(qualified);
	return addr ?: gmem_find_function(name);
}

static int gmem_hook_find_all(struct gmem_hook *const *hooks, int nr,
			      const char *module, unsigned long *ips)
{
	int i;

	for (i = 0; i < nr; i++) {
		struct gmem_hook *hook = hooks[i];

		hook->original = gmem_hook_find(module, hook->name);
		if (!hook->original) {
			pr_err("guard: %s has no function %s to be found\n",
			       module, hook->name);
			return -ENOENT;
		}
		__static_call_update(hook->key, hook->tramp, hook->original);
		ips[i] = (unsigned long)hook->original;
	}
	return 0;
}

static int gmem_hook_register(unsigned long *ips, int nr)
{
	int ret;

	/*
	 * Anew each time: ftrace_free_filter() leaves pointers to what it has
	 * freed. PERMANENT: ftrace can't be switched off under us by sysctl.
	 */
	memset(&hook_ops, 0, sizeof(hook_ops));
	hook_ops.func = gmem_hook_entry;
	hook_ops.flags = FTRACE_OPS_FL_DYNAMIC | FTRACE_OPS_FL_IPMODIFY |
			 FTRACE_OPS_FL_PERMANENT;
	ret = ftrace_set_filter_ips(&hook_ops, ips, nr, 0, 0);
	if (!ret)
		ret = register_ftrace_function(&hook_ops);
	if (ret)
		ftrace_free_filter(&hook_ops);
	return ret;
}

/**
 * gmem_hook_remove - the functions are their own again
 *
 * On return nobody is inside of ours. A task may have been sent there and not
 * have counted itself yet, or not any more: neither can be sleeping, so
 * synchronize_rcu_tasks() waits for it. In between, wait for those that are
 * inside and may well sleep.
 */
void gmem_hook_remove(void)
{
	if (WARN_ON_ONCE(!nr_placed))
		return;
	unregister_ftrace_function(&hook_ops);
	ftrace_free_filter(&hook_ops);
	synchronize_rcu_tasks();
	synchronize_srcu(&inside);
	synchronize_rcu_tasks();
	nr_placed = 0;
}

/**
 * gmem_hook_place - hook all of these functions or none
 * @hooks: which; what is called most often first
 * @nr: how many, 8 at most
 * @module: whose functions they are. It is alive or about to be: ftrace knows
 *	    its functions and has enabled them.
 *
 * Return: 0; -ENOENT if the module lacks one; or what ftrace answered.
 */
int gmem_hook_place(struct gmem_hook *const *hooks, int nr, const char *module)
{
	unsigned long ips[MAX_HOOKS];
	int ret;

	if (WARN_ON_ONCE(nr_placed || nr > MAX_HOOKS))
		return -EEXIST;
	ret = gmem_hook_find_all(hooks, nr, module, ips);
	if (ret)
		return ret;
	placed = hooks;
	nr_placed = nr;
	ret = gmem_hook_register(ips, nr);
	if (!ret)
		return 0;
	nr_placed = 0;
	pr_err("guard: ftrace can't hook %s (error %d): if kernel.ftrace_enabled is 0, set it to 1; if a live patch or another module has one of the functions (an I in /sys/kernel/tracing/enabled_functions), unload it\n",
	       module, ret);
	return ret;
}
