// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/fs/gmemfs/vms: the host's VMs and the slots of their memory, as KVM has
 * them. "gmemctl audit" compares that with what each VMM has mapped there. A
 * VMM can't be asked: it may be the one that one wants to know about.
 *
 * The file is in /proc, because debugfs may be off or not mounted, and a file
 * in sysfs has a page at most. It shows where processes have their memory, so
 * it is for root with CAP_SYS_ADMIN only; a container's root may have the mode
 * alone. No address of the kernel is in it.
 *
 * KVM has its VMs in a list, under kvm_lock. A VM that is destroyed leaves the
 * list, under that lock, before anything of it is freed: kvm_destroy_vm(). So
 * what is in the list is whole while the lock is held, and no reference is
 * needed. One would have its price: who drops the last one destroys the VM. A
 * VM's slots are read under its SRCU, as KVM itself reads them: the active set
 * of slots isn't changed, but replaced, and then KVM waits for the readers. So
 * no user's ioctl has to be waited for.
 *
 * seq_file fills a page at a time, and has kvm_lock only meanwhile. In between,
 * a cursor says where to go on: at the VM with the lowest address that is not
 * below the cursor's, at the first slot that is not below it in the guest's
 * memory. So each VM and slot that is there all the time is shown exactly once,
 * whatever comes and goes, and nothing is allocated for those that there are.
 *
 * A slot that moves may be left out: it was still above the cursor when the
 * cursor passed the one place, and then at the other. So may be the first slots
 * of a VM at the address of another that has just gone. Who needs to know reads
 * the file twice: KVM has a generation of slots, which is shown with the VM. If
 * that is the same again, the first list of the VM's slots was whole.
 *
 * KVM holds kvm_lock when it reclaims memory, too. So no memory is allocated
 * under it.
 */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/kvm_host.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/proc_fs.h>
#include <linux/rbtree.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/seq_file.h>
#include <linux/srcu.h>

#include "guard.h"
#include "layout.h"
#include "symbol.h"
#include "vms.h"

/* The first line, with the number of the format. */
#define GMEM_VMS_FORMAT	"gmemfs-vms 1\n"

/**
 * struct gmem_vms_slot - a slot of a VM, as it was under SRCU
 * @base: first frame of the guest
 * @pages: how many
 * @user: address in the VMM
 * @flags: KVM_MEM_*
 * @id: KVM's number of it
 */
struct gmem_vms_slot {
	gfn_t base;
	unsigned long pages;
	unsigned long user;
	u32 flags;
	int id;
};

/* The address space of the line that only says that there is a VM. */
#define GMEM_VMS_LINE	(-1)

/**
 * struct gmem_vms - one open file
 * @held: kvm.ko is kept loaded
 * @lock: KVM's kvm_lock; NULL if there can't be any VMs
 * @list: KVM's vm_list
 * @ns: the PID namespace of this /proc
 * @vm: the cursor: address of the VM, as a number; 0: the first line
 * @space: address space, of KVM_MAX_NR_ADDRESS_SPACES; or GMEM_VMS_LINE
 * @base: first frame of the slot
 * @kvm: the VM at the cursor, while @lock is held; or NULL
 * @slot: the slot at the cursor
 */
struct gmem_vms {
	bool held;
	struct mutex *lock;	/* see above */
	struct list_head *list;
	struct pid_namespace *ns;
	unsigned long vm;
	int space;
	gfn_t base;
	struct kvm *kvm;
	struct gmem_vms_slot slot;
};

/* ---- KVM's structs: checked apart; the guard works without this ---- */

static const struct gmem_member kvm_members[] = {
	GMEM_MEMBER(struct kvm, mm),
	GMEM_MEMBER(struct kvm, memslots),
	GMEM_MEMBER(struct kvm, vm_list),
	GMEM_MEMBER(struct kvm, srcu),
	GMEM_MEMBER(struct kvm, userspace_pid),
};

static const struct gmem_member memslots_members[] = {
	GMEM_MEMBER(struct kvm_memslots, generation),
	GMEM_MEMBER(struct kvm_memslots, gfn_tree),
	GMEM_MEMBER(struct kvm_memslots, node_idx),
};

