/* SPDX-License-Identifier: GPL-2.0 */
/* Who gmemvm is once it's in its sandbox, where root has started it. */
#ifndef USER_H
#define USER_H

#include <stdbool.h>
#include <sys/types.h>

struct user {
	bool given;
	uid_t uid;
	gid_t gid;
};

/* @text is NAME or UID, or either with :GID. Return: 0, or -1 said why */
int user_find(const char *text, struct user *user);

/* From now on, without other groups. Return: 0, or -1 said why */
int user_become(const struct user *user);

#endif
