/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A kernel of a few hundred bytes, in a bzImage's dress: what KVM's emulator does
 * with memory that is hidden, and how a guest shares some. Speaks as told-init
 * does, and waits for a byte on the serial port where the test wants to look.
 *
 *	string		by REP OUTSB: operands in hidden memory
 *	input		by REP INSB, into hidden memory
 *	mmio		MOVS from a device into hidden memory
 *	clock		kvm-clock, in a page that was hidden
 *	refused		sharing what is no memory, and more than there can be
 *	shared		2 MiB, whose contents are as before; waits
 *	private		the same again; waits; and ends, as the byte says: "t" by a
 *			triple fault, "d" with an instruction that a device is to
 *			hold, else by powering off
 */
#define MEMORY_NEEDED	0x1000000

#define SERIAL		0x3f8
#define SERIAL_STATUS	0x3fd
#define STATUS_RECEIVED	1
#define STATUS_IDLE	0x60
#define SLEEP_CONTROL	0x600
#define POWER_OFF	0x34	/* type 5, enable */

#define VIRTIO		0xd0000000
#define VIRTIO_MAGIC	0x74726976

#define MSR_CLOCK	0x4b564d01
#define CLOCK_SCALE	24	/* in struct pvclock_vcpu_time_info */

#define MAP_GPA_RANGE	12
#define SHARED		0
#define PRIVATE		0x10
#define RANGE		0x4000000
#define RANGE_PAGES	512
#define NO_MEMORY	0x80000000
#define TOO_MANY_PAGES	(1 << 60)

	.code64
	.text

#include "bzimage.h"

/* ---- words ---- */

/* Prints what %rsi points to, %ecx bytes. */
	.macro print text
	lea \text(%rip), %rsi
	mov $\text\()_end - \text, %ecx
	mov $SERIAL, %dx
	rep outsb
	.endm

	.macro must condition
	j\condition 1f
	jmp failed
1:
	.endm

	.org 0x400
kernel:
	.org 0x600			/* kernel + 0x200: the entry */
entry:
	cld
	print hello
	print string

/* The line's status, four times: idle. */
	lea buffer(%rip), %rdi
	mov $4, %ecx
	mov $SERIAL_STATUS, %dx
	rep insb
	mov buffer(%rip), %eax
	cmp $STATUS_IDLE * 0x01010101, %eax
	must e
	print input

	mov $VIRTIO, %esi
	lea buffer(%rip), %rdi
	movsl
	cmpl $VIRTIO_MAGIC, buffer(%rip)
	must e
	print mmio

	lea clock_page + 1(%rip), %rax
	mov %rax, %rdx
	shr $32, %rdx
	mov $MSR_CLOCK, %ecx
	wrmsr
	cmpl $0, clock_page + CLOCK_SCALE(%rip)
	must ne
	print clock

/* ---- conversions ---- */

	mov $NO_MEMORY, %ebx
	mov $SHARED, %edx
	call convert
	test %rax, %rax
	must s
	mov $RANGE, %ebx
	mov $TOO_MANY_PAGES, %rcx
	call convert_pages
	test %rax, %rax
	must s
	print refused

	mov $RANGE, %rdi
	mov $RANGE_PAGES * 512, %ecx
	mov $0x5a5a123455aa4321, %rax
	rep stosq
	mov $RANGE, %ebx
	mov $SHARED, %edx
	call convert
	test %rax, %rax
	must z
	call check
	print shared
	call wait
	mov $RANGE, %ebx
	mov $PRIVATE, %edx
	call convert
	test %rax, %rax
	must z
	call check
	print private
	call wait
	cmp $'t', %al
	je triple_fault
	cmp $'d', %al
	je run_device

power_off:
	mov $SLEEP_CONTROL, %dx
	mov $POWER_OFF, %al
	out %al, %dx
1:	hlt
	jmp 1b

failed:
	print failure
	jmp power_off

triple_fault:
	lidt no_idt(%rip)
	ud2

/* KVM has no bytes to emulate. */
run_device:
	mov $VIRTIO, %eax
	jmp *%rax

/* Hosts' CPUs differ in the instruction; KVM puts the right one there. */
convert:
	mov $RANGE_PAGES, %ecx
convert_pages:
	mov $MAP_GPA_RANGE, %eax
	vmmcall
	ret

/* What was written is there, all of it. */
check:
	mov $RANGE, %rdi
	mov $RANGE_PAGES * 512, %ecx
	mov $0x5a5a123455aa4321, %rax
	repe scasq
	jne failed
	ret

/* For a byte on the serial port. */
wait:
	mov $SERIAL_STATUS, %dx
1:	pause
	in %dx, %al
	test $STATUS_RECEIVED, %al
	jz 1b
	mov $SERIAL, %dx
	in %dx, %al
	ret

	.macro text name, words
\name:	.ascii "told-init: \words\r\n"
\name\()_end:
	.endm

	text hello, "hello"
	text string, "string"
	text input, "input"
	text mmio, "mmio"
	text clock, "clock"
	text refused, "refused"
	text shared, "shared"
	text private, "private"
	text failure, "FAILED"

	.balign 8
buffer:
	.quad 0
no_idt:
	.fill 10
	.balign 4096
clock_page:
	.fill 4096
