// SPDX-License-Identifier: GPL-2.0
/*
 * gmem-pager: fills a file of gmemfs from a snapshot, while a guest runs on it.
 *
 * One thread waits for four things: events of the fault channel, reads that
 * have ended, signals, and those who ask for the status.
 */
#include <errno.h>
#include <fcntl.h>
#include <gmem.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "fetch.h"
#include "options.h"
#include "order.h"
#include "record.h"
#include "sandbox.h"
#include "say.h"
#include "source.h"
#include "status.h"

#define EVENTS		64

/* A tick comes so often, whatever else happens. */
#define TICK_NS		250000000

/* While a record is made, others come only after so many quiet ticks. */
#define QUIET_TICKS	8

struct pager {
	struct options options;
	struct source source;
	struct order order;
	struct fetch fetch;
	struct status status;
	FILE *record;
	int file;
	int channel;
	int signals;
	int listener;
	uint64_t tick_ns;	/* when the next tick is due */
	unsigned int quiet;	/* ticks without an event */
	bool stopped;		/* by a signal */
};

/* Tags of polls; those of reads are slots. */
static char channel_tag, signal_tag, status_tag;

/* ---- events ---- */

static int ask(struct pager *p, const struct gmem_fault *fault)
{
	uint64_t block = fault->offset / GMEM_BLOCK_SIZE;
	int ret;

	/* Beyond the end, if the file was longer once: so is the channel. */
	if (fault->flags & GMEM_FAULT_PUNCHED || block >= p->order.nr) {
		p->status.punched++;
		ret = gmem_channel_zero_punched(p->channel, fault->offset,
						fault->size);
		return ret && ret != -ENXIO ? fail_gmem("%s", p->options.file)
					    : 0;
	}
	p->status.faults++;
	if (p->record && p->order.state[block] == BLOCK_ABSENT)
		record_note(p->record, block);
	order_ask(&p->order, block);
	return 0;
}

static int read_events(struct pager *p)
{
	struct gmem_fault faults[EVENTS];
	int n = gmem_channel_read(p->channel, faults, EVENTS), ret = 0;

	if (n == -EAGAIN || n == -EINTR)
		return 0;
	if (n < 0)
		return fail_gmem("%s", p->options.file);
	for (int i = 0; i < n && !ret; i++)
		ret = ask(p, &faults[i]);
	p->quiet = 0;
	return ret;
}

static void update_status(struct pager *p)
{
	struct gmem_info info;

	if (!gmem_file_info(p->file, &info) && info.missing <= p->status.size)
		p->status.there = p->status.size - info.missing;
	p->status.lost = p->order.nr_lost * GMEM_BLOCK_SIZE;
	p->status.read = p->fetch.bytes_read;
	p->status.zero = p->fetch.bytes_zero;
	p->status.starved = p->fetch.starved;
}

/* ---- the loop ---- */

/* Polls are for one event each. */
static int handle(struct pager *p, void *tag, int result)
{
	if (tag == &channel_tag) {
		fetch_poll(&p->fetch, p->channel, &channel_tag);
		return read_events(p);
	}
	if (tag == &signal_tag) {
		p->stopped = true;
		return 0;
	}
	if (tag == &status_tag) {
		fetch_poll(&p->fetch, p->listener, &status_tag);
		update_status(p);
		status_answer(p->listener, &p->status);
		return 0;
	}
	return fetch_end(&p->fetch, tag, result);
}

static int handle_all(struct pager *p)
{
	struct io_uring_cqe *cqe;
	int ret = 0, result;
	void *tag;

	while (!ret && !io_uring_peek_cqe(&p->fetch.ring, &cqe)) {
		tag = io_uring_cqe_get_data(cqe);
		result = cqe->res;
		io_uring_cqe_seen(&p->fetch.ring, cqe);
		ret = handle(p, tag, result);
	}
	return ret;
}

static int tick(struct pager *p)
{
	update_status(p);
	status_draw(&p->status);
	if (p->record && p->quiet < QUIET_TICKS && ++p->quiet == QUIET_TICKS)
		p->order.in_background = !p->options.on_demand;
	return p->fetch.starved ? fetch_again(&p->fetch) : 0;
}

