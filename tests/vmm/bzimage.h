/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The header of a bzImage for a kernel in assembly: the fields that the x86
 * boot protocol wants. The kernel that includes it says where it is loaded, and
 * how much memory it needs from there on.
 */
#define LOAD_ADDRESS	0x1000000

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
	.long MEMORY_NEEDED		/* init_size */
	.org 0x26c
header_end:
