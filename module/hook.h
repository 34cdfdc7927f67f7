/* SPDX-License-Identifier: GPL-2.0 */
/* Functions of another module that are redirected to ours: hook.c. */
#ifndef GMEMFS_HOOK_H
#define GMEMFS_HOOK_H

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

void *gmem_hook_find(const char *module, const char *name);
int gmem_hook_place(struct gmem_hook *const *hooks, int nr, const char *module);
void gmem_hook_remove(void);

int gmem_hook_enter(void);
void gmem_hook_leave(int token);

#endif /* GMEMFS_HOOK_H */
