// SPDX-License-Identifier: GPL-2.0
/*
 * Names: directories, links, renames, symbolic links, special files, what
 * inotify tells of them; and that ten thousand of them leave nothing behind.
 */
#include "gmem_test.h"

#include <dirent.h>
#include <linux/membarrier.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#define MANY	10000

static struct stat stat_of(const char *path)
{
	struct stat st;

	must(lstat(path, &st));
	return st;
}

static long links(const char *path)
{
	return stat_of(path).st_nlink;
}

/* A file of one page, hidden, all of this byte. */
static void make_file(const char *path, char byte)
{
	int fd = must(open(path, O_CREAT | O_EXCL | O_RDWR, 0600));
	char *p;

	must(ftruncate(fd, PAGE));
	p = map(fd, PAGE);
	memset(p, byte, PAGE);
	munmap(p, PAGE);
	close(fd);
}

static bool holds(const char *path, char byte)
{
	int fd = must(open(path, O_RDWR));
	char *p = map(fd, PAGE);
	bool same = all_bytes(p, PAGE, byte);

	munmap(p, PAGE);
	close(fd);
	return same;
}

/* The names in a directory, but for the dots, in whichever order. */
static int count_names(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int n = 0;

	if (!dir)
		bail_out("%s: %s", path, strerror(errno));
	while ((entry = readdir(dir)))
		n += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
	closedir(dir);
	return n;
}

static int type_in_dir(const char *path, const char *name)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int type = -1;

	if (!dir)
		bail_out("%s: %s", path, strerror(errno));
	while ((entry = readdir(dir)))
		if (!strcmp(entry->d_name, name))
			type = entry->d_type;
	closedir(dir);
	return type;
}

