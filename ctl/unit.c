// SPDX-License-Identifier: GPL-2.0
/* Units of systemd, by systemctl. */
#include <string.h>

#include "ctl.h"
#include "program.h"
#include "text.h"
#include "unit.h"

#define SAID	2048

static int systemctl(const char *verb, const char *name, char *said)
{
	const char *const argv[] = { "systemctl", verb, name, NULL };

	return program_run(argv, said, SAID);
}

/* Why setup can't enable it, from what is-enabled has said. */
static int complain(const struct unit *u, const char *said)
{
	if (!strncmp(said, "masked", 6))
		return ctl_error("%s is masked, so that nobody starts it; if you want it: systemctl unmask %s",
				 u->name, u->name);
	if (!strcmp(said, "generated"))
		return ctl_error("%s is made by a line of /etc/fstab, and not by the package's unit; remove that line, so that gmemctl can set it up",
				 u->name);
	if (!strcmp(said, "not-found") || strstr(said, "No such file"))
		return ctl_error("%s isn't installed; it is in the package gmemfs-tools",
				 u->name);
	return ctl_error("systemctl is-enabled %s: %s", u->name,
			 *said ? text_safe(said) : "no answer");
}

static int ask_enabled(struct unit *u, bool wanted)
{
	char said[SAID];
	int status = systemctl("is-enabled", u->name, said);

	u->enabled = !strcmp(said, "enabled");
	if (status < 0)
		return ctl_error("systemctl: %s", strerror(-status));
	if (!wanted || u->enabled || !strcmp(said, "disabled") ||
	    !strcmp(said, "enabled-runtime"))
		return CTL_OK;
	return complain(u, said);
}

static void ask_state(struct unit *u)
{
	char said[SAID];
	int status = systemctl("is-active", u->name, said);

	u->state = UNIT_INACTIVE;
	if (!status)
		u->state = UNIT_ACTIVE;
	else if (!strcmp(said, "activating") || !strcmp(said, "deactivating"))
		u->state = UNIT_BUSY;
	else if (!strcmp(said, "failed"))
		u->state = UNIT_FAILED;
}

int unit_ask(struct unit *u, bool wanted)
{
	if (ask_enabled(u, wanted))
		return CTL_FAILED;
	ask_state(u);
	return CTL_OK;
}

int unit_do(const char *verb, const char *name)
{
	char said[SAID];
	int status = systemctl(verb, name, said);

	if (!status)
		return CTL_OK;
	for (char *c = said; *c; c++)
		if (*c == '\n')
			*c = ' ';
	return ctl_error("systemctl %s%s%s: %s", verb, name ? " " : "",
			 name ? name : "",
			 status < 0 ? strerror(-status) :
			 *said ? text_safe(said) : "it failed");
}
