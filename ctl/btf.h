/* SPDX-License-Identifier: GPL-2.0 */
/* The offsets of members of the running kernel's structs, from its BTF. */
#ifndef BTF_H
#define BTF_H

#include <stddef.h>

struct btf_place {
	const char *type;	/* a struct's name */
	const char *member;	/* may be in unnamed structs and unions */
	size_t offset;		/* in bytes: what is to be found */
};

/**
 * btf_find - find the offsets of members in structs of the running kernel
 * @places: the members, each with its struct; @offset of each is set
 * @nr: how many
 *
 * The kernel's BTF has megabytes, which a read() gives page by page. So who
 * wants several members asks once.
 *
 * Return: 0; -ENOENT if there is no such member; -ENOTSUP if the BTF has a
 * format that isn't known here; or another negative errno if the kernel has no
 * BTF.
 */
int btf_find(struct btf_place *places, size_t nr);

/*
 * btf_find_in - the same for BTF in memory; @data has room for one more byte
 * after @size
 */
int btf_find_in(char *data, size_t size, struct btf_place *places, size_t nr);

#endif /* BTF_H */
