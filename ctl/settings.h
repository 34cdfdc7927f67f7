/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files of settings, a line each: KEY=VALUE as in /etc/default, or
 * key = "value" as in libvirt's qemu.conf. All other lines stay as they are.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stdbool.h>

enum settings_form { SETTINGS_PLAIN, SETTINGS_LIBVIRT };

struct settings {
	const char *path;
	enum settings_form form;
	char *before;		/* the text of the file; NULL: there is none */
	char *text;		/* as it shall be */
};

/* settings_read - Return: CTL_OK; or CTL_FAILED after a message. */
int settings_read(struct settings *s);

/* settings_write - the same; it fails if the file isn't as it was read */
int settings_write(const struct settings *s);
void settings_free(struct settings *s);

bool settings_changed(const struct settings *s);

/* settings_get - a value without quotes, which the caller frees; or NULL */
char *settings_get(const struct settings *s, const char *key);
bool settings_is(const struct settings *s, const char *key, const char *value);

/* settings_set - set it; or remove its line, if @value is NULL */
void settings_set(struct settings *s, const char *key, const char *value);

/*
 * settings_strange - does a line name this key in another way, such as "export
 * KEY=VALUE", so that it isn't known who takes it for what?
 */
bool settings_strange(const struct settings *s, const char *key);

#endif /* SETTINGS_H */
