// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a VMM's address space. Its VM may live on: another process may
 * have a descriptor of it.
 *
 * KVM learns through its MMU notifier that pages go away, and exit_mmap()
 * removes that notifier before it unmaps anything. KVM then unmaps the guest's
 * memory, but leaves its gfn_to_pfn_caches valid, and goes on delivering events
 * through them: into memory that the kernel has freed, and that somebody else
 * may own. Such a stray write corrupts that memory; if it has become one of our
 * hidden pages, the write crashes the host. So KVM's caches lose their pages
 * here, whether they are ours or not, as they would for a range that is
 * unmapped.
 *
 * No cache may get a page after that. A look-up needs the VMM's address space.
 * A user task has a reference to it until it exits, but a kthread that only
 * uses it, as an irqfd does, has none: gmem_vmm_get() takes one. So no look-up
 * is running, or begins, once the notifier is removed.
 */
#include <linux/errno.h>
#include <linux/kvm_host.h>
#include <linux/mmu_notifier.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/static_call.h>

#include "hook.h"
#include "kvm.h"
#include "vmmexit.h"

/* KVM declares these two in private headers. */
void kvm_mmu_notifier_release(struct mmu_notifier *mn, struct mm_struct *mm);
void gfn_to_pfn_cache_invalidate_start(struct kvm *kvm, unsigned long start,
				       unsigned long end);

DEFINE_STATIC_CALL_NULL(kvm_release, kvm_mmu_notifier_release);
DEFINE_STATIC_CALL_NULL(kvm_invalidate, gfn_to_pfn_cache_invalidate_start);

/* Is the current task a kthread, which uses another task's address space? */
static bool gmem_vmm_is_borrowed(void)
{
	return current->flags & PF_KTHREAD;
}

/**
 * gmem_vmm_get - keep a VMM's address space while KVM looks into it
 * @kvm: its VM
 *
 * Return: 0, and gmem_vmm_put() undoes this; -EFAULT if the address space has
 * come to its end, or isn't the current one: KVM would look into the wrong one.
 */
int gmem_vmm_get(struct kvm *kvm)
{
	if (current->mm != kvm->mm)
		return -EFAULT;
	if (gmem_vmm_is_borrowed() && !mmget_not_zero(kvm->mm))
		return -EFAULT;
	return 0;
}

/*
 * mmput_async(), because this may be the last reference, and the hook must not
 * tear KVM down while it is inside of KVM.
 */
void gmem_vmm_put(struct kvm *kvm)
{
	if (gmem_vmm_is_borrowed())
		mmput_async(kvm->mm);
}

/* Called once: when no task uses @mm any more, or when the VM is destroyed. */
static void gmem_vmm_release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct kvm *kvm = container_of(mn, struct kvm, mmu_notifier);
	int token = gmem_hook_enter(&gmem_kvm_hooks);

	static_call(kvm_release)(mn, mm);
	static_call(kvm_invalidate)(kvm, 0, ULONG_MAX);
	gmem_hook_leave(&gmem_kvm_hooks, token);
}

struct gmem_hook gmem_vmm_release_hook =
	GMEM_HOOK(kvm_mmu_notifier_release, gmem_vmm_release, kvm_release);

/**
 * gmem_vmm_find - find the function of KVM that is called here but not hooked
 *
 * Return: 0, or -ENOENT.
 */
int gmem_vmm_find(void)
{
	void *addr = gmem_hook_find("kvm", "gfn_to_pfn_cache_invalidate_start");

	if (!addr) {
		pr_err("guard: kvm has no function gfn_to_pfn_cache_invalidate_start that gmemfs can find: this kernel isn't supported\n");
		return -ENOENT;
	}
	static_call_update(kvm_invalidate, addr);
	return 0;
}
