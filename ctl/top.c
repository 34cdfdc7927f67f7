// SPDX-License-Identifier: GPL-2.0
/* gmemctl top: files, the pool and the rates at which things happen, live. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "ctl.h"
#include "files.h"
#include "inventory.h"
#include "json.h"
#include "kernel.h"
#include "table.h"
#include "text.h"

enum { OPT_COUNT, OPT_INTERVAL };

/* These count from the module's load on. top shows their rates. */
enum counter { LOANS, HITS, MISSES, REFILLS, SCRUBS, SPLITS, COUNTERS };

static const struct {
	const char *name;
	const char *file;	/* in /sys/fs/gmemfs */
} counters[COUNTERS] = {
	[LOANS] = { "loans", "loans" },
	[HITS] = { "hits", "pool/hits" },
	[MISSES] = { "misses", "pool/misses" },
	[REFILLS] = { "refills", "pool/refills" },
	[SCRUBS] = { "scrubs", "pool/scrubs" },
	[SPLITS] = { "splits", NULL },
};

struct snapshot {
	double time;
	struct inventory inv;
	uint64_t counts[COUNTERS];
};

struct top {
	struct snapshot now;
	struct snapshot before;
	bool has_before;
	bool live;		/* on a terminal: redraw, and listen for q */
	struct termios saved;
};

static volatile sig_atomic_t told_to_end;

static void on_signal(int sig)
{
	(void)sig;
	told_to_end = 1;
}

/* ---- looking ---- */

static void look(struct snapshot *s)
{
	s->time = ctl_now();
	inventory_read(&s->inv);
	for (int i = 0; i < COUNTERS; i++)
		if (counters[i].file)
			s->counts[i] = kernel_gmemfs(counters[i].file);
	kernel_field("/proc/vmstat", "direct_map_level2_splits",
		     &s->counts[SPLITS]);
}

static double per_second(const struct top *t, uint64_t now, uint64_t before)
{
	double seconds = t->now.time - t->before.time;

	return t->has_before && now > before && seconds > 0 ?
	       (now - before) / seconds : 0;
}

static double rate(const struct top *t, enum counter c)
{
	return per_second(t, t->now.counts[c], t->before.counts[c]);
}

static uint64_t faults(const struct file_entry *f)
{
	return f->info.map_faults_2m + f->info.map_faults_4k;
}

/* A new file had no faults before. */
static double fault_rate(const struct top *t, const struct file_entry *f)
{
	const struct file_entry *before =
		inventory_find(&t->before.inv, f->dev, f->ino);

	return per_second(t, faults(f), before ? faults(before) : 0);
}

static int by_populated(const void *a, const void *b)
{
	const struct file_entry *x = a, *y = b;

	if (x->info.populated != y->info.populated)
		return x->info.populated < y->info.populated ? 1 : -1;
	return strcmp(x->path, y->path);
}

/* ---- printing ---- */

static void print_json(const struct top *t)
{
	const struct inventory *inv = &t->now.inv;
	struct json j;

	json_begin(&j, stdout, true);
	json_number(&j, "hidden", kernel_gmemfs("hidden_bytes"));
	json_number(&j, "lent", kernel_gmemfs("lent_bytes"));
	json_number(&j, "quarantined", kernel_gmemfs("quarantined_bytes"));
	json_number(&j, "pool_low", kernel_gmemfs("pool/low_bytes"));
	json_number(&j, "pool_free", kernel_gmemfs("pool/free_bytes"));
	json_number(&j, "pool_dirty", kernel_gmemfs("pool/dirty_bytes"));
	json_object(&j, "per_second");
	for (int i = 0; i < COUNTERS; i++)
		json_real(&j, counters[i].name, rate(t, i));
	json_end(&j);
	json_array(&j, "files");
	for (size_t i = 0; i < inv->nr_files; i++) {
		json_object(&j, NULL);
		files_json(&j, &inv->files[i]);
		json_real(&j, "faults_per_second",
			  fault_rate(t, &inv->files[i]));
		json_end(&j);
	}
	json_end(&j);
	inventory_json_reasons(inv, &j);
	json_finish(&j);
}

static void print_heading(const struct top *t)
{
	printf("hidden %s, lent %s, quarantined %s; ",
	       text_size(kernel_gmemfs("hidden_bytes")),
	       text_size(kernel_gmemfs("lent_bytes")),
	       text_size(kernel_gmemfs("quarantined_bytes")));
	printf("pool %s of %s, %s to be zeroed\n",
	       text_size(kernel_gmemfs("pool/free_bytes")),
	       text_size(kernel_gmemfs("pool/low_bytes")),
	       text_size(kernel_gmemfs("pool/dirty_bytes")));
	printf("per second:");
	for (int i = 0; i < COUNTERS; i++)
		printf(" %.1f %s%s", rate(t, i), counters[i].name,
		       i + 1 < COUNTERS ? "," : "");
	printf("\n\n");
}

