// SPDX-License-Identifier: GPL-2.0
/*
 * A disk reads and writes memory of gmemfs itself: what that says of the
 * memory, where it is refused, and what becomes of it when the file gives it up
 * while the disk has it.
 */
#include "devices.h"

#include <linux/capability.h>
#include <sys/syscall.h>

#include "../../ctl/kcore.h"

#define SIZE	((long)(8 * BLOCK))
#define PAGES	(SIZE / (long)PAGE)

static struct nvme disk;
static struct kcore kcore;

static void fill(char *p, char byte)
{
	memset(p, byte, SIZE);
}

/* Nothing is left of the last test. */
static void settle(void)
{
	ok(becomes("pinned_bytes", 0), "  in the end nothing is pinned");
	ok(becomes("device_bytes", 0), "  and no device has anything");
}

/* ---- it works ---- */

static void test_transfer(void)
{
	int fd = new_file(SIZE);
	char *p = map(fd, SIZE);
	uint64_t pfn = fault_pfn(p);

	fill(p, 'a');
	must(vfio_map(&disk.v, p, DATA_IOVA, SIZE, VFIO_RW));
	transfer(&disk, true, DATA_IOVA, 0, SIZE);
	fill(p, 'b');
	transfer(&disk, false, DATA_IOVA, 0, SIZE);
	ok(all_bytes(p, SIZE, 'a'), "the disk writes to hidden memory what it has read there");
	is(get_info(fd).hidden, SIZE, "all of it is hidden");
	is(get_info(fd).device, SIZE, "the device has all");
	is(sysfs("device_bytes"), SIZE, "sysfs says so, too");
	is(count_states(fd, GMEM_STATE_PINNED,
			GMEM_STATE_SHARED | GMEM_STATE_EXPOSED), PAGES,
	   "each page is pinned, and neither shared nor exposed");
	ok(!kcore_has_frame(&kcore, pfn) && !kcore_has_frame(&kcore, pfn + 511),
	   "the direct map has none of it, by the page tables");
	must(vfio_unmap(&disk.v, DATA_IOVA, SIZE));
	is(get_info(fd).device, 0, "unmapped: the device has nothing");
	is(count_states(fd, GMEM_STATE_PINNED, 0), 0, "and nothing is pinned");
	is(get_info(fd).hidden, SIZE, "all is hidden as before");
	munmap(p, SIZE);
	close(fd);
	settle();
}

/* A hole gets memory; no page has to be mapped in the process for that. */
static void test_holes(void)
{
	long splits = vmstat("direct_map_level2_splits");
	int fd = new_file(SIZE);
	char *p = map(fd, SIZE);

	must(vfio_map(&disk.v, p, DATA_IOVA, SIZE, VFIO_RW));
	is(get_info(fd).populated, SIZE, "a file without memory gets all of it");
	is(get_info(fd).huge, SIZE, "in blocks of 2 MiB");
	is(get_info(fd).map_faults_2m + get_info(fd).map_faults_4k, 0,
	   "without a fault");
	is(vmstat("direct_map_level2_splits"), splits, "and without a split");
	must(vfio_unmap(&disk.v, DATA_IOVA, SIZE));
	munmap(p, SIZE);
	close(fd);

	fd = new_singles(SIZE / 8);
	p = map(fd, SIZE / 8);
	must(vfio_map(&disk.v, p, DATA_IOVA, SIZE / 8, VFIO_RW));
	is(get_info(fd).device, SIZE / 8, "so does a file of single pages");
	transfer(&disk, false, DATA_IOVA, 0, SIZE / 8);
	ok(all_bytes(p, SIZE / 8, 'a'), "which the disk writes to");
	must(vfio_unmap(&disk.v, DATA_IOVA, SIZE / 8));
	munmap(p, SIZE / 8);
	close(fd);
	settle();
}

