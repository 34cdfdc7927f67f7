/* SPDX-License-Identifier: GPL-2.0 */
/* Included first in every file: the prefix of our kernel log messages. */
#define pr_fmt(fmt) "gmemfs: " fmt
