/* SPDX-License-Identifier: MIT */
/*
 * Windows: the spans in which a thread may access a guest's memory. gmem.h
 * includes this file, which has the inline functions.
 *
 * A region with windows is mapped under a protection key, with no rights for
 * any thread. A thread that has not opened a window can neither read nor write
 * the region, by mistake or because an attacker makes it try: an access gets
 * SIGSEGV (SEGV_PKUERR), and a system call returns EFAULT.
 *
 *	struct gmem_window w;
 *	int ret = gmem_window_open(&w, region, GMEM_WRITE);
 *
 *	if (ret)
 *		return ret;
 *	memcpy(region->address, data, size);
 *	gmem_window_close(&w);
 *
 * - A window belongs to the thread that opens it, and that thread closes it.
 *   Other threads still can't access the region, except with windows by
 *   mprotect(), which are open for all threads.
 * - Windows nest. The thread closes windows of one region in reverse order of
 *   opening, and windows of different regions in any order.
 * - A signal handler begins with all windows closed, except those by
 *   mprotect(). It may open windows, and closes them. When it returns, the
 *   windows of the interrupted code are open again. Handlers of faults
 *   (SIGSEGV...) may not open windows: see gmem.h.
 * - A thread must not leave a window by longjmp(): the window would stay open.
 * - A thread must not create another thread inside of a window: the new thread
 *   begins with the window open, and nothing closes it.
 * - A child process has no region mapped after fork(). Opening a window of a
 *   parent's region returns -ESTALE there. If the parent has called fork() in a
 *   window, the library closes that window in the child: no region that the
 *   child makes is open by it. This is also true if a signal handler has called
 *   fork(), and returns to that window in the child.
 * - While a vCPU runs, KVM accesses the guest's memory with the rights of the
 *   calling thread. gmem_vcpu_run() opens all windows for KVM_RUN only.
 *
 * A process gets 15 keys at most, and the library takes one of them for regions
 * that have no key. If there are more regions than keys, they share them: a
 * region without a key is closed to all threads, and opening a window there
 * takes the key from the region that was opened least recently and has no
 * window open now.
 */
#ifndef GMEM_WINDOW_H
#define GMEM_WINDOW_H

#include <gmem.h>
#include <signal.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The mode of a window. GMEM_WRITE allows reading too. */
#define GMEM_READ	0
#define GMEM_WRITE	1

/**
 * struct gmem_window - a window that is open
 * @region: the region
 * @rights: the thread's rights under the key before; the window's mode if it is
 *	    by mprotect()
 * @key: the protection key; negative if the window has none
 * @error: set by gmem_window_scope(): 0, or a negative errno if the window is
 *	   not open
 *
 * The caller reads only @error, and only after gmem_window_scope().
 */
struct gmem_window {
	struct gmem_region *region;
	uint32_t rights;
	int32_t key;
	int32_t error;
};

/* The parts that can't be inline. The caller doesn't call these. */
int gmem_window_open_slowly(struct gmem_window *window, int mode);
void gmem_window_close_slowly(struct gmem_window *window);

/* ---- this thread's rights ---- */

/* Protection keys of x86: two bits for each key, "no access" and "no write". */
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
	/* WRPKRU: the CPU doesn't move memory accesses across it. */
	__asm__ volatile(".byte 0x0f, 0x01, 0xef"
			 : : "a" ((uint32_t)rights), "c" (0), "d" (0)
			 : "memory");
}

#define GMEM_RIGHTS_BITS	2
#define GMEM_RIGHTS_ALL		0U

/* A window inside of a window never takes rights away. */
static inline uint32_t gmem_rights_for(uint32_t before, int mode)
{
	if (mode == GMEM_WRITE)
		return GMEM_RIGHTS_ALL;
	return before & 1 ? 2 : before;
}

/*
 * Permission overlays of Arm: four bits for each key; read is 1, execute is 2,
 * write is 4.
 */
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

