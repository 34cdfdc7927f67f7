// SPDX-License-Identifier: GPL-2.0
/*
 * A device, and memory that is missing (a fault channel): VFIO doesn't wait for
 * it, but is refused. What is there, the device gets as always; and what it has
 * is neither filled, nor missing, while the file has it.
 */
#include "devices.h"
#include "../module/channels.h"

#include <pthread.h>

#define TOP	"/tmp/missing"

#include "../module/clones.h"

#define BLOCKS		4L
#define SIZE		(BLOCKS * (long)BLOCK)
#define OTHER_IOVA	(DATA_IOVA + SIZE)
#define MODE		"/sys/module/gmemfs/parameters/vfio"

static struct nvme disk;

/* A file with a fault channel, mapped. */
struct memory {
	int fd;
	int channel;
	char *p;
};

static struct memory new_memory(bool singles)
{
	struct memory m = { .fd = singles ? new_singles(SIZE) : new_file(SIZE) };

	m.channel = open_channel(m.fd, SIZE, 0);
	m.p = map(m.fd, SIZE);
	return m;
}

static int give_at(struct memory *m, long offset, long size, uint64_t iova)
{
	return vfio_map(&disk.v, m->p + offset, iova + offset, size, VFIO_RW);
}

static int give(struct memory *m, long offset, long size)
{
	return give_at(m, offset, size, DATA_IOVA);
}

static void take_all(void)
{
	must(vfio_unmap(&disk.v, DATA_IOVA, 2 * SIZE));
}

static void free_memory(struct memory *m)
{
	if (m->channel >= 0)
		close(m->channel);
	munmap(m->p, SIZE);
	close(m->fd);
}

/* The device lets go, too. */
static void settle(struct memory *m)
{
	take_all();
	free_memory(m);
	ok(becomes("pinned_bytes", 0), "  in the end nothing is pinned");
	is(sysfs("device_bytes"), 0, "  and no device has anything");
}

static int punch(struct memory *m, long offset, long size)
{
	return fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 offset, size);
}

/* The disk writes d there, wherever the IOMMU leads. */
static void disk_writes(uint64_t iova, long size)
{
	transfer(&disk, false, iova, 0, size);
}

/* The disk has d. */
static void fill_disk(void)
{
	int fd = new_file(SIZE);
	char *p = map(fd, SIZE);

	memset(p, 'd', SIZE);
	must(vfio_map(&disk.v, p, DATA_IOVA, SIZE, VFIO_RW));
	transfer(&disk, true, DATA_IOVA, 0, SIZE);
	take_all();
	munmap(p, SIZE);
	close(fd);
}

/* ---- it is refused ---- */

static void test_refused(bool singles, const char *what)
{
	struct memory m = new_memory(singles);
	const long there = BLOCK + 8 * PAGE;

	is_errno(give(&m, 0, SIZE), EBUSY,
		 "%s: a device doesn't get what is missing", what);
	ok(!has_fault(m.channel), "  and nobody is asked for it");
	must(fill_with(m.channel, 0, there, 'a'));
	is_errno(give(&m, 0, there + PAGE), EBUSY,
		 "  nor one missing page behind others");
	is(get_info(m.fd).device, 0, "  the device has nothing then");
	is(count_states(m.fd, GMEM_STATE_PINNED, 0), 0,
	   "  and nothing is pinned");
	ok(!give(&m, 0, there), "  what is there, it gets");
	is(get_info(m.fd).device, there, "  all of it");
	is(count_states(m.fd, GMEM_STATE_EXPOSED, 0), 0, "  hidden");
	is(missing(m.fd), SIZE - there, "  the rest is missing as before");
	take_all();
	must(fill_with(m.channel, 0, SIZE, 'b'));
	ok(!give(&m, 0, SIZE), "  filled, it gets all");
	disk_writes(DATA_IOVA, SIZE);
	ok(all_bytes(m.p, SIZE, 'd'), "  and writes there");
	settle(&m);
}

static void test_lost(void)
{
	struct memory m = new_memory(false);

	must(fill_with(m.channel, 0, BLOCK, 'a'));
	must(fill_poison(m.channel, BLOCK, PAGE));
	is_errno(give(&m, 0, 2 * BLOCK), EHWPOISON,
		 "what can't be had is another error");
	must(punch(&m, BLOCK, BLOCK));
	is_errno(give(&m, BLOCK, BLOCK), EBUSY, "what was punched is missing");
	must(fill_punched(m.channel, BLOCK, BLOCK));
	ok(!give(&m, BLOCK, BLOCK), "  until that is answered");
	ok(all_bytes(m.p + BLOCK, BLOCK, 0), "  with zeros");
	close(m.channel);
	is_errno(give(&m, 2 * BLOCK, BLOCK), EBUSY,
		 "if nobody will fill it, it is missing all the same");
	m.channel = open_channel(m.fd, SIZE, 0);
	must(fill_zero(m.channel, 2 * BLOCK, 2 * BLOCK));
	close(m.channel);
	m.channel = -1;
	ok(!give(&m, 2 * BLOCK, 2 * BLOCK),
	   "once all was filled, holes get memory");
	is(get_info(m.fd).device, 3 * BLOCK, "  which the device has");
	settle(&m);
}