/* The IOMMU is asked for pieces of 2 MiB at least, at multiples of 2 MiB. */
static void test_large_entries(void)
{
	unsigned long iova, size, whole = 0, other = 0;
	unsigned long long paddr;
	char line[512], *at;
	int fd = new_file(SIZE);
	char *p = map(fd, SIZE);
	FILE *f;

	must(write_text(TRACING "/trace", ""));
	must(write_text(TRACING "/events/iommu/map/enable", "1"));
	must(vfio_map(&disk.v, p, DATA_IOVA, SIZE, VFIO_RW));
	must(write_text(TRACING "/events/iommu/map/enable", "0"));
	f = fopen(TRACING "/trace", "re");
	while (f && fgets(line, sizeof(line), f)) {
		at = strstr(line, "iova=");
		if (!at || sscanf(at, "iova=0x%lx", &iova) != 1 ||
		    iova < DATA_IOVA)
			continue;
		if (sscanf(at, "iova=0x%lx - 0x%*x paddr=0x%llx size=%lu",
			   &iova, &paddr, &size) == 3 &&
		    !(iova % BLOCK) && !(paddr % BLOCK) && !(size % BLOCK))
			whole += size;
		else
			other++;
	}
	if (f)
		fclose(f);
	is(whole, SIZE, "the IOMMU gets whole blocks");
	is(other, 0, "and nothing else");
	must(vfio_unmap(&disk.v, DATA_IOVA, SIZE));
	munmap(p, SIZE);
	close(fd);
}

static void test_shared_view(void)
{
	int fd = new_file(SIZE);
	char *shared;

	must(set_shared(fd, 0, BLOCK));
	shared = shared_map(fd, SIZE);
	ok(!vfio_map(&disk.v, shared, DATA_IOVA, BLOCK, VFIO_RW),
	   "shared pages of a shared view can be mapped");
	transfer(&disk, false, DATA_IOVA, 0, BLOCK);
	ok(all_bytes(shared, BLOCK, 'a'), "and written to");
	is_errno(vfio_map(&disk.v, shared + BLOCK, DATA_IOVA + BLOCK, BLOCK,
			  VFIO_RW), EFAULT, "private ones can't");
	must(vfio_unmap(&disk.v, DATA_IOVA, BLOCK));
	munmap(shared, SIZE);
	close(fd);
	settle();
}

/* ---- it is refused ---- */

static void test_refused(void)
{
	int fd = new_file(SIZE);
	char *p = map(fd, SIZE);
	char *r = must(mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0));

	is_errno(vfio_map(&disk.v, r, DATA_IOVA, SIZE, VFIO_RW), EFAULT,
		 "a mapping that is read-only: not for writing");
	ok(!vfio_map(&disk.v, r, DATA_IOVA, SIZE, VFIO_DMA_MAP_FLAG_READ),
	   "but for reading");
	must(vfio_unmap(&disk.v, DATA_IOVA, SIZE));
	must(ftruncate(fd, SIZE - BLOCK));
	is_errno(vfio_map(&disk.v, p, DATA_IOVA, SIZE, VFIO_RW), EFAULT,
		 "more than the file has");
	is(get_info(fd).device, 0, "the device has nothing then");
	munmap(r, SIZE);
	munmap(p, SIZE);
	close(fd);
	settle();
}

static void drop_capability(unsigned int capability)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	must(syscall(SYS_capget, &header, data));
	data[capability / 32].effective &= ~(1U << capability % 32);
	must(syscall(SYS_capset, &header, data));
}

static void raise_capability(unsigned int capability)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	must(syscall(SYS_capget, &header, data));
	data[capability / 32].effective |= 1U << capability % 32;
	must(syscall(SYS_capset, &header, data));
}

