// SPDX-License-Identifier: GPL-2.0
/*
 * Functions that the kernel doesn't export: the only file that looks them up.
 *
 * What is found is called by a static call, which is a direct call. Through a
 * function pointer the CPU would trap: with Intel IBT, functions whose address
 * the kernel never takes are sealed against indirect calls.
 */
#include <linux/kprobes.h>

#include "fault_inject.h"
#include "symbol.h"

/*
 * A kprobe may sit on any function, exported or not, and registering one tells
 * its address. On a kernel built for IBT that is 4 bytes into the function,
 * behind the ENDBR, which a direct call doesn't need.
 *
 * Never armed: that would go by ftrace, which, if it's off by sysctl, forgets
 * to clear its flags of the function, and warns and gives up once it is on.
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
