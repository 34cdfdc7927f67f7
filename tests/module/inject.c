// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation and every copy to or from the caller that the module makes
 * fails, one after the other: of each call the first, then the second, and so
 * on until it makes no more. The call returns its errno and has changed
 * nothing, or works nonetheless; the same call works next; nothing leaks.
 *
 * errors.c, convert_errors.c, names_errors.c and guard/lend.c do this to steps
 * that they name, those in the page tables among them, on any kernel. This one
 * needs no list of steps, but a kernel that injects faults: hostvm's "debug".
 *
 * inject FILE [load [FIRST] | CALL]: FILE is the module, not loaded yet. All
 * calls or, which takes longer, loading, of which the FIRST step that fails may
 * be given; CALL: only that one.
 */
#include "gmem_test.h"
#include "../lib/faults.h"

#include <linux/fs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define OTHER		"/run/other"
#define BLOCKS		2
#define SIZE		((long)(BLOCKS * BLOCK))

/* ---- the file that calls are about, and its state ---- */

static int fd = -1;
static int source = -1;
static int channel = -1;
static char *p;
static char *view;
static char buffer[8 * PAGE];

static void with_file(void)
{
	fd = new_file(SIZE);
	p = map(fd, SIZE);
}

static void with_data(void)
{
	with_file();
	memset(p, 0x5a, SIZE);
}

static void with_shared(void)
{
	with_data();
	must(set_shared(fd, 0, SIZE));
}

static void with_view(void)
{
	with_shared();
	view = shared_map(fd, SIZE);
}

/* Of single pages, some of which it has. */
static void with_small(void)
{
	struct gmem_create create = {
		.size = SIZE, .flags = GMEM_FLAG_NO_HUGE,
	};
	int dir = must(open(MNT, O_RDONLY)), i;

	fd = must(ioctl(dir, GMEM_CREATE, &create));
	close(dir);
	p = map(fd, SIZE);
	for (i = 0; i < 8; i++)
		must(pwrite(fd, "x", 1, i * PAGE));
}

/* @source has data, and @fd may be its clone. */
static void with_source(void)
{
	with_data();
	munmap(p, SIZE);
	source = fd;
	with_file();
}

static void with_small_source(void)
{
	with_small();
	munmap(p, SIZE);
	source = fd;
	fd = -1;
	with_file();
}

static int do_clone(void)
{
	return ioctl(fd, FICLONE, source);
}

/* Their offsets differ: they are copied. */
static int do_clone_pages(void)
{
	struct file_clone_range range = {
		.src_fd = source, .src_length = 8 * PAGE,
		.dest_offset = 3 * PAGE,
	};

	return ioctl(fd, FICLONERANGE, &range);
}

static void with_clone(void)
{
	with_source();
	must(do_clone());
}

/* Of each block, the source has a page alone, and the rest was common. */
static void with_written_source(void)
{
	int i;

	with_clone();
	for (i = 0; i < BLOCKS; i++)
		must(pwrite(source, "x", 1, i * (long)BLOCK + PAGE));
	munmap(p, SIZE);
	close(fd);
	with_file();
}

static void with_small_clone(void)
{
	with_small_source();
	must(do_clone());
}

static int open_channel(void)
{
	struct gmem_userfault userfault = { .size = SIZE };

	return ioctl(fd, GMEM_USERFAULT, &userfault);
}

static void with_channel(void)
{
	with_file();
	channel = must(open_channel());
}

static void with_small_channel(void)
{
	with_small();
	channel = must(open_channel());
}

static void without_file(void)
{
	if (channel >= 0)
		close(channel);
	channel = -1;
	if (source >= 0)
		close(source);
	source = -1;
	if (view)
		munmap(view, SIZE);
	if (p)
		munmap(p, SIZE);
	if (fd >= 0)
		close(fd);
	view = NULL;
	p = NULL;
	fd = -1;
}

struct state {
	struct gmem_info info;
	long inodes;
	long hidden;
	long quarantined;
	long bytes;
};

static struct state now(void)
{
	struct state s = {
		.inodes = inodes_in(MNT),
		.hidden = sysfs("hidden_bytes"),
		.quarantined = sysfs("quarantined_bytes"),
	};
	struct stat st;

