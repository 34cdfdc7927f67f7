// SPDX-License-Identifier: GPL-2.0
/*
 * What BTF can have in it. The input is the file; whatever that is, a member is
 * found in it or not, and soon.
 */
#include <linux/btf.h>
#include <stdlib.h>
#include <string.h>

#include "../../ctl/btf.h"
#include "fuzz_copy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct btf_place place = { .type = "task_struct", .member = "mm" };
	char *copy = fuzz_copy(data, size);

	if (!btf_find_in(copy, size, &place, 1))
		fuzz_must(place.offset <= UINT32_MAX / 8);
	free(copy);
	return 0;
}

/* Beside the struct that is looked for, a type of each kind. */
static const char strings[] = "\0task_struct\0mm\0pid\0int";

enum { TASK = 1, MM = 13, PID = 16, INT = 20 };

struct types {
	struct btf_type number;
	uint32_t bits;
	struct btf_type pointer;
	struct btf_type inner;
	struct btf_member mm;
	struct btf_type task;
	struct btf_member members[2];
	struct btf_type array;
	struct btf_array elements;
	struct btf_type choice;
	struct btf_enum value;
	struct btf_type proto;
	struct btf_param param;
};

#define INFO(kind, n)	((kind) << 24 | (n))

size_t fuzz_seed(uint8_t *data, size_t room)
{
	struct types types = {
		.number = { INT, INFO(BTF_KIND_INT, 0), { 4 } }, .bits = 32,
		.pointer = { 0, INFO(BTF_KIND_PTR, 0), { 4 } },
		.inner = { 0, INFO(BTF_KIND_STRUCT, 1), { 8 } },
		.mm = { MM, 2, 0 },
		.task = { TASK, INFO(BTF_KIND_STRUCT, 2), { 16 } },
		.members = { { PID, 1, 0 }, { 0, 3, 64 } },
		.array = { 0, INFO(BTF_KIND_ARRAY, 0), { 0 } },
		.elements = { 1, 1, 4 },
		.choice = { 0, INFO(BTF_KIND_ENUM, 1), { 4 } },
		.value = { INT, 1 },
		.proto = { 0, INFO(BTF_KIND_FUNC_PROTO, 1), { 1 } },
		.param = { PID, 1 },
	};
	struct btf_header header = {
		.magic = BTF_MAGIC, .version = BTF_VERSION,
		.hdr_len = sizeof(header), .type_len = sizeof(types),
		.str_off = sizeof(types), .str_len = sizeof(strings),
	};

	fuzz_must(room >= sizeof(header) + sizeof(types) + sizeof(strings));
	memcpy(data, &header, sizeof(header));
	memcpy(data + sizeof(header), &types, sizeof(types));
	memcpy(data + sizeof(header) + sizeof(types), strings, sizeof(strings));
	return sizeof(header) + sizeof(types) + sizeof(strings);
}
