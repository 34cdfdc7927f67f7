// SPDX-License-Identifier: GPL-2.0
/*
 * dlopen PLUGIN: a program that isn't linked with libgmem. It has threads, then
 * loads a plugin that is, and uses windows by it: from threads that are older,
 * in signal handlers, beside fork(), and after the plugin has gone and is back.
 *
 * The witness is the kernel: it reads and writes memory with the rights of the
 * thread that asks, and says EFAULT where these aren't enough.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "../lib/tap.h"
#include "plugin.h"

#define THREADS		4
#define REGIONS		20	/* more than there are keys */
#define ROUNDS		200
#define FORKS		20

static const char *path;
static const struct plugin *plugin;
static void *handle;

#define must(value) \
	do { \
		errno = 0; \
		if (!(value)) \
			bail_out("%d: %s: errno %d, %s", __LINE__, #value, \
				 errno, plugin ? plugin->error() : ""); \
	} while (0)

/* ---- the witness ---- */

static bool may_read(const char *p)
{
	int ends[2];
	bool may;

	if (pipe(ends))
		_exit(98);
	may = write(ends[1], p, 1) == 1;
	if (!may && errno != EFAULT)
		_exit(98);
	close(ends[0]);
	close(ends[1]);
	return may;
}

/* Puts a byte there, if it may. */
static bool put(char *p, char byte)
{
	int ends[2];
	bool may;

	if (pipe(ends) || write(ends[1], &byte, 1) != 1)
		_exit(98);
	may = read(ends[0], p, 1) == 1;
	if (!may && errno != EFAULT)
		_exit(98);
	close(ends[0]);
	close(ends[1]);
	return may;
}

static bool is_closed(char *p)
{
	return !may_read(p) && !put(p, 'c');
}

/* ---- the plugin comes and goes ---- */

static void *load(void *mode)
{
	handle = dlopen(path, RTLD_LOCAL | (int)(intptr_t)mode);
	if (!handle)
		bail_out("%s", dlerror());
	plugin = dlsym(handle, "plugin");
	return NULL;
}

/* By a thread that's gone afterwards. */
static void load_by_thread(int mode)
{
	pthread_t thread;

	must(!pthread_create(&thread, NULL, load, (void *)(intptr_t)mode));
	must(!pthread_join(thread, NULL));
	must(plugin);
}

static bool is_global(void)
{
	return dlsym(RTLD_DEFAULT, "gmem_region_create") ||
	       dlsym(RTLD_DEFAULT, "gmem_window_open_slowly");
}

/* ---- threads that were there before ---- */

static pthread_barrier_t barrier;
static void (*job)(int id);

static void *older_thread(void *arg)
{
	for (;;) {
		pthread_barrier_wait(&barrier);
		if (!job)
			return NULL;
		job((int)(intptr_t)arg);
		pthread_barrier_wait(&barrier);
	}
}

static pthread_t threads[THREADS];

static void start_threads(void)
{
	intptr_t i;

	must(!pthread_barrier_init(&barrier, NULL, THREADS + 1));
	for (i = 0; i < THREADS; i++)
		must(!pthread_create(&threads[i], NULL, older_thread,
				     (void *)i));
}

/* All of them do it at the same time, and meanwhile we do @here. */
static void in_all_threads(void (*what)(int id), void (*here)(void))
{
	job = what;
	pthread_barrier_wait(&barrier);
	if (here)
		here();
	pthread_barrier_wait(&barrier);
}

static void stop_threads(void)
{
	int i;

	job = NULL;
	pthread_barrier_wait(&barrier);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

/* ---- what a signal handler may call, whatever it has interrupted ---- */

void *__libc_malloc(size_t size);

static _Thread_local bool counting;
static _Thread_local int allocations;

/* The dynamic linker's is this, too. */
void *malloc(size_t size)
{
	allocations += counting;
	return __libc_malloc(size);
}

static int allocated[THREADS];

static void ask_for_error(int id)
{
	counting = true;
	plugin->error();
	counting = false;
	allocated[id] = allocations;
	allocations = 0;
}

/* The threads haven't been in the library before. */
static void test_first_call(void)
{
	int i, sum = 0;

	in_all_threads(ask_for_error, NULL);
	for (i = 0; i < THREADS; i++)
		sum += allocated[i];
	is(sum, 0, "older threads' first call of the library allocates nothing");
}

/* ---- what was told of a fault ---- */

/* Alone in the process. The plugin is gone when the fault comes. */
static _Noreturn void die_of_fault(void)
{
	volatile char *p;
	void *region;

	load((void *)(intptr_t)RTLD_NOW);
	region = plugin->make(false);
	if (!region || plugin->tell_faults())
		_exit(97);
	p = plugin->address(region);
	dlclose(handle);
	p[0x777] = 1;
	_exit(0);
}

static void test_fault(void)
{
	char text[200] = "";
	int ends[2], status;
	pid_t pid;

	must(!pipe(ends));
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		tap_finished = true;
		dup2(ends[1], STDERR_FILENO);
		die_of_fault();
	}
	close(ends[1]);
	must(waitpid(pid, &status, 0) == pid);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV,
	   "who touches closed memory dies of it, also without the plugin");
	if (read(ends[0], text, sizeof(text) - 1) <= 0)
		text[0] = 0;
	strtok(text, "\n");
	ok(strstr(text, "offset 0x777 of"), "  \"%s\"", text);
	close(ends[0]);
}

/* ---- windows from several threads ---- */

static void *regions[REGIONS];
static struct tally {
	int opened, refused, wrong;
} tallies[THREADS];

struct place {
	int id;
	char *p;
	bool open;
};

