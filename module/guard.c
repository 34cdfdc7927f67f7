// SPDX-License-Identifier: GPL-2.0
/*
 * The guard: is KVM there, is it hooked, and may memory be hidden then?
 *
 * KVM reaches guest memory through user addresses, which works, except for two
 * kinds of page that it keeps mapped in the kernel, which for it means: in the
 * direct map. These are gfn_to_pfn_caches (kvm-clock, Xen emulation) and, while
 * a guest runs guests, kvm_vcpu_map(). A guest decides which page that is. If
 * it is hidden, the host dies of a page fault; so it has to be exposed first.
 *
 * ftrace redirects those functions of KVM to ours: hook.c. What ours do is in
 * borrow.c, gpc.c, vcpumap.c and vmmexit.c, and what differs between versions of KVM in
 * kvm_6_*.c. This file places the hooks and removes them, as kvm.ko comes and
 * goes, and as the parameter "guard" says.
 *
 * kvm.ko and gmemfs.ko may load in any order and at the same time. The state
 * below says what has been done, and changes under guard_lock only:
 *
 *	KVM_ABSENT	nothing to hook, that we know of
 *	KVM_HOOKED	all hooks are placed
 *	KVM_UNHOOKED	KVM is there, and could not be hooked
 *	GUARD_OFF	KVM is none of our business: guard=off, or unloading
 *
 *	KVM_ABSENT -> KVM_HOOKED, KVM_UNHOOKED	gmem_kvm_came()
 *	KVM_HOOKED, KVM_UNHOOKED -> KVM_ABSENT	gmem_kvm_went()
 *	KVM_ABSENT <-> GUARD_OFF		load, unload
 *
 * A module that loads is to be seen (MODULE_STATE_COMING) before ftrace has its
 * functions enabled, and, after it has told of that, until its own init is
 * over. Between the two calls of the notifier is the only time at which a hook
 * may be placed. So either the notifier places them; or, at load of ours, we
 * wait until KVM is live, or gone, and keep it from going meanwhile.
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

#include "directmap.h"
#include "gpc.h"
#include "guard.h"
#include "hook.h"
#include "kvm.h"
#include "layout.h"
#include "lend.h"
#include "vcpumap.h"
#include "vmmexit.h"

enum gmem_guard_mode { GUARD_LEND, GUARD_DENY, GUARD_NONE };

static const char *const guard_mode_names[] = { "lend", "deny", "off" };

enum gmem_kvm_state { KVM_ABSENT, KVM_HOOKED, KVM_UNHOOKED, GUARD_OFF };

static DEFINE_MUTEX(guard_lock);	/* these three, and placing hooks */
static enum gmem_kvm_state kvm_state = GUARD_OFF;
static enum gmem_guard_mode guard_mode = GUARD_LEND;
static bool guard_loaded;

