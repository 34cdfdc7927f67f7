// SPDX-License-Identifier: GPL-2.0
/* Linux's 64-bit boot protocol: images, zero page, page tables, segments. */
#include <asm/bootparam.h>
#include <asm/e820.h>
#include <linux/kvm.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot.h"
#include "error.h"
#include "layout.h"

#define PAGE_SIZE	4096ULL
#define HUGE_SIZE	(2 * MIB)
#define SECTOR_SIZE	512

/* ---- the image ---- */

#define BOOT_FLAG		0xaa55
#define HEADER_MAGIC		0x53726448	/* "HdrS" */
#define VERSION_MIN		0x020c		/* with xloadflags */
#define LOADER_UNDEFINED	0xff
#define ENTRY_64		0x200
#define SETUP_SECTS_MAX		64

struct image {
	struct setup_header header;
	uint64_t kernel_offset;	/* in the file: after the 16-bit part */
	uint64_t kernel_size;
	uint64_t load_address;
	uint64_t initrd_address;
	uint64_t initrd_size;
};

static int file_size(int fd, uint64_t *size)
{
	struct stat st;

	if (fstat(fd, &st))
		return fail_errno("can't read the size of a file");
	if (!S_ISREG(st.st_mode))
		return fail("the kernel and the initrd must be files, not devices or folders");
	*size = st.st_size;
	return 0;
}

/* The header says where it ends; the bytes after that aren't part of it. */
static size_t header_size(const struct setup_header *header)
{
	size_t end = offsetof(struct setup_header, header);

	end += header->jump >> 8;
	return end < sizeof(*header) ? end : sizeof(*header);
}

static int read_header(struct image *image, int fd)
{
	struct setup_header *h = &image->header;
	ssize_t got = pread(fd, h, sizeof(*h),
			    offsetof(struct boot_params, hdr));
	size_t size;

	if (got < 0)
		return fail_errno("can't read the kernel");
	if (got != sizeof(*h) || h->boot_flag != BOOT_FLAG ||
	    h->header != HEADER_MAGIC)
		return fail("the kernel is not a bzImage: take one like /boot/vmlinuz-...");
	if (h->version < VERSION_MIN || !(h->xloadflags & XLF_KERNEL_64))
		return fail("the kernel has no 64-bit entry (x86-64, Linux 3.8 or later)");
	size = header_size(h);
	memset((char *)h + size, 0, sizeof(*h) - size);
	return 0;
}

static int check_kernel(struct image *image, int fd)
{
	const struct setup_header *h = &image->header;
	unsigned int sectors = h->setup_sects ? h->setup_sects : 4;
	uint64_t size;

	if (file_size(fd, &size))
		return -1;
	image->kernel_offset = (sectors + 1) * SECTOR_SIZE;
	if (sectors > SETUP_SECTS_MAX || image->kernel_offset >= size)
		return fail("the kernel's file is cut off, or damaged");
	image->kernel_size = size - image->kernel_offset;
	return 0;
}

/* The kernel gets its preferred address, and may relocate itself later. */
static int place_kernel(struct image *image, const struct guest *guest)
{
	const struct setup_header *h = &image->header;
	uint64_t need = image->kernel_size;

	if (need < h->init_size)
		need = h->init_size;
	image->load_address = h->pref_address;
	if (h->pref_address < EXTENDED_MEMORY_START ||
	    h->pref_address % PAGE_SIZE)
		return fail("the kernel's load address %#llx is invalid: its file is damaged",
			    (unsigned long long)h->pref_address);
	if (h->pref_address >= LOW_MEMORY_END ||
	    !guest_has(guest, h->pref_address, need))
		return fail("the kernel needs more memory: --memory size=%lluM at least",
			    (unsigned long long)
			    ((h->pref_address + need) / MIB + 64));
	return 0;
}

