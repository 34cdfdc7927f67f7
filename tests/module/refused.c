// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel's memory management and others would do with a page, and
 * can't: offline it, move it, make it a futex. It stays as it is.
 */
#include "gmem_test.h"

#include <linux/futex.h>
#include <linux/mempolicy.h>
#include <linux/userfaultfd.h>
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

/* ---- userfaultfd ---- */

/* -1: this kernel has no such mode. */
static int make_watcher(void)
{
	struct uffdio_api api = {
		.api = UFFD_API, .features = UFFD_FEATURE_WP_ASYNC,
	};
	int uffd = must(syscall(SYS_userfaultfd,
				O_CLOEXEC | UFFD_USER_MODE_ONLY));

	if (!ioctl(uffd, UFFDIO_API, &api))
		return uffd;
	close(uffd);
	return -1;
}

static int watch(int uffd, char *p, uint64_t mode)
{
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)p, .len = BLOCK }, .mode = mode,
	};

	return ioctl(uffd, UFFDIO_REGISTER, &reg);
}

/* Where there is no page, this leaves a marker in the page table. */
static void protect(int uffd, char *p)
{
	struct uffdio_writeprotect wp = {
		.range = { .start = (uintptr_t)p, .len = BLOCK },
		.mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};

	must(ioctl(uffd, UFFDIO_WRITEPROTECT, &wp));
}

/*
 * No access may fault again and again: a task that does so in the kernel can't
 * be killed.
 */
static void test_marked(char *last)
{
	int pipes[2];

	must(pipe(pipes));
	is(touch_read(last), SIGBUS, "a read of a new page is SIGBUS");
	is(touch_write(last), SIGBUS, "and a write");
	is_errno(write(pipes[1], last, 1), EFAULT, "EFAULT in the kernel");
	is_errno(pread(fd, last, 1, 0), EFAULT, "and for the file itself");
	close(pipes[0]);
	close(pipes[1]);
}

/*
 * The file has a block at @p, and nobody has touched the last page. Kernels
 * before 6.12.118 let a userfaultfd have any mapping for write protection, if
 * that is asynchronous. Either way, the mapping is as it was afterwards.
 */
static void test_watched(const char *what, char *p)
{
	char *last = p + BLOCK - PAGE;
	int uffd = make_watcher();

	if (uffd < 0) {
		skip(1, "%s: no asynchronous write protection here", what);
		return;
	}
	is_errno(watch(uffd, p, UFFDIO_REGISTER_MODE_MISSING), EINVAL,
		 "%s: userfaultfd gets no missing pages", what);
	is_errno(watch(uffd, p, UFFDIO_REGISTER_MODE_MINOR), EINVAL,
		 "nor minor faults");
	if (!watch(uffd, p, UFFDIO_REGISTER_MODE_WP)) {
		diag("this kernel lets it watch for writes");
		protect(uffd, p);
		test_marked(last);
	} else {
		is(errno, EINVAL, "nor writes");
	}
	close(uffd);
	is(touch_write(last), 0, "without the userfaultfd all is there");
	is_str(p, TEXT, "as it was");
}

static void test_userfault(void)
{
	char *view;

	/* Mapped as 2 MiB, the last page is there already. */
	test_watched("a block", mem);
	fd = new_singles(BLOCK);
	mem = map(fd, BLOCK);
	memcpy(mem, TEXT, sizeof(TEXT));
	test_watched("single pages", mem);
	must(set_shared(fd, 0, BLOCK));
	view = shared_map(fd, BLOCK);
	is_str(view, TEXT, "the shared view has them, too");
	test_watched("the shared view", view);
	munmap(view, BLOCK);
	munmap(mem, BLOCK);
	close(fd);
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
	test_userfault();
	return done_testing();
}
