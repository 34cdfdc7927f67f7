// SPDX-License-Identifier: GPL-2.0
/*
 * Layouts: are the running kernel's structs those that gmemfs was compiled for?
 * The kernel's BTF tells.
 *
 * For exported symbols that a module uses, the kernel checks that by symbol
 * versions. It doesn't for functions that we look up by name, as all those of
 * KVM and VFIO, nor for structs that no header declares, and of which we have
 * copies.
 *
 * A module's BTF extends the kernel's, and repeats those types that it couldn't
 * share with it. So the check goes through all types of both, and each struct
 * of a known name must be right.
 */
#include <linux/bits.h>
#include <linux/btf.h>
#include <linux/errno.h>
#include <linux/sched.h>
#include <linux/static_call.h>
#include <linux/string.h>

#include "fault_inject.h"
#include "layout.h"
#include "symbol.h"

DEFINE_STATIC_CALL_NULL(gmem_find_btf, bpf_find_btf_id);
DEFINE_STATIC_CALL_NULL(gmem_put_btf, btf_put);
DEFINE_STATIC_CALL_NULL(gmem_btf_type, btf_type_by_id);
DEFINE_STATIC_CALL_NULL(gmem_btf_name, btf_name_by_offset);

static bool gmem_find_functions(void)
{
	void *find = gmem_find_function("bpf_find_btf_id");
	void *put = gmem_find_function("btf_put");
	void *type = gmem_find_function("btf_type_by_id");
	void *name = gmem_find_function("btf_name_by_offset");

	if (!find || !put || !type || !name)
		return false;
	static_call_update(gmem_find_btf, find);
	static_call_update(gmem_put_btf, put);
	static_call_update(gmem_btf_type, type);
	static_call_update(gmem_btf_name, name);
	return true;
}

/*
 * Find the BTF with this function: a module's, or the kernel's if that is built
 * in.
 * Not by a struct, because our own module's BTF has these structs, too.
 */
static struct btf *gmem_btf_get(const char *landmark)
{
	struct btf *btf;

	if (!gmem_find_functions())
		return NULL;
	if (static_call(gmem_find_btf)(landmark, BTF_KIND_FUNC, &btf) < 0)
		return NULL;
	return btf;
}

static const struct btf_type *gmem_type(struct btf *btf, u32 id)
{
	return static_call(gmem_btf_type)(btf, id);
}

static const char *gmem_name(struct btf *btf, u32 offset)
{
	return static_call(gmem_btf_name)(btf, offset) ?: "";
}

/* Size of a type that our members have; 0 for any other type. */
static u32 gmem_type_size(struct btf *btf, u32 id)
{
	const struct btf_type *t = gmem_type(btf, id);

	if (!t)
		return 0;
	switch (btf_kind(t)) {
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_CONST:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
		return gmem_type_size(btf, t->type);
	case BTF_KIND_ARRAY:
		return btf_array(t)->nelems *
		       gmem_type_size(btf, btf_array(t)->type);
	case BTF_KIND_PTR:
		return sizeof(void *);
	case BTF_KIND_INT:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return t->size;
	default:
		return 0;
	}
}

static const struct btf_member *gmem_find_member(struct btf *btf,
						 const struct btf_type *t,
						 const char *name)
{
	const struct btf_member *m = btf_type_member(t);
	u32 i;

	for (i = 0; i < btf_vlen(t); i++)
		if (!strcmp(gmem_name(btf, m[i].name_off), name))
			return &m[i];
	return NULL;
}

static bool gmem_member_fits(struct btf *btf, const struct btf_type *t,
			     const struct gmem_member *want)
{
	const struct btf_member *m = gmem_find_member(btf, t, want->name);

	return m && !gmem_fault_inject(GMEM_FAIL_LAYOUT) &&
	       __btf_member_bit_offset(t, m) == want->offset * BITS_PER_BYTE &&
	       gmem_type_size(btf, m->type) == want->size;
}

