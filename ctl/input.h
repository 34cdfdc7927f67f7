/* SPDX-License-Identifier: GPL-2.0 */
/* Files that a user names for input, which aren't gmemfs'. */
#ifndef INPUT_H
#define INPUT_H

#include <stdint.h>

/*
 * input_open - open a regular file for reading
 * @size: set to its length
 *
 * Return: a descriptor, or -1 after a message.
 */
int input_open(const char *path, uint64_t *size);

#endif /* INPUT_H */
