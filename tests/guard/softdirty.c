// SPDX-License-Identifier: GPL-2.0
/*
 * After a write of 4 to /proc/PID/clear_refs the kernel wants to know which
 * pages of the process are written to. A guest's first store to a page must
 * work all the same: with any instruction, also one that KVM can't emulate.
 */
#include "small_vm.h"

#define SIZE	(2 * BLOCK)
#define STORED	0x5000
#define ONE	0x3f800000	/* 1.0 as a float */

/* fninit; fld1; fstp dword [0x5000]; hlt. KVM emulates no x87 instruction. */
static const unsigned char code[] = {
	0xdb, 0xe3, 0xd9, 0xe8, 0xd9, 0x1e, 0x00, 0x50, 0xf4,
};

static void test_store(uint64_t flags, bool cleared, const char *what)
{
	struct gmem_create create = { .size = SIZE, .flags = flags };
	int dir = must(open(MNT, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	int fd = must(ioctl(dir, GMEM_CREATE, &create));
	char *mem = map(fd, SIZE);
	struct small_vm v;

	memcpy(mem, code, sizeof(code));
	v = make_vm(mem, SIZE);
	if (cleared)
		must(write_text("/proc/self/clear_refs", "4"));
	is(ioctl(v.vcpu, KVM_RUN, 0), 0, "%s: the guest runs", what);
	is(v.run->exit_reason, KVM_EXIT_HLT, "  to its end");
	is(*(unsigned int *)(mem + STORED), ONE, "  and has stored");
	free_vm(&v);
	munmap(mem, SIZE);
	close(fd);
	close(dir);
}

int main(void)
{
	test_store(GMEM_FLAG_NO_HUGE, false, "single pages");
	test_store(GMEM_FLAG_NO_HUGE, true, "single pages, cleared");
	test_store(0, true, "2 MiB, cleared");
	nothing_is_left();
	return done_testing();
}
