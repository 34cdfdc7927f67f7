// SPDX-License-Identifier: GPL-2.0
/* libgmem: files, what their calls return, and what is said of errors. */
#include <gmem.h>
#include <pthread.h>
#include <sched.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>

#include "../module/gmem_test.h"

#define SIZE	((long)(4 * BLOCK))
#define PRIVATE	GMEM_ATTRIBUTE_PRIVATE

/* A call's error, and a word of the sentence. */
#define fails(call, error, word) \
	do { \
		is((call), (error), "%s", #call); \
		says(word); \
	} while (0)

static void says(const char *word)
{
	ok(strstr(gmem_last_error(), word), "  \"%s\"", gmem_last_error());
}

static void *must_map(int fd, long size)
{
	void *p;

	if (gmem_file_map(fd, 0, size, PROT_READ | PROT_WRITE, &p))
		bail_out("%s", gmem_last_error());
	return p;
}

static int must_create(long size)
{
	int fd = gmem_file_create(NULL, size, 0);

	if (fd < 0)
		bail_out("%s", gmem_last_error());
	return fd;
}

static void test_create(void)
{
	struct gmem_info info;
	int fd;

	is_str(gmem_last_error(), "", "at first there was no error");
	fd = gmem_file_create(NULL, SIZE, GMEM_FLAG_NO_HUGE);
	ok(fd >= 0, "a file in the default mount");
	is(fcntl(fd, F_GETFD), FD_CLOEXEC, "close-on-exec");
	is(gmem_file_info(fd, &info), 0, "its info");
	is(info.size, SIZE, "its size");
	is(info.flags, GMEM_FLAG_NO_HUGE, "its flags");
	is(gmem_file_resize(fd, BLOCK), 0, "resized");
	is(get_info(fd).size, BLOCK, "to this");
	is(gmem_file_resize(fd, -1), -EINVAL, "not to any size");
	close(fd);

	fails(gmem_file_create("/nowhere", SIZE, 0), -ENOENT, "/nowhere");
	fails(gmem_file_create("/tmp", SIZE, 0), -ENOTTY, "mount -t gmemfs");
	fails(gmem_file_create("/etc/passwd", SIZE, 0), -ENOTDIR, "passwd");
	fails(gmem_file_create(NULL, SIZE, 1ULL << 60), -EINVAL, "flags");
	fails(gmem_file_create(NULL, -1ULL, 0), -EFBIG, "ulimit");
}

static void test_open(void)
{
	int fd = gmem_file_open(MNT "/named", O_RDWR | O_CREAT | O_EXCL);

	ok(fd >= 0, "a file with a name");
	is(gmem_file_resize(fd, BLOCK), 0, "of some size");
	close(fd);
	fails(gmem_file_open(MNT "/named", O_RDWR | O_CREAT | O_EXCL), -EEXIST,
	      "named");
	fd = gmem_file_open(MNT "/named", O_RDONLY);
	ok(fd >= 0, "opened again");
	is(get_info(fd).size, BLOCK, "it's the same");
	fails(gmem_file_convert(fd, 0, PAGE, 0, 0, 0, NULL), -EBADF, "writing");
	close(fd);
	unlink(MNT "/named");
	fails(gmem_file_open(MNT "/named", O_RDWR), -ENOENT, "named");
	fails(gmem_file_open("/etc/passwd", O_RDONLY), -ENOTTY, "gmemfs");
}

/* ---- names of what isn't there, or isn't a file of gmemfs's ---- */

static bool exists(const char *path)
{
	struct stat st;

	return !lstat(path, &st);
}

static void test_make_elsewhere(void)
{
	must(symlink("/tmp/elsewhere", MNT "/link"));
	must(chdir("/tmp"));
	fails(gmem_file_open("/tmp/elsewhere", O_RDWR | O_CREAT), -ENOTTY,
	      "gmemfs");
	fails(gmem_file_open("elsewhere", O_RDWR | O_CREAT | O_EXCL), -ENOTTY,
	      "gmemfs");
	fails(gmem_file_open(MNT "/link", O_RDWR | O_CREAT), -EEXIST, "make");
	fails(gmem_file_open("/nowhere/elsewhere", O_RDWR | O_CREAT), -ENOENT,
	      "directory");
	ok(!exists("/tmp/elsewhere"), "none was made in another file system");
	must(unlink(MNT "/link"));
}

static void opens(const char *path, int flags, const char *what)
{
	int fd = gmem_file_open(path, flags);

	ok(fd >= 0 && get_info(fd).size == 0, "%s: opened", what);
	is(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK | O_APPEND), O_RDWR,
	   "  as it was asked for");
	close(fd);
}

