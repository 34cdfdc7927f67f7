// SPDX-License-Identifier: GPL-2.0
/*
 * Kata Containers: gmemfs with statfs=hugetlbfs on /dev/hugepages, which here
 * is LIKE_HUGETLBFS. QEMU gets that path by enable_hugepages, and Dragonball
 * gets it by hugepage_type = "hugetlbfs", too. With Cloud Hypervisor it is a
 * memfd, and with Firecracker anonymous memory: see their tests.
 */
#include "vmms.h"

#include <linux/futex.h>

static struct statfs statfs_of(int fd)
{
	struct statfs fs;

	must(fstatfs(fd, &fs));
	return fs;
}

/* ---- QEMU: memory-backend-file with mem-path=DIRECTORY ---- */

static int open_as_qemu(const char *dir)
{
	char path[128];
	int fd;

	is_errno(open(dir, O_RDWR), EISDIR, "%s: QEMU makes a file in it", dir);
	snprintf(path, sizeof(path), "%s/qemu_back_mem.dimm1.XXXXXX", dir);
	fd = must(mkstemp(path));
	must(unlink(path));
	must(ftruncate(fd, SIZE));
	return fd;
}

static size_t page_size(int fd)
{
	struct statfs fs = statfs_of(fd);

	return fs.f_type == HUGETLBFS_MAGIC ? (size_t)fs.f_bsize : PAGE;
}

/* Return: where it is mapped, aligned to @align, or MAP_FAILED. */
static char *map_as_qemu(int fd, int shared, size_t align)
{
	char *kept = must(mmap(NULL, SIZE + align, PROT_NONE, MAP_PRIVATE |
			       MAP_ANONYMOUS, -1, 0));
	uintptr_t at = ((uintptr_t)kept + align - 1) & ~(align - 1);

	return mmap((void *)at, SIZE, RW, MAP_FIXED | shared, fd, 0);
}

/* prealloc=on: QEMU asks whether the kernel can do it, or touches pages. */
static void preallocate(int fd, char *mem)
{
	size_t at, step = page_size(fd);

	refused(mem, step, MADV_POPULATE_WRITE);
	for (at = 0; at < SIZE; at += step)
		*(volatile char *)(mem + at) = mem[at];
	is(get_info(fd).hidden, SIZE, "prealloc=on: all of it is hidden");
}

static void advise_as_qemu(char *mem)
{
	taken(mem, SIZE, MADV_MERGEABLE);
	taken(mem, SIZE, MADV_HUGEPAGE);
	taken(mem, SIZE, MADV_DONTFORK);
}

static void test_qemu(const char *dir, size_t want, const char *what)
{
	int fd = open_as_qemu(dir);
	char *mem;

	is(page_size(fd), want, "  whose pages are of so many bytes to QEMU");
	mem = map_as_qemu(fd, MAP_SHARED, want);
	ok(mem != MAP_FAILED, "%s: mapped", what);
	advise_as_qemu(mem);
	preallocate(fd, mem);
	runs_hidden(fd, mem, what);
	backend_works(fd, mem, "virtiofsd");
	munmap(mem, SIZE);
	close(fd);
}

static void test_qemu_private(void)
{
	int fd = open_as_qemu(LIKE_HUGETLBFS);
	char *mem = map_as_qemu(fd, MAP_PRIVATE, BLOCK);

	runs_private(fd, mem,
		     "enable_hugepages without virtio-fs, or a template");
	munmap(mem, SIZE);
	close(fd);
}

/* With NUMA, Kata divides the memory by the size of a page. */
static void test_block_size(void)
{
	int dir = must(open(LIKE_HUGETLBFS, O_RDONLY | O_DIRECTORY));
	long size = statfs_of(dir).f_bsize;

	ok(size >= 1 << 20 && size % (1 << 20) == 0,
	   "the size of a page is a multiple of 1 MiB");
	close(dir);
}

/* ---- Dragonball ---- */

static int open_as_dragonball(void)
{
	int fd;

	must(mkdir(LIKE_HUGETLBFS "/dragonball", 0777));
	fd = must(open(LIKE_HUGETLBFS "/dragonball/id",
		       O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
	must(unlink(LIKE_HUGETLBFS "/dragonball/id"));
	must(ftruncate(fd, SIZE));
	return fd;
}

static void test_dragonball(void)
{
	int fd = open_as_dragonball();
	char *mem = must(mmap(NULL, SIZE, RW, MAP_SHARED, fd, 0));

	taken(mem, SIZE, MADV_HUGEPAGE);
	runs_hidden(fd, mem, "Dragonball");
	is(fallocate(fd, PUNCH, 0, BLOCK), 0, "  a page reported free: a hole");
	taken(mem + BLOCK, BLOCK, MADV_REMOVE);
	is(get_info(fd).populated, SIZE - 2 * BLOCK,
	   "  it and the balloon give memory back");
	munmap(mem, SIZE);
	close(fd);
	must(rmdir(LIKE_HUGETLBFS "/dragonball"));
}

/* ---- gmemfs in place of /dev/shm ---- */

/* What programs that share a lock in /dev/shm need. */
static void test_shared_lock(void)
{
	int fd = new_file(BLOCK);
	char *lock = map(fd, BLOCK);

	is_errno(syscall(SYS_futex, lock, FUTEX_WAKE, 1, NULL, NULL, 0), EFAULT,
		 "a lock that processes share doesn't work there");
	munmap(lock, BLOCK);
	close(fd);
}

int main(void)
{
	mount_like_hugetlbfs();
	test_qemu(LIKE_HUGETLBFS, BLOCK, "enable_hugepages with virtio-fs");
	test_qemu_private();
	test_block_size();
	test_dragonball();
	test_qemu(MNT, PAGE, "virtio-fs, gmemfs in place of /dev/shm");
	test_shared_lock();
	nothing_is_left();
	return done_testing();
}
