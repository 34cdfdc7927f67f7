// SPDX-License-Identifier: GPL-2.0
/*
 * The guard: the only file that knows KVM's internals.
 *
 * KVM reaches guest memory through user addresses, which works, except for two
 * kinds of page that it keeps mapped in the kernel, which for it means: in the
 * direct map. These are gfn_to_pfn_caches (kvm-clock, Xen emulation) and, while
 * a guest runs guests, kvm_vcpu_map(). A guest decides which page that is. If
 * it is hidden, the host dies of a page fault; so it has to be exposed first.
 *
 * ftrace redirects those functions of kvm.ko to ours. All of them have one
 * place where a user address becomes a frame, hva_to_pfn(). So ours note that
 * this task is on its way to map a page into the kernel (struct gmem_borrow),
 * call the original, and when that comes by hva_to_pfn() the frame is lent
 * before KVM gets to know it. There is no moment at which KVM has a frame that
 * is still hidden. If the frame can't be lent, hva_to_pfn() fails, and KVM
 * does what it does for a guest page that isn't there.
 *
 * A loan lives as long as KVM keeps the frame: for a cache until it is
 * deactivated or refreshed to another frame, for kvm_vcpu_map() until
 * kvm_vcpu_unmap(). A cache that KVM's MMU notifier has invalidated keeps its
 * frame but is not read. A page that is lent goes back to the kernel only when
 * it has been returned, so whatever KVM still writes there harms nobody.
 */
#include <linux/hashtable.h>
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/static_call.h>

#include "compat.h"
#include "directmap.h"
#include "guard.h"
#include "hook.h"
#include "lend.h"

enum gmem_guard_mode { GUARD_LEND, GUARD_DENY, GUARD_OFF };

static const char *const guard_mode_names[] = { "lend", "deny", "off" };

static enum gmem_guard_mode guard_mode = GUARD_LEND;
static bool guard_loaded;

/* ---- the originals ---- */

/* Looked up by kprobe; a direct call is needed as in directmap.c. */
DEFINE_STATIC_CALL_NULL(kvm_activate, kvm_gpc_activate);
DEFINE_STATIC_CALL_NULL(kvm_activate_hva, kvm_gpc_activate_hva);
DEFINE_STATIC_CALL_NULL(kvm_refresh, kvm_gpc_refresh);
DEFINE_STATIC_CALL_NULL(kvm_deactivate, kvm_gpc_deactivate);
DEFINE_STATIC_CALL_NULL(kvm_to_pfn, hva_to_pfn);
DEFINE_STATIC_CALL_NULL(kvm_map, GMEM_VCPU_MAP);
DEFINE_STATIC_CALL_NULL(kvm_unmap, kvm_vcpu_unmap);

/* ---- borrowing: this task is about to map a page into the kernel ---- */

/**
 * struct gmem_borrow - on the stack of a task that has called one of ours
 * @node: in @borrowers
 * @task: that task
 * @loan: the last frame that hva_to_pfn() found for it, if that was ours
 * @pfn: that frame, ours or not
 */
struct gmem_borrow {
	struct hlist_node node;
	struct task_struct *task;
	struct page *loan;
	kvm_pfn_t pfn;
};

static DEFINE_HASHTABLE(borrowers, 6);
static DEFINE_SPINLOCK(borrowers_lock);
static atomic_t nr_borrowers;

static void gmem_borrow_begin(struct gmem_borrow *b)
{
	b->task = current;
	b->loan = NULL;
	b->pfn = KVM_PFN_ERR_FAULT;
	spin_lock(&borrowers_lock);
	hash_add(borrowers, &b->node, (unsigned long)current);
	spin_unlock(&borrowers_lock);
	atomic_inc(&nr_borrowers);
}

static void gmem_borrow_end(struct gmem_borrow *b)
{
	atomic_dec(&nr_borrowers);
	spin_lock(&borrowers_lock);
	hash_del(&b->node);
	spin_unlock(&borrowers_lock);
}

/* Only the task itself adds and removes its own, so the answer stays true. */
static struct gmem_borrow *gmem_borrow_current(void)
{
	struct gmem_borrow *b, *found = NULL;

