// SPDX-License-Identifier: GPL-2.0
/*
 * Steps fail while a device gets memory: VFIO's map fails as a whole, the
 * device has nothing, and the next try works. For the module's debug build.
 */
#include "devices.h"

#define SIZE	((long)(8 * BLOCK))

static struct nvme disk;

/* @n: as of fail_*; 0 for none. A new file each time: with holes. */
static void test_step(const char *kind, int n, int want)
{
	int fd = new_file(SIZE), ret, err;
	char *p = map(fd, SIZE);

	inject(kind, n);
	ret = vfio_map(&disk.v, p, DATA_IOVA, SIZE, VFIO_RW);
	err = ret ? errno : 0;
	inject(kind, 0);
	is(err, want, "fail_%s=%d", kind, n);
	is(get_info(fd).device, 0, "  the device has nothing");
	is(count_states(fd, GMEM_STATE_PINNED, 0), 0, "  nothing is pinned");
	is(count_states(fd, GMEM_STATE_EXPOSED, 0), 0, "  nothing is exposed");
	ok(!vfio_map(&disk.v, p, DATA_IOVA, SIZE, VFIO_RW), "  then it works");
	is(get_info(fd).device, SIZE, "  and the device has all");
	must(vfio_unmap(&disk.v, DATA_IOVA, SIZE));
	munmap(p, SIZE);
	close(fd);
	ok(becomes("device_bytes", 0), "  in the end none has anything");
}

/* What a device has can't be put back into the direct map when it lets go. */
static void test_quarantine(void)
{
	int fd = new_file(SIZE);
	char *p = map(fd, SIZE);

	must(vfio_map(&disk.v, p, DATA_IOVA, SIZE, VFIO_RW));
	munmap(p, SIZE);
	close(fd);
	is(sysfs("pinned_bytes"), SIZE, "the file is gone, the device has all");
	inject("expose", -1);
	must(vfio_unmap(&disk.v, DATA_IOVA, SIZE));
	ok(becomes("pinned_bytes", 0), "it lets go, and exposing fails");
	ok(becomes("quarantined_bytes", SIZE), "all is in quarantine");
	inject("expose", 0);
	ok(becomes("quarantined_bytes", 0), "until exposing works");
}

int main(void)
{
	open_disk(&disk);
	test_step("pin", 1, ENOMEM);
	test_step("pin", 3, ENOMEM);
	test_step("alloc_meta", 1, ENOMEM);
	test_step("alloc_meta", -1, ENOMEM);
	test_step("hide", -1, ENOMEM);
	test_quarantine();
	close_disk(&disk);
	nothing_is_left();
	return done_testing();
}
