// SPDX-License-Identifier: GPL-2.0
/* Parsers for lines of /proc/PID/maps, mountinfo and fdinfo. */
#include <string.h>
#include <sys/sysmacros.h>

#include "procfs.h"

/* ---- pieces of a line ---- */

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return 16;
}

/* Take a number and the character after it. Return: the rest, or NULL. */
static const char *take_number(const char *at, int base, char after,
			       uint64_t *value)
{
	const char *begin = at;

	*value = 0;
	for (; digit_of(*at) < base; at++)
		if (__builtin_mul_overflow(*value, base, value) ||
		    __builtin_add_overflow(*value, digit_of(*at), value))
			return NULL;
	if (at == begin || *at != after)
		return NULL;
	return at + 1;
}

static const char *take_device(const char *at, int base, dev_t *dev)
{
	uint64_t high, low;

	at = take_number(at, base, ':', &high);
	if (at)
		at = take_number(at, base, ' ', &low);
	if (!at || high > UINT32_MAX || low > UINT32_MAX)
		return NULL;
	*dev = makedev(high, low);
	return at;
}

/* ---- maps: "FROM-TO rwxs OFFSET MAJOR:MINOR INODE   NAME" ---- */

static const char *take_permissions(const char *at, struct proc_map *map)
{
	if (strnlen(at, 5) < 5 || at[4] != ' ')
		return NULL;
	map->write = at[1] == 'w';
	map->shared = at[3] == 's';
	return at + 5;
}

int proc_map_line(const char *line, struct proc_map *map)
{
	uint64_t ino = 0;
	const char *at = take_number(line, 16, '-', &map->from);

	if (at)
		at = take_number(at, 16, ' ', &map->to);
	if (at)
		at = take_permissions(at, map);
	if (at)
		at = take_number(at, 16, ' ', &map->offset);
	if (at)
		at = take_device(at, 16, &map->dev);
	/* A blank follows the inode, even if no name follows. */
	if (at)
		at = take_number(at, 10, ' ', &ino);
	if (!at || map->from >= map->to)
		return -1;
	map->ino = ino;
	map->name = at + strspn(at, " ");
	return 0;
}

/* The name of a file with a path begins with a slash, so no user chooses this. */
bool proc_map_is_of_device(const struct proc_map *map)
{
	static const char name[] = "anon_inode:[vfio-device]";

	return !strncmp(map->name, name, sizeof(name) - 1);
}

/*
 * ---- mountinfo: "ID PARENT MAJOR:MINOR ROOT DIR OPTIONS [TAG...] - TYPE
 * SOURCE SUPER_OPTIONS" ----
 *
 * Single blanks separate the fields; a blank in a name is \040. So a field may
 * be empty: the source is, if it has no name.
 */

/* End the field at its blank. Return: the next field, or NULL at the end. */
static char *cut_at_blank(char *at)
{
	char *blank = at ? strchr(at, ' ') : NULL;

	if (!blank)
		return NULL;
	*blank = '\0';
	return blank + 1;
}

static bool is_octal(const char *text)
{
	for (int i = 0; i < 3; i++)
		if (text[i] < '0' || text[i] > '7')
			return false;
	return *text <= '3';
}

static void unescape(char *text)
{
	char *to = text;

	while (*text) {
		if (*text == '\\' && is_octal(text + 1)) {
			*to++ = (text[1] - '0') << 6 | (text[2] - '0') << 3 |
				(text[3] - '0');
			text += 4;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

static int cut_tail(char *tail, struct proc_mount *mount)
{
	char *source, *options;

	mount->type = tail;
	source = cut_at_blank(tail);
	options = cut_at_blank(source);
	if (!options)
		return -1;
	options[strcspn(options, "\n")] = '\0';
	mount->options = options;
	return 0;
}

int proc_mount_line(char *line, struct proc_mount *mount)
{
	char *tail = strstr(line, " - "), *root, *dir;
	uint64_t parent;
	const char *at;

	if (!tail)
		return -1;
	*tail = '\0';
	at = take_number(line, 10, ' ', &mount->id);
	if (at)
		at = take_number(at, 10, ' ', &parent);
	if (at)
		at = take_device(at, 10, &mount->dev);
	if (!at)
		return -1;
	root = line + (at - line);
	dir = cut_at_blank(root);
	if (!cut_at_blank(dir) || !*dir)
		return -1;
	unescape(root);
	unescape(dir);
	mount->root = root;
	mount->dir = dir;
	return cut_tail(tail + 3, mount);
}

/* ---- fdinfo: "NAME:	VALUE" ---- */

static void note(const char *line, const char *name, int base, uint64_t *value)
{
	size_t n = strlen(name);
	uint64_t number;

	if (strncmp(line, name, n) || line[n] != ':' || line[n + 1] != '\t')
		return;
	if (take_number(line + n + 2, base, '\n', &number))
		*value = number;
}

bool proc_is_kthread_line(const char *line)
{
	uint64_t is = 0;

	note(line, "Kthread", 10, &is);
	return is == 1;
}

void proc_fdinfo_line(const char *line, struct proc_fdinfo *info)
{
	note(line, "flags", 8, &info->flags);
	note(line, "mnt_id", 10, &info->mount);
	note(line, "ino", 10, &info->ino);
}
