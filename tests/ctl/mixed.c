// SPDX-License-Identifier: GPL-2.0
/*
 * A file with blocks of all kinds, for gmemctl to look at:
 *
 *	mixed FILE
 *
 *	block 0	private
 *	block 1	16 pages of it shared, from the 256th on
 *	block 2	shared, since before it was filled
 *	block 3	a hole
 *	block 4	private, the first half punched
 *	block 5	private, but for one page, the 7th, that was made shared before
 *		it was filled and that nobody has used by the shared view
 *	block 6	shared, the 8th page pinned
 *	block 7	a hole
 *
 * and a second file, without a name, 2 MiB, that it has mapped only. Makes
 * /run/mixed.ready and keeps all that. At SIGUSR1 it lets go of the page that
 * is pinned.
 */
#include "../module/gmem_test.h"

#include <sys/uio.h>

#define BLOCKS 8

static volatile sig_atomic_t let_go;

static void on_usr1(int sig)
{
	(void)sig;
	let_go = 1;
}

static void convert(int fd, size_t offset, size_t size)
{
	struct gmem_attributes a = { .offset = offset, .size = size };

	must(ioctl(fd, GMEM_SET_ATTRIBUTES, &a));
}

static void fill(char *p, size_t size)
{
	memset(p, 0x5a, size);
}

/* Return: the end of a pipe that the page is read from. */
static int pin(int fd, size_t offset)
{
	int view = must(ioctl(fd, GMEM_SHARED_VIEW, 0)), pipes[2];
	char *p = must(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			    view, offset));
	struct iovec iov = { p, PAGE };

	must(pipe(pipes));
	must(vmsplice(pipes[1], &iov, 1, 0));
	munmap(p, PAGE);
	close(view);
	return pipes[0];
}

static int make_mixed(const char *path)
{
	int fd = must(open(path, O_CREAT | O_EXCL | O_RDWR, 0600));
	char *p;

	must(ftruncate(fd, BLOCKS * BLOCK));
	p = map(fd, BLOCKS * BLOCK);
	convert(fd, 2 * BLOCK, BLOCK);
	convert(fd, 5 * BLOCK + 7 * PAGE, PAGE);
	convert(fd, 6 * BLOCK, BLOCK);
	fill(p, 3 * BLOCK);
	fill(p + 4 * BLOCK, 3 * BLOCK);
	convert(fd, BLOCK + 256 * PAGE, 16 * PAGE);
	must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		       4 * BLOCK, BLOCK / 2));
	return fd;
}

static void make_unnamed(void)
{
	int fd = new_file(BLOCK);

	fill(map(fd, BLOCK), BLOCK);
	close(fd);
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = on_usr1 };
	char page[PAGE];
	int fd, pinned;

	if (argc != 2)
		bail_out("usage: mixed FILE");
	fd = make_mixed(argv[1]);
	make_unnamed();
	pinned = pin(fd, 6 * BLOCK + 8 * PAGE);
	sigaction(SIGUSR1, &act, NULL);
	must(open("/run/mixed.ready", O_CREAT | O_WRONLY, 0600));
	tap_finished = true;
	while (!let_go)
		usleep(10000);
	must(read(pinned, page, PAGE));
	for (;;)
		pause();
}
