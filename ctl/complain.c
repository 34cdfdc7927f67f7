// SPDX-License-Identifier: GPL-2.0
/* Messages of gmemctl run while the VMM runs. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>

#include "complain.h"
#include "ctl.h"

static bool in_log;
static int said;

static void say(const char *text)
{
	if (in_log)
		syslog(LOG_WARNING, "run: %s", text);
	else
		ctl_error("run: %s", text);
}

void complain(const char *fmt, ...)
{
	char *text;
	va_list ap;

	if (said > COMPLAIN_MOST)
		return;
	if (said++ == COMPLAIN_MOST) {
		say("there is more like that, which is not reported");
		return;
	}
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	say(text ? text : fmt);
	free(text);
}

void complain_to_log(void)
{
	openlog("gmemctl", LOG_PID, LOG_DAEMON);
	in_log = true;
}
