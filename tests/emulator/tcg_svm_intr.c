// SPDX-License-Identifier: GPL-2.0
/*
 * Makes KVM get along with a mistake of the emulator, QEMU's TCG, that runs the
 * test hosts.
 *
 * Its VMRUN, when it injects an interrupt, delivers that at once, but also
 * leaves the vector where that of a pending exception is (exception_index, in
 * helper_vmrun(), up to QEMU 11 at least). The next exit of the guest
 * overwrites it. If the emulator interrupts its CPU before, to run a timer or
 * for another of its CPUs, it takes that for an exception and delivers the
 * vector once more, whether the guest has interrupts enabled or not. A guest
 * that was in the handler of that very interrupt then waits forever for a lock
 * that it holds, or dies of a triple fault.
 *
 * So let there be an exit before the guest's first instruction: KVM can do
 * that, for purposes of its own, when svm_vcpu_run() is told so. It costs an
 * exit for each interrupt. hostvm/guest/init loads this where the clock counts
 * instructions: the emulator stops for each timer there, and two of three hosts
 * had a guest that hung. Elsewhere that is rare. With this loaded, of guests
 * with as many vCPUs as the host has CPUs, or more, one hung and one was reset
 * in four runs, why isn't known: so there it isn't.
 */
#include <linux/atomic.h>
#include <linux/kprobes.h>
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/sched.h>

/*
 * Behind ENDBR and the NOP that ftrace replaces, at the function's entry still,
 * and no concern of ftrace's, which tests turn on and off. Without IBT there is
 * no ENDBR.
 */
static const unsigned int entries[] = { 9, 5 };

/*
 * A vCPU's thread injects, and enters the guest next. If two share a place, one
 * of them may exit for nothing, or not.
 */
#define THREADS 4096
static atomic_t has_injected[THREADS];

static atomic_t *of_this_thread(void)
{
	return &has_injected[current->pid % THREADS];
}

static int on_inject(struct kprobe *kp, struct pt_regs *regs)
{
	atomic_set(of_this_thread(), 1);
	return 0;
}

/* The second argument is run_flags. */
static int on_run(struct kprobe *kp, struct pt_regs *regs)
{
	if (atomic_xchg(of_this_thread(), 0))
		regs->si |= KVM_RUN_FORCE_IMMEDIATE_EXIT;
	return 0;
}

static struct kprobe probes[] = {
	{ .symbol_name = "svm_vcpu_run", .pre_handler = on_run },
	{ .symbol_name = "svm_inject_irq", .pre_handler = on_inject },
};

static int probe_entry(struct kprobe *kp)
{
	unsigned int i;
	int ret = -ENOENT;

	for (i = 0; i < ARRAY_SIZE(entries) && ret; i++) {
		kp->addr = NULL;
		kp->flags = 0;
		kp->offset = entries[i];
		ret = register_kprobe(kp);
	}
	if (ret)
		pr_err("can't probe %s: %d\n", kp->symbol_name, ret);
	return ret;
}

static int __init tcg_svm_intr_init(void)
{
	int ret = probe_entry(&probes[0]);

	if (ret)
		return ret;
	ret = probe_entry(&probes[1]);
	if (ret)
		unregister_kprobe(&probes[0]);
	return ret;
}

static void __exit tcg_svm_intr_exit(void)
{
	unregister_kprobe(&probes[1]);
	unregister_kprobe(&probes[0]);
}

module_init(tcg_svm_intr_init);
module_exit(tcg_svm_intr_exit);

MODULE_DESCRIPTION("Exits after each injected interrupt, for QEMU's TCG");
MODULE_LICENSE("GPL");
