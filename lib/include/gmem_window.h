/* SPDX-License-Identifier: MIT */
/*
 * Windows: the spans in which a thread may touch a guest's memory. Included by
 * gmem.h, for what has to be inline.
 *
 * A region with windows is mapped closed under a protection key. A thread that
 * has not opened a window there can neither read nor write it, by accident or
 * by somebody's design: it gets SIGSEGV (SEGV_PKUERR), a system call EFAULT.
 *
 *	struct gmem_window w;
 *	int ret = gmem_window_open(&w, region, GMEM_WRITE);
 *
 *	if (ret)
 *		return ret;
 *	memcpy(region->address, data, size);
 *	gmem_window_close(&w);
 *
 * - A window is its thread's, and is closed by it. Others stay closed out.
 * - Windows nest. Those of one region are closed in reverse order of opening;
 *   those of different regions in any order.
 * - A signal handler begins with all windows closed, but those by mprotect(),
 *   and may open its own, which it closes. What it has interrupted is open
 *   again when it returns. Handlers of faults (SIGSEGV...) may not: see gmem.h.
 *   Don't leave a window by longjmp(): it would never be closed.
 * - Don't create threads inside of a window: they begin with it open, and
 *   nobody closes it for them.
 * - After fork(), the child has no part of any region, and no use for them: to
 *   open a window there is -ESTALE. If it was made in a window, that is closed
 *   to all regions of its own, also if a signal handler forked and returns to
 *   that window in the child.
 * - While a vCPU runs, KVM reaches the guest's memory with the thread's rights:
 *   gmem_vcpu_run() opens windows for it, and for KVM_RUN only.
 *
 * A CPU has 15 keys or fewer. Regions beyond that share them: a region without
 * a key is closed to all, and opening a window there takes the key from the
 * region that was opened least recently and isn't open now.
 */
#ifndef GMEM_WINDOW_H
#define GMEM_WINDOW_H

#include <gmem.h>
#include <signal.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a window is opened for. Writing includes reading. */
#define GMEM_READ	0
#define GMEM_WRITE	1

/**
 * struct gmem_window - a window that is open; not for the caller to look into
 * @region: where
 * @rights: what the thread could do there before
 * @key: the protection key, negative if there is none
 * @error: of gmem_window_scope(): 0, or why it isn't open
 */
struct gmem_window {
	struct gmem_region *region;
	uint32_t rights;
	int32_t key;
	int32_t error;
};

/* What can't be inline: not for the caller. */
int gmem_window_open_slowly(struct gmem_window *window, int mode);
void gmem_window_close_slowly(struct gmem_window *window);

/* ---- this thread's rights ---- */

/* Protection keys of x86: two bits for each, no access and no writing. */
#if defined(__x86_64__)
#define GMEM_HAVE_KEYS	1

static inline uint64_t gmem_rights_read(void)
{
	uint32_t pkru, edx;

	/* RDPKRU */
	__asm__ volatile(".byte 0x0f, 0x01, 0xee"
			 : "=a" (pkru), "=d" (edx) : "c" (0));
	return pkru;
}

static inline void gmem_rights_write(uint64_t rights)
{
	/* WRPKRU: no access to memory moves across it. */
	__asm__ volatile(".byte 0x0f, 0x01, 0xef"
			 : : "a" ((uint32_t)rights), "c" (0), "d" (0)
			 : "memory");
}

#define GMEM_RIGHTS_BITS	2
#define GMEM_RIGHTS_ALL		0U

/* Those of a window within a window are never fewer than before. */
static inline uint32_t gmem_rights_for(uint32_t before, int mode)
{
	if (mode == GMEM_WRITE)
		return GMEM_RIGHTS_ALL;
	return before & 1 ? 2 : before;
}

/* Permission overlays of Arm: four bits, read 1, execute 2, write 4. */
#elif defined(__aarch64__)
#define GMEM_HAVE_KEYS	1

static inline uint64_t gmem_rights_read(void)
{
	uint64_t por;

	/* POR_EL0 */
	__asm__ volatile("mrs %0, S3_3_C10_C2_4" : "=r" (por));
	return por;
}

static inline void gmem_rights_write(uint64_t rights)
{
	__asm__ volatile("msr S3_3_C10_C2_4, %0\n\tisb" : : "r" (rights)
			 : "memory");
}

#define GMEM_RIGHTS_BITS	4
#define GMEM_RIGHTS_ALL		5U

static inline uint32_t gmem_rights_for(uint32_t before, int mode)
{
	return before | (mode == GMEM_WRITE ? GMEM_RIGHTS_ALL : 1U);
}

#else
#define GMEM_HAVE_KEYS	0

static inline uint64_t gmem_rights_read(void)
{
	return 0;
}

static inline void gmem_rights_write(uint64_t rights)
{
	(void)rights;
}

#define GMEM_RIGHTS_BITS	2
#define GMEM_RIGHTS_ALL		0U

static inline uint32_t gmem_rights_for(uint32_t before, int mode)
{
	(void)mode;
	return before;
}
#endif

#define GMEM_RIGHTS_MASK	((1U << GMEM_RIGHTS_BITS) - 1)