/* As high as the kernel can access, and not where the kernel unpacks itself. */
static int place_initrd(struct image *image, const struct guest *guest, int fd)
{
	const struct setup_header *h = &image->header;
	uint64_t end = h->initrd_addr_max + 1ULL;
	uint64_t kernel_end = image->load_address + h->init_size;

	if (fd < 0)
		return 0;
	if (file_size(fd, &image->initrd_size))
		return -1;
	if (kernel_end < image->load_address + image->kernel_size)
		kernel_end = image->load_address + image->kernel_size;
	if (end > guest->low_size)
		end = guest->low_size;
	if (image->initrd_size > end ||
	    end - image->initrd_size < kernel_end + PAGE_SIZE)
		return fail("the initrd needs more memory: --memory size=%lluM at least",
			    (unsigned long long)
			    ((kernel_end + 2 * image->initrd_size) / MIB + 64));
	image->initrd_address = (end - image->initrd_size) & -PAGE_SIZE;
	return 0;
}

static int load_file(const struct guest *guest, uint64_t address, int fd,
		     uint64_t offset, uint64_t size, const char *what)
{
	int ret = guest_read_file(guest, address, fd, offset, size);

	if (ret)
		return fail("can't load the %s: %s", what, strerror(-ret));
	return 0;
}

/* ---- what the kernel finds in memory ---- */

static int put(const struct guest *guest, uint64_t address, const void *data,
	       size_t size)
{
	int ret = guest_write(guest, address, data, size);

	if (ret)
		return fail("can't write to the guest's memory: %s",
			    strerror(-ret));
	return 0;
}

static void add_e820(struct boot_params *zero, uint64_t start, uint64_t end,
		     unsigned int type)
{
	zero->e820_table[zero->e820_entries++] = (struct boot_e820_entry){
		.addr = start, .size = end - start, .type = type,
	};
}

static void set_memory_map(struct boot_params *zero, const struct guest *guest)
{
	add_e820(zero, 0, BASE_MEMORY_END, E820_RAM);
	add_e820(zero, ACPI_ADDRESS, EXTENDED_MEMORY_START, E820_RESERVED);
	add_e820(zero, EXTENDED_MEMORY_START, guest->low_size, E820_RAM);
	if (guest->high_size)
		add_e820(zero, HIGH_MEMORY_START,
			 HIGH_MEMORY_START + guest->high_size, E820_RAM);
}

static int put_command_line(const struct guest *guest,
			    const struct image *image, const char *line)
{
	size_t length = strlen(line);

	if (length > image->header.cmdline_size)
		return fail("--append: the kernel takes at most %u characters, not %zu",
			    image->header.cmdline_size, length);
	return put(guest, COMMAND_LINE_ADDRESS, line, length + 1);
}

static int put_zero_page(const struct guest *guest, const struct image *image,
			 const struct boot *boot)
{
	struct boot_params zero = { .hdr = image->header };

	zero.hdr.type_of_loader = LOADER_UNDEFINED;
	zero.hdr.code32_start = image->load_address;
	zero.hdr.cmd_line_ptr = COMMAND_LINE_ADDRESS;
	/* 32 bits are enough: it is below initrd_addr_max. */
	zero.hdr.ramdisk_image = image->initrd_address;
	zero.hdr.ramdisk_size = image->initrd_size;
	zero.acpi_rsdp_addr = boot->acpi_address;
	set_memory_map(&zero, guest);
	return put(guest, ZERO_PAGE_ADDRESS, &zero, sizeof(zero));
}

/* ---- page tables and segments ---- */

#define ENTRIES		512
#define PTE_TABLE	0x3	/* present, writable */
#define PTE_HUGE	0x83

/* Map the first 4 GiB at their own addresses, with 2 MiB entries. */
static int put_page_tables(const struct guest *guest)
{
	const uint64_t top = PAGE_TABLES_ADDRESS;
	const uint64_t upper = top + PAGE_SIZE;
	uint64_t table[ENTRIES] = { upper | PTE_TABLE };

	if (put(guest, top, table, sizeof(table)))
		return -1;
	memset(table, 0, sizeof(table));
	for (int i = 0; i < 4; i++)
		table[i] = (upper + (i + 1) * PAGE_SIZE) | PTE_TABLE;
	if (put(guest, upper, table, sizeof(table)))
		return -1;
	for (int i = 0; i < 4; i++) {
		for (int j = 0; j < ENTRIES; j++)
			table[j] = (i * GIB + j * HUGE_SIZE) | PTE_HUGE;
		if (put(guest, upper + (i + 1) * PAGE_SIZE, table,
			sizeof(table)))
			return -1;
	}
	return 0;
}

