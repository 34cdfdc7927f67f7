/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A kernel that loops for ever, and reads no key. With -DOFF it powers off
 * instead. With -DBREAK it prints a byte, starts a queue of no size on each of
 * two devices, and resets itself.
 */
#define MEMORY_NEEDED	0x1000000
#define SLEEP_CONTROL	0x600
#define POWER_OFF	0x34	/* type 5, enable */
#define SERIAL		0x3f8
#define I8042		0x64
#define I8042_RESET	0xfe

#define VIRTIO		0xd0000000
#define VIRTIO_STRIDE	0x1000
#define DEVICES		2
/* Registers, and bits of the status: see linux/virtio_mmio.h. */
#define FEATURES	0x20
#define FEATURES_PAGE	0x24
#define QUEUE		0x30
#define QUEUE_SIZE	0x38
#define QUEUE_READY	0x44
#define STATUS		0x70
#define STARTED		3
#define FEATURES_OK	8
#define VERSION_1	1	/* in the features' second page */

	.code64
	.text

#include "bzimage.h"

	.org 0x600			/* the entry */
#ifdef OFF
	mov $SLEEP_CONTROL, %dx
	mov $POWER_OFF, %al
	out %al, %dx
#endif
#ifdef BREAK
	mov $SERIAL, %dx
	mov $'x', %al
	out %al, %dx
	mov $VIRTIO, %edi
	mov $DEVICES, %ecx
2:	movl $0, STATUS(%rdi)
	movl $STARTED, STATUS(%rdi)
	movl $1, FEATURES_PAGE(%rdi)
	movl $VERSION_1, FEATURES(%rdi)
	movl $(STARTED | FEATURES_OK), STATUS(%rdi)
	movl $0, QUEUE(%rdi)
	movl $0, QUEUE_SIZE(%rdi)
	movl $1, QUEUE_READY(%rdi)
	add $VIRTIO_STRIDE, %edi
	loop 2b
	mov $I8042_RESET, %al
	out %al, $I8042
#endif
1:	pause
	jmp 1b
	.org 0x2000
