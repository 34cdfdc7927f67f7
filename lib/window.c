// SPDX-License-Identifier: MIT
/*
 * Windows: opening and closing, where gmem_window.h doesn't do it inline, and
 * windows that are open for KVM. Which region has which key is in keys.c.
 */
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#include "keys.h"
#include "range.h"

#define OPEN		(PROT_READ | PROT_WRITE)
#define PROT_UNKNOWN	-1

/*
 * How long a thread waits for a key. A thread that has a window open may keep
 * others waiting, so it waits only for IMPATIENT_NS. A thread without one waits
 * for PATIENT_NS. So does a signal handler, because it can't see the windows of
 * the code that it has interrupted.
 */
#define IMPATIENT_NS	100000000L
#define PATIENT_NS	5000000000L
#define PAUSE_NS	50000L

/* gmem_windows_lock() protects these, except those that are atomic. */
static struct region *by_mprotect;	/* list of regions */
static unsigned int nr_by_mprotect;	/* atomic */
static unsigned int nr_running;		/* atomic: vCPUs */

/* ---- windows by keys ---- */

/* The caller holds the lock. It is released during the pause. */
static void pause_a_little(void)
{
	struct timespec ts = { .tv_nsec = PAUSE_NS };

	gmem_window_counts.waits++;
	gmem_windows_unlock();
	nanosleep(&ts, NULL);
	gmem_windows_lock();
}

static int no_key(bool has_window)
{
	if (has_window)
		return gmem_fail(-EBUSY, "open windows use all protection keys, and one of these windows is this thread's; close it first");
	return gmem_fail(-EBUSY, "open windows have used all protection keys for several seconds; close a window; a signal handler may also wait for windows of the code that it has interrupted");
}

static int wait_for_key(struct region *r)
{
	bool impatient = gmem_keys_open_here();
	int64_t end = gmem_now_ns() + (impatient ? IMPATIENT_NS : PATIENT_NS);
	int ret;

	while (__atomic_load_n(&r->public.users, __ATOMIC_RELAXED) &
	       GMEM_NO_KEY) {
		ret = gmem_key_give(r);
		if (!ret) {
			__atomic_fetch_and(&r->public.users, ~GMEM_NO_KEY,
					   __ATOMIC_RELEASE);
			break;
		}
		if (ret != -EBUSY)
			return ret;
		if (gmem_now_ns() >= end)
			return no_key(impatient);
		pause_a_little();
	}
	return 0;
}

/* The caller has already counted the window in @users. */
static int open_with_new_key(struct gmem_window *window, int mode)
{
	struct region *r = region_of(window->region);
	int ret;

	gmem_windows_lock();
	ret = wait_for_key(r);
	gmem_key_missed(r);
	gmem_windows_unlock();
	if (ret) {
		__atomic_fetch_sub(&r->public.users, 1, __ATOMIC_RELEASE);
		return ret;
	}
	window->key = r->public.key;
	window->rights = gmem_rights_open(window->key, mode);
	return 0;
}

/* ---- windows by mprotect() ---- */

/* The functions that take a struct region run with the lock held. */

static int wanted_prot(const struct region *r)
{
	if (r->writers || __atomic_load_n(&nr_running, __ATOMIC_SEQ_CST))
		return OPEN;
	return r->public.users ? PROT_READ : PROT_NONE;
}

/*
 * After an error, the protection of a part may have changed. So the next call
 * sets that of the whole mapping again.
 */
static int set_prot(struct region *r)
{
	int prot = wanted_prot(r);

	if (prot == r->prot)
		return 0;
	r->prot = PROT_UNKNOWN;
	if (mprotect(r->public.address, r->public.size, prot))
		return gmem_fail_errno("can't change the protection of a region");
	r->prot = prot;
	return 0;
}

static int count_window(struct region *r, int mode, int by)
{
	r->public.users += by;
	if (mode == GMEM_WRITE)
		r->writers += by;
	return set_prot(r);
}

static int open_by_mprotect(struct gmem_window *window, int mode)
{
	struct region *r = region_of(window->region);
	int ret;

	gmem_windows_lock();
	ret = count_window(r, mode, 1);
	if (ret)
		count_window(r, mode, -1);
	gmem_windows_unlock();
	window->rights = mode;
	return ret;
}

