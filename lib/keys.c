// SPDX-License-Identifier: MIT
/*
 * Keys: which region has which protection key.
 *
 * A region's mapping has its own key or, without one, the parking key, which
 * no window opens. Regions take turns with the keys: who opens a window in a
 * region without a key takes one from the region that was used least recently
 * among those where no window is open.
 *
 * gmem_region.users is what windows and the recycling of keys agree by. A
 * window counts itself in before it looks at the key. A key is taken away only
 * by changing 0 to GMEM_NO_KEY in one step: so either there is no window, and
 * who comes next finds that there is no key, or the region keeps it.
 *
 * A change of key may fail with a part of the mapping changed. If it can't be
 * undone either, the region has GMEM_NO_KEY, and is the key's owner all the
 * same, so that no other region gets it; the next window tries again.
 *
 * Keys are never given back to the kernel. It would hand them out again while
 * threads still had rights under them.
 *
 * A region that goes leaves the table before it is unmapped, since whatever
 * comes to its addresses then isn't the library's. Its key is free after that,
 * since until then it is on the region's memory.
 *
 * Time is counted in misses: regions that were used since the last one are
 * equally recent.
 */
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif
#include <sys/mman.h>

#include "keys.h"
#include "point.h"

#define MAX_KEYS	16
#define OPEN		(PROT_READ | PROT_WRITE)

/* Headers of Linux before 6.12 don't have it. */
#ifndef HWCAP2_POE
#define HWCAP2_POE	(1UL << 63)
#endif

static struct region *owners[MAX_KEYS];	/* by key */
static struct region leaving;		/* owner of keys of those that go */
static bool ours[MAX_KEYS];		/* keys that regions can have */
static int parking_key = -1;
static uint32_t misses;			/* atomic */
static uint64_t our_rights;		/* the bits of all our keys */
static uint64_t our_closed_rights;	/* and what they are if closed */

struct gmem_window_stats gmem_window_counts;

/* ---- of the CPU, and of the kernel ---- */

#if defined(__x86_64__)
/* OSPKE: there are keys, and the kernel has switched them on. */
static bool cpu_has_keys(void)
{
	unsigned int eax, ebx, ecx, edx;

	return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && ecx & 1 << 4;
}
#elif defined(__aarch64__)
static bool cpu_has_keys(void)
{
	return getauxval(AT_HWCAP2) & HWCAP2_POE;
}
#else
static bool cpu_has_keys(void)
{
	return false;
}
#endif

/* Asking the CPU may be slow: a hypervisor answers. */
bool gmem_keys_in_cpu(void)
{
	static int answer;	/* atomic: 0 not asked, 1 yes, -1 no */
	int known = __atomic_load_n(&answer, __ATOMIC_RELAXED);

	if (!known) {
		known = cpu_has_keys() ? 1 : -1;
		__atomic_store_n(&answer, known, __ATOMIC_RELAXED);
	}
	return known > 0;
}

/* The kernel has just closed it, for this thread. */
static void note_rights(int key)
{
	uint64_t its = (uint64_t)GMEM_RIGHTS_MASK << key * GMEM_RIGHTS_BITS;

	our_rights |= its;
	our_closed_rights |= gmem_rights_read() & its;
}

static int new_key(void)
{
	int key = GMEM_HAVE_KEYS ? pkey_alloc(0, PKEY_DISABLE_ACCESS) : -1;

	if (key < 0 || key >= MAX_KEYS)
		return -1;
	note_rights(key);
	return key;
}

bool gmem_keys_exist(void)
{
	if (parking_key < 0)
		parking_key = new_key();
	return parking_key >= 0;
}

static int set_key(const struct region *r, int key)
{
	if (!pkey_mprotect(r->public.address, r->public.size, OPEN, key))
		return 0;
	return gmem_fail_errno("can't change the protection key of a region");
}

/* ---- taking turns ---- */

static bool may_lose_key(const struct region *r)
{
	return r && r->public.windows == GMEM_WINDOWS_KEYS &&
	       !(__atomic_load_n(&r->public.users, __ATOMIC_RELAXED) &
		 ~GMEM_NO_KEY);
}

/* But for those whose key has its bit in @not. */
static struct region *least_recently_used(unsigned int not)
{
	struct region *best = NULL;
	uint32_t age, best_age = 0;
	int key;

	for (key = 0; key < MAX_KEYS; key++) {
		struct region *r = owners[key];

		if (not >> key & 1 || !may_lose_key(r))
			continue;
		age = misses - __atomic_load_n(&r->public.last_use,
					       __ATOMIC_RELAXED);
		if (!best || age > best_age) {
			best = r;
			best_age = age;
		}
	}
	return best;
}

/* Return: whether no window is open; then there is no key for any. */
static bool shut(struct region *r)
{
	uint32_t none = 0;

	return __atomic_compare_exchange_n(&r->public.users, &none, GMEM_NO_KEY,
					   false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED) ||
	       none == GMEM_NO_KEY;
}