static bool later(struct timespec a, struct timespec b)
{
	return a.tv_sec > b.tv_sec ||
	       (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

/* Both times of a directory. The kernel's clock may tick only every 4 ms. */
static bool dir_changed(const char *path, struct stat *before)
{
	struct stat now = stat_of(path);
	bool changed = later(now.st_mtim, before->st_mtim) &&
		       later(now.st_ctim, before->st_ctim);

	*before = now;
	usleep(20000);
	return changed;
}

static void test_directories(void)
{
	char name[sizeof(MNT "/") + 256];
	int fd;

	is(links(MNT), 2, "an empty mount's root has two links");
	must(mkdir(MNT "/d", 0751));
	is(stat_of(MNT "/d").st_mode, S_IFDIR | 0751,
	   "mkdir makes a directory with the mode asked for");
	is(links(MNT "/d"), 2, "of two links");
	is(links(MNT), 3, "which is one more for its parent");
	is(type_in_dir(MNT, "d"), DT_DIR, "readdir knows that it is one");
	is_errno(mkdir(MNT "/d", 0700), EEXIST, "mkdir of a name in use");
	is_errno(mkdir(MNT "/none/d", 0700), ENOENT, "mkdir in no directory");

	must(mkdir(MNT "/d/e", 0700));
	make_file(MNT "/d/e/f", 'f');
	is(links(MNT "/d"), 3, "a directory in it");
	is(links(MNT "/d/e"), 2, "a file is no link of its directory");
	ok(holds(MNT "/d/e/f", 'f'), "a file two levels down works");
	is(count_names(MNT "/d/e"), 1, "and is all there is");
	is(count_names(MNT "/d"), 1, "as is its directory above");
	is_errno(rmdir(MNT "/d"), ENOTEMPTY, "rmdir of a full directory");
	is_errno(rmdir(MNT "/d/e/f"), ENOTDIR, "rmdir of a file");
	is_errno(unlink(MNT "/d/e"), EISDIR, "unlink of a directory");
	is_errno(mkdir(MNT "/d/e/f/g", 0700), ENOTDIR, "mkdir in a file");
	is_errno(open(MNT "/d/e/../../nowhere", O_RDONLY), ENOENT,
		 "a walk up and to nowhere");

	memset(name, 'n', sizeof(name));
	memcpy(name, MNT "/", strlen(MNT "/"));
	name[strlen(MNT "/") + 255] = '\0';
	is(mkdir(name, 0700), 0, "a name of 255 bytes");
	is(rmdir(name), 0, "comes and goes");
	name[strlen(MNT "/") + 255] = 'n';
	name[strlen(MNT "/") + 256] = '\0';
	is_errno(mkdir(name, 0700), ENAMETOOLONG, "one of 256 doesn't");

	must(unlink(MNT "/d/e/f"));
	fd = must(open(MNT "/d/e", O_RDONLY | O_DIRECTORY));
	must(rmdir(MNT "/d/e"));
	is(links(MNT "/d"), 2, "rmdir takes the parent's link back");
	is_errno(openat(fd, "new", O_CREAT | O_RDWR, 0600), ENOENT,
		 "no new name in a directory that is gone");
	is_errno(mkdirat(fd, "new", 0700), ENOENT, "nor directory");
	close(fd);
	must(rmdir(MNT "/d"));
	is(links(MNT), 2, "and the root is as before");
	is(count_names(MNT), 0, "with nothing in it");
	ok(becomes("hidden_bytes", 0), "and nothing hidden");
}

static void test_directory_files(void)
{
	int fd = must(open(MNT, O_RDONLY | O_DIRECTORY));
	char c;

	is_errno(read(fd, &c, 1), EISDIR, "read of a directory");
	is_errno(open(MNT, O_RDWR), EISDIR, "a directory opened to write");
	is_errno((long)mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0), ENODEV,
		 "mmap of a directory");
	is_errno(ftruncate(fd, 0), EINVAL, "ftruncate of one");
	is_errno(truncate(MNT, 0), EISDIR, "truncate of one");
	is(fsync(fd), 0, "fsync of one");
	close(fd);
}

static void test_setgid_directory(void)
{
	struct stat st;

	must(mkdir(MNT "/g", 0755));
	must(chown(MNT "/g", 0, 4242));
	must(chmod(MNT "/g", 02775));
	make_file(MNT "/g/file", 1);
	must(mkdir(MNT "/g/dir", 0755));
	must(symlink("x", MNT "/g/link"));
	st = stat_of(MNT "/g/file");
	is(st.st_gid, 4242, "a file has its setgid directory's group");
	is(st.st_mode, S_IFREG | 0600, "but not the bit");
	st = stat_of(MNT "/g/dir");
	is(st.st_gid, 4242, "a directory has the group");
	is(st.st_mode, S_IFDIR | 02755, "and the bit");
	is(stat_of(MNT "/g/link").st_gid, 4242, "a symbolic link the group");
	must(unlink(MNT "/g/link"));
	must(rmdir(MNT "/g/dir"));
	must(unlink(MNT "/g/file"));
	must(rmdir(MNT "/g"));
}

static void test_times(void)
{
	struct stat dir, other, file;

	must(mkdir(MNT "/t", 0700));
	must(mkdir(MNT "/u", 0700));
	usleep(20000);
	dir = stat_of(MNT "/t");
	other = stat_of(MNT "/u");
	make_file(MNT "/t/a", 1);
	ok(dir_changed(MNT "/t", &dir), "create changes a directory's times");
	ok(!dir_changed(MNT "/u", &other), "but not another one's");
	must(mkdir(MNT "/t/d", 0700));
	ok(dir_changed(MNT "/t", &dir), "mkdir does");
	must(symlink("a", MNT "/t/s"));
	ok(dir_changed(MNT "/t", &dir), "symlink");
	must(mkfifo(MNT "/t/p", 0600));
	ok(dir_changed(MNT "/t", &dir), "mknod");
	file = stat_of(MNT "/t/a");
	must(link(MNT "/t/a", MNT "/t/b"));
	ok(dir_changed(MNT "/t", &dir), "link");
	ok(later(stat_of(MNT "/t/a").st_ctim, file.st_ctim),
	   "which changes the file's ctime");
	ok(!later(stat_of(MNT "/t/a").st_mtim, file.st_mtim),
	   "and not its mtime");
	file = stat_of(MNT "/t/a");
	must(rename(MNT "/t/b", MNT "/u/b"));
	ok(dir_changed(MNT "/t", &dir), "rename changes where it was");
	ok(dir_changed(MNT "/u", &other), "and where it is");
	ok(later(stat_of(MNT "/t/a").st_ctim, file.st_ctim),
	   "and the file's ctime");
	file = stat_of(MNT "/t/a");
	must(unlink(MNT "/u/b"));
	ok(dir_changed(MNT "/u", &other), "unlink changes a directory");
	ok(later(stat_of(MNT "/t/a").st_ctim, file.st_ctim),
	   "and the ctime of what has another name");
	file = stat_of(MNT "/t/a");
	must(truncate(MNT "/t/a", file.st_size));
	ok(later(stat_of(MNT "/t/a").st_ctim, file.st_ctim),
	   "truncate by a path changes a file's ctime");
	ok(later(stat_of(MNT "/t/a").st_mtim, file.st_mtim), "and its mtime");
	must(rmdir(MNT "/t/d"));
	ok(dir_changed(MNT "/t", &dir), "rmdir");
	must(unlink(MNT "/t/a"));
	must(unlink(MNT "/t/s"));
	must(unlink(MNT "/t/p"));
	must(rmdir(MNT "/t"));
	must(rmdir(MNT "/u"));
}

static void test_links(void)
{
	make_file(MNT "/one", '1');
	is(links(MNT "/one"), 1, "a file has one link");
	must(link(MNT "/one", MNT "/two"));
	is(links(MNT "/one"), 2, "or two");
	is(stat_of(MNT "/one").st_ino, stat_of(MNT "/two").st_ino,
	   "of the same inode");
	ok(holds(MNT "/two", '1'), "with the same memory");
	is(hidden_in_files(), PAGE, "which is there once");
	is_errno(link(MNT "/one", MNT "/two"), EEXIST, "link to a name in use");
	is_errno(link(MNT "/none", MNT "/x"), ENOENT, "link of nothing");
	is_errno(link(MNT, MNT "/x"), EPERM, "link of a directory");
	is_errno(link(MNT "/one", "/run/x"), EXDEV, "link to another mount");
	must(unlink(MNT "/one"));
	is(links(MNT "/two"), 1, "unlink takes one");
	ok(holds(MNT "/two", '1'), "and leaves the memory to the other");
	must(unlink(MNT "/two"));
	ok(becomes("hidden_bytes", 0), "until that goes too");
}

static void test_rename(void)
{
	struct stat before;

	make_file(MNT "/a", 'a');
	before = stat_of(MNT "/a");
	must(rename(MNT "/a", MNT "/b"));
	is_errno(access(MNT "/a", F_OK), ENOENT, "rename: the old name goes");
	is(stat_of(MNT "/b").st_ino, before.st_ino, "the inode stays");
	ok(holds(MNT "/b", 'a'), "with its memory");

	make_file(MNT "/c", 'c');
	is(hidden_in_files(), 2 * PAGE, "two files hide two pages");
	must(rename(MNT "/b", MNT "/c"));
	ok(holds(MNT "/c", 'a'), "rename over a file: the new one is there");
	is(count_names(MNT), 1, "under the one name that is left");
	is(hidden_in_files(), PAGE, "and the old one's memory isn't");

	must(link(MNT "/c", MNT "/d"));
	is(rename(MNT "/c", MNT "/d"), 0,
	   "rename of a file to another name of it");
	is(links(MNT "/c"), 2, "does nothing, as POSIX has it");
	make_file(MNT "/e", 'e');
	must(rename(MNT "/e", MNT "/d"));
	is(links(MNT "/c"), 1, "rename over one of two names leaves the other");
	ok(holds(MNT "/c", 'a') && holds(MNT "/d", 'e'), "each with its own");

	is_errno(rename(MNT "/none", MNT "/x"), ENOENT, "rename of nothing");
	is_errno(rename(MNT "/c", "/run/c"), EXDEV, "to another mount");
	must(unlink(MNT "/c"));
	must(unlink(MNT "/d"));
	ok(becomes("hidden_bytes", 0), "nothing stays hidden");
}

static void test_rename_directories(void)
{
	must(mkdir(MNT "/p", 0700));
	must(mkdir(MNT "/q", 0700));
	must(mkdir(MNT "/p/d", 0700));
	make_file(MNT "/p/d/f", 'f');
	must(rename(MNT "/p/d", MNT "/q/d"));
	is(links(MNT "/p"), 2, "a directory that moves takes its link along");
	is(links(MNT "/q"), 3, "to its new parent");
	ok(holds(MNT "/q/d/f", 'f'), "and all that is in it");

	is_errno(rename(MNT "/q", MNT "/q/d/below"), EINVAL,
		 "a directory can't go below itself");
	is_errno(rename(MNT "/p", MNT "/q"), ENOTEMPTY,
		 "nor in the place of a full one");
	is_errno(rename(MNT "/q/d/f", MNT "/p"), EISDIR,
		 "a file can't replace a directory");
	is_errno(rename(MNT "/p", MNT "/q/d/f"), ENOTDIR,
		 "nor a directory a file");
	is(links(MNT "/p"), 2, "and all that changed no link");
	is(links(MNT "/q"), 3, "on either side");

	must(mkdir(MNT "/p/d", 0700));
	must(rename(MNT "/q/d", MNT "/p/d"));
	is(links(MNT "/p"), 3, "a directory in an empty one's place");
	is(links(MNT "/q"), 2, "leaves its parent");
	is(links(MNT "/p/d"), 2, "and is one itself");
	ok(holds(MNT "/p/d/f", 'f'), "with what is in it");
	must(unlink(MNT "/p/d/f"));
	must(rmdir(MNT "/p/d"));
	must(rmdir(MNT "/p"));
	must(rmdir(MNT "/q"));
	is(links(MNT), 2, "the root has its links back");
}

static int rename2(const char *old, const char *new, unsigned int flags)
{
	return renameat2(AT_FDCWD, old, AT_FDCWD, new, flags);
}

static void test_rename_flags(void)
{
	must(mkdir(MNT "/p", 0700));
	must(mkdir(MNT "/p/d", 0700));
	make_file(MNT "/a", 'a');
	make_file(MNT "/b", 'b');
	is_errno(rename2(MNT "/a", MNT "/b", RENAME_NOREPLACE), EEXIST,
		 "RENAME_NOREPLACE doesn't");
	ok(holds(MNT "/a", 'a') && holds(MNT "/b", 'b'), "and harms neither");
	is(rename2(MNT "/a", MNT "/c", RENAME_NOREPLACE), 0,
	   "to a free name it does");
	ok(holds(MNT "/c", 'a'), "rename");

	is(rename2(MNT "/b", MNT "/c", RENAME_EXCHANGE), 0, "RENAME_EXCHANGE");
	ok(holds(MNT "/b", 'a') && holds(MNT "/c", 'b'), "swaps two files");
	is_errno(rename2(MNT "/b", MNT "/none", RENAME_EXCHANGE), ENOENT,
		 "there must be two");
	is(rename2(MNT "/c", MNT "/p/d", RENAME_EXCHANGE), 0,
	   "a file and a directory, in different directories");
	ok(holds(MNT "/p/d", 'b'), "swap");
	is(stat_of(MNT "/c").st_mode & S_IFMT, S_IFDIR, "places");
	is(links(MNT "/p"), 2, "and the parents");
	is(links(MNT), 4, "links");
	is(rename2(MNT "/c", MNT "/p/d", RENAME_EXCHANGE), 0, "and back");
	is(links(MNT "/p"), 3, "with the parents'");
	is(links(MNT), 3, "links");
	is(links(MNT "/c"), 1, "their own unchanged");
	is_errno(rename2(MNT "/p", MNT "/p/d", RENAME_EXCHANGE), EINVAL,
		 "a directory with what is in it");

	is_errno(rename2(MNT "/b", MNT "/x", RENAME_WHITEOUT), EINVAL,
		 "RENAME_WHITEOUT is not for here");
	is_errno(rename2(MNT "/b", MNT "/x",
			 RENAME_EXCHANGE | RENAME_NOREPLACE), EINVAL,
		 "flags that exclude each other");
	ok(holds(MNT "/b", 'a'), "a refused rename changes nothing");
	must(unlink(MNT "/b"));
	must(unlink(MNT "/c"));
	must(rmdir(MNT "/p/d"));
	must(rmdir(MNT "/p"));
}

/* What a VMM does that writes a snapshot: the old one goes while mapped. */
static void test_rename_while_mapped(void)
{
	char *p;
	int fd;

	make_file(MNT "/vm", 'o');
	fd = must(open(MNT "/vm", O_RDWR));
	p = map(fd, PAGE);
	close(fd);
	make_file(MNT "/vm.new", 'n');
	must(rename(MNT "/vm.new", MNT "/vm"));
	ok(all_bytes(p, PAGE, 'o'), "who has mapped the old file keeps it");
	ok(holds(MNT "/vm", 'n'), "who opens the name gets the new one");
	is(hidden_in_files(), 2 * PAGE, "both hidden");
	munmap(p, PAGE);
	is(hidden_in_files(), PAGE, "until the last user is gone");
	must(unlink(MNT "/vm"));
}

static void test_symlinks(void)
{
	char target[PATH_MAX + 1], back[PATH_MAX + 1];
	struct stat st;
	long n;

	make_file(MNT "/real", 'r');
	must(symlink("real", MNT "/sym"));
	st = stat_of(MNT "/sym");
	is(st.st_mode, S_IFLNK | 0777, "a symbolic link is one");
	is(st.st_size, 4, "as long as its target");
	is(st.st_nlink, 1, "with one link");
	is(type_in_dir(MNT, "sym"), DT_LNK, "and readdir knows it");
	n = readlink(MNT "/sym", back, sizeof(back));
	is(n, 4, "readlink gives that length");
	ok(!memcmp(back, "real", 4), "and target");
	ok(holds(MNT "/sym", 'r'), "open goes through it");
	is_errno(open(MNT "/sym", O_RDWR | O_NOFOLLOW), ELOOP,
		 "unless it mustn't");
	must(rename(MNT "/sym", MNT "/sym2"));
	ok(holds(MNT "/sym2", 'r'), "rename keeps where it leads");
	must(unlink(MNT "/real"));
	is_errno(open(MNT "/sym2", O_RDWR), ENOENT, "until that is gone");
	is_errno(symlink("x", MNT "/sym2"), EEXIST, "a name in use");
	is_errno(symlink("", MNT "/empty"), ENOENT, "an empty target");
	must(unlink(MNT "/sym2"));

	must(symlink("loop", MNT "/loop"));
	is_errno(open(MNT "/loop", O_RDWR), ELOOP, "a link to itself");
	must(unlink(MNT "/loop"));
	memset(target, 't', sizeof(target));
	target[PATH_MAX - 1] = '\0';
	is(symlink(target, MNT "/long"), 0, "a target of 4,095 bytes");
	n = readlink(MNT "/long", back, sizeof(back));
	is(n, PATH_MAX - 1, "comes back in full length");
	ok(!memcmp(back, target, PATH_MAX - 1), "and unharmed");
	must(unlink(MNT "/long"));
	target[PATH_MAX - 1] = 't';
	target[PATH_MAX] = '\0';
	is_errno(symlink(target, MNT "/long"), ENAMETOOLONG, "of 4,096");
}

static void test_socket(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX,
				    .sun_path = MNT "/sock" };
	int server = must(socket(AF_UNIX, SOCK_STREAM, 0));
	int client = must(socket(AF_UNIX, SOCK_STREAM, 0));
	int peer;
	char c = 0;

	must(bind(server, (struct sockaddr *)&addr, sizeof(addr)));
	must(listen(server, 1));
	is(stat_of(MNT "/sock").st_mode & S_IFMT, S_IFSOCK, "a socket");
	is(connect(client, (struct sockaddr *)&addr, sizeof(addr)), 0,
	   "can be connected to");
	peer = must(accept(server, NULL, NULL));
	must(write(client, "s", 1));
	is(read(peer, &c, 1), 1, "and carries");
	is(c, 's', "data");
	close(peer);
	close(client);
	close(server);
	must(unlink(MNT "/sock"));
}