/* Changes what the thread may do under a key. Return: what it could. */
static inline uint32_t gmem_rights_set(int key, uint32_t rights)
{
	unsigned int shift = (unsigned int)key * GMEM_RIGHTS_BITS;
	uint64_t all = gmem_rights_read();
	uint64_t others = all & ~((uint64_t)GMEM_RIGHTS_MASK << shift);

	gmem_rights_write(others | (uint64_t)rights << shift);
	return (uint32_t)(all >> shift) & GMEM_RIGHTS_MASK;
}

/* Return: what the thread could do before. */
static inline uint32_t gmem_rights_open(int key, int mode)
{
	unsigned int shift = (unsigned int)key * GMEM_RIGHTS_BITS;
	uint64_t all = gmem_rights_read();
	uint32_t before = (uint32_t)(all >> shift) & GMEM_RIGHTS_MASK;
	uint64_t others = all & ~((uint64_t)GMEM_RIGHTS_MASK << shift);

	gmem_rights_write(others |
			  (uint64_t)gmem_rights_for(before, mode) << shift);
	return before;
}

/* ---- windows ---- */

/**
 * gmem_window_open() - let this thread touch a region
 * @window: to be given to gmem_window_close()
 * @region: the region
 * @mode: GMEM_READ or GMEM_WRITE
 *
 * Where the region has no windows this does nothing. Makes no system call
 * unless the region has no key at the moment, or windows by mprotect().
 *
 * Return: 0; -EINVAL for another mode; -ESTALE the region is a parent
 * process's. Only where regions share keys: -EBUSY all keys are in use by open
 * windows. A thread waits a tenth of a second for one of them if it has a
 * window open itself, and otherwise, or in a signal handler, five seconds. Or
 * an error of pkey_mprotect(2) or mprotect(2): -ENOMEM.
 */
static inline int gmem_window_open(struct gmem_window *window,
				   struct gmem_region *region, int mode)
{
	window->region = region;
	window->error = 0;
	if (mode != GMEM_READ && mode != GMEM_WRITE)
		return gmem_window_open_slowly(window, mode);
	if (region->windows == GMEM_WINDOWS_KEYS) {
		/* While it's counted, the key stays. */
		if (__atomic_fetch_add(&region->users, 1, __ATOMIC_ACQUIRE) &
		    GMEM_NO_KEY)
			return gmem_window_open_slowly(window, mode);
		__atomic_store_n(&region->last_use,
				 __atomic_load_n(region->misses,
						 __ATOMIC_RELAXED),
				 __ATOMIC_RELAXED);
	} else if (region->windows != GMEM_WINDOWS_OWN_KEY) {
		return gmem_window_open_slowly(window, mode);
	}
	window->key = region->key;
	window->rights = gmem_rights_open(window->key, mode);
	return 0;
}

/**
 * gmem_window_close() - end a window
 * @window: one that this thread opened
 */
static inline void gmem_window_close(struct gmem_window *window)
{
	struct gmem_region *r = window->region;

	if (window->error)
		return;
	if (window->key < 0) {
		gmem_window_close_slowly(window);
		return;
	}
	gmem_rights_set(window->key, window->rights);
	if (r->windows == GMEM_WINDOWS_KEYS)
		__atomic_fetch_sub(&r->users, 1, __ATOMIC_RELEASE);
}

static inline struct gmem_window gmem_window_begin(struct gmem_region *region,
						   int mode)
{
	struct gmem_window window;
	int error = gmem_window_open(&window, region, mode);

	window.error = error;
	return window;
}

/**
 * gmem_window_scope() - a window up to the end of the block it's in
 * @name: of a variable; look whether @name.error is 0 before you touch memory
 * @region: the region
 * @mode: GMEM_READ or GMEM_WRITE
 *
 *	gmem_window_scope(w, region, GMEM_READ);
 *
 *	if (w.error)
 *		return w.error;
 */
#define gmem_window_scope(name, region, mode) \
	struct gmem_window name __attribute__((cleanup(gmem_window_close))) = \
		gmem_window_begin(region, mode)

/* ---- faults ---- */

/**
 * gmem_fault_describe() - what a SIGSEGV has to do with windows
 * @info: what the signal handler got
 * @text: gets a sentence with a line break
 * @size: room there, 160 bytes will do
 *
 * May be called from a signal handler.
 *
 * Return: 1 if that was an access to a region's memory; 0 if not, with @text
 * as it was.
 */
int gmem_fault_describe(const siginfo_t *info, char *text, size_t size);

/**
 * gmem_fault_install() - have such accesses told on stderr
 *
 * Installs a handler of SIGSEGV for the process. After it has written the
 * sentence, or if the fault has nothing to do with windows, what was installed
 * before gets the signal, with its sa_mask, SA_SIGINFO, SA_NODEFER, SA_RESTART
 * and SA_RESETHAND in force. By default the process ends, also if somebody has
 * sent the signal. If it was ignored, one that was sent still is; a fault ends
 * the process, as ever.
 *
 * It runs on the alternate stack of a thread that has one.
 *
 * Where another handler has been installed since, a further call goes before
 * that one, which may call what it has replaced. It gets the siginfo_t that it
 * was called with, by which the library knows its own.
 *
 * Return: 0; -ENOMEM, or an error of sigaction(2).
 */
int gmem_fault_install(void);

#ifdef __cplusplus
}
#endif

#endif /* GMEM_WINDOW_H */