	if (!atomic_read(&nr_borrowers))
		return NULL;
	spin_lock(&borrowers_lock);
	hash_for_each_possible(borrowers, b, node, (unsigned long)current)
		if (b->task == current)
			found = b;
	spin_unlock(&borrowers_lock);
	return found;
}

/* KVM may come by several times, when an MMU notifier makes it try again. */
static int gmem_borrow_frame(struct gmem_borrow *b, kvm_pfn_t pfn)
{
	struct page *loan;

	int ret = gmem_lend(pfn, &loan);

	if (ret)
		return ret;
	gmem_lend_return(b->loan);
	b->loan = loan;
	b->pfn = pfn;
	return 0;
}

/*
 * From Linux 6.13 on, KVM pins what it maps for long, so that its owner can't
 * give it away, and refuses what can't be pinned. The loan keeps our pages: so
 * they are looked up without a pin, and for others KVM's refusal stands.
 */
static kvm_pfn_t gmem_to_pfn_unpinned(struct gmem_borrow *b,
				      GMEM_TO_PFN_PARAMS)
{
	kvm_pfn_t pfn;

	if (!GMEM_TO_PFN_UNPIN)
		return KVM_PFN_ERR_FAULT;
	pfn = GMEM_TO_PFN_CALL(static_call(kvm_to_pfn));
	if (!is_error_noslot_pfn(pfn) &&
	    (GMEM_TO_PFN_COUNTED || gmem_borrow_frame(b, pfn) || !b->loan)) {
		GMEM_TO_PFN_RELEASE;
		pfn = KVM_PFN_ERR_FAULT;
	}
	GMEM_TO_PFN_REPIN;
	return pfn;
}

static kvm_pfn_t gmem_to_pfn_borrowed(struct gmem_borrow *b,
				      GMEM_TO_PFN_PARAMS)
{
	kvm_pfn_t pfn = GMEM_TO_PFN_CALL(static_call(kvm_to_pfn));

	if (pfn == KVM_PFN_ERR_FAULT)
		return GMEM_TO_PFN_FOR(gmem_to_pfn_unpinned, b);
	if (!is_error_noslot_pfn(pfn) && gmem_borrow_frame(b, pfn)) {
		GMEM_TO_PFN_RELEASE;
		pfn = KVM_PFN_ERR_FAULT;
	}
	return pfn;
}

static kvm_pfn_t gmem_hva_to_pfn(GMEM_TO_PFN_PARAMS)
{
	struct gmem_borrow *b;
	kvm_pfn_t pfn;

	gmem_hook_enter();
	b = gmem_borrow_current();
	if (b)
		pfn = GMEM_TO_PFN_FOR(gmem_to_pfn_borrowed, b);
	else
		pfn = GMEM_TO_PFN_CALL(static_call(kvm_to_pfn));
	gmem_hook_leave();
	return pfn;
}

/* ---- gfn_to_pfn_cache ---- */

/**
 * struct gmem_cache - what a gfn_to_pfn_cache has borrowed
 * @node: in @caches
 * @gpc: the cache; only its address is of interest once it is deactivated
 * @lock: one call into KVM for this cache at a time, as KVM's refresh_lock
 * @users: calls under way
 * @loan: the frame that it maps, if that is ours
 */
struct gmem_cache {
	struct hlist_node node;
	struct gfn_to_pfn_cache *gpc;
	struct mutex lock;	/* outside of the gpc's own refresh_lock */
	unsigned int users;
	struct page *loan;
};

static DEFINE_HASHTABLE(caches, 8);
static DEFINE_SPINLOCK(caches_lock);

static struct gmem_cache *gmem_cache_find(struct gfn_to_pfn_cache *gpc)
{
	struct gmem_cache *c;

	hash_for_each_possible(caches, c, node, (unsigned long)gpc)
		if (c->gpc == gpc)
			return c;
	return NULL;
}

