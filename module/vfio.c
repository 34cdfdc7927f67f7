// SPDX-License-Identifier: GPL-2.0
/*
 * VFIO: devices that a VMM gives to its guest, or that a process drives itself,
 * access memory of gmemfs by DMA.
 *
 * VFIO's driver for IOMMUs, vfio_iommu_type1, turns a process' addresses into
 * frames by get_user_pages(), which refuses guest views (view.c). One function
 * of that driver does that: vaddr_get_pfns(). ftrace redirects it to ours. For
 * an address in a guest view, pin.c finds the pages, which the device then has
 * (device.c). For all other addresses the driver's own function runs. All else
 * is up to the driver: RLIMIT_MEMLOCK, the IOMMU's page tables, and the end of
 * the pins. The pages stay hidden.
 *
 * Drivers of devices without an IOMMU, such as mediated devices, call the same
 * function by vfio_pin_pages(). But they access the pages by software, in the
 * direct map. They get no page of a guest view. So the two functions by which
 * memory is mapped for an IOMMU are redirected, too, and leave a note of their
 * task. A task without a note gets nothing: neither by vfio_pin_pages(), nor if
 * it was inside the driver already when the hooks were placed. vfio_dma_rw()
 * copies by the user address, and so works.
 *
 * If the driver's functions can't be hooked, nothing is lost but this: the
 * driver refuses guest views, as it does without this file. So neither the
 * driver nor gmemfs is kept from loading.
 *
 * The driver's module and gmemfs.ko may load in any order and at the same time.
 * The state changes under vfio_lock only:
 *
 *	VFIO_ABSENT	nothing to hook, as far as we know
 *	VFIO_HOOKED	the hooks are placed
 *	VFIO_UNHOOKED	the driver is loaded, and could not be hooked
 *	VFIO_OFF	we leave the driver alone: vfio=off, or not loaded
 *
 * As in guard.c, the hooks may be placed between two calls of our notifier,
 * COMING and GOING. A driver that called the notifiers before ours was
 * registered calls them again when it is live.
 */
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/static_call.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/uaccess.h>

#include <uapi/linux/vfio.h>

#include "hook.h"
#include "layout.h"
#include "pin.h"
#include "refusal.h"
#include "symbol.h"
#include "vfio.h"
#include "view.h"

#define TYPE1	"vfio_iommu_type1"

enum gmem_vfio_state { VFIO_ABSENT, VFIO_HOOKED, VFIO_UNHOOKED, VFIO_OFF };

static const char *const vfio_state_names[] = {
	"absent", "hooked", "unhooked", "off",
};

enum gmem_vfio_mode { VFIO_MODE_PIN, VFIO_MODE_OFF };

static const char *const vfio_mode_names[] = { "pin", "off" };

static DEFINE_MUTEX(vfio_lock);	/* these three, and placing hooks */
static enum gmem_vfio_state vfio_state = VFIO_OFF;
static enum gmem_vfio_mode vfio_mode = VFIO_MODE_PIN;
static bool vfio_loaded;

/* gmem_vfio_state - for sysfs: is VFIO's driver there, and hooked? */
const char *gmem_vfio_state(void)
{
	return vfio_state_names[READ_ONCE(vfio_state)];
}

/* ---- who maps memory for devices ---- */

/**
 * struct gmem_mapper - a note on the stack of a task that maps memory for
 *			devices with an IOMMU
 * @node: in mappers
 * @task: the task
 */
struct gmem_mapper {
	struct list_head node;
	struct task_struct *task;
};

static LIST_HEAD(mappers);
static DEFINE_SPINLOCK(mappers_lock);

static void gmem_mapper_begin(struct gmem_mapper *m)
{
	m->task = current;
	spin_lock(&mappers_lock);
	list_add(&m->node, &mappers);
	spin_unlock(&mappers_lock);
}

static void gmem_mapper_end(struct gmem_mapper *m)
{
	spin_lock(&mappers_lock);
	list_del(&m->node);
	spin_unlock(&mappers_lock);
}

/* Only a task itself adds and removes its note, so the answer stays true. */
static bool gmem_is_mapper(void)
{
	struct gmem_mapper *m;
	bool found = false;

	spin_lock(&mappers_lock);
	list_for_each_entry(m, &mappers, node)
		found |= m->task == current;
	spin_unlock(&mappers_lock);
	return found;
}

/* These two are static in the driver. */
long vfio_iommu_type1_ioctl(void *iommu_data, unsigned int cmd,
			    unsigned long arg);
int vfio_iommu_type1_attach_group(void *iommu_data,
				  struct iommu_group *iommu_group,
				  unsigned int type);

