// SPDX-License-Identifier: GPL-2.0
/*
 * Pagers that misbehave, or fare badly: they die, get stuck, answer out of
 * memory that is missing itself, twice at once, while the file is punched, or
 * without memory. Nothing hangs that can't be killed, and nobody sees a page
 * that is filled in part.
 */
#include "channels.h"

#include <linux/falloc.h>
#include <linux/fs.h>
#include <pthread.h>
#include <sched.h>

#define BLOCKS	3L
#define SIZE	(BLOCKS * (long)BLOCK)
#define PAGES	(SIZE / (long)PAGE)
#define TOP	"/tmp/pagers"
#define MANY	100

struct access {
	int fd;
	long page;
};

/* Return: 0 if the page is filled; else the signal. */
static int touch_page(void *arg)
{
	struct access *a = arg;
	char *p = map(a->fd, SIZE) + a->page * PAGE;
	int sig = touch_read(p);

	return sig ?: !has_contents(p, a->page, 'F');
}

/* In a system call, where only a fatal signal ends a wait. */
static int touch_in_kernel(void *arg)
{
	struct access *a = arg;
	char *p = map(a->fd, SIZE) + a->page * PAGE;
	int ends[2];

	must(pipe(ends));
	return write(ends[1], p, 64) != 64;
}

/* ---- many wait ---- */

static void *read_page(void *arg)
{
	struct access *a = arg;
	char page[PAGE];

	if (pread(a->fd, page, PAGE, a->page * PAGE) == (ssize_t)PAGE)
		return (void *)(long)!has_contents(page, a->page, 'F');
	return (void *)(long)errno;
}

static int many_read(void *arg)
{
	static struct access accesses[MANY];
	static pthread_t threads[MANY];
	int fd = *(int *)arg, i, common = -1;
	void *ret;

	for (i = 0; i < MANY; i++) {
		accesses[i] = (struct access){ fd, i * PAGES / MANY };
		if (pthread_create(&threads[i], NULL, read_page, &accesses[i]))
			return 255;
	}
	for (i = 0; i < MANY; i++) {
		pthread_join(threads[i], &ret);
		if (common >= 0 && common != (int)(long)ret)
			return 254;
		common = (int)(long)ret;
	}
	return common;
}

/* How many threads of a process sleep? The main thread waits for the others. */
static int sleeping_threads(pid_t pid)
{
	char path[64], line[512], *end;
	struct dirent *entry;
	int n = 0, fd;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%.16s/stat", pid,
			 entry->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		memset(line, 0, sizeof(line));
		if (fd >= 0 && read(fd, line, sizeof(line) - 1) > 0) {
			end = strrchr(line, ')');
			n += end && end[1] && strchr("SD", end[2]);
		}
		if (fd >= 0)
			close(fd);
	}
	if (dir)
		closedir(dir);
	return n;
}

static void await_many(struct toucher *t)
{
	char byte;

	must(read(t->tells, &byte, 1));
	while (sleeping_threads(t->pid) != MANY + 1)
		usleep(10000);
}

static void test_closed(void)
{
	int fd = new_file(SIZE), channel = open_channel(fd, SIZE, 0);
	struct access a = { fd, 1 };
	struct toucher t = start_toucher(many_read, &fd), one;

	await_many(&t);
	one = start_toucher(touch_page, &a);
	await_sleep(&one);
	must(fill_with(channel, 2 * BLOCK, PAGE, 'F'));
	close(channel);
	is(end_of(&one), SIGBUS, "the channel is closed: an access gets SIGBUS");
	is(end_of(&t), EIO, "  no thread of %d waits any more", MANY);
	one = start_toucher(touch_page, &a);
	is(end_of(&one), SIGBUS, "  nor does a later one");
	is(missing(fd), SIZE - PAGE, "  what isn't there is missing still");
	is_errno(open_channel_in(fd, 0, BLOCK, 0), EINVAL,
		 "the channel is opened again, not for another range");
	channel = open_channel(fd, SIZE, 0);
	t = start_toucher(many_read, &fd);
	await_many(&t);
	must(fill_with(channel, 0, SIZE, 'F'));
	is(end_of(&t), 0, "  and %d threads are served", MANY);
	close(channel);
	close(fd);
}

