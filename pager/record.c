// SPDX-License-Identifier: GPL-2.0
/*
 * Records are text: a line that says what it is, and how many blocks the file
 * has; then the number of a block in each line. A record may be of another
 * guest, or damaged: then the order is a bad one, and all comes nevertheless.
 */
#include <inttypes.h>
#include <stdlib.h>

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

FILE *record_begin(const char *path, const struct order *order)
{
	FILE *file = fopen(path, "we");

	if (!file) {
		fail_errno("%s", path);
		return NULL;
	}
	fprintf(file, FIRST "%llu\n", (unsigned long long)order->nr);
	for (uint64_t i = 0; i < order->nr_replay; i++)
		record_note(file, order->replay[i]);
	fflush(file);
	return file;
}

void record_note(FILE *record, uint64_t block)
{
	fprintf(record, "%llu\n", (unsigned long long)block);
}

int record_end(FILE *record, const char *path)
{
	int bad = fflush(record) || ferror(record);

	fclose(record);
	return bad ? fail_errno("%s", path) : 0;
}
