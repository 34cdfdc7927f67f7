// SPDX-License-Identifier: MIT
/*
 * Regions: a guest's memory, from the first backend that has what is demanded.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "internal.h"
#include "point.h"
#include "range.h"

static const struct backend *const backends[GMEM_BACKENDS] = {
	[GMEM_BACKEND_GMEMFS]		= &gmem_backend_gmemfs,
	[GMEM_BACKEND_GUEST_MEMFD]	= &gmem_backend_guest_memfd,
	[GMEM_BACKEND_MEMFD]		= &gmem_backend_memfd,
};

/* What is missing, a sentence for each bit of GMEM_PROTECT_*. */
static const char *const lacks[] = {
	"its memory is not kept out of the direct map",
	"get_user_pages() can pin its memory",
	"its memory is not only in 2 MiB blocks",
	"it has no windows by protection keys: options.windows excludes them, or this CPU, kernel or process has none",
	"it has no windows by mprotect()",
};

#define KNOWN_DEMANDS	((1ULL << 5) - 1)
#define KNOWN_FLAGS	(GMEM_FLAG_INIT_SHARED | GMEM_FLAG_ZERO_ON_CONVERT | \
			 GMEM_FLAG_KEEP_DIRECT_MAP | GMEM_FLAG_NO_HUGE | \
			 GMEM_FLAG_HUGE_ONLY)
#define KNOWN_BACKENDS	((1ULL << GMEM_BACKENDS) - 1)
#define KNOWN_WINDOWS	(GMEM_WINDOWS_OR_PROCESS | 3)

/* ---- what protects it ---- */

/*
 * Ask the kernel whether it refuses to pin memory of the mapping.
 * process_vm_readv() on one's own process pins the memory first, as it does for
 * another process. If the kernel refuses, it does so before it allocates
 * memory. This is asked once, when the region is made: a VMM's seccomp filter
 * may forbid the call later.
 */
static bool refuses_gup(void *address)
{
	char byte;
	struct iovec local = { &byte, 1 }, remote = { address, 1 };

	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) < 0 &&
	       errno == EFAULT;
}

/*
 * The kernel must not refuse because the mapping has no rights. It ignores
 * protection keys here, as it does for another process. But mprotect() counts,
 * so such a window is opened.
 */
static int ask_about_gup(struct region *r)
{
	bool by_mprotect = r->public.windows == GMEM_WINDOWS_PROCESS;
	struct gmem_window window;
	int ret = by_mprotect ?
		  gmem_window_open(&window, &r->public, GMEM_READ) : 0;

	if (ret)
		return ret;
	r->no_gup = refuses_gup(r->public.address);
	if (by_mprotect)
		gmem_window_close(&window);
	return 0;
}

EXPORT int gmem_region_protection(const struct gmem_region *region,
				  struct gmem_protection *protection)
{
	int ret = gmem_check_generation(region_of(region)->generation,
					"region") ?:
		  backends[region->backend]->ask(region->fd, protection);

	if (ret)
		return ret;
	if (region_of(region)->no_gup)
		protection->holds |= GMEM_PROTECT_NO_GUP;
	if (region->windows == GMEM_WINDOWS_PROCESS)
		protection->holds |= GMEM_PROTECT_PROCESS_WINDOWS;
	else if (region->windows != GMEM_WINDOWS_NONE)
		protection->holds |= GMEM_PROTECT_WINDOWS;
	return 0;
}

/* Return: 0 if the region meets the demand. The error names the first lack. */
static int check_demand(struct region *r, uint64_t demand)
{
	struct gmem_protection p;
	uint64_t missing;
	int ret = gmem_region_protection(&r->public, &p);

	if (ret)
		return ret;
	missing = demand & ~p.holds;
	if (!missing)
		return 0;
	return gmem_fail(-EOPNOTSUPP, "%s", lacks[__builtin_ctzll(missing)]);
}

/* ---- one backend ---- */

/*
 * Sets *@address only if the mapping stays: callers unmap memory at *@address
 * later, and other memory may be there by then.
 */
static int map_guest(int fd, uint64_t offset, uint64_t size, int prot,
		     void **address)
{
	void *p;
	int ret = gmem_map(fd, offset, size, prot, &p);

	if (ret)
		return ret;
	gmem_point(GMEM_POINT_MAPPED);
	if (!madvise(p, size, MADV_DONTDUMP) &&
	    !madvise(p, size, MADV_DONTFORK)) {
		*address = p;
		return 0;
	}
	ret = gmem_fail_errno("can't exclude the memory from child processes and core dumps");
	munmap(p, size);
	return ret;
}

