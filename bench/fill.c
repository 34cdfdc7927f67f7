// SPDX-License-Identifier: GPL-2.0
/*
 * bench-fill: does operations on kinds of memory, and prints how long each took
 * and what the kernel did for it. Each line of its input is
 *	ROUND BACKING OPERATION MIB
 * where OPERATION is one of
 *	touch		write a byte of each page of a mapping, then free it
 *	fault		touch memory that is there: fallocate() first,
 *			which isn't measured
 *	fallocate	fallocate() the whole file
 *	write		write() to the empty file, then read() it
 *	many		64 processes touch a file of their own each, at once
 *	processes-N	the same with N processes
 *	threads-N	N threads touch a part of one file each, at once
 *
 * It prints a line for each measurement:
 *	round=ROUND OPERATION BACKING units=N ns=N cpu_ns=N KEY=VALUE...
 *	round=ROUND OPERATION BACKING error=WHY
 * units are pages. cpu_ns is the CPU time of this process alone: it has no part
 * of what others do, such as the kernel's worker that fills the pool. WHY has
 * no blanks: an operation that fails is a result, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backing.h"
#include "clocks.h"
#include "counters.h"
#include "pool.h"
#include "text.h"

#define PAGE		4096
#define CHUNK		(1 << 20)
#define MANY		64
#define MOST_FILLERS	64

static int round_number;
static const struct backing *backing;
static size_t size;

/* What is measured now, for the line that reports an error. */
static const char *operation;

/* How many processes, or threads, fill memory at once. */
static int fillers = MANY;

struct moment {
	int64_t ns;
	int64_t cpu_ns;
};

struct start {
	struct counters counters;
	int64_t hits;
	struct moment time;
};

static struct moment now(void)
{
	struct moment m;

	m.cpu_ns = own_cpu_ns();
	m.ns = host_ns();
	return m;
}

static struct start start_now(const char *what)
{
	struct start s;

	operation = what;
	s.counters = counters_read();
	s.hits = pool_hits();
	s.time = now();
	return s;
}

static void report(const struct start *s, const struct moment *end)
{
	struct counters c = counters_read();

	printf("round=%d %s %s units=%zu ns=%lld cpu_ns=%lld", round_number,
	       operation, backing->name, size / PAGE,
	       (long long)(end->ns - s->time.ns),
	       (long long)(end->cpu_ns - s->time.cpu_ns));
	if (s->hits >= 0)
		printf(" pool_hits=%lld", (long long)(pool_hits() - s->hits));
	counters_print(&s->counters, &c);
	putchar('\n');
}

static void report_error(const char *call, int err)
{
	printf("round=%d %s %s error=%s:%s\n", round_number, operation,
	       backing->name, call, strerrorname_np(err));
}

/* An access gets SIGBUS if there is no memory. */
static void on_bus_error(int sig)
{
	(void)sig;
	printf("round=%d %s %s error=fault:SIGBUS\n", round_number, operation,
	       backing->name);
	fflush(stdout);
	_exit(0);
}

/* Bring the pool of gmemfs into the state that this backing stands for. */
static int prepare(void)
{
	int ret = 0;

	if (backing->gmemfs)
		ret = backing->warm ? pool_warm(size) : pool_cold();
	if (ret)
		report_error("pool", -ret);
	return ret;
}

/* The pool must not be busy while the next backing is measured. */
static void clean_up(void)
{
	if (!backing->gmemfs)
		return;
	pool_cold();
	pool_settle(0);
}

static int make_file(size_t bytes)
{
	int fd = backing_make(backing, bytes);

	if (fd < 0)
		report_error("create", -fd);
	return fd;
}

static char *map_file(int fd, size_t bytes)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p != MAP_FAILED)
		return p;
	report_error("mmap", errno);
	return NULL;
}

static void touch_pages(volatile char *p, size_t bytes)
{
	size_t at;

	for (at = 0; at < bytes; at += PAGE)
		p[at] = 1;
}

/* Work of gmemfs after the last close is counted, but not timed. */
static void run_free(int fd, void *p)
{
	struct start s = start_now("free");
	struct moment end;

	munmap(p, size);
	close(fd);
	end = now();
	if (backing->gmemfs)
		pool_settle(0);
	report(&s, &end);
}

