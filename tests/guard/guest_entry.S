/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where the guest begins. The stack pointer is at the top of the vCPU's stack,
 * and struct guest_cpu at its bottom, so masking finds it at any time: also
 * after a VMLOAD of rubbish into every register that is not for general use.
 */
#include "guest.h"

	.section .entry, "ax"
	.balign 8
	.globl start
start:
	jmp	again
	.balign 8
	.quad	exception
	.globl l2_entry, l2_ticks

	.text
/* Interrupts stay off. An exception ends the step that it happened in. */
exception:
	mov	%rsp, %rdi
	and	$-GUEST_STACK_SIZE, %rdi
	incq	32(%rdi)
again:
	sub	$8, %rsp
	and	$-GUEST_STACK_SIZE, %rsp
	mov	%rsp, %rdi
	add	$GUEST_STACK_SIZE, %rsp
	cld
	call	guest_step
	jmp	again

/* The guest's guest: two things that maps of permissions are read for. */
l2_entry:
	mov	$0x10, %ecx
	rdmsr
	in	$0x80, %al
	vmmcall
	jmp	l2_entry

l2_ticks:
	mov	$GUEST_TICK_PORT, %edx
	out	%al, %dx
	jmp	l2_ticks

	.section .note.GNU-stack, "", @progbits