DEFINE_STATIC_CALL_NULL(vfio_ioctl_of, vfio_iommu_type1_ioctl);
DEFINE_STATIC_CALL_NULL(vfio_attach_group_of, vfio_iommu_type1_attach_group);

/* Its other commands find no frames. */
static long gmem_type1_ioctl(void *iommu_data, unsigned int cmd,
			     unsigned long arg)
{
	int token = gmem_hook_enter(&gmem_vfio_hooks);
	bool maps = cmd == VFIO_IOMMU_MAP_DMA;
	struct gmem_mapper mapper;
	long ret;

	if (maps)
		gmem_mapper_begin(&mapper);
	ret = static_call(vfio_ioctl_of)(iommu_data, cmd, arg);
	if (maps)
		gmem_mapper_end(&mapper);
	gmem_hook_leave(&gmem_vfio_hooks, token);
	return ret;
}

/* The group's IOMMU may get all that was mapped before. */
static int gmem_type1_attach_group(void *iommu_data,
				   struct iommu_group *iommu_group,
				   unsigned int type)
{
	int token = gmem_hook_enter(&gmem_vfio_hooks);
	struct gmem_mapper mapper;
	int ret;

	gmem_mapper_begin(&mapper);
	ret = static_call(vfio_attach_group_of)(iommu_data, iommu_group, type);
	gmem_mapper_end(&mapper);
	gmem_hook_leave(&gmem_vfio_hooks, token);
	return ret;
}

static struct gmem_hook gmem_vfio_ioctl_hook =
	GMEM_HOOK(vfio_iommu_type1_ioctl, gmem_type1_ioctl, vfio_ioctl_of);
static struct gmem_hook gmem_vfio_attach_group_hook =
	GMEM_HOOK(vfio_iommu_type1_attach_group, gmem_type1_attach_group,
		  vfio_attach_group_of);

/* ---- addresses of guest views ---- */

/* Who maps memory for a device does that in its own address space. */
static long gmem_vfio_pin_view(struct vm_area_struct *vma, unsigned long addr,
			       unsigned long nr, int prot, struct page **pages)
{
	if (vma->vm_mm == current->mm && gmem_is_mapper())
		return gmem_pin(vma, addr, nr, prot & IOMMU_WRITE, pages);
	gmem_refusal_say(file_inode(vma->vm_file), GMEM_REFUSED_SOFTWARE);
	return -EFAULT;
}

/**
 * gmem_vfio_pin - get pages for a device, if the address is in a guest view
 * @mm: the address space
 * @addr: the first address
 * @nr: how many pages
 * @prot: what the device may do: IOMMU_READ, IOMMU_WRITE
 * @pages: set to the pages
 *
 * Return: how many pages were pinned, the first ones; 0 if this isn't a guest
 * view; or an errno as of gmem_pin().
 */
long gmem_vfio_pin(struct mm_struct *mm, unsigned long addr, unsigned long nr,
		   int prot, struct page **pages)
{
	struct vm_area_struct *vma;
	long ret = 0;

	mmap_read_lock(mm);
	addr = untagged_addr_remote(mm, addr);
	vma = vma_lookup(mm, addr);
	if (vma && gmem_view_is(vma))
		ret = gmem_vfio_pin_view(vma, addr, nr, prot, pages);
	mmap_read_unlock(mm);
	return ret;
}

/* ---- the driver comes and goes ---- */

static struct gmem_hook *const hooks[] = {
	&gmem_vfio_get_pfns_hook,
	&gmem_vfio_ioctl_hook,
	&gmem_vfio_attach_group_hook,
};

GMEM_DEFINE_HOOKS(gmem_vfio_hooks, "vfio", TYPE1, hooks);

/* The driver is loaded, and can't unload now. */
static void gmem_type1_came(void)
{
	int ret;

	lockdep_assert_held(&vfio_lock);
	if (vfio_state != VFIO_ABSENT)
		return;
	ret = gmem_layout_check(&gmem_vfio_layouts);
	if (!ret)
		ret = gmem_hook_place(&gmem_vfio_hooks);
	WRITE_ONCE(vfio_state, ret ? VFIO_UNHOOKED : VFIO_HOOKED);
	if (ret)
		pr_warn("vfio: devices get no memory of gmemfs, because " TYPE1 " could not be hooked (see the messages above); guests without devices of the host's are not affected\n");
	else
		pr_info("vfio: " TYPE1 " is hooked\n");
}

static void gmem_type1_went(enum gmem_vfio_state state)
{
	lockdep_assert_held(&vfio_lock);
	if (vfio_state == VFIO_HOOKED)
		gmem_hook_remove(&gmem_vfio_hooks);
	WRITE_ONCE(vfio_state, state);
}

