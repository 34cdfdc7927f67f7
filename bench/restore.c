// SPDX-License-Identifier: GPL-2.0
/*
 * bench-restore ROUNDS MIB: a guest's memory comes from a snapshot. Each line
 * that it prints is a measurement:
 *	round=ROUND OPERATION WAY units=N ns=N switches=N KEY=VALUE...
 *	round=ROUND OPERATION WAY error=WHY
 * ns is all that the host does meanwhile, pagers and the kernel's workers, too.
 * switches are context switches of the host. OPERATION is one of
 *	first	until a process that stands for a guest of MIB has touched what
 *		it needs, a sixteenth, in runs of 512 KiB all over the memory.
 *		Units are these pages. WAY: all is read() into a memfd before;
 *		userfaultfd on a memfd, with a handler that copies 4 KiB a fault;
 *		gmem-pager, without and with a record of what is needed; a clone
 *		of a file that has it all
 *	fault, fault-16
 *		4 KiB are brought for each fault, by a thread: of one thread, or
 *		of 16 at once, each in blocks of its own. Units are faults
 *	all	all is brought: by read() into a memfd, or by gmem-pager
 * Each runs in a process of its own, whose end frees what it has made. Every
 * second round has the reverse order, and round 0 comes before the others, to
 * warm up.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/gmemfs.h>

#include "clocks.h"
#include "counters.h"
#include "pool.h"
#include "text.h"

#define PAGE		4096UL
#define CHUNK		(1UL << 20)
#define RUN		(512UL << 10)	/* of what a guest needs */
#define NEEDS		16		/* it needs a part of so many */
#define THREADS		16
#define EACH		4		/* blocks for each of them */
#define EVENTS		16		/* that a handler reads at a time */

/* host-restore makes the folder. */
#define DIR		"/run/bench-restore/"
#define SNAPSHOT	DIR "snapshot"
#define RECORD		DIR "record"
#define GUEST		"/dev/gmem/bench-restore"

struct measure {
	const char *operation;
	const char *way;
	void (*run)(const struct measure *m);
	bool pool;	/* it has the file's size ready */
};

struct start {
	struct counters counters;
	int64_t ns;
	int64_t switches;
};

static int round_number;
static size_t size;
static int template;		/* a file of gmemfs that has all */
static const char *snapshot;	/* mapped */

/* ---- measuring ---- */

static struct start start_now(void)
{
	struct start s;

	s.counters = counters_read();
	s.switches = file_field("/proc/stat", "ctxt");
	s.ns = host_ns();
	return s;
}

/* The clock stops before anything else is looked at. */
static struct start end_now(void)
{
	struct start end;

	end.ns = host_ns();
	end.switches = file_field("/proc/stat", "ctxt");
	end.counters = counters_read();
	return end;
}

static void report(const struct measure *m, const struct start *s,
		   const struct start *end, size_t units)
{
	printf("round=%d %s %s units=%zu ns=%lld switches=%lld", round_number,
	       m->operation, m->way, units, (long long)(end->ns - s->ns),
	       (long long)(end->switches - s->switches));
	counters_print(&s->counters, &end->counters);
	putchar('\n');
}

/* ---- memory ---- */

