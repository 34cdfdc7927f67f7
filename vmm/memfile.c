// SPDX-License-Identifier: GPL-2.0
/* Memory in a file that has a name, and memory cloned from a snapshot's. */
#include <errno.h>
#include <fcntl.h>
#include <gmem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "memfile.h"
#include "pager.h"

/* ---- one guest for a file ---- */

/*
 * The lock belongs to what open() made, and descriptors that are duplicated
 * from it keep it: it ends with the last one of them.
 */
static int lock(int fd, const char *path, int how)
{
	if (!flock(fd, how | LOCK_NB))
		return 0;
	if (errno != EWOULDBLOCK)
		return fail_errno("%s: can't lock the file", path);
	return fail("%s is the memory of a guest that runs, or is being cloned: wait for its end, or give another file",
		    path);
}

/* ---- a new guest ---- */

/* A guest gets none of what another one had in the file: it is emptied. */
static int empty(int fd, const struct memory_options *memory)
{
	struct gmem_info info;

	if (gmem_file_info(fd, &info))
		return fail_gmem("%s", memory->file);
	if (info.size && info.size != memory->size)
		return fail("%s has %llu bytes and not %llu, as memory.size: give another file, or the same size",
			    memory->file, (unsigned long long)info.size,
			    (unsigned long long)memory->size);
	if (gmem_file_resize(fd, memory->size) ||
	    gmem_file_punch(fd, 0, memory->size))
		return fail_gmem("%s", memory->file);
	return 0;
}

static int open_new(const struct memory_options *memory)
{
	int fd = gmem_file_open(memory->file, O_RDWR | O_CREAT);

	if (fd < 0)
		return fail_gmem("--memory: file");
	if (!lock(fd, memory->file, LOCK_EX) && !empty(fd, memory))
		return fd;
	close(fd);
	return -1;
}

/* ---- a clone ---- */

void memfile_undo(const struct memory_options *memory)
{
	if (memory->template && memory->file)
		unlink(memory->file);
}

/* From one hidden page to the other, and through no other memory. */
static int copy_parts(char *to, const char *from, int fd, uint64_t size)
{
	off_t start = lseek(fd, 0, SEEK_DATA), end;

	while (start >= 0 && (uint64_t)start < size) {
		end = lseek(fd, start, SEEK_HOLE);
		if (end < 0)
			return -errno;
		if ((uint64_t)end > size)
			end = size;
		memcpy(to + start, from + start, end - start);
		start = lseek(fd, end, SEEK_DATA);
	}
	/* ENXIO: the rest of the file is a hole. */
	return start < 0 && errno != ENXIO ? -errno : 0;
}

static int copy(int to, int from, uint64_t size)
{
	void *source, *target;
	int ret = gmem_file_map(from, 0, size, PROT_READ, &source);

	if (ret)
		return fail_gmem("can't read the template");
	ret = gmem_file_map(to, 0, size, PROT_READ | PROT_WRITE, &target);
	if (ret) {
		munmap(source, size);
		return fail_gmem("can't copy the template");
	}
	ret = copy_parts(target, source, from, size);
	munmap(source, size);
	munmap(target, size);
	if (ret)
		return fail("can't copy the template: %s", strerror(-ret));
	return 0;
}

static int clone_or_copy(int to, int from, const struct memory_options *memory)
{
	int ret = gmem_file_clone(to, 0, from, 0, 0);

	switch (ret) {
	case 0:
		return 0;
	case -EOPNOTSUPP:
	case -EXDEV:
	case -EINVAL:
		say("%s is copied, which takes time and memory: %s",
		    memory->template, gmem_last_error());
		return copy(to, from, memory->size);
	default:
		return fail_gmem("can't clone %s", memory->template);
	}
}

/* Without another folder, the clone has no name, and is beside the template. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return strndup(path, slash == path ? 1 : slash - path);
}

static int make_nameless(const struct memory_options *memory, uint64_t flags)
{
	char *folder = memory->directory ? strdup(memory->directory) :
					   folder_of(memory->template);
	int fd;

	if (!folder)
		return fail("no memory for a path");
	fd = gmem_file_create(folder, memory->size, flags);
	free(folder);
	return fd < 0 ? fail_gmem("can't make the clone") : fd;
}

/* A file that is there already may be the memory of another snapshot. */
static int make_named(const struct memory_options *memory)
{
	int fd = gmem_file_open(memory->file, O_RDWR | O_CREAT | O_EXCL);

	if (fd < 0)
		return fail_gmem("--memory: file");
	if (!lock(fd, memory->file, LOCK_EX)) {
		if (!gmem_file_resize(fd, memory->size))
			return fd;
		fail_gmem("%s can't be the clone", memory->file);
	}
	close(fd);
	memfile_undo(memory);
	return -1;
}

static int make_clone(int template, const struct memory_options *memory)
{
	struct gmem_info info;
	int fd;

	if (gmem_file_info(template, &info))
		return fail_gmem("%s", memory->template);
	if (info.size != memory->size)
		return fail("%s has %llu bytes and not %llu: it isn't the memory of this snapshot",
			    memory->template, (unsigned long long)info.size,
			    (unsigned long long)memory->size);
	fd = memory->file ? make_named(memory) :
			    make_nameless(memory, info.flags);
	if (fd < 0)
		return -1;
	if (!clone_or_copy(fd, template, memory))
		return fd;
	close(fd);
	memfile_undo(memory);
	return -1;
}

static int open_clone(const struct memory_options *memory)
{
	int template = gmem_file_open(memory->template, O_RDONLY), fd = -1;

	if (template < 0)
		return fail_gmem("--memory: template");
	if (!lock(template, memory->template, LOCK_SH))
		fd = make_clone(template, memory);
	close(template);
	return fd;
}

/* ---- on demand ---- */

/* The template may be shorter: gmem-pager brings zeros then. */
static int check_size(int template, const struct memory_options *memory)
{
	struct stat st;

	if (fstat(template, &st))
		return fail_errno("%s", memory->template);
	if (S_ISREG(st.st_mode) && (uint64_t)st.st_size > memory->size)
		return fail("%s has %llu bytes and not %llu: it isn't the memory of this snapshot",
			    memory->template, (unsigned long long)st.st_size,
			    (unsigned long long)memory->size);
	return 0;
}

static int make_on_demand(int template, const struct memory_options *memory)
{
	struct memory_options place = *memory;
	int fd;

	if (check_size(template, memory))
		return -1;
	/* The template's folder is on a disk. */
	if (!place.directory)
		place.directory = GMEM_DEFAULT_MOUNT;
	fd = memory->file ? make_named(memory) : make_nameless(&place, 0);
	if (fd < 0)
		return -1;
	if (!pager_start(memory->template, fd))
		return fd;
	close(fd);
	memfile_undo(memory);
	return -1;
}

/* The pager opens it again; the lock is for the time until then. */
static int open_on_demand(const struct memory_options *memory)
{
	int template = open(memory->template, O_RDONLY | O_CLOEXEC |
			    O_NONBLOCK), fd = -1;

	if (template < 0)
		return fail_errno("--memory: template: %s", memory->template);
	if (!lock(template, memory->template, LOCK_SH))
		fd = make_on_demand(template, memory);
	close(template);
	return fd;
}

int memfile_open(const struct memory_options *memory)
{
	if (memory->on_demand)
		return open_on_demand(memory);
	return memory->template ? open_clone(memory) : open_new(memory);
}
