/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel and gmemfs say in /sys and /proc. */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GMEM_SYSFS	"/sys/fs/gmemfs"

/* kernel_line - the first line of a file. Return: 0 or a negative errno. */
int kernel_line(const char *path, char *line, size_t size);

/*
 * kernel_lacks - is it known that the kernel has no such file?
 * @type: the magic number of the file system that would have it: else it may be
 * out of sight only
 */
bool kernel_lacks(const char *path, unsigned long type);

/* kernel_number - a file that is a number */
int kernel_number(const char *path, uint64_t *value);

/* kernel_write - return: 0 or a negative errno */
int kernel_write(const char *path, uint64_t value);

/* kernel_field - the number after a word in a file such as /proc/meminfo */
int kernel_field(const char *path, const char *word, uint64_t *value);

/* kernel_has_word - is this word, by itself, in the file's first line? */
bool kernel_has_word(const char *path, const char *word);

/*
 * kernel_free_memory - how much there is, and how much of that in blocks of
 * 2 MiB; both are 0 if that can't be known
 */
void kernel_free_memory(uint64_t *all, uint64_t *large);

bool kernel_gmemfs_loaded(void);

/* A file in /sys/fs/gmemfs; 0 if it isn't there. */
uint64_t kernel_gmemfs(const char *name);

enum guard_state {
	GUARD_UNKNOWN,		/* tracefs is missing or not for who asks */
	GUARD_OFF,
	GUARD_NO_KVM,		/* nothing to hook yet */
	GUARD_HOOKED,
	GUARD_NOT_HOOKED,	/* hiding is refused */
};

/**
 * kernel_guard - the guard
 * @mode: the module's parameter: lend, deny or off
 * @hooks: how many functions are hooked, by what ftrace says
 */
enum guard_state kernel_guard(char *mode, size_t size, unsigned int *hooks);
const char *kernel_guard_name(enum guard_state state);

#endif /* KERNEL_H */
