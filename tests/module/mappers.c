// SPDX-License-Identifier: GPL-2.0
/*
 * mappers SECONDS SEED: a fork bomb of processes that map. Each maps a piece of
 * a file that all have open, by the guest view or the shared one, touches it,
 * unmaps it, converts some, cuts the file off and makes it longer again, and
 * forks, until the time is over or nobody may fork any more; and so do its
 * children. abuse/mappers limits their number and kills what is left.
 *
 * What a process may find is memory that isn't there (SIGBUS), or that no
 * memory and no process is left; anything else ends it with 1, and the first
 * one with it.
 */
#include "gmem_test.h"

#include <time.h>

#include "../lib/chance.h"

#define SIZE		((long)(16 * BLOCK))
#define MAPPINGS	8

static struct {
	unsigned long forks, refused_forks, maps, touches, away, failed;
} *counts;

static int views[2];
static uint64_t seed;
static struct {
	char *at;
	long size;
} mapped[MAPPINGS];
static sigjmp_buf away;

#define count(what) __atomic_add_fetch(&counts->what, 1, __ATOMIC_RELAXED)

static long below(long n)
{
	return chance(&seed) % n;
}

static void on_bus(int signal)
{
	siglongjmp(away, signal);
}

static void die_at(const char *call)
{
	diag("%d: %s: %s", getpid(), call, strerror(errno));
	count(failed);
	_exit(1);
}

static void unmap(int i)
{
	if (mapped[i].at && munmap(mapped[i].at, mapped[i].size))
		die_at("munmap");
	mapped[i].at = NULL;
}

static void map_some(int i)
{
	long first = below(SIZE / PAGE);
	long size = (1 + below(SIZE / PAGE - first)) * PAGE;
	char *at;

	unmap(i);
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
		  views[below(2)], first * PAGE);
	if (at == MAP_FAILED) {
		if (errno != ENOMEM)
			die_at("mmap");
		return;
	}
	mapped[i].at = at;
	mapped[i].size = size;
	count(maps);
}

static void touch_some(int i)
{
	int n = below(32);

	if (!mapped[i].at)
		return;
	while (n--) {
		volatile char *at = mapped[i].at + below(mapped[i].size);

		if (sigsetjmp(away, 1)) {
			count(away);
			continue;
		}
		(*at)++;
		count(touches);
	}
}

static void convert_some(void)
{
	long first = below(SIZE / PAGE);
	struct gmem_attributes a = {
		.offset = first * PAGE,
		.size = (1 + below(SIZE / PAGE - first)) * PAGE,
		.attributes = below(2) ? GMEM_ATTRIBUTE_PRIVATE : 0,
	};

	/* The file may be shorter just then. */
	if (ioctl(views[0], GMEM_SET_ATTRIBUTES, &a) && errno != EINVAL &&
	    errno != EAGAIN && errno != ENOMEM && errno != EINTR)
		die_at("GMEM_SET_ATTRIBUTES");
}

static void cut_off(void)
{
	if (ftruncate(views[0], below(SIZE)) || ftruncate(views[0], SIZE))
		die_at("ftruncate");
}

/* In the child it's the child's seed. */
static void fork_one(void)
{
	uint64_t its_seed = chance(&seed) | 1;
	pid_t pid = fork();

	if (pid < 0) {
		if (errno != EAGAIN && errno != ENOMEM)
			die_at("fork");
		count(refused_forks);
	} else if (pid) {
		count(forks);
	} else {
		seed = its_seed;
	}
}

static void bomb(time_t end)
{
	while (time(NULL) < end) {
		switch (below(16)) {
		case 0:
			cut_off();
			break;
		case 1:
			convert_some();
			break;
		case 2:
		case 3:
			fork_one();
			break;
		case 4:
			if (!below(8))
				_exit(0);
			unmap(below(MAPPINGS));
			break;
		case 5:
		case 6:
			map_some(below(MAPPINGS));
			break;
		default:
			touch_some(below(MAPPINGS));
		}
	}
}

/* Not the first, which has to tell: a child may end. */
static void start(time_t end)
{
	pid_t pid = must(fork());

	if (pid)
		return;
	bomb(end);
	_exit(0);
}

int main(int argc, char **argv)
{
	int seconds = argc > 1 ? atoi(argv[1]) : 10;
	time_t end = time(NULL) + seconds;

	seed = argc > 2 ? strtoull(argv[2], NULL, 0)
			: (unsigned long)time(NULL) << 8;
	diag("seed %llu, %d s", (unsigned long long)seed, seconds);
	counts = must(mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	views[0] = new_file(SIZE);
	views[1] = must(ioctl(views[0], GMEM_SHARED_VIEW, 0));
	signal(SIGBUS, on_bus);
	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < 4; i++) {
		seed = chance(&seed) | 1;
		start(end);
	}
	sleep(seconds + 1);
	diag("%lu forks and %lu refused, %lu mappings, %lu touches, %lu found nothing",
	     counts->forks, counts->refused_forks, counts->maps,
	     counts->touches, counts->away);
	is(counts->failed, 0, "nothing fails that must not");
	ok(counts->refused_forks, "there were as many as there may be");
	ok(counts->touches, "memory was touched");
	ok(counts->away, "and away");
	return done_testing();
}