/* The record of a cache, locked; a new one if there is none and @make. */
static struct gmem_cache *gmem_cache_get(struct gfn_to_pfn_cache *gpc,
					 bool make)
{
	struct gmem_cache *c, *fresh = NULL;

	if (make)
		fresh = kzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
	if (fresh) {
		mutex_init(&fresh->lock);
		fresh->gpc = gpc;
	}

	spin_lock(&caches_lock);
	c = gmem_cache_find(gpc);
	if (!c && fresh) {
		c = fresh;
		fresh = NULL;
		hash_add(caches, &c->node, (unsigned long)gpc);
	}
	if (c)
		c->users++;
	spin_unlock(&caches_lock);

	kfree(fresh);
	if (c)
		mutex_lock(&c->lock);
	return c;
}

/* A record goes with its last user once it has nothing borrowed. */
static void gmem_cache_put(struct gmem_cache *c)
{
	bool last;

	mutex_unlock(&c->lock);
	spin_lock(&caches_lock);
	last = !--c->users && !c->loan;
	if (last)
		hash_del(&c->node);
	spin_unlock(&caches_lock);
	if (last)
		kfree(c);
}

/* Returns the loan that it had. */
static struct page *gmem_cache_set_loan(struct gmem_cache *c,
					     struct page *loan)
{
	spin_lock(&caches_lock);
	swap(c->loan, loan);
	spin_unlock(&caches_lock);
	return loan;
}

/*
 * KVM got a frame of ours and didn't come by hva_to_pfn() for it. That can't
 * be, unless a compiler put that function into its caller: it is checked
 * because the next access would be the host's last.
 */
static bool gmem_slipped_through(kvm_pfn_t pfn, struct page *loan)
{
	if (loan || is_error_noslot_pfn(pfn) || !gmem_lend_is_ours(pfn))
		return false;
	pr_err_once("guard: kvm maps hidden memory by a way that isn't hooked; refused\n");
	return true;
}

/*
 * Somebody else's frame that became ours is still in a cache that was
 * invalidated since, and KVM won't touch it. So only a valid one matters.
 */
static bool gmem_cache_slipped_through(struct gmem_cache *c)
{
	return c->gpc->valid && gmem_slipped_through(c->gpc->pfn, c->loan);
}

/* What KVM's MMU notifier does; the cache is looked up anew before its use. */
static void gmem_cache_invalidate(struct gmem_cache *c)
{
	write_lock_irq(&c->gpc->lock);
	c->gpc->valid = false;
	write_unlock_irq(&c->gpc->lock);
}

/*
 * KVM has the new frame, has kept its old one, or has none any more. The frame
 * may have left its file before gmem_guard_loan_gone() could know whose it is.
 */
static int gmem_cache_settle(struct gmem_cache *c, struct gmem_borrow *b)
{
	struct gfn_to_pfn_cache *gpc = c->gpc;

	if (!is_error_noslot_pfn(b->pfn) && gpc->pfn == b->pfn)
		b->loan = gmem_cache_set_loan(c, b->loan);
	else if (is_error_noslot_pfn(gpc->pfn))
		gmem_lend_return(gmem_cache_set_loan(c, NULL));
	gmem_lend_return(b->loan);
	if (gmem_lend_is_gone(c->loan))
		gmem_cache_invalidate(c);
	if (!gmem_cache_slipped_through(c))
		return 0;
	static_call(kvm_deactivate)(gpc);
	return -EFAULT;
}

/* Before and after a call into KVM that may give a cache another frame. */
static struct gmem_cache *gmem_cache_begin(struct gfn_to_pfn_cache *gpc,
					   struct gmem_borrow *b)
{
	struct gmem_cache *c;

	gmem_hook_enter();
	c = gmem_cache_get(gpc, true);
	if (c)
		gmem_borrow_begin(b);
	else
		gmem_hook_leave();
	return c;
}

static int gmem_cache_end(struct gmem_cache *c, struct gmem_borrow *b, int ret)
{
	gmem_borrow_end(b);
	ret = gmem_cache_settle(c, b) ?: ret;
	gmem_cache_put(c);
	gmem_hook_leave();
	return ret;
}

static int gmem_gpc_activate(struct gfn_to_pfn_cache *gpc, gpa_t gpa,
			     unsigned long len)
{
	struct gmem_borrow b;
	struct gmem_cache *c = gmem_cache_begin(gpc, &b);

	if (!c)
		return -ENOMEM;
	return gmem_cache_end(c, &b, static_call(kvm_activate)(gpc, gpa, len));
}

