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

#include "directmap.h"
#include "power.h"

static bool hibernating;

/*
 * The caller has already counted the pages as hidden. Both sides have a full
 * barrier between their write and their read: so we see @hibernating, or the
 * notifier sees the count, or both.
 */
bool gmem_power_may_hide(void)
{
	smp_mb();	/* pairs with the one in gmem_power_event() */
	return !READ_ONCE(hibernating);
}

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
		WRITE_ONCE(hibernating, false);
		return NOTIFY_DONE;
	default:
		return NOTIFY_DONE;
	}

	WRITE_ONCE(hibernating, true);
	smp_mb();	/* pairs with the one in gmem_power_may_hide() */
	hidden = gmem_directmap_hidden();
	if (!hidden)
		return NOTIFY_DONE;

	WRITE_ONCE(hibernating, false);
	pr_warn("hibernation refused: %lu MiB of memory are hidden; shut the guests down, remove their files, and write 0 to /sys/fs/gmemfs/pool/low_bytes\n",
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