/* VFIO counts memory of gmemfs as any other. */
static void test_memlock(void)
{
	struct rlimit old, limit;
	int fd = new_file(SIZE);
	char *p = map(fd, SIZE);

	must(getrlimit(RLIMIT_MEMLOCK, &old));
	limit = old;
	limit.rlim_cur = BLOCK + PAGE * 64;
	must(setrlimit(RLIMIT_MEMLOCK, &limit));
	drop_capability(CAP_IPC_LOCK);
	is_errno(vfio_map(&disk.v, p, DATA_IOVA, SIZE, VFIO_RW), ENOMEM,
		 "more than RLIMIT_MEMLOCK");
	is(get_info(fd).device, 0, "the device has nothing then");
	ok(!vfio_map(&disk.v, p, DATA_IOVA, BLOCK, VFIO_RW), "less than that");
	must(vfio_unmap(&disk.v, DATA_IOVA, BLOCK));
	raise_capability(CAP_IPC_LOCK);
	must(setrlimit(RLIMIT_MEMLOCK, &old));
	munmap(p, SIZE);
	close(fd);
	settle();
}

static void test_switched_off(void)
{
	static const char mode[] = "/sys/module/gmemfs/parameters/vfio";
	int fd = new_file(SIZE);
	char *p = map(fd, SIZE);

	must(vfio_map(&disk.v, p, DATA_IOVA, BLOCK, VFIO_RW));
	must(write_text(mode, "off"));
	is_errno(vfio_map(&disk.v, p + BLOCK, DATA_IOVA + BLOCK, BLOCK,
			  VFIO_RW), EFAULT, "vfio=off: refused");
	transfer(&disk, false, DATA_IOVA, 0, BLOCK);
	ok(all_bytes(p, BLOCK, 'a'), "what the device has, it keeps");
	must(vfio_unmap(&disk.v, DATA_IOVA, BLOCK));
	must(write_text(mode, "pin"));
	ok(!vfio_map(&disk.v, p, DATA_IOVA, SIZE, VFIO_RW),
	   "vfio=pin: works again");
	must(vfio_unmap(&disk.v, DATA_IOVA, SIZE));
	is_errno(write_text(mode, "maybe"), EINVAL, "there is no vfio=maybe");
	munmap(p, SIZE);
	close(fd);
	settle();
}

/* ---- the file gives it up ---- */

static void test_truncate(void)
{
	int fd = new_file(SIZE);
	char *p = map(fd, SIZE);
	long hidden;

	fill(p, 'x');
	must(vfio_map(&disk.v, p, DATA_IOVA, SIZE, VFIO_RW));
	hidden = sysfs("hidden_bytes");
	must(ftruncate(fd, 0));
	is(get_info(fd).populated, 0, "truncated: the file has nothing");
	is(sysfs("pinned_bytes"), SIZE, "the device has all of it");
	is(sysfs("device_bytes"), 0, "but of no file");
	is(sysfs("hidden_bytes"), hidden, "it stays hidden");
	must(ftruncate(fd, SIZE));
	ok(all_bytes(p, SIZE, 0), "the file is zeros when it grows again");
	transfer(&disk, false, DATA_IOVA, 0, SIZE);
	ok(all_bytes(p, SIZE, 0), "also when the device writes to what it has");
	munmap(p, SIZE);
	close(fd);
	is(sysfs("pinned_bytes"), SIZE, "closed: the device has it still");
	must(vfio_unmap(&disk.v, DATA_IOVA, SIZE));
	settle();
	nothing_is_left();
}

/* Of each block the device has a page. The others must not wait for it. */
static void test_parts(void)
{
	int fd = new_file(SIZE), i;
	char *p = map(fd, SIZE);

	fill(p, 'x');
	for (i = 0; i < SIZE / (long)BLOCK; i++)
		must(vfio_map(&disk.v, p + i * BLOCK + 7 * PAGE,
			      DATA_IOVA + i * BLOCK, PAGE, VFIO_RW));
	is(get_info(fd).device, SIZE / BLOCK * PAGE, "a page of each block");
	munmap(p, SIZE);
	close(fd);
	ok(becomes("pinned_bytes", SIZE / BLOCK * PAGE),
	   "the file goes: only these pages wait, in the end");
	for (i = 0; i < SIZE / (long)BLOCK; i++)
		must(vfio_unmap(&disk.v, DATA_IOVA + i * BLOCK, PAGE));
	settle();
	nothing_is_left();
}

