// SPDX-License-Identifier: GPL-2.0
/*
 * handlers: gmem_fault_install() around handlers of SIGSEGV, and what these
 * get: what the kernel would have given them. Each in a process of its own,
 * which dies of it or says what it has seen.
 */
#include <pthread.h>
#include <sys/syscall.h>

#include "../module/gmem_test.h"
#include "libgmem_test.h"

#define SURVIVED	7	/* exit status */

/* What a child has seen. */
static struct seen {
	int calls;	/* of handlers */
	char who[16];	/* which, in their order */
	int usr1;	/* blocked in the first one */
	int segv;
} *seen;

static struct gmem_region *region;
static struct sigaction old[2];
static sigjmp_buf back;

/* ---- what happens to a child ---- */

static void fault(void)
{
	*(volatile char *)region->address = 1;
}

static void send_to_self(void)
{
	kill(getpid(), SIGSEGV);
}

static void queue_to_self(void)
{
	sigqueue(getpid(), SIGSEGV, (union sigval){ .sival_int = 1 });
}

/* As a fault that isn't there any more when its handler is back. */
static void send_as_fault(void)
{
	siginfo_t info = { .si_signo = SIGSEGV, .si_code = SEGV_ACCERR };

	info.si_addr = region->address;
	must(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGSEGV,
		     &info));
}

/* ---- handlers ---- */

static void note(char who)
{
	sigset_t blocked;

	if (!seen->calls) {
		pthread_sigmask(SIG_BLOCK, NULL, &blocked);
		seen->usr1 = sigismember(&blocked, SIGUSR1);
		seen->segv = sigismember(&blocked, SIGSEGV);
	}
	if (seen->calls < (int)sizeof(seen->who) - 1)
		seen->who[seen->calls] = who;
	if (++seen->calls > 8)
		_exit(99);
}

static void simple(int sig)
{
	note(sig == SIGSEGV ? 's' : '?');
}

static void with_info(int sig, siginfo_t *info, void *context)
{
	note(info->si_signo == sig && context ? 'i' : '?');
}

static void jump(int sig)
{
	(void)sig;
	note('j');
	siglongjmp(back, 1);
}

static void quit(int sig)
{
	(void)sig;
	note('q');
	_exit(SURVIVED);
}

static void chain(const struct sigaction *to, int sig, siginfo_t *info,
		  void *context)
{
	if (to->sa_flags & SA_SIGINFO)
		to->sa_sigaction(sig, info, context);
	else if (to->sa_handler == SIG_DFL)
		signal(sig, SIG_DFL);
	else
		to->sa_handler(sig);
}

static void chain_a(int sig, siginfo_t *info, void *context)
{
	note('a');
	chain(&old[0], sig, info, context);
}

/* Hands on a copy. */
static void chain_b(int sig, siginfo_t *info, void *context)
{
	siginfo_t copy = *info;

	note('b');
	chain(&old[1], sig, &copy, context);
}

static void have(void (*handler)(int), int flags, struct sigaction *before)
{
	struct sigaction act = { .sa_handler = handler, .sa_flags = flags };

	must(sigaction(SIGSEGV, &act, before));
}

static void have_info(void (*handler)(int, siginfo_t *, void *),
		      struct sigaction *before)
{
	struct sigaction act = {
		.sa_sigaction = handler, .sa_flags = SA_SIGINFO,
	};

	must(sigaction(SIGSEGV, &act, before));
}

__attribute__((noinline)) static void install(void)
{
	good(gmem_fault_install());
}

/* ---- children ---- */

static void default_fault(void)
{
	install();
	fault();
}

static void default_sent(void)
{
	install();
	send_to_self();
}

static void default_queued(void)
{
	install();
	queue_to_self();
}

static void default_raised(void)
{
	install();
	raise(SIGSEGV);
}

static void default_as_fault(void)
{
	install();
	send_as_fault();
}

