// SPDX-License-Identifier: GPL-2.0
/*
 * The guard: is KVM loaded, is it hooked, and may memory be hidden then?
 *
 * KVM reaches guest memory through user addresses, and that works, with two
 * exceptions. KVM keeps some pages mapped in the kernel, and uses the direct
 * map for that: the pages of gfn_to_pfn_caches (kvm-clock, Xen emulation), and
 * those of kvm_vcpu_map() when a guest runs guests. The guest decides which
 * pages these are. If such a page is hidden, KVM's access is a page fault that
 * crashes the host. So the page has to be exposed first.
 *
 * ftrace redirects these functions of KVM to ours: hook.c. Our functions are in
 * borrow.c, gpc.c, vcpumap.c and vmmexit.c; what differs between versions of
 * KVM is in kvm_6_*.c. This file places and removes the hooks, when kvm.ko
 * loads and unloads, and as the parameter "guard" says.
 *
 * kvm.ko and gmemfs.ko may load in any order and at the same time. The state
 * below says what has been done; it changes under guard_lock only:
 *
 *	KVM_ABSENT	nothing to hook, as far as we know
 *	KVM_HOOKED	all hooks are placed
 *	KVM_UNHOOKED	KVM is loaded, and could not be hooked
 *	GUARD_OFF	we leave KVM alone: guard=off, or not loaded
 *
 *	KVM_ABSENT -> KVM_HOOKED, KVM_UNHOOKED	gmem_kvm_came()
 *	KVM_HOOKED, KVM_UNHOOKED -> KVM_ABSENT	gmem_kvm_went()
 *	KVM_ABSENT <-> GUARD_OFF		load, unload
 *
 * A module that loads can be found (MODULE_STATE_COMING) before ftrace has
 * enabled its functions. Then it calls the notifiers, and after that its init
 * runs. A hook may be placed only between the two calls of our notifier, COMING
 * and GOING. So either the notifier places the hooks; or, when gmemfs loads, it
 * waits until KVM is live, or gone, and keeps it from unloading meanwhile.
 */
#include <linux/jiffies.h>
#include <linux/kvm_host.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "earlyvm.h"
#include "gpc.h"
#include "guard.h"
#include "hiding.h"
#include "hook.h"
#include "kvm.h"
#include "layout.h"
#include "lend.h"
#include "refusal.h"
#include "vcpumap.h"
#include "vmmexit.h"

enum gmem_guard_mode { GUARD_LEND, GUARD_DENY, GUARD_NONE };

static const char *const guard_mode_names[] = { "lend", "deny", "off" };

enum gmem_kvm_state { KVM_ABSENT, KVM_HOOKED, KVM_UNHOOKED, GUARD_OFF };

static DEFINE_MUTEX(guard_lock);	/* these three, and placing hooks */
static enum gmem_kvm_state kvm_state = GUARD_OFF;
static enum gmem_guard_mode guard_mode = GUARD_LEND;
static bool guard_loaded;

/* Return: how many pages are hidden. If not 0, KVM mustn't run unhooked. */
static unsigned long gmem_set_kvm_state(enum gmem_kvm_state state)
{
	lockdep_assert_held(&guard_lock);
	WRITE_ONCE(kvm_state, state);
	if (state == KVM_UNHOOKED)
		return gmem_hiding_forbid(GMEM_FORBID_KVM_UNHOOKED);
	gmem_hiding_permit(GMEM_FORBID_KVM_UNHOOKED);
	return gmem_hiding_pages();
}

/* ---- hooks ---- */

static struct gmem_hook *const hooks[] = {
	&gmem_kvm_to_pfn_hook,
	&gmem_kvm_vcpu_map_hook,
	&gmem_kvm_vcpu_unmap_hook,
	&gmem_gpc_refresh_hook,
	&gmem_gpc_deactivate_hook,
	&gmem_gpc_activate_hva_hook,
	&gmem_gpc_activate_hook,
	&gmem_vmm_release_hook,
};

GMEM_DEFINE_HOOKS(gmem_kvm_hooks, "guard", "kvm", hooks);

static int gmem_hooks_place(void)
{
	int ret;

	ret = gmem_layout_check(&gmem_kvm_layouts);
	if (!ret)
		ret = gmem_vmm_find();
	if (!ret)
		ret = gmem_hook_place(&gmem_kvm_hooks);
	if (!ret)
		pr_info("guard: kvm is hooked, %s\n",
			guard_mode_names[guard_mode]);
	return ret;
}

