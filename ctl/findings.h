/* SPDX-License-Identifier: GPL-2.0 */
/* The results of gmemctl check. */
#ifndef FINDINGS_H
#define FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

enum result { RESULT_OK, RESULT_WARN, RESULT_FAIL };

/* All 0 at first. */
struct findings {
	struct finding *all;
	size_t count;
};

/* @advice may be NULL */
__attribute__((format(printf, 5, 6)))
void found(struct findings *f, const char *name, enum result result,
	   const char *advice, const char *fmt, ...);

/* If the host can't be asked, the finding is a WARN, not OK. */
void not_known(struct findings *f, const char *name, const char *path);

/* findings_ready - is there no FAIL? */
bool findings_ready(const struct findings *f);

/* findings_json - write them as members of an object */
struct json;
void findings_json(const struct findings *f, struct json *j);

/* findings_print - Return: is the host ready? */
bool findings_print(const struct findings *f, bool json);
void findings_free(struct findings *f);

#endif /* FINDINGS_H */
