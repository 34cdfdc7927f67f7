/* SPDX-License-Identifier: GPL-2.0 */
/* What the inits of the test guests have in common: see init.c. */
#ifndef INIT_H
#define INIT_H

/* The program's name, before each line it prints. The program defines it. */
extern const char *const init_name;

__attribute__((format(printf, 1, 2)))
void say(const char *fmt, ...);

_Noreturn void power_off(void);

/* "FAILED: what: strerror(errno)", and power off. */
_Noreturn void die(const char *what);

void mount_all(void);

/* A value of /proc/meminfo, in KiB. */
unsigned long meminfo(const char *key);

/* Random bytes, as many as asked for. */
void draw(void *random, unsigned long len);

#endif /* INIT_H */
