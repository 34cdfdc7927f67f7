// SPDX-License-Identifier: GPL-2.0
/*
 * refused: the kernel refuses a request halfway. The library undoes the part
 * that was done, or records it: it keeps no address of unmapped memory, and no
 * region is open, or can be opened by another region's key.
 *
 * The functions here replace madvise() and others that the library calls.
 */
#include <sys/syscall.h>

#include "../module/gmem_test.h"
#include "libgmem_test.h"

#define SIZE		(4 * PAGE)
#define ONLY(b)		(1U << GMEM_BACKEND_##b)

/* ---- the kernel's refusals ---- */

static int refuse_madvise;	/* how many times */
static int refuse_key;		/* how many times; the first after half of it */
static bool half_key;
static int refuse_prot;		/* how many times, after half of it */
static bool all_unmapped_is_ours;
static char *ours;

/* Another thread might map memory there a moment later. */
static void move_in(void *p, size_t size)
{
	ours = must(mmap(p, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
			 0));
	memcpy(ours, "ours", sizeof("ours"));
}

static bool is_ours_still(void)
{
	return !msync(ours, SIZE, MS_ASYNC) && !strcmp(ours, "ours");
}

int madvise(void *p, size_t size, int advice)
{
	if (refuse_madvise && refuse_madvise--) {
		errno = EPERM;
		return -1;
	}
	return syscall(SYS_madvise, p, size, advice);
}

int munmap(void *p, size_t size)
{
	int ret = syscall(SYS_munmap, p, size);

	if (all_unmapped_is_ours && size == SIZE) {
		all_unmapped_is_ours = false;
		move_in(p, size);
	}
	return ret;
}

int mprotect(void *p, size_t size, int prot)
{
	if (refuse_prot && size == SIZE && refuse_prot--) {
		syscall(SYS_mprotect, p, size / 2, prot);
		errno = ENOMEM;
		return -1;
	}
	return syscall(SYS_mprotect, p, size, prot);
}

int pkey_mprotect(void *p, size_t size, int prot, int key)
{
	if (refuse_key && size == SIZE && refuse_key--) {
		if (half_key)
			syscall(SYS_pkey_mprotect, p, size / 2, prot, key);
		half_key = false;
		errno = ENOMEM;
		return -1;
	}
	return syscall(SYS_pkey_mprotect, p, size, prot, key);
}

static void refuse_keys(int times)
{
	refuse_key = times;
	half_key = times;
}

/* ---- regions ---- */

static int try_make(uint32_t backend, uint32_t windows,
		    struct gmem_region **region)
{
	struct gmem_region_options options = {
		.size = SIZE, .windows = windows, .backends = backend,
	};

	return gmem_region_create(&options, region);
}

static struct gmem_region *make(uint32_t backend, uint32_t windows)
{
	struct gmem_region *region;

	good(try_make(backend, windows, &region));
	return region;
}

static bool is_closed(const struct gmem_region *region)
{
	const char *p = region->address;

	return !may_read(p) && !may_read(p + SIZE - 1);
}

static bool is_open(const struct gmem_region *region)
{
	const char *p = region->address;

	return may_read(p) && may_read(p + SIZE - 1);
}

/* ---- a mapping that isn't kept ---- */

static void test_create(void)
{
	struct gmem_region *region;

	refuse_madvise = 1;
	all_unmapped_is_ours = true;
	is(try_make(ONLY(MEMFD), GMEM_WINDOWS_NONE, &region), -EPERM,
	   "a new region's mapping is refused");
	ok(!all_unmapped_is_ours && is_ours_still(),
	   "what comes to its address is left alone");
	must(munmap(ours, SIZE));
	gmem_region_destroy(make(ONLY(MEMFD), GMEM_WINDOWS_NONE));
}

static void test_shared(void)
{
	struct gmem_region *region = make(ONLY(GMEMFS), GMEM_WINDOWS_NONE);
	void *address = NULL;

	refuse_madvise = 1;
	all_unmapped_is_ours = true;
	is(gmem_region_shared(region, &address), -EPERM,
	   "the shared view's mapping is refused");
	ok(!address && !all_unmapped_is_ours, "there is no address of it");
	good(gmem_region_shared(region, &address));
	ok(address && address != ours, "the next time it is another one");
	gmem_region_destroy(region);
	ok(is_ours_still(), "what comes to its address is left alone");
	must(munmap(ours, SIZE));
}

/* ---- half of a change of rights ---- */

