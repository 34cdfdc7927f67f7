/* SPDX-License-Identifier: GPL-2.0 */
/* What a guest needs to know of a VMCB, to run a guest of its own by SVM. */
#ifndef GUARD_VMCB_H
#define GUARD_VMCB_H

#include <stdint.h>

/* Offsets in a VMCB: AMD64 Architecture Programmer's Manual 2, appendix B. */
enum {
	VMCB_EXCEPTIONS = 0x08,
	VMCB_INTERCEPT1 = 0x0c,
	VMCB_INTERCEPT2 = 0x10,
	VMCB_IOPM = 0x40,
	VMCB_MSRPM = 0x48,
	VMCB_ASID = 0x58,
	VMCB_EXIT_CODE = 0x70,
	VMCB_NESTED_PAGING = 0x90,
	VMCB_NESTED_CR3 = 0xb0,
	VMCB_ES = 0x400,
	VMCB_CS = 0x410,
	VMCB_GDTR = 0x460,
	VMCB_EFER = 0x4d0,
	VMCB_CR4 = 0x548,
	VMCB_CR3 = 0x550,
	VMCB_CR0 = 0x558,
	VMCB_DR7 = 0x560,
	VMCB_DR6 = 0x568,
	VMCB_RFLAGS = 0x570,
	VMCB_RIP = 0x578,
	VMCB_RSP = 0x5d8,
	VMCB_PAT = 0x668,
};

static inline void put32(char *vmcb, unsigned int at, uint32_t value)
{
	*(volatile uint32_t *)(vmcb + at) = value;
}

static inline void put64(char *vmcb, unsigned int at, uint64_t value)
{
	*(volatile uint64_t *)(vmcb + at) = value;
}

static inline void put_segment(char *vmcb, unsigned int at, uint16_t selector,
			       uint16_t attributes)
{
	put32(vmcb, at, selector | (uint32_t)attributes << 16);
	put32(vmcb, at + 4, 0xffffffff);
	put64(vmcb, at + 8, 0);
}

#endif /* GUARD_VMCB_H */
