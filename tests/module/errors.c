// SPDX-License-Identifier: GPL-2.0
/*
 * Each step that can fail is made to fail (debug build): the access gets its
 * signal or a smaller page, nothing leaks, and the next try works.
 */
#include "channels.h"

#include <linux/fs.h>
#include <sys/syscall.h>

#define ALWAYS		"/run/always"

static long used_blocks(int fd)
{
	struct stat st;

	must(fstat(fd, &st));
	return st.st_blocks * 512;
}

static void is_clean(const char *what)
{
	ok(becomes("hidden_bytes", 0), "%s: nothing stays hidden", what);
	is(sysfs("quarantined_bytes"), 0, "%s: nothing in quarantine", what);
}

static void test_no_huge_memory(void)
{
	int fd = new_file(BLOCK);
	char *p = map(fd, BLOCK);

	inject("alloc_huge", 1);
	p[0] = 1;
	is(get_info(fd).populated, PAGE, "no 2 MiB to be had: one page");
	is(get_info(fd).huge, 0, "which is not huge");
	memset(p, 1, BLOCK);
	is(get_info(fd).populated, BLOCK, "the block goes on with pages");
	is(get_info(fd).hidden, BLOCK, "all hidden");
	munmap(p, BLOCK);
	close(fd);
	is_clean("no 2 MiB");
}

/* huge=always: 2 MiB or an error, by each way in, and never single pages. */
static void test_only_huge_without_memory(const char *kind)
{
	int fd;
	char *p;

	must(mount("none", ALWAYS, "gmemfs", 0, "huge=always"));
	fd = new_file_in(ALWAYS, 2 * BLOCK);
	p = map(fd, 2 * BLOCK);
	inject(kind, -1);
	is(touch_write(p), SIGBUS, "huge=always, fail_%s: SIGBUS", kind);
	is_errno(fallocate(fd, 0, 0, 2 * BLOCK), ENOMEM, "fallocate: ENOMEM");
	is_errno(pwrite(fd, "x", 1, BLOCK), ENOMEM, "write: ENOMEM");
	is(get_info(fd).populated, 0, "no single pages instead");
	is(used_blocks(fd), 0, "and nothing is charged");
	inject(kind, 0);
	is(touch_write(p), 0, "the next access works");
	is(fallocate(fd, 0, 0, 2 * BLOCK), 0, "and fallocate");
	is(get_info(fd).huge, 2 * BLOCK, "in 2 MiB all");
	ok(all_bytes(p, 2 * BLOCK, 0), "and zeros");
	munmap(p, 2 * BLOCK);
	close(fd);
	must(umount(ALWAYS));
	is_clean(kind);
}

static void test_hide_fails(void)
{
	int fd = new_file(BLOCK);
	char *p = map(fd, BLOCK);

	inject("hide", 1);
	p[0] = 1;
	is(get_info(fd).populated, PAGE, "2 MiB can't be hidden: a page can");
	is(get_info(fd).hidden, PAGE, "and is");
	must(ftruncate(fd, 0));
	must(ftruncate(fd, BLOCK));
	is_clean("can't hide 2 MiB");
	munmap(p, BLOCK);
	close(fd);
}

/* Without memory the fault is tried again for ever, so a child does it. */
static void test_fault_without_memory(const char *kind)
{
	int fd = new_file(PAGE), status;
	char *p = map(fd, PAGE);
	pid_t pid;

	inject(kind, -1);
	pid = must(fork());
	if (!pid) {
		p[0] = 1;
		_exit(0);
	}
	usleep(200000);
	is(waitpid(pid, &status, WNOHANG), 0,
	   "fail_%s: the access waits, and shows no page that isn't hidden",
	   kind);
	is(used_blocks(fd), 0, "fail_%s: nothing is charged", kind);
	is(get_info(fd).hidden, 0, "fail_%s: nothing hidden", kind);
	inject(kind, 0);
	must(waitpid(pid, &status, 0));
	is(status, 0, "fail_%s: and goes on when there is memory", kind);
	is(p[0], 1, "fail_%s: with its write done", kind);
	munmap(p, PAGE);
	close(fd);
	is_clean(kind);
}

