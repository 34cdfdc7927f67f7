// SPDX-License-Identifier: GPL-2.0
/*
 * Clones, and files that a device has: what it has is copied when it is cloned,
 * and what is common before a device gets it.
 */
#include "devices.h"

#include <linux/fs.h>

#define SIZE	((long)(4 * BLOCK))

static struct nvme disk;

static int clone_of(int from)
{
	int to = new_file(0);

	must(ioctl(to, FICLONE, from));
	return to;
}

/* The disk has this. */
static void fill_disk(char byte)
{
	int fd = new_file(SIZE);
	char *p = map(fd, SIZE);

	memset(p, byte, SIZE);
	must(vfio_map(&disk.v, p, DATA_IOVA, SIZE, VFIO_RW));
	transfer(&disk, true, DATA_IOVA, 0, SIZE);
	must(vfio_unmap(&disk.v, DATA_IOVA, SIZE));
	munmap(p, SIZE);
	close(fd);
}

static int filled(char byte, char **p)
{
	int fd = new_file(SIZE);

	*p = map(fd, SIZE);
	memset(*p, byte, SIZE);
	return fd;
}

static void close_both(int from, char *p, int to, char *q)
{
	munmap(p, SIZE);
	munmap(q, SIZE);
	close(from);
	close(to);
}

/* A device has the source. */
static void test_source(void)
{
	char *p, *q;
	int from = filled('s', &p), to;

	must(vfio_map(&disk.v, p, DATA_IOVA, SIZE, VFIO_RW));
	to = clone_of(from);
	q = map(to, SIZE);
	is(get_info(from).cloned, 0, "what a device has isn't shared");
	is(get_info(to).cloned, 0, "but copied");
	is(get_info(to).hidden, SIZE, "to hidden memory");
	ok(all_bytes(q, SIZE, 's'), "all of it");
	transfer(&disk, false, DATA_IOVA, 0, SIZE);
	ok(all_bytes(p, SIZE, 'd'), "the device writes to the source");
	ok(all_bytes(q, SIZE, 's'), "and not to the clone");
	must(vfio_unmap(&disk.v, DATA_IOVA, SIZE));
	close(to);
	munmap(q, SIZE);
	to = clone_of(from);
	q = map(to, SIZE);
	is(get_info(to).cloned, SIZE, "without the device all is shared");
	ok(all_bytes(q, SIZE, 'd'), "with what it has written");
	close_both(from, p, to, q);
}

/* A device gets the clone; @flags: what it may do. */
static void test_clone(uint32_t flags, const char *what)
{
	char *p, *q;
	int from = filled('s', &p), to = clone_of(from);

	q = map(to, SIZE);
	ok(all_bytes(q, SIZE, 's'), "%s: a clone, all of it mapped", what);
	must(vfio_map(&disk.v, q, DATA_IOVA, SIZE, flags));
	is(get_info(to).cloned, 0, "%s: it has its own memory", what);
	is(get_info(to).huge, SIZE, "%s: in blocks of 2 MiB", what);
	is(get_info(to).device, SIZE, "%s: which the device has", what);
	is(get_info(from).device, 0, "%s: and not the source's", what);
	ok(all_bytes(q, SIZE, 's'), "%s: with the same contents", what);
	memset(q, 'w', SIZE);
	transfer(&disk, true, DATA_IOVA, SIZE, SIZE);
	ok(all_bytes(p, SIZE, 's'), "%s: the source doesn't see writes", what);
	must(vfio_unmap(&disk.v, DATA_IOVA, SIZE));
	must(vfio_map(&disk.v, p, DATA_IOVA, SIZE, VFIO_RW));
	transfer(&disk, false, DATA_IOVA, SIZE, SIZE);
	ok(all_bytes(p, SIZE, 'w'), "%s: the device does", what);
	must(vfio_unmap(&disk.v, DATA_IOVA, SIZE));
	close_both(from, p, to, q);
}

static void test_private(void)
{
	char *p, *q;
	int fd = filled('s', &p);

	q = must(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
	must(vfio_map(&disk.v, q, DATA_IOVA, SIZE, VFIO_RW));
	transfer(&disk, false, DATA_IOVA, 0, SIZE);
	ok(all_bytes(q, SIZE, 'd'), "the device writes to a private mapping");
	ok(all_bytes(p, SIZE, 's'), "and not to the file");
	must(munmap(q, SIZE));
	is(sysfs("pinned_bytes"), SIZE, "unmapped, the device has it alone");
	must(vfio_unmap(&disk.v, DATA_IOVA, SIZE));
	munmap(p, SIZE);
	close(fd);
	ok(becomes("pinned_bytes", 0), "and then nobody");
}

/* A clone replaces what a device has in the target. */
static void test_target(void)
{
	char *p, *q;
	int from = filled('s', &p), to = filled('t', &q);

	must(vfio_map(&disk.v, q, DATA_IOVA, SIZE, VFIO_RW));
	must(ioctl(to, FICLONE, from));
	is(get_info(to).cloned, SIZE, "the target gets the source's memory");
	is(get_info(to).device, 0, "which the device doesn't have");
	is(sysfs("pinned_bytes"), SIZE, "it has what was there before");
	transfer(&disk, false, DATA_IOVA, 0, SIZE);
	ok(all_bytes(p, SIZE, 's') && all_bytes(q, SIZE, 's'),
	   "it writes to neither file");
	must(vfio_unmap(&disk.v, DATA_IOVA, SIZE));
	ok(becomes("pinned_bytes", 0), "then nothing is pinned");
	close_both(from, p, to, q);
}

int main(void)
{
	open_disk(&disk);
	fill_disk('d');
	test_source();
	test_clone(VFIO_RW, "to write");
	test_clone(VFIO_DMA_MAP_FLAG_READ, "to read");
	test_private();
	test_target();
	close_disk(&disk);
	nothing_is_left();
	return done_testing();
}
