// SPDX-License-Identifier: GPL-2.0
/*
 * A device writes to pages of a block that leaves its file: by an O_DIRECT read
 * into a shared view, which is under way as the block is punched. Whatever was
 * written at whichever moment, the kernel gets zeroed frames.
 */
#include "gmem_test.h"

#include <pthread.h>
#include <time.h>

#include "../../ctl/kcore.h"

#define SOURCE		"/root/written_late"
#define PAGES		(BLOCK / PAGE)
#define SECONDS		20
#define MOST_DELAY_US	2500
#define PRESENT		(1ULL << 63)
#define FRAME		((1ULL << 55) - 1)

static struct kcore kcore;
static char source[BLOCK] __attribute__((aligned(4096)));
static uint64_t frames[PAGES];
static int in, pagemap;
static char *view;
static pthread_barrier_t ready;

/* Not zero in any page, and another thing in each. */
static void make_source(void)
{
	int fd = must(open(SOURCE, O_CREAT | O_RDWR | O_TRUNC, 0600));
	int random = must(open("/dev/urandom", O_RDONLY));
	size_t at;

	for (at = 0; at < BLOCK; at += PAGE)
		must(read(random, source + at, PAGE));
	is(write(fd, source, BLOCK), BLOCK, "a file to read from");
	must(fsync(fd));
	close(random);
	close(fd);
	in = must(open(SOURCE, O_RDONLY | O_DIRECT));
}

/* It may well fail half way: the view is unmapped meanwhile. */
static void *read_it(void *arg)
{
	pthread_barrier_wait(&ready);
	if (pread(in, view, BLOCK, 0) < 0 && errno != EFAULT)
		bail_out("O_DIRECT: %s", strerror(errno));
	return arg;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void spin(double us)
{
	double end = now() + us / 1e6;

	while (now() < end)
		;
}

static unsigned int frames_with_data(void)
{
	static char page[PAGE];
	unsigned int i, n = 0;

	for (i = 0; i < PAGES; i++) {
		uint64_t at = kcore_direct(&kcore, frames[i] & FRAME);

		n += frames[i] & PRESENT &&
		     !kcore_read(&kcore, at, page, PAGE) &&
		     !memcmp(page, source + i * PAGE, PAGE);
	}
	return n;
}

/* Return: how many frames went to the kernel with what was read. */
static unsigned int punch_while_read(double delay_us)
{
	struct gmem_create create = {
		.size = BLOCK, .flags = GMEM_FLAG_INIT_SHARED,
	};
	int dir = must(open(MNT, O_RDONLY | O_DIRECTORY));
	int fd = must(ioctl(dir, GMEM_CREATE, &create));
	pthread_t thread;

	view = shared_map(fd, BLOCK);
	memset(view, 0, BLOCK);
	must(pread(pagemap, frames, sizeof(frames), (long)view / PAGE * 8));
	errno = pthread_create(&thread, NULL, read_it, NULL);
	must(errno ? -1 : 0);
	pthread_barrier_wait(&ready);
	spin(delay_us);
	must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		       BLOCK));
	pthread_join(thread, NULL);
	must(ftruncate(fd, 0));
	munmap(view, BLOCK);
	close(fd);
	close(dir);
	if (!becomes("pinned_bytes", 0))
		bail_out("pages stay pinned");
	return frames_with_data();
}

int main(void)
{
	unsigned int rounds = 0, found = 0;
	double end;

	if (kcore_open(&kcore))
		bail_out("no kcore");
	pagemap = must(open("/proc/self/pagemap", O_RDONLY));
	must(pthread_barrier_init(&ready, NULL, 2) ? -1 : 0);
	make_source();
	for (end = now() + SECONDS; now() < end && !found; rounds++)
		found = punch_while_read(rand() % MOST_DELAY_US);
	is(found, 0, "no frame goes to the kernel with what was read into it");
	ok(rounds > 10 || found, "in some rounds");
	diag("%u rounds", rounds);
	must(unlink(SOURCE));
	return done_testing();
}