static void test_special_files(void)
{
	struct stat st;
	char c = 0;
	int fd;

	must(mkfifo(MNT "/fifo", 0640));
	is(stat_of(MNT "/fifo").st_mode, S_IFIFO | 0640, "a FIFO");
	is(type_in_dir(MNT, "fifo"), DT_FIFO, "readdir knows it");
	fd = must(open(MNT "/fifo", O_RDWR));
	must(write(fd, "p", 1));
	is(read(fd, &c, 1), 1, "carries");
	is(c, 'p', "data");
	close(fd);
	must(unlink(MNT "/fifo"));

	must(mknod(MNT "/zero", S_IFCHR | 0600, makedev(1, 5)));
	st = stat_of(MNT "/zero");
	is(st.st_mode, S_IFCHR | 0600, "a character device");
	is(st.st_rdev, makedev(1, 5), "with its number");
	fd = must(open(MNT "/zero", O_RDWR));
	c = 'x';
	is(read(fd, &c, 1), 1, "is that device");
	is(c, 0, "and no other");
	close(fd);
	must(unlink(MNT "/zero"));
	must(mknod(MNT "/disk", S_IFBLK | 0600, makedev(7, 200)));
	is(stat_of(MNT "/disk").st_mode & S_IFMT, S_IFBLK, "a block device");
	must(unlink(MNT "/disk"));
	must(mknod(MNT "/plain", S_IFREG | 0600, 0));
	is(truncate(MNT "/plain", PAGE), 0, "mknod makes ordinary files, too");
	is(stat_of(MNT "/plain").st_size, PAGE, "that are such");
	must(unlink(MNT "/plain"));
	test_socket();
}