static const struct gmem_member slot_members[] = {
	GMEM_MEMBER(struct kvm_memory_slot, gfn_node),
	GMEM_MEMBER(struct kvm_memory_slot, base_gfn),
	GMEM_MEMBER(struct kvm_memory_slot, npages),
	GMEM_MEMBER(struct kvm_memory_slot, userspace_addr),
	GMEM_MEMBER(struct kvm_memory_slot, flags),
	GMEM_MEMBER(struct kvm_memory_slot, id),
};

static const struct gmem_layout vms_layouts[] = {
	GMEM_LAYOUT(kvm, kvm_members),
	GMEM_LAYOUT(kvm_memslots, memslots_members),
	GMEM_LAYOUT(kvm_memory_slot, slot_members),
};

static const struct gmem_layouts layouts = {
	.who = "guard",
	.module = "kvm",
	.landmark = "kvm_gpc_activate",
	.of = vms_layouts,
	.nr = ARRAY_SIZE(vms_layouts),
};

/*
 * Find a variable of KVM, which is held. Without "kvm:", a name may be that of
 * a variable of another module or of the kernel, which isn't KVM's at all. So
 * it is looked up in that way only where KVM may be a part of the kernel.
 */
static void *gmem_vms_variable(const char *qualified, const char *name)
{
	void *found = gmem_find_data(qualified);

	if (!found && IS_BUILTIN(CONFIG_KVM))
		found = gmem_find_data(name);
	return found;
}

/* Return: 0; or -ENODEV, and the kernel's log says why. */
static int gmem_vms_know(struct gmem_vms *v)
{
	struct list_head *list;
	struct mutex *lock;	/* of the list */

	if (gmem_layout_check(&layouts))
		return -ENODEV;
	list = gmem_vms_variable("kvm:vm_list", "vm_list");
	lock = gmem_vms_variable("kvm:kvm_lock", "kvm_lock");
	if (!list || !lock) {
		pr_err_ratelimited("kvm's list of VMs was not found, so gmemctl audit can't look at them: it needs a kernel with CONFIG_KALLSYMS_ALL that gmemfs was built for\n");
		return -ENODEV;
	}
	v->list = list;
	v->lock = lock;
	return 0;
}

/* ---- the process that has a VM ---- */

static bool gmem_vms_uses(struct task_struct *task, const struct mm_struct *mm)
{
	bool uses;

	task_lock(task);
	uses = !(READ_ONCE(task->flags) & PF_KTHREAD) && task->mm == mm;
	task_unlock(task);
	return uses;
}

/*
 * All threads of a process share an address space, until they end. So one that
 * has another one speaks for the others: users may have many threads, and many
 * VMs, and kvm_lock is held. Return: NULL if none has it.
 */
static struct task_struct *gmem_vms_thread(struct task_struct *process,
					   const struct mm_struct *mm)
{
	struct task_struct *thread;

	for_each_thread(process, thread) {
		if (gmem_vms_uses(thread, mm))
			return thread;
		if (READ_ONCE(thread->mm))
			break;
	}
	return NULL;
}

/*
 * KVM knows which thread made the VM. That may have ended, and its number be
 * another's. So what counts is the address space. Return: NULL if no task has
 * that any more.
 */
static struct task_struct *gmem_vms_task(const struct kvm *kvm)
{
	pid_t maker = READ_ONCE(kvm->userspace_pid);
	struct task_struct *process, *thread;

	RCU_LOCKDEP_WARN(!rcu_read_lock_held(), "no task can be looked up");
	thread = pid_task(find_pid_ns(maker, &init_pid_ns), PIDTYPE_PID);
	if (thread && gmem_vms_uses(thread, kvm->mm))
		return thread;
	for_each_process(process) {
		thread = gmem_vms_thread(process, kvm->mm);
		if (thread)
			return thread;
	}
	return NULL;
}

/* Return: 0 if there is none, or if it isn't in the namespace. */
static pid_t gmem_vms_pid(const struct kvm *kvm, struct pid_namespace *ns)
{
	struct task_struct *task;
	pid_t pid = 0;

	rcu_read_lock();
	task = gmem_vms_task(kvm);
	if (task)
		pid = task_tgid_nr_ns(task, ns);
	rcu_read_unlock();
	return pid;
}

