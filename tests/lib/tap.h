/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A test in C that speaks TAP, the Test Anything Protocol:
 *
 *	#include "tap.h"
 *
 *	int main(void)
 *	{
 *		plan(3);			// or leave it out
 *		ok(fd >= 0, "opens");
 *		is(n, 4096, "reads a whole page");
 *		skip(1, "needs 5-level paging");
 *		return done_testing();
 *	}
 *
 * Each test prints one line. A failed one says where and why on lines that
 * begin with '#'. done_testing() answers the exit status: 0 all passed, 1
 * some failed or the plan was not kept, 77 there was nothing to run.
 *
 * For one process and one thread: a forked child reports by its exit status.
 */
#ifndef TAP_H
#define TAP_H

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TAP_EXIT_SKIP 77

#define TAP_PRINTF(fmt, args) \
	__attribute__((unused, format(printf, fmt, args)))

static struct {
	int planned;
	int run;
	int failed;
} tap;

/* Not finished means failed, also for a test that calls exit(0) midway. */
static bool tap_finished;
static pid_t tap_owner;

__attribute__((unused)) static void tap_at_exit(void)
{
	if (tap_finished || getpid() != tap_owner)
		return;
	printf("# ended before done_testing(), after %d tests\n", tap.run);
	fflush(stdout);
	_exit(1);
}

/* The output of a test that dies must be complete up to its last line. */
__attribute__((constructor, unused)) static void tap_start(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	tap_owner = getpid();
	atexit(tap_at_exit);
}

/* plan - say beforehand how many tests there will be */
__attribute__((unused)) static void plan(int tests)
{
	tap.planned = tests;
	printf("1..%d\n", tests);
}

/* diag - a line for the reader */
TAP_PRINTF(1, 2) static void diag(const char *fmt, ...)
{
	va_list ap;

	fputs("# ", stdout);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

TAP_PRINTF(4, 0)
static bool tap_result(bool pass, const char *file, int line, const char *fmt,
		       va_list ap)
{
	tap.run++;
	printf("%sok %d - ", pass ? "" : "not ", tap.run);
	vprintf(fmt, ap);
	putchar('\n');
	if (!pass) {
		tap.failed++;
		diag("  at %s:%d", file, line);
	}
	return pass;
}

TAP_PRINTF(5, 6)
static bool tap_ok(bool pass, const char *file, int line, const char *expr,
		   const char *fmt, ...)
{
	int err = errno;
	va_list ap;

	va_start(ap, fmt);
	tap_result(pass, file, line, fmt, ap);
	va_end(ap);
	if (!pass)
		diag("  false: %s (errno %d: %s)", expr, err, strerror(err));
	return pass;
}

TAP_PRINTF(5, 6)
static bool tap_is(long long got, long long want, const char *file, int line,
		   const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tap_result(got == want, file, line, fmt, ap);
	va_end(ap);
	if (got != want) {
		diag("  got  %lld (0x%llx)", got, got);
		diag("  want %lld (0x%llx)", want, want);
	}
	return got == want;
}

TAP_PRINTF(5, 6)
static bool tap_is_str(const char *got, const char *want, const char *file,
		       int line, const char *fmt, ...)
{
	bool same = got && want ? !strcmp(got, want) : got == want;
	va_list ap;

	va_start(ap, fmt);
	tap_result(same, file, line, fmt, ap);
	va_end(ap);
	if (!same) {
		diag("  got  %s", got ? got : "(null)");
		diag("  want %s", want ? want : "(null)");
	}
	return same;
}

/*
 * is_errno(): the call must fail with -1 and this errno. Checked before
 * anything else runs, as printing may change errno.
 */
TAP_PRINTF(5, 6)
static bool tap_is_errno(long long ret, int want, const char *file, int line,
			 const char *fmt, ...)
{
	int err = errno;
	bool pass = ret == -1 && err == want;
	va_list ap;

	va_start(ap, fmt);
	tap_result(pass, file, line, fmt, ap);
	va_end(ap);
	if (pass)
		return true;
	if (ret == -1)
		diag("  got  errno %d: %s", err, strerror(err));
	else
		diag("  got  success: %lld", ret);
	diag("  want errno %d: %s", want, strerror(want));
	return false;
}

/* All of these take a printf format and arguments as the test's name. */
#define ok(cond, ...) \
	tap_ok((cond), __FILE__, __LINE__, #cond, __VA_ARGS__)
#define is(got, want, ...) \
	tap_is((long long)(got), (long long)(want), __FILE__, __LINE__, \
	       __VA_ARGS__)
#define is_str(got, want, ...) \
	tap_is_str((got), (want), __FILE__, __LINE__, __VA_ARGS__)
#define is_errno(ret, want, ...) \
	tap_is_errno((long long)(ret), (want), __FILE__, __LINE__, __VA_ARGS__)
#define pass(...)	ok(true, __VA_ARGS__)
#define fail(...)	ok(false, __VA_ARGS__)

/* skip - these tests cannot run here, and why */
TAP_PRINTF(2, 3) static void skip(int tests, const char *fmt, ...)
{
	va_list ap;

	while (tests-- > 0) {
		printf("ok %d # SKIP ", ++tap.run);
		va_start(ap, fmt);
		vprintf(fmt, ap);
		va_end(ap);
		putchar('\n');
	}
}

/* skip_all - nothing in this file can run here; before any test */
TAP_PRINTF(1, 2)
static _Noreturn void skip_all(const char *fmt, ...)
{
	va_list ap;

	fputs("1..0 # SKIP ", stdout);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	tap_finished = true;
	exit(TAP_EXIT_SKIP);
}

/* bail_out - no further test makes sense, here or anywhere */
TAP_PRINTF(1, 2)
static _Noreturn void bail_out(const char *fmt, ...)
{
	va_list ap;

	fputs("Bail out! ", stdout);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	tap_finished = true;
	exit(1);
}

/* done_testing - print the plan if there was none; the exit status */
__attribute__((unused, warn_unused_result)) static int done_testing(void)
{
	tap_finished = true;
	if (!tap.planned)
		printf("1..%d\n", tap.run);
	else if (tap.planned != tap.run)
		diag("planned %d tests but ran %d", tap.planned, tap.run);
	if (tap.failed)
		diag("%d of %d tests failed", tap.failed, tap.run);
	fflush(stdout);
	return tap.failed || !tap.run ||
	       (tap.planned && tap.planned != tap.run);
}

#endif /* TAP_H */