/* The counters are read before munmap(), which frees page tables. */
static void run_touch(void)
{
	struct moment end;
	struct start s;
	char *p;
	int fd;

	operation = "touch";
	fd = make_file(size);
	if (fd < 0)
		return;
	p = map_file(fd, size);
	if (!p)
		return;
	s = start_now("touch");
	touch_pages(p, size);
	end = now();
	report(&s, &end);
	run_free(fd, p);
}

/* The faults alone: no memory is taken, zeroed or hidden. */
static void run_fault(void)
{
	struct moment end;
	struct start s;
	char *p;
	int fd;

	fd = make_file(size);
	if (fd < 0)
		return;
	if (fallocate(fd, 0, 0, size)) {
		report_error("fallocate", errno);
		return;
	}
	p = map_file(fd, size);
	if (!p)
		return;
	s = start_now("fault");
	touch_pages(p, size);
	end = now();
	report(&s, &end);
}

static void run_fallocate(void)
{
	struct moment end;
	struct start s;
	int fd;

	operation = "fallocate";
	fd = make_file(size);
	if (fd < 0)
		return;
	s = start_now("fallocate");
	if (fallocate(fd, 0, 0, size)) {
		report_error("fallocate", errno);
		return;
	}
	end = now();
	report(&s, &end);
	close(fd);
}

/* Read or write the whole file. Return: false with errno set if it fails. */
static bool transfer(int fd, char *chunk, bool writing)
{
	size_t at;
	ssize_t n;

	for (at = 0; at < size; at += n) {
		size_t left = size - at < CHUNK ? size - at : CHUNK;

		n = writing ? pwrite(fd, chunk, left, at) :
			      pread(fd, chunk, left, at);
		if (n <= 0) {
			if (!n)
				errno = EIO;
			return false;
		}
	}
	return true;
}

static bool run_transfer(int fd, char *chunk, bool writing)
{
	const char *name = writing ? "write" : "read";
	struct start s = start_now(name);
	struct moment end;

	if (!transfer(fd, chunk, writing)) {
		report_error(name, errno);
		return false;
	}
	end = now();
	report(&s, &end);
	return true;
}

/* A backing without write() is touched instead, so that read() has contents. */
static void run_write(void)
{
	static char chunk[CHUNK];
	char *p;
	int fd;

	memset(chunk, 0x5a, CHUNK);
	operation = "write";
	fd = make_file(size);
	if (fd < 0)
		return;
	if (!run_transfer(fd, chunk, true)) {
		p = map_file(fd, size);
		if (!p)
			return;
		touch_pages(p, size);
		munmap(p, size);
	}
	run_transfer(fd, chunk, false);
	close(fd);
}

/* A filler writes to this pipe: ready, filled, or failed. */
static int filler_pipe;

static void filler_tell(char c)
{
	if (write(filler_pipe, &c, 1) != 1)
		_exit(1);
}

static void filler_give_up(int sig)
{
	(void)sig;
	filler_tell('f');
	_exit(1);
}

/* Wait until @go is closed, fill, and keep the memory until @end is closed. */
static _Noreturn void fill_own(int go, int end, size_t bytes)
{
	char *p = MAP_FAILED;
	char c;
	int fd;

	signal(SIGBUS, filler_give_up);
	fd = backing_make(backing, bytes);
	if (fd >= 0)
		p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			 0);
	if (p == MAP_FAILED)
		filler_give_up(0);
	filler_tell('r');
	if (read(go, &c, 1))
		_exit(1);
	touch_pages(p, bytes);
	filler_tell('d');
	if (read(end, &c, 1))
		_exit(1);
	_exit(0);
}

static bool hear_from_all(int done, char what)
{
	char c;
	int i;

	for (i = 0; i < fillers; i++)
		if (read(done, &c, 1) != 1 || c != what)
			return false;
	return true;
}

