/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A plugin that uses libgmem, for a program that doesn't know it: the plugin
 * has one symbol, "plugin", which is this.
 */
#ifndef PLUGIN_H
#define PLUGIN_H

#include <stdbool.h>

struct plugin {
	/* A region, NULL if it can't be made. */
	void *(*make)(bool own_key);
	void (*destroy)(void *region);
	char *(*address)(void *region);
	/* Calls @inside in a window. Return: 0, or why there is none. */
	int (*visit)(void *region, bool writing, void (*inside)(void *arg),
		     void *arg);
	unsigned long (*keys)(void);
	int (*tell_faults)(void);
	const char *(*error)(void);
};

#define PLUGIN_REGION_SIZE	(2UL << 20)

#endif /* PLUGIN_H */