static int gmem_struct_fits(struct btf *btf, const struct btf_type *t,
			    const struct gmem_layout *want, const char *who)
{
	unsigned int i;

	if (t->size != want->size) {
		pr_err("%s: struct %s of this kernel has %u bytes, but gmemfs was built for %u: build gmemfs for this kernel\n",
		       who, want->name, t->size, want->size);
		return -ENOEXEC;
	}
	for (i = 0; i < want->nr; i++) {
		if (gmem_member_fits(btf, t, &want->members[i]))
			continue;
		pr_err("%s: %s in struct %s of this kernel isn't what gmemfs was built for: build gmemfs for this kernel\n",
		       who, want->members[i].name, want->name);
		return -ENOEXEC;
	}
	return 0;
}

/* Does the type point to a struct of this name, over so many pointers? */
static bool gmem_points_to(struct btf *btf, u32 id, const char *name,
			   unsigned int stars)
{
	const struct btf_type *t = gmem_type(btf, id);

	for (; t && stars; stars--) {
		if (btf_kind(t) != BTF_KIND_PTR)
			return false;
		t = gmem_type(btf, t->type);
	}
	return t && btf_kind(t) == BTF_KIND_STRUCT &&
	       !strcmp(gmem_name(btf, t->name_off), name);
}

static int gmem_function_fits(struct btf *btf, const struct btf_type *t,
			      const struct gmem_layout *want, const char *who)
{
	const struct btf_type *proto = gmem_type(btf, t->type);
	const struct btf_param *params;

	if (!proto || btf_vlen(proto) != want->nr) {
		pr_err("%s: %s() of this kernel does not have the %u parameters that gmemfs was built for: build gmemfs for this kernel\n",
		       who, want->name, want->nr);
		return -ENOEXEC;
	}
	params = (const struct btf_param *)(proto + 1);
	if (!want->last || gmem_points_to(btf, params[want->nr - 1].type,
					  want->last, want->stars))
		return 0;
	pr_err("%s: the last parameter of %s() of this kernel isn't what gmemfs was built for: build gmemfs for this kernel\n",
	       who, want->name);
	return -ENOEXEC;
}

/* Return: 0, also for any other type. @seen: a bit for each of @layouts. */
static int gmem_check_type(struct btf *btf, const struct btf_type *t,
			   const struct gmem_layouts *layouts,
			   unsigned long *seen)
{
	bool function = btf_kind(t) == BTF_KIND_FUNC;
	const struct gmem_layout *l;
	const char *name;

	if (!function && btf_kind(t) != BTF_KIND_STRUCT)
		return 0;
	name = gmem_name(btf, t->name_off);
	for (l = layouts->of; l < layouts->of + layouts->nr; l++) {
		if (function != !l->members || strcmp(name, l->name))
			continue;
		*seen |= BIT(l - layouts->of);
		return function ? gmem_function_fits(btf, t, l, layouts->who)
				: gmem_struct_fits(btf, t, l, layouts->who);
	}
	return 0;
}

/* A type without BTF can't be checked. For a private copy that is an error. */
static int gmem_check_unseen(const struct gmem_layouts *layouts,
			     unsigned long seen)
{
	const struct gmem_layout *l;
	int i;

	if (seen != BIT(layouts->nr) - 1)
		pr_info_once("%s: this kernel has no BTF for some of %s's types and functions: these are not checked\n",
			     layouts->who, layouts->module);
	for (i = 0; i < layouts->nr; i++) {
		l = &layouts->of[i];
		if (!l->private || seen & BIT(i))
			continue;
		pr_err("%s: this kernel has no BTF for struct %s: use a kernel with CONFIG_DEBUG_INFO_BTF_MODULES\n",
		       layouts->who, l->name);
		return -ENOEXEC;
	}
	return 0;
}

/**
 * gmem_layout_check - is everything as gmemfs was compiled for?
 * @layouts: the types and functions of a module that we use
 *
 * Return: 0, also if there is no BTF and none of them is a private copy; or
 * -ENOEXEC, and the kernel log says what is wrong.
 */
int gmem_layout_check(const struct gmem_layouts *layouts)
{
	struct btf *btf = gmem_btf_get(layouts->landmark);
	const struct btf_type *t;
	unsigned long seen = 0;
	int ret = 0;
	u32 id;

	for (id = 1; btf && !ret; id++) {
		t = gmem_type(btf, id);
		if (!t)
			break;
		ret = gmem_check_type(btf, t, layouts, &seen);
		cond_resched();
	}
	if (btf)
		static_call(gmem_put_btf)(btf);
	return ret ?: gmem_check_unseen(layouts, seen);
}
