// SPDX-License-Identifier: GPL-2.0
/*
 * Has KVM map a page of a guest's and unmap it with preemption off, as it does
 * for SEV-ES guests, which no emulator has. Write "FD GFN", FD being a vCPU's,
 * to the parameter "unmap"; it then reads what was seen:
 *	mapped	the page was in the direct map while KVM had it
 *	stayed	and still was when KVM had unmapped it, with preemption off: so
 *		nobody has edited the direct map in there
 * each 1 or 0.
 *
 * Write the same to "hold", and the page stays mapped, and the VM there, until
 * something that is neither is written.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kprobes.h>
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/srcu.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define MAP_FUNCTION	"kvm:kvm_vcpu_map"
typedef int (*map_fn)(struct kvm_vcpu *vcpu, gpa_t gfn,
		      struct kvm_host_map *map);
typedef void (*unmap_fn)(struct kvm_vcpu *vcpu, struct kvm_host_map *map,
			 bool dirty);
#define CALL_MAP(vcpu, gfn, map)	kvm_map(vcpu, gfn, map)
#define CALL_UNMAP(vcpu, map)		kvm_unmap(vcpu, map, false)
#else
#define MAP_FUNCTION	"kvm:__kvm_vcpu_map"
typedef int (*map_fn)(struct kvm_vcpu *vcpu, gfn_t gfn,
		      struct kvm_host_map *map, bool writable);
typedef void (*unmap_fn)(struct kvm_vcpu *vcpu, struct kvm_host_map *map);
#define CALL_MAP(vcpu, gfn, map)	kvm_map(vcpu, gfn, map, false)
#define CALL_UNMAP(vcpu, map)		kvm_unmap(vcpu, map)
#endif

static map_fn kvm_map;
static unmap_fn kvm_unmap;
static bool mapped, stayed;
static struct kvm_host_map held_map;
static struct file *held_file;

/* KVM exports these to its own modules only. */
static void *find(const char *name)
{
	struct kprobe kp = {
		.symbol_name = name,
		.flags = KPROBE_FLAG_DISABLED,
	};

	if (register_kprobe(&kp))
		return NULL;
	unregister_kprobe(&kp);
	return kp.addr;
}

static bool in_direct_map(struct page *page)
{
	char byte;

	return !copy_from_kernel_nofault(&byte, page_address(page), 1);
}

/* Read-only: without a running vCPU nothing may be marked dirty. */
static int map_page(struct kvm_vcpu *vcpu, gfn_t gfn, struct kvm_host_map *map)
{
	int idx = srcu_read_lock(&vcpu->kvm->srcu);
	int ret = CALL_MAP(vcpu, gfn, map);

	srcu_read_unlock(&vcpu->kvm->srcu, idx);
	return ret;
}

static void unmap_page(struct kvm_vcpu *vcpu, struct kvm_host_map *map)
{
	int idx = srcu_read_lock(&vcpu->kvm->srcu);
	struct page *page = pfn_to_page(map->pfn);

	preempt_disable();
	CALL_UNMAP(vcpu, map);
	stayed = in_direct_map(page);
	preempt_enable();
	srcu_read_unlock(&vcpu->kvm->srcu, idx);
}

/* The vCPU's file; its page is in @map. */
static struct file *map_page_of(const char *fd_gfn, struct kvm_host_map *map)
{
	long long gfn;
	struct file *file;
	int fd, ret;

	if (sscanf(fd_gfn, "%d %lli", &fd, &gfn) != 2)
		return ERR_PTR(-EINVAL);
	file = fget(fd);
	if (!file)
		return ERR_PTR(-EBADF);
	ret = map_page(file->private_data, gfn, map);
	if (!ret) {
		mapped = in_direct_map(pfn_to_page(map->pfn));
		return file;
	}
	fput(file);
	return ERR_PTR(ret);
}

static int set_unmap(const char *value, const struct kernel_param *kp)
{
	struct kvm_host_map map = {};
	struct file *file = map_page_of(value, &map);

	if (IS_ERR(file))
		return PTR_ERR(file);
	unmap_page(file->private_data, &map);
	fput(file);
	return 0;
}

static void release_held(void)
{
	if (!held_file)
		return;
	unmap_page(held_file->private_data, &held_map);
	fput(held_file);
	held_file = NULL;
}

static int set_hold(const char *value, const struct kernel_param *kp)
{
	struct file *file;

	release_held();
	memset(&held_map, 0, sizeof(held_map));
	file = map_page_of(value, &held_map);
	if (!IS_ERR(file))
		held_file = file;
	return PTR_ERR_OR_ZERO(file);
}

static int get_unmap(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "mapped %d\nstayed %d\n", mapped, stayed);
}

static const struct kernel_param_ops unmap_ops = {
	.set = set_unmap,
	.get = get_unmap,
};
module_param_cb(unmap, &unmap_ops, NULL, 0600);
MODULE_PARM_DESC(unmap, "FD GFN: a vCPU, and a page to map and unmap");

static const struct kernel_param_ops hold_ops = {
	.set = set_hold,
};
module_param_cb(hold, &hold_ops, NULL, 0200);
MODULE_PARM_DESC(hold, "FD GFN: a vCPU, and a page to map; or nothing");

static int __init unmapper_init(void)
{
	kvm_map = find(MAP_FUNCTION);
	kvm_unmap = find("kvm:kvm_vcpu_unmap");
	return kvm_map && kvm_unmap ? 0 : -ENOENT;
}

static void __exit unmapper_exit(void)
{
	release_held();
}

module_init(unmapper_init);
module_exit(unmapper_exit);

MODULE_DESCRIPTION("kvm_vcpu_unmap() with preemption off");
MODULE_LICENSE("GPL");
