// SPDX-License-Identifier: GPL-2.0
/*
 * A page with a memory error: nobody reads or writes it, it isn't handed out,
 * exposed or lent, and its neighbours are as they were. poison.sh runs this for
 * each kind of file, and for the pool.
 *   poisoned private|shared|kept|single|pool|pinned
 */
#include "gmem_test.h"

#include <sys/uio.h>

#include "../../ctl/kcore.h"
#include "../lib/hwpoison.h"

#define SIZE	(2 * BLOCK)
#define BAD	7

static int fd;
static char *mem;
static const char *kind;

static uint8_t state(unsigned int page)
{
	uint8_t byte;
	struct gmem_state get = {
		.offset = page * PAGE, .size = PAGE,
		.states = (uintptr_t)&byte,
	};

	must(ioctl(fd, GMEM_GET_STATE, &get));
	return byte;
}

static void test_read_write(void)
{
	static char buffer[16 * PAGE];
	long at = BAD * PAGE;

	is_errno(pread(fd, buffer, PAGE, at), EIO, "read() is EIO");
	is_errno(pread(fd, buffer, 1, at + 100), EIO, "of a byte, too");
	is(pread(fd, buffer, sizeof(buffer), 0), at,
	   "a longer one ends before it");
	is(buffer[0], 'd', "with what is there");
	is(pread(fd, buffer, PAGE, at + PAGE), PAGE, "behind it all is well");
	is_errno(pwrite(fd, buffer, PAGE, at), EIO, "write() is EIO");
	is(pwrite(fd, buffer, sizeof(buffer), 0), at,
	   "a longer one ends before it");
	is_errno(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, BLOCK), EIO,
		 "to zero the range is EIO");
	is_errno(fallocate(fd, 0, 0, BLOCK), EIO,
		 "and so is to have memory for it");
}

static void test_mapping(void)
{
	char *view = map(fd, SIZE);

	is(touch_read(view + BAD * PAGE), SIGBUS, "a new mapping gets SIGBUS");
	is(touch_read(view + (BAD + 1) * PAGE), 0, "not so its neighbour");
	munmap(view, SIZE);
	if (state(BAD) & GMEM_STATE_SHARED) {
		view = shared_map(fd, SIZE);
		is(touch_read(view + BAD * PAGE), SIGBUS,
		   "and so does a shared view");
		munmap(view, SIZE);
	}
}

/* In neither direction: it isn't exposed, and who knows who has it pinned. */
static void test_conversion(void)
{
	bool to_private = state(BAD) & GMEM_STATE_SHARED;
	uint64_t stopped = 0;

	is_errno(set_flags(fd, 0, SIZE,
			   to_private ? GMEM_ATTRIBUTE_PRIVATE : 0, 0,
			   &stopped), EIO, "conversion is EIO");
	is(stopped, BAD * PAGE, "and stops there");
	is_errno(set_flags(fd, BAD * PAGE, PAGE,
			   to_private ? GMEM_ATTRIBUTE_PRIVATE : 0,
			   GMEM_CONVERT_ZERO, &stopped), EIO,
		 "with zeroing, too");
	is(set_flags(fd, (BAD + 1) * PAGE, SIZE - (BAD + 1) * PAGE,
		     to_private ? GMEM_ATTRIBUTE_PRIVATE : 0, 0, NULL), 0,
	   "behind it all is converted");
}

static void open_file(void)
{
	struct gmem_create create = { .size = SIZE };
	int dir = must(open(MNT, O_RDONLY | O_DIRECTORY | O_CLOEXEC));

	if (!strcmp(kind, "shared"))
		create.flags = GMEM_FLAG_INIT_SHARED;
	else if (!strcmp(kind, "kept"))
		create.flags = GMEM_FLAG_KEEP_DIRECT_MAP;
	else if (!strcmp(kind, "single"))
		create.flags = GMEM_FLAG_NO_HUGE;
	fd = must(ioctl(dir, GMEM_CREATE, &create));
	close(dir);
	mem = map(fd, SIZE);
}