/* A page that is punched while the device has it is no hole but zeros. */
static void test_punch(void)
{
	int fd = new_file(SIZE);
	char *p = map(fd, SIZE);

	fill(p, 'x');
	must(vfio_map(&disk.v, p, DATA_IOVA, SIZE, VFIO_RW));
	must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE,
		       4 * PAGE));
	ok(all_bytes(p + PAGE, 4 * PAGE, 0), "a part of a block: zeros");
	is(count_states(fd, GMEM_STATE_POPULATED, 0), PAGES, "and no hole");
	transfer(&disk, false, DATA_IOVA, 0, BLOCK);
	ok(all_bytes(p, BLOCK, 'a'), "the device writes to it");
	must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, BLOCK,
		       BLOCK));
	is(sysfs("pinned_bytes"), BLOCK, "a whole block leaves the file");
	is(get_info(fd).device, SIZE - BLOCK, "the rest is as before");
	must(vfio_unmap(&disk.v, DATA_IOVA, SIZE));
	munmap(p, SIZE);
	close(fd);
	settle();
	nothing_is_left();
}

/* ---- conversions ---- */

static void test_convert(void)
{
	int fd = new_file(SIZE);
	char *p = map(fd, SIZE);
	uint64_t at;

	fill(p, 'x');
	must(vfio_map(&disk.v, p, DATA_IOVA, SIZE, VFIO_RW));
	ok(!set_shared(fd, 3 * PAGE, PAGE), "a page becomes shared");
	is(page_state(fd, 3), GMEM_STATE_POPULATED | GMEM_STATE_HUGE |
	   GMEM_STATE_SHARED | GMEM_STATE_EXPOSED | GMEM_STATE_PINNED,
	   "and is exposed");
	is_errno(set_flags(fd, 0, BLOCK, GMEM_ATTRIBUTE_PRIVATE, 0, &at),
		 EAGAIN, "it can't become private again");
	is(at, 3 * PAGE, "it is that page alone, and not the private ones before it");
	transfer(&disk, false, DATA_IOVA, 0, BLOCK);
	ok(all_bytes(p, BLOCK, 'a'), "the device writes to shared and private pages");
	must(vfio_unmap(&disk.v, DATA_IOVA, SIZE));
	ok(!set_private(fd, 0, BLOCK), "without the device it can");
	is(get_info(fd).hidden, SIZE, "all is hidden");
	munmap(p, SIZE);
	close(fd);
	settle();
}

/* ---- the same page many times ---- */

static void test_again(void)
{
	int fd = new_file(BLOCK), i;
	char *p = map(fd, BLOCK);

	for (i = 0; i < 100; i++)
		must(vfio_map(&disk.v, p, DATA_IOVA + i * BLOCK, BLOCK,
			      VFIO_RW));
	is(get_info(fd).device, BLOCK, "mapped 100 times, a block counts once");
	for (i = 0; i < 99; i++)
		must(vfio_unmap(&disk.v, DATA_IOVA + i * BLOCK, BLOCK));
	is(get_info(fd).device, BLOCK, "unmapped 99 times, it still counts");
	must(vfio_unmap(&disk.v, DATA_IOVA + i * BLOCK, BLOCK));
	is(get_info(fd).device, 0, "unmapped 100 times, it doesn't");
	munmap(p, BLOCK);
	close(fd);
}

int main(void)
{
	if (kcore_open(&kcore))
		bail_out("%s", kcore.error);
	open_disk(&disk);
	test_transfer();
	test_holes();
	test_large_entries();
	test_shared_view();
	test_refused();
	test_memlock();
	test_switched_off();
	test_truncate();
	test_parts();
	test_punch();
	test_convert();
	test_again();
	close_disk(&disk);
	nothing_is_left();
	kcore_close(&kcore);
	return done_testing();
}
