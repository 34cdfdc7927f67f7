// SPDX-License-Identifier: GPL-2.0
/*
 * When a process gets no memory, a line in the kernel's log says why, and what
 * to do: for each reason; from faults, write() and fallocate(); with the mount
 * and the process. There are a few lines for each mount and reason, whatever
 * the process does, and nothing of its name reaches a terminal. On the debug
 * build, whose allocations can fail. guard/modules has the guard's reasons.
 */
#include "gmem_test.h"

#include <sys/prctl.h>
#include <sys/sysmacros.h>

#define DIR		"/run/explained"
#define CGROUP		"/sys/fs/cgroup/gmem-explained"
#define LIMIT		(4UL << 20)
#define SIZE		(16UL << 20)
#define BURST		3	/* lines a minute */
#define NAME		"explained"

/* Records of the log that are longer than this would fail the read. */
static char record[8192];
static int kmsg;

/* ---- the log ---- */

/* The part of a record that is the message; NULL: no more. */
static const char *next_message(void)
{
	ssize_t n;
	char *at;

	do
		n = read(kmsg, record, sizeof(record) - 1);
	while (n < 0 && errno == EPIPE);
	if (n < 0)
		return NULL;
	record[n] = '\0';
	at = strchr(record, ';');
	return at ? at + 1 : record;
}

static void forget_log(void)
{
	must(lseek(kmsg, 0, SEEK_END));
}

struct lines {
	int count;
	char last[4096];
};

/* What was said of the mount since forget_log(). */
static struct lines said(void)
{
	struct lines lines = {};
	const char *message;
	char begin[64];
	struct stat st;

	must(stat(DIR, &st));
	snprintf(begin, sizeof(begin), "gmemfs: mount %u:%u (",
		 major(st.st_dev), minor(st.st_dev));
	while ((message = next_message())) {
		if (strncmp(message, begin, strlen(begin)))
			continue;
		lines.count++;
		snprintf(lines.last, sizeof(lines.last), "%.*s",
			 (int)sizeof(lines.last) - 1, message);
		lines.last[strcspn(lines.last, "\n")] = '\0';
	}
	return lines;
}

/* One line, which has this text and names this process. */
static void one_line(const char *text, const char *what)
{
	struct lines lines = said();
	char process[64];

	snprintf(process, sizeof(process), "\"%s\" (%d) ", NAME, getpid());
	is(lines.count, 1, "%s: a line says so", what);
	ok(strstr(lines.last, text), "  which has the reason");
	ok(strstr(lines.last, process), "  and the process");
	if (!strstr(lines.last, text) || !strstr(lines.last, process))
		diag("%s", lines.last);
}

/* ---- a mount for each test, with a count of its own ---- */

static void begin(const char *options)
{
	must(mount("none", DIR, "gmemfs", 0, options));
	forget_log();
}

static void end(void)
{
	must(umount(DIR));
}

/* ---- over size= ---- */

static void test_fault(void)
{
	int fd, i, signals = 0;
	struct lines lines;
	char *p;

	begin("size=4m,huge=never");
	fd = new_file_in(DIR, SIZE);
	p = map(fd, SIZE);
	for (i = 0; i < (int)(LIMIT / PAGE) - 16; i++)
		signals += !!touch_write(p + i * PAGE);
	is(signals, 0, "below size=: no signal");
	is(said().count, 0, "  and no line");
	for (; i < (int)(SIZE / PAGE) && !signals; i++)
		signals += !!touch_write(p + i * PAGE);
	is(signals, 1, "a fault over size= gets a signal");
	one_line("the mount's size= is reached", "a fault over size=");
	for (i = 0; i < 200; i++)
		signals += touch_write(p + SIZE - PAGE) == SIGBUS;
	is(signals, 201, "200 faults more");
	lines = said();
	is(lines.count, BURST - 1, "  but no more than %d lines in all", BURST);
	munmap(p, SIZE);
	close(fd);
	end();
}

static void test_write(void)
{
	char block[65536];
	ssize_t n;
	int fd, i;

	memset(block, 7, sizeof(block));
	begin("size=4m,huge=never");
	fd = new_file_in(DIR, 0);
	for (i = 0; i < 256; i++) {
		n = write(fd, block, sizeof(block));
		if (n < 0)
			break;
	}
	is_errno(n, ENOSPC, "write() over size=");
	one_line("the mount's size= is reached", "write()");
	is_errno(fallocate(fd, 0, 0, SIZE), ENOSPC, "fallocate() over size=");
	one_line("the mount's size= is reached", "fallocate()");
	close(fd);
	end();
}