	if (fd >= 0) {
		must(fstat(fd, &st));
		s.bytes = st.st_blocks * 512;
		s.info = get_info(fd);
		s.info.map_faults_2m = 0;
		s.info.map_faults_4k = 0;
	}
	return s;
}

/* ---- the calls ---- */

static int made(int ret)
{
	if (ret < 0)
		return -1;
	close(ret);
	return 0;
}

static int do_create(void)
{
	return made(open(MNT "/new", O_CREAT | O_EXCL | O_RDWR, 0600));
}

static void undo_create(void)
{
	must(unlink(MNT "/new"));
}

static int do_tmpfile(void)
{
	return made(open(MNT, O_TMPFILE | O_RDWR, 0600));
}

static int do_gmem_create(void)
{
	struct gmem_create create = { .size = BLOCK };
	int dir = must(open(MNT, O_RDONLY));
	int ret = made(ioctl(dir, GMEM_CREATE, &create)), err = errno;

	close(dir);
	errno = err;
	return ret;
}

static int do_mkdir(void)
{
	return mkdir(MNT "/new", 0700);
}

static void undo_mkdir(void)
{
	must(rmdir(MNT "/new"));
}

static int do_symlink(void)
{
	return symlink("a/long/target/that/does/not/fit/anywhere/else",
		       MNT "/new");
}

static int do_mknod(void)
{
	return mknod(MNT "/new", S_IFIFO | 0600, 0);
}

static void with_name(void)
{
	must(made(open(MNT "/name", O_CREAT | O_EXCL | O_RDWR, 0600)));
}

static void without_name(void)
{
	unlink(MNT "/name");
	unlink(MNT "/new");
}

static int do_link(void)
{
	return link(MNT "/name", MNT "/new");
}

static int do_rename(void)
{
	return rename(MNT "/name", MNT "/new");
}

static int do_setxattr(void)
{
	return setxattr(MNT "/name", "trusted.colour", buffer, 200, 0);
}

static void with_xattr(void)
{
	with_name();
	must(do_setxattr());
}

static int do_getxattr(void)
{
	ssize_t n = getxattr(MNT "/name", "trusted.colour", buffer,
			     sizeof(buffer));

	return n < 0 ? -1 : 0;
}

static int do_replace_xattr(void)
{
	return setxattr(MNT "/name", "trusted.colour", buffer, 300,
			XATTR_REPLACE);
}

static int do_listxattr(void)
{
	return listxattr(MNT "/name", buffer, sizeof(buffer)) < 0 ? -1 : 0;
}

static int do_mount(void)
{
	return mount("none", OTHER, "gmemfs", 0,
		     "size=64m,huge=try,init=private");
}

static void undo_mount(void)
{
	must(umount(OTHER));
}

static int do_remount(void)
{
	return mount("none", MNT, "gmemfs", MS_REMOUNT, "size=512m");
}

/* A signal is an error, like any other. */
static int touched(char *at)
{
	if (!touch_write(at))
		return 0;
	errno = ENOMEM;
	return -1;
}

static int do_fault(void)
{
	return touched(p);
}

static int do_fault_small(void)
{
	return touched(p + 9 * PAGE);
}

static int do_view_fault(void)
{
	return touched(view + PAGE);
}

static int do_mmap(void)
{
	void *q = mmap(NULL, BLOCK, PROT_READ, MAP_SHARED, fd, 0);

	return q == MAP_FAILED ? -1 : munmap(q, BLOCK);
}

static int do_mmap_private(void)
{
	void *q = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, fd, 0);

	return q == MAP_FAILED ? -1 : munmap(q, SIZE);
}

static int do_view(void)
{
	return made(ioctl(fd, GMEM_SHARED_VIEW, 0));
}

static int do_fallocate(void)
{
	return fallocate(fd, 0, 0, SIZE);
}

/* A call that ends short is made again, as a program would. */
static int all_of(bool writing)
{
	size_t done = 0;
	ssize_t n;

	while (done < sizeof(buffer)) {
		n = writing ? pwrite(fd, buffer + done, sizeof(buffer) - done,
				     100 + done)
			    : pread(fd, buffer + done, sizeof(buffer) - done,
				    100 + done);
		if (n <= 0)
			return -1;
		done += n;
	}
	return 0;
}