static void print_files(const struct top *t)
{
	static const char *const headers[] = {
		"FILE", ">SIZE", ">POPULATED", ">HIDDEN", ">EXPOSED", ">LENT",
		">FAULTS/S", "USERS", NULL
	};
	const struct inventory *inv = &t->now.inv;
	struct table table;

	table_begin(&table, headers);
	for (size_t i = 0; i < inv->nr_files; i++) {
		const struct file_entry *f = &inv->files[i];
		char *users = inventory_user_names(f);

		table_cell(&table, "%s", text_safe(f->path));
		files_memory_cells(&table, f);
		table_cell(&table, "%.1f", fault_rate(t, f));
		table_cell(&table, "%s", users);
		free(users);
	}
	table_print(&table, stdout, t->live ? text_columns() : 0);
	inventory_print_reasons(inv);
}

static void print(const struct ctl_call *call, const struct top *t)
{
	if (call->json) {
		print_json(t);
	} else {
		if (t->live)
			fputs("\033[H\033[2J", stdout);
		print_heading(t);
		print_files(t);
		putchar('\n');
		if (t->live)
			fputs("q ends", stdout);
	}
	fflush(stdout);
}

/* ---- time and keys ---- */

static void start_keys(struct top *t)
{
	struct termios raw;

	if (!t->live || tcgetattr(STDIN_FILENO, &t->saved))
		return;
	raw = t->saved;
	raw.c_lflag &= ~(ICANON | ECHO);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

static void stop_keys(const struct top *t)
{
	if (!t->live)
		return;
	tcsetattr(STDIN_FILENO, TCSANOW, &t->saved);
	putchar('\n');
}

/* Return: false if the user wants to quit. */
static bool pause_for(const struct top *t, double seconds)
{
	struct pollfd in = { .fd = t->live ? STDIN_FILENO : -1,
			     .events = POLLIN };
	double until = ctl_now() + seconds, left = seconds;
	char key;

	while (left > 0 && !told_to_end) {
		if (poll(&in, 1, left * 1000 + 1) > 0) {
			if (read(STDIN_FILENO, &key, 1) != 1 || key == 'q')
				return false;
		}
		left = until - ctl_now();
	}
	return !told_to_end;
}

/* ---- the command ---- */

static int parse_call(const struct ctl_call *call, unsigned long *count,
		      double *interval)
{
	const char *n = call->values[OPT_COUNT];
	const char *seconds = call->values[OPT_INTERVAL];

	*count = 0;
	*interval = 1;
	if (n && text_parse_count(n, count))
		return ctl_usage(call, "--count: must be a number, 1 or more, not '%s'",
				 text_safe(n));
	if (seconds && (text_parse_seconds(seconds, interval) ||
			*interval < 0.1))
		return ctl_usage(call, "--interval: must be 0.1 to 2000000 seconds, not '%s'",
				 text_safe(seconds));
	return 0;
}

static void one_round(const struct ctl_call *call, struct top *t)
{
	look(&t->now);
	inventory_sort(&t->now.inv, by_populated);
	print(call, t);
	if (t->has_before)
		inventory_free(&t->before.inv);
	t->before = t->now;
	t->has_before = true;
}

static int run(const struct ctl_call *call)
{
	struct sigaction act = { .sa_handler = on_signal };
	unsigned long count, round = 0;
	struct top t = { 0 };
	double interval;
	int status = parse_call(call, &count, &interval);

	if (status)
		return status;
	if (!kernel_gmemfs_loaded())
		return ctl_not_loaded();
	t.live = !call->json && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	start_keys(&t);
	do
		one_round(call, &t);
	while (++round != count && !ferror(stdout) && pause_for(&t, interval));
	stop_keys(&t);
	inventory_free(&t.before.inv);
	return CTL_OK;
}

static const struct ctl_option options[] = {
	[OPT_COUNT] = { "count", "N", "end after N refreshes" },
	[OPT_INTERVAL] = { "interval", "SECONDS",
			   "the time between two refreshes (1)" },
	{ NULL, NULL, NULL }
};

const struct ctl_command top_command = {
	.name = "top",
	.arguments = "",
	.summary = "show files, the pool and rates of events, live",
	.details = "Refreshes every second until q is typed. If the output is not a terminal, one\n"
		   "snapshot follows the other. With --json, each snapshot is one line.",
	.options = options,
	.run = run,
};