/* Under the lock no thread forks before MADV_DONTFORK is set. */
int gmem_map_guest(int fd, uint64_t offset, uint64_t size, int prot,
		   void **address)
{
	int ret;

	gmem_windows_lock();
	ret = map_guest(fd, offset, size, prot, address);
	gmem_windows_unlock();
	return ret;
}

/* A demand for windows replaces NONE, also NONE with OR_PROCESS. */
static uint32_t wanted_windows(const struct gmem_region_options *options)
{
	uint32_t or_process = options->windows & GMEM_WINDOWS_OR_PROCESS;
	uint32_t kind = options->windows & ~GMEM_WINDOWS_OR_PROCESS;

	if (kind == GMEM_WINDOWS_NONE && options->demand & GMEM_PROTECT_WINDOWS)
		kind = GMEM_WINDOWS_KEYS;
	else if (kind == GMEM_WINDOWS_NONE &&
		 options->demand & GMEM_PROTECT_PROCESS_WINDOWS)
		kind = GMEM_WINDOWS_PROCESS;
	return kind | or_process;
}

static int region_map(struct region *r,
		      const struct gmem_region_options *options)
{
	int ret = gmem_map_guest(r->public.fd, 0, r->public.size, PROT_NONE,
				 &r->public.address) ?:
		  gmem_windows_begin(r, wanted_windows(options));

	/* The kernel pins memory of the other backends like any memory. */
	if (ret || r->public.backend != GMEM_BACKEND_GMEMFS)
		return ret;
	return ask_about_gup(r);
}

/*
 * Other mappings may come to these addresses as soon as the region is unmapped,
 * so the library forgets them before. Until then the region's memory has the
 * key, so other regions get that only afterwards.
 */
static void region_unmap(struct region *r)
{
	int key;

	if (!r->public.address)
		return;
	key = gmem_windows_leave(r);
	gmem_fault_forget(&r->public);
	gmem_point(GMEM_POINT_UNMAP);
	munmap(r->public.address, r->public.size);
	gmem_point(GMEM_POINT_UNMAPPED);
	gmem_windows_left(key);
	r->public.address = NULL;
}

static int region_open(struct region *r, uint32_t backend,
		       const struct gmem_region_options *options)
{
	int ret;

	r->public.backend = backend;
	r->public.size = options->size;
	/* Of the backend tried before, whose memory wasn't kept. */
	r->no_gup = false;
	r->public.fd = backends[backend]->open(options);
	if (r->public.fd < 0)
		return r->public.fd;
	ret = region_map(r, options);
	if (!ret)
		ret = check_demand(r, options->demand);
	if (!ret)
		return 0;
	region_unmap(r);
	close(r->public.fd);
	return ret;
}

/* ---- all backends ---- */

/* This checks all bits, also those that only one backend uses. */
static int check_bits(const struct gmem_region_options *options)
{
	return gmem_check_bits("flags", options->flags, KNOWN_FLAGS) ?:
	       gmem_check_bits("demand", options->demand, KNOWN_DEMANDS) ?:
	       gmem_check_bits("backends", options->backends,
			       KNOWN_BACKENDS) ?:
	       gmem_check_bits("windows", options->windows, KNOWN_WINDOWS);
}

static int check_options(const struct gmem_region_options *options)
{
	static const uint64_t zero[sizeof(options->reserved) / 8];
	struct range range;
	int ret = check_bits(options);

	if (ret)
		return ret;
	if (!gmem_range_of_pages(&range, 0, options->size, GMEM_FILE_LIMIT))
		return gmem_fail(-EINVAL, "size: must be a multiple of 4096, more than 0 and below 2^63, not %llu",
				 (unsigned long long)options->size);
	if (options->flags & GMEM_FLAG_NO_HUGE &&
	    options->flags & GMEM_FLAG_HUGE_ONLY)
		return gmem_fail(-EINVAL, "flags: GMEM_FLAG_NO_HUGE and GMEM_FLAG_HUGE_ONLY exclude each other");
	if (options->fd > 0 && options->flags)
		return gmem_fail(-EINVAL, "flags: must be 0 if fd is a file, which has its own flags");
	if (options->reserved32 ||
	    memcmp(options->reserved, zero, sizeof(zero)))
		return gmem_fail(-EINVAL, "reserved: must be 0");
	return 0;
}

