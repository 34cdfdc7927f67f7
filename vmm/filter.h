/* SPDX-License-Identifier: GPL-2.0 */
/* Which system calls are left in the sandbox, and with which arguments. */
#ifndef FILTER_H
#define FILTER_H

/*
 * For this thread and those it creates. @memory_fd is the guest's memory, which
 * alone can be allocated and punched. Return: 0, or -1 said why
 */
int filter_set(int memory_fd);

#endif
