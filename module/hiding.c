// SPDX-License-Identifier: GPL-2.0
/*
 * Hiding: how many pages are absent from the direct map, and whether more may
 * be. None may while the host hibernates, or if KVM is loaded and could not be
 * hooked.
 */
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/errno.h>

#include "hiding.h"

static atomic_long_t hidden_pages;
static atomic_long_t hiding_pages;	/* that somebody is about to hide */
static unsigned long forbidden;		/* bits of enum gmem_forbidder */

/* gmem_hiding_pages - how many pages are hidden */
unsigned long gmem_hiding_pages(void)
{
	return atomic_long_read(&hidden_pages);
}

/* gmem_hiding_uncount - so many pages are exposed, or hidden for good */
void gmem_hiding_uncount(unsigned int nr)
{
	atomic_long_sub(nr, &hidden_pages);
}

/* gmem_hiding_permit - the reverse of gmem_hiding_forbid() */
void gmem_hiding_permit(enum gmem_forbidder why)
{
	clear_bit(why, &forbidden);
}

/**
 * gmem_hiding_forbid - from now on, no memory is hidden, if none is now
 * @why: the reason, until gmem_hiding_permit() takes it back
 *
 * Who hides pages first counts them as being hidden, and then looks whether it
 * may. They are counted as hidden before they stop being counted so. This
 * function first forbids it, and then reads the count. Both have a full barrier
 * in between, so at least one of the two sees what the other has written.
 *
 * While some pages are hidden, nothing is forbidden even for a moment: that
 * would end a guest that touches new memory just then.
 *
 * Return: 0; or how many pages are hidden, or are being hidden, and nothing is
 * forbidden
 */
unsigned long gmem_hiding_forbid(enum gmem_forbidder why)
{
	unsigned long hidden = gmem_hiding_pages();

	if (hidden)
		return hidden;
	set_bit(why, &forbidden);
	smp_mb__after_atomic();	/* pairs with gmem_hiding_begin() */
	hidden = atomic_long_read(&hiding_pages);
	smp_rmb();		/* pairs with gmem_hiding_end() */
	hidden += gmem_hiding_pages();
	if (hidden)
		gmem_hiding_permit(why);
	return hidden;
}

/* Return: 0; -EBUSY; or -EPERM if KVM is loaded and could not be hooked. */
static int gmem_may_hide(void)
{
	unsigned long why = READ_ONCE(forbidden);

	if (!why)
		return 0;
	return why & BIT(GMEM_FORBID_KVM_UNHOOKED) ? -EPERM : -EBUSY;
}

/**
 * gmem_hiding_begin - somebody is about to hide pages
 * @nr: how many
 *
 * Return: 0, and gmem_hiding_end() must follow; -EBUSY while the host
 * hibernates; -EPERM if KVM could not be hooked.
 */
int gmem_hiding_begin(unsigned int nr)
{
	int ret;

	atomic_long_add(nr, &hiding_pages);
	smp_mb__after_atomic();	/* pairs with gmem_hiding_forbid() */
	ret = gmem_may_hide();
	if (ret)
		atomic_long_sub(nr, &hiding_pages);
	return ret;
}

/* gmem_hiding_end - they are @hidden now, or they are not */
void gmem_hiding_end(unsigned int nr, bool hidden)
{
	if (hidden)
		atomic_long_add(nr, &hidden_pages);
	smp_mb__before_atomic();	/* gmem_hiding_forbid() sees one */
	atomic_long_sub(nr, &hiding_pages);
}
