/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A kernel that loops for ever, and reads no key. With -DOFF it powers off
 * instead.
 */
#define LOAD_ADDRESS	0x1000000
#define SLEEP_CONTROL	0x600
#define POWER_OFF	0x34	/* type 5, enable */

	.code64
	.text

/* ---- the header: as in tiny.S ---- */

	.org 0x1f1
	.byte 1				/* setup_sects */
	.org 0x1fe
	.word 0xaa55			/* boot_flag */
	.byte 0xeb, header_end - magic	/* jump, over the header */
magic:
	.ascii "HdrS"
	.word 0x20f			/* version */
	.org 0x211
	.byte 1				/* loadflags: loaded high */
	.org 0x22c
	.long 0x7fffffff		/* initrd_addr_max */
	.long 0x200000			/* kernel_alignment */
	.byte 1				/* relocatable_kernel */
	.org 0x236
	.word 1				/* xloadflags: 64-bit entry */
	.long 2047			/* cmdline_size */
	.org 0x258
	.quad LOAD_ADDRESS		/* pref_address */
	.long LOAD_ADDRESS		/* init_size */
	.org 0x26c
header_end:

	.org 0x600			/* the entry */
#ifdef OFF
	mov $SLEEP_CONTROL, %dx
	mov $POWER_OFF, %al
	out %al, %dx
#endif
1:	pause
	jmp 1b
	.org 0x2000