static int do_write(void)
{
	return all_of(true);
}

static int do_read(void)
{
	return all_of(false);
}

static int do_punch_block(void)
{
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			 BLOCK);
}

static int do_punch_part(void)
{
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 PAGE + 5, 9 * PAGE);
}

/* Each page is mapped by itself, which makes three steps. */
static int do_zero(void)
{
	return fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
			 BLOCK - 2 * PAGE + 77, 4 * PAGE);
}

static int do_truncate(void)
{
	return ftruncate(fd, 0);
}

static int do_truncate_part(void)
{
	return ftruncate(fd, BLOCK + 5 * PAGE + 3);
}

static int do_share(void)
{
	return set_shared(fd, 0, SIZE);
}

static int do_share_page(void)
{
	return set_shared(fd, 3 * PAGE, PAGE);
}

static int do_hide(void)
{
	return set_private(fd, 0, SIZE);
}

static int do_hide_page(void)
{
	return set_private(fd, 3 * PAGE, PAGE);
}

static int do_share_zeroed(void)
{
	return set_flags(fd, BLOCK - 2 * PAGE, 4 * PAGE, 0, GMEM_CONVERT_ZERO,
			 NULL);
}

static int do_get_state(void)
{
	struct gmem_state get = {
		.size = SIZE, .states = (uintptr_t)buffer,
	};

	return ioctl(fd, GMEM_GET_STATE, &get);
}

static int do_get_info(void)
{
	struct gmem_info info = {};

	return ioctl(fd, GMEM_GET_INFO, &info);
}

static int do_close(void)
{
	munmap(p, SIZE);
	p = NULL;
	close(fd);
	fd = -1;
	return 0;
}

static int do_userfault(void)
{
	return made(open_channel());
}

/* What the call has done before it failed isn't done again: EEXIST. */
static int fill(unsigned long call, uint64_t flags, const void *from)
{
	struct gmem_fill fill = {
		.offset = PAGE * 16, .size = sizeof(buffer), .flags = flags,
		.address = (uintptr_t)from,
	};
	int ret = ioctl(channel, call, &fill);

	return ret && errno == EEXIST ? 0 : ret;
}

static int do_fill(void)
{
	return fill(GMEM_FILL, 0, buffer);
}

static int do_fill_zero(void)
{
	return fill(GMEM_FILL_ZERO, 0, NULL);
}

static int do_poison(void)
{
	return fill(GMEM_FILL, GMEM_FILL_POISON, NULL);
}

/*
 * @partly: it goes through a range; what was done before it failed stays done.
 */
