// SPDX-License-Identifier: GPL-2.0
/*
 * Hibernation is refused while memory is hidden.
 *
 * The image is made by copying pages through the direct map, in which hidden
 * pages are absent. It would also put the guests' memory on disk. Suspend to
 * RAM and to idle leave memory where it is, and are not affected.
 */
#include <linux/notifier.h>
#include <linux/suspend.h>

#include "hiding.h"
#include "power.h"

static int gmem_power_event(struct notifier_block *nb, unsigned long event,
			    void *unused)
{
	unsigned long hidden;

	switch (event) {
	case PM_HIBERNATION_PREPARE:
	case PM_RESTORE_PREPARE:
		break;
	case PM_POST_HIBERNATION:
	case PM_POST_RESTORE:
		gmem_hiding_permit(GMEM_FORBID_HIBERNATION);
		return NOTIFY_DONE;
	default:
		return NOTIFY_DONE;
	}

	hidden = gmem_hiding_forbid(GMEM_FORBID_HIBERNATION);
	if (!hidden)
		return NOTIFY_DONE;

	pr_warn("hibernation refused: %lu MiB of memory are hidden; shut the guests down, remove their files, end whoever has pinned their pages, and write 0 to /sys/fs/gmemfs/pool/low_bytes\n",
		DIV_ROUND_UP(hidden, SZ_1M / PAGE_SIZE));
	return notifier_from_errno(-EBUSY);
}

static struct notifier_block gmem_power_nb = {
	.notifier_call = gmem_power_event,
};

int __init gmem_power_init(void)
{
	return register_pm_notifier(&gmem_power_nb);
}

void gmem_power_exit(void)
{
	unregister_pm_notifier(&gmem_power_nb);
}
