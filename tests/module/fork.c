// SPDX-License-Identifier: GPL-2.0
/*
 * fork(): the child has the mapping and none of its page table's entries, since
 * Linux may copy one that a truncate takes away at the same time.
 */
#include "gmem_test.h"

int main(void)
{
	int fd = new_file(BLOCK), status;
	char *mem = map(fd, BLOCK);
	uint64_t faults;
	pid_t pid;

	memcpy(mem, "parent", sizeof("parent"));
	faults = get_info(fd).map_faults_2m;
	pid = must(fork());
	if (!pid) {
		if (strcmp(mem, "parent"))
			_exit(1);
		memcpy(mem, "child", sizeof("child"));
		_exit(0);
	}
	must(waitpid(pid, &status, 0));
	is(status, 0, "a child sees what its parent wrote");
	is_str(mem, "child", "and the parent what its child wrote");
	is(get_info(fd).map_faults_2m, faults + 1,
	   "the child had to fault it in");
	return done_testing();
}