static const struct call {
	const char *name;
	void (*prepare)(void);
	int (*make)(void);
	void (*undo)(void);
	bool partly;
} calls[] = {
	{ "create", .make = do_create, .undo = undo_create },
	{ "O_TMPFILE", .make = do_tmpfile },
	{ "GMEM_CREATE", .make = do_gmem_create },
	{ "mkdir", .make = do_mkdir, .undo = undo_mkdir },
	{ "symlink", .make = do_symlink, .undo = undo_create },
	{ "mknod", .make = do_mknod, .undo = undo_create },
	{ "link", .prepare = with_name, .make = do_link, .undo = without_name },
	{ "rename", .prepare = with_name, .make = do_rename,
	  .undo = without_name },
	{ "setxattr", .prepare = with_name, .make = do_setxattr,
	  .undo = without_name },
	{ "setxattr again", .prepare = with_xattr, .make = do_replace_xattr,
	  .undo = without_name },
	{ "getxattr", .prepare = with_xattr, .make = do_getxattr,
	  .undo = without_name },
	{ "listxattr", .prepare = with_xattr, .make = do_listxattr,
	  .undo = without_name },
	{ "mount", .make = do_mount, .undo = undo_mount },
	{ "remount", .make = do_remount },
	{ "mmap", .prepare = with_file, .make = do_mmap },
	{ "mmap, private", .prepare = with_data, .make = do_mmap_private,
	  .partly = true },
	{ "mmap, private, of single pages", .prepare = with_small,
	  .make = do_mmap_private, .partly = true },
	{ "fault", .prepare = with_file, .make = do_fault },
	{ "fault of a page", .prepare = with_small, .make = do_fault_small },
	{ "fallocate", .prepare = with_file, .make = do_fallocate,
	  .partly = true },
	{ "write", .prepare = with_file, .make = do_write, .partly = true },
	{ "write to what is there", .prepare = with_data, .make = do_write,
	  .partly = true },
	{ "read", .prepare = with_data, .make = do_read },
	{ "read of holes", .prepare = with_small, .make = do_read },
	{ "punch a block", .prepare = with_data, .make = do_punch_block,
	  .partly = true },
	{ "punch pages", .prepare = with_data, .make = do_punch_part,
	  .partly = true },
	{ "punch single pages", .prepare = with_small, .make = do_punch_part,
	  .partly = true },
	{ "zero", .prepare = with_data, .make = do_zero, .partly = true },
	{ "truncate", .prepare = with_data, .make = do_truncate,
	  .partly = true },
	{ "truncate in a block", .prepare = with_data, .make = do_truncate_part,
	  .partly = true },
	{ "share", .prepare = with_data, .make = do_share, .partly = true },
	{ "share a page", .prepare = with_data, .make = do_share_page,
	  .partly = true },
	{ "share, zeroed", .prepare = with_data, .make = do_share_zeroed,
	  .partly = true },
	{ "share single pages", .prepare = with_small, .make = do_share,
	  .partly = true },
	{ "hide", .prepare = with_shared, .make = do_hide, .partly = true },
	{ "hide a page", .prepare = with_shared, .make = do_hide_page,
	  .partly = true },
	{ "shared view", .prepare = with_shared, .make = do_view },
	{ "fault of the view", .prepare = with_view, .make = do_view_fault },
	{ "close", .prepare = with_data, .make = do_close },
	{ "close, shared", .prepare = with_shared, .make = do_close },
	{ "clone", .prepare = with_source, .make = do_clone, .partly = true },
	{ "clone single pages", .prepare = with_small_source,
	  .make = do_clone, .partly = true },
	{ "clone single pages beside common ones",
	  .prepare = with_written_source, .make = do_clone, .partly = true },
	{ "clone by copies", .prepare = with_source, .make = do_clone_pages,
	  .partly = true },
	{ "write to a clone", .prepare = with_clone, .make = do_write,
	  .partly = true },
	{ "fault of a clone", .prepare = with_clone, .make = do_fault,
	  .partly = true },
	{ "fault of a clone of single pages", .prepare = with_small_clone,
	  .make = do_fault, .partly = true },
	{ "share a clone", .prepare = with_clone, .make = do_share,
	  .partly = true },
	{ "allocate a clone", .prepare = with_clone, .make = do_fallocate,
	  .partly = true },
	{ "punch pages of a clone", .prepare = with_clone,
	  .make = do_punch_part, .partly = true },
	{ "close a clone", .prepare = with_clone, .make = do_close },
	{ "GMEM_GET_STATE", .prepare = with_small, .make = do_get_state },
	{ "GMEM_GET_INFO", .prepare = with_small, .make = do_get_info },
	{ "GMEM_USERFAULT", .prepare = with_file, .make = do_userfault },
	{ "GMEM_FILL", .prepare = with_channel, .make = do_fill,
	  .partly = true },
	{ "GMEM_FILL, single pages", .prepare = with_small_channel,
	  .make = do_fill, .partly = true },
	{ "GMEM_FILL_ZERO", .prepare = with_channel, .make = do_fill_zero,
	  .partly = true },
	{ "GMEM_FILL, poison", .prepare = with_channel, .make = do_poison,
	  .partly = true },
};

/* ---- the test of one ---- */

static bool is_expected(int err)
{
	return err == ENOMEM || err == EFAULT || err == ENOSPC;
}

static bool same(const struct call *call, int n, const struct state *before)
{
	struct state after = now();

	if (call->partly || !memcmp(before, &after, sizeof(after)))
		return true;
	diag("%s, %d: inodes %ld and %ld, hidden %ld and %ld", call->name, n,
	     before->inodes, after.inodes, before->hidden, after.hidden);
	diag("  populated %llu and %llu, in quarantine %ld, of the mount %ld and %ld",
	     before->info.populated, after.info.populated, after.quarantined,
	     before->bytes, after.bytes);
	return false;
}