static int gmem_type1_event(struct notifier_block *nb, unsigned long event,
			    void *data)
{
	struct module *mod = data;

	if (strcmp(mod->name, TYPE1))
		return NOTIFY_DONE;
	mutex_lock(&vfio_lock);
	switch (event) {
	case MODULE_STATE_COMING:
	case MODULE_STATE_LIVE:
		gmem_type1_came();
		break;
	case MODULE_STATE_GOING:
		if (vfio_state != VFIO_OFF)
			gmem_type1_went(VFIO_ABSENT);
		break;
	}
	mutex_unlock(&vfio_lock);
	return NOTIFY_DONE;
}

static struct notifier_block gmem_type1_nb = {
	.notifier_call = gmem_type1_event,
};

DEFINE_STATIC_CALL_NULL(gmem_find_module, find_module);

/*
 * A reference to the driver's module, if it is live. It exports nothing that
 * symbol_get() could be asked for.
 */
static struct module *gmem_type1_get(void)
{
	void *find = gmem_find_function("find_module");
	struct module *mod;

	if (!find) {
		pr_warn("vfio: find_module() was not found. If " TYPE1 " is loaded already, devices get no memory of gmemfs until it is unloaded and loaded again\n");
		return NULL;
	}
	static_call_update(gmem_find_module, find);
	/* 6.12 wants preemption off, later kernels RCU. */
	preempt_disable();
	rcu_read_lock();
	mod = static_call(gmem_find_module)(TYPE1);
	if (mod && (mod->state != MODULE_STATE_LIVE || !try_module_get(mod)))
		mod = NULL;
	rcu_read_unlock();
	preempt_enable();
	return mod;
}

/* Is the driver a part of the kernel, and not a module? */
static bool gmem_type1_is_built_in(void)
{
	unsigned long addr =
		(unsigned long)gmem_find_function("vfio_iommu_type1_ioctl");

	return addr && (addr < MODULES_VADDR || addr >= MODULES_END);
}

/*
 * Hook a driver that is loaded already. One that is being loaded is hooked when
 * it is live, if it wasn't before.
 */
static void gmem_type1_find(void)
{
	struct module *mod;

	lockdep_assert_held(&vfio_lock);
	mod = gmem_type1_get();
	if (mod || gmem_type1_is_built_in())
		gmem_type1_came();
	if (mod)
		module_put(mod);
}

/* ---- the parameter ---- */

/* What devices have already, they keep. */
static void gmem_vfio_set_mode(enum gmem_vfio_mode mode)
{
	lockdep_assert_held(&vfio_lock);
	vfio_mode = mode;
	if (!vfio_loaded)
		return;
	if (mode == VFIO_MODE_OFF) {
		gmem_type1_went(VFIO_OFF);
	} else if (vfio_state == VFIO_OFF) {
		WRITE_ONCE(vfio_state, VFIO_ABSENT);
		gmem_type1_find();
	}
}

static int gmem_vfio_set(const char *value, const struct kernel_param *kp)
{
	int mode = sysfs_match_string(vfio_mode_names, value);

	if (mode < 0) {
		pr_err("bad vfio=%s; give pin or off\n", value);
		return mode;
	}
	mutex_lock(&vfio_lock);
	gmem_vfio_set_mode(mode);
	mutex_unlock(&vfio_lock);
	return 0;
}

static int gmem_vfio_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%s\n",
			  vfio_mode_names[READ_ONCE(vfio_mode)]);
}

static const struct kernel_param_ops gmem_vfio_ops = {
	.set = gmem_vfio_set,
	.get = gmem_vfio_get,
};
module_param_cb(vfio, &gmem_vfio_ops, NULL, 0644);
MODULE_PARM_DESC(vfio, "what a device that VFIO gives to a process can have of gmemfs: pin (all memory that the process maps for it, which stays hidden; the default), or off (none)");

/* ---- load and unload ---- */

int __init gmem_vfio_init(void)
{
	int ret = register_module_notifier(&gmem_type1_nb);

	if (ret)
		return ret;
	mutex_lock(&vfio_lock);
	vfio_loaded = true;
	gmem_vfio_set_mode(vfio_mode);
	mutex_unlock(&vfio_lock);
	return 0;
}

/*
 * No file is left, so no guest view. The notifier is still registered: the
 * driver's unload waits in it until the hooks are removed.
 */
void gmem_vfio_exit(void)
{
	mutex_lock(&vfio_lock);
	vfio_loaded = false;
	gmem_type1_went(VFIO_OFF);
	mutex_unlock(&vfio_lock);
	unregister_module_notifier(&gmem_type1_nb);
}