static void test_killed_without_memory(void)
{
	int fd = new_file(PAGE), status;
	char *p = map(fd, PAGE);
	pid_t pid;

	inject("alloc_page", -1);
	pid = must(fork());
	if (!pid) {
		p[0] = 1;
		_exit(0);
	}
	usleep(100000);
	must(kill(pid, SIGKILL));
	must(waitpid(pid, &status, 0));
	ok(WIFSIGNALED(status), "an access that waits can be killed");
	inject("alloc_page", 0);
	munmap(p, PAGE);
	close(fd);
	is_clean("killed");
}

/*
 * What can't be put back is kept, and comes back by itself: all @kept bytes
 * that were hidden for a file, when so many allocations of more than a page
 * fail.
 */
static void test_expose_fails(size_t size, int no_large, long kept)
{
	int fd = new_file(size);
	char *p = map(fd, size);

	inject("alloc_huge", no_large);
	memset(p, 0xcc, size);
	inject("alloc_huge", 0);
	inject("expose", -1);
	munmap(p, size);
	close(fd);
	is(sysfs("quarantined_bytes"), kept, "what can't be exposed is kept");
	is(sysfs("hidden_bytes"), kept, "hidden");
	usleep(1500000);
	is(sysfs("quarantined_bytes"), kept, "also after another try");
	must(umount(MNT));
	is_errno(syscall(SYS_delete_module, "gmemfs", O_NONBLOCK),
		 EAGAIN, "the module stays for it");
	inject("expose", 0);
	becomes("quarantined_bytes", 0);
	is_clean("exposed at last");
	must(mount("none", MNT, "gmemfs", 0, NULL));
}

/* Hiding fails and so does taking that back. */
static void test_hide_and_expose_fail(void)
{
	int fd = new_file(BLOCK);
	char *p = map(fd, BLOCK);

	inject("hide", -1);
	inject("expose", -1);
	is(touch_write(p), SIGBUS, "neither hidden nor exposed: SIGBUS");
	/* Each piece that is tried: twice 2 MiB, then ever smaller ones. */
	is(sysfs("quarantined_bytes"), 2 * BLOCK + (64 + 8 + 1) * PAGE,
	   "and quarantine");
	is(used_blocks(fd), 0, "the file isn't charged for it");
	inject("hide", 0);
	inject("expose", 0);
	is(touch_write(p), 0, "the next access works");
	munmap(p, BLOCK);
	close(fd);
	becomes("quarantined_bytes", 0);
	is_clean("afterwards");
}

/* Neighbours in memory are hidden in one step, and noted block by block. */
static void test_batch_without_memory(void)
{
	int fd = new_file(8 * BLOCK);

	inject("alloc_meta", 2);
	is(fallocate(fd, 0, 0, 8 * BLOCK), 0,
	   "the second of a batch of blocks can't be noted: one by one");
	is(get_info(fd).hidden, 8 * BLOCK, "all hidden");
	close(fd);
	is_clean("a batch");
}

static void test_pool_without_memory(void)
{
	const char *low = "/sys/fs/gmemfs/pool/low_bytes";

	inject("alloc_huge", -1);
	must(write_text(low, "1"));
	usleep(1000000);
	is(sysfs("pool/free_bytes"), 0, "the pool gets no memory");
	inject("alloc_huge", 0);
	ok(becomes("pool/free_bytes", BLOCK), "it tries again by itself");
	must(write_text(low, "0"));
	ok(becomes("hidden_bytes", 0), "and gives it back");
	is_clean("the pool");
}

/*
 * Of the source, all of a block is shared, but for one page. For that the
 * target needs an array, which is the second allocation.
 */
