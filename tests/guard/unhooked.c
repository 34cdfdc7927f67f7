// SPDX-License-Identifier: GPL-2.0
/*
 * unhooked COMMAND: memory that is all shared, so that nothing is hidden and
 * kvm may load although it can't be hooked. COMMAND loads it. After that
 * nothing becomes hidden: a page that isn't in the direct map would crash the
 * host as soon as a guest has KVM write its clock there.
 */
#include "../module/gmem_test.h"

#define SIZE	(2 * BLOCK)

int main(int argc, char **argv)
{
	struct gmem_create create = {
		.size = SIZE, .flags = GMEM_FLAG_INIT_SHARED,
	};
	int dir = must(open(MNT, O_RDONLY | O_DIRECTORY | O_CLOEXEC)), fd;
	char *mem;

	if (argc < 2)
		bail_out("usage: unhooked COMMAND");
	fd = must(ioctl(dir, GMEM_CREATE, &create));
	mem = map(fd, SIZE);
	memset(mem, 5, SIZE);
	ok(becomes("hidden_bytes", 0), "all is shared");
	is(system(argv[1]), 0, "kvm loads");
	is_errno(set_private(fd, 0, PAGE), EPERM, "a page can't be private");
	is_errno(set_private(fd, 0, SIZE), EPERM, "nor can all of them");
	ok(becomes("hidden_bytes", 0), "nothing is hidden");
	is(get_info(fd).shared, SIZE, "all is shared still");
	ok(all_bytes(mem, SIZE, 5), "with its contents");
	munmap(mem, SIZE);
	close(fd);
	close(dir);
	return done_testing();
}
