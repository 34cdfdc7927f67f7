/* SPDX-License-Identifier: GPL-2.0 */
/* Functions of another module that are redirected to ours: hook.c. */
#ifndef GMEMFS_HOOK_H
#define GMEMFS_HOOK_H

#include <linux/ftrace.h>
#include <linux/srcu.h>
#include <linux/static_call.h>
#include <linux/stringify.h>
#include <linux/types.h>

/**
 * struct gmem_hook - a function that is redirected
 * @name: its name
 * @ours: our function, which runs instead
 * @wanted: called at each call: redirect this one? NULL: redirect all. Must not
 *	    sleep, and must not be traced.
 * @key: the static call by which ours calls the original
 * @tramp: the trampoline of that static call
 * @original: the original function, while it is hooked
 */
struct gmem_hook {
	const char *name;
	void *ours;
	bool (*wanted)(void);
	struct static_call_key *key;
	void *tramp;
	void *original;
};

#define GMEM_HOOK_IF(when, function, replacement, call)	\
	{						\
		.name = __stringify(function),		\
		.ours = (replacement),			\
		.wanted = (when),			\
		.key = &STATIC_CALL_KEY(call),		\
		.tramp = STATIC_CALL_TRAMP_ADDR(call),	\
	}

#define GMEM_HOOK(function, replacement, call)		\
	GMEM_HOOK_IF(NULL, function, replacement, call)

/**
 * struct gmem_hooks - functions of a module that are redirected together
 * @who: who places them, as messages have it
 * @module: the module that has the functions
 * @hooks: which functions; those that are called most often first
 * @nr: how many, GMEM_MAX_HOOKS at most
 * @inside: tracks the tasks inside our functions. Each such set has its own, so
 *	    that removing one set doesn't wait for the functions of another.
 * @ops: what ftrace knows of them
 * @placed: set before the hooks are registered, until they are unregistered
 */
struct gmem_hooks {
	const char *who;
	const char *module;
	struct gmem_hook *const *hooks;
	int nr;
	struct srcu_struct *inside;
	struct ftrace_ops ops;
	bool placed;
};

#define GMEM_MAX_HOOKS	8

/* Defines @name, of an array of hooks. */
#define GMEM_DEFINE_HOOKS(name, whose, module_name, array)	\
	static_assert(ARRAY_SIZE(array) <= GMEM_MAX_HOOKS);	\
	DEFINE_STATIC_SRCU(name##_inside);			\
	struct gmem_hooks name = {				\
		.who = (whose),					\
		.module = (module_name),			\
		.hooks = (array),				\
		.nr = ARRAY_SIZE(array),			\
		.inside = &name##_inside,			\
	}

void *gmem_hook_find(const char *module, const char *name);
int gmem_hook_place(struct gmem_hooks *hooks);
void gmem_hook_remove(struct gmem_hooks *hooks);

int gmem_hook_enter(struct gmem_hooks *hooks);
void gmem_hook_leave(struct gmem_hooks *hooks, int token);

#endif /* GMEMFS_HOOK_H */
