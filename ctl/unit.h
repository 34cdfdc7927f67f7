/* SPDX-License-Identifier: GPL-2.0 */
/* Units of systemd, by systemctl. */
#ifndef UNIT_H
#define UNIT_H

#include <stdbool.h>

enum unit_state {
	UNIT_INACTIVE,
	UNIT_ACTIVE,
	UNIT_BUSY,		/* a job starts or stops it */
	UNIT_FAILED,
};

struct unit {
	const char *name;
	bool enabled;
	enum unit_state state;
};

/*
 * unit_ask - fill in the rest
 * @wanted: it is going to be enabled, so it is an error if it can't be: if it
 *	    is masked, or not installed
 *
 * Return: CTL_OK, or CTL_FAILED with a message.
 */
int unit_ask(struct unit *u, bool wanted);

/*
 * unit_do - systemctl @verb @name; @name may be NULL
 *
 * Return: CTL_OK; or CTL_FAILED after a message that has what systemctl said.
 */
int unit_do(const char *verb, const char *name);

#endif /* UNIT_H */
