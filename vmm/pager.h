/* SPDX-License-Identifier: GPL-2.0 */
/* A process that fills the guest's memory from a snapshot: gmem-pager. */
#ifndef PAGER_H
#define PAGER_H

/*
 * Start one for the file @memory_fd. It ends when all is there, or with this
 * process. Return: 0 once it can serve; or -1 after fail()
 */
int pager_start(const char *from, int memory_fd);

#endif
