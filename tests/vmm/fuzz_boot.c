// SPDX-License-Identifier: GPL-2.0
/*
 * What a kernel's file can have in it. The input is the file; whatever that is,
 * it's refused, or lies in the guest's memory where its header says.
 */
#include <asm/bootparam.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../vmm/boot.h"
#include "fuzz.h"

#define MEMORY		(64ULL << 20)
#define HEADER		0x1f1
#define SETUP_SECTS	4

static int file_of(const uint8_t *data, size_t size)
{
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("kernel", MFD_CLOEXEC);
	fuzz_must(fd >= 0 && !ftruncate(fd, 0) &&
		  pwrite(fd, data, size, 0) == (ssize_t)size);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct guest *guest = fuzz_guest(MEMORY);
	struct boot boot = {
		.kernel_fd = file_of(data, size), .initrd_fd = -1,
		.command_line = "console=ttyS0",
	};
	uint64_t entry = 0;

	if (size & 1)
		boot.initrd_fd = boot.kernel_fd;
	if (!boot_load(guest, &boot, &entry))
		fuzz_must(entry >= 1 << 20 && guest_has(guest, entry, 1));
	return 0;
}

size_t fuzz_seed(uint8_t *data, size_t room)
{
	struct setup_header header = {
		.setup_sects = SETUP_SECTS, .boot_flag = 0xaa55,
		.jump = (sizeof(header) - 17) << 8 | 0xeb,
		.header = 0x53726448, .version = 0x20f,
		.initrd_addr_max = 0x7fffffff, .kernel_alignment = 2 << 20,
		.relocatable_kernel = 1, .xloadflags = XLF_KERNEL_64,
		.cmdline_size = 2047, .pref_address = 16 << 20,
		.init_size = 8 << 20,
	};
	size_t size = (SETUP_SECTS + 1) * 512 + 4096;

	fuzz_must(room >= size);
	memset(data, 0x90, size);
	memcpy(data + HEADER, &header, sizeof(header));
	return size;
}
