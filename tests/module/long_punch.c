// SPDX-License-Identifier: GPL-2.0
/*
 * A file gives up much memory, by a punched hole or a truncate. That takes
 * long, because all of it is zeroed. Meanwhile others can use the file, and who
 * punches can be killed.
 */
#include "gmem_test.h"

#define SIZE	(512UL << 20)
#define TRIES	5

static int full_file(void)
{
	int fd = new_file(SIZE);

	must(fallocate(fd, 0, 0, SIZE));
	return fd;
}

static pid_t start(int fd, bool punch)
{
	pid_t pid = must(fork());

	if (pid)
		return pid;
	if (punch)
		must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       BLOCK, SIZE - BLOCK));
	else
		must(ftruncate(fd, BLOCK));
	_exit(0);
}

/*
 * Watch the file until it has less than all. Return: how much it had when that
 * was first seen, in bytes.
 */
static uint64_t first_seen(int fd)
{
	uint64_t populated;

	do
		populated = get_info(fd).populated;
	while (populated == SIZE);
	return populated;
}

/*
 * The watcher may not run for so long that all is done, before it looks or
 * before it kills, so that is tried a few times. Return: how many bytes were
 * left when the other task ended.
 */
static uint64_t watch(const char *what, bool punch, bool kills)
{
	uint64_t seen = BLOCK, left = 0;
	bool late = false;
	int i, status, fd;
	pid_t pid;

	for (i = 0; i < TRIES && (seen == BLOCK || late); i++) {
		fd = full_file();
		pid = start(fd, punch);
		seen = first_seen(fd);
		if (kills)
			must(kill(pid, SIGKILL));
		must(waitpid(pid, &status, 0));
		left = get_info(fd).populated;
		late = kills && punch && left == BLOCK;
		close(fd);
	}
	ok(seen > BLOCK && seen < SIZE,
	   "%s: meanwhile the file has %ld MiB, as another task sees", what,
	   (long)(seen >> 20));
	return left;
}

int main(void)
{
	uint64_t left;

	is(watch("punching", true, false), BLOCK, "in the end it has a block");
	is(watch("truncating", false, false), BLOCK,
	   "in the end it has a block");
	is(watch("truncating, killed", false, true), BLOCK,
	   "that goes on to the end");
	left = watch("punching, killed", true, true);
	ok(left > BLOCK && left < SIZE, "that ends early: %ld MiB are left",
	   (long)(left >> 20));
	nothing_is_left();
	return done_testing();
}