/* Not only if nothing else happens: a guest may touch something all the time. */
static int tick_if_due(struct pager *p)
{
	struct timespec time;
	uint64_t now;

	clock_gettime(CLOCK_MONOTONIC, &time);
	now = time.tv_sec * 1000000000ULL + time.tv_nsec;
	if (now < p->tick_ns)
		return 0;
	p->tick_ns = now + TICK_NS;
	return tick(p);
}

static int wait_for_any(struct pager *p)
{
	struct __kernel_timespec time = { .tv_nsec = TICK_NS };
	struct io_uring_cqe *cqe;
	int ret;

	ret = io_uring_submit_and_wait_timeout(&p->fetch.ring, &cqe, 1, &time,
					       NULL);
	if (ret >= 0 || ret == -ETIME || ret == -EINTR || ret == -EAGAIN ||
	    ret == -EBUSY)
		return 0;
	errno = -ret;
	return fail_errno("io_uring");
}

/*
 * Each block was there once: then what was punched meanwhile is zeros once the
 * channel is closed, and needs no pager.
 */
static bool is_done(struct pager *p)
{
	return !p->options.keep && order_complete(&p->order);
}

static int run(struct pager *p)
{
	fetch_poll(&p->fetch, p->channel, &channel_tag);
	fetch_poll(&p->fetch, p->signals, &signal_tag);
	if (p->listener >= 0)
		fetch_poll(&p->fetch, p->listener, &status_tag);
	while (!p->stopped && !is_done(p))
		if (fetch_begin(&p->fetch) || wait_for_any(p) ||
		    handle_all(p) || tick_if_due(p))
			return -1;
	return 0;
}

/* ---- begin ---- */

static int open_channel(struct pager *p)
{
	uint64_t flags = p->options.reattach ? GMEM_FAULT_REATTACH : 0;

	/* It may be longer by now: its owner could make it so. */
	p->channel = gmem_channel_open(p->file, 0, p->status.size, flags);
	if (p->channel < 0)
		return fail_gmem("%s", p->options.file);
	if (fcntl(p->channel, F_SETFL, O_NONBLOCK))
		return fail_errno("%s", p->options.file);
	return 0;
}

static int open_file(struct pager *p)
{
	struct gmem_info info;

	p->file = gmem_file_open(p->options.file, O_RDWR);
	if (p->file < 0)
		return fail_gmem("%s", p->options.file);
	if (gmem_file_info(p->file, &info))
		return fail_gmem("%s", p->options.file);
	if (!info.size)
		return fail("%s is empty: give it the size of the guest's memory first (truncate --size)",
			    p->options.file);
	p->status.size = info.size;
	return 0;
}

/* It would wait for itself to bring what it reads. */
static int check_apart(const struct pager *p)
{
	struct stat file, from;

	if (fstat(p->file, &file) || fstat(p->source.fd, &from))
		return fail_errno("%s", p->options.file);
	if (file.st_dev == from.st_dev && file.st_ino == from.st_ino)
		return fail("%s can't be its own snapshot", p->options.file);
	return 0;
}

static int open_order(struct pager *p)
{
	const struct options *o = &p->options;
	uint64_t block = GMEM_BLOCK_SIZE;

	if (order_make(&p->order, (p->status.size + block - 1) / block))
		return -1;
	p->order.ahead = o->record ? 0 : (o->ahead + block - 1) / block;
	p->order.in_background = !o->on_demand && !o->record;
	if (o->replay && record_replay(&p->order, o->replay))
		return -1;
	if (o->record)
		p->record = record_open(o->record);
	return o->record && !p->record ? -1 : 0;
}

static bool is_ignored(int number)
{
	struct sigaction action;

	return !sigaction(number, NULL, &action) &&
	       action.sa_handler == SIG_IGN;
}

/*
 * One that is ignored, by nohup or because a script has started this in the
 * background, would be read nevertheless if it were blocked. And whoever reads
 * messages may be gone, while a guest isn't.
 */