/* The mask of the next event, 0 if there is none waiting. */
static unsigned int next_event(int fd, char *name, unsigned int *cookie)
{
	static char buf[65536];
	static ssize_t have, at;
	struct inotify_event event;

	if (at >= have) {
		have = read(fd, buf, sizeof(buf));
		at = 0;
		if (have <= 0)
			return 0;
	}
	memcpy(&event, buf + at, sizeof(event));
	snprintf(name, NAME_MAX + 1, "%s",
		 event.len ? buf + at + sizeof(event) : "");
	at += sizeof(event) + event.len;
	*cookie = event.cookie;
	return event.mask;
}

static unsigned int is_event(int fd, unsigned int mask, const char *want)
{
	char name[NAME_MAX + 1] = "";
	unsigned int cookie = 0;

	is(next_event(fd, name, &cookie), mask, "inotify: event 0x%x", mask);
	is_str(name, want, "of the name '%s'", want);
	return cookie;
}

static void test_inotify(void)
{
	unsigned int mask = IN_CREATE | IN_DELETE | IN_MOVE | IN_DELETE_SELF |
			    IN_ATTRIB;
	int fd = must(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
	char name[NAME_MAX + 1];
	unsigned int cookie;

	must(mkdir(MNT "/w", 0700));
	must(inotify_add_watch(fd, MNT "/w", mask));
	close(must(open(MNT "/w/f", O_CREAT | O_RDWR, 0600)));
	is_event(fd, IN_CREATE, "f");
	must(mkdir(MNT "/w/d", 0700));
	is_event(fd, IN_CREATE | IN_ISDIR, "d");
	must(symlink("f", MNT "/w/s"));
	is_event(fd, IN_CREATE, "s");
	must(rename(MNT "/w/f", MNT "/w/g"));
	cookie = is_event(fd, IN_MOVED_FROM, "f");
	is(is_event(fd, IN_MOVED_TO, "g"), cookie, "the two belong together");
	must(chmod(MNT "/w/g", 0644));
	is_event(fd, IN_ATTRIB, "g");
	must(unlink(MNT "/w/g"));
	is_event(fd, IN_DELETE, "g");
	must(unlink(MNT "/w/s"));
	is_event(fd, IN_DELETE, "s");
	must(rmdir(MNT "/w/d"));
	is_event(fd, IN_DELETE | IN_ISDIR, "d");
	must(rmdir(MNT "/w"));
	is_event(fd, IN_DELETE_SELF, "");
	is_event(fd, IN_IGNORED, "");
	is(next_event(fd, name, &cookie), 0, "and no event more");
	close(fd);
}

/* ---- ten thousand ---- */

/*
 * Objects of a slab cache in use. Inodes are freed after a grace period, and
 * count until then; so do free ones in slabs that a CPU keeps for itself. One
 * such period passes here, if the host has several CPUs.
 */
static long slab_objects(const char *cache)
{
	char path[128], line[256], name[64];
	long active = -1, n;
	FILE *f;

	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
	snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", cache);
	must(write_text(path, "1"));
	f = fopen("/proc/slabinfo", "re");
	if (!f)
		bail_out("/proc/slabinfo: %s", strerror(errno));
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %ld", name, &n) == 2 &&
		    !strcmp(name, cache))
			active = n;
	fclose(f);
	return active;
}