static void gmem_hooks_remove(void)
{
	gmem_hook_remove(&gmem_kvm_hooks);
	gmem_gpc_forget_all();
	gmem_vcpumap_forget_all();
}

/* ---- kvm.ko comes and goes ---- */

/*
 * KVM is loaded, and can't unload now. Return: 0, or an errno if KVM must not
 * run, because it couldn't be hooked and there is hidden memory. If there is
 * none, there will be none: see gmem_hiding_forbid().
 */
static int gmem_kvm_came(void)
{
	unsigned long hidden;
	int ret;

	lockdep_assert_held(&guard_lock);
	if (kvm_state != KVM_ABSENT)
		return 0;
	ret = gmem_hooks_place();
	hidden = gmem_set_kvm_state(ret ? KVM_UNHOOKED : KVM_HOOKED);
	return hidden ? ret : 0;
}

static void gmem_kvm_went(void)
{
	lockdep_assert_held(&guard_lock);
	if (kvm_state == KVM_HOOKED)
		gmem_hooks_remove();
	if (kvm_state != GUARD_OFF)
		gmem_set_kvm_state(KVM_ABSENT);
}

static int gmem_module_event(struct notifier_block *nb, unsigned long event,
			     void *data)
{
	struct module *mod = data;
	int ret = 0;

	if (strcmp(mod->name, "kvm"))
		return NOTIFY_DONE;

	mutex_lock(&guard_lock);
	switch (event) {
	case MODULE_STATE_COMING:
		ret = gmem_kvm_came();
		/* A notifier that refuses COMING isn't called with GOING. */
		if (ret)
			gmem_kvm_went();
		break;
	case MODULE_STATE_GOING:
		gmem_kvm_went();
		break;
	}
	mutex_unlock(&guard_lock);
	if (!ret)
		return NOTIFY_DONE;
	pr_err("kvm can't be loaded: it could not be hooked (see the messages above), and memory is hidden, so kvm could crash this host. Fix that problem; or, before kvm is loaded, end all users of gmemfs, remove their files, and write 0 to /sys/fs/gmemfs/pool/low_bytes\n");
	return notifier_from_errno(ret);
}

static struct notifier_block gmem_module_nb = {
	.notifier_call = gmem_module_event,
};

/* Take a reference to kvm.ko. Fails unless the module is live. */
static bool gmem_kvm_get(void)
{
	return symbol_get(kvm_put_kvm);
}

static void gmem_kvm_put(void)
{
	symbol_put(kvm_put_kvm);
}

#define KVM_WAIT	(30 * HZ)

/*
 * Wait until KVM is live or gone. Return: true, with a reference for
 * gmem_kvm_put(); false if KVM isn't loaded; or -errno. KVM may be loading or
 * unloading right now. If it loads, it may have called the notifiers before
 * ours was registered.
 */