static void write_and_read(void *arg)
{
	struct place *place = arg;

	*place->p = 'a' + place->id;
	place->open = may_read(place->p) && put(place->p, *place->p);
}

/* A page for each thread in each region. */
static void visit_all(int id)
{
	struct tally *t = &tallies[id];
	int i;

	for (i = 0; i < ROUNDS; i++) {
		void *region = regions[(i * 7 + id) % REGIONS];
		struct place place = { .id = id };

		place.p = plugin->address(region) + id * 4096;
		t->wrong += !is_closed(place.p);
		if (plugin->visit(region, true, write_and_read, &place))
			t->refused++;
		t->opened += place.open;
		t->wrong += !is_closed(place.p);
	}
}

/* Whatever locks others have at the moment: nothing of it is used there. */
static int children_right;

static void fork_some(void)
{
	char *p = plugin->address(regions[0]);
	int i, status;
	pid_t pid;

	for (i = 0; i < FORKS; i++) {
		pid = fork();
		must(pid >= 0);
		if (!pid)
			_exit(is_closed(p) ? 0 : 1);
		must(waitpid(pid, &status, 0) == pid);
		children_right += !status;
	}
}

static void test_threads(void)
{
	struct tally sum = {};
	int i;

	for (i = 0; i < REGIONS; i++)
		must(regions[i] = plugin->make(false));
	in_all_threads(visit_all, fork_some);
	for (i = 0; i < THREADS; i++) {
		sum.opened += tallies[i].opened;
		sum.refused += tallies[i].refused;
		sum.wrong += tallies[i].wrong;
	}
	is(sum.opened, THREADS * ROUNDS, "older threads' windows are open");
	is(sum.refused, 0, "none was refused");
	is(sum.wrong, 0, "before and behind them all is closed");
	is(children_right, FORKS, "children that came meanwhile have nothing");
}

/* ---- one thread's window isn't another's ---- */

static char *watched;
static bool closed_to[THREADS];

static void look(int id)
{
	closed_to[id] = is_closed(watched);
}

static void let_others_look(void *arg)
{
	(void)arg;
	in_all_threads(look, NULL);
}

static void test_others(void)
{
	int i, closed = 0;

	watched = plugin->address(regions[1]);
	must(!plugin->visit(regions[1], true, let_others_look, NULL));
	for (i = 0; i < THREADS; i++)
		closed += closed_to[i];
	is(closed, THREADS, "a window is closed to the threads around it");
}

/* ---- signal handlers ---- */

static void *own;	/* a region with a key of its own */
static bool handler_closed, handler_open, handler_closed_again, open_behind;

static void look_in_handler(void *arg)
{
	handler_open = may_read(arg);
}

static void on_usr1(int sig)
{
	char *p = plugin->address(own);

	(void)sig;
	handler_closed = is_closed(p);
	plugin->visit(own, false, look_in_handler, p);
	handler_closed_again = is_closed(p);
}

static void be_interrupted(void *arg)
{
	raise(SIGUSR1);
	open_behind = may_read(arg) && put(arg, 's');
}

static void test_signal_handler(void)
{
	struct sigaction act = { .sa_handler = on_usr1 };

	must(own = plugin->make(true));
	sigaction(SIGUSR1, &act, NULL);
	must(!plugin->visit(own, true, be_interrupted, plugin->address(own)));
	ok(handler_closed, "a signal handler in a window has none");
	ok(handler_open && handler_closed_again, "it opens and closes its own");
	ok(open_behind, "and leaves the window as it was");
	ok(is_closed(plugin->address(own)), "which is closed at its end");
}

/* ---- fork() in a window ---- */

static int child_status;

static void fork_inside(void *arg)
{
	pid_t pid = fork();

	if (!pid)
		_exit(is_closed(arg) ? 0 : 1);
	if (pid < 0 || waitpid(pid, &child_status, 0) != pid)
		child_status = -1;
}

static void test_fork(void)
{
	must(!plugin->visit(own, true, fork_inside, plugin->address(own)));
	is(child_status, 0, "a child made in a window has nothing, either");
}

/* ---- and back ---- */

static void read_only(void *arg)
{
	struct place *place = arg;

	place->open = may_read(place->p) && !put(place->p, 'r') &&
		      *place->p == 's';
}

static void test_again(void)
{
	struct place place = { .p = plugin->address(own) };
	unsigned long keys = plugin->keys();

	watched = place.p;
	plugin = NULL;
	is(dlclose(handle), 0, "the plugin goes");
	ok(is_closed(watched), "its region stays, and closed");
	in_all_threads(look, NULL);
	ok(closed_to[0] && closed_to[THREADS - 1], "to others, too");
	load_by_thread(RTLD_NOW);
	is(plugin->keys(), keys, "it comes back to the same keys");
	is(plugin->visit(own, false, read_only, &place), 0,
	   "opens a window in the same region");
	ok(place.open, "which still has its memory");
	ok(is_closed(place.p), "and closes it");
}

static void destroy_all(void)
{
	int i;

	for (i = 0; i < REGIONS; i++)
		plugin->destroy(regions[i]);
	plugin->destroy(own);
	ok(is_closed(watched), "regions are gone");
}

int main(int argc, char **argv)
{
	if (argc != 2)
		bail_out("usage: dlopen PLUGIN");
	path = argv[1];
	test_fault();
	start_threads();
	ok(!is_global(), "this program knows nothing of libgmem");
	load_by_thread(RTLD_LAZY);
	ok(!is_global(), "nor when the plugin is loaded");
	test_first_call();
	test_threads();
	test_others();
	test_signal_handler();
	test_fork();
	test_again();
	destroy_all();
	stop_threads();
	return done_testing();
}