static int open_signals(struct pager *p)
{
	static const int ending[] = { SIGHUP, SIGINT, SIGTERM };
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	sigemptyset(&set);
	for (unsigned int i = 0; i < sizeof(ending) / sizeof(*ending); i++)
		if (!is_ignored(ending[i]))
			sigaddset(&set, ending[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return fail_errno("can't block signals");
	p->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return p->signals < 0 ? fail_errno("signalfd") : 0;
}

/* Return: a socket to systemd; or -1 */
static int open_notify(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	socklen_t size = offsetof(struct sockaddr_un, sun_path);
	int fd;

	if (!path || strlen(path) >= sizeof(address.sun_path))
		return -1;
	strcpy(address.sun_path, path);
	if (*path == '@')
		address.sun_path[0] = 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (!connect(fd, (struct sockaddr *)&address, size + strlen(path)))
		return fd;
	close(fd);
	return -1;
}

/* systemd starts the guest when somebody can answer its faults. */
static void tell_systemd(int fd)
{
	if (fd < 0)
		return;
	send(fd, "READY=1", 7, MSG_NOSIGNAL);
	close(fd);
}

static void tell_parent(const struct options *o)
{
	if (o->ready_fd < 0)
		return;
	if (write(o->ready_fd, "\n", 1) < 0)
		say("--ready-fd: %s", strerror(errno));
	close(o->ready_fd);
}

static int begin(struct pager *p)
{
	const struct options *o = &p->options;
	int notify = open_notify();

	/* On a terminal, the guest's console may be there, too. */
	if (o->ready_fd >= 0)
		say_on_terminal = false;
	p->status.file = o->file;
	p->status.from = o->from;
	if (open_file(p) ||
	    source_open(&p->source, o->from, o->block, p->status.size) ||
	    check_apart(p) || open_order(p) || open_signals(p))
		return -1;
	if (o->status) {
		p->listener = status_listen(o->status);
		if (p->listener < 0)
			return -1;
	}
	p->fetch.order = &p->order;
	p->fetch.source = &p->source;
	p->fetch.size = p->status.size;
	/* From here on, whoever touches the file waits for this. */
	if (fetch_open(&p->fetch) || open_channel(p))
		return -1;
	p->fetch.channel = p->channel;
	/* If another pager has the file, its record isn't overwritten. */
	if (p->record && record_begin(p->record, o->record, &p->order))
		return -1;
	status_begin(&p->status);
	if (o->sandbox && sandbox_enter())
		return -1;
	/* Nothing more can keep this from answering. */
	tell_systemd(notify);
	tell_parent(o);
	return 0;
}

/* ---- end ---- */

static int judge(struct pager *p, int ret)
{
	status_clear();
	if (p->order.nr_lost)
		ret = fail("%llu blocks of 2 MiB are lost",
			   (unsigned long long)p->order.nr_lost);
	else if (!ret && !order_complete(&p->order) && !p->options.on_demand)
		ret = fail("ended early: of %llu MiB, %llu are there; whoever touches the others %s",
			   (unsigned long long)(p->status.size >> 20),
			   (unsigned long long)(p->status.there >> 20),
			   p->options.reattach ? "waits for another pager"
					       : "gets SIGBUS");
	if (p->record && record_end(p->record, p->options.record))
		ret = -1;
	return ret ? STATUS_FAILED : STATUS_OK;
}

/*
 * If one of the descriptors 0 to 2 is closed, it becomes /dev/null. Otherwise
 * messages could get into the guest's memory.
 */
static int open_standard(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return -1;
	return 0;
}

/* Descriptors go with the process; a socket's name stays without its rights. */
int main(int argc, char **argv)
{
	static struct pager pager = {
		.file = -1, .channel = -1, .signals = -1, .listener = -1,
	};
	int ret;

	if (open_standard())
		return STATUS_FAILED;
	say_begin();
	ret = options_parse(&pager.options, argc, argv);
	if (ret >= 0)
		return ret;
	ret = begin(&pager);
	if (!ret)
		ret = run(&pager);
	if (pager.channel < 0)
		return STATUS_FAILED;
	update_status(&pager);
	ret = judge(&pager, ret);
	fetch_close(&pager.fetch);
	order_free(&pager.order);
	source_close(&pager.source);
	return ret;
}
