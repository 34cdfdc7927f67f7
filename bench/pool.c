// SPDX-License-Identifier: GPL-2.0
/* gmemfs' pool of blocks prepared ahead of use: empty, or full enough. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "pool.h"
#include "text.h"

#define SYSFS		"/sys/fs/gmemfs/"
#define POOL		SYSFS "pool/"
#define STEP_US		10000
#define PATIENCE	6000	/* steps, which take a minute */

static int pool_target(size_t size)
{
	char text[32];

	snprintf(text, sizeof(text), "%zu\n", size);
	return file_write(POOL "low_bytes", text);
}

static int64_t pool_free(void)
{
	return file_number(POOL "free_bytes");
}

int64_t pool_hits(void)
{
	return file_number(POOL "hits");
}

static bool pool_reaches(int64_t size)
{
	int step;

	for (step = 0; step < PATIENCE; step++) {
		if (pool_free() >= size)
			return true;
		usleep(STEP_US);
	}
	return false;
}

int pool_warm(size_t size)
{
	int ret = pool_target(size);

	if (ret)
		return ret;
	return pool_reaches(size) ? 0 : -ETIMEDOUT;
}

int pool_cold(void)
{
	int step;

	if (pool_target(0) == -ENOENT)
		return 0;
	for (step = 0; step < PATIENCE; step++) {
		if (!pool_free())
			return 0;
		/* 2: slab caches only. So the kernel calls the shrinkers. */
		file_write("/proc/sys/vm/drop_caches", "2");
		usleep(STEP_US);
	}
	return -ETIMEDOUT;
}

void pool_settle(int64_t held)
{
	int step;

	for (step = 0; step < PATIENCE; step++) {
		int64_t hidden = file_number(SYSFS "hidden_bytes");
		int64_t pooled = pool_free();

		if (hidden <= held + (pooled < 0 ? 0 : pooled))
			return;
		usleep(STEP_US);
	}
}
