/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For sparse 0.6.4, which doesn't know what headers of Linux 7 use: an
 * operator, and that the length of a string is a constant.
 */
#define __typeof_unqual__	__typeof__
#define __builtin_strlen(s)	(sizeof(s) - 1)