/* The kernel's own code pins there. */
static void test_shared_view(void)
{
	struct memory m = new_memory(false);
	char *shared;

	must(set_shared(m.fd, 0, 2 * BLOCK));
	shared = shared_map(m.fd, SIZE);
	must(fill_with(m.channel, 0, BLOCK, 'a'));
	is_errno(vfio_map(&disk.v, shared + BLOCK, DATA_IOVA, BLOCK, VFIO_RW),
		 EFAULT, "by a shared view, what is missing isn't waited for");
	ok(!vfio_map(&disk.v, shared, DATA_IOVA, BLOCK, VFIO_RW),
	   "  what is there works");
	munmap(shared, SIZE);
	settle(&m);
}

/* ---- nobody waits for a lock ---- */

static void *touches(void *p)
{
	return (void *)(long)*(volatile char *)p;
}

static void test_beside(void)
{
	struct memory m = new_memory(false);
	struct gmem_fault fault;
	pthread_t thread;
	void *seen;

	must(fill_with(m.channel, 0, BLOCK, 'a'));
	if (pthread_create(&thread, NULL, touches, m.p + BLOCK + 100))
		bail_out("no thread");
	fault = next_fault(m.channel);
	is(fault.offset, BLOCK, "a thread waits for a page");
	ok(!give(&m, 0, BLOCK), "  the device gets others meanwhile");
	is_errno(give(&m, BLOCK, BLOCK), EBUSY, "  and not that one");
	must(fill_with(m.channel, BLOCK, BLOCK, 'b'));
	pthread_join(thread, &seen);
	is((long)seen, 'b', "  which goes on when the page is there");
	ok(!give(&m, BLOCK, BLOCK), "  then the device gets it, too");
	settle(&m);
}

static int maps(void *arg)
{
	return give(arg, 0, BLOCK) ? errno : 0;
}

/* Without our hooks VFIO does a fault, with its container locked. */
static void test_switched_off(void)
{
	struct memory m = new_memory(false);
	struct toucher t;

	must(write_text(MODE, "off"));
	t = start_toucher(maps, &m);
	is(next_fault(m.channel).offset, 0, "vfio=off: VFIO waits by itself");
	await_sleep(&t);
	must(kill(t.pid, SIGKILL));
	is(end_of(&t), 256 + SIGKILL, "  and can be killed");
	t = start_toucher(maps, &m);
	next_fault(m.channel);
	must(fill_with(m.channel, 0, BLOCK, 'a'));
	is(end_of(&t), EFAULT, "  filled, it is refused as other memory here");
	must(write_text(MODE, "pin"));
	ok(!give(&m, 0, BLOCK), "vfio=pin: it works");
	settle(&m);
}

/* ---- what a device has, and fills ---- */

static void test_filled_around(bool singles, const char *what)
{
	struct memory m = new_memory(singles);
	const long had = 8 * PAGE;

	must(fill_with(m.channel, 0, had, 'a'));
	must(give(&m, 0, had));
	disk_writes(DATA_IOVA, had);
	must(fill_with(m.channel, 0, BLOCK, 'b'));
	ok(all_bytes(m.p, had, 'd'),
	   "%s: what a device has isn't filled again", what);
	ok(has_contents(m.p + had, 8, 'b') &&
	   has_contents(m.p + BLOCK - PAGE, 511, 'b'), "  all else is");
	is(get_info(m.fd).device, had, "  which the device doesn't have");
	is(count_states(m.fd, GMEM_STATE_PINNED, 0), 8, "  nor is it pinned");
	memset(m.p, 'x', had);
	disk_writes(DATA_IOVA, had);
	ok(all_bytes(m.p, had, 'd'), "  the device still has the file's pages");
	settle(&m);
}

/*
 * A page of a contiguous block that a device has doesn't become a hole; a
 * single page leaves the file.
 */
static void test_punched_part(bool singles, const char *what)
{
	struct memory m = new_memory(singles);
	const long at = PAGE, size = 4 * PAGE;

	must(fill_with(m.channel, 0, 2 * BLOCK, 'a'));
	must(give(&m, 0, BLOCK));
	must(punch(&m, at, size));
	is(missing(m.fd), SIZE - 2 * BLOCK + (singles ? size : 0),
	   "%s: pages of a device are punched, missing if they left", what);
	is_errno(fill_with(m.channel, at, size, 'b'), EEXIST,
		 "  contents don't come any more");
	is(fill_punched(m.channel, at, size) ? errno : 0, singles ? 0 : EEXIST,
	   "  only zeros that are missing do");
	ok(all_bytes(m.p + at, size, 0), "  they are zeros");
	disk_writes(DATA_IOVA, BLOCK);
	ok(all_bytes(m.p + at, size, singles ? 0 : 'd'),
	   "  the device writes to them if the file has them");
	ok(all_bytes(m.p, PAGE, 'd'), "  and to those beside them");
	ok(becomes("pinned_bytes", singles ? size : 0),
	   "  what left is the device's alone");
	settle(&m);
}