/* ---- the cursor ---- */

/* The VM with the lowest address that isn't below the cursor's. */
static struct kvm *gmem_vms_vm(const struct gmem_vms *v)
{
	struct kvm *kvm, *found = NULL;

	lockdep_assert_held(v->lock);
	list_for_each_entry(kvm, v->list, vm_list) {
		cond_resched();
		if ((unsigned long)kvm < v->vm)
			continue;
		if (!found || kvm < found)
			found = kvm;
	}
	return found;
}

/* The slot with the lowest frame that isn't below the cursor's. */
static const struct kvm_memory_slot *
gmem_vms_lowest(const struct gmem_vms *v, const struct kvm_memslots *slots)
{
	const struct kvm_memory_slot *slot, *found = NULL;
	struct rb_node *node = slots->gfn_tree.rb_node;

	while (node) {
		slot = container_of(node, struct kvm_memory_slot,
				    gfn_node[slots->node_idx]);
		if (slot->base_gfn < v->base) {
			node = node->rb_right;
		} else {
			found = slot;
			node = node->rb_left;
		}
	}
	return found;
}

/* Copy that slot. Return: false if the address space has none. */
static bool gmem_vms_copy_slot(struct gmem_vms *v)
{
	const struct kvm_memory_slot *slot = NULL;
	const struct kvm_memslots *slots;
	int srcu;

	lockdep_assert_held(v->lock);
	srcu = srcu_read_lock(&v->kvm->srcu);
	slots = srcu_dereference(v->kvm->memslots[v->space], &v->kvm->srcu);
	if (slots)
		slot = gmem_vms_lowest(v, slots);
	if (slot) {
		v->slot.base = slot->base_gfn;
		v->slot.pages = slot->npages;
		v->slot.user = slot->userspace_addr;
		v->slot.flags = slot->flags;
		v->slot.id = slot->id;
	}
	srcu_read_unlock(&v->kvm->srcu, srcu);
	return slot;
}

/* The next slot of the cursor's VM. */
static bool gmem_vms_find_slot(struct gmem_vms *v)
{
	for (; v->space < KVM_MAX_NR_ADDRESS_SPACES; v->space++) {
		if (gmem_vms_copy_slot(v)) {
			v->base = v->slot.base;
			return true;
		}
		v->base = 0;
	}
	return false;
}

static bool gmem_vms_find_vm(struct gmem_vms *v)
{
	v->kvm = gmem_vms_vm(v);
	if (!v->kvm)
		return false;
	if ((unsigned long)v->kvm != v->vm) {
		v->vm = (unsigned long)v->kvm;
		v->space = GMEM_VMS_LINE;
		v->base = 0;
	}
	return true;
}

/* Move the cursor to its line, or the next. Return: false if there is none. */
static bool gmem_vms_find(struct gmem_vms *v)
{
	if (!v->vm)
		return true;
	while (v->lock && (v->kvm || gmem_vms_find_vm(v))) {
		if (v->space == GMEM_VMS_LINE || gmem_vms_find_slot(v))
			return true;
		v->vm++;
		v->kvm = NULL;
	}
	return false;
}

/* Beyond the line where it is. */
static void gmem_vms_advance(struct gmem_vms *v)
{
	if (!v->vm) {
		v->vm = 1;
	} else if (v->space == GMEM_VMS_LINE) {
		v->space = 0;
		v->base = 0;
	} else {
		v->base++;
	}
}

/* ---- the file ---- */

static void *gmem_vms_start(struct seq_file *m, loff_t *pos)
{
	struct gmem_vms *v = m->private;

	if (v->lock)
		mutex_lock(v->lock);
	if (!*pos)
		v->vm = 0;
	return gmem_vms_find(v) ? v : NULL;
}

static void *gmem_vms_next(struct seq_file *m, void *at, loff_t *pos)
{
	struct gmem_vms *v = m->private;

	++*pos;
	gmem_vms_advance(v);
	return gmem_vms_find(v) ? v : NULL;
}

