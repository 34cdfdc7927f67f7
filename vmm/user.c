// SPDX-License-Identifier: GPL-2.0
/* --user: finds the user's numbers, and changes to them. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "user.h"

#define NAME_MAX_LENGTH	64

/* The kernel takes (uid_t)-1 for "don't change". */
static bool parse_id(const char *text, uint32_t *id)
{
	unsigned long value;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	value = strtoul(text, &end, 10);
	*id = value;
	return !errno && !*end && value < UINT32_MAX;
}

/* @name is a name or a number. Without @group, use the user's own group. */
static int find(const char *name, const char *group, struct user *user)
{
	const struct passwd *entry = getpwnam(name);
	bool is_number = parse_id(name, &user->uid);

	if (!entry && is_number)
		entry = getpwuid(user->uid);
	if (!entry && !is_number)
		return fail("--user: there is no user '%s'", name);
	if (entry) {
		user->uid = entry->pw_uid;
		user->gid = entry->pw_gid;
	}
	if (group && !parse_id(group, &user->gid))
		return fail("--user: the group must be a number, not '%s'",
			    group);
	if (!entry && !group)
		return fail("--user: no user has the number %s: give a group, too, as UID:GID",
			    name);
	return 0;
}

int user_find(const char *text, struct user *user)
{
	size_t length = strcspn(text, ":");
	const char *group = text[length] ? text + length + 1 : NULL;
	char name[NAME_MAX_LENGTH];

	if (!length || length >= sizeof(name))
		return fail("--user must be NAME or UID, and perhaps :GID, not '%s'",
			    text);
	memcpy(name, text, length);
	name[length] = '\0';
	if (find(name, group, user))
		return -1;
	if (!user->uid || !user->gid)
		return fail("--user must not be root, and the group must not be root's: '%s'",
			    text);
	user->given = true;
	return 0;
}

int user_become(const struct user *user)
{
	if (setgroups(0, NULL) || setresgid(user->gid, user->gid, user->gid) ||
	    setresuid(user->uid, user->uid, user->uid))
		return fail_errno("--user: can't become %u:%u (only root can)",
				  user->uid, user->gid);
	return 0;
}
