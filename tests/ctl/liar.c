// SPDX-License-Identifier: GPL-2.0
/*
 * A module that lies, for gmemctl verify not to believe: preloaded, this turns
 * round what GMEM_GET_STATE says of pages. LIE=hidden: all are hidden;
 * LIE=exposed: all are in the direct map. And one that is older: LIE=old: it
 * doesn't know how many have what is cloned.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/gmemfs.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static void lie(const struct gmem_state *get)
{
	uint8_t *states = (uint8_t *)(uintptr_t)get->states;
	const char *how = getenv("LIE");

	for (uint64_t i = 0; how && i < get->size / GMEM_PAGE_SIZE; i++) {
		if (!strcmp(how, "hidden"))
			states[i] &= ~GMEM_STATE_EXPOSED;
		else if (!strcmp(how, "exposed"))
			states[i] |= GMEM_STATE_EXPOSED;
	}
}

static void be_old(struct gmem_info *info)
{
	const char *how = getenv("LIE");

	if (how && !strcmp(how, "old"))
		info->sharers = 0;
}

static int refuse_sharers(const struct gmem_state *get)
{
	const char *how = getenv("LIE");

	if (!how || strcmp(how, "old") || !get->sharers)
		return 0;
	errno = EINVAL;
	return -1;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;
	int ret;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (request == GMEM_GET_STATE && refuse_sharers(arg))
		return -1;
	ret = syscall(SYS_ioctl, fd, request, arg);
	if (!ret && request == GMEM_GET_STATE)
		lie(arg);
	if (!ret && request == GMEM_GET_INFO)
		be_old(arg);
	return ret;
}