/* Set this thread's rights under a key. Return: its rights before. */
static inline uint32_t gmem_rights_set(int key, uint32_t rights)
{
	unsigned int shift = (unsigned int)key * GMEM_RIGHTS_BITS;
	uint64_t all = gmem_rights_read();
	uint64_t others = all & ~((uint64_t)GMEM_RIGHTS_MASK << shift);

	gmem_rights_write(others | (uint64_t)rights << shift);
	return (uint32_t)(all >> shift) & GMEM_RIGHTS_MASK;
}

/* Add a window's rights under a key. Return: this thread's rights before. */
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
 * gmem_window_open() - let this thread access a region
 * @window: the call fills it, for gmem_window_close()
 * @region: the region
 * @mode: GMEM_READ or GMEM_WRITE
 *
 * If the region has no windows, this only checks its arguments. It makes no
 * system call unless the region has no key at the moment, or has windows by
 * mprotect().
 *
 * If regions share keys and open windows use all of them, the call waits for
 * one: for 0.1 s if the thread has another window open, else for 5 s. In a
 * signal handler, only the handler's own windows count here.
 *
 * Return: 0; -EINVAL for another mode; -ESTALE if the region is a parent
 * process's; -EBUSY if open windows still use all keys after the wait; or an
 * error of pkey_mprotect(2) or mprotect(2), such as -ENOMEM. After an error the
 * window isn't open, and the caller must not close it.
 */
static inline int gmem_window_open(struct gmem_window *window,
				   struct gmem_region *region, int mode)
{
	window->region = region;
	window->error = 0;
	if (mode != GMEM_READ && mode != GMEM_WRITE)
		return gmem_window_open_slowly(window, mode);
	if (region->windows == GMEM_WINDOWS_KEYS) {
		/* The region keeps its key while @users isn't 0. */
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
 * gmem_window_close() - close a window
 * @window: a window that this thread has opened
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
 * gmem_window_scope() - open a window up to the end of the enclosing C block
 * @name: name of the variable that the macro defines. The caller checks that
 *	  @name.error is 0 before it accesses the region
 * @region: the region
 * @mode: GMEM_READ or GMEM_WRITE
 *
 * If opening fails, @name.error is a negative errno of gmem_window_open().
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
 * gmem_fault_describe() - describe a SIGSEGV outside of a window
 * @info: the siginfo_t of the signal handler
 * @text: the call writes a sentence there, with a line break and a final 0
 * @size: length of that buffer in bytes; 160 are enough, and a longer sentence
 *	  is cut
 *
 * A signal handler may call this.
 *
 * Return: 1 if the fault was an access to a region outside of a window. 0 if
 * not, or if @size is 0; then @text isn't changed.
 */
int gmem_fault_describe(const siginfo_t *info, char *text, size_t size);

/**
 * gmem_fault_install() - report accesses outside of windows on stderr
 *
 * The call installs a handler of SIGSEGV for the process. For an access outside
 * of a window, the handler writes the sentence of gmem_fault_describe() to
 * stderr. After that, and for any other SIGSEGV, it does what the process had
 * installed before:
 *
 *  - a handler: it is called with its sa_mask, SA_SIGINFO, SA_NODEFER,
 *    SA_RESTART and SA_RESETHAND in force;
 *  - SIG_DFL: the process ends, also if the signal was sent by a process;
 *  - SIG_IGN: a signal that was sent does nothing; a fault ends the process.
 *
 * The library's handler runs on the alternate signal stack of a thread that has
 * one.
 *
 * The process may call this again after it has installed another handler: then
 * the library's handler runs first, and calls that one. That handler may call
 * the library's handler in turn, as the handler that it has replaced. It must
 * pass on the same siginfo_t, in which the library marks what it has called.
 *
 * Return: 0; -ENOMEM; or an error of sigaction(2).
 */
int gmem_fault_install(void);

#ifdef __cplusplus
}
#endif

#endif /* GMEM_WINDOW_H */
