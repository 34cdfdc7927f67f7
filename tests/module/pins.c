// SPDX-License-Identifier: GPL-2.0
/*
 * So many pins of a page that the count of its references is beyond INT_MAX, and
 * negative: then the kernel permits no more. To gmemfs the page is pinned as
 * with one pin. If it took a negative count for a small one, it would hide a
 * page that the kernel is about to touch, and the host would crash.
 *
 * A pin counts as 1024 references. So it takes two million, by io_uring's
 * registered buffers, of a page that is mapped very often.
 */
#include "gmem_test.h"

#include <limits.h>
#include <liburing.h>
#include <sys/uio.h>

#define PER_PIN		1024L
#define AT_A_TIME	16384L	/* mappings: a process may have 65530 */
#define LAST		32L
#define PINS		((INT_MAX + 1L) / PER_PIN)
#define PARTS		8	/* a ring lets go of all that it has at once */

static struct io_uring rings[PINS / (PARTS * AT_A_TIME) + 1];
static unsigned int nr_rings;
static int fd;

/* @nr mappings of the file's first page, one behind the other. */
static char *map_often(long nr)
{
	int view = must(ioctl(fd, GMEM_SHARED_VIEW, 0));
	char *p = must(mmap(NULL, nr * PAGE, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	long i;

	for (i = 0; i < nr; i++) {
		must(mmap(p + i * PAGE, PAGE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_FIXED, view, 0));
		p[i * PAGE] = 'x';
	}
	close(view);
	return p;
}

/* The first @mapped pages from @p on, again and again, until @pins are pinned. */
static void pin(char *p, long mapped, long pins)
{
	struct iovec parts[PARTS];
	unsigned int nr;
	long part;
	int ret;

	while (pins) {
		for (nr = 0; pins && nr < PARTS; pins -= part) {
			part = pins < mapped ? pins : mapped;
			parts[nr++] = (struct iovec){ p, part * PAGE };
		}
		ret = io_uring_queue_init(1, &rings[nr_rings], 0);
		if (!ret)
			ret = io_uring_register_buffers(&rings[nr_rings++],
							parts, nr);
		if (ret)
			bail_out("io_uring: %s", strerror(-ret));
	}
}

/* What was pinned last. */
static void unpin(void)
{
	struct io_uring *ring = &rings[--nr_rings];

	if (io_uring_unregister_buffers(ring))
		bail_out("io_uring keeps its buffers");
	io_uring_queue_exit(ring);
}

static uint8_t state(void)
{
	uint8_t byte;
	struct gmem_state get = {
		.size = PAGE, .states = (uintptr_t)&byte,
	};

	must(ioctl(fd, GMEM_GET_STATE, &get));
	return byte;
}

int main(void)
{
	char *p;

	fd = new_file(BLOCK);
	must(set_shared(fd, 0, PAGE));

	/* With these mappings' references the count stays below the limit. */
	p = map_often(AT_A_TIME);
	pin(p, AT_A_TIME, PINS - LAST);
	munmap(p, AT_A_TIME * PAGE);
	ok(state() & GMEM_STATE_PINNED, "many pins: the page is pinned");
	is_errno(set_private(fd, 0, PAGE), EAGAIN, "it stays shared");

	p = map_often(LAST);
	pin(p, LAST, LAST);
	munmap(p, LAST * PAGE);
	ok(state() & GMEM_STATE_PINNED, "more than there may be: it is, too");
	is_errno(set_private(fd, 0, PAGE), EAGAIN, "it stays shared");
	ok(state() & GMEM_STATE_EXPOSED, "and exposed");

	must(ftruncate(fd, 0));
	is(sysfs("pinned_bytes"), PAGE, "its file gives it up: it is held");
	usleep(1000000);
	is(sysfs("pinned_bytes"), PAGE, "and still is after a while");
	unpin();
	is(sysfs("pinned_bytes"), PAGE, "some pins less: it is");
	while (nr_rings)
		unpin();
	ok(becomes("pinned_bytes", 0), "without pins it goes");
	close(fd);
	nothing_is_left();
	return done_testing();
}
