/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest under QEMU: from where a multiboot loader leaves the first vCPU, and
 * a startup IPI the others, to guest_entry.S, each on a stack of its own.
 */
#include "guest.h"

#define MAGIC		0x1badb002
#define HAS_ADDRESSES	0x10000
#define CODE32		0x18

	.section .head, "ax"
	.balign 4
header:
	.long	MAGIC, HAS_ADDRESSES, -(MAGIC + HAS_ADDRESSES)
	.long	header, header, image_end, image_end, protected

/* Both ways come by here: 32 bits, no paging, and a flat data segment at 16. */
	.code32
protected:
	cli
	mov	$GUEST_DS, %eax
	mov	%eax, %ds
	lgdt	gdt_pointer
	mov	$pml4, %eax
	mov	%eax, %cr3
	mov	%cr4, %eax
	or	$0x20, %eax		/* PAE */
	mov	%eax, %cr4
	mov	$0xc0000080, %ecx	/* EFER */
	rdmsr
	or	$0x100, %eax		/* LME */
	wrmsr
	mov	%cr0, %eax
	and	$0x9fffffff, %eax	/* caches on */
	or	$0x80010021, %eax	/* PG, WP, NE, PE */
	mov	%eax, %cr0
	ljmp	$GUEST_CS, $long_mode

	.code64
long_mode:
	mov	$GUEST_DS, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %fs
	mov	%eax, %gs
	mov	%eax, %ss
	mov	$1, %edi
	lock xadd %edi, cpus_up
	mov	%edi, %esp
	inc	%esp
	shl	$14, %esp		/* GUEST_STACK_SIZE */
	add	$GUEST_STACKS, %esp
	call	boot_cpu
	jmp	start

/* Copied to where a startup IPI can point, below 1 MiB. */
	.globl	trampoline, trampoline_end
	.code16
trampoline:
	cli
	xor	%eax, %eax
	mov	%eax, %ds
	lgdtl	BOOT_TRAMPOLINE + trampoline_gdt - trampoline
	mov	$0x11, %eax		/* ET, PE */
	mov	%eax, %cr0
	ljmpl	$CODE32, $protected
trampoline_gdt:
	.word	gdt_end - gdt - 1
	.long	gdt
trampoline_end:

	.data
cpus_up:
	.long	0
	.balign	8
gdt:
	.quad	0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff
gdt_end:
gdt_pointer:
	.word	gdt_end - gdt - 1
	.long	gdt

/* GUEST_MAPPED, by 2 MiB, as in kvm.c. */
	.balign	4096
pml4:
	.quad	pdpt + 3
	.fill	511, 8, 0
pdpt:
	.quad	pd + 3, pd + 0x1003, pd + 0x2003, pd + 0x3003
	.fill	508, 8, 0
pd:
	.set	addr, 0
	.rept	2048
	.quad	addr + 0x83
	.set	addr, addr + 0x200000
	.endr

	.section .note.GNU-stack, "", @progbits
