/* SPDX-License-Identifier: GPL-2.0 */
/* The offsets of members of the running kernel's structs, from its BTF. */
#ifndef BTF_H
#define BTF_H

#include <stddef.h>

/**
 * btf_offset - find the offset of a member in a struct of the running kernel
 * @type: the struct's name
 * @member: the member's name; it may be in unnamed structs and unions
 * @offset: set to the offset in bytes
 *
 * Return: 0; -ENOENT if there is no such member; -ENOTSUP if the BTF has a
 * format that isn't known here; or another negative errno if the kernel has no
 * BTF.
 */
int btf_offset(const char *type, const char *member, size_t *offset);

/*
 * btf_offset_in - the same for BTF in memory; @data has room for one more byte
 * after @size
 */
int btf_offset_in(char *data, size_t size, const char *type, const char *member,
		  size_t *offset);

#endif /* BTF_H */