static void default_with_flag(void)
{
	have(SIG_DFL, SA_SIGINFO, NULL);
	default_sent();
}

static void ignored_sent(void)
{
	have(SIG_IGN, 0, NULL);
	install();
	send_to_self();
	queue_to_self();
}

static void ignored_with_flag(void)
{
	have(SIG_IGN, SA_SIGINFO, NULL);
	install();
	send_to_self();
}

static void ignored_fault(void)
{
	have(SIG_IGN, 0, NULL);
	install();
	fault();
}

static void *send_soon(void *thread)
{
	usleep(200000);
	pthread_kill(*(pthread_t *)thread, SIGSEGV);
	usleep(200000);
	return (void *)(long)write(old[0].sa_flags, "x", 1);
}

/* The call's end is there only after the signal. */
static void read_meanwhile(void)
{
	pthread_t self = pthread_self(), other;
	int ends[2];
	char byte;

	must(pipe(ends));
	old[0].sa_flags = ends[1];
	must(pthread_create(&other, NULL, send_soon, &self) ? -1 : 0);
	must(read(ends[0], &byte, 1));
}

static void ignored_in_call(void)
{
	have(SIG_IGN, 0, NULL);
	install();
	read_meanwhile();
}

static void restarted(void)
{
	have(simple, SA_RESTART, NULL);
	install();
	read_meanwhile();
}

static void handler_sent(void)
{
	have(simple, 0, NULL);
	install();
	send_to_self();
	send_to_self();
}

static void handler_info(void)
{
	have_info(with_info, NULL);
	install();
	send_to_self();
}

static void handler_jumps(void)
{
	int i;

	have(jump, 0, NULL);
	install();
	for (i = 0; i < 3; i++)
		if (!sigsetjmp(back, 1))
			fault();
}

static void once_sent(void)
{
	have(simple, SA_RESETHAND, NULL);
	install();
	send_to_self();
	send_to_self();
}

static void once_fault(void)
{
	have(simple, SA_RESETHAND, NULL);
	install();
	fault();
}

static void masked(void)
{
	struct sigaction act = { .sa_handler = simple };

	sigaddset(&act.sa_mask, SIGUSR1);
	must(sigaction(SIGSEGV, &act, NULL));
	install();
	send_to_self();
}

static void no_defer(void)
{
	have(simple, SA_NODEFER, NULL);
	install();
	send_to_self();
}

static void around_chain(void)
{
	install();
	have_info(chain_a, &old[0]);
	install();
	fault();
}

static void around_chain_sent(void)
{
	install();
	have_info(chain_a, &old[0]);
	install();
	send_to_self();
}

static void around_two(void)
{
	have(jump, 0, NULL);
	install();
	have_info(chain_a, &old[0]);
	install();
	have_info(chain_b, &old[1]);
	install();
	if (!sigsetjmp(back, 1))
		fault();
	if (!sigsetjmp(back, 1))
		fault();
}

/* Its own book is wrong by then: it has us before it, and we have it. */
static void chain_comes_twice(void)
{
	install();
	have_info(chain_a, &old[0]);
	install();
	have_info(chain_a, &old[0]);
	install();
	fault();
}

static void around_end(void)
{
	install();
	have(quit, 0, NULL);
	install();
	fault();
}

static void from_default(void)
{
	have(simple, 0, NULL);
	install();
	have(SIG_DFL, 0, NULL);
	install();
	fault();
}

/* ---- all of them ---- */

#define DIES	(-SIGSEGV)