/* The inodes that there are: no fewer of them a second later. */
static long settled_inodes(void)
{
	long inodes = slab_objects("gmem_inode"), now;
	int i, same;

	for (i = 0, same = 0; i < 600 && same < 10; i++) {
		usleep(100000);
		now = slab_objects("gmem_inode");
		same = now == inodes ? same + 1 : 0;
		inodes = now;
	}
	return inodes;
}

/* Waits for the grace period: a minute at most, as the machine may be busy. */
static bool inodes_become(long want)
{
	long inodes;
	int i;

	for (i = 0; i < 600; i++) {
		inodes = slab_objects("gmem_inode");
		if (inodes == want)
			return true;
		usleep(100000);
	}
	diag("%ld inodes, not %ld", inodes, want);
	return false;
}

static long slab_kb(void)
{
	sync();
	must(write_text("/proc/sys/vm/drop_caches", "3"));
	usleep(300000);
	return meminfo("Slab");
}

/* Waits for dentries, too. Return: what there is then. */
static long slab_kb_below(long most)
{
	long kb = slab_kb();
	int i;

	for (i = 0; i < 200 && kb >= most; i++)
		kb = slab_kb();
	return kb;
}

static void make_many(void)
{
	char path[128];
	int i;

	for (i = 0; i < MANY; i++) {
		snprintf(path, sizeof(path),
			 MNT "/many/%05d-with-a-name-too-long-to-be-kept-inside-its-dentry",
			 i);
		close(must(open(path, O_CREAT | O_EXCL | O_RDWR, 0600)));
	}
}

