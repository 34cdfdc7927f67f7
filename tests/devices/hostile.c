// SPDX-License-Identifier: GPL-2.0
/*
 * hostile [SECONDS [SEED]]: threads map and unmap a file for a device, truncate
 * it, punch it, convert it, clone it and fork, while a disk writes to what it
 * has of it. Another takes and checks ordinary memory: if a page were freed
 * while the disk has it, that memory would get what the disk writes.
 */
#include "devices.h"

#include <linux/fs.h>
#include <pthread.h>
#include <time.h>

#include "../lib/chance.h"

#define SIZE	((long)(8 * BLOCK))
#define MAPS	16
#define MAPS_IOVA	0x80000000UL
#define VICTIM	(16UL << 20)

static struct nvme disk;
static uint64_t counts[8];
static volatile bool over;
static long corrupt;
static char *mem;
static int fd;

static uint64_t below(uint64_t *seed, uint64_t n)
{
	return chance(seed) % n;
}

static void a_range(uint64_t *seed, long *offset, long *size)
{
	*offset = below(seed, SIZE / PAGE) * PAGE;
	*size = (1 + below(seed, (SIZE - *offset) / PAGE)) * PAGE;
}

/* ---- what the threads do, again and again ---- */

/*
 * The disk's own map stays: what it writes to is what the file had when that
 * was made.
 */
static void write_by_disk(uint64_t *seed)
{
	long offset = below(seed, SIZE / NVME_MOST) * NVME_MOST;

	transfer(&disk, false, DATA_IOVA + offset, offset, NVME_MOST);
}

static void map_and_unmap(uint64_t *seed)
{
	uint64_t iova = MAPS_IOVA + below(seed, MAPS) * SIZE;
	long offset, size;

	a_range(seed, &offset, &size);
	/* The map fails where the file is short, or the range is taken. */
	vfio_map(&disk.v, mem + offset, iova, size, VFIO_RW);
	vfio_unmap(&disk.v, MAPS_IOVA + below(seed, MAPS) * SIZE, SIZE);
}

static void truncate_it(uint64_t *seed)
{
	must(ftruncate(fd, below(seed, SIZE)));
	must(ftruncate(fd, SIZE));
}

static void punch_it(uint64_t *seed)
{
	long offset, size;

	a_range(seed, &offset, &size);
	must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset,
		       size));
}

/* What is pinned can't become private, nor what is beyond the end. */
static void convert_it(uint64_t *seed)
{
	long offset, size;

	a_range(seed, &offset, &size);
	if (below(seed, 2))
		set_shared(fd, offset, size);
	else
		set_private(fd, offset, size);
}

static void clone_it(uint64_t *seed)
{
	int to = new_file(0);

	must(ioctl(to, FICLONE, fd));
	/* EINVAL: the clone ends within a page, and the file is longer. */
	if (below(seed, 2) && ioctl(fd, FICLONE, to) && errno != EINVAL)
		bail_out("FICLONE: %s", strerror(errno));
	close(to);
}

static void fork_it(uint64_t *seed)
{
	pid_t pid = must(fork());

	if (!pid) {
		touch_read(mem + below(seed, SIZE));
		_exit(0);
	}
	must(waitpid(pid, NULL, 0));
}

static void check_memory(uint64_t *seed)
{
	char byte = 1 + below(seed, 100);
	char *p = must(mmap(NULL, VICTIM, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	corrupt += !all_bytes(p, VICTIM, 0);
	memset(p, byte, VICTIM);
	corrupt += !all_bytes(p, VICTIM, byte);
	munmap(p, VICTIM);
}

static const struct {
	const char *name;
	void (*step)(uint64_t *seed);
} people[] = {
	{ "writes by the disk", write_by_disk },
	{ "maps", map_and_unmap },
	{ "truncates", truncate_it },
	{ "punches", punch_it },
	{ "conversions", convert_it },
	{ "clones", clone_it },
	{ "forks", fork_it },
	{ "checks of other memory", check_memory },
};

#define PEOPLE	(sizeof(people) / sizeof(*people))

struct task {
	pthread_t thread;
	unsigned int who;
	uint64_t seed;
};

static void *work(void *arg)
{
	struct task *t = arg;

	while (!over) {
		people[t->who].step(&t->seed);
		counts[t->who]++;
	}
	return NULL;
}

static void run_all(unsigned int seconds, uint64_t seed)
{
	struct task tasks[PEOPLE];
	unsigned int i;

	for (i = 0; i < PEOPLE; i++) {
		tasks[i] = (struct task){ .who = i, .seed = seed + 1 + i };
		if (pthread_create(&tasks[i].thread, NULL, work, &tasks[i]))
			bail_out("no thread");
	}
	for (i = 0; i < seconds; i++)
		sleep(1);
	over = true;
	for (i = 0; i < PEOPLE; i++)
		pthread_join(tasks[i].thread, NULL);
}

int main(int argc, char **argv)
{
	unsigned int seconds = argc > 1 ? atoi(argv[1]) : 20, i;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;

	seed = seed ?: (uint64_t)time(NULL);
	diag("%u seconds, seed %llu", seconds, (unsigned long long)seed);
	open_disk(&disk);
	fd = new_file(SIZE);
	mem = map(fd, SIZE);
	memset(mem, 'm', SIZE);
	must(vfio_map(&disk.v, mem, DATA_IOVA, SIZE, VFIO_RW));
	transfer(&disk, true, DATA_IOVA, 0, SIZE);

	run_all(seconds, seed);
	for (i = 0; i < PEOPLE; i++)
		ok(counts[i], "%s: %llu", people[i].name,
		   (unsigned long long)counts[i]);
	is(corrupt, 0, "nobody wrote to memory of others");

	munmap(mem, SIZE);
	close(fd);
	ok(sysfs("pinned_bytes") > 0, "the file is gone, the disk has memory of it");
	transfer(&disk, false, DATA_IOVA, 0, SIZE);
	close_disk(&disk);
	ok(becomes("pinned_bytes", 0), "the disk has let go");
	is(sysfs("device_bytes"), 0, "of all");
	nothing_is_left();
	return done_testing();
}