static void test_make_here(void)
{
	must(chdir(MNT));
	opens("here", O_RDWR | O_CREAT, "by a name alone");
	must(symlink(MNT "/here", "/tmp/link"));
	opens("/tmp/link", O_RDWR, "by a link from elsewhere");
	opens("/tmp/link", O_RDWR | O_CREAT, "  also if it would be made");
	fails(gmem_file_open("/tmp/link", O_RDWR | O_NOFOLLOW), -ELOOP, "link");
	fails(gmem_file_open("/tmp/link", O_RDWR | O_CREAT | O_EXCL), -EEXIST,
	      "make");
	must(unlink("/tmp/link"));
	must(unlink(MNT "/here"));
	must(chdir("/"));
}

/* statfs() of such a mount doesn't say that it's gmemfs. */
static void test_make_like_hugetlbfs(void)
{
	const char *dir = "/run/like";

	must(mkdir(dir, 0700));
	must(mount("none", dir, "gmemfs", 0, "statfs=hugetlbfs"));
	opens("/run/like/file", O_RDWR | O_CREAT | O_EXCL, "like hugetlbfs");
	opens("/run/like/file", O_RDWR, "  and again");
	must(umount(dir));
	must(rmdir(dir));
}

/* The device has no driver: who opens it is told so. */
static void test_no_file(const char *dir)
{
	char pipe[64], device[64];

	snprintf(pipe, sizeof(pipe), "%s/pipe", dir);
	snprintf(device, sizeof(device), "%s/device", dir);
	must(mkfifo(pipe, 0600));
	must(mknod(device, S_IFCHR | 0600, makedev(511, 511)));
	is_errno(open(device, O_RDONLY), ENXIO, "a device without a driver");
	alarm(300);
	fails(gmem_file_open(device, O_RDONLY), -ENOTTY, "gmemfs");
	fails(gmem_file_open(device, O_RDWR | O_CREAT), -ENOTTY, "gmemfs");
	fails(gmem_file_open(pipe, O_RDONLY), -ENOTTY, "gmemfs");
	fails(gmem_file_open(pipe, O_RDONLY | O_CREAT), -ENOTTY, "gmemfs");
	fails(gmem_file_open(dir, O_RDONLY), -ENOTTY, "gmemfs");
	alarm(0);
	must(unlink(pipe));
	must(unlink(device));
}

static int open_without_proc(void)
{
	int fd, flags;

	must(unshare(CLONE_NEWNS));
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	must(mount("none", "/proc", "tmpfs", 0, NULL));
	fd = gmem_file_open(MNT "/named", O_RDWR);
	flags = fcntl(fd, F_GETFL);
	return fd < 0 || flags & O_NONBLOCK || get_info(fd).size != BLOCK;
}

static void test_without_proc(void)
{
	int fd = gmem_file_open(MNT "/named", O_RDWR | O_CREAT), status;
	pid_t pid;

	must(gmem_file_resize(fd, BLOCK) ? -1 : 0);
	pid = must(fork());
	if (!pid) {
		tap_finished = true;
		_exit(open_without_proc());
	}
	must(waitpid(pid, &status, 0));
	is(status, 0, "a file is opened, without /proc too");
	close(fd);
	must(unlink(MNT "/named"));
}

/* ---- pointers ---- */

