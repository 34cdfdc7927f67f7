// SPDX-License-Identifier: GPL-2.0
/*
 * QEMU's migration to a file, with the capability mapped-ram: each RAM block
 * has a fixed place in the file. The stream has for each block its name, its
 * size, and a header with where its bitmap and its pages are:
 *
 *	u8 length, name; be64 size; [be64 ...]; header
 *	header: be32 version (1), be64 page size, be64 bitmap, be64 pages
 *
 * The bitmap follows the header, and the pages begin at the next multiple of
 * 1 MiB. The next block's entry comes after the pages. What is before the first
 * entry, and whether other fields come before the header, is up to QEMU's
 * version and capabilities. So entries are found by what must be true of them:
 * where a header says that its bitmap and its pages are follows from where it
 * is. A file may be damaged, or made to do harm: nothing of it is believed that
 * isn't checked against the file's size.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mapped_ram.h"
#include "say.h"

#define MAGIC		"QEVM"
#define HEADER_SIZE	28
#define PAGE		4096ULL
#define ALIGN		(1ULL << 20)

/* The first entry comes early, and others where they are expected. */
#define LOOK_FIRST	65536
#define LOOK_NEXT	512

/* Fields between an entry's size and its header, of 8 bytes each. */
#define MORE_FIELDS	2

#define MOST_BLOCKS	1024

struct entry {
	char name[256];
	struct mapped_ram ram;
	uint64_t bitmap;
};

static uint64_t be64(const uint8_t *p)
{
	uint64_t value;

	memcpy(&value, p, sizeof(value));
	return be64toh(value);
}

static uint32_t be32(const uint8_t *p)
{
	uint32_t value;

	memcpy(&value, p, sizeof(value));
	return be32toh(value);
}

int mapped_ram_is(int fd, const char *path)
{
	char magic[sizeof(MAGIC) - 1];
	ssize_t n = pread(fd, magic, sizeof(magic), 0);

	if (n < 0)
		return fail_errno("%s", path);
	return n == sizeof(magic) && !memcmp(magic, MAGIC, sizeof(magic));
}

/* ---- one entry ---- */

/* Is there a header at @at of @bytes, for a block of this size? */
static bool is_header(const uint8_t *bytes, uint64_t offset, uint64_t size,
		      uint64_t file_size, struct entry *entry)
{
	uint64_t bitmap = offset + HEADER_SIZE, pages;

	if (be32(bytes) != 1 || be64(bytes + 4) != PAGE ||
	    be64(bytes + 12) != bitmap)
		return false;
	pages = be64(bytes + 20);
	if (!size || size % PAGE || size > file_size ||
	    pages > file_size || file_size - pages < size)
		return false;
	if (pages != (bitmap + (size / PAGE + 7) / 8 + ALIGN - 1) / ALIGN * ALIGN)
		return false;
	entry->bitmap = bitmap;
	entry->ram.pages = pages;
	entry->ram.size = size;
	return true;
}

static bool is_name(const uint8_t *name, unsigned int length)
{
	while (length--)
		if (*name < ' ' || *name++ > '~')
			return false;
	return true;
}

/* Is there an entry at this offset of the file, which is @bytes? */
static bool is_entry(const uint8_t *bytes, size_t left, uint64_t offset,
		     uint64_t file_size, struct entry *entry)
{
	unsigned int length = bytes[0], at = 1 + length + 8, i;

	if (!length || left < at + HEADER_SIZE + 8 * MORE_FIELDS ||
	    !is_name(bytes + 1, length))
		return false;
	for (i = 0; i <= MORE_FIELDS; i++, at += 8)
		if (is_header(bytes + at, offset + at, be64(bytes + 1 + length),
			      file_size, entry)) {
			memcpy(entry->name, bytes + 1, length);
			entry->name[length] = 0;
			return true;
		}
	return false;
}

/* ---- all of them ---- */

/* Find the next from @offset on. Return: 1; 0 if there is none; or -1 */
static int next_entry(int fd, uint64_t offset, size_t look, uint64_t file_size,
		      struct entry *entry)
{
	uint8_t *bytes = calloc(1, look + 512);
	ssize_t n, i;
	int ret = 0;

	if (!bytes)
		return fail("no memory");
	n = pread(fd, bytes, look + 512, offset);
	for (i = 0; i < n && i < (ssize_t)look && !ret; i++)
		ret = is_entry(bytes + i, n - i, offset + i, file_size, entry);
	free(bytes);
	return n < 0 ? fail_errno("can't read the snapshot") : ret;
}

static bool is_wanted(const struct entry *entry, const char *name,
		      uint64_t size)
{
	return name ? !strcmp(entry->name, name) : entry->ram.size == size;
}

static int read_bitmap(int fd, const char *path, struct entry *entry)
{
	size_t size = (entry->ram.size / PAGE + 7) / 8, done = 0;
	ssize_t n;

	entry->ram.bitmap = malloc(size);
	if (!entry->ram.bitmap)
		return fail("no memory for the bitmap of %s", path);
	while (done < size) {
		n = pread(fd, entry->ram.bitmap + done, size - done,
			  entry->bitmap + done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n ? errno : EIO;
			fail_errno("can't read the bitmap of %s", path);
			free(entry->ram.bitmap);
			return -1;
		}
		done += n;
	}
	return 0;
}

int mapped_ram_find(int fd, const char *path, const char *name, uint64_t size,
		    struct mapped_ram *ram)
{
	struct entry entry, found = {};
	uint64_t offset = 0;
	size_t look = LOOK_FIRST;
	unsigned int n = 0, fits = 0;
	struct stat st;
	int ret;

	if (fstat(fd, &st))
		return fail_errno("%s", path);
	while ((ret = next_entry(fd, offset, look, st.st_size, &entry)) > 0 &&
	       n++ < MOST_BLOCKS) {
		if (is_wanted(&entry, name, size)) {
			found = entry;
			fits++;
		}
		offset = entry.ram.pages + entry.ram.size;
		look = LOOK_NEXT;
	}
	if (ret < 0)
		return -1;
	if (!n)
		return fail("%s: a migration of QEMU's, but not with mapped-ram: only that can be read in any order",
			    path);
	if (fits != 1)
		return fail("%s: %u RAM blocks %s; --block=NAME chooses one by its name in QEMU",
			    path, fits, name ? "have that name"
					     : "are as large as the file");
	if (found.ram.size != size)
		return fail("%s: RAM block %s has %llu bytes and not %llu, as the file",
			    path, name, (unsigned long long)found.ram.size,
			    (unsigned long long)size);
	if (read_bitmap(fd, path, &found))
		return -1;
	*ram = found.ram;
	return 0;
}