static const struct {
	const char *name;
	void (*run)(void);
	int end;		/* DIES, or an exit status */
	const char *who;
	int told;
} cases[] = {
	{ "a fault", default_fault, DIES, "", 1 },
	{ "sent by kill()", default_sent, DIES, "", 0 },
	{ "sent by sigqueue()", default_queued, DIES, "", 0 },
	{ "sent by raise()", default_raised, DIES, "", 0 },
	{ "a fault that doesn't come again", default_as_fault, DIES, "", 1 },
	{ "the default, with SA_SIGINFO", default_with_flag, DIES, "", 0 },
	{ "ignored, and sent", ignored_sent, SURVIVED, "", 0 },
	{ "ignored, with SA_SIGINFO", ignored_with_flag, SURVIVED, "", 0 },
	{ "ignored, but a fault", ignored_fault, DIES, "", 1 },
	{ "ignored, in a system call", ignored_in_call, SURVIVED, "", 0 },
	{ "handled, in a system call", restarted, SURVIVED, "s", 0 },
	{ "handled, and sent twice", handler_sent, SURVIVED, "ss", 0 },
	{ "handled with a siginfo", handler_info, SURVIVED, "i", 0 },
	{ "a handler that jumps", handler_jumps, SURVIVED, "jjj", 3 },
	{ "SA_RESETHAND, sent twice", once_sent, DIES, "s", 0 },
	{ "SA_RESETHAND, a fault", once_fault, DIES, "s", 2 },
	{ "around one that chains", around_chain, DIES, "a", 1 },
	{ "around one that chains, sent", around_chain_sent, DIES, "a", 0 },
	{ "around two that chain", around_two, SURVIVED, "bajbaj", 2 },
	{ "around one that has come twice", chain_comes_twice, DIES, "a", 1 },
	{ "around one that doesn't chain", around_end, SURVIVED, "q", 1 },
	{ "back to the default", from_default, DIES, "", 1 },
};

/* Regions aren't in children: each makes one. */
static void make_region(void)
{
	struct gmem_region_options options = {
		.size = 4 * PAGE, .windows = GMEM_WINDOWS_PROCESS,
		.backends = 1 << GMEM_BACKEND_MEMFD,
	};

	good(gmem_region_create(&options, &region));
}

/* Its stderr goes to @text. */
static int run(void (*what)(void), char *text, size_t size)
{
	int pipes[2], status;
	size_t n = 0;
	ssize_t got;
	pid_t pid;

	*seen = (struct seen){};
	must(pipe(pipes));
	pid = must(fork());
	if (!pid) {
		tap_finished = true;
		dup2(pipes[1], STDERR_FILENO);
		alarm(300);
		signal(SIGSEGV, SIG_DFL);
		make_region();
		what();
		_exit(SURVIVED);
	}
	close(pipes[1]);
	while (n < size - 1 &&
	       (got = read(pipes[0], text + n, size - 1 - n)) > 0)
		n += got;
	text[n] = 0;
	close(pipes[0]);
	must(waitpid(pid, &status, 0));
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int count(const char *text, const char *word)
{
	int n = 0;

	for (; (text = strstr(text, word)); text += strlen(word))
		n++;
	return n;
}

static void test_case(unsigned int i)
{
	static char text[1 << 16];

	const char *what = "the process goes on";

	if (cases[i].end == DIES)
		what = "the process ends by it";
	is(run(cases[i].run, text, sizeof(text)), cases[i].end, "%s: %s",
	   cases[i].name, what);
	is_str(seen->who, cases[i].who, "  these handlers were called");
	is(count(text, "outside of a window"), cases[i].told,
	   "  told that often");
}

static void test_masks(void)
{
	char text[1000];

	is(run(masked, text, sizeof(text)), SURVIVED, "a handler with a mask");
	is(seen->usr1, 1, "  has it blocked");
	is(seen->segv, 1, "  and SIGSEGV");
	is(run(no_defer, text, sizeof(text)), SURVIVED, "SA_NODEFER");
	is(seen->segv, 0, "  has SIGSEGV not blocked");
	is(seen->usr1, 0, "  nor others");
}

int main(void)
{
	unsigned int i;

	seen = must(mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		test_case(i);
	test_masks();
	return done_testing();
}