static void test_reattach(void)
{
	int fd = new_file(SIZE);
	int channel = open_channel(fd, SIZE, GMEM_FAULT_REATTACH);
	struct toucher t = start_toucher(many_read, &fd);
	struct gmem_fault faults[BLOCKS + 1];

	await_many(&t);
	is(read(channel, faults, sizeof(faults)), BLOCKS * sizeof(faults[0]),
	   "%d threads wait for a few blocks", MANY);
	close(channel);
	is(sleeping_threads(t.pid), MANY + 1,
	   "  and go on when the channel is closed");
	channel = open_channel(fd, SIZE, 0);
	no_wait(channel);
	is(read(channel, faults, sizeof(faults)), BLOCKS * sizeof(faults[0]),
	   "  the next holder learns of all");
	must(fill_with(channel, 0, SIZE, 'F'));
	is(end_of(&t), 0, "  and serves them");
	close(channel);
	close(fd);
}

/* What is left of a channel's range is enough to open it again. */
static void test_reattach_shorter(void)
{
	int fd = new_file(SIZE);
	int channel = open_channel(fd, SIZE, GMEM_FAULT_REATTACH);

	close(channel);
	must(ftruncate(fd, BLOCK + PAGE));
	is_errno(open_channel_in(fd, 0, SIZE, 0), EINVAL,
		 "a file is shorter than its channel's range was");
	is_errno(open_channel_in(fd, 0, BLOCK, 0), EINVAL,
		 "  a part of what is left isn't enough");
	channel = open_channel_in(fd, 0, BLOCK + PAGE, 0);
	ok(channel >= 0, "  the channel is opened for what is left");
	is(fill_with(channel, 0, BLOCK + PAGE, 'F'), 0, "  and fills it");
	close(channel);
	close(fd);
}

/* Its source is missing in the same file. Return: the errno. */
static int writes_missing(void *arg)
{
	int fd = *(int *)arg;

	return pwrite(fd, map(fd, SIZE) + BLOCK, PAGE, 0) < 0 ? errno : 0;
}

static void test_closed_while_writing(void)
{
	int fd = new_file(SIZE), channel = open_channel(fd, SIZE, 0);
	struct toucher t;

	must(fill_with(channel, 0, BLOCK, 'F'));
	t = start_toucher(writes_missing, &fd);
	is(next_fault(channel).offset, BLOCK, "a write() waits for its source");
	await_sleep(&t);
	must(ftruncate(fd, SIZE - BLOCK));
	close(channel);
	is(end_of(&t), EFAULT,
	   "  others change the file, and it ends when the channel is closed");
	close(fd);
}

/* ---- the pager dies, or never answers ---- */

static int serve_one_then_hang(void *arg)
{
	int channel = *(int *)arg;
	struct gmem_fault fault = next_fault(channel);

	must(fill_with(channel, fault.offset, fault.size, 'F'));
	next_fault(channel);
	pause();
	return 0;
}

static void test_killed_pager(void)
{
	int fd = new_file(SIZE), channel = open_channel(fd, SIZE, 0);
	struct toucher pager = start_process(serve_one_then_hang, &channel,
					      true);
	struct access a = { fd, 1 };
	struct toucher t;

	close(channel);
	t = start_toucher(touch_page, &a);
	is(end_of(&t), 0, "a pager of its own serves one");
	a.page = 600;
	t = start_toucher(touch_page, &a);
	await_sleep(&t);
	must(kill(pager.pid, SIGKILL));
	is(end_of(&pager), 256 + SIGKILL, "  and is killed");
	is(end_of(&t), SIGBUS, "  so the next gets SIGBUS");
	a.page = 1;
	t = start_toucher(touch_page, &a);
	is(end_of(&t), 0, "  what is there stays");
	close(fd);
}

static void test_killed_vmm(void)
{
	int fd = new_file(SIZE), channel = open_channel(fd, SIZE, 0);
	struct access a = { fd, 1 };
	struct toucher t = start_toucher(many_read, &fd);

	await_many(&t);
	must(kill(t.pid, SIGKILL));
	is(end_of(&t), 256 + SIGKILL, "%d threads are killed while they wait",
	   MANY);
	t = start_toucher(touch_page, &a);
	await_sleep(&t);
	must(kill(t.pid, SIGKILL));
	is(end_of(&t), 256 + SIGKILL, "  one in a load");
	t = start_toucher(touch_in_kernel, &a);
	await_sleep(&t);
	must(kill(t.pid, SIGKILL));
	is(end_of(&t), 256 + SIGKILL, "  one in a system call");
	ok(!has_fault(channel), "  nobody waits then");
	close(channel);
	close(fd);
}

/* ---- the contents are missing themselves ---- */