/* Return: 0, -EBUSY somebody has opened a window there, or an error. */
static int take_key(struct region *r)
{
	int ret;

	if (!shut(r))
		return -EBUSY;
	gmem_point(GMEM_POINT_TAKE_KEY);
	ret = set_key(r, parking_key);
	if (!ret) {
		owners[r->public.key] = NULL;
		gmem_window_counts.recycled++;
		return 0;
	}
	/* A part of it may have been changed. */
	if (!set_key(r, r->public.key))
		__atomic_fetch_and(&r->public.users, ~GMEM_NO_KEY,
				   __ATOMIC_RELEASE);
	return ret;
}

/*
 * A region that can't be parked is passed over: the error is no affair of who
 * opens a window in another one, as long as there is another to take from.
 *
 * Return: the key that another region had, -EBUSY, or an error.
 */
static int recycle_key(void)
{
	unsigned int failed = 0;
	struct region *r;
	int ret, error = -EBUSY;

	while ((r = least_recently_used(failed))) {
		ret = take_key(r);
		if (!ret)
			return r->public.key;
		if (ret == -EBUSY)
			continue;
		error = ret;
		failed |= 1U << r->public.key;
	}
	return error;
}

/* One that a part of it has, or else one that is free, new or another's. */
static int find_key(const struct region *r)
{
	int key;

	for (key = 0; key < MAX_KEYS; key++)
		if (owners[key] == r)
			return key;
	for (key = 0; key < MAX_KEYS; key++)
		if (ours[key] && !owners[key])
			return key;
	key = new_key();
	if (key < 0)
		return recycle_key();
	ours[key] = true;
	gmem_window_counts.keys++;
	return key;
}

/* ---- of a region ---- */

int gmem_key_park(struct region *r)
{
	r->public.users = GMEM_NO_KEY;
	r->public.misses = &misses;
	return set_key(r, parking_key);
}

int gmem_key_give(struct region *r)
{
	int key = find_key(r), ret;

	if (key < 0)
		return key;
	gmem_point(GMEM_POINT_GIVE_KEY);
	ret = set_key(r, key);
	/* A part of it may have been changed. */
	if (ret && !set_key(r, parking_key)) {
		owners[key] = NULL;
		return ret;
	}
	owners[key] = r;
	r->public.key = key;
	return ret;
}

void gmem_key_missed(struct region *r)
{
	gmem_window_counts.misses++;
	__atomic_store_n(&r->public.last_use,
			 __atomic_add_fetch(&misses, 1, __ATOMIC_RELAXED),
			 __ATOMIC_RELAXED);
}

int gmem_key_now(const struct region *r)
{
	uint32_t users = __atomic_load_n(&r->public.users, __ATOMIC_RELAXED);

	return users & GMEM_NO_KEY ? parking_key : r->public.key;
}

int gmem_key_leave(const struct region *r)
{
	int key;

	for (key = 0; key < MAX_KEYS; key++) {
		if (owners[key] == r) {
			owners[key] = &leaving;
			return key;
		}
	}
	return -1;
}

void gmem_key_free(int key)
{
	if (key >= 0)
		owners[key] = NULL;
}

/* ---- in a child ---- */

/*
 * What is inline goes by fields of the region. Of this kind of windows, it
 * knows nothing, and asks; and so it does if it has just read the kind, and was
 * interrupted by the handler that has forked.
 */
static void disown(struct region *r)
{
	if (r && r != &leaving) {
		r->public.windows = GMEM_WINDOWS_PROCESS;
		r->public.users |= GMEM_NO_KEY;
	}
}

/* Those with keys of their own aren't counted. */
static bool may_be_open(const struct region *r)
{
	return r && (r->public.windows == GMEM_WINDOWS_OWN_KEY ||
		     r->public.users & ~GMEM_NO_KEY);
}

/*
 * The one thread may have been in a window, whose key others could get now. If
 * a signal handler has forked, the thread has the rights of that window again
 * when the handler returns. So no region gets a key that a window had.
 */
void gmem_keys_forked(void)
{
	int key;

	for (key = 0; key < MAX_KEYS; key++) {
		if (may_be_open(owners[key]))
			ours[key] = false;
		disown(owners[key]);
		owners[key] = NULL;
	}
	if (our_rights)
		gmem_rights_write(gmem_keys_closed(gmem_rights_read()));
}

uint64_t gmem_keys_closed(uint64_t rights)
{
	return (rights & ~our_rights) | our_closed_rights;
}

/* ---- of this thread ---- */

bool gmem_keys_open_here(void)
{
	uint64_t now = gmem_rights_read();
	int key;

	for (key = 0; key < MAX_KEYS; key++) {
		unsigned int shift = key * GMEM_RIGHTS_BITS;
		uint32_t rights = now >> shift & GMEM_RIGHTS_MASK;

		/* The reader's rights are the least that a window has. */
		if (ours[key] && rights == gmem_rights_for(rights, GMEM_READ))
			return true;
	}
	return false;
}

/* All but the first, which is that of ordinary memory. */
uint64_t gmem_keys_all_open(uint64_t rights)
{
	uint64_t open = rights & GMEM_RIGHTS_MASK;
	int key;

	for (key = 1; key < MAX_KEYS; key++)
		open |= (uint64_t)GMEM_RIGHTS_ALL << key * GMEM_RIGHTS_BITS;
	return open;
}