static void test_clone_fails(void)
{
	int from = new_file(BLOCK), other = new_file(BLOCK), to = new_file(0);
	char *p = map(from, BLOCK), *q;
	struct stat st;

	memset(p, 'T', BLOCK);
	must(ioctl(other, FICLONE, from));
	p[3 * PAGE] = 'W';
	inject("alloc_meta", 2);
	is_errno(ioctl(to, FICLONE, from), ENOMEM, "a clone fails: ENOMEM");
	inject("alloc_meta", 0);
	must(fstat(to, &st));
	is(st.st_size, 0, "the target is as long as before");
	is(get_info(to).populated, 0, "and has nothing beyond its end");
	is(get_info(to).cloned, 0, "in common with others");
	must(ftruncate(to, BLOCK));
	q = map(to, BLOCK);
	ok(all_bytes(q, BLOCK, 0), "nothing that comes to light");
	is(ioctl(to, FICLONE, from), 0, "the next clone works");
	is(q[3 * PAGE], 'W', "with what the source has alone");
	ok(all_bytes(q + 4 * PAGE, BLOCK - 4 * PAGE, 'T'), "and the rest");
	munmap(q, BLOCK);
	munmap(p, BLOCK);
	close(to);
	close(other);
	close(from);
	is_clean("clone");
}

/*
 * Of the page that is cloned, the source has a copy of its own, in a block of
 * which the target uses nothing. What that gets in vain goes again.
 */
static void test_clone_of_missing_fails(void)
{
	int from = new_file(BLOCK), other = new_file(0), to = new_file(BLOCK);
	struct file_clone_range one = {
		.src_fd = from, .src_offset = 3 * PAGE, .src_length = PAGE,
		.dest_offset = 3 * PAGE,
	};
	int channel = open_channel(to, BLOCK, 0);
	char *p = map(from, BLOCK), byte;

	memset(p, 'T', BLOCK);
	must(ioctl(other, FICLONE, from));
	p[3 * PAGE] = 'W';
	inject("alloc_meta", 2);
	is_errno(ioctl(to, FICLONERANGE, &one), ENOMEM,
		 "a clone to where a page is missing fails: ENOMEM");
	inject("alloc_meta", 0);
	is(missing(to), BLOCK, "it is missing still");
	is(get_info(to).populated, 0, "and has no memory");
	is(get_info(to).cloned, 0, "nor has the target any in common");
	is(ioctl(to, FICLONERANGE, &one), 0, "the next clone works");
	must(pread(to, &byte, 1, 3 * PAGE));
	is(byte, 'W', "with what the source has alone");
	is(missing(to), BLOCK - PAGE, "the rest is missing");
	munmap(p, BLOCK);
	close(channel);
	close(to);
	close(other);
	close(from);
	is_clean("clone of what is missing");
}

int main(void)
{
	long most = BLOCK / 1024, free_before, free_after;

	must(mkdir(ALWAYS, 0755));
	/* The first fill of a file makes bookkeeping that stays. */
	test_no_huge_memory();
	free_before = free_kb();
	test_only_huge_without_memory("alloc_huge");
	test_only_huge_without_memory("alloc_meta");
	test_hide_fails();
	test_fault_without_memory("alloc_page");
	test_fault_without_memory("alloc_meta");
	test_fault_without_memory("hide");
	test_killed_without_memory();
	test_expose_fails(BLOCK, 0, BLOCK);
	test_expose_fails(PAGE, 0, BLOCK);
	test_expose_fails(PAGE, 1, 64 * PAGE);
	test_expose_fails(PAGE, -1, PAGE);
	test_hide_and_expose_fail();
	test_batch_without_memory();
	test_pool_without_memory();
	test_clone_fails();
	test_clone_of_missing_fails();
	free_after = free_kb_again(free_before, most);
	ok(free_before - free_after < most,
	   "as much memory is free as before: %ld and %ld kB", free_before,
	   free_after);
	return done_testing();
}