static void test_own_memory(void)
{
	int fd = new_file(SIZE), channel = open_channel(fd, SIZE, 0);
	int other = new_file(SIZE), second = open_channel(other, SIZE, 0);
	char *p = map(fd, SIZE), *q = map(other, SIZE);
	struct access a = { fd, 1 };
	struct gmem_fill fill = { .size = BLOCK };
	struct toucher t;

	is_errno(fill_from(channel, 0, PAGE, p + BLOCK), EFAULT,
		 "contents that are missing in the same file");
	is_errno(fill_from(channel, 0, PAGE, p), EFAULT, "  the page itself");
	is_errno(fill_from(channel, 0, PAGE, q), EFAULT, "  in another one");
	is_errno(ioctl(channel, GMEM_FILL, p), EFAULT, "  the struct");
	is(missing(fd), SIZE, "  nothing was filled");
	is(get_info(fd).populated, 0, "  nor has memory");

	t = start_toucher(touch_page, &a);
	await_sleep(&t);
	is_errno(read(channel, p, BLOCK), EFAULT, "events to missing memory");
	must(fill_with(second, 0, BLOCK, 'X'));
	is(read(channel, q, BLOCK), sizeof(struct gmem_fault),
	   "  are not lost");

	must(fill_zero(channel, BLOCK, BLOCK));
	make_contents(p + BLOCK, 0, PAGE, 'F');
	fill.address = (uintptr_t)(p + BLOCK);
	is(answer(channel, GMEM_FILL, &fill), 0,
	   "contents in the same file that are there");
	fill.address = (uintptr_t)(q + BLOCK / 2);
	fill.offset = 2 * BLOCK;
	is_errno(answer(channel, GMEM_FILL, &fill), EFAULT,
		 "  up to where they are missing");
	is(fill.done, BLOCK / 2, "  says how far it came");
	is(missing(fd), BLOCK / 2, "  the rest is missing");
	/* Its page was filled from zeros. */
	is(end_of(&t), 1, "  who waited has seen what was filled");
	munmap(p, SIZE);
	munmap(q, SIZE);
	close(channel);
	close(second);
	close(fd);
	close(other);
}

