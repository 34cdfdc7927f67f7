// SPDX-License-Identifier: GPL-2.0
/*
 * Functions and variables that the kernel, or a module, doesn't export: only
 * this file looks them up.
 *
 * The callers use static calls, which are direct calls. A call through a
 * function pointer would trap: with Intel IBT, functions whose address the
 * kernel never takes are sealed against indirect calls.
 */
#include <linux/kallsyms.h>
#include <linux/kprobes.h>
#include <linux/static_call.h>

#include "fault_inject.h"
#include "symbol.h"

/*
 * Any function can have a kprobe, exported or not, and register_kprobe()
 * returns its address. On a kernel built for IBT that address is 4 bytes into
 * the function, after the ENDBR, which a direct call doesn't need.
 *
 * The kprobe is never armed. Arming would use ftrace. If ftrace is off by
 * sysctl, it then forgets to clear its flags of the function; later, when it is
 * on, it warns and gives up.
 */
void *gmem_find_function(const char *name)
{
	struct kprobe kp = {
		.symbol_name = name,
		.flags = KPROBE_FLAG_DISABLED,
	};

	if (gmem_fault_inject(GMEM_FAIL_SYMBOL) || register_kprobe(&kp))
		return NULL;
	unregister_kprobe(&kp);
	return kp.addr;
}

DEFINE_STATIC_CALL_NULL(gmem_kallsyms, kallsyms_lookup_name);

/**
 * gmem_find_data - find a variable
 * @name: its name, with "MODULE:" in front if it is a module's. The caller
 *	  keeps that module loaded.
 *
 * Return: its address, or NULL: also on a kernel without CONFIG_KALLSYMS_ALL.
 */
void *gmem_find_data(const char *name)
{
	void *lookup = gmem_find_function("kallsyms_lookup_name");

	if (!lookup)
		return NULL;
	static_call_update(gmem_kallsyms, lookup);
	return (void *)static_call(gmem_kallsyms)(name);
}
