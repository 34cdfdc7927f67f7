// SPDX-License-Identifier: GPL-2.0
/* libgmem: files, what their calls return, and what is said of errors. */
#include <gmem.h>
#include <pthread.h>
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
	fails(gmem_file_punch(fd, 0, 0), -EINVAL, "none");
	fails(gmem_file_map(fd, 1, SIZE, PROT_READ, &q), -EINVAL, "map");
	munmap(p, SIZE);
	close(fd);
	fails(gmem_file_populate(-1, 0, PAGE), -EBADF, "descriptor -1");
	fails(gmem_file_map(-1, 0, PAGE, PROT_READ, &q), -EBADF, "map");
	fails(gmem_file_info(0, &(struct gmem_info){}), -ENOTTY, "gmemfs");
	fails(gmem_file_info(-1, &(struct gmem_info){}), -EBADF, "holds");
	fails(gmem_file_state(-1, 0, PAGE, &(uint8_t){}), -EBADF, "state");
}

/* The root directory is one of the two. */
static void test_full(void)
{
	const char *small = "/run/small";
	int fd;

	must(mkdir(small, 0700));
	must(mount("none", small, "gmemfs", 0, "size=2m,nr_inodes=2"));
	fd = must(gmem_file_create(small, SIZE, 0));
	fails(gmem_file_create(small, SIZE, 0), -ENOSPC, "nr_inodes=");
	is(gmem_file_populate(fd, 0, BLOCK), 0, "all memory of the mount");
	fails(gmem_file_populate(fd, 0, SIZE), -ENOSPC, "size=");
	is(get_info(fd).populated, BLOCK, "what there was is there");
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

int main(void)
{
	test_create();
	test_open();
	test_memory();
	test_full();
	test_convert();
	test_pinned();
	test_errors_by_thread();
	return done_testing();
}
