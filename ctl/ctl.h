/* SPDX-License-Identifier: GPL-2.0 */
/* What the commands of gmemctl share: statuses, options, messages, memory. */
#ifndef CTL_H
#define CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Exit statuses; the manual page has them. */
enum ctl_status {
	CTL_OK,
	CTL_FAILED,		/* also if a check has found an error */
	CTL_USAGE,
	CTL_NOT_LOADED,
	CTL_TIMEOUT,
	CTL_INCOMPLETE,		/* verify or audit could not look at all */
};

#define CTL_MAX_OPTIONS	8

struct ctl_option {
	const char *name;
	const char *value;	/* its argument's name in --help, or NULL */
	const char *help;
};

struct ctl_call;

struct ctl_command {
	const char *name;
	const char *arguments;
	const char *summary;
	const char *details;
	int min_args;
	int max_args;
	bool is_wrapper;	/* what follows the first argument is its */
	/* Up to CTL_MAX_OPTIONS, the last without a name. */
	const struct ctl_option *options;
	int (*run)(const struct ctl_call *call);
};

/* How a command was called. */
struct ctl_call {
	const struct ctl_command *command;
	char **args;
	int nr_args;
	bool json;
	/* By the option's place in its table; "" if it has no argument. */
	const char *values[CTL_MAX_OPTIONS];
};

extern const struct ctl_command status_command, ls_command, show_command,
	map_command, convert_command, reserve_command, release_command,
	verify_command, check_command, top_command, metrics_command,
	audit_command, setup_command, run_command, save_command, load_command;

/* ctl_error - print an error on stderr. Return: CTL_FAILED. */
__attribute__((format(printf, 1, 2)))
int ctl_error(const char *fmt, ...);

/* ctl_usage - the same for wrong usage, with a hint. Return: CTL_USAGE. */
__attribute__((format(printf, 2, 3)))
int ctl_usage(const struct ctl_call *call, const char *fmt, ...);

/* ctl_not_loaded - print that gmemfs isn't loaded. Return: CTL_NOT_LOADED. */
int ctl_not_loaded(void);

__attribute__((format(printf, 1, 2)))
_Noreturn void ctl_die(const char *fmt, ...);

/* Zeroed memory. If there is none, the program ends. */
void *ctl_alloc(size_t count, size_t size);
char *ctl_copy(const char *text);
__attribute__((format(printf, 1, 2)))
char *ctl_format(const char *fmt, ...);

/*
 * ctl_grow - make room for one more element in an array. When @count is a power
 * of two, the room is doubled.
 */
void *ctl_grow(void *array, size_t count, size_t size);

/* Seconds since a fixed moment. */
double ctl_now(void);
void ctl_sleep(double seconds);

/* The kernel's clock for files advances in ticks of 10 ms at most. In ns. */
#define CTL_TICK	20000000
int64_t ctl_nanoseconds(const struct timespec *ts);

#endif /* CTL_H */