/* Another mount has lines of its own; and a reason has its own. */
static void test_apart(void)
{
	int fd;

	begin("size=4m,huge=always");
	fd = new_file_in(DIR, SIZE);
	is_errno(fallocate(fd, 0, 0, SIZE), ENOSPC, "another mount");
	one_line("the mount's size= is reached", "another mount");
	while (!fallocate(fd, 0, 0, SIZE) || said().count)
		;
	pass("until it has no more lines for that");
	inject("alloc_huge", -1);
	is_errno(fallocate(fd, 0, 0, BLOCK), ENOMEM, "another reason");
	inject("alloc_huge", 0);
	one_line("no free 2 MiB in one piece", "another reason");
	close(fd);
	end();
}

/* ---- a name ---- */

static void test_name(void)
{
	int fd;
	struct lines lines;
	size_t i;

	begin("size=4m,huge=never");
	fd = new_file_in(DIR, SIZE);
	must(prctl(PR_SET_NAME, "\033[2J\n\"\\\t\342\200\256\377%s%p"));
	is_errno(fallocate(fd, 0, 0, SIZE), ENOSPC, "a name with controls");
	must(prctl(PR_SET_NAME, NAME));
	lines = said();
	is(lines.count, 1, "  a line");
	/* The log shows a control as \x and two digits. */
	ok(!strchr(lines.last, '\\'), "  without a control");
	for (i = 0; lines.last[i]; i++)
		if (lines.last[i] < ' ' || lines.last[i] > '~')
			break;
	ok(!lines.last[i], "  and without other than ASCII");
	ok(strstr(lines.last, "\"?[2J????????%s%\" ("), "  but with '?'");
	diag("%s", lines.last);
	close(fd);
	end();
}

/* ---- no memory ---- */

static void test_no_block(void)
{
	int fd;
	char *p;

	begin("huge=always");
	fd = new_file_in(DIR, SIZE);
	p = map(fd, SIZE);
	inject("alloc_huge", -1);
	is(touch_write(p), SIGBUS, "no 2 MiB: SIGBUS");
	inject("alloc_huge", 0);
	one_line("no free 2 MiB in one piece", "no 2 MiB");
	is(touch_write(p), 0, "  there are some again");
	is(said().count, 0, "  and no line");
	munmap(p, SIZE);
	close(fd);
	end();
}

/* More than what is spare. */
static void test_no_page(void)
{
	char block[65536];
	ssize_t n = 0;
	int fd, i;

	memset(block, 7, sizeof(block));
	begin("huge=never");
	fd = new_file_in(DIR, 0);
	inject("alloc_huge", -1);
	inject("alloc_page", -1);
	for (i = 0; i < 256 && n >= 0; i++)
		n = write(fd, block, sizeof(block));
	is_errno(n, ENOMEM, "no page");
	inject("alloc_huge", 0);
	inject("alloc_page", 0);
	one_line("the host has none left", "no page");
	close(fd);
	end();
}

/* Exits with the errno. */
static void fill_in_cgroup(int fd)
{
	int status;
	pid_t pid = must(fork());

	if (!pid) {
		tap_finished = true;
		must(write_text(CGROUP "/cgroup.procs", "0"));
		_exit(fallocate(fd, 0, 0, 2 * SIZE) ? errno : 0);
	}
	must(waitpid(pid, &status, 0));
	is(WIFEXITED(status) ? WEXITSTATUS(status) : -1, ENOMEM,
	   "blocks over the cgroup's limit");
}

static void test_cgroup(void)
{
	struct lines lines;
	int fd;

	if (!have_cgroup(CGROUP, "memory")) {
		skip(3, "no memory cgroups in this kernel");
		return;
	}
	/* No multiple of 2 MiB: what is left is for the blocks' records. */
	must(write_text(CGROUP "/memory.max", "17825792"));
	begin("huge=always");
	fd = new_file_in(DIR, 2 * SIZE);
	fill_in_cgroup(fd);
	lines = said();
	is(lines.count, 1, "  a line");
	ok(strstr(lines.last, "its memory cgroup is at its limit"),
	   "  which has the reason");
	diag("%s", lines.last);
	close(fd);
	end();
	rmdir(CGROUP);
}

int main(void)
{
	kmsg = must(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
	must(prctl(PR_SET_NAME, NAME));
	must(mkdir(DIR, 0700));
	test_fault();
	test_write();
	test_apart();
	test_name();
	test_no_block();
	test_no_page();
	test_cgroup();
	must(rmdir(DIR));
	close(kmsg);
	nothing_is_left();
	return done_testing();
}
