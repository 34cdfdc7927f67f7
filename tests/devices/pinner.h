/* SPDX-License-Identifier: GPL-2.0 */
/* What pinner.c and its user agree on. */
#ifndef DEVICES_PINNER_H
#define DEVICES_PINNER_H

#define PINNER		"gmem_pinner"

/* ioctls of the device, with an address of it: the byte there, or an error. */
#define PINNER_BY_PAGE	0x6701
#define PINNER_BY_COPY	0x6702

#endif /* DEVICES_PINNER_H */