static void fork_fillers(int *go, int *done, int *end)
{
	int i;

	for (i = 0; i < fillers; i++) {
		switch (fork()) {
		case -1:
			die("fork");
		case 0:
			close(go[1]);
			close(end[1]);
			close(done[0]);
			filler_pipe = done[1];
			fill_own(go[0], end[0], size / fillers);
		}
	}
	close(go[0]);
	close(end[0]);
	close(done[1]);
}

/* The files exist until all are filled. */
static void run_many(void)
{
	int go[2], done[2], end[2];
	struct moment filled;
	struct start s;

	if (pipe(go) || pipe(done) || pipe(end))
		die("pipe");
	fork_fillers(go, done, end);
	if (!hear_from_all(done[0], 'r')) {
		report_error("fill", EIO);
		close(go[1]);
	} else {
		s = start_now(operation);
		close(go[1]);
		if (hear_from_all(done[0], 'd')) {
			filled = now();
			report(&s, &filled);
		} else {
			report_error("fill", EIO);
		}
	}
	close(end[1]);
	while (wait(NULL) > 0)
		continue;
}

static pthread_barrier_t threads_ready;

static void *fill_part(void *part)
{
	pthread_barrier_wait(&threads_ready);
	touch_pages(part, size / fillers);
	return NULL;
}

/* The threads exist before the clock starts, and end before it stops. */
static void run_threads(void)
{
	pthread_t threads[MOST_FILLERS];
	struct moment end;
	struct start s;
	char *p;
	int fd, i;

	fd = make_file(size);
	if (fd < 0)
		return;
	p = map_file(fd, size);
	if (!p)
		return;
	pthread_barrier_init(&threads_ready, NULL, fillers + 1);
	for (i = 0; i < fillers; i++)
		if (pthread_create(&threads[i], NULL, fill_part,
				   p + i * (size / fillers)))
			die("pthread_create");
	s = start_now(operation);
	pthread_barrier_wait(&threads_ready);
	for (i = 0; i < fillers; i++)
		pthread_join(threads[i], NULL);
	end = now();
	report(&s, &end);
}

static const struct {
	const char *name;
	void (*run)(void);
	bool numbered;	/* -N follows: so many fillers */
} operations[] = {
	{ "touch", run_touch, false },
	{ "fault", run_fault, false },
	{ "fallocate", run_fallocate, false },
	{ "write", run_write, false },
	{ "many", run_many, false },
	{ "processes", run_many, true },
	{ "threads", run_threads, true },
};

/* Is that the name of the @i-th operation? Sets the number of fillers. */
static bool is_operation(size_t i, const char *name)
{
	size_t n = strlen(operations[i].name);

	if (!operations[i].numbered)
		return !strcmp(operations[i].name, name);
	return !strncmp(operations[i].name, name, n) && name[n] == '-' &&
	       sscanf(name + n + 1, "%d", &fillers) == 1 && fillers > 0 &&
	       fillers <= MOST_FILLERS;
}

static _Noreturn void run(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		if (!is_operation(i, name))
			continue;
		operation = name;
		if (!prepare())
			operations[i].run();
		clean_up();
		exit(0);
	}
	errno = EINVAL;
	die("unknown operation %s", name);
}

/* Pages of memfd_secret count in RLIMIT_MEMLOCK. */
static void lift_limits(void)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	if (setrlimit(RLIMIT_MEMLOCK, &all))
		die("setrlimit");
}

/* Each line runs in a process of its own, whose end frees everything. */
static void run_line(const char *line)
{
	char name[32], what[32];
	size_t mib;
	int status;

	errno = EINVAL;
	if (sscanf(line, "%d %31s %31s %zu", &round_number, name, what,
		   &mib) != 4 || !mib)
		die("a job must be ROUND BACKING OPERATION MIB, not %s", line);
	backing = backing_find(name);
	if (!backing)
		die("unknown backing %s", name);
	size = mib << 20;
	switch (fork()) {
	case -1:
		die("fork");
	case 0:
		run(what);
	}
	if (wait(&status) < 0 || status)
		exit(1);
}

/* The counters are set up once, because that takes a second or two. */
int main(void)
{
	char line[128];

	signal(SIGBUS, on_bus_error);
	lift_limits();
	counters_start();
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof(line), stdin))
		run_line(line);
	return 0;
}