static void test_unreadable(int fd, const char *what)
{
	int channel = open_channel(fd, SIZE, 0);
	char *bytes = must(mmap(NULL, BLOCK, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	struct gmem_fill fill = {
		.size = BLOCK, .address = (uintptr_t)bytes,
	};

	make_contents(bytes, 0, BLOCK, 'F');
	must(munmap(bytes + BLOCK / 2, PAGE));
	is_errno(answer(channel, GMEM_FILL, &fill), EFAULT,
		 "%s: contents with a hole in the mapping", what);
	is(fill.filled, BLOCK / 2, "  are filled up to that");
	is(missing(fd), SIZE - BLOCK / 2, "  and no further");
	is_errno(fill_from(channel, BLOCK, PAGE, bytes + BLOCK / 2), EFAULT,
		 "  if there is nothing to read at all");
	ok(get_info(fd).populated <= BLOCK, "  no memory is taken");
	munmap(bytes, BLOCK);
	close(channel);
	close(fd);
}

/* ---- no memory ---- */

/* Return: how many pages of a file aren't what fill_with() 'F' has brought. */
static long file_has_contents(int fd)
{
	char page[PAGE];
	long i, wrong = 0;

	for (i = 0; i < PAGES; i++) {
		must(pread(fd, page, PAGE, i * PAGE));
		wrong += !has_contents(page, i, 'F');
	}
	return wrong;
}

/* It may be just about to wait again. */
static bool waits_still(const struct toucher *t)
{
	char state;

	do {
		usleep(1000);
		state = state_of_process(t->pid);
	} while (state == 'R');
	return state == 'S';
}

static void test_full_mount(const char *options)
{
	struct access a = { -1, PAGES - 1 };
	struct toucher t;
	int channel;

	mkdir(TOP, 0755);
	must(mount("gmemfs", TOP, "gmemfs", 0, options));
	a.fd = new_file_in(TOP, SIZE);
	channel = open_channel(a.fd, SIZE, 0);
	t = start_toucher(touch_page, &a);
	await_sleep(&t);
	is_errno(fill_with(channel, 0, SIZE, 'F'), ENOSPC,
		 "the mount is full (%s)", options);
	ok(missing(a.fd) > 0 && missing(a.fd) < SIZE, "  after a part");
	next_fault(channel);
	ok(waits_still(&t), "  who waits goes on");
	must(mount("none", TOP, NULL, MS_REMOUNT, "size=16m"));
	is(fill_with(channel, 0, SIZE, 'F'), 0, "  until there is room");
	is(end_of(&t), 0, "  and sees the page");
	is(missing(a.fd), 0, "  what was refused is filled, too");
	is(file_has_contents(a.fd), 0, "  with its contents");
	close(channel);
	close(a.fd);
	must(umount(TOP));
}

/* A channel's map counts, too. */
static void test_map_counts(void)
{
	int fd;

	must(mount("gmemfs", TOP, "gmemfs", 0, "size=1m"));
	fd = new_file_in(TOP, 1L << 40);
	is_errno(open_channel_in(fd, 0, 1L << 40, 0), ENOSPC,
		 "the channel of a large file needs room for its map");
	must(ftruncate(fd, 1L << 45));
	is_errno(open_channel_in(fd, 0, 1L << 45, 0), EFBIG,
		 "  or is larger than any may be");
	close(fd);
	must(umount(TOP));
}

/* ---- at once ---- */

struct answerer {
	int channel;
	char letter;	/* 0: zeros */
};

static void *answer_all(void *arg)
{
	struct answerer *a = arg;
	long at;

	for (at = 0; at < SIZE; at += BLOCK / 8)
		if (a->letter)
			fill_with(a->channel, at, BLOCK / 8, a->letter);
		else
			fill_zero(a->channel, at, BLOCK / 8);
	return NULL;
}

/* Is a page all of one answer? */
static bool is_whole(const char *p, long page)
{
	return has_contents(p, page, 'F') || has_contents(p, page, 'G') ||
	       all_bytes(p, PAGE, 0);
}

static int reads_whole(void *arg)
{
	int fd = *(int *)arg;
	char *p = map(fd, SIZE), page[PAGE];
	long i;

	for (i = 0; i < PAGES; i++) {
		must(pread(fd, page, PAGE, i * PAGE));
		if (!is_whole(page, i))
			return 1;
		if (!all_bytes(page + sizeof(long), PAGE - sizeof(long),
			       p[i * PAGE + PAGE - 1]))
			return 2;
	}
	return 0;
}

static int twice_at_once(int fd)
{
	int channel = open_channel(fd, SIZE, 0), i, ret;
	struct answerer answerers[] = {
		{ channel, 'F' }, { channel, 'G' }, { channel, 0 },
	};
	struct toucher t = start_toucher(reads_whole, &fd);
	pthread_t threads[3];

	await_sleep(&t);
	for (i = 0; i < 3; i++)
		if (pthread_create(&threads[i], NULL, answer_all,
				   &answerers[i]))
			bail_out("no thread");
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	ret = end_of(&t);
	ret |= missing(fd) ? 4 : 0;
	close(channel);
	close(fd);
	return ret;
}

static void test_twice_at_once(void)
{
	int i, wrong = 0;

	for (i = 0; i < 10; i++)
		wrong |= twice_at_once(i % 2 ? new_singles(SIZE)
					     : new_file(SIZE));
	is(wrong, 0, "of several answers at once, each page is one");
}

/* Each page is asked for again and again, until it is there. */
static int reads_early(void *arg)
{
	int fd = *(int *)arg;
	char page[PAGE];
	long i;

	for (i = 0; i < PAGES; i++) {
		if (pread(fd, page, PAGE, i * PAGE) != (ssize_t)PAGE)
			return 1;
		if (!has_contents(page, i, 'F'))
			return 2;
	}
	return lseek(fd, 0, SEEK_HOLE) == SIZE ? 0 : 3;
}

/* Readers are just behind the pager all the time. */
static int read_meanwhile(int fd)
{
	int channel = open_channel(fd, SIZE, 0), ret = 0, i;
	struct toucher readers[2];
	long at;

	for (i = 0; i < 2; i++)
		readers[i] = start_toucher(reads_early, &fd);
	for (at = 0; at < SIZE; at += 4 * PAGE)
		must(fill_with(channel, at, 4 * PAGE, 'F'));
	for (i = 0; i < 2; i++)
		ret |= end_of(&readers[i]);
	close(channel);
	close(fd);
	return ret;
}

static void test_read_meanwhile(void)
{
	int i, wrong = 0;

	for (i = 0; i < 10; i++)
		wrong |= read_meanwhile(i % 2 ? new_singles(SIZE)
					      : new_file(SIZE));
	is(wrong, 0, "read() sees no hole in what is filled meanwhile");
}

struct serving {
	int channel;
	bool stop;
};

/* Blocks, and sometimes pages. */
static void *serve(void *arg)
{
	struct serving *s = arg;
	struct gmem_fault fault;
	struct pollfd p = { .fd = s->channel, .events = POLLIN };

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		if (poll(&p, 1, 10) <= 0)
			continue;
		if (read(s->channel, &fault, sizeof(fault)) !=
		    sizeof(fault))
			continue;
		if (fault.flags & GMEM_FAULT_PUNCHED)
			fill_punched(s->channel, fault.offset, fault.size);
		else if (fault.touched / PAGE % 3)
			fill_with(s->channel, fault.offset, fault.size, 'F');
		else
			fill_with(s->channel, fault.touched, PAGE, 'F');
	}
	return NULL;
}

static int reads_random(void *arg)
{
	int fd = *(int *)arg, i;
	unsigned int seed = getpid();
	char *p = map(fd, SIZE), page[PAGE], byte;
	long at;

	for (i = 0; i < 500; i++) {
		at = rand_r(&seed) % PAGES;
		/* Between two loads the page may be punched, and zeroed. */
		byte = *(volatile char *)(p + at * PAGE + PAGE - 1);
		if (byte && byte != 'F')
			return 1;
		must(pread(fd, page, PAGE, at * PAGE));
		if (!has_contents(page, at, 'F') && !all_bytes(page, PAGE, 0))
			return 2;
	}
	return 0;
}

static int punches_random(void *arg)
{
	int fd = *(int *)arg, i;
	unsigned int seed = getpid();
	long at, len;

	for (i = 0; i < 500; i++) {
		at = rand_r(&seed) % PAGES;
		len = 1 + rand_r(&seed) % (i % 8 ? 16 : 600);
		must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       at * PAGE, len * PAGE));
	}
	return 0;
}