static int gmem_gpc_activate_hva(struct gfn_to_pfn_cache *gpc,
				 unsigned long uhva, unsigned long len)
{
	struct gmem_borrow b;
	struct gmem_cache *c = gmem_cache_begin(gpc, &b);

	if (!c)
		return -ENOMEM;
	return gmem_cache_end(c, &b,
			      static_call(kvm_activate_hva)(gpc, uhva, len));
}

static int gmem_gpc_refresh(struct gfn_to_pfn_cache *gpc, unsigned long len)
{
	struct gmem_borrow b;
	struct gmem_cache *c = gmem_cache_begin(gpc, &b);

	if (!c)
		return -ENOMEM;
	return gmem_cache_end(c, &b, static_call(kvm_refresh)(gpc, len));
}

static void gmem_gpc_deactivate(struct gfn_to_pfn_cache *gpc)
{
	struct gmem_cache *c;

	gmem_hook_enter();
	c = gmem_cache_get(gpc, false);
	static_call(kvm_deactivate)(gpc);
	if (c) {
		gmem_lend_return(gmem_cache_set_loan(c, NULL));
		gmem_cache_put(c);
	}
	gmem_hook_leave();
}

/*
 * KVM invalidates a cache when its MMU notifier is told that the page goes. But
 * once a VMM's address space is gone, nobody tells it any more, the cache stays
 * valid, and events for the VM are still written to it. So we do what the
 * notifier would have done; else a cache might be valid when we are unloaded
 * and the page with it is given back.
 *
 * Under caches_lock a record with a loan is that of a cache that lives:
 * gmem_gpc_deactivate() takes the loan before the cache can be freed.
 */
static void gmem_guard_loan_gone(struct page *loan)
{
	struct gmem_cache *c;
	unsigned int bucket;

	spin_lock(&caches_lock);
	hash_for_each(caches, bucket, c, node)
		if (c->loan == loan)
			gmem_cache_invalidate(c);
	spin_unlock(&caches_lock);
}

/* ---- kvm_vcpu_map ---- */

/**
 * struct gmem_map - the loan of a map that KVM holds
 * @node: in @maps
 * @vcpu: whose it is; a vCPU is run by one thread at a time
 * @map: where it was made; of interest if it is still there later
 * @pfn: the frame
 * @loan: of that frame
 *
 * Linux 7.3's KVM copies its local maps, gives back the copy, and makes the
 * next where the first was. So a map is known by its vCPU and frame. Which of
 * several alike is given back makes no difference.
 */
struct gmem_map {
	struct hlist_node node;
	struct kvm_vcpu *vcpu;
	struct kvm_host_map *map;
	kvm_pfn_t pfn;
	struct page *loan;
};

static DEFINE_HASHTABLE(maps, 6);
static DEFINE_SPINLOCK(maps_lock);

static struct gmem_map *gmem_map_take(struct kvm_vcpu *vcpu, kvm_pfn_t pfn)
{
	struct gmem_map *m, *found = NULL;

	spin_lock(&maps_lock);
	hash_for_each_possible(maps, m, node, pfn)
		if (m->vcpu == vcpu && m->pfn == pfn)
			found = m;
	if (found)
		hash_del(&found->node);
	spin_unlock(&maps_lock);
	return found;
}

/*
 * KVM forgets a map in one case: an enlightened VMCS of a wrong revision. What
 * it borrowed is returned when the same vCPU maps the next there. On the stack,
 * where another was made before tells nothing.
 */
static struct gmem_map *gmem_map_forgotten(struct kvm_host_map *map)
{
	struct gmem_map *m, *found = NULL;
	unsigned int bucket;

	if (object_is_on_stack(map))
		return NULL;
	hash_for_each(maps, bucket, m, node)
		if (m->map == map)
			found = m;
	if (found)
		hash_del(&found->node);
	return found;
}

static void gmem_map_add(struct gmem_map *m)
{
	struct gmem_map *forgotten;

	spin_lock(&maps_lock);
	forgotten = gmem_map_forgotten(m->map);
	hash_add(maps, &m->node, m->pfn);
	spin_unlock(&maps_lock);
	if (forgotten)
		gmem_lend_return(forgotten->loan);
	kfree(forgotten);
}

