/* SPDX-License-Identifier: GPL-2.0 */
/* The mount that the packages' unit makes: of gmemfs, at /dev/gmem. */
#ifndef MOUNTED_H
#define MOUNTED_H

#include <gmem.h>
#include <stdbool.h>
#include <stdint.h>

#include "findings.h"

#define MOUNTED_DIR	GMEM_DEFAULT_MOUNT
#define MOUNTED_LIBVIRT	MOUNTED_DIR "/libvirt"

struct mounted {
	bool is;		/* it is there, and can be reached */
	bool hugetlbfs;		/* with statfs=hugetlbfs, as libvirt needs it */
	uint64_t size;		/* in bytes; 0: no limit */
	bool shared;		/* others than root may make files at its top */
	bool folder;		/* MOUNTED_LIBVIRT is there */
	bool foreign;		/* but it isn't a folder of root's */
	bool served;		/* libvirt has been started since it is there */
};

void mounted_look(struct mounted *m);

/*
 * mounted_has_size - does it have the size that an option like "25%" or "8g"
 * says? True also if that can't be told, because nobody understands the option.
 */
bool mounted_has_size(const struct mounted *m, const char *size);

/* mounted_resize - remount it. Return: CTL_OK, or CTL_FAILED with a message. */
int mounted_resize(const char *size);

/* mounted_is_used - is a file in it, which may be the memory of a guest? */
bool mounted_is_used(void);

/*
 * mounted_make_folder - make MOUNTED_LIBVIRT, as libvirt would do it later;
 * mounted_remove_folder - remove it, if it is empty
 *
 * Return: CTL_OK, or CTL_FAILED with a message.
 */
int mounted_make_folder(void);
int mounted_remove_folder(void);

/* mounted_try - make a file in it, and see whether its memory is hidden */
void mounted_try(struct findings *f);

#endif /* MOUNTED_H */