static bool may_use(const struct gmem_region_options *options,
		    unsigned int backend)
{
	if (options->fd > 0 && backend != GMEM_BACKEND_GMEMFS)
		return false;
	return !options->backends || options->backends >> backend & 1;
}

/*
 * -EOPNOTSUPP, memory that is there but lacks something, replaces other errors.
 * Otherwise the first error stays.
 */
static int worse(int so_far, int error)
{
	return !so_far || error == -EOPNOTSUPP ? error : so_far;
}

static int region_open_any(struct region *r,
			   const struct gmem_region_options *options)
{
	char reasons[450] = "";
	unsigned int i;
	int error = 0;

	for (i = 0; i < GMEM_BACKENDS; i++) {
		size_t len = strlen(reasons);
		int ret;

		if (!may_use(options, i))
			continue;
		ret = region_open(r, i, options);
		if (!ret)
			return 0;
		error = worse(error, ret);
		snprintf(reasons + len, sizeof(reasons) - len, "%s%s: %s",
			 len ? "; " : "", backends[i]->name,
			 gmem_last_error());
	}
	if (!error)
		return gmem_fail(-EINVAL, "backends: must have the bit of GMEM_BACKEND_GMEMFS if fd is a file");
	return gmem_fail(error, "no backend can make such a region: %s",
			 reasons);
}

EXPORT int gmem_region_create(const struct gmem_region_options *options,
			      struct gmem_region **region)
{
	int ret = check_options(options);
	struct region *r;
	int cancel NOT_CANCELLED = gmem_cancel_off();

	if (ret)
		return ret;
	r = calloc(1, sizeof(*r));
	if (!r)
		return gmem_fail(-ENOMEM, "no memory for a region");
	r->shared_fd = -1;
	r->generation = gmem_generation();
	pthread_mutex_init(&r->lock, NULL);
	ret = region_open_any(r, options);
	if (ret) {
		free(r);
		return ret;
	}
	*region = &r->public;
	return 0;
}

/*
 * Not called in a child process: there all of this is the parent's, and a
 * thread of the parent may have held the lock.
 */
static void region_end(struct region *r)
{
	region_unmap(r);
	if (r->shared)
		munmap(r->shared, r->public.size);
	gmem_exposed_end(r);
	pthread_mutex_destroy(&r->lock);
}

EXPORT void gmem_region_destroy(struct gmem_region *region)
{
	struct region *r = region_of(region);
	int cancel NOT_CANCELLED = gmem_cancel_off();

	if (!region)
		return;
	if (r->generation == gmem_generation())
		region_end(r);
	if (r->shared_fd >= 0)
		close(r->shared_fd);
	close(region->fd);
	gmem_exposed_free(r);
	free(r);
}

/* ---- the shared view ---- */

int gmem_region_need_shared(struct region *r)
{
	if (r->shared_fd >= 0)
		return 0;
	r->shared_fd = gmem_file_shared_view(r->public.fd);
	return r->shared_fd < 0 ? r->shared_fd : 0;
}

static int map_shared(struct region *r)
{
	int ret = gmem_region_need_shared(r);

	if (ret || r->shared)
		return ret;
	return gmem_map_guest(r->shared_fd, 0, r->public.size,
			      PROT_READ | PROT_WRITE, &r->shared);
}

EXPORT int gmem_region_shared(struct gmem_region *region, void **address)
{
	struct region *r = region_of(region);
	int ret = gmem_check_generation(r->generation, "region");
	int cancel NOT_CANCELLED = gmem_cancel_off();

	if (ret)
		return ret;
	if (region->backend != GMEM_BACKEND_GMEMFS) {
		*address = region->address;
		return 0;
	}
	pthread_mutex_lock(&r->lock);
	ret = map_shared(r);
	pthread_mutex_unlock(&r->lock);
	if (!ret)
		*address = r->shared;
	return ret;
}

/* ---- for programs that can't read the struct ---- */

EXPORT void *gmem_region_address(const struct gmem_region *region)
{
	return region->address;
}

EXPORT uint64_t gmem_region_size(const struct gmem_region *region)
{
	return region->size;
}

EXPORT int gmem_region_fd(const struct gmem_region *region)
{
	return region->fd;
}

EXPORT const char *gmem_region_backend(const struct gmem_region *region)
{
	return backends[region->backend]->name;
}