static void gmem_vms_stop(struct seq_file *m, void *at)
{
	struct gmem_vms *v = m->private;

	v->kvm = NULL;
	if (v->lock)
		mutex_unlock(v->lock);
}

/* KVM gives a guest a few pages of its own: these are no user's slots. */
static void gmem_vms_show_slot(struct seq_file *m, const struct gmem_vms *v)
{
	const struct gmem_vms_slot *slot = &v->slot;

	seq_printf(m, "%s %d %d %#x %#llx %#llx %#lx\n",
		   slot->id < KVM_USER_MEM_SLOTS ? "slot" : "kvm", v->space,
		   slot->id, slot->flags, (u64)slot->base << PAGE_SHIFT,
		   (u64)slot->pages << PAGE_SHIFT, slot->user);
}

/*
 * It grows with each change of a slot. While KVM makes one, a bit is set: for
 * one address space at a time, as a VM's slots_lock is held.
 */
static u64 gmem_vms_generation(struct kvm *kvm)
{
	const struct kvm_memslots *slots;
	u64 generation = 0;
	int i, srcu;

	srcu = srcu_read_lock(&kvm->srcu);
	for (i = 0; i < KVM_MAX_NR_ADDRESS_SPACES; i++) {
		slots = srcu_dereference(kvm->memslots[i], &kvm->srcu);
		if (slots)
			generation += READ_ONCE(slots->generation);
	}
	srcu_read_unlock(&kvm->srcu, srcu);
	return generation;
}

static int gmem_vms_show(struct seq_file *m, void *at)
{
	struct gmem_vms *v = m->private;

	if (!v->vm)
		seq_puts(m, GMEM_VMS_FORMAT);
	else if (v->space == GMEM_VMS_LINE)
		seq_printf(m, "vm %d %#llx\n", gmem_vms_pid(v->kvm, v->ns),
			   gmem_vms_generation(v->kvm));
	else
		gmem_vms_show_slot(m, v);
	return 0;
}

static const struct seq_operations gmem_vms_lines = {
	.start	= gmem_vms_start,
	.next	= gmem_vms_next,
	.stop	= gmem_vms_stop,
	.show	= gmem_vms_show,
};

static int gmem_vms_begin(struct gmem_vms *v)
{
	int ret = gmem_guard_hold_kvm();

	if (ret <= 0)
		return ret;
	v->held = true;
	return gmem_vms_know(v);
}

static void gmem_vms_end(struct gmem_vms *v)
{
	if (v->held)
		gmem_guard_release_kvm();
}

/*
 * If there is no KVM, the file has its first line only, and goes on to say so:
 * who wants to see what has come meanwhile opens it again.
 */
static int gmem_vms_open(struct inode *inode, struct file *file)
{
	struct gmem_vms *v;
	int ret;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	v = __seq_open_private(file, &gmem_vms_lines, sizeof(*v));
	if (!v)
		return -ENOMEM;
	v->ns = proc_pid_ns(inode->i_sb);
	ret = gmem_vms_begin(v);
	if (ret) {
		gmem_vms_end(v);
		seq_release_private(inode, file);
	}
	return ret;
}

static int gmem_vms_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;

	gmem_vms_end(m->private);
	return seq_release_private(inode, file);
}

static const struct proc_ops gmem_vms_ops = {
	.proc_open	= gmem_vms_open,
	.proc_read_iter	= seq_read_iter,
	.proc_lseek	= seq_lseek,
	.proc_release	= gmem_vms_release,
};

static struct proc_dir_entry *gmem_vms_dir;

int __init gmem_vms_init(void)
{
	gmem_vms_dir = proc_mkdir("fs/gmemfs", NULL);
	if (!gmem_vms_dir)
		return -ENOMEM;
	if (proc_create_data("vms", 0400, gmem_vms_dir, &gmem_vms_ops, NULL))
		return 0;
	proc_remove(gmem_vms_dir);
	return -ENOMEM;
}

/* Waits for readers, and closes what is open: kvm.ko is let go of, too. */
void gmem_vms_exit(void)
{
	proc_remove(gmem_vms_dir);
}