static void gmem_set_kvm_state(enum gmem_kvm_state state)
{
	lockdep_assert_held(&guard_lock);
	WRITE_ONCE(kvm_state, state);
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

static int gmem_hooks_place(void)
{
	int ret;

	ret = gmem_layout_check(gmem_kvm_layouts, gmem_kvm_nr_layouts,
				"kvm_gpc_activate");
	if (!ret)
		ret = gmem_vmm_find();
	if (!ret)
		ret = gmem_hook_place(hooks, ARRAY_SIZE(hooks), "kvm");
	if (!ret)
		pr_info("guard: kvm is hooked, %s\n",
			guard_mode_names[guard_mode]);
	return ret;
}

static void gmem_hooks_remove(void)
{
	gmem_hook_remove();
	gmem_gpc_forget_all();
	gmem_vcpumap_forget_all();
}

/* ---- kvm.ko comes and goes ---- */

/*
 * KVM is there, and doesn't go away. While it can't be hooked and hidden memory
 * may be about, it must not run.
 *
 * Who hides memory counts it as hidden, and then asks for the state; we set the
 * state, and then look at the count; with a full barrier between, both. So one
 * of the two sees the other.
 */
static int gmem_kvm_came(void)
{
	int ret;

	lockdep_assert_held(&guard_lock);
	if (kvm_state != KVM_ABSENT)
		return 0;
	ret = gmem_hooks_place();
	gmem_set_kvm_state(ret ? KVM_UNHOOKED : KVM_HOOKED);
	smp_mb();	/* pairs with the one in gmem_guard_allows_hiding() */
	return gmem_directmap_hidden() ? ret : 0;
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
		/* Who refuses is not told that it is going again. */
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
	pr_err("kvm can't be loaded: it could not be hooked, see above, and guests' memory is hidden that it would crash this host on; put that right, or end what uses gmemfs first\n");
	return notifier_from_errno(ret);
}

static struct notifier_block gmem_module_nb = {
	.notifier_call = gmem_module_event,
};

/* A reference to kvm.ko, which only a live module gives. */
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
 * Is KVM live, and kept from going? True, then gmem_kvm_put(); false if it is
 * not there; or -errno. It may be about to come or go just now, and if it comes
 * it may have told all notifiers of that before ours was there.
 */
static int gmem_kvm_get_live(void)
{
	unsigned long end = jiffies + KVM_WAIT;

	while (gmem_hook_find("kvm", "kvm_gpc_init")) {
		if (gmem_kvm_get())
			return true;
		if (time_after(jiffies, end)) {
			pr_err("kvm has been loading or unloading for %u s; load gmemfs once that is over\n",
			       KVM_WAIT / HZ);
			return -EBUSY;
		}
		schedule_timeout_killable(1);
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return false;
}

/* The KVM that is there already. */
static int gmem_kvm_find(void)
{
	int live = guard_mode == GUARD_NONE ? false : gmem_kvm_get_live();

	if (live <= 0)
		return live;
	mutex_lock(&guard_lock);
	gmem_kvm_came();
	mutex_unlock(&guard_lock);
	gmem_kvm_put();
	return 0;
}

/**
 * gmem_guard_allows_hiding - may there be hidden memory, and mappings of it?
 *
 * Asked after pages were counted as hidden, see gmem_kvm_came(), and in each
 * fault that brings memory, so without a lock. As it answers, KVM may go: then
 * it said no in vain. KVM may come: then either the answer or the count is in
 * time. While hooks are being placed the answer is yes, and KVM doesn't run.
 *
 * Return: 0, or -EPERM where KVM is there and could not be hooked.
 */
int gmem_guard_allows_hiding(void)
{
	smp_mb();	/* pairs with the one in gmem_kvm_came() */
	if (READ_ONCE(kvm_state) != KVM_UNHOOKED)
		return 0;
	pr_warn_ratelimited("no memory can be hidden or mapped: kvm could not be hooked, so any guest on hidden memory could crash this host. Put right what the guard has complained of before, then load gmemfs again; mounts with direct_map=kept work all the same\n");
	return -EPERM;
}

/* ---- the parameter ---- */

/* What is lent already stays lent until KVM returns it. */
static void gmem_guard_set_mode(enum gmem_guard_mode mode)
{
	lockdep_assert_held(&guard_lock);
	guard_mode = mode;
	gmem_lend_allow_hidden(mode == GUARD_LEND);
}

/* Hooks are placed at load or never, so "off" can't be had or left later. */
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
	pr_err("guard=off is for loading the module only\n");
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
MODULE_PARM_DESC(guard, "hidden pages that KVM must reach in the direct map: lend them to it (lend), refuse (deny), or crash (off)");

/* ---- load and unload ---- */

/* From here on the mode stays on or off. */
static void gmem_guard_open(void)
{
	mutex_lock(&guard_lock);
	guard_loaded = true;
	gmem_guard_set_mode(guard_mode);
	if (guard_mode == GUARD_NONE)
		pr_warn("guard=off: any guest on hidden memory can crash this host\n");
	else
		gmem_set_kvm_state(KVM_ABSENT);
	mutex_unlock(&guard_lock);
}

/* With the notifier still there: KVM's end waits until it's no more hooked. */
static void gmem_guard_close(void)
{
	mutex_lock(&guard_lock);
	gmem_kvm_went();
	gmem_set_kvm_state(GUARD_OFF);
	mutex_unlock(&guard_lock);
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
