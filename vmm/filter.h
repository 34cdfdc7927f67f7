/* SPDX-License-Identifier: GPL-2.0 */
/* The seccomp filter: allowed system calls, and their allowed arguments. */
#ifndef FILTER_H
#define FILTER_H

/*
 * Set the filter for this thread and for those that it creates. @memory_fd is
 * the guest's memory, the only file for which fallocate() is allowed.
 * @snapshot_fd, if it is more than 0, is the only file that may be truncated,
 * and all of a vCPU's state may be read then. Return: 0, or -1 after fail()
 */
int filter_set(int memory_fd, int snapshot_fd);

#endif