static char *map(int fd, size_t length, int prot)
{
	char *p = mmap(NULL, length, prot, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

/* Each page of the snapshot begins with its number, and one. */
static void make_snapshot(void)
{
	int fd = open(SNAPSHOT, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	char *p;
	size_t at;

	if (fd < 0 || ftruncate(fd, size))
		die("%s", SNAPSHOT);
	p = map(fd, size, PROT_READ | PROT_WRITE);
	memset(p, 'S', size);
	for (at = 0; at < size; at += PAGE)
		*(size_t *)(p + at) = at / PAGE + 1;
	snapshot = p;
	close(fd);
}

static void touch(const volatile char *p, size_t at)
{
	errno = EIO;
	if (*(const volatile size_t *)(p + at) != at / PAGE + 1)
		die("wrong contents at page %zu", at / PAGE);
}

/* The runs are in no order, and each at another place of its part. */
static void touch_needed(const char *p)
{
	size_t part = NEEDS * RUN, parts = size / part, i, run, at;

	for (i = 0; i < parts; i++) {
		run = i * 10007 % parts;
		run = run * part + run * 5 % NEEDS * RUN;
		for (at = run; at < run + RUN; at += PAGE)
			touch(p, at);
	}
}

static int new_memfd(size_t length)
{
	int fd = memfd_create("bench-restore", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, length))
		die("memfd");
	return fd;
}

static int new_file(size_t length)
{
	int fd = open(GUEST, O_CREAT | O_RDWR | O_CLOEXEC | O_TRUNC, 0600);

	if (fd < 0 || ftruncate(fd, length))
		die("%s", GUEST);
	return fd;
}

static void read_all(int to)
{
	char *p = map(to, size, PROT_READ | PROT_WRITE);
	int from = open(SNAPSHOT, O_RDONLY | O_CLOEXEC);
	size_t at;

	if (from < 0)
		die("%s", SNAPSHOT);
	for (at = 0; at < size; at += CHUNK)
		if (pread(from, p + at, CHUNK, at) != (ssize_t)CHUNK)
			die("read");
	close(from);
}

/* ---- handlers: a thread brings 4 KiB for each fault ---- */

struct handler {
	int fd;			/* an userfaultfd, or a fault channel */
	char *memory;		/* for a userfaultfd */
	pthread_t thread;
};

static void *handle_uffd(void *arg)
{
	struct uffd_msg messages[EVENTS];
	struct handler *h = arg;
	ssize_t n, i;

	for (;;) {
		n = read(h->fd, messages, sizeof(messages));
		if (n <= 0)
			die("userfaultfd");
		for (i = 0; i < n / (ssize_t)sizeof(messages[0]); i++) {
			size_t at = messages[i].arg.pagefault.address -
				    (uintptr_t)h->memory;
			struct uffdio_copy copy = {
				.dst = (uintptr_t)h->memory + at / PAGE * PAGE,
				.src = (uintptr_t)snapshot + at / PAGE * PAGE,
				.len = PAGE,
			};

			if (ioctl(h->fd, UFFDIO_COPY, &copy) && errno != EEXIST)
				die("UFFDIO_COPY");
		}
	}
}

static void *handle_channel(void *arg)
{
	struct gmem_fault faults[EVENTS];
	struct handler *h = arg;
	ssize_t n, i;

	for (;;) {
		n = read(h->fd, faults, sizeof(faults));
		if (n <= 0)
			die("fault channel");
		for (i = 0; i < n / (ssize_t)sizeof(faults[0]); i++) {
			struct gmem_fill fill = {
				.offset = faults[i].touched,
				.size = PAGE,
				.address = (uintptr_t)snapshot +
					   faults[i].touched,
			};

			if (ioctl(h->fd, GMEM_FILL, &fill) && errno != EEXIST)
				die("GMEM_FILL");
		}
	}
}

static void start_handler(struct handler *h, void *(*handle)(void *))
{
	errno = pthread_create(&h->thread, NULL, handle, h);
	if (errno)
		die("no thread");
}

/* It lives as long as the process. Return: the memory. */
static char *serve_by_uffd(size_t length)
{
	static struct handler h;
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	h.memory = map(new_memfd(length), length, PROT_READ | PROT_WRITE);
	h.fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (h.fd < 0 || ioctl(h.fd, UFFDIO_API, &api))
		die("userfaultfd");
	reg.range.start = (uintptr_t)h.memory;
	reg.range.len = length;
	if (ioctl(h.fd, UFFDIO_REGISTER, &reg))
		die("UFFDIO_REGISTER");
	start_handler(&h, handle_uffd);
	return h.memory;
}

static char *serve_by_channel(size_t length)
{
	struct gmem_userfault userfault = { .size = length };
	int file = new_file(length);
	static struct handler h;

	h.fd = ioctl(file, GMEM_USERFAULT, &userfault);
	if (h.fd < 0)
		die("GMEM_USERFAULT");
	start_handler(&h, handle_channel);
	return map(file, length, PROT_READ | PROT_WRITE);
}

/* ---- gmem-pager ---- */

/* It has opened the channel when this returns. @option: another one, or NULL */
static pid_t start_pager(const char *option)
{
	char ready[32], byte;
	int ends[2];
	pid_t pid;

	if (pipe(ends))
		die("pipe");
	snprintf(ready, sizeof(ready), "--ready-fd=%d", ends[1]);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		close(ends[0]);
		if (option)
			execlp("gmem-pager", "gmem-pager", "--from=" SNAPSHOT,
			       ready, option, GUEST, NULL);
		else
			execlp("gmem-pager", "gmem-pager", "--from=" SNAPSHOT,
			       ready, GUEST, NULL);
		die("gmem-pager");
	}
	close(ends[1]);
	errno = EIO;
	if (read(ends[0], &byte, 1) != 1)
		die("gmem-pager doesn't begin");
	close(ends[0]);
	return pid;
}

static void await_pager(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		die("wait");
	errno = EIO;
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		die("gmem-pager has failed");
}

/* ---- the first answer ---- */

static void finish_first(const struct measure *m, const struct start *s)
{
	struct start end = end_now();

	report(m, s, &end, size / NEEDS / PAGE);
}

static void run_first_read(const struct measure *m)
{
	struct start s = start_now();
	int fd = new_memfd(size);

	read_all(fd);
	touch_needed(map(fd, size, PROT_READ | PROT_WRITE));
	finish_first(m, &s);
}

static void run_first_uffd(const struct measure *m)
{
	struct start s = start_now();

	touch_needed(serve_by_uffd(size));
	finish_first(m, &s);
}

/* The pager goes on for a while, and ends by itself. */
static void first_by_pager(const struct measure *m, const char *option)
{
	struct start s = start_now();
	int fd = new_file(size);
	pid_t pager = start_pager(option);

	touch_needed(map(fd, size, PROT_READ | PROT_WRITE));
	finish_first(m, &s);
	await_pager(pager);
}

static void run_first_cold(const struct measure *m)
{
	first_by_pager(m, NULL);
}

static void run_first_replay(const struct measure *m)
{
	first_by_pager(m, "--replay=" RECORD);
}

static void run_first_clone(const struct measure *m)
{
	struct start s = start_now();
	int fd = new_file(0);

	if (ioctl(fd, FICLONE, template))
		die("FICLONE");
	touch_needed(map(fd, size, PROT_READ | PROT_WRITE));
	finish_first(m, &s);
}

/* A guest runs once, so that there is a record. */
static void make_record(void)
{
	int fd = new_file(size);
	pid_t pager = start_pager("--record=" RECORD);

	touch_needed(map(fd, size, PROT_READ | PROT_WRITE));
	await_pager(pager);
}

/* ---- faults ---- */

struct toucher {
	const char *memory;
	size_t first;	/* block */
	size_t blocks;
};

static void *touch_blocks(void *arg)
{
	const struct toucher *t = arg;
	size_t at, end = (t->first + t->blocks) * GMEM_BLOCK_SIZE;

	for (at = t->first * GMEM_BLOCK_SIZE; at < end; at += PAGE)
		touch(t->memory, at);
	return NULL;
}

static void touch_by_threads(const struct measure *m, const char *memory,
			     int threads)
{
	struct toucher touchers[THREADS];
	pthread_t ids[THREADS];
	struct start s, end;
	int i;

	s = start_now();
	for (i = 0; i < threads; i++) {
		touchers[i] = (struct toucher){ memory, i * EACH, EACH };
		errno = pthread_create(&ids[i], NULL, touch_blocks,
				       &touchers[i]);
		if (errno)
			die("no thread");
	}
	for (i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	end = end_now();
	report(m, &s, &end, threads * EACH * GMEM_BLOCK_SIZE / PAGE);
}

static size_t touched_by(int threads)
{
	return threads * EACH * GMEM_BLOCK_SIZE;
}

static void run_fault_uffd(const struct measure *m)
{
	touch_by_threads(m, serve_by_uffd(touched_by(1)), 1);
}

static void run_fault_channel(const struct measure *m)
{
	touch_by_threads(m, serve_by_channel(touched_by(1)), 1);
}

static void run_faults_uffd(const struct measure *m)
{
	touch_by_threads(m, serve_by_uffd(touched_by(THREADS)), THREADS);
}

static void run_faults_channel(const struct measure *m)
{
	touch_by_threads(m, serve_by_channel(touched_by(THREADS)), THREADS);
}

/* ---- all of it, as fast as it can be read ---- */

static void run_all_read(const struct measure *m)
{
	struct start s = start_now(), end;

	read_all(new_memfd(size));
	end = end_now();
	report(m, &s, &end, size / PAGE);
}

static void run_all_pager(const struct measure *m)
{
	struct start s = start_now(), end;
	int fd = new_file(size);

	await_pager(start_pager(NULL));
	end = end_now();
	close(fd);
	report(m, &s, &end, size / PAGE);
}

/* ---- all measurements ---- */

static const struct measure measures[] = {
	{ "first", "read", run_first_read, false },
	{ "first", "uffd", run_first_uffd, false },
	{ "first", "cold", run_first_cold, true },
	{ "first", "replay", run_first_replay, true },
	{ "first", "clone", run_first_clone, false },
	{ "fault", "uffd", run_fault_uffd, false },
	{ "fault", "channel", run_fault_channel, true },
	{ "fault-16", "uffd", run_faults_uffd, false },
	{ "fault-16", "channel", run_faults_channel, true },
	{ "all", "read", run_all_read, false },
	{ "all", "pager", run_all_pager, true },
};

#define MEASURES	(int)(sizeof(measures) / sizeof(measures[0]))

static void run_one(const struct measure *m)
{
	int ret = m->pool ? pool_warm(size) : pool_cold();

	if (ret)
		printf("round=%d %s %s error=pool:%s\n", round_number,
		       m->operation, m->way, strerrorname_np(-ret));
	else
		m->run(m);
}

/* Then the pool is empty again, and only the template has hidden memory. */
static void run_apart(const struct measure *m, int64_t held)
{
	int status;

	switch (fork()) {
	case -1:
		die("fork");
	case 0:
		run_one(m);
		exit(0);
	}
	if (wait(&status) < 0 || status)
		exit(1);
	unlink(GUEST);
	pool_cold();
	pool_settle(held);
}

static void make_template(void)
{
	template = open("/dev/gmem", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (template < 0 || ftruncate(template, size))
		die("can't make a file in /dev/gmem");
	read_all(template);
}

int main(int argc, char **argv)
{
	int rounds, i;
	int64_t held;

	errno = EINVAL;
	if (argc != 3)
		die("usage: bench-restore ROUNDS MIB");
	rounds = atoi(argv[1]);
	size = strtoul(argv[2], NULL, 10) << 20;
	if (size < touched_by(THREADS) || size % (NEEDS * RUN))
		die("MIB must be a multiple of 128, not %s", argv[2]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	counters_start();
	pool_cold();
	make_snapshot();
	make_template();
	held = file_number("/sys/fs/gmemfs/hidden_bytes");
	make_record();
	unlink(GUEST);
	pool_settle(held);
	for (round_number = 0; round_number <= rounds; round_number++)
		for (i = 0; i < MEASURES; i++)
			run_apart(&measures[round_number % 2 ?
					    MEASURES - 1 - i : i], held);
	return 0;
}