static int gmem_vcpu_map_borrowed(GMEM_VCPU_MAP_PARAMS)
{
	struct gmem_map *m = kzalloc(sizeof(*m), GFP_KERNEL_ACCOUNT);
	struct gmem_borrow b;
	int ret;

	if (!m)
		return -ENOMEM;

	gmem_borrow_begin(&b);
	ret = GMEM_VCPU_MAP_CALL(static_call(kvm_map));
	gmem_borrow_end(&b);
	if (!ret && gmem_slipped_through(map->pfn, b.loan)) {
		GMEM_VCPU_UNMAP_UNUSED(static_call(kvm_unmap));
		ret = -EFAULT;
	}
	if (ret || !b.loan) {
		gmem_lend_return(b.loan);
		kfree(m);
		return ret;
	}
	m->vcpu = vcpu;
	m->map = map;
	m->pfn = map->pfn;
	m->loan = b.loan;
	gmem_map_add(m);
	return 0;
}

static int gmem_vcpu_map(GMEM_VCPU_MAP_PARAMS)
{
	int ret;

	gmem_hook_enter();
	ret = GMEM_VCPU_MAP_CALL(gmem_vcpu_map_borrowed);
	gmem_hook_leave();
	return ret;
}

/* Returned last: until KVM has unmapped the page, it may write to it. */
static void gmem_vcpu_unmap(GMEM_VCPU_UNMAP_PARAMS)
{
	struct gmem_map *m;

	gmem_hook_enter();
	m = map && map->hva ? gmem_map_take(vcpu, map->pfn) : NULL;
	GMEM_VCPU_UNMAP_CALL(static_call(kvm_unmap));
	if (m) {
		gmem_lend_return(m->loan);
		kfree(m);
	}
	gmem_hook_leave();
}

/* ---- hooks ---- */

/* Placed from first to last: what is lent can then always be returned. */
static struct gmem_hook hooks[] = {
	GMEM_HOOK(kvm_gpc_deactivate, gmem_gpc_deactivate, kvm_deactivate),
	GMEM_HOOK(kvm_vcpu_unmap, gmem_vcpu_unmap, kvm_unmap),
	GMEM_HOOK(hva_to_pfn, gmem_hva_to_pfn, kvm_to_pfn),
	GMEM_HOOK(kvm_gpc_refresh, gmem_gpc_refresh, kvm_refresh),
	GMEM_HOOK(kvm_gpc_activate_hva, gmem_gpc_activate_hva,
		  kvm_activate_hva),
	GMEM_HOOK(kvm_gpc_activate, gmem_gpc_activate, kvm_activate),
	GMEM_HOOK(GMEM_VCPU_MAP, gmem_vcpu_map, kvm_map),
};

/*
 * A VM may outlive us, and still have a record of a page that has left its file
 * long ago. Nobody will come to return that.
 */
static void gmem_forget_borrowers(void)
{
	struct hlist_node *next;
	struct gmem_cache *c;
	struct gmem_map *m;
	unsigned int bucket;

	hash_for_each_safe(caches, bucket, next, c, node) {
		hash_del(&c->node);
		gmem_lend_return(c->loan);
		kfree(c);
	}
	hash_for_each_safe(maps, bucket, next, m, node) {
		hash_del(&m->node);
		gmem_lend_return(m->loan);
		kfree(m);
	}
}

static void gmem_hooks_remove(void)
{
	gmem_hook_remove_all(hooks, ARRAY_SIZE(hooks));
	gmem_forget_borrowers();
}

static int gmem_hooks_place(void)
{
	int ret = gmem_hook_place_all(hooks, ARRAY_SIZE(hooks), "kvm");

	if (ret)
		gmem_forget_borrowers();
	else
		pr_info("guard: kvm is hooked, %s\n",
			guard_mode_names[guard_mode]);
	return ret;
}

/* ---- kvm.ko comes and goes ---- */

static DEFINE_MUTEX(guard_lock);	/* the two below, and placing hooks */
static bool kvm_present;
static int kvm_hook_error;