static void test_pointers(void)
{
	int fd = must_create(SIZE);
	char *p = must(mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	char *bad = (char *)8;
	const int half = sizeof(struct gmem_info) / 2;
	struct gmem_info *across = (void *)(p + PAGE - half);

	memset(p, 1, 2 * PAGE);
	is(gmem_file_info(fd, across), 0, "info, in two pages");
	is(across->size, SIZE, "  is all there");
	must(mprotect(p + PAGE, PAGE, PROT_READ));
	memset(p, 1, PAGE);
	fails(gmem_file_info(fd, across), -EFAULT, "info");
	fails(gmem_file_info(fd, (void *)(p + PAGE)), -EFAULT, "info");
	fails(gmem_file_info(fd, (void *)(p + PAGE - 1)), -EFAULT, "info");
	must(munmap(p + PAGE, PAGE));
	fails(gmem_file_info(fd, across), -EFAULT, "info");
	fails(gmem_file_info(fd, NULL), -EFAULT, "info");
	fails(gmem_file_info(fd, (void *)bad), -EFAULT, "info");
	fails(gmem_file_state(fd, 0, SIZE, (void *)(p + PAGE - 1)), -EFAULT,
	      "state");
	fails(gmem_file_state(fd, 0, SIZE, NULL), -EFAULT, "state");
	fails(gmem_file_open(bad, O_RDWR), -EFAULT, "path");
	fails(gmem_file_open(bad, O_RDWR | O_CREAT), -EFAULT, "path");
	fails(gmem_file_open(NULL, O_RDWR | O_CREAT), -EFAULT, "path");
	fails(gmem_file_create(bad, SIZE, 0), -EFAULT, "directory");
	must(munmap(p, PAGE));
	close(fd);
}

static void test_memory(void)
{
	int fd = must_create(SIZE);
	char *p = must_map(fd, SIZE);
	void *q;

	is((uintptr_t)p % BLOCK, 0, "mapped at a multiple of 2 MiB");
	is(gmem_file_populate(fd, 0, BLOCK + 1), 0, "populated");
	is(get_info(fd).populated, 2 * BLOCK, "in whole blocks");
	memset(p, 3, SIZE);
	is(gmem_file_punch(fd, BLOCK, BLOCK), 0, "punched");
	is(get_info(fd).populated, SIZE - (long)BLOCK, "that much less");
	ok(all_bytes(p + BLOCK, BLOCK, 0) && all_bytes(p, BLOCK, 3),
	   "zeros there, and only there");
	fails(gmem_file_punch(fd, 0, 0), -EINVAL, "not be 0");
	fails(gmem_file_map(fd, 1, SIZE, PROT_READ, &q), -EINVAL, "map");
	munmap(p, SIZE);
	close(fd);
	fails(gmem_file_populate(-1, 0, PAGE), -EBADF, "descriptor -1");
	fails(gmem_file_map(-1, 0, PAGE, PROT_READ, &q), -EBADF, "map");
	fails(gmem_file_info(0, &(struct gmem_info){}), -ENOTTY, "gmemfs");
	fails(gmem_file_info(-1, &(struct gmem_info){}), -EBADF, "holds");
	fails(gmem_file_state(-1, 0, PAGE, &(uint8_t){}), -EBADF, "state");
}

static void test_clone(void)
{
	int from = must_create(SIZE), to = must_create(0);
	char *p = must_map(from, SIZE), *q;

	memset(p, 3, SIZE);
	is(gmem_file_clone(to, 0, from, 0, 0), 0, "a file is cloned");
	is(get_info(to).size, SIZE, "its clone is as long");
	is(get_info(to).cloned, SIZE, "and has the same memory");
	q = must_map(to, SIZE);
	q[5] = 4;
	is(p[5], 3, "a write to it isn't seen");
	p[BLOCK] = 5;
	is(q[BLOCK], 3, "in neither");
	is(gmem_file_clone(to, BLOCK, to, 0, PAGE), 0, "within a file");
	is(q[BLOCK + 5], 4, "a page");
	is(gmem_file_populate(to, 0, SIZE), 0, "copied ahead");
	is(get_info(to).cloned, 0, "nothing is shared any more");
	fails(gmem_file_clone(to, 1, from, 0, PAGE), -EINVAL, "whole pages");
	fails(gmem_file_clone(to, 0, to, 0, PAGE), -EINVAL, "overlaps");
	fails(gmem_file_clone(-1, 0, from, 0, PAGE), -EBADF, "descriptor -1");
	fails(gmem_file_clone(from, 0, -1, 0, PAGE), -EBADF, "descriptor -1");
	munmap(p, SIZE);
	munmap(q, SIZE);
	close(from);
	close(to);
}

/* The root directory is one of the two. */
static void test_full(void)
{
	const char *small = "/run/small";
	uint64_t at = 0;
	uint8_t states[2];
	int fd;

	must(mkdir(small, 0700));
	must(mount("none", small, "gmemfs", 0, "size=2m,nr_inodes=2"));
	fd = must(gmem_file_create(small, SIZE, 0));
	fails(gmem_file_create(small, SIZE, 0), -ENOSPC, "nr_inodes=");
	is(gmem_file_populate(fd, 0, BLOCK), 0, "all memory of the mount");
	fails(gmem_file_populate(fd, 0, SIZE), -ENOSPC, "size=");
	is(get_info(fd).populated, BLOCK, "what there was is there");
	is(gmem_file_punch(fd, 0, BLOCK), 0, "punched");
	is(gmem_file_resize(fd, 1L << 40), 0, "a hole of a TiB");
	fails(gmem_file_convert(fd, 0, 1L << 40, 0, 0, 0, &at), -ENOSPC,
	      "can't convert at");
	ok(at > 0 && at < 1UL << 40, "settings of holes count: up to %" PRIu64,
	   at);
	is(gmem_file_state(fd, at - PAGE, 2 * PAGE, states), 0, "states");
	ok(states[0] & GMEM_STATE_SHARED && !(states[1] & GMEM_STATE_SHARED),
	   "before that it's shared, and not from there on");
	close(fd);
	must(umount(small));
	must(rmdir(small));
}

static void test_convert(void)
{
	int fd = must_create(SIZE), view;
	char *p = must_map(fd, SIZE), *s;
	uint64_t at = 1;
	uint8_t states[4];

	memset(p, 5, SIZE);
	is(gmem_file_convert(fd, PAGE, 2 * PAGE, 0, 0, 0, &at), 0, "shared");
	is(at, 3 * PAGE, "up to the range's end");
	is(gmem_file_state(fd, 0, 4 * PAGE, states), 0, "states");
	ok(!(states[0] & GMEM_STATE_SHARED) && states[1] & GMEM_STATE_SHARED &&
	   states[2] & GMEM_STATE_EXPOSED && !(states[3] & GMEM_STATE_EXPOSED),
	   "of these pages");
	view = gmem_file_shared_view(fd);
	ok(view >= 0, "a shared view");
	s = must_map(view, SIZE);
	is(s[PAGE], 5, "shows the shared page");
	is(touch_read(s), SIGBUS, "and no private one");
	is(gmem_file_convert(fd, PAGE, PAGE, PRIVATE, GMEM_CONVERT_ZERO, 0,
			     NULL), 0, "private, zeroed");
	is(p[PAGE], 0, "it's zeroed");
	is(p[2 * PAGE], 5, "the other is not");

	fails(gmem_file_convert(fd, 1, PAGE, 0, 0, 0, &at), -EINVAL, "whole");
	is(at, 1, "nothing was converted");
	fails(gmem_file_convert(fd, 0, 2 * SIZE, 0, 0, 0, NULL), -EINVAL,
	      "inside of the file");
	fails(gmem_file_convert(fd, 0, PAGE, 1, 0, 0, NULL), -EINVAL, "bit");
	fails(gmem_file_state(fd, 0, 1, states), -EINVAL, "whole pages");
	fails(gmem_file_shared_view(0), -ENOTTY, "shared view");
	munmap(s, SIZE);
	munmap(p, SIZE);
	close(view);
	close(fd);
}

/* ---- pinned pages ---- */

static int pipes[2];

static void *let_go_soon(void *arg)
{
	char buf[PAGE];

	(void)arg;
	usleep(100000);
	return (void *)(long)read(pipes[0], buf, PAGE);
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* Again and again: one that comes between two pauses isn't noticed. */
static void alarms(long us)
{
	struct sigaction act = { .sa_handler = on_alarm };
	struct itimerval soon = {
		.it_value.tv_usec = us, .it_interval.tv_usec = us,
	};

	sigaction(SIGALRM, &act, NULL);
	must(setitimer(ITIMER_REAL, &soon, NULL));
}

static void test_pinned(void)
{
	int fd = must_create(SIZE), view = gmem_file_shared_view(fd);
	char *s = must_map(view, SIZE);
	struct iovec iov = { s + 5 * PAGE, PAGE };
	pthread_t thread;
	void *got;
	uint64_t at;

	is(gmem_file_convert(fd, 0, SIZE, 0, 0, 0, NULL), 0, "all shared");
	memset(s, 8, SIZE);
	must(pipe(pipes));
	is(vmsplice(pipes[1], &iov, 1, 0), PAGE, "a page is pinned");

	fails(gmem_file_convert(fd, 0, SIZE, PRIVATE, 0, 0, &at), -EAGAIN,
	      "pinned");
	is(at, 5 * PAGE, "not waiting: stopped at that page");
	fails(gmem_file_convert(fd, at, SIZE - at, PRIVATE, 0, 30, &at),
	      -EAGAIN, "20480");
	is(at, 5 * PAGE, "waiting a little: still there");
	alarms(50000);
	fails(gmem_file_convert(fd, 0, SIZE, PRIVATE, 0, -1, &at), -EINTR,
	      "signal");
	is(at, 5 * PAGE, "waiting for ever: a signal ends it");
	alarms(0);

	pthread_create(&thread, NULL, let_go_soon, NULL);
	is(gmem_file_convert(fd, 0, SIZE, PRIVATE, 0, 20000, &at), 0,
	   "done as soon as the page is let go");
	is(at, SIZE, "all of it");
	pthread_join(thread, &got);
	is((long)got, PAGE, "by the other thread");
	is(get_info(fd).shared, 0, "nothing is shared");
	munmap(s, SIZE);
	close(view);
	close(fd);
	close(pipes[0]);
	close(pipes[1]);
}

static void *other_thread(void *arg)
{
	gmem_file_create("/other", 0, 0);
	return memcpy(arg, gmem_last_error(), strlen(gmem_last_error()) + 1);
}

static void test_errors_by_thread(void)
{
	char text[512], before[512];
	pthread_t thread;

	gmem_file_create("/mine", 0, 0);
	snprintf(before, sizeof(before), "%s", gmem_last_error());
	pthread_create(&thread, NULL, other_thread, text);
	pthread_join(thread, NULL);
	ok(strstr(text, "/other"), "another thread's error");
	is_str(gmem_last_error(), before, "isn't this thread's");
}

/*
 * The first thread has another file at each descriptor that this thread could
 * get.
 */
static void *open_with_own_descriptors(void *path)
{
	struct gmem_info info = {};
	int fd;

	must(unshare(CLONE_FILES));
	for (fd = 10; fd < 20; fd++)
		close(fd);
	fd = gmem_file_open(path, O_RDWR);
	if (fd < 0 || gmem_file_info(fd, &info))
		diag("%d: %s", fd, gmem_last_error());
	close(fd);
	return (void *)(uintptr_t)info.size;
}

static void test_own_descriptors(void)
{
	int other = gmem_file_create(NULL, 8 * PAGE, 0);
	int fd = gmem_file_open(MNT "/its", O_RDWR | O_CREAT);
	void *size = NULL;
	pthread_t thread;

	ok(other >= 0 && !gmem_file_resize(fd, PAGE), "two files");
	close(fd);
	for (fd = 3; fd < 20; fd++)
		if (fd != other)
			must(dup2(other, fd));
	must(pthread_create(&thread, NULL, open_with_own_descriptors,
			    MNT "/its") ? -1 : 0);
	pthread_join(thread, &size);
	is((uintptr_t)size, PAGE,
	   "a thread with descriptors of its own opens the file that it names");
	for (fd = 3; fd < 20; fd++)
		close(fd);
	must(unlink(MNT "/its"));
}

int main(void)
{
	test_create();
	test_open();
	test_make_elsewhere();
	test_make_here();
	test_make_like_hugetlbfs();
	test_no_file(MNT);
	test_no_file("/tmp");
	test_without_proc();
	test_pointers();
	test_memory();
	test_clone();
	test_full();
	test_convert();
	test_pinned();
	test_errors_by_thread();
	test_own_descriptors();
	return done_testing();
}