static void test_punched_meanwhile(int fd, const char *what)
{
	struct serving s = { .channel = open_channel(fd, SIZE, 0) };
	struct toucher t[4];
	int i, wrong = 0;
	pthread_t thread;

	no_wait(s.channel);
	for (i = 0; i < 4; i++)
		t[i] = start_toucher(i ? reads_random : punches_random, &fd);
	if (pthread_create(&thread, NULL, serve, &s))
		bail_out("no thread");
	for (i = 0; i < 4; i++)
		wrong |= end_of(&t[i]);
	__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	is(wrong, 0, "%s: punched while it is filled and read", what);
	close(s.channel);
	close(fd);
}

/* ---- mmap_lock ---- */

struct leaving {
	int fd;
	bool *done;	/* shared with the other process */
};

static void *touch_elsewhere(void *arg)
{
	return (void *)(long)touch_page(arg);
}

static int change_mappings(int fd)
{
	char *p = map(fd, SIZE);
	int status;
	pid_t child = fork();

	if (!child)
		_exit(0);
	if (waitpid(child, &status, 0) != child || status)
		return 1;
	if (munmap(p, SIZE))
		return 2;
	p = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED || mprotect(p, SIZE, PROT_READ | PROT_WRITE))
		return 3;
	return 0;
}

/* All that takes mmap_lock, while another thread waits in a load. */
static int leaves_meanwhile(void *arg)
{
	struct leaving *l = arg;
	struct access a = { l->fd, 5 };
	pthread_t thread;
	void *ret;
	int status;

	if (pthread_create(&thread, NULL, touch_elsewhere, &a))
		return 4;
	while (sleeping_threads(getpid()) < 1)
		sched_yield();
	status = change_mappings(l->fd);
	__atomic_store_n(l->done, true, __ATOMIC_RELEASE);
	pthread_join(thread, &ret);
	return status ?: (int)(long)ret;
}

static void test_mmap_lock(void)
{
	struct leaving l = { .fd = new_file(SIZE) };
	int channel = open_channel(l.fd, SIZE, 0);
	struct toucher t;

	l.done = must(mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	t = start_toucher(leaves_meanwhile, &l);
	next_fault(channel);
	while (!__atomic_load_n(l.done, __ATOMIC_ACQUIRE))
		usleep(1000);
	pass("mappings come and go while a thread waits");
	must(fill_with(channel, 0, SIZE, 'F'));
	is(end_of(&t), 0, "  which then has its page");
	munmap(l.done, PAGE);
	close(channel);
	close(l.fd);
}

int main(void)
{
	test_closed();
	test_reattach();
	test_reattach_shorter();
	test_closed_while_writing();
	test_killed_pager();
	test_killed_vmm();
	test_own_memory();
	test_unreadable(new_file(SIZE), "2 MiB");
	test_unreadable(new_singles(SIZE), "single pages");
	test_full_mount("size=5m");
	test_full_mount("size=5m,huge=always");
	test_map_counts();
	test_twice_at_once();
	test_read_meanwhile();
	test_punched_meanwhile(new_file(SIZE), "2 MiB");
	test_punched_meanwhile(new_singles(SIZE), "single pages");
	test_mmap_lock();
	nothing_is_left();
	return done_testing();
}
