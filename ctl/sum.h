/* SPDX-License-Identifier: GPL-2.0 */
/* The checksum of memory, as sha256sum prints it. */
#ifndef SUM_H
#define SUM_H

#include <stddef.h>
#include <stdint.h>
#include <sha2.h>

struct sum {
	SHA2_CTX context;
	char text[SHA256_DIGEST_STRING_LENGTH];
};

void sum_begin(struct sum *s);
void sum_add(struct sum *s, const void *bytes, size_t size);

/* sum_end - set @s->text */
void sum_end(struct sum *s);

/* sum_file - do all that for a file. Return: 0 or a negative errno. */
int sum_file(struct sum *s, int fd, uint64_t size);

#endif /* SUM_H */
