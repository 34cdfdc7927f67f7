// SPDX-License-Identifier: GPL-2.0
/* Saved memory: its format. What is read may be damaged, or made to do harm. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "delta.h"

#define MAGIC	"gmemfs delta 1\n"

struct footer {
	char magic[16];
	uint64_t size;		/* of the memory */
	uint64_t bitmap_size;
	char zeros[DELTA_PAGE - 32];
};

/* ---- bytes ---- */

int delta_pread(int fd, void *to, size_t size, uint64_t offset)
{
	while (size) {
		ssize_t n = pread(fd, to, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		to = (char *)to + n;
		offset += n;
		size -= n;
	}
	return 0;
}

int delta_pwrite(int fd, const void *from, size_t size, uint64_t offset)
{
	while (size) {
		ssize_t n = pwrite(fd, from, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		from = (const char *)from + n;
		offset += n;
		size -= n;
	}
	return 0;
}

bool delta_is_zero(const void *bytes, size_t size)
{
	const char *p = bytes;

	return !size || (!p[0] && !memcmp(p, p + 1, size - 1));
}

/* ---- bitmap and footer ---- */

static uint64_t round_up(uint64_t size)
{
	return (size + DELTA_PAGE - 1) / DELTA_PAGE * DELTA_PAGE;
}

size_t delta_bitmap_size(uint64_t size)
{
	return round_up(round_up(size) / DELTA_PAGE / 8 + 1);
}

int delta_write(const struct delta *d, int fd)
{
	size_t bitmap_size = delta_bitmap_size(d->size);
	uint64_t at = round_up(d->size);
	static struct footer footer = { .magic = MAGIC };
	int err;

	footer.size = d->size;
	footer.bitmap_size = bitmap_size;
	err = delta_pwrite(fd, d->pages, bitmap_size, at);
	return err ? err : delta_pwrite(fd, &footer, sizeof(footer),
					at + bitmap_size);
}

static bool is_right(const struct footer *footer, uint64_t file_size)
{
	return footer->size <= file_size &&
	       footer->bitmap_size == delta_bitmap_size(footer->size) &&
	       round_up(footer->size) + footer->bitmap_size +
	       sizeof(*footer) == file_size;
}

int delta_read(struct delta *d, int fd, uint64_t file_size)
{
	static struct footer footer;
	int err;

	*d = (struct delta){ .size = file_size };
	if (file_size < sizeof(footer))
		return -EBADMSG;
	err = delta_pread(fd, &footer, sizeof(footer),
			  file_size - sizeof(footer));
	if (err)
		return err;
	if (memcmp(footer.magic, MAGIC, sizeof(footer.magic)) ||
	    !is_right(&footer, file_size))
		return -EBADMSG;
	d->size = footer.size;
	d->pages = ctl_alloc(footer.bitmap_size, 1);
	return delta_pread(fd, d->pages, footer.bitmap_size,
			   round_up(d->size));
}

void delta_free(struct delta *d)
{
	free(d->pages);
	d->pages = NULL;
}
