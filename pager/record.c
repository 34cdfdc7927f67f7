// SPDX-License-Identifier: GPL-2.0
/*
 * Records are text: a line that says what it is, and how many blocks the file
 * has; then the number of a block in each line. A record may be of another
 * guest, or damaged: then the order is a bad one, and all comes nevertheless.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "order.h"
#include "record.h"
#include "say.h"

#define FIRST	"gmem-pager record 1, blocks: "

static int read_blocks(struct order *order, FILE *file, const char *path)
{
	uint64_t nr, block;

	if (fscanf(file, FIRST "%" SCNu64, &nr) != 1)
		return fail("%s is no record of gmem-pager", path);
	if (nr != order->nr)
		return fail("%s is the record of a file with %llu blocks of 2 MiB, and not %llu",
			    path, (unsigned long long)nr,
			    (unsigned long long)order->nr);
	while (order->nr_replay < nr && fscanf(file, "%" SCNu64, &block) == 1) {
		if (block >= nr)
			return fail("%s: there is no block %llu", path,
				    (unsigned long long)block);
		order->replay[order->nr_replay++] = block;
	}
	return 0;
}

int record_replay(struct order *order, const char *path)
{
	FILE *file = fopen(path, "re");
	int ret;

	if (!file)
		return fail_errno("%s", path);
	order->replay = calloc(order->nr, sizeof(*order->replay));
	ret = order->replay ? read_blocks(order, file, path)
			    : fail("no memory for a record");
	fclose(file);
	return ret;
}

/*
 * Where others can make files, they could have it be a link to one of the
 * caller's, which would be lost, or a pipe.
 */
static int check(int fd, const char *path)
{
	struct stat st;

	if (fstat(fd, &st))
		return fail_errno("%s", path);
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1 ||
	    st.st_uid != geteuid())
		return fail("%s exists, and is not a regular file of yours with a single name; remove it, or give another name",
			    path);
	if (flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
		return fail("%s: another gmem-pager writes this record", path);
	return 0;
}

FILE *record_open(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK |
		      O_NOCTTY | O_CLOEXEC, 0600);
	FILE *file = NULL;

	if (fd < 0 && errno == ELOOP)
		fail("%s is a symbolic link, or its path has too many; give the file's own path",
		     path);
	else if (fd < 0)
		fail_errno("%s", path);
	else if (!check(fd, path)) {
		file = fdopen(fd, "w");
		if (!file)
			fail_errno("%s", path);
	}
	if (fd >= 0 && !file)
		close(fd);
	return file;
}

int record_begin(FILE *record, const char *path, const struct order *order)
{
	if (ftruncate(fileno(record), 0))
		return fail_errno("%s", path);
	fprintf(record, FIRST "%llu\n", (unsigned long long)order->nr);
	for (uint64_t i = 0; i < order->nr_replay; i++)
		record_note(record, order->replay[i]);
	return fflush(record) ? fail_errno("%s", path) : 0;
}

void record_note(FILE *record, uint64_t block)
{
	fprintf(record, "%llu\n", (unsigned long long)block);
}

int record_end(FILE *record, const char *path)
{
	int bad = ferror(record);

	if (fclose(record))
		return fail_errno("%s", path);
	return bad ? fail("%s: not all could be written", path) : 0;
}