/*
 * While KVM can't be hooked and hidden memory may be about, it must not run.
 */
static int gmem_kvm_coming(void)
{
	int ret = 0;

	mutex_lock(&guard_lock);
	kvm_present = true;
	if (guard_mode != GUARD_OFF)
		ret = gmem_hooks_place();
	kvm_hook_error = ret;
	mutex_unlock(&guard_lock);
	return ret;
}

static void gmem_kvm_going(void)
{
	mutex_lock(&guard_lock);
	if (kvm_present && !kvm_hook_error && guard_mode != GUARD_OFF)
		gmem_hooks_remove();
	kvm_present = false;
	kvm_hook_error = 0;
	mutex_unlock(&guard_lock);
}

static int gmem_module_event(struct notifier_block *nb, unsigned long event,
			     void *data)
{
	struct module *mod = data;
	int ret;

	if (strcmp(mod->name, "kvm"))
		return NOTIFY_DONE;

	if (event == MODULE_STATE_COMING) {
		ret = gmem_kvm_coming();
		if (ret && gmem_directmap_hidden()) {
			/* Who refuses is not told that it is going again. */
			gmem_kvm_going();
			pr_err("kvm can't be loaded while memory is hidden that it would crash on; load gmemfs with guard=off to have that all the same\n");
			return notifier_from_errno(ret);
		}
	} else if (event == MODULE_STATE_GOING) {
		gmem_kvm_going();
	}
	return NOTIFY_DONE;
}

static struct notifier_block gmem_module_nb = {
	.notifier_call = gmem_module_event,
};

/**
 * gmem_guard_allows_hiding - may there be hidden memory, and mappings of it?
 *
 * Asked after pages were counted as hidden, so that either kvm.ko is refused
 * because of them or they because of kvm.ko.
 *
 * Return: 0, or -EPERM where KVM is there and could not be hooked.
 */
int gmem_guard_allows_hiding(void)
{
	int error;

	mutex_lock(&guard_lock);
	error = kvm_hook_error;
	mutex_unlock(&guard_lock);
	if (!error)
		return 0;
	pr_warn_ratelimited("no memory can be hidden or mapped: kvm could not be hooked (error %d), so any guest could crash this host; load gmemfs with guard=off to have that all the same\n",
			    error);
	return -EPERM;
}

/* ---- the parameter ---- */

/* Hooks are placed at load or never, so "off" can't be had or left later. */
static int gmem_guard_set(const char *value, const struct kernel_param *kp)
{
	int mode = sysfs_match_string(guard_mode_names, value);

	if (mode < 0) {
		pr_err("bad guard=%s; give lend, deny or off\n", value);
		return mode;
	}
	if (guard_loaded && mode != guard_mode &&
	    (mode == GUARD_OFF || guard_mode == GUARD_OFF)) {
		pr_err("guard=off is for loading the module only\n");
		return -EBUSY;
	}
	guard_mode = mode;
	gmem_lend_allow_hidden(mode == GUARD_LEND);
	return 0;
}

static int gmem_guard_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%s\n", guard_mode_names[guard_mode]);
}

static const struct kernel_param_ops gmem_guard_ops = {
	.set = gmem_guard_set,
	.get = gmem_guard_get,
};
module_param_cb(guard, &gmem_guard_ops, NULL, 0644);
MODULE_PARM_DESC(guard, "hidden pages that KVM must reach in the direct map: lend them to it (lend), refuse (deny), or crash (off)");

/* ---- load and unload ---- */

int __init gmem_guard_init(void)
{
	int ret;

	guard_loaded = true;
	gmem_lend_on_gone(gmem_guard_loan_gone);
	gmem_lend_allow_hidden(guard_mode == GUARD_LEND);
	if (guard_mode == GUARD_OFF)
		pr_warn("guard=off: any guest on hidden memory can crash this host\n");

	ret = register_module_notifier(&gmem_module_nb);
	if (ret)
		return ret;
	if (gmem_hook_find("kvm", "kvm_gpc_init"))
		gmem_kvm_coming();
	return 0;
}

void gmem_guard_exit(void)
{
	unregister_module_notifier(&gmem_module_nb);
	gmem_kvm_going();
}
