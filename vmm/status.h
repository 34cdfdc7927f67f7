/* SPDX-License-Identifier: GPL-2.0 */
/* Exit statuses. */
#ifndef STATUS_H
#define STATUS_H

#define STATUS_OK	0	/* powered off, or Ctrl-A x or a signal */
#define STATUS_FAILED	1
#define STATUS_USAGE	2
#define STATUS_RESET	3	/* the guest reset itself */

#endif
