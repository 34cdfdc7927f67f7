// SPDX-License-Identifier: GPL-2.0
/*
 * Numbers in mount options and parameters.
 */
#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/overflow.h>
#include <linux/string.h>

#include "number.h"

/**
 * gmem_parse_number - read a number with a unit
 * @string: decimal digits and an optional k, m, g or t
 * @number: set to the number
 *
 * Not memparse(), which would wrap around.
 *
 * Return: 0; -EINVAL if it is no number; -ERANGE if it doesn't fit into 64
 * bits.
 */
int gmem_parse_number(const char *string, u64 *number)
{
	static const char units[] = "kmgt";
	size_t len = strspn(string, "0123456789");
	const char *unit;
	char digits[21];	/* a u64 has at most 20, and a NUL */
	int ret;

	if (len >= sizeof(digits))
		return -ERANGE;
	memcpy(digits, string, len);
	digits[len] = '\0';
	ret = kstrtou64(digits, 10, number);
	string += len;
	if (ret || !*string)
		return ret;

	unit = strchr(units, tolower(*string));
	if (!unit || string[1])
		return -EINVAL;
	return check_shl_overflow(*number, 10 * (unit - units + 1), number) ?
	       -ERANGE : 0;
}
