// SPDX-License-Identifier: GPL-2.0
/*
 * VMs that ran before KVM was hooked.
 *
 * A hook redirects calls, not what is inside of a call already. A task may
 * sleep in KVM's look-up of an address for as long as its VMM likes (a
 * userfaultfd that isn't answered), from before gmemfs was loaded. If hidden
 * memory were at that address when it goes on, KVM would get the frame without
 * a loan, and its next access would crash the host.
 *
 * Such a task uses the address space that its VM was made in, and that has
 * KVM's MMU notifier as long as the VM lives. So all address spaces with a
 * notifier are noted once the hooks are placed, and guard.c lets none of them
 * map hidden memory. What has another notifier (a device's driver) is noted
 * with them. Usually nothing is: gmemfs is loaded before VMs run.
 */
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "earlyvm.h"

/* Written while gmemfs loads, before there is a mount, and when it unloads. */
static struct mm_struct **early_vms;
static unsigned int nr_early_vms;

/* Most hosts have none, others one for each VM. */
#define ROOM_AT_FIRST	64

/* The thread's address space, with a reference, if it has a notifier. */
static struct mm_struct *gmem_notified_mm(struct task_struct *thread)
{
	struct mm_struct *mm;

	task_lock(thread);
	mm = READ_ONCE(thread->flags) & PF_KTHREAD ? NULL : thread->mm;
	/* One that comes now is of a VM that is hooked: either will do. */
	if (mm && data_race(mm_has_notifiers(mm)))
		mmgrab(mm);
	else
		mm = NULL;
	task_unlock(thread);
	return mm;
}

/*
 * Fill the array. The threads of a process follow each other, so comparing with
 * the last one is enough. Return: how much room all of them need.
 */
static unsigned int gmem_early_vms_collect(unsigned int room)
{
	struct task_struct *process, *thread;
	struct mm_struct *mm, *last = NULL;
	unsigned int found = 0;

	rcu_read_lock();
	for_each_process_thread(process, thread) {
		mm = gmem_notified_mm(thread);
		if (!mm)
			continue;
		if (mm != last && found++ < room)
			early_vms[nr_early_vms++] = mm;
		else
			mmdrop(mm);
		last = mm;
	}
	rcu_read_unlock();
	return found;
}

/**
 * gmem_early_vms_note - note the address spaces that may have a VM
 *
 * The caller has placed the hooks, and no file can be mapped yet. A VM made in
 * between is noted, too, which does no harm.
 *
 * Return: 0 or -ENOMEM.
 */
int gmem_early_vms_note(void)
{
	unsigned int room, needed = ROOM_AT_FIRST;

	do {
		gmem_early_vms_forget();
		room = needed;
		early_vms = kvmalloc_array(room, sizeof(*early_vms),
					   GFP_KERNEL);
		if (!early_vms)
			return -ENOMEM;
		needed = gmem_early_vms_collect(room);
	} while (needed > room);
	if (!needed)
		gmem_early_vms_forget();
	return 0;
}

void gmem_early_vms_forget(void)
{
	while (nr_early_vms)
		mmdrop(early_vms[--nr_early_vms]);
	kvfree(early_vms);
	early_vms = NULL;
}

/* gmem_early_vms_has - may this address space have a VM from before? */
bool gmem_early_vms_has(const struct mm_struct *mm)
{
	unsigned int i;

	for (i = 0; i < nr_early_vms; i++)
		if (early_vms[i] == mm)
			return true;
	return false;
}
