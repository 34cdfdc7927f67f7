// SPDX-License-Identifier: GPL-2.0
/* The witness: touches pages, and looks for their frames in the direct map. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "ctl.h"
#include "witness.h"

#define PAGE		KCORE_PAGE_SIZE

/* ---- accessing memory that may be gone ---- */

static sigjmp_buf fault_jump;

static volatile sig_atomic_t look_ticks;	/* 0: no look */

static void on_fault(int sig)
{
	look_ticks = 0;
	siglongjmp(fault_jump, sig);
}

/*
 * A page may be missing: then an access waits for whoever has the file's fault
 * channel, perhaps for ever. A signal ends that.
 */
#define LOOK_TICKS	3

static void on_tick(int sig)
{
	if (look_ticks && ++look_ticks > LOOK_TICKS) {
		look_ticks = 0;
		siglongjmp(fault_jump, sig);
	}
}

static void catch_faults(void)
{
	struct sigaction bus = { .sa_handler = on_fault };
	struct sigaction tick = {
		.sa_handler = on_tick, .sa_flags = SA_RESTART,
	};

	sigaction(SIGBUS, &bus, NULL);
	sigaction(SIGALRM, &tick, NULL);
}

static void set_ticks(time_t seconds)
{
	struct itimerval every = {
		.it_interval.tv_sec = seconds, .it_value.tv_sec = seconds,
	};

	setitimer(ITIMER_REAL, &every, NULL);
}

void witness_begin_looks(void)
{
	set_ticks(1);
}

void witness_end_looks(void)
{
	set_ticks(0);
}

static bool is_zero(const volatile uint64_t *words)
{
	for (size_t i = 0; i < PAGE / sizeof(*words); i++)
		if (words[i])
			return false;
	return true;
}

int witness_look(const uint8_t *page)
{
	int zero;

	if (sigsetjmp(fault_jump, 1))
		return -1;
	look_ticks = 1;
	zero = is_zero((const volatile uint64_t *)page);
	look_ticks = 0;
	return zero;
}

int witness_look_once(const uint8_t *page)
{
	int zero;

	witness_begin_looks();
	zero = witness_look(page);
	witness_end_looks();
	return zero;
}

/* ---- what can be seen of pages ---- */

struct marks {
	uint64_t first;		/* direct map address of the first page */
	size_t pages;
	struct sight *sights;
};

static int mark_leaf(const struct kcore_leaf *leaf, void *arg)
{
	const struct marks *m = arg;
	uint64_t last = m->first + m->pages * PAGE;
	uint64_t at = leaf->vaddr > m->first ? leaf->vaddr : m->first;
	uint64_t end = leaf->vaddr + leaf->size;

	for (; at < end && at < last; at += PAGE)
		m->sights[(at - m->first) / PAGE].mapped = true;
	return 0;
}

/* If a run can't be read as a whole, it is read page by page. */
static int read_run(struct witness *w, uint64_t vaddr, size_t pages,
		    struct sight *sights)
{
	int err = kcore_read(&w->k, vaddr, w->buf, pages * PAGE);

	for (size_t i = 0; !err && i < pages; i++)
		sights[i].read = !is_zero((const uint64_t *)(w->buf +
							     i * PAGE));
	if (err != -EFAULT)
		return err;
	err = 0;
	for (size_t i = 0; pages > 1 && !err && i < pages; i++)
		err = read_run(w, vaddr + i * PAGE, 1, &sights[i]);
	return err;
}

int witness_see_frames(struct witness *w, uint64_t pfn, size_t pages,
		       struct sight *sights)
{
	uint64_t vaddr = kcore_direct(&w->k, pfn);
	struct marks marks = {
		.first = vaddr, .pages = pages, .sights = sights,
	};
	int err;

	if (!kcore_is_ram(&w->k, pfn) || !kcore_is_ram(&w->k, pfn + pages - 1))
		return -ERANGE;
	for (size_t i = 0; i < pages; i++)
		sights[i] = (struct sight){ .pfn = pfn + i };
	err = kcore_walk(&w->k, vaddr, vaddr + pages * PAGE, mark_leaf, &marks);
	return err ? err : read_run(w, vaddr, pages, sights);
}

int witness_see(struct witness *w, const uint8_t *addr, size_t pages,
		struct sight *sights)
{
	uint64_t pfns[WITNESS_PAGES];
	int err = frames_behind(&w->frames, addr, pages, pfns);

	for (size_t i = 0, n; !err && i < pages; i += n) {
		n = 1;
		sights[i].pfn = FRAME_NONE;
		if (pfns[i] == FRAME_NONE)
			continue;
		while (i + n < pages && pfns[i + n] == pfns[i] + n)
			n++;
		err = witness_see_frames(w, pfns[i], n, &sights[i]);
	}
	return err;
}

/* ---- open and close ---- */

int witness_open(struct witness *w)
{
	memset(w, 0, sizeof(*w));
	if (kcore_open(&w->k))
		return ctl_error("%s (only root can read it, and only if the kernel is not locked down for confidentiality)",
				 w->k.error);
	if (frames_open(&w->frames, &w->k)) {
		kcore_close(&w->k);
		return ctl_error("%s", w->frames.error);
	}
	if (posix_memalign((void **)&w->buf, PAGE, WITNESS_PAGES * PAGE))
		ctl_die("out of memory");
	catch_faults();
	return CTL_OK;
}

/* Wipe what was read of other processes' memory. */
void witness_close(struct witness *w)
{
	explicit_bzero(w->buf, WITNESS_PAGES * PAGE);
	free(w->buf);
	kcore_close(&w->k);
}