/* The nth fails: is the call as good as its word? *@fired: there was an nth. */
static bool call_with_failure(const struct call *call, int n, bool *fired)
{
	struct state before;
	int ret, err;

	if (call->prepare)
		call->prepare();
	before = now();
	fail_nth(n);
	ret = call->make();
	err = errno;
	*fired = has_failed();
	if (!ret)
		return true;
	if (!*fired || !is_expected(err)) {
		diag("%s, %d: %s", call->name, n, strerror(err));
		return false;
	}
	if (!same(call, n, &before))
		return false;
	if (call->make()) {
		diag("%s, %d: and again: %s", call->name, n, strerror(errno));
		return false;
	}
	return true;
}

static bool nothing_left(const struct call *call, int n,
			 const struct state *before)
{
	struct state after = now();

	if (!memcmp(before, &after, sizeof(after)))
		return true;
	diag("%s, %d: left: inodes %ld, hidden %ld, in quarantine %ld",
	     call->name, n, after.inodes - before->inodes, after.hidden,
	     after.quarantined);
	return false;
}

static void test_call(const struct call *call)
{
	struct state clean = now();
	bool good = true, fired = true;
	int n, failed = 0;

	for (n = 1; good && fired && n < FAULTS_MOST; n++) {
		good = call_with_failure(call, n, &fired);
		failed += fired;
		if (good && call->undo)
			call->undo();
		without_file();
		good = nothing_left(call, n, &clean) && good;
	}
	ok(good && !fired, "%s: any of %d steps may fail", call->name, failed);
}

/* ---- loading ---- */

static void load(const char *file)
{
	int module = must(open(file, O_RDONLY | O_CLOEXEC));

	must(syscall(SYS_finit_module, module, "", 0));
	close(module);
	must(mount("none", MNT, "gmemfs", 0, NULL));
}

static void unload(void)
{
	must(umount(MNT));
	must(syscall(SYS_delete_module, "gmemfs", 0));
}

/*
 * Of the module's own steps: its parameter fail_init, of the debug build, is
 * written to FAIL_NTH when its code begins to run.
 */
static void test_load(const char *file, int n)
{
	int module = must(open(file, O_RDONLY | O_CLOEXEC)), ret;
	char text[32];
	bool fired = true;

	only_within(0, -1UL);
	for (; fired && n < FAULTS_MOST; n++) {
		snprintf(text, sizeof(text), "fail_init=%d", n);
		ret = syscall(SYS_finit_module, module, text, 0);
		if (ret && !is_expected(errno))
			break;
		fired = has_failed();
		if (!ret)
			must(syscall(SYS_delete_module, "gmemfs", 0));
	}
	ok(!fired, "load: any of %d steps may fail (%s)", n - 2,
	   fired ? strerror(errno) : "none left");
	close(module);
	load(file);
	with_data();
	ok(get_info(fd).hidden, "and then it loads, and hides memory");
	without_file();
	unload();
}

static void test_calls(const char *only)
{
	unsigned int i;

	for (i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (!only || !strcmp(only, calls[i].name))
			test_call(&calls[i]);
}

static void test_all(const char *file, const char *only)
{
	long most = BLOCK / 1024, before, after;

	must(mkdir(OTHER, 0755));
	load(file);
	/* The first fill of a file makes bookkeeping that stays. */
	with_data();
	without_file();
	only_module();
	before = free_kb();
	test_calls(only);
	after = free_kb_again(before, most);
	ok(before - after < most,
	   "as much memory is free as before: %ld and %ld kB", before, after);
	nothing_is_left();
	unload();
}

int main(int argc, char **argv)
{
	need_faults();
	if (argc < 2)
		bail_out("usage: inject FILE [load [FIRST] | CALL]");
	if (argv[2] && !strcmp(argv[2], "load"))
		test_load(argv[1], argc > 3 ? atoi(argv[3]) : 1);
	else
		test_all(argv[1], argv[2]);
	return done_testing();
}
