// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel's memory management and others would do with a page, and
 * can't: offline it, move it, make it a futex. It stays as it is.
 */
#include "gmem_test.h"

#include <linux/futex.h>
#include <linux/mempolicy.h>
#include <sys/syscall.h>

#define MEMORY	"/sys/devices/system/memory/"
#define TEXT	"as it was"

static int fd;
static char *mem;
static uint64_t pfn;

static void test_offline(void)
{
	char text[32], path[128];
	int size_fd = must(open(MEMORY "block_size_bytes", O_RDONLY));

	snprintf(text, sizeof(text), "%#lx", pfn * PAGE);
	is_errno(write_text(MEMORY "soft_offline_page", text), EIO,
		 "soft offline: EIO");
	memset(text, 0, sizeof(text));
	must(read(size_fd, text, sizeof(text) - 1));
	close(size_fd);
	snprintf(path, sizeof(path), MEMORY "memory%lu/state",
		 pfn * PAGE / strtoul(text, NULL, 16));
	is_errno(write_text(path, "offline"), EBUSY, "hot-remove: EBUSY");
}

static void test_move(void)
{
	void *pages[] = { mem };
	int node = 0, status = 0;

	must(syscall(SYS_move_pages, 0, 1, pages, &node, &status,
		     MPOL_MF_MOVE_ALL));
	ok(status < 0, "move_pages(): its status is %d", status);
	is_errno(madvise(mem, PAGE, MADV_PAGEOUT), EINVAL, "MADV_PAGEOUT");
	is_errno(madvise(mem, PAGE, MADV_DONTNEED), EINVAL, "MADV_DONTNEED");
	is_errno(madvise(mem, PAGE, MADV_DODUMP), EINVAL, "MADV_DODUMP");
	is_errno(madvise(mem, PAGE, MADV_HWPOISON), EFAULT, "MADV_HWPOISON");
}

static void test_futex(void)
{
	is_errno(syscall(SYS_futex, mem, FUTEX_WAKE, 1, NULL, NULL, 0), EFAULT,
		 "a shared futex");
}

int main(void)
{
	fd = new_file(BLOCK);
	mem = map(fd, BLOCK);
	pfn = fault_pfn(mem);
	memcpy(mem, TEXT, sizeof(TEXT));
	test_offline();
	test_move();
	test_futex();
	is_str(mem, TEXT, "the page is as it was");
	is(get_info(fd).hidden, BLOCK, "and hidden");
	return done_testing();
}
