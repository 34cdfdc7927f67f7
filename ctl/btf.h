/* SPDX-License-Identifier: GPL-2.0 */
/* Where the members of the running kernel's structs are, by its BTF. */
#ifndef BTF_H
#define BTF_H

#include <stddef.h>

/**
 * btf_offset - the offset of a member in a struct of the running kernel
 * @type: the struct's name
 * @member: the member's, also in unnamed structs and unions in it
 * @offset: in bytes
 *
 * Return: 0; -ENOENT if there is none; -ENOTSUP if this isn't the BTF that is
 * known here; another negative errno if the kernel has none.
 */
int btf_offset(const char *type, const char *member, size_t *offset);

/* btf_offset_in - the same in BTF that is at hand; @data has a byte more */
int btf_offset_in(char *data, size_t size, const char *type, const char *member,
		  size_t *offset);

#endif /* BTF_H */
