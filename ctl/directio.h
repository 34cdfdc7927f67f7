/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Options of QEMU by which it transfers data to and from a guest's memory
 * without a copy. The kernel refuses that for memory of gmemfs, and then the
 * guest's request fails, or QEMU copies: docs/limits.md.
 */
#ifndef DIRECTIO_H
#define DIRECTIO_H

#include <sys/types.h>

/*
 * directio_options - look for such options on a process's command line
 *
 * Return: those that there are, in one text that the caller frees; NULL if
 * there is none, or if the command line can't be read.
 */
char *directio_options(pid_t pid);

#endif /* DIRECTIO_H */
