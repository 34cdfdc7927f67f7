// SPDX-License-Identifier: MIT
/*
 * Keys: which region has which protection key.
 *
 * A region's mapping has the region's key. A region without a key has the
 * parking key, which no window opens. Regions take turns with the keys: a
 * thread that opens a window in a region without a key takes one from another
 * region, the one that was used least recently among those with no window open.
 *
 * gmem_region.users synchronises windows with the recycling of keys. A thread
 * that opens a window first adds 1 to it, and then reads the key. The library
 * takes a key away only by a compare-and-exchange of 0 to GMEM_NO_KEY. So
 * either the region has no window, and the next thread finds that it has no
 * key; or the region keeps its key.
 *
 * A change between a key and the parking key may fail with only a part of the
 * mapping changed. If it can't be undone either, the region has GMEM_NO_KEY,
 * but is the key's owner, so that no other region gets that key. The next
 * window of the region tries again.
 *
 * The library never gives keys back to the kernel. The kernel would hand them
 * out again while threads still had rights under them.
 *
 * A region is removed from the table before it is unmapped, because afterwards
 * other mappings may come to its addresses. Its key becomes free only after it
 * is unmapped, because until then the region's memory has that key.
 *
 * Time is counted in misses: regions that were used since the last miss are
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
static struct region leaving;		/* stands for regions being unmapped */
static bool ours[MAX_KEYS];		/* keys that regions can have */
static int parking_key = -1;
static uint32_t misses;			/* atomic */
static uint64_t our_rights;		/* the bits of all our keys */
static uint64_t our_closed_rights;	/* their values when closed */

struct gmem_window_stats gmem_window_counts;

/* ---- what the CPU and the kernel have ---- */

#if defined(__x86_64__)
/* OSPKE: the CPU has keys, and the kernel has switched them on. */
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

/* CPUID may be slow, as a hypervisor traps it. So the answer is kept. */
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

/* pkey_alloc() has just closed the key for this thread: note these bits. */
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

/* Regions whose key has its bit set in @not are left out. */
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

/* Return: true if no window is open; the region then has GMEM_NO_KEY. */
static bool shut(struct region *r)
{
	uint32_t none = 0;

	return __atomic_compare_exchange_n(&r->public.users, &none, GMEM_NO_KEY,
					   false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED) ||
	       none == GMEM_NO_KEY;
}

/* Return: 0; -EBUSY if a thread has opened a window there; or an error. */
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
	/* pkey_mprotect() may have changed a part of the mapping. */
	if (!set_key(r, r->public.key))
		__atomic_fetch_and(&r->public.users, ~GMEM_NO_KEY,
				   __ATOMIC_RELEASE);
	return ret;
}

/*
 * If a region can't be parked, the next one is tried: a thread that opens a
 * window elsewhere gets that error only if no region gives up its key.
 *
 * Return: the key that another region had; -EBUSY; or an error.
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

/*
 * Return: the key that a part of the mapping has already; or else a free one, a
 * new one, or one that another region had; or a negative errno.
 */
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

/* ---- a region's key ---- */

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
	/* pkey_mprotect() may have changed a part of the mapping. */
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
 * The inline functions decide by fields of the region. For windows of this kind
 * they call gmem_window_open_slowly(), which returns -ESTALE. If a handler has
 * forked just after the code that it interrupted had read @windows, GMEM_NO_KEY
 * makes that code call it.
 */
static void disown(struct region *r)
{
	if (r && r != &leaving) {
		r->public.windows = GMEM_WINDOWS_PROCESS;
		r->public.users |= GMEM_NO_KEY;
	}
}

/* Windows of a region with its own key aren't counted in @users. */
static bool may_be_open(const struct region *r)
{
	return r && (r->public.windows == GMEM_WINDOWS_OWN_KEY ||
		     r->public.users & ~GMEM_NO_KEY);
}

/*
 * The child's one thread may have been in a window. Its rights are taken away,
 * because another region could get that key. If a signal handler has forked,
 * the thread has these rights again when the handler returns. So in the child
 * no region gets a key under which a window was open.
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

/* ---- this thread's rights ---- */

bool gmem_keys_open_here(void)
{
	uint64_t now = gmem_rights_read();
	int key;

	for (key = 0; key < MAX_KEYS; key++) {
		unsigned int shift = key * GMEM_RIGHTS_BITS;
		uint32_t rights = now >> shift & GMEM_RIGHTS_MASK;

		/* Every window has at least the rights of GMEM_READ. */
		if (ours[key] && rights == gmem_rights_for(rights, GMEM_READ))
			return true;
	}
	return false;
}

/* Key 0 is that of ordinary memory. */
uint64_t gmem_keys_all_open(uint64_t rights)
{
	uint64_t open = rights & GMEM_RIGHTS_MASK;
	int key;

	for (key = 1; key < MAX_KEYS; key++)
		open |= (uint64_t)GMEM_RIGHTS_ALL << key * GMEM_RIGHTS_BITS;
	return open;
}
