// SPDX-License-Identifier: GPL-2.0
/*
 * holder FILE MODE: for the scripts of this suite.
 *
 * try:    can the device get memory of the file? Status: 0, or 1 with EFAULT
 * dma:    gives all of the file to the disk, which writes to it until it is
 *	   killed. Makes /run/holder.ready when it begins
 * victim: takes ordinary memory, fills it, checks it and frees it, again and
 *	   again, until it is killed: status 1 if anybody else has written to it
 */
#include "devices.h"

#define VICTIM	(64UL << 20)

static struct nvme disk;

static char *open_and_map(const char *path, long *size)
{
	int fd = must(open(path, O_RDWR | O_CLOEXEC));
	struct stat st;
	char *p;

	must(fstat(fd, &st));
	*size = st.st_size;
	p = map(fd, *size);
	close(fd);
	return p;
}

static int try_it(const char *path)
{
	struct vfio v;
	long size;
	char *p = open_and_map(path, &size);
	int ret;

	if (!vfio_give_away(NVME_ADDRESS))
		bail_out("there is no disk to give away");
	vfio_open(&v, NVME_ADDRESS);
	ret = vfio_map(&v, p, DATA_IOVA, size, VFIO_RW);
	if (ret && errno != EFAULT)
		bail_out("VFIO_IOMMU_MAP_DMA: %s", strerror(errno));
	vfio_close(&v);
	return !!ret;
}

static void do_dma(const char *path)
{
	long size;
	char *p = open_and_map(path, &size);

	open_disk(&disk);
	must(vfio_map(&disk.v, p, DATA_IOVA, size, VFIO_RW));
	must(open("/run/holder.ready", O_CREAT | O_WRONLY, 0600));
	for (;;)
		transfer(&disk, false, DATA_IOVA, 0, size);
}

static volatile sig_atomic_t stopped;

static void stop(int sig)
{
	stopped = sig;
}

static int be_victim(void)
{
	while (!stopped) {
		char *p = must(mmap(NULL, VICTIM, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

		if (!all_bytes(p, VICTIM, 0))
			return 1;
		memset(p, 'v', VICTIM);
		if (!all_bytes(p, VICTIM, 'v'))
			return 1;
		munmap(p, VICTIM);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		bail_out("usage: holder FILE try|dma|victim");
	signal(SIGTERM, stop);
	if (!strcmp(argv[2], "dma"))
		do_dma(argv[1]);
	/* No test of its own: _exit(), without a word of TAP. */
	_exit(strcmp(argv[2], "try") ? be_victim() : try_it(argv[1]));
}
