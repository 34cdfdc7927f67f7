// SPDX-License-Identifier: GPL-2.0
/*
 * gmemctl: the administrator's command for gmemfs. This file has the list of
 * its commands, and the options that all of them have.
 */
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "inherit.h"
#include "text.h"

static const struct ctl_command *const commands[] = {
	&status_command, &ls_command, &show_command, &map_command,
	&convert_command, &reserve_command, &release_command, &verify_command,
	&audit_command, &check_command, &top_command, &metrics_command,
	&save_command, &load_command, &setup_command, &run_command, NULL
};

static const struct ctl_option common[] = {
	{ "json", NULL, "print JSON, with sizes in bytes" },
	{ "color", "WHEN",
	  "always, never, or auto: on a terminal, if NO_COLOR is unset" },
	{ "help", NULL, "print this text" },
	{ NULL, NULL, NULL }
};

/* getopt_long() returns the index of a command's option, or one of these. */
enum { OPT_JSON = 100, OPT_COLOR, OPT_HELP };

static void print_options(const struct ctl_option *options)
{
	for (; options->name; options++) {
		char left[40];

		snprintf(left, sizeof(left), "--%s%s%s", options->name,
			 options->value ? "=" : "",
			 options->value ? options->value : "");
		printf("  %-18s %s\n", left, options->help);
	}
}

static int help(void)
{
	printf("usage: gmemctl COMMAND [OPTION]... [ARGUMENT]...\n"
	       "\n"
	       "Manages gmemfs: guest memory that is not in the kernel's direct map.\n"
	       "\n");
	for (const struct ctl_command *const *c = commands; *c; c++)
		printf("  %-10s %s\n", (*c)->name, (*c)->summary);
	printf("\n"
	       "Options of all commands:\n");
	print_options(common);
	printf("  %-18s %s\n", "--version", "print the version of gmemctl");
	printf("\n"
	       "A FILE is a path in a gmemfs mount, or /proc/PID/fd/N of a file without a name.\n"
	       "Sizes may have K, M, G or T.\n"
	       "Exit status: 0 done, and no check found an error; 1 failed, or a check found an\n"
	       "error; 2 wrong usage; 3 gmemfs is not loaded; 4 it took too long; 5 no error was\n"
	       "found, but not everything could be checked.\n"
	       "More: man gmemctl, and gmemctl COMMAND --help.\n");
	return CTL_OK;
}

static int help_of(const struct ctl_command *command)
{
	printf("usage: gmemctl %s [OPTION]...%s%s\n\n%s\n\n", command->name,
	       *command->arguments ? " " : "", command->arguments,
	       command->details);
	print_options(command->options);
	print_options(common);
	return CTL_OK;
}

/* ---- options ---- */

static void add_option(struct option *to, const struct ctl_option *from,
		       int val)
{
	to->name = from->name;
	to->has_arg = from->value ? required_argument : no_argument;
	to->flag = NULL;
	to->val = val;
}

static void all_options(const struct ctl_command *command,
			struct option *options)
{
	int n = 0;

	for (int i = 0; command->options[i].name; i++)
		add_option(&options[n++], &command->options[i], i);
	for (int i = 0; common[i].name; i++)
		add_option(&options[n++], &common[i], OPT_JSON + i);
	memset(&options[n], 0, sizeof(options[n]));
}

static int unknown_option(const struct ctl_call *call,
			  const struct option *options, const char *given)
{
	const char *names[CTL_MAX_OPTIONS + 4];
	char word[33];
	int n = 0;
	const char *meant;

	for (; options->name; options++)
		names[n++] = options->name;
	names[n] = NULL;
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(given, "="), given);
	meant = text_similar(word + strspn(word, "-"), names);
	if (meant)
		return ctl_usage(call, "unknown option %s; did you mean --%s?",
				 text_safe(given), meant);
	return ctl_usage(call, "unknown option %s", text_safe(given));
}

/* Return: -1 to go on, or the exit status. */
static int parse_options(struct ctl_call *call, int argc, char **argv)
{
	const char *how = call->command->is_wrapper ? "+:h" : ":h";
	struct option options[CTL_MAX_OPTIONS + 4];
	int opt;

	all_options(call->command, options);
	opterr = 0;
	while ((opt = getopt_long(argc, argv, how, options, NULL)) != -1) {
		switch (opt) {
		case OPT_JSON:
			call->json = true;
			break;
		case OPT_COLOR:
			if (text_set_colour(optarg))
				return ctl_usage(call, "--color: must be always, never or auto, not %s",
						 text_safe(optarg));
			break;
		case OPT_HELP:
		case 'h':
			return help_of(call->command);
		case ':':
			return ctl_usage(call, "%s needs an argument",
					 text_safe(argv[optind - 1]));
		case '?':
			return unknown_option(call, options, argv[optind - 1]);
		default:
			call->values[opt] = optarg ? optarg : "";
		}
	}
	call->args = argv + optind;
	call->nr_args = argc - optind;
	return -1;
}

static int run(const struct ctl_command *command, int argc, char **argv)
{
	struct ctl_call call = { .command = command };
	int status = parse_options(&call, argc, argv);

	if (status >= 0)
		return status;
	if (call.nr_args < command->min_args)
		return ctl_usage(&call, "the arguments must be %s",
				 command->arguments);
	if (call.nr_args > command->max_args)
		return ctl_usage(&call, "too many arguments: '%s'",
				 text_safe(call.args[command->max_args]));
	return command->run(&call);
}

/* ---- commands ---- */

static int unknown_command(const char *given)
{
	const char *names[sizeof(commands) / sizeof(*commands)];
	const char *meant;
	int n = 0;

	for (; commands[n]; n++)
		names[n] = commands[n]->name;
	names[n] = NULL;
	meant = text_similar(given, names);
	if (meant)
		return ctl_usage(NULL, "unknown command '%s'; did you mean '%s'?",
				 text_safe(given), meant);
	return ctl_usage(NULL, "unknown command '%s'", text_safe(given));
}

static int dispatch(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;

	if (!name)
		return ctl_usage(NULL, "a command is needed");
	if (!strcmp(name, "--help") || !strcmp(name, "-h") ||
	    !strcmp(name, "help"))
		return help();
	if (!strcmp(name, "--version")) {
		puts("gmemctl " GMEMCTL_VERSION);
		return CTL_OK;
	}
	if (*name == '-')
		return ctl_usage(NULL, "the command must come before '%s'",
				 text_safe(name));
	for (const struct ctl_command *const *c = commands; *c; c++)
		if (!strcmp((*c)->name, name))
			return run(*c, argc - 1, argv + 1);
	return unknown_command(name);
}

int main(int argc, char **argv)
{
	int status;

	inherit_begin();
	setlocale(LC_CTYPE, "");
	text_set_colour("auto");
	status = dispatch(argc, argv);
	if (fflush(stdout) || ferror(stdout)) {
		ctl_error("can't write the output: %s", strerror(errno));
		return status == CTL_OK ? CTL_FAILED : status;
	}
	return status;
}