/* As rm -r does it: remove what readdir says, while it says it. */
static int remove_many(void)
{
	DIR *dir = opendir(MNT "/many");
	struct dirent *entry;
	int n = 0;

	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.') {
			must(unlinkat(dirfd(dir), entry->d_name, 0));
			n++;
		}
	closedir(dir);
	return n;
}

static void test_many(void)
{
	/* KiB of 10,000 or more; KASAN keeps for a while what was freed */
	long room = on_debugging_kernel() ? 8000 : 2000;
	long objects, kb, full;

	must(mkdir(MNT "/many", 0700));
	make_many();		/* for what the kernel keeps once it had it */
	is(remove_many(), MANY, "readdir and unlink in turn remove all names");
	objects = settled_inodes();
	kb = slab_kb();
	make_many();
	is(count_names(MNT "/many"), MANY, "10,000 files in a directory");
	full = slab_objects("gmem_inode");
	ok(full >= objects + MANY, "have 10,000 inodes: %ld, before %ld", full,
	   objects);
	if (on_debugging_kernel())
		skip(1, "a debugging kernel's slabs aren't what objects cost");
	else
		ok(meminfo("Slab") > kb + 8000,
		   "and take memory: %ld KiB, before %ld", meminfo("Slab"), kb);
	is(remove_many(), MANY, "once they are removed");
	full = slab_kb_below(kb + room);
	ok(full < kb + room, "it is back: %ld KiB, before %ld", full, kb);
	ok(inodes_become(objects), "and so are all inodes");
	must(rmdir(MNT "/many"));
}

