/* SPDX-License-Identifier: GPL-2.0 */
/* Functions of another module that lead to ours: hook.c. */
#ifndef GMEMFS_HOOK_H
#define GMEMFS_HOOK_H

#include <linux/ftrace.h>
#include <linux/static_call.h>
#include <linux/stringify.h>

/**
 * struct gmem_hook - one such function
 * @name: of the function
 * @ours: what runs instead
 * @key: the static call by which ours calls the original
 * @tramp: of the same
 * @original: the function; NULL while it isn't hooked
 * @ops: ftrace's
 */
struct gmem_hook {
	const char *name;
	void *ours;
	struct static_call_key *key;
	void *tramp;
	void *original;
	struct ftrace_ops ops;
};

#define GMEM_HOOK(function, replacement, call)		\
	{						\
		.name = __stringify(function),		\
		.ours = (replacement),			\
		.key = &STATIC_CALL_KEY(call),		\
		.tramp = STATIC_CALL_TRAMP_ADDR(call),	\
	}

void *gmem_hook_find(const char *module, const char *name);
int gmem_hook_place_all(struct gmem_hook *hooks, int nr, const char *module);
void gmem_hook_remove_all(struct gmem_hook *hooks, int nr);

void gmem_hook_enter(void);
void gmem_hook_leave(void);

#endif /* GMEMFS_HOOK_H */
