// SPDX-License-Identifier: GPL-2.0
/*
 * A reader of the kernel's description of its types, /sys/kernel/btf/vmlinux.
 * It reads only what is needed to find a member of a struct.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "btf.h"

/* How deeply unnamed structs may be nested. */
#define BTF_MAX_DEPTH	8

/* How many members are compared at most; large structs have hundreds. */
#define BTF_MAX_MEMBERS	(1 << 20)

struct btf {
	char *data;
	size_t size;
	const char *strings;
	size_t strings_size;
	const struct btf_type **types;	/* by their number, from 1 */
	uint32_t nr_types;
	uint32_t left;			/* of BTF_MAX_MEMBERS */
};

static int read_file(struct btf *btf)
{
	int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t done = 0;
	ssize_t n = 0;

	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st)) {
		btf->size = st.st_size;
		btf->data = malloc(btf->size + 1);
	}
	while (btf->data && done < btf->size) {
		n = read(fd, btf->data + done, btf->size - done);
		if (n <= 0)
			break;
		done += n;
	}
	close(fd);
	if (!btf->data)
		return -ENOMEM;
	return done == btf->size ? 0 : -EIO;
}

/* The size of what follows a type of this kind. Return: false if unknown. */
static bool tail_size(const struct btf_type *t, size_t *size)
{
	size_t n = BTF_INFO_VLEN(t->info);

	switch (BTF_INFO_KIND(t->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		*size = sizeof(uint32_t);
		return true;
	case BTF_KIND_ARRAY:
		*size = sizeof(struct btf_array);
		return true;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		*size = n * sizeof(struct btf_member);
		return true;
	case BTF_KIND_ENUM:
		*size = n * sizeof(struct btf_enum);
		return true;
	case BTF_KIND_ENUM64:
		*size = n * sizeof(struct btf_enum64);
		return true;
	case BTF_KIND_FUNC_PROTO:
		*size = n * sizeof(struct btf_param);
		return true;
	case BTF_KIND_DATASEC:
		*size = n * sizeof(struct btf_var_secinfo);
		return true;
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPE_TAG:
		*size = 0;
		return true;
	}
	return false;
}

static int list_types(struct btf *btf, const char *at, size_t left)
{
	size_t most = left / sizeof(struct btf_type) + 1;

	btf->types = calloc(most, sizeof(*btf->types));
	if (!btf->types)
		return -ENOMEM;
	btf->nr_types = 1;
	while (left) {
		const struct btf_type *t = (const struct btf_type *)at;
		size_t size;

		if (left < sizeof(*t) || !tail_size(t, &size) ||
		    left - sizeof(*t) < size)
			return -ENOTSUP;
		btf->types[btf->nr_types++] = t;
		at += sizeof(*t) + size;
		left -= sizeof(*t) + size;
	}
	return 0;
}

static int parse(struct btf *btf)
{
	const struct btf_header *h = (const struct btf_header *)btf->data;
	size_t body;

	if (btf->size < sizeof(*h) || h->magic != BTF_MAGIC ||
	    h->version != BTF_VERSION || h->hdr_len > btf->size)
		return -ENOTSUP;
	body = btf->size - h->hdr_len;
	if (h->type_off > body || h->type_len > body - h->type_off ||
	    h->str_off > body || h->str_len > body - h->str_off ||
	    (h->hdr_len | h->type_off) % sizeof(uint32_t))
		return -ENOTSUP;
	btf->data[btf->size] = '\0';
	btf->strings = btf->data + h->hdr_len + h->str_off;
	btf->strings_size = h->str_len;
	return list_types(btf, btf->data + h->hdr_len + h->type_off,
			  h->type_len);
}

static const char *name_at(const struct btf *btf, uint32_t offset)
{
	return offset < btf->strings_size ? btf->strings + offset : "";
}

static bool is_struct(const struct btf_type *t)
{
	return BTF_INFO_KIND(t->info) == BTF_KIND_STRUCT ||
	       BTF_INFO_KIND(t->info) == BTF_KIND_UNION;
}

static uint32_t member_bits(const struct btf_type *t,
			    const struct btf_member *m)
{
	return BTF_INFO_KFLAG(t->info) ? BTF_MEMBER_BIT_OFFSET(m->offset) :
					 m->offset;
}

static bool find_member(struct btf *btf, const struct btf_type *t,
			const char *name, int depth, uint32_t *bits)
{
	const struct btf_member *m = (const struct btf_member *)(t + 1);

	for (unsigned int i = 0; i < BTF_INFO_VLEN(t->info); i++) {
		const char *this = name_at(btf, m[i].name_off);
		uint32_t inner;

		if (!btf->left--)
			break;
		if (!strcmp(this, name)) {
			*bits = member_bits(t, &m[i]);
			return true;
		}
		if (*this || !m[i].type || m[i].type >= btf->nr_types ||
		    !is_struct(btf->types[m[i].type]) || !depth)
			continue;
		if (find_member(btf, btf->types[m[i].type], name, depth - 1,
				&inner)) {
			*bits = member_bits(t, &m[i]) + inner;
			return true;
		}
	}
	return false;
}

static int find(struct btf *btf, struct btf_place *place)
{
	uint32_t bits;

	for (uint32_t i = 1; i < btf->nr_types; i++) {
		const struct btf_type *t = btf->types[i];

		if (BTF_INFO_KIND(t->info) != BTF_KIND_STRUCT ||
		    strcmp(name_at(btf, t->name_off), place->type))
			continue;
		btf->left = BTF_MAX_MEMBERS;
		if (!find_member(btf, t, place->member, BTF_MAX_DEPTH, &bits))
			continue;
		place->offset = bits / 8;
		return 0;
	}
	return -ENOENT;
}

int btf_find_in(char *data, size_t size, struct btf_place *places, size_t nr)
{
	struct btf btf = { .data = data, .size = size };
	int err = parse(&btf);

	for (size_t i = 0; !err && i < nr; i++)
		err = find(&btf, &places[i]);
	free(btf.types);
	return err;
}

int btf_find(struct btf_place *places, size_t nr)
{
	struct btf btf = { 0 };
	int err = read_file(&btf);

	if (!err)
		err = btf_find_in(btf.data, btf.size, places, nr);
	free(btf.data);
	return err;
}
