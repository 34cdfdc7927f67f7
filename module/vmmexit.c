// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a VMM's address space, which its VM may outlive: somebody else has
 * a descriptor of it.
 *
 * KVM is told of pages that go by its MMU notifier, and exit_mmap() takes that
 * away before it unmaps anything. KVM unmaps the guest's memory then, but
 * leaves its gfn_to_pfn_caches valid, and still delivers events to them: into
 * memory that the kernel has back, whoever may have it by then. On any memory
 * that is a stray write; where that memory has become a hidden page of ours,
 * the host dies of it. So KVM's caches lose their pages here, of whatever kind
 * these are, as they would for a range that is unmapped.
 *
 * None may get a page after that. A look-up needs the VMM's address space: a
 * task has that until it ends, but a kthread that only uses it, as an irqfd
 * does, has no reference to it: gmem_vmm_get() takes one. So no look-up is
 * under way, or begins, when the notifier is taken away.
 */
#include <linux/errno.h>
#include <linux/kvm_host.h>
#include <linux/mmu_notifier.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/static_call.h>

#include "hook.h"
#include "vmmexit.h"

/* KVM has these two in files of its own. */
void kvm_mmu_notifier_release(struct mmu_notifier *mn, struct mm_struct *mm);
void gfn_to_pfn_cache_invalidate_start(struct kvm *kvm, unsigned long start,
				       unsigned long end);

DEFINE_STATIC_CALL_NULL(kvm_release, kvm_mmu_notifier_release);
DEFINE_STATIC_CALL_NULL(kvm_invalidate, gfn_to_pfn_cache_invalidate_start);

/* A kthread's: it uses an address space that others have. */
static bool gmem_vmm_is_borrowed(void)
{
	return current->flags & PF_KTHREAD;
}

/**
 * gmem_vmm_get - keep a VMM's address space as it is while KVM looks into it
 * @kvm: its VM
 *
 * Return: 0, then gmem_vmm_put(); -EFAULT if it has come to its end, or isn't
 * this task's, so that KVM would look into another.
 */
int gmem_vmm_get(struct kvm *kvm)
{
	if (current->mm != kvm->mm)
		return -EFAULT;
	if (gmem_vmm_is_borrowed() && !mmget_not_zero(kvm->mm))
		return -EFAULT;
	return 0;
}

/* It may be the last reference, and KVM isn't to be torn down from within. */
void gmem_vmm_put(struct kvm *kvm)
{
	if (gmem_vmm_is_borrowed())
		mmput_async(kvm->mm);
}

/* Called once, with nobody left who uses @mm; or as the VM is destroyed. */
static void gmem_vmm_release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct kvm *kvm = container_of(mn, struct kvm, mmu_notifier);
	int token = gmem_hook_enter();

	static_call(kvm_release)(mn, mm);
	static_call(kvm_invalidate)(kvm, 0, ULONG_MAX);
	gmem_hook_leave(token);
}

struct gmem_hook gmem_vmm_release_hook =
	GMEM_HOOK(kvm_mmu_notifier_release, gmem_vmm_release, kvm_release);

/**
 * gmem_vmm_find - find what of KVM is called here and not hooked
 *
 * Return: 0, or -ENOENT.
 */
int gmem_vmm_find(void)
{
	void *addr = gmem_hook_find("kvm", "gfn_to_pfn_cache_invalidate_start");

	if (!addr) {
		pr_err("guard: kvm has no function gfn_to_pfn_cache_invalidate_start to be found\n");
		return -ENOENT;
	}
	static_call_update(kvm_invalidate, addr);
	return 0;
}