/* Names that are left when the mount goes, nested and linked. */
static void test_unmount_with_names(void)
{
	long objects = settled_inodes();

	must(mkdir("/run/left", 0700));
	must(mount("none", "/run/left", "gmemfs", 0, NULL));
	must(mkdir("/run/left/a", 0700));
	must(mkdir("/run/left/a/b", 0700));
	make_file("/run/left/a/b/f", 'f');
	must(link("/run/left/a/b/f", "/run/left/g"));
	must(symlink("a/b/f", "/run/left/s"));
	must(mkfifo("/run/left/a/p", 0600));
	ok(slab_objects("gmem_inode") > objects, "a mount with names in it");
	is(umount("/run/left"), 0, "can be unmounted");
	ok(inodes_become(objects), "and takes all inodes along");
	ok(becomes("hidden_bytes", 0), "and what they hid");
}

int main(void)
{
	umask(0);
	test_directories();
	test_directory_files();
	test_setgid_directory();
	test_times();
	test_links();
	test_rename();
	test_rename_directories();
	test_rename_flags();
	test_rename_while_mapped();
	test_symlinks();
	test_special_files();
	test_inotify();
	test_many();
	test_unmount_with_names();
	is(count_names(MNT), 0, "the mount is empty at the end");
	return done_testing();
}
