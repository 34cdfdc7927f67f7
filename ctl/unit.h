/* SPDX-License-Identifier: GPL-2.0 */
/* Units of systemd, by systemctl. */
#ifndef UNIT_H
#define UNIT_H

#include <stdbool.h>

struct unit {
	const char *name;
	bool enabled;
	bool active;
};

/* unit_ask - fill in the rest. Return: CTL_OK, or CTL_FAILED with a message. */
int unit_ask(struct unit *u);

/*
 * unit_do - systemctl @verb @name; @name may be NULL
 *
 * Return: CTL_OK; or CTL_FAILED after a message that has what systemctl said.
 */
int unit_do(const char *verb, const char *name);

#endif /* UNIT_H */
