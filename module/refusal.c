// SPDX-License-Identifier: GPL-2.0
/*
 * Refusals: when a process gets no memory, the kernel's log says why, and what
 * to do. The process itself may get no more than a signal; a VMM says "Bad
 * address".
 *
 * A user can have as many refusals as he likes, and choose the name of his
 * process. So there are GMEM_REFUSAL_BURST lines a minute at most for each
 * mount and reason, and of the name nothing but printable ASCII. No mount's
 * users can use up the lines of another mount. Only root can mount.
 */
#include <linux/ctype.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/mm.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <uapi/linux/gmemfs.h>

#include "gmem_inode.h"
#include "gmem_sb.h"
#include "memcg.h"
#include "refusal.h"
#include "units.h"

#define GMEM_REFUSAL_INTERVAL	(60 * HZ)
#define GMEM_REFUSAL_BURST	3

/**
 * struct gmem_refusals - how often a mount's refusals may be told
 * @limits: for each reason
 */
struct gmem_refusals {
	struct ratelimit_state limits[GMEM_NR_REFUSALS];
};

/* Behind the name of the process. */
static const char *const gmem_refusal_texts[GMEM_NR_REFUSALS] = {
	[GMEM_REFUSED_SIZE] =
		"gets no memory: the mount's size= is reached. Remove files, or allow more: mount -o remount,size=",
	[GMEM_REFUSED_BLOCK] =
		"gets no memory: the host has no free 2 MiB in one piece, and the file takes nothing else (huge=always). Reserve memory ahead of use (gmemctl reserve), free some, or mount with huge=try",
	[GMEM_REFUSED_CGROUP] =
		"gets no memory: its memory cgroup is at its limit. Raise that (memory.max; systemd: MemoryMax=): all memory of a guest counts there, and what its VMM takes besides",
	[GMEM_REFUSED_MEMORY] =
		"gets no memory: the host has none left. End something, or lower size= so that guests can't take all",
	[GMEM_REFUSED_UNHOOKED] =
		"gets no hidden memory: kvm could not be hooked, so a guest with hidden memory could crash this host. Fix the problem that an earlier guard message names, then unload gmemfs and load it again. Mounts with direct_map=kept still work, but their memory is not protected",
	[GMEM_REFUSED_EARLY] =
		"can't map memory of gmemfs: it had a VM when gmemfs was loaded. Start it again; load gmemfs before VMs",
	[GMEM_REFUSED_HIBERNATION] =
		"gets no hidden memory: the host hibernates. Try again when it has resumed",
	[GMEM_REFUSED_SOFTWARE] =
		"can't give its memory to a mediated device, or another that VFIO serves by software: such a driver needs the memory in the direct map. Use devices that do DMA through an IOMMU, or memory that isn't of gmemfs",
	[GMEM_REFUSED_FILLER] =
		"touched memory that isn't there: the program that was to fill it, over the file's fault channel (gmem-pager), has ended too early. Look at what it said last. If it is started again on the same file, it goes on",
	[GMEM_REFUSED_UNFILLED] =
		"can't give its memory to a device: a part of that is still missing, and VFIO doesn't wait for it. Let the program that fills the file over its fault channel (gmem-pager) come to its end first; if it has ended too early, start it again",
};

/* ---- a mount ---- */

/* Return: NULL if there is no memory. */
struct gmem_refusals *gmem_refusals_new(void)
{
	struct gmem_refusals *refusals;
	int i;

	refusals = kzalloc(sizeof(*refusals), GFP_KERNEL);
	for (i = 0; refusals && i < GMEM_NR_REFUSALS; i++) {
		ratelimit_state_init(&refusals->limits[i],
				     GMEM_REFUSAL_INTERVAL,
				     GMEM_REFUSAL_BURST);
		/* No second line that says how many were left out. */
		ratelimit_set_flags(&refusals->limits[i],
				    RATELIMIT_MSG_ON_RELEASE);
	}
	return refusals;
}

void gmem_refusals_free(struct gmem_refusals *refusals)
{
	kfree(refusals);
}

/* ---- a line ---- */

/* What isn't printable would reach terminals; a quote would end the name. */
static void gmem_refusal_name(char *name, size_t size)
{
	strscpy(name, current->comm, size);
	for (; *name; name++)
		if (!isascii(*name) || !isprint(*name) || *name == '"' ||
		    *name == '\\')
			*name = '?';
}

/**
 * gmem_refusal_say - tell why the current process gets no memory
 * @inode: the file that has none for it
 * @why: the reason
 */
void gmem_refusal_say(struct inode *inode, enum gmem_refusal why)
{
	struct gmem_sb *sbi = gmem_sb(inode->i_sb);
	dev_t dev = inode->i_sb->s_dev;
	char name[TASK_COMM_LEN];

	if (!__ratelimit(&sbi->refusals->limits[why]))
		return;
	gmem_refusal_name(name, sizeof(name));
	pr_warn("mount %u:%u (%lu KiB of size=%luk in use): \"%s\" (%d) %s\n",
		MAJOR(dev), MINOR(dev),
		atomic_long_read(&sbi->used) << (PAGE_SHIFT - 10),
		READ_ONCE(sbi->limit) << (PAGE_SHIFT - 10), name,
		task_tgid_nr(current), gmem_refusal_texts[why]);
}

/* ---- an error ---- */

static enum gmem_refusal gmem_refusal_of_memory(struct inode *inode)
{
	bool huge = gmem_i(inode)->flags & GMEM_FLAG_HUGE_ONLY;

	if (gmem_memcg_is_full(huge ? GMEM_BLOCK_PAGES : 1))
		return GMEM_REFUSED_CGROUP;
	return huge ? GMEM_REFUSED_BLOCK : GMEM_REFUSED_MEMORY;
}

/**
 * gmem_refusal_explain - the same, for an error of gmem_block_populate()
 * @inode: the file
 * @err: the error; nothing is said of others than these
 *
 * A task that is being killed gets no memory either; but then the reason is
 * whoever kills it.
 */
void gmem_refusal_explain(struct inode *inode, int err)
{
	switch (err) {
	case -ENOSPC:
		gmem_refusal_say(inode, GMEM_REFUSED_SIZE);
		break;
	case -ENOMEM:
		if (!fatal_signal_pending(current))
			gmem_refusal_say(inode, gmem_refusal_of_memory(inode));
		break;
	case -EPERM:
		gmem_refusal_say(inode, GMEM_REFUSED_UNHOOKED);
		break;
	case -EBUSY:
		gmem_refusal_say(inode, GMEM_REFUSED_HIBERNATION);
		break;
	}
}
