// SPDX-License-Identifier: GPL-2.0
/*
 * A device whose driver accesses memory by software, as that of a mediated
 * device does (pinner.c): it gets no page of a guest view, and a copy of what is
 * there. It needs no IOMMU.
 */
#include "devices.h"

#include <pthread.h>

#include "../module/channels.h"
#include "pinner.h"

#define SIZE	((long)BLOCK)
#define DEVICE	"/sys/bus/platform/devices/" PINNER

static struct vfio v;

static void open_pinner(void)
{
	char path[256], target[256] = "", *name;

	if (system("modprobe vfio && modprobe vfio_iommu_type1"))
		skip_all("this kernel has no VFIO");
	if (system("insmod /opt/gmemfs/tests/devices/pinner.ko"))
		bail_out("pinner.ko does not load");
	must(readlink(DEVICE "/iommu_group", target, sizeof(target) - 1));
	name = strrchr(target, '/');
	snprintf(path, sizeof(path), "/dev/vfio/%s", name ? name + 1 : "");
	v.container = must(open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC));
	v.group = must(open(path, O_RDWR | O_CLOEXEC));
	must(ioctl(v.group, VFIO_GROUP_SET_CONTAINER, &v.container));
	must(ioctl(v.container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	v.device = must(ioctl(v.group, VFIO_GROUP_GET_DEVICE_FD, PINNER));
}

static long by_page(long offset)
{
	return ioctl(v.device, PINNER_BY_PAGE, DATA_IOVA + offset);
}

static long by_copy(long offset)
{
	return ioctl(v.device, PINNER_BY_COPY, DATA_IOVA + offset);
}

/* That the device works at all. */
static void test_ordinary(void)
{
	char *p = must(mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	memset(p, 'o', SIZE);
	must(vfio_map(&v, p, DATA_IOVA, SIZE, VFIO_RW));
	is(by_page(PAGE + 1), 'o', "ordinary memory: by the page");
	is(by_copy(PAGE + 1), 'o', "and by a copy");
	must(vfio_unmap(&v, DATA_IOVA, SIZE));
	munmap(p, SIZE);
}

static void test_guest_view(void)
{
	int fd = new_file(SIZE);
	char *p = map(fd, SIZE);

	memset(p, 'g', SIZE);
	must(vfio_map(&v, p, DATA_IOVA, SIZE, VFIO_RW));
	is_errno(by_page(PAGE + 1), EFAULT, "a guest view: not by the page");
	must(set_shared(fd, 0, PAGE));
	is_errno(by_page(1), EFAULT, "nor if the page is shared");
	is(count_states(fd, GMEM_STATE_PINNED, 0), 0, "nothing is pinned");
	is(get_info(fd).device, 0, "and the device has nothing");
	is(by_copy(PAGE + 1), 'g', "but by a copy");
	is(get_info(fd).hidden, SIZE - PAGE, "for which nothing is exposed");
	must(vfio_unmap(&v, DATA_IOVA, SIZE));
	munmap(p, SIZE);
	close(fd);
}

static void test_shared_view(void)
{
	int fd = new_file(SIZE);
	char *p;

	must(set_shared(fd, 0, SIZE));
	p = shared_map(fd, SIZE);
	memset(p, 's', SIZE);
	must(vfio_map(&v, p, DATA_IOVA, SIZE, VFIO_RW));
	is(by_page(PAGE + 1), 's', "a shared view: by the page");
	must(vfio_unmap(&v, DATA_IOVA, SIZE));
	munmap(p, SIZE);
	close(fd);
}

static void *copies(void *offset)
{
	return (void *)by_copy((long)offset);
}

/* For a copy VFIO touches the address, as a process does. */
static void test_missing(void)
{
	int fd = new_file(SIZE), channel = open_channel(fd, SIZE, 0);
	char *p = map(fd, SIZE);
	pthread_t thread;
	void *byte;

	must(vfio_map(&v, p, DATA_IOVA, SIZE, VFIO_RW));
	is_errno(by_page(PAGE + 1), EFAULT,
		 "a guest view that is missing: not by the page");
	ok(!has_fault(channel), "  and nobody is asked for it");
	if (pthread_create(&thread, NULL, copies, (void *)(PAGE + 100)))
		bail_out("no thread");
	is(next_fault(channel).touched, PAGE, "  a copy asks");
	must(fill_with(channel, 0, SIZE, 'f'));
	pthread_join(thread, &byte);
	is((long)byte, 'f', "  and waits");
	must(vfio_unmap(&v, DATA_IOVA, SIZE));
	munmap(p, SIZE);
	close(channel);
	close(fd);
}

int main(void)
{
	open_pinner();
	test_ordinary();
	test_guest_view();
	test_shared_view();
	test_missing();
	vfio_close(&v);
	ok(!system("dmesg | grep -q 'give its memory to a mediated device'"),
	   "the kernel's log says why not");
	ok(!system("rmmod pinner"), "the device goes");
	nothing_is_left();
	return done_testing();
}