/* The boot protocol wants flat segments, at these selectors. */
#define CODE_SELECTOR	0x10
#define DATA_SELECTOR	0x18

static const uint64_t descriptors[] = {
	0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff
};

#define CR0_PE		0x1
#define CR0_ET		0x10
#define CR0_NE		0x20
#define CR0_WP		0x10000
#define CR0_PG		0x80000000
#define CR4_PAE		0x20
#define EFER_LME	0x100
#define EFER_LMA	0x400
#define RFLAGS_FIXED	0x2

void boot_registers(struct kvm_sregs *sregs, struct kvm_regs *regs,
		    uint64_t entry)
{
	struct kvm_segment code = {
		.limit = 0xffffffff, .selector = CODE_SELECTOR, .type = 0xb,
		.present = 1, .s = 1, .l = 1, .g = 1,
	};
	struct kvm_segment data = {
		.limit = 0xffffffff, .selector = DATA_SELECTOR, .type = 0x3,
		.present = 1, .s = 1, .db = 1, .g = 1,
	};

	sregs->cs = code;
	sregs->ds = data;
	sregs->es = data;
	sregs->fs = data;
	sregs->gs = data;
	sregs->ss = data;
	sregs->gdt.base = GDT_ADDRESS;
	sregs->gdt.limit = sizeof(descriptors) - 1;
	sregs->idt.base = 0;
	sregs->idt.limit = 0;
	sregs->cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	sregs->cr3 = PAGE_TABLES_ADDRESS;
	sregs->cr4 = CR4_PAE;
	sregs->efer = EFER_LME | EFER_LMA;
	*regs = (struct kvm_regs){
		.rip = entry,
		.rsi = ZERO_PAGE_ADDRESS,
		.rsp = BOOT_STACK_ADDRESS,
		.rflags = RFLAGS_FIXED,
	};
}

/* ---- the part of a BIOS that Linux needs ---- */

/*
 * With ACPI's reduced hardware, Linux resets by EFI. Without EFI it jumps to
 * the reset vector in real mode (arch/x86/kernel/reboot.c).
 */
static int put_reset_vector(const struct guest *guest)
{
	static const uint8_t code[] = {
		0xb0, I8042_RESET,	/* mov $I8042_RESET, %al */
		0xe6, I8042_PORT,	/* out %al, $I8042_PORT */
		0xf4,			/* hlt */
	};

	return put(guest, RESET_VECTOR, code, sizeof(code));
}

/* ---- all ---- */

static int load_images(const struct guest *guest, const struct boot *boot,
		       struct image *image)
{
	if (read_header(image, boot->kernel_fd) ||
	    check_kernel(image, boot->kernel_fd) ||
	    place_kernel(image, guest) ||
	    place_initrd(image, guest, boot->initrd_fd))
		return -1;
	if (load_file(guest, image->load_address, boot->kernel_fd,
		      image->kernel_offset, image->kernel_size, "kernel"))
		return -1;
	if (boot->initrd_fd < 0)
		return 0;
	return load_file(guest, image->initrd_address, boot->initrd_fd, 0,
			 image->initrd_size, "initrd");
}

int boot_load(const struct guest *guest, const struct boot *boot,
	      uint64_t *entry)
{
	struct image image = {};

	if (load_images(guest, boot, &image))
		return -1;
	if (put_command_line(guest, &image, boot->command_line) ||
	    put_zero_page(guest, &image, boot) || put_page_tables(guest) ||
	    put_reset_vector(guest) ||
	    put(guest, GDT_ADDRESS, descriptors, sizeof(descriptors)))
		return -1;
	*entry = image.load_address + ENTRY_64;
	return 0;
}
