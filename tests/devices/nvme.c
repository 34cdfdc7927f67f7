// SPDX-License-Identifier: GPL-2.0
/* A driver for NVMe disks: see nvme.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "nvme.h"

#define PAGE		4096UL

#define DEPTH		16	/* of each queue */
#define SECONDS		60	/* far more than any command takes */

/* The pages at NVME_IOVA. */
enum { ADMIN_COMMANDS, ADMIN_ANSWERS, IO_COMMANDS, IO_ANSWERS, LIST, PAGES };

/* Registers. */
#define REG_CAP_HIGH	0x04
#define REG_CC		0x14
#define REG_CSTS	0x1c
#define REG_AQA		0x24
#define REG_ASQ		0x28
#define REG_ACQ		0x30
#define REG_DOORBELL	0x1000

#define CC_ENABLE	1
#define CC_ENTRIES	(6 << 16 | 4 << 20)	/* 64 and 16 bytes */
#define CSTS_READY	1

/* Commands. */
#define ADMIN_CREATE_SQ	0x01
#define ADMIN_CREATE_CQ	0x05
#define IO_WRITE	0x01
#define IO_READ		0x02

static long seconds(void)
{
	struct timespec now;

	vfio_must(clock_gettime(CLOCK_MONOTONIC, &now));
	return now.tv_sec;
}

static uint64_t page_iova(unsigned int page)
{
	return NVME_IOVA + page * PAGE;
}

static void set_64(struct nvme *n, uint64_t offset, uint64_t value)
{
	vfio_set(&n->v, offset, value);
	vfio_set(&n->v, offset + 4, value >> 32);
}

static void wait_ready(struct nvme *n, uint32_t want)
{
	long end = seconds() + SECONDS;

	while ((vfio_get(&n->v, REG_CSTS) & CSTS_READY) != want) {
		if (seconds() > end)
			vfio_die("the disk does not become ready (%u)", want);
		usleep(1000);
	}
}

static void queue_init(struct nvme *n, struct nvme_queue *q, unsigned int id,
		       unsigned int page)
{
	*q = (struct nvme_queue){
		.commands = (void *)(n->memory + page * PAGE),
		.answers = (void *)(n->memory + (page + 1) * PAGE),
		.iova = page_iova(page),
		.id = id,
		.phase = true,
	};
}

static void ring(struct nvme *n, struct nvme_queue *q, bool answers,
		 unsigned int value)
{
	vfio_set(&n->v, REG_DOORBELL + (2 * q->id + answers) * n->stride,
		 value);
}

/* Return: the status. */
static int take_answer(struct nvme *n, struct nvme_queue *q)
{
	volatile uint32_t *answer = q->answers + 4 * q->head;
	long end = seconds() + SECONDS;
	uint32_t word;

	do {
		word = __atomic_load_n(&answer[3], __ATOMIC_ACQUIRE);
		if (seconds() > end)
			vfio_die("the disk does not answer");
	} while (!!(word & 0x10000) != q->phase);
	q->head = (q->head + 1) % DEPTH;
	q->phase ^= !q->head;
	ring(n, q, true, q->head);
	return word >> 17;
}

static int execute(struct nvme *n, struct nvme_queue *q,
		   const uint32_t command[16])
{
	unsigned int i;

	for (i = 0; i < 16; i++)
		q->commands[16 * q->tail + i] = command[i];
	q->tail = (q->tail + 1) % DEPTH;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	ring(n, q, false, q->tail);
	return take_answer(n, q);
}

static void create_queue(struct nvme *n, unsigned int opcode, uint64_t iova)
{
	uint32_t command[16] = {
		[0] = opcode,
		[6] = iova, [7] = iova >> 32,
		[10] = (DEPTH - 1) << 16 | 1,
		[11] = opcode == ADMIN_CREATE_SQ ? 1 << 16 | 1 : 1,
	};
	int status = execute(n, &n->admin, command);

	if (status)
		vfio_die("no queue: status %#x", status);
}

void nvme_open(struct nvme *n)
{
	n->memory = vfio_must(mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
				   -1, 0));
	vfio_must(vfio_map(&n->v, n->memory, NVME_IOVA, PAGES * PAGE, VFIO_RW));
	vfio_enable(&n->v);
	queue_init(n, &n->admin, 0, ADMIN_COMMANDS);
	queue_init(n, &n->io, 1, IO_COMMANDS);
	n->stride = 4 << (vfio_get(&n->v, REG_CAP_HIGH) & 15);

	vfio_set(&n->v, REG_CC, 0);
	wait_ready(n, 0);
	vfio_set(&n->v, REG_AQA, (DEPTH - 1) << 16 | (DEPTH - 1));
	set_64(n, REG_ASQ, page_iova(ADMIN_COMMANDS));
	set_64(n, REG_ACQ, page_iova(ADMIN_ANSWERS));
	vfio_set(&n->v, REG_CC, CC_ENTRIES | CC_ENABLE);
	wait_ready(n, CSTS_READY);
	create_queue(n, ADMIN_CREATE_CQ, page_iova(IO_ANSWERS));
	create_queue(n, ADMIN_CREATE_SQ, page_iova(IO_COMMANDS));
}

/* The second address of a command: a page, or a list of all but the first. */
static uint64_t second(struct nvme *n, uint64_t iova, uint32_t size)
{
	uint64_t *list = (void *)(n->memory + LIST * PAGE);
	uint32_t i;

	if (size <= 2 * PAGE)
		return size > PAGE ? iova + PAGE : 0;
	for (i = 1; i < size / PAGE; i++)
		list[i - 1] = iova + i * PAGE;
	return page_iova(LIST);
}

int nvme_io(struct nvme *n, bool write, uint64_t iova, uint64_t sector,
	    uint32_t size)
{
	uint64_t more = second(n, iova, size);
	uint32_t command[16] = {
		[0] = write ? IO_WRITE : IO_READ,
		[1] = 1,
		[6] = iova, [7] = iova >> 32,
		[8] = more, [9] = more >> 32,
		[10] = sector, [11] = sector >> 32,
		[12] = size / NVME_SECTOR - 1,
	};

	return execute(n, &n->io, command);
}