/*
 * A vCPU has begun to run, or stopped. If the protection of one region can't be
 * changed, that of the others is changed all the same.
 */
static int vcpu_runs(int by)
{
	struct region *r;
	int ret = 0, its;

	__atomic_fetch_add(&nr_running, by, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&nr_by_mprotect, __ATOMIC_SEQ_CST))
		return 0;
	gmem_windows_lock();
	for (r = by_mprotect; r; r = r->next) {
		its = set_prot(r);
		ret = ret ?: its;
	}
	gmem_windows_unlock();
	return ret;
}

void gmem_windows_forked(void)
{
	by_mprotect = NULL;
	nr_by_mprotect = 0;
	nr_running = 0;
}

static void remove_by_mprotect(struct region *r)
{
	struct region **link = &by_mprotect;

	while (*link && *link != r)
		link = &(*link)->next;
	if (*link) {
		*link = r->next;
		__atomic_fetch_sub(&nr_by_mprotect, 1, __ATOMIC_SEQ_CST);
	}
}

static int begin_by_mprotect(struct region *r)
{
	int ret;

	r->public.windows = GMEM_WINDOWS_PROCESS;
	r->next = by_mprotect;
	by_mprotect = r;
	__atomic_fetch_add(&nr_by_mprotect, 1, __ATOMIC_SEQ_CST);
	ret = set_prot(r);
	if (ret)
		remove_by_mprotect(r);
	return ret;
}

/* ---- windows of any kind ---- */

static int check_stale(const struct gmem_region *region)
{
	return gmem_check_generation(region_of(region)->generation, "region");
}

EXPORT int gmem_window_open_slowly(struct gmem_window *window, int mode)
{
	int ret = check_stale(window->region);
	int cancel NOT_CANCELLED = gmem_cancel_off();

	/* gmem_window_open() has not counted such a window. */
	if (mode != GMEM_READ && mode != GMEM_WRITE)
		return gmem_fail(-EINVAL, "mode: %d is neither GMEM_READ nor GMEM_WRITE",
				 mode);
	if (ret)
		return ret;
	window->key = -1;
	window->rights = 0;
	switch (window->region->windows) {
	case GMEM_WINDOWS_KEYS:
		return open_with_new_key(window, mode);
	case GMEM_WINDOWS_PROCESS:
		return open_by_mprotect(window, mode);
	default:
		return 0;
	}
}

EXPORT void gmem_window_close_slowly(struct gmem_window *window)
{
	const struct region *r = region_of(window->region);

	if (window->region->windows != GMEM_WINDOWS_PROCESS ||
	    r->generation != gmem_generation())
		return;
	gmem_windows_lock();
	count_window(region_of(window->region), window->rights, -1);
	gmem_windows_unlock();
}

EXPORT void gmem_window_stats(struct gmem_window_stats *to)
{
	gmem_windows_lock();
	*to = gmem_window_counts;
	gmem_windows_unlock();
}

static int copy(struct gmem_region *region, uint64_t offset, void *to,
		const void *from, uint64_t size)
{
	struct gmem_window window;
	struct range range;
	char *at;
	int ret;

	if (!gmem_range_of_bytes(&range, offset, size, region->size))
		return gmem_fail(-ERANGE, "%llu bytes at offset %llu are not entirely inside of the region",
				 (unsigned long long)size,
				 (unsigned long long)offset);
	ret = gmem_window_open(&window, region, to ? GMEM_READ : GMEM_WRITE);
	if (ret)
		return ret;
	at = (char *)region->address + range.offset;
	memcpy(to ?: at, from ?: at, size);
	gmem_window_close(&window);
	return 0;
}

EXPORT int gmem_region_read(struct gmem_region *region, uint64_t offset,
			    void *data, uint64_t size)
{
	return copy(region, offset, data, NULL, size);
}

EXPORT int gmem_region_write(struct gmem_region *region, uint64_t offset,
			     const void *data, uint64_t size)
{
	return copy(region, offset, NULL, data, size);
}

/* ---- regions come and go ---- */

/* The region begins without a key, closed to all threads. */
static int begin_by_keys(struct region *r)
{
	r->public.windows = GMEM_WINDOWS_KEYS;
	return gmem_key_park(r);
}

