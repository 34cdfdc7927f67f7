/* SPDX-License-Identifier: GPL-2.0 */
/* The user that gmemvm becomes in its sandbox, if root has started it. */
#ifndef USER_H
#define USER_H

#include <stdbool.h>
#include <sys/types.h>

struct user {
	bool given;
	uid_t uid;
	gid_t gid;
};

/* @text is NAME or UID, perhaps with :GID. Return: 0, or -1 after fail() */
int user_find(const char *text, struct user *user);

/* Become the user, without further groups. Return: 0, or -1 after fail() */
int user_become(const struct user *user);

#endif
