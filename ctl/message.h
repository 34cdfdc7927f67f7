/* SPDX-License-Identifier: GPL-2.0 */
/* Messages between processes of gmemctl, perhaps with a descriptor. */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <sys/types.h>

/* message_send - with the descriptor @fd, unless it is negative */
ssize_t message_send(int sock, const void *data, size_t size, int fd);

/* message_receive - sets @fd to the descriptor that came with it, or to -1 */
ssize_t message_receive(int sock, void *data, size_t size, int *fd);

#endif /* MESSAGE_H */