/* The file gives a block up, and it is missing; the device has it still. */
static void test_given_up(const char *what, bool truncates)
{
	struct memory m = new_memory(false);

	must(fill_with(m.channel, 0, SIZE, 'a'));
	must(give(&m, 3 * BLOCK, BLOCK));
	if (truncates) {
		must(ftruncate(m.fd, 3 * BLOCK));
		must(ftruncate(m.fd, SIZE));
	} else {
		must(punch(&m, 3 * BLOCK, BLOCK));
	}
	is(missing(m.fd), BLOCK, "%s: a block is missing", what);
	ok(becomes("pinned_bytes", BLOCK), "  the device has it still");
	is_errno(give_at(&m, 3 * BLOCK, BLOCK, OTHER_IOVA), EBUSY,
		 "  and gets no other one");
	must(fill_punched(m.channel, 3 * BLOCK, BLOCK));
	ok(!give_at(&m, 3 * BLOCK, BLOCK, OTHER_IOVA),
	   "  filled, it gets the new one, too");
	disk_writes(DATA_IOVA + 3 * BLOCK, BLOCK);
	ok(all_bytes(m.p + 3 * BLOCK, BLOCK, 0), "  which isn't the old one");
	disk_writes(OTHER_IOVA + 3 * BLOCK, BLOCK);
	ok(all_bytes(m.p + 3 * BLOCK, BLOCK, 'd'), "  and is the file's");
	settle(&m);
}

/* ---- clones ---- */

static void test_source(void)
{
	struct memory from = new_memory(false), to = new_memory(false);

	must(fill_with(from.channel, 0, BLOCK, 'a'));
	must(give(&from, 0, BLOCK));
	ok(!clone_range(to.fd, 0, from.fd, 0, BLOCK),
	   "what a device has is cloned to where it is missing");
	is(get_info(to.fd).cloned, 0, "  by a copy");
	is(get_info(to.fd).hidden, BLOCK, "  which is hidden");
	is(missing(to.fd), SIZE - BLOCK, "  and isn't missing any more");
	is_errno(clone_range(to.fd, BLOCK, from.fd, BLOCK, BLOCK), EBUSY,
		 "  what is missing beside it isn't cloned");
	disk_writes(DATA_IOVA, BLOCK);
	ok(has_contents(to.p, 0, 'a') &&
	   has_contents(to.p + BLOCK - PAGE, 511, 'a'),
	   "  the device doesn't write to the copy");
	ok(all_bytes(from.p, BLOCK, 'd'), "  but to the source");
	free_memory(&to);
	settle(&from);
}

/* A part of the target's first block is there, and a device has it. */
static void test_target(void)
{
	struct memory to = new_memory(false);
	int from = new_file(SIZE);
	char *p = map(from, SIZE);

	memset(p, 's', SIZE);
	must(fill_with(to.channel, 0, 8 * PAGE, 'a'));
	must(give(&to, 0, 8 * PAGE));
	ok(!clone_range(to.fd, 0, from, 0, SIZE),
	   "a clone brings what is missing around what a device has");
	is(missing(to.fd), 0, "  nothing is missing");
	is(get_info(to.fd).cloned, SIZE, "  nothing was copied");
	disk_writes(DATA_IOVA, 8 * PAGE);
	ok(all_bytes(to.p, SIZE, 's') && all_bytes(p, SIZE, 's'),
	   "  the device writes to neither file");
	is(get_info(to.fd).device, 0, "  and has nothing of it");
	ok(!give_at(&to, 0, SIZE, OTHER_IOVA), "  it gets all of the clone");
	is(get_info(to.fd).cloned, 0, "  which is copied");
	is(get_info(to.fd).device, SIZE, "  for it");
	munmap(p, SIZE);
	close(from);
	settle(&to);
}

int main(void)
{
	open_disk(&disk);
	fill_disk();
	test_refused(false, "2 MiB");
	test_refused(true, "single pages");
	ok(!system("dmesg | grep -q 'a part of that is still missing'"),
	   "the kernel's log says why not");
	test_lost();
	test_shared_view();
	test_beside();
	test_switched_off();
	test_filled_around(false, "2 MiB");
	test_filled_around(true, "single pages");
	test_punched_part(false, "2 MiB");
	test_punched_part(true, "single pages");
	test_given_up("punched", false);
	test_given_up("truncated", true);
	test_source();
	test_target();
	close_disk(&disk);
	nothing_is_left();
	return done_testing();
}
