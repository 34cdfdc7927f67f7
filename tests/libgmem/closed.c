// SPDX-License-Identifier: GPL-2.0
/*
 * closed: memory of a region that has windows is never mapped with rights and
 * without a key, not even for the moment in which it is mapped, or in which a
 * clock's page gets another mapping.
 *
 * The kernel says what is mapped how. It is asked all the time by a thread,
 * and, in the build that has points, at each of these moments.
 */
#include <linux/kvm.h>
#include <pthread.h>

#include "../guard/kvm.h"
#include "../module/gmem_test.h"
#include "libgmem_test.h"

#define SIZE		((long)GUEST_FILE_SIZE)
#define ROUNDS		50
#define MOVES		130	/* more than leads to mapping all of it anew */

static uint64_t open_mappings, looked;
static volatile bool over;
static __thread bool is_main;

#define count(what, n)	__atomic_fetch_add(&(what), (n), __ATOMIC_RELAXED)

/* ---- what is mapped ---- */

static bool is_guests(const char *line)
{
	return strstr(line, "/memfd:guest") || strstr(line, MNT "/") ||
	       strstr(line, "gmem_shared_view");
}

/* Of smaps, whose first lines of mappings begin with addresses. */
static unsigned int open_in(FILE *smaps)
{
	char line[512], perms[5] = "";
	unsigned int key, open = 0;
	bool guests = false;

	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%*x-%*x %4s", perms) == 1)
			guests = is_guests(line);
		else if (guests &&
			 sscanf(line, "ProtectionKey: %u", &key) == 1)
			open += !key && strncmp(perms, "--", 2);
	}
	return open;
}

static void look(void)
{
	FILE *smaps = must(fopen("/proc/self/smaps", "re") ?: (FILE *)-1);

	count(open_mappings, open_in(smaps));
	count(looked, 1);
	fclose(smaps);
}

#ifdef GMEM_POINTS
#include "../../lib/point.h"

void gmem_point_reached(enum gmem_point point)
{
	if (is_main && point == GMEM_POINT_MAPPED)
		look();
}
#endif

static void *keep_looking(void *arg)
{
	while (!over)
		look();
	return arg;
}

/* ---- what to do meanwhile ---- */

static struct gmem_region *make(uint32_t backend, uint32_t windows)
{
	struct gmem_region_options options = {
		.size = SIZE, .windows = windows, .backends = 1U << backend,
	};
	struct gmem_region *r;

	good(gmem_region_create(&options, &r));
	return r;
}

static void come_and_go(uint32_t backend, uint32_t windows)
{
	struct gmem_region *r;
	char byte;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		r = make(backend, windows);
		good(gmem_region_read(r, 0, &byte, 1));
		gmem_region_destroy(r);
	}
}

static void move_clock(void)
{
	struct gmem_region *r = make(GMEM_BACKEND_GMEMFS, GMEM_WINDOWS_KEYS);
	struct gmem_vm *book;
	struct vm vm;
	int i;

	vm_make(&vm, 1, false);
	good(gmem_vm_create(vm.fd, &book));
	good(gmem_vm_add(book, 1, GUEST_FILE, r, 0, SIZE, 0));
	for (i = 0; i < MOVES; i++)
		good(gmem_vm_write_msr(book, vm.vcpus[0].fd, MSR_CLOCK,
				       (GUEST_FILE + i * 2 * PAGE) | 1));
	good(gmem_vm_remove(book, 1));
	gmem_vm_destroy(book);
	vm_free(&vm);
	gmem_region_destroy(r);
}

static void nothing_open(const char *what)
{
	uint64_t n = __atomic_exchange_n(&looked, 0, __ATOMIC_RELAXED);
	uint64_t open = __atomic_exchange_n(&open_mappings, 0,
					    __ATOMIC_RELAXED);

	ok(n && !open, "%s: looked at %lu times, open %lu times", what, n,
	   open);
}

static bool has_keys(void)
{
	struct gmem_region *r = make(GMEM_BACKEND_MEMFD, GMEM_WINDOWS_KEYS);
	bool has = r->windows == GMEM_WINDOWS_KEYS;

	gmem_region_destroy(r);
	return has;
}

/* That it's seen: there is one without windows. */
static void test_witness(void)
{
	struct gmem_region *a = make(GMEM_BACKEND_GMEMFS, GMEM_WINDOWS_NONE);
	struct gmem_region *b = make(GMEM_BACKEND_MEMFD, GMEM_WINDOWS_NONE);

	open_mappings = 0;
	look();
	is(open_mappings, 2, "the witness sees regions without windows");
	gmem_region_destroy(a);
	gmem_region_destroy(b);
	open_mappings = 0;
	looked = 0;
}

int main(void)
{
	pthread_t thread;

	if (!has_keys())
		skip_all("this CPU has no protection keys");
	is_main = true;
	test_witness();
	must(pthread_create(&thread, NULL, keep_looking, NULL) ? -1 : 0);
	come_and_go(GMEM_BACKEND_GMEMFS, GMEM_WINDOWS_KEYS);
	nothing_open("gmemfs, keys");
	come_and_go(GMEM_BACKEND_MEMFD, GMEM_WINDOWS_OWN_KEY);
	nothing_open("memfd, own key");
	move_clock();
	nothing_open("a clock that moves");
	over = true;
	pthread_join(thread, NULL);
#ifdef GMEM_POINTS
	looked = 0;
	open_mappings = 0;
	come_and_go(GMEM_BACKEND_GMEMFS, GMEM_WINDOWS_PROCESS);
	nothing_open("gmemfs, mprotect()");
#endif
	ok(becomes("hidden_bytes", 0), "nothing stays hidden");
	return done_testing();
}