static int gmem_kvm_get_live(void)
{
	unsigned long end = jiffies + KVM_WAIT;

	while (gmem_hook_find("kvm", "kvm_gpc_init")) {
		if (gmem_kvm_get())
			return true;
		if (time_after(jiffies, end)) {
			pr_err("kvm has been loading or unloading for %u s; load gmemfs when it has finished\n",
			       KVM_WAIT / HZ);
			return -EBUSY;
		}
		schedule_timeout_killable(1);
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return false;
}

/* Hook the KVM that is loaded already. It may have VMs. */
static int gmem_kvm_find(void)
{
	int ret, live = guard_mode == GUARD_NONE ? false : gmem_kvm_get_live();

	if (live <= 0)
		return live;
	mutex_lock(&guard_lock);
	gmem_kvm_came();
	mutex_unlock(&guard_lock);
	ret = gmem_early_vms_note();
	gmem_kvm_put();
	return ret;
}

/**
 * gmem_guard_allows_sharing - may the current process map memory that can
 *			       become hidden?
 * @inode: the file that has it
 *
 * Return: 0; or -EPERM if it may have a VM from before KVM was hooked.
 */
int gmem_guard_allows_sharing(struct inode *inode)
{
	if (!gmem_early_vms_has(current->mm))
		return 0;
	gmem_refusal_say(inode, GMEM_REFUSED_EARLY);
	return -EPERM;
}

/**
 * gmem_guard_allows_mapping - may memory be mapped that is, or will be, hidden?
 * @inode: the file that has it
 *
 * KVM may load or unload at the same time. That is no problem: directmap.c
 * hides nothing where KVM isn't hooked. So who maps memory is only told early.
 *
 * Return: 0; or -EPERM if KVM is loaded and could not be hooked, or as of
 * gmem_guard_allows_sharing().
 */
int gmem_guard_allows_mapping(struct inode *inode)
{
	int ret = gmem_guard_allows_sharing(inode);

	if (ret)
		return ret;
	if (READ_ONCE(kvm_state) != KVM_UNHOOKED)
		return 0;
	gmem_refusal_say(inode, GMEM_REFUSED_UNHOOKED);
	return -EPERM;
}

/**
 * gmem_guard_hold_kvm - keep kvm.ko loaded, for who looks at its VMs
 *
 * Return: 1, and gmem_guard_release_kvm() undoes this; 0 if KVM isn't loaded,
 * or is loading or unloading: then it has no VM; -EOPNOTSUPP if the guard is
 * off, or could not place its hooks: then nobody knows what KVM's structs are.
 */
int gmem_guard_hold_kvm(void)
{
	enum gmem_kvm_state state = READ_ONCE(kvm_state);

	if (state == KVM_ABSENT)
		return 0;
	if (state != KVM_HOOKED)
		return -EOPNOTSUPP;
	return gmem_kvm_get();
}

void gmem_guard_release_kvm(void)
{
	gmem_kvm_put();
}

/* ---- the parameter ---- */

/* Pages that are lent already stay lent until KVM returns them. */
static void gmem_guard_set_mode(enum gmem_guard_mode mode)
{
	lockdep_assert_held(&guard_lock);
	guard_mode = mode;
	gmem_lend_allow_hidden(mode == GUARD_LEND);
}

/*
 * Whether there are hooks is decided at load, so a later change to or from
 * "off" is refused.
 */
static int gmem_guard_set(const char *value, const struct kernel_param *kp)
{
	int mode = sysfs_match_string(guard_mode_names, value);
	bool allowed;

	if (mode < 0) {
		pr_err("bad guard=%s; give lend, deny or off\n", value);
		return mode;
	}
	mutex_lock(&guard_lock);
	allowed = !guard_loaded || mode == guard_mode ||
		  (mode != GUARD_NONE && guard_mode != GUARD_NONE);
	if (allowed)
		gmem_guard_set_mode(mode);
	mutex_unlock(&guard_lock);
	if (allowed)
		return 0;
	pr_err("guard can't be changed to or from off while gmemfs is loaded; to leave off, unload gmemfs, and load it with guard=lend or guard=deny\n");
	return -EBUSY;
}

static int gmem_guard_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%s\n",
			  guard_mode_names[READ_ONCE(guard_mode)]);
}

static const struct kernel_param_ops gmem_guard_ops = {
	.set = gmem_guard_set,
	.get = gmem_guard_get,
};
module_param_cb(guard, &gmem_guard_ops, NULL, 0644);
MODULE_PARM_DESC(guard, "what to do if KVM needs a hidden page in the direct map: lend (expose it while KVM uses it; the default), deny (KVM gets an error), or off (nothing: a guest can crash this host; for experiments only)");

/* ---- load and unload ---- */

/* From now on the mode can't change between "off" and the others. */
static void gmem_guard_open(void)
{
	mutex_lock(&guard_lock);
	guard_loaded = true;
	gmem_guard_set_mode(guard_mode);
	if (guard_mode == GUARD_NONE)
		pr_warn("guard=off: any guest with hidden memory can crash this host; load gmemfs without guard=off\n");
	else
		gmem_set_kvm_state(KVM_ABSENT);
	mutex_unlock(&guard_lock);
}

/*
 * The notifier is still registered: KVM's unload waits in it until the hooks
 * are removed.
 */
static void gmem_guard_close(void)
{
	mutex_lock(&guard_lock);
	gmem_kvm_went();
	gmem_set_kvm_state(GUARD_OFF);
	mutex_unlock(&guard_lock);
	gmem_early_vms_forget();
}

int __init gmem_guard_init(void)
{
	int ret;

	gmem_lend_on_gone(gmem_gpc_gone);
	gmem_guard_open();
	ret = register_module_notifier(&gmem_module_nb);
	if (ret)
		goto close;
	ret = gmem_kvm_find();
	if (ret)
		goto unregister;
	return 0;

unregister:
	gmem_guard_close();
	unregister_module_notifier(&gmem_module_nb);
	return ret;
close:
	gmem_guard_close();
	return ret;
}

void gmem_guard_exit(void)
{
	gmem_guard_close();
	unregister_module_notifier(&gmem_module_nb);
}