static void test_key_given(void)
{
	struct gmem_region *a = make(ONLY(MEMFD), GMEM_WINDOWS_KEYS);
	struct gmem_region *b = make(ONLY(MEMFD), GMEM_WINDOWS_KEYS);
	struct gmem_window w;

	for (int times = 1; times <= 2; times++) {
		refuse_keys(times);
		is(gmem_window_open(&w, a, GMEM_WRITE), -ENOMEM,
		   "a key that half of a region has got%s", times == 1 ? "" :
		   ", and keeps");
		is(refuse_key, 0, "  refused %d times", times);
		w = opened(b, GMEM_WRITE);
		ok(is_closed(a), "  doesn't open it to a window of another");
		gmem_window_close(&w);
		w = opened(a, GMEM_WRITE);
		ok(is_open(a) && is_closed(b), "  and it opens by itself");
		gmem_window_close(&w);
		ok(is_closed(a) && is_closed(b), "  and closes");
		gmem_region_destroy(a);
		a = make(ONLY(MEMFD), GMEM_WINDOWS_KEYS);
	}
	gmem_region_destroy(a);
	gmem_region_destroy(b);
}

#define MANY	24	/* more than there are keys */

/* All regions have had a key, so each new window takes one from another. */
static void make_many(struct gmem_region **many)
{
	char byte;

	for (int i = 0; i < MANY; i++) {
		many[i] = make(ONLY(MEMFD), GMEM_WINDOWS_KEYS);
		good(gmem_region_read(many[i], 0, &byte, 1));
	}
}

static int count_wrong(struct gmem_region **many)
{
	int wrong = 0;

	for (int i = 0; i < MANY; i++) {
		struct gmem_window w = opened(many[i], GMEM_WRITE);

		for (int j = 0; j < MANY; j++)
			wrong += i == j ? !is_open(many[j]) :
					  !is_closed(many[j]);
		gmem_window_close(&w);
	}
	return wrong;
}

/* The kernel may refuse any region; then the library tries others. */
static void test_key_taken(void)
{
	struct gmem_region *many[MANY];
	int wrong = 0, refused = 0;
	char byte;

	make_many(many);
	for (int times = 1; times <= 6; times++) {
		for (int i = 0; i < MANY; i++) {
			refuse_keys(times);
			refused += gmem_region_read(many[i], 0, &byte, 1) != 0;
		}
		refuse_keys(0);
		wrong += count_wrong(many);
	}
	is(wrong, 0, "keys change hands by halves (%d windows were refused): each window opens its region only",
	   refused);
	for (int i = 0; i < MANY; i++)
		gmem_region_destroy(many[i]);
}

/* A key that only half of a region has is free again when the region goes. */
static void test_keys_come_back(void)
{
	struct gmem_region *many[MANY];
	struct gmem_window w;

	for (int i = 0; i < MANY; i++) {
		many[i] = make(ONLY(MEMFD), GMEM_WINDOWS_KEYS);
		refuse_keys(2);
		if (!gmem_window_open(&w, many[i], GMEM_READ))
			gmem_window_close(&w);
		refuse_keys(0);
	}
	w = opened(many[0], GMEM_READ);
	ok(is_open(many[0]), "when halves of regions have all keys, a window gets one");
	gmem_window_close(&w);
	for (int i = 0; i < MANY; i++)
		gmem_region_destroy(many[i]);
	make_many(many);
	is(count_wrong(many), 0, "  and regions after them do");
	for (int i = 0; i < MANY; i++)
		gmem_region_destroy(many[i]);
}

static void test_mprotect(void)
{
	struct gmem_region *a = make(ONLY(MEMFD), GMEM_WINDOWS_PROCESS);
	struct gmem_window w, inner;

	refuse_prot = 1;
	is(gmem_window_open(&w, a, GMEM_WRITE), -ENOMEM,
	   "by mprotect(): half of a region was opened");
	ok(!refuse_prot && is_closed(a), "  and is closed again");
	w = opened(a, GMEM_READ);
	ok(is_open(a), "  it opens by itself");
	refuse_prot = 1;
	is(gmem_window_open(&inner, a, GMEM_WRITE), -ENOMEM,
	   "  and half of it for writing");
	ok(is_open(a), "  it is open for reading still");
	refuse_prot = 1;
	gmem_window_close(&w);
	w = opened(a, GMEM_READ);
	ok(is_open(a), "  half closed, it is opened");
	gmem_window_close(&w);
	ok(is_closed(a), "  and closed");
	gmem_region_destroy(a);
}

static bool has_keys(void)
{
	struct gmem_region *region = make(ONLY(MEMFD), GMEM_WINDOWS_KEYS);
	bool has = region->windows == GMEM_WINDOWS_KEYS;

	gmem_region_destroy(region);
	return has;
}

int main(void)
{
	test_create();
	test_shared();
	test_mprotect();
	if (has_keys()) {
		test_key_given();
		test_key_taken();
		test_keys_come_back();
	} else {
		skip(1, "this CPU has no protection keys");
	}
	return done_testing();
}
