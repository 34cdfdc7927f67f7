/* SPDX-License-Identifier: GPL-2.0 */
/* The guest as a part of whoever runs it; GUEST_BIN is its flat image. */
	.section .rodata
	.balign 8
	.globl guest_image, guest_image_end
guest_image:
	.incbin GUEST_BIN
guest_image_end:

	.section .note.GNU-stack, "", @progbits