static int begin_by_own_key(struct region *r)
{
	int ret;

	r->public.windows = GMEM_WINDOWS_OWN_KEY;
	ret = gmem_key_give(r);
	if (ret == -EBUSY)
		return gmem_fail(-EBUSY, "all protection keys are taken; use GMEM_WINDOWS_KEYS, where regions take turns");
	return ret;
}

static int begin_open(struct region *r)
{
	if (mprotect(r->public.address, r->public.size, OPEN))
		return gmem_fail_errno("can't change the protection of a region");
	r->prot = OPEN;
	return 0;
}

static int begin(struct region *r, uint32_t kind, bool or_process)
{
	if (kind == GMEM_WINDOWS_NONE)
		return begin_open(r);
	if (kind != GMEM_WINDOWS_PROCESS && gmem_keys_exist())
		return kind == GMEM_WINDOWS_OWN_KEY ? begin_by_own_key(r) :
						      begin_by_keys(r);
	if (kind == GMEM_WINDOWS_PROCESS || or_process)
		return begin_by_mprotect(r);
	return begin_open(r);
}

int gmem_windows_begin(struct region *r, uint32_t windows)
{
	bool or_process = windows & GMEM_WINDOWS_OR_PROCESS;
	uint32_t kind = windows & ~GMEM_WINDOWS_OR_PROCESS;
	int ret = 0;

	r->public.key = -1;
	r->prot = PROT_NONE;
	if (kind != GMEM_WINDOWS_NONE)
		ret = gmem_fault_know(&r->public);
	if (ret)
		return ret;
	gmem_windows_lock();
	ret = begin(r, kind, or_process);
	gmem_windows_unlock();
	return ret;
}

int gmem_windows_leave(struct region *r)
{
	int key;

	gmem_windows_lock();
	key = gmem_key_leave(r);
	remove_by_mprotect(r);
	gmem_windows_unlock();
	return key;
}

void gmem_windows_left(int key)
{
	gmem_windows_lock();
	gmem_key_free(key);
	gmem_windows_unlock();
}

int gmem_windows_protect(const struct region *r, void *p, uint64_t size)
{
	bool by_keys = r->public.windows == GMEM_WINDOWS_KEYS ||
		       r->public.windows == GMEM_WINDOWS_OWN_KEY;
	int prot = r->prot == PROT_UNKNOWN ? wanted_prot(r) : r->prot;
	int ret = by_keys ? pkey_mprotect(p, size, OPEN, gmem_key_now(r)) :
			    mprotect(p, size, prot);

	return ret ? gmem_fail_errno("can't close a mapping") : 0;
}

/* ---- vCPUs ---- */

/*
 * The thread runs no code of the process during KVM_RUN, and a signal handler
 * begins with all windows closed. So all keys can be open meanwhile. This
 * includes keys that the library doesn't have yet: the rights are loaded once,
 * and a region may get a new key while KVM runs. KVM accesses only memory that
 * is in slots.
 */
int gmem_windows_enter_kvm(struct kvm_rights *rights)
{
	int ret = vcpu_runs(1);

	rights->keys = false;
	rights->generation = gmem_generation();
	if (ret) {
		vcpu_runs(-1);
		return ret;
	}
	if (!gmem_keys_in_cpu())
		return 0;
	rights->keys = true;
	rights->before = gmem_rights_read();
	gmem_rights_write(gmem_keys_all_open(rights->before));
	return 0;
}

/*
 * If a signal handler has forked during KVM_RUN, the child leaves with all
 * windows closed.
 */
void gmem_windows_leave_kvm(const struct kvm_rights *rights)
{
	bool same = rights->generation == gmem_generation();
	int error = errno;

	if (rights->keys)
		gmem_rights_write(same ? rights->before :
				  gmem_keys_closed(rights->before));
	if (same)
		vcpu_runs(-1);
	errno = error;
}

EXPORT int gmem_vcpu_run(int vcpu_fd)
{
	struct kvm_rights rights;
	int ret = gmem_windows_enter_kvm(&rights);

	if (ret)
		return ret;
	ret = ioctl(vcpu_fd, KVM_RUN, 0);
	gmem_windows_leave_kvm(&rights);
	return ret ? gmem_fail_errno("KVM_RUN") : 0;
}
