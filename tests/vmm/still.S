/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A kernel that loops for ever, and reads no key. With -DOFF it powers off
 * instead.
 */
#define MEMORY_NEEDED	0x1000000
#define SLEEP_CONTROL	0x600
#define POWER_OFF	0x34	/* type 5, enable */

	.code64
	.text

#include "bzimage.h"

	.org 0x600			/* the entry */
#ifdef OFF
	mov $SLEEP_CONTROL, %dx
	mov $POWER_OFF, %al
	out %al, %dx
#endif
1:	pause
	jmp 1b
	.org 0x2000
