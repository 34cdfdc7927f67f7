// SPDX-License-Identifier: GPL-2.0
/*
 * stress [SECONDS]: regions come and go in eight threads, with windows,
 * conversions, signals, forks and vCPUs; LIBGMEM_SECONDS goes before the
 * argument.
 *
 * The witnesses are strangers: memory of the program's that the library has
 * never seen, mapped wherever a region has just been. Their first page can be
 * read, the second has no rights at all, and that must stay so.
 */
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#include "../guard/kvm.h"
#include "../lib/chance.h"
#include "../module/gmem_test.h"
#include "libgmem_test.h"

#define WORKERS		8
#define VCPUS		2
#define STAYING		20	/* regions: more than there are keys */
#define STRANGERS	16	/* of each worker's */
#define SIZE		(4 * PAGE)
#define ENOUGH		(4 * WORKERS)	/* regions, in however long a time */
#define MORE_SECONDS	300	/* for that, on a machine that is busy */

/*
 * ThreadSanitizer has handlers run later, when the signal may be blocked, and
 * then they find the lock taken by the thread that they are in.
 */
#ifdef __SANITIZE_THREAD__
#define SIGNALS		false
#else
#define SIGNALS		true
#endif

/* Of regions that stay, a byte that a worker has written, for each. */
#define BYTE_OF(id)	((char)(0x40 + (id)))

struct stranger {
	char *p;
	unsigned int id;
};

struct worker {
	pthread_t thread;
	unsigned int id;
	uint64_t seed;
	struct stranger strangers[STRANGERS];
	uint64_t regions, landed, busy, windows, converted;
};

struct player {			/* what runs a vCPU */
	pthread_t thread;
	struct vm vm;
	struct gmem_vm *book;
	struct gmem_region *region;
	uint64_t runs, interrupted;
};

static struct gmem_region *staying[STAYING];
static struct worker workers[WORKERS];
static struct player players[VCPUS];
static bool over;
static uint64_t lived, handled, handler_refused, handler_wrong;
static uint64_t touched, wrong, errors;
static uint64_t children, children_failed;
static unsigned int strangers_ids;

#define count(what)	__atomic_fetch_add(&(what), 1, __ATOMIC_RELAXED)
#define counted(what)	__atomic_load_n(&(what), __ATOMIC_RELAXED)

static bool stopped(void)
{
	return __atomic_load_n(&over, __ATOMIC_RELAXED);
}

/* The first error, for the reader. */
static void note_error(const char *what, int error)
{
	if (!count(errors))
		diag("%s: %d: %s", what, error, gmem_last_error());
}

#ifdef GMEM_POINTS
#include "../../lib/point.h"

/* Gives others the time that they need to get into the way. */
void gmem_point_reached(enum gmem_point point)
{
	static uint64_t reached;
	uint64_t n = count(reached);

	(void)point;
	if (n % 4 == 0)
		syscall(SYS_sched_yield);
	else if (n % 64 == 1)
		syscall(SYS_nanosleep, &(struct timespec){ .tv_nsec = 100000 },
			NULL);
}
#endif

/* ---- strangers ---- */

/* @at is where the region was, and may be somebody else's by now. */
static struct stranger meet(struct worker *w, char *at)
{
	struct stranger s = { .id = count(strangers_ids) };

