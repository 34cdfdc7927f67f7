// SPDX-License-Identifier: MIT
/*
 * The handler of SIGSEGV: it reports faults, and passes each signal on to the
 * handler that was installed before, as the kernel would have delivered it.
 *
 * The handlers that ours has replaced are in a list that only grows, the last
 * one first. Such a handler may itself pass the signal on to ours, if it was
 * installed after ours. So our handler marks the siginfo_t with the entry that
 * gets the signal. When our handler is called again with that siginfo_t, it
 * takes the next older entry. So the chain comes to an end.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

/**
 * struct before - an action of SIGSEGV that our handler has replaced
 * @older: the action that our handler had replaced the time before
 * @action: the action
 * @spent: atomic: it has SA_RESETHAND and was called once
 */
struct before {
	struct before *older;
	struct sigaction action;
	bool spent;
};

/* Is at the end of a siginfo_t, which the kernel doesn't use. */
struct mark {
	uint64_t magic;
	struct before *had;
};

#define MAGIC		0x676d656d66617565ULL
#define MARK_AT		(sizeof(siginfo_t) - sizeof(struct mark))

static struct before *newest;	/* atomic */

/* ---- as the kernel would ---- */

/*
 * End the process as the default action would. The signal is sent again, with
 * the same siginfo, after the handler was removed; it arrives when the handler
 * returns. A fault would also happen again by itself, unless another thread has
 * opened a window by mprotect() meanwhile.
 */
static void end_process(int sig, siginfo_t *info)
{
	signal(sig, SIG_DFL);
	if (syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), sig, info) &&
	    info->si_code <= 0)
		raise(sig);
}

/* The handler's sa_mask is already in force: see replace(). */
static void call(struct before *b, int sig, siginfo_t *info, void *context)
{
	if (b->action.sa_flags & SA_SIGINFO)
		b->action.sa_sigaction(sig, info, context);
	else
		b->action.sa_handler(sig);
}

static bool is_spent(struct before *b)
{
	return (unsigned int)b->action.sa_flags & SA_RESETHAND &&
	       __atomic_exchange_n(&b->spent, true, __ATOMIC_RELAXED);
}

/* A signal that was sent can be ignored; a fault can't. */
static void pass_on(struct before *b, int sig, siginfo_t *info, void *context)
{
	if (b && b->action.sa_handler == SIG_IGN && info->si_code <= 0)
		return;
	if (!b || b->action.sa_handler == SIG_DFL ||
	    b->action.sa_handler == SIG_IGN || is_spent(b))
		end_process(sig, info);
	else
		call(b, sig, info, context);
}

/* ---- the handler ---- */

static void tell(const siginfo_t *info)
{
	char text[160];
	int error = errno;
	int cancel NOT_CANCELLED = gmem_cancel_off();

	if (gmem_fault_describe(info, text, sizeof(text)) &&
	    write(STDERR_FILENO, text, strlen(text)) < 0)
		text[0] = 0;
	errno = error;
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	struct before *next = __atomic_load_n(&newest, __ATOMIC_ACQUIRE);
	char *end = (char *)info + MARK_AT;
	struct mark was, mark = { .magic = MAGIC };

	memcpy(&was, end, sizeof(was));
	if (was.magic == MAGIC)
		next = was.had ? was.had->older : NULL;
	else
		tell(info);
	mark.had = next;
	memcpy(end, &mark, sizeof(mark));
	pass_on(next, sig, info, context);
	memcpy(end, &was, sizeof(was));
}

/* ---- to install it ---- */

static int failed(void)
{
	return gmem_fail_errno("can't install a handler of SIGSEGV");
}

static bool is_same(const struct sigaction *a, const struct sigaction *b)
{
	int sig;

	/* A sigset_t is longer than what the kernel fills. */
	for (sig = 1; sig < NSIG; sig++)
		if (sigismember(&a->sa_mask, sig) !=
		    sigismember(&b->sa_mask, sig))
			return false;
	return a->sa_handler == b->sa_handler && a->sa_flags == b->sa_flags;
}

/* Entries in the list don't change: another thread may be in the handler. */
static int note(const struct sigaction *action)
{
	struct before *b = newest;

	if (b && !b->spent && is_same(&b->action, action))
		return 0;
	b = calloc(1, sizeof(*b));
	if (!b)
		return gmem_fail(-ENOMEM, "no memory for the record of a handler of SIGSEGV");
	b->action = *action;
	b->older = newest;
	__atomic_store_n(&newest, b, __ATOMIC_RELEASE);
	return 0;
}

/*
 * Our handler blocks the signals that the old one blocked. If SIGSEGV was
 * ignored, it interrupted no system call, so our handler gets SA_RESTART.
 */
static int replace(const struct sigaction *old)
{
	struct sigaction act = {
		.sa_sigaction = on_fault, .sa_mask = old->sa_mask,
		.sa_flags = SA_SIGINFO | SA_ONSTACK |
			    (old->sa_flags & (SA_NODEFER | SA_RESTART)),
	};

	if (old->sa_handler == SIG_IGN)
		act.sa_flags |= SA_RESTART;
	return sigaction(SIGSEGV, &act, NULL) ? failed() : 0;
}

/* The caller holds gmem_windows_lock(). */
static int install(void)
{
	struct sigaction old;

	if (sigaction(SIGSEGV, NULL, &old))
		return failed();
	if (old.sa_sigaction == on_fault)
		return 0;
	return note(&old) ?: replace(&old);
}

EXPORT int gmem_fault_install(void)
{
	int ret;

	gmem_windows_lock();
	ret = install();
	gmem_windows_unlock();
	return ret;
}
