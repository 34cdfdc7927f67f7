/* SPDX-License-Identifier: GPL-2.0 */
/* Files of the kernel and of gmemfs in /sys and /proc. */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define GMEM_SYSFS	"/sys/fs/gmemfs"

/*
 * All functions here read only what the kernel itself answers. Containers hide
 * a file by mounting /dev/null over it, or another file: -EMEDIUMTYPE.
 */

/*
 * kernel_line - read a file's first line
 *
 * Return: 0; -ENODATA if the file is empty; or another negative errno.
 */
int kernel_line(const char *path, char *line, size_t size);

/*
 * kernel_text - read all of a file, which the caller frees
 *
 * Return: NULL with errno set, also if it is empty.
 */
char *kernel_text(const char *path);

/* kernel_file - open a file for reading. Return: NULL with errno set. */
FILE *kernel_file(const char *path);

/*
 * kernel_begins - does a file begin with these bytes? access() doesn't tell
 * whether it can be read: the kernel may refuse the file even to root.
 */
bool kernel_begins(const char *path, const char *bytes);

/*
 * kernel_lacks - is it known that the kernel has no such file?
 * @type: the magic number of the file system that the file would be in. If
 *	  another one is at its place, the file may only be hidden by that.
 */
bool kernel_lacks(const char *path, unsigned long type);

/* kernel_number - read a number from a file. Return: 0 or a negative errno. */
int kernel_number(const char *path, uint64_t *value);

/* kernel_write - write a number to a file. Return: 0 or a negative errno. */
int kernel_write(const char *path, uint64_t value);

/* kernel_field - read the number after a word in a file like /proc/meminfo */
int kernel_field(const char *path, const char *word, uint64_t *value);

/* kernel_has_word - does the file's first line have this word? */
bool kernel_has_word(const char *path, const char *word);

/*
 * kernel_free_memory - get the free memory, in bytes
 * @all: set to all of it; 0 if /proc/buddyinfo can't be read
 * @large: set to how much of that is in blocks of 2 MiB or more
 */
void kernel_free_memory(uint64_t *all, uint64_t *large);

bool kernel_gmemfs_loaded(void);

/* kernel_gmemfs_installed - does modprobe find it for this kernel? */
bool kernel_gmemfs_installed(void);

/* The number in a file of /sys/fs/gmemfs; 0 if there is no such file. */
uint64_t kernel_gmemfs(const char *name);

enum guard_state {
	GUARD_UNKNOWN,		/* the parameter or tracefs can't be read */
	GUARD_OFF,
	GUARD_NO_KVM,		/* nothing to hook yet */
	GUARD_HOOKED,
	GUARD_NOT_HOOKED,	/* the module refuses to hide memory */
};

/**
 * kernel_guard - get the state of the module's guard
 * @mode: set to the module's parameter: lend, deny or off
 * @size: length of that buffer
 * @hooks: set to how many functions are hooked, as ftrace shows it
 */
enum guard_state kernel_guard(char *mode, size_t size, unsigned int *hooks);
const char *kernel_guard_name(enum guard_state state);

#endif /* KERNEL_H */