	s.p = mmap(at, SIZE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (s.p == MAP_FAILED)
		s.p = must(mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	else
		count(w->landed);
	snprintf(s.p, PAGE, "/nowhere/%u", s.id);
	must(mprotect(s.p + PAGE, PAGE, PROT_NONE));
	return s;
}

/* The kernel reads it with this thread's rights, so keys count. */
static bool is_ours(const struct stranger *s)
{
	char want[32];

	if (syscall(SYS_faccessat, AT_FDCWD, s->p, F_OK) != -1 ||
	    errno != ENOENT)
		return false;
	snprintf(want, sizeof(want), "/nowhere/%u", s->id);
	return !strcmp(s->p, want);
}

/* As another process would, for whom keys don't count: so it is the mapping. */
static bool is_guard(const char *p)
{
	char byte;
	struct iovec local = { &byte, 1 }, remote = { (void *)p, 1 };

	return syscall(SYS_process_vm_readv, getpid(), &local, 1, &remote, 1,
		       0) == -1 && errno == EFAULT;
}

static void look_at(const struct stranger *s)
{
	if (s->p && !(is_ours(s) && is_guard(s->p + PAGE)))
		count(touched);
}

static void part_from(struct stranger *s)
{
	look_at(s);
	if (s->p)
		must(munmap(s->p, SIZE));
	s->p = NULL;
}

/* ---- a region's life ---- */

static int make(struct gmem_region **r, uint32_t windows, bool hidden,
		uint64_t size)
{
	struct gmem_region_options options = {
		.size = size, .windows = windows,
		.backends = 1 << (hidden ? GMEM_BACKEND_GMEMFS :
				  GMEM_BACKEND_MEMFD),
	};

	return gmem_region_create(&options, r);
}

static void write_and_read(struct worker *w, struct gmem_region *r)
{
	uint64_t value = chance(&w->seed), read = 0, at = SIZE - 8;
	int ret = gmem_region_write(r, at, &value, sizeof(value)) ?:
		  gmem_region_read(r, at, &read, sizeof(read));

	if (ret)
		note_error("a region that is new", ret);
	else if (value != read)
		count(wrong);
	w->windows += 2;
}

static void convert(struct worker *w, struct gmem_region *r)
{
	bool private = chance(&w->seed) % 2;
	int ret = gmem_region_convert(r, PAGE, PAGE, private ?
				      GMEM_ATTRIBUTE_PRIVATE : 0, 0, 100, NULL);

	/* A signal handler ran meanwhile. */
	if (ret && ret != -EINTR)
		note_error("to convert", ret);
	if (!ret)
		count(w->converted);
}

/* In one that stays, this worker's byte is as it left it. */
static void visit(struct worker *w)
{
	struct gmem_region *r = staying[chance(&w->seed) % STAYING];
	struct gmem_window window;
	int ret = gmem_window_open(&window, r, GMEM_WRITE);
	volatile char *p = (char *)r->address + w->id;

	if (ret) {
		note_error("one that stays", ret);
		return;
	}
	if (*p != BYTE_OF(w->id))
		count(wrong);
	*p = BYTE_OF(w->id);
	gmem_window_close(&window);
	w->windows++;
}

static uint32_t some_windows(struct worker *w)
{
	switch (chance(&w->seed) % 8) {
	case 0:
		return GMEM_WINDOWS_OWN_KEY;
	case 1:
		return GMEM_WINDOWS_PROCESS;
	case 2:
		return GMEM_WINDOWS_NONE;
	default:
		return GMEM_WINDOWS_KEYS;
	}
}

static void live_once(struct worker *w)
{
	struct stranger *s = &w->strangers[w->regions % STRANGERS];
	bool hidden = chance(&w->seed) % 2;
	struct gmem_region *r;
	char *at;
	int ret = make(&r, some_windows(w), hidden, SIZE);

	if (ret) {
		/* All keys may be other regions' own. */
		if (ret != -EBUSY)
			note_error("to make one", ret);
		w->busy++;
		return;
	}
	write_and_read(w, r);
	if (hidden)
		convert(w, r);
	visit(w);
	part_from(s);
	at = r->address;
	gmem_region_destroy(r);
	*s = meet(w, at);
	w->regions++;
	count(lived);
	look_at(&w->strangers[chance(&w->seed) % STRANGERS]);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	unsigned int i;

	while (!stopped())
		live_once(w);
	for (i = 0; i < STRANGERS; i++)
		part_from(&w->strangers[i]);
	return NULL;
}

/* ---- vCPUs ---- */

static void *play(void *arg)
{
	struct player *p = arg;
	int ret;

	while (!stopped()) {
		ret = gmem_vcpu_run(p->vm.vcpus[0].fd);
		if (ret == -EINTR || ret == -EAGAIN)
			p->interrupted++;
		else if (ret)
			note_error("a vCPU", ret);
		else
			count(p->runs);
		/* An emulated guest leaves nobody else the CPU. */
		usleep(3000);
	}
	return NULL;
}

static void start_player(struct player *p)
{
	good(make(&p->region, GMEM_WINDOWS_KEYS, true, GUEST_FILE_SIZE));
	vm_make(&p->vm, 1, false);
	vcpu_reset(&p->vm.vcpus[0], GUEST_SWEEP, 1);
	good(gmem_vm_create(p->vm.fd, &p->book));
	good(gmem_vm_add(p->book, 1, GUEST_FILE, p->region, 0,
			 GUEST_FILE_SIZE, 0));
	must(pthread_create(&p->thread, NULL, play, p) ? -1 : 0);
}

static void stop_player(struct player *p)
{
	gmem_vm_destroy(p->book);
	vm_free(&p->vm);
	gmem_region_destroy(p->region);
}

/* ---- signals ---- */

/* Whatever it has interrupted, also a window, and the library itself. */
static void on_signal(int sig)
{
	static unsigned int signals;
	unsigned int n = count(signals), id = n % WORKERS;
	struct gmem_region *r = staying[n % STAYING];
	struct gmem_window window;
	int error = errno;

	(void)sig;
	if (gmem_window_open(&window, r, GMEM_READ)) {
		count(handler_refused);
	} else {
		if (((volatile char *)r->address)[id] != BYTE_OF(id))
			count(handler_wrong);
		gmem_window_close(&window);
		count(handled);
	}
	errno = error;
}

static void send_signal(uint64_t *seed)
{
	unsigned int who = chance(seed) % (WORKERS + VCPUS);

	if (SIGNALS)
		pthread_kill(who < WORKERS ? workers[who].thread :
			     players[who - WORKERS].thread, SIGUSR1);
	usleep(chance(seed) % 1000);
}

/* ---- children ---- */

/* Regions that stay are the parent's. Its own come to the same addresses. */
static int live_as_child(void)
{
	struct gmem_region *r;
	unsigned int i, failed = 0;
	char byte = 'c';

	for (i = 0; i < STAYING; i++) {
		failed += gmem_region_read(staying[i], 0, &byte, 1) != -ESTALE;
		if (!CHILDREN_ALLOCATE)
			continue;
		failed += make(&r, GMEM_WINDOWS_KEYS, false, SIZE) ||
			  gmem_region_write(r, 0, &byte, 1) ||
			  gmem_region_read(r, 0, &byte, 1);
		gmem_region_destroy(staying[i]);
	}
	return failed;
}

static void have_child(void)
{
	pid_t pid = must(fork());
	int status;

	if (!pid) {
		tap_finished = true;
		alarm(100);
		_exit(live_as_child());
	}
	must(waitpid(pid, &status, 0));
	count(children);
	if (status)
		count(children_failed);
}

/* ---- all of it ---- */

static void start(void)
{
	struct sigaction act = { .sa_handler = on_signal };
	unsigned int i, id;

	for (i = 0; i < STAYING; i++) {
		good(make(&staying[i], GMEM_WINDOWS_KEYS, i % 2, SIZE));
		for (id = 0; id < WORKERS; id++)
			good(gmem_region_write(staying[i], id,
					       &(char){ BYTE_OF(id) }, 1));
	}
	sigaction(SIGUSR1, &act, NULL);
	for (i = 0; i < VCPUS; i++)
		start_player(&players[i]);
	for (i = 0; i < WORKERS; i++) {
		workers[i].id = i;
		workers[i].seed = 4711 + i;
		must(pthread_create(&workers[i].thread, NULL, work,
				    &workers[i]) ? -1 : 0);
	}
}

static void stop(void)
{
	unsigned int i;

	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	for (i = 0; i < WORKERS; i++)
		pthread_join(workers[i].thread, NULL);
	for (i = 0; i < VCPUS; i++)
		pthread_join(players[i].thread, NULL);
}

/* An emulated host may have done next to nothing in that time. */
static bool is_enough(void)
{
	uint64_t landed = 0, converted = 0, runs = 0;
	unsigned int i;

	for (i = 0; i < WORKERS; i++) {
		landed += counted(workers[i].landed);
		converted += counted(workers[i].converted);
	}
	for (i = 0; i < VCPUS; i++)
		runs += counted(players[i].runs);
	return counted(lived) >= ENOUGH && landed && converted && runs &&
	       stats().recycled && children && (counted(handled) || !SIGNALS);
}

static void report(void)
{
	struct worker sum = {};
	uint64_t runs = 0, interrupted = 0;
	unsigned int i;

	for (i = 0; i < WORKERS; i++) {
		sum.regions += workers[i].regions;
		sum.landed += workers[i].landed;
		sum.busy += workers[i].busy;
		sum.windows += workers[i].windows;
		sum.converted += workers[i].converted;
	}
	for (i = 0; i < VCPUS; i++) {
		runs += players[i].runs;
		interrupted += players[i].interrupted;
		is(players[i].vm.vcpus[0].guest->wrong, 0,
		   "guest %u: its memory kept what it wrote", i);
	}
	diag("%lu regions, %lu strangers where they were, %lu windows, %lu conversions, %lu had no key of their own",
	     sum.regions, sum.landed, sum.windows, sum.converted, sum.busy);
	diag("%lu windows in handlers, %lu refused; vCPUs ran %lu times, %lu were interrupted",
	     handled, handler_refused, runs, interrupted);
	diag("%lu children", children);
	diag("%lu keys, %lu misses, %lu recycled, %lu waits",
	     (long)stats().keys, (long)stats().misses,
	     (long)stats().recycled, (long)stats().waits);
	ok(sum.regions >= ENOUGH && sum.landed && sum.converted &&
	   stats().recycled, "regions came and went, and keys went round");
	ok((handled || !SIGNALS) && runs && children,
	   "%svCPUs ran, and children", SIGNALS ? "signals came, " : "");
}

static int seconds(int argc, char **argv)
{
	const char *from = getenv("LIBGMEM_SECONDS");

	if (from && *from)
		return atoi(from);
	return argc > 1 ? atoi(argv[1]) : 4;
}

int main(int argc, char **argv)
{
	time_t end, last;
	uint64_t seed = 99;
	unsigned int i, sent = 0;

	/* Threads that wait for each other do so for ever. */
	alarm(10 * seconds(argc, argv) + MORE_SECONDS + 120);
	start();
	end = time(NULL) + seconds(argc, argv);
	last = end + MORE_SECONDS;
	while (time(NULL) < end || (time(NULL) < last && !is_enough()))
		if (++sent % 50)
			send_signal(&seed);
		else
			have_child();
	stop();
	report();
	is(counted(touched), 0, "no stranger was touched");
	is(counted(errors), 0, "no call failed that shouldn't");
	is(children_failed, 0, "nor did one in a child");
	is(counted(wrong) + counted(handler_wrong), 0, "memory kept what it had");
	for (i = 0; i < VCPUS; i++)
		stop_player(&players[i]);
	for (i = 0; i < STAYING; i++)
		gmem_region_destroy(staying[i]);
	ok(becomes("hidden_bytes", 0), "nothing stays hidden");
	return done_testing();
}