static void test_file(void)
{
	uint64_t pfn;

	open_file();
	pfn = fault_pfn(mem + BAD * PAGE);
	memset(mem, 'd', SIZE);
	is(state(BAD) & GMEM_STATE_POISONED, 0, "a page is well");
	poison(pfn);
	is(state(BAD) & GMEM_STATE_POISONED, GMEM_STATE_POISONED,
	   "and has an error then");
	diag("state 0x%x", state(BAD));
	munmap(mem, SIZE);
	test_read_write();
	test_mapping();
	test_conversion();
	is(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		     BAD * PAGE, PAGE), 0, "a hole is punched there");
	is(ftruncate(fd, BAD * PAGE + 100), 0, "it's cut off within the page");
	is(ftruncate(fd, 0), 0, "and before it");
	mem = map(fd, SIZE);
	must(ftruncate(fd, SIZE));
	memset(mem, 'n', SIZE);
	ok(all_bytes(mem, SIZE, 'n'), "new memory is well");
	munmap(mem, SIZE);
	close(fd);
}

/*
 * A pipe has the page when the file goes. Who reads the pipe then reads by the
 * direct map: the page stays there as long, and no longer.
 */
static void test_pinned(void)
{
	struct kcore kcore;
	struct iovec page;
	uint64_t pfn;
	int pipe_fds[2], out;
	char *view;

	kind = "shared";
	open_file();
	pfn = fault_pfn(mem + BAD * PAGE);
	view = shared_map(fd, SIZE);
	memset(view, 'd', BLOCK);
	must(pipe(pipe_fds));
	page = (struct iovec){ view + BAD * PAGE, PAGE };
	is(vmsplice(pipe_fds[1], &page, 1, 0), PAGE, "a pipe has a page");
	poison(pfn);
	is(state(BAD) & GMEM_STATE_POISONED, GMEM_STATE_POISONED,
	   "which has an error then");
	munmap(mem, SIZE);
	munmap(view, SIZE);
	is(ftruncate(fd, 0), 0, "the file gives it up");
	close(fd);
	is(sysfs("pinned_bytes"), PAGE, "the pipe still has it");
	sleep(1);	/* the module looks every quarter of that */
	is(sysfs("pinned_bytes"), PAGE, "and keeps it");
	must(kcore_open(&kcore));
	ok(kcore_has_frame(&kcore, pfn), "it is in the direct map");
	out = must(open("/dev/shm", O_TMPFILE | O_RDWR, 0600));
	ok(splice(pipe_fds[0], NULL, out, NULL, PAGE, 0) == PAGE ||
	   errno == EIO, "and the pipe can be read, or says that it can't");
	close(out);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	ok(becomes("pinned_bytes", 0), "nobody has it any more");
	ok(!kcore_has_frame(&kcore, pfn), "and it's out of the direct map");
	kcore_close(&kcore);
}

/* What waits in the pool isn't handed out once it has an error. */
static void test_pool(void)
{
	uint64_t pfn;

	must(write_text("/sys/fs/gmemfs/pool/low_bytes", "8388608"));
	ok(becomes("pool/free_bytes", 4 * (long)BLOCK), "the pool is full");
	fd = new_file(BLOCK);
	mem = map(fd, BLOCK);
	pfn = fault_pfn(mem);
	munmap(mem, BLOCK);
	close(fd);
	ok(becomes("pool/dirty_bytes", 0), "a block has come back to it");
	poison(pfn + BAD);

	fd = new_file(16 * BLOCK);
	mem = map(fd, 16 * BLOCK);
	memset(mem, 'n', 16 * BLOCK);
	ok(all_bytes(mem, 16 * BLOCK, 'n'), "16 blocks are well");
	munmap(mem, 16 * BLOCK);
	close(fd);
	must(write_text("/sys/fs/gmemfs/pool/low_bytes", "0"));
	ok(becomes("pool/free_bytes", 0), "the pool is empty");
	ok(becomes("hidden_bytes", 0), "nothing is hidden any more");
}

int main(int argc, char **argv)
{
	kind = argc > 1 ? argv[1] : "private";
	if (!strcmp(kind, "pool"))
		test_pool();
	else if (!strcmp(kind, "pinned"))
		test_pinned();
	else
		test_file();
	nothing_is_left();
	return done_testing();
}
