/* SPDX-License-Identifier: GPL-2.0 */
/* Compares the running kernel's structs with those at build time: layout.c. */
#ifndef GMEMFS_LAYOUT_H
#define GMEMFS_LAYOUT_H

#include <linux/stddef.h>
#include <linux/stringify.h>
#include <linux/types.h>

/**
 * struct gmem_member - one member of a struct
 * @name: its name
 * @offset: in bytes
 * @size: in bytes
 */
struct gmem_member {
	const char *name;
	unsigned int offset;
	unsigned int size;
};

/**
 * struct gmem_layout - a struct, or the prototype of a function
 * @name: name of the struct, or of the function
 * @members: the members that we use; NULL for a function
 * @nr: how many members; for a function, how many parameters
 * @size: size of the struct
 * @private: no header of the kernel declares it, so we have a copy, and only
 *	     this check compares the two
 * @last: for a function: if set, the last parameter points to a struct of this
 *	  name...
 * @stars: ...directly if this is 1, and to a pointer to one if it is 2
 */
struct gmem_layout {
	const char *name;
	const struct gmem_member *members;
	unsigned int nr;
	unsigned int size;
	bool private;
	const char *last;
	unsigned int stars;
};

/**
 * struct gmem_layouts - what is compared together
 * @who: who uses it, as messages have it
 * @module: the module that it is about
 * @landmark: a function of that module, by which its BTF is found
 * @of: types and functions
 * @nr: how many: fewer than a long has bits
 */
struct gmem_layouts {
	const char *who;
	const char *module;
	const char *landmark;
	const struct gmem_layout *of;
	int nr;
};

#define GMEM_MEMBER(type, member)			\
	{						\
		.name = __stringify(member),		\
		.offset = offsetof(type, member),	\
		.size = sizeof_field(type, member),	\
	}

#define GMEM_LAYOUT(type, array)			\
	{						\
		.name = __stringify(type),		\
		.members = (array),			\
		.nr = ARRAY_SIZE(array),		\
		.size = sizeof(struct type),		\
	}

#define GMEM_LAYOUT_PRIVATE(type, array)		\
	{						\
		.name = __stringify(type),		\
		.members = (array),			\
		.nr = ARRAY_SIZE(array),		\
		.size = sizeof(struct type),		\
		.private = true,			\
	}

#define GMEM_PROTOTYPE(function, parameters)		\
	{						\
		.name = __stringify(function),		\
		.nr = (parameters),			\
	}

/* The same, with a look at the last parameter. */
#define GMEM_PROTOTYPE_LAST(function, parameters, type, nr_stars)	\
	{						\
		.name = __stringify(function),		\
		.nr = (parameters),			\
		.last = __stringify(type),		\
		.stars = (nr_stars),			\
	}

int gmem_layout_check(const struct gmem_layouts *layouts);

#endif /* GMEMFS_LAYOUT_H */
