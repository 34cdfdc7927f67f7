#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# gmemctl verify says that all is well only if it has looked at all of it: else it
# says "incomplete", exit status 5, and at what it could not look.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/ctl/ctl.sh
. /share/ctl/ctl.sh
# shellcheck source=tests/ctl/holder.sh
. /share/ctl/holder.sh

kept=/run/kept

# By the ordinary build: what is done many times, because it is about luck, takes too long by ASan's.
plainly() { # COMMAND...
	ctl=$plain
	"$@"
	ctl=$sanitized
}

# A mount in which all that verify looks at is bad: so it shows what it has looked at.
mount_kept() {
	mkdir -p "$kept"
	mount -t gmemfs -o direct_map=kept none "$kept"
	head -c 2M /dev/urandom >"$kept/file"
}

# verify looks at the same as with --json, which ASan's build has done just before. That build prints words only
# the first time: they differ in what was missed, and that was in the JSON, too.
in_words() {
	if [ -e "$work/said-in-words" ]; then
		plainly ctl verify --all
	else
		: >"$work/said-in-words"
		ctl verify --all
	fi
}

incomplete() { # ERE NAME
	json verify --all
	is "$status" 5 "$2: incomplete"
	is "$(ask 'd["complete"]')$(ask 'd["bad"]')" false0 '  JSON says so'
	like "$(ask '"\n".join(d["missed"] + [f["missed"] or "" for f in d["files"]])')" \
		"$1" '  and what was missed'
	like "$err" '^gmemctl: incomplete' '  as does a message'
	in_words
	is "$status" 5 '  in words'
	like "$out" "$1" '  with what was missed'
}

looked() { # NAME
	json verify --all
	is "$status$(ask 'd["bad"]')" 1512 "$1: it was looked at"
	ok '  and so was all else' test "$(ask 'd["complete"]')" = true
}

test_covered() {
	mount_kept
	looked 'a mount'
	mount -t tmpfs none "$kept"
	incomplete 'covers it' 'a mount below another one'
	ctl ls
	like "$out" 'gmemctl could not look at all files' '  ls says so, too'
	umount "$kept"
	mkdir -p /run/elsewhere
	mount --bind "$kept" /run/elsewhere
	mount -t tmpfs none "$kept"
	looked 'the same, in sight elsewhere'
	umount /run/elsewhere
	umount "$kept"
	mkdir "$kept/dir"
	mv "$kept/file" "$kept/dir"
	mount -t tmpfs none "$kept/dir"
	incomplete "$kept/dir: another mount covers it" 'a mount on a directory in it'
	umount "$kept/dir"
	mount --bind "$kept/dir" /run/elsewhere
	umount "$kept"
	json verify --all
	is "$status$(ask 'd["bad"]')$(ask 'd["complete"]')" 1512false 'a part of a mount: a part was looked at'
	umount /run/elsewhere
}

# The covering mount is of the same file system, so its device number is the same: it is a
# bind mount of one of the mount's own directories.
test_covered_by_itself() {
	mkdir -p "$kept"
	mount -t gmemfs -o direct_map=kept,nr_inodes=0 none "$kept"
	mkdir "$kept/dir"
	head -c 2M /dev/urandom >"$kept/file"
	looked 'a mount without a limit of files'
	mount --bind "$kept/dir" "$kept"
	incomplete 'part of a mount' 'covered by a directory of its own'
	umount "$kept"
	looked '  and not any more'
	umount "$kept"
}

# is_named NAME PID: it has got as far as this program
is_named() {
	[ "$(cat "/proc/$2/comm")" = "$1" ]
}

# Mounted nowhere any more, but a process has a directory in it: files have names
# there, and nobody has them open.
test_detached() {
	for way in 'cd "$1"; exec sleep 1000' 'exec sleep 1000 7<"$1"'; do
		mount_kept
		sh -c "$way" sh "$kept" &
		holder=$!
		wait_for is_named sleep "$holder"
		umount -l "$kept"
		incomplete "process $holder has .* no process sees mounted" "detached: $way"
		stop_holder
	done
}

# The gmemfs is mounted nowhere any more, and the first process that has a file of it moves the
# file between two descriptors all the time. So that process can't be asked.
test_moved() {
	mkdir -p "$kept"
	mount -t gmemfs -o direct_map=kept,mode=1777 none "$kept"
	rm -f /tmp/moves
	setpriv --reuid=65534 --regid=65534 --clear-groups python3 -c '
import os
fd = os.open("'"$kept"'/mine", os.O_RDWR | os.O_CREAT)
os.unlink("'"$kept"'/mine")
os.dup2(fd, 20)
os.close(fd)
open("/tmp/moves", "w").close()
while True:
	os.dup2(20, 21)
	os.close(20)
	os.dup2(21, 20)
	os.close(21)' &
	mover=$!
	wait_for test -e /tmp/moves
	head -c 2M /dev/urandom >"$kept/file"
	sleep 1000 7<"$kept/file" &
	holder=$!
	wait_for is_named sleep "$holder"
	umount -l "$kept"
	well=0
	for _ in $(seq 15); do
		plainly ctl verify --all
		[ "$status" != 0 ] || well=$((well + 1))
	done
	is "$well" 0 'a descriptor that moves: verify never says that all is well'
	kill "$mover"
	wait "$mover" || :
	json verify --all
	is "$status$(ask 'd["bad"]')" 1512 '  and the file of another is looked at'
	stop_holder
}

# In a mount namespace of its own: as root of it sees it, and below a root of its own.
test_namespaces() {
	mkdir -p "$kept" /run/jail
	unshare --mount sh -c "mount -t gmemfs -o direct_map=kept none $kept
		head -c 2M /dev/urandom >$kept/part; mv $kept/part $kept/file; exec sleep 1000" &
	other=$!
	wait_for test -e "/proc/$other/root$kept/file"
	looked 'a mount namespace'
	kill "$other"
	wait "$other" || :
	unshare --mount sh -c "mount -t tmpfs none /run/jail
		cp -a /bin /lib /lib64 /usr/bin/sleep /run/jail 2>/dev/null
		mkdir -p /run/jail/usr/bin /run/jail/m
		mount --bind /usr /run/jail/usr
		mount -t gmemfs -o direct_map=kept none /run/jail/m
		head -c 2M /dev/urandom >/run/jail/m/part; mv /run/jail/m/part /run/jail/m/file
		exec chroot /run/jail sleep 1000" &
	other=$!
	wait_for test -e "/proc/$other/root/m/file"
	looked '  with a root of its own'
	kill "$other"
	wait "$other" || :
}

# A process sees nothing of its own namespace if its root is in another one. So it
# doesn't stand for the processes of that other one.
test_root_elsewhere() {
	mkdir -p "$kept"
	rm -f /run/elsewhere.*
	python3 -c '
import ctypes, os, time
while not os.path.exists("/run/elsewhere.pid"):
	time.sleep(.1)
at = os.open("/proc/%s/root" % open("/run/elsewhere.pid").read().strip(), os.O_RDONLY)
assert not ctypes.CDLL(None).unshare(0x20000)
os.fchdir(at)
os.chroot(".")
open("/run/elsewhere.ready", "w")
time.sleep(1000)' &
	first=$!
	unshare --mount sh -c "mount -t gmemfs -o direct_map=kept none $kept
		head -c 2M /dev/urandom >$kept/file
		echo \$\$ >/run/elsewhere.part; mv /run/elsewhere.part /run/elsewhere.pid
		exec sleep 1000" &
	other=$!
	wait_for test -e /run/elsewhere.ready
	ok 'a root in another namespace: its process comes first' test "$first" -lt "$other"
	looked "  that namespace"
	kill "$first" "$other"
	wait "$first" "$other" || :
}

# mount(8) and mountinfo have words between blanks, of which this is none.
test_no_source() {
	mkdir -p "$kept"
	python3 -c '
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
assert not libc.mount(b"", b"'"$kept"'", b"gmemfs", 0, b"direct_map=kept")'
	head -c 2M /dev/urandom >"$kept/file"
	looked 'a mount without a source'
	json status
	is "$(ask 'len([m for m in d["mounts"] if "direct_map=kept" in m["options"]])')" 1 \
		'  with its options'
	umount "$kept"
}

# Where a process may have a file: each is looked at, or said to be missed.
test_holders() {
	mount_kept
	rm "$kept/file"
	holder ''
	looked 'a descriptor'
	stop_holder
	holder 'm = mmap.mmap(f, 0); os.close(f)'
	looked 'a mapping'
	stop_holder
	holder '
def thread():
	assert not libc.unshare(0x400)
	g = os.open("/proc/self/fd/%d" % f, os.O_RDONLY)
	ready.set()
	time.sleep(1000)
ready = threading.Event()
threading.Thread(target=thread, daemon=True).start()
ready.wait()
os.close(f)'
	looked "a thread's own descriptor"
	stop_holder
	holder '
a, b = socket.socketpair()
a.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [f]))])
os.close(f)'
	incomplete "$kept has 2 inodes, but 1 were found" 'a descriptor in a socket'
	stop_holder
	json verify --all
	is "$status$(ask 'd["complete"]')" 0true 'nobody has it'
	mkdir "$kept/dir"
	(
		cd "$kept/dir"
		rmdir ../dir
		exec sleep 1000
	) &
	holder=$!
	wait_for is_named sleep "$holder"
	json verify --all
	is "$status$(ask 'd["complete"]')" 0true 'a directory that is gone is no file that was missed'
	stop_holder
	umount "$kept"
}

# in_flight MAKE [UNMAKE]: a holder whose file is in a socket, and who makes up for it:
# makes something in the directory u, and unmakes it when u was read, again and again
in_flight() {
	holder '
a, b = socket.socketpair()
a.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [f]))])
os.close(f)
os.mkdir(sys.argv[1] + "/u")
os.chdir(sys.argv[1] + "/u")
def make():
	'"$1"'
def unmake():
	'"$2"'
def hide():
	while True:
		os.read(watch, 4096)
		unmake()
		time.sleep(.5)
		make()
make()
watch = libc.inotify_init()
assert libc.inotify_add_watch(watch, b".", 0x10) > 0
threading.Thread(target=hide, daemon=True).start()'
}

never_complete() { # NAME
	for _ in 1 2 3; do
		plainly json verify --all
		echo "$status$(ask 'd["complete"]')"
	done >"$work/said"
	is "$(sort -u "$work/said")" 5false "in flight, and $1: never complete"
	stop_holder
	rm -rf "$kept/u"
}

# What goes once it was counted doesn't make up for a file in a socket.
test_made_up() {
	mount_kept
	rm "$kept/file"
	in_flight 'global g; g = os.open("a", os.O_CREAT | os.O_RDWR)' \
		'os.unlink("a"); time.sleep(2); os.close(g)'
	never_complete 'a file that loses its name, and is open'
	in_flight 'open("a", "w").close()' 'os.unlink("a")'
	never_complete 'a file that goes'
	in_flight 'os.mkdir("a")' 'os.rmdir("a")'
	never_complete 'a directory that goes'
	in_flight 'os.symlink("x", "a")' 'os.unlink("a")'
	never_complete 'a symbolic link that goes'
	in_flight 'open("a", "w").close(); os.link("a", "b")' 'os.unlink("b")
	time.sleep(2); os.unlink("a")'
	never_complete 'a further name that goes'
	in_flight 'open("a", "w").close()' '
	for _ in range(4000): os.link("a", "b"); os.unlink("b")
	os.unlink("a")'
	never_complete 'a further name that comes and goes'
	touch "$kept/a"
	ln "$kept/a" "$kept/b"
	ln -s x "$kept/c"
	ln -P "$kept/c" "$kept/d"
	mkfifo "$kept/e"
	sleep 0.1
	json verify --all
	is "$status$(ask 'd["complete"]')" 0true 'names that stay, several of one: all were met'
	umount "$kept"
}

# The first who has it lets go of it and takes it again all the while.
test_first_holder() {
	mount_kept
	rm "$kept/file"
	holder '
r, w = os.pipe()
if os.fork():
	def churn():
		while True:
			g = os.open("/proc/%d/fd/%d" % (child, f), os.O_RDONLY)
			time.sleep(.002)
			os.close(g)
	child = int(os.read(r, 10))
	os.close(f)
	threading.Thread(target=churn, daemon=True).start()
else:
	os.write(w, b"%d" % os.getpid())'
	json verify --all
	echo "$status$(ask 'd["bad"]')" >"$work/statuses"
	for _ in 2 3 4 5; do
		plainly json verify --all
		echo "$status$(ask 'd["bad"]')"
	done >>"$work/statuses"
	is "$(sort -u "$work/statuses")" 1512 'the first holder closes it: it is found by the second'
	pkill -P "$holder" || :
	stop_holder
	umount "$kept"
}

# By the shared view alone, what is private can't be mapped.
test_shared_view() {
	holder 'view = fcntl.ioctl(f, 0xb904, 0); os.close(f)' /dev/gmem
	incomplete '512 pages can.t be mapped' 'a shared view alone'
	stop_holder
	holder 'view = fcntl.ioctl(f, 0xb904, 0); os.dup2(f, view + 1); os.dup2(view, f)' /dev/gmem
	json verify --all
	is "$status$(ask 'd["files"][0]["checked"]')" 0512 '  with the file itself: that is taken'
	stop_holder
}

# Beyond the end of a file there may be pages, which have no state and no mapping.
test_beyond_end() {
	mount_kept
	rm "$kept/file"
	touch "$kept/beyond"
	fallocate -n -l 4M "$kept/beyond"
	incomplete '1024 more pages, beyond its end' 'an empty file with pages'
	rm "$kept/beyond"
	truncate -s 4K "$kept/cut" /dev/gmem/cut
	fallocate -n -l 2M "$kept/cut"
	json verify "$kept/cut"
	is "$status$(ask 'd["files"][0]["checked"]')" 11 'a 2 MiB block, only its first page in sight: it is bad'
	like "$(ask 'd["files"][0]["missed"]')" '511 more pages, beyond its end' '  and nobody knows about the others'
	rm "$kept/cut"
	fallocate -n -l 2M /dev/gmem/cut
	json verify --all
	is "$status$(ask 'd["complete"]')$(ask 'd["files"][0]["checked"]')" 0true1 '  where all are hidden, all is well'
	fallocate -p -l 4K /dev/gmem/cut
	json verify --all
	is "$status$(ask 'd["complete"]')" 5false '  and where none can be mapped, incomplete'
	rm /dev/gmem/cut
	head -c 5000 /dev/urandom >/dev/gmem/file
	json verify --all
	is "$status$(ask 'd["files"][0]["checked"]')" 02 'its last page in part: all was looked at'
	fallocate -n -o 4M -l 64K /dev/gmem/file
	incomplete '16 more pages, beyond its end' 'pages after a hole beyond the end'
	truncate -s 8M /dev/gmem/file
	json verify --all
	is "$status$(ask 'd["files"][0]["checked"]')" 018 '  a longer file: they were looked at'
	truncate -s 10000 /dev/gmem/file
	json verify --all
	is "$status$(ask 'd["files"][0]["checked"]')" 02 '  a shorter one: they have gone'
	rm /dev/gmem/file
	head -c 4M /dev/urandom >/dev/gmem/file
	truncate -s 3000000 /dev/gmem/file
	fallocate -p -o 64K -l 128K /dev/gmem/file
	json verify --all
	is "$status$(ask 'd["files"][0]["checked"]')" 0701 '  blocks of which parts were cut off and punched'
	rm /dev/gmem/file
	umount "$kept"
}

# The kernel gives the beginning of a list, and then an error. strace stops gmemctl at all calls, unless
# it has --seccomp-bpf, which needs -f.
test_cut_off() {
	head -c 8K /dev/urandom >/dev/gmem/file
	for list in /proc /proc/1/fd /proc/1/task /dev/gmem; do
		status=0
		strace -f --seccomp-bpf -o "$work/strace" -P "$list" -e trace=getdents64 \
			-e inject=getdents64:error=EIO:when=2+ \
			"$plain" verify --all --json >"$work/json" 2>"$work/err" || status=$?
		is "$status$(ask 'd["complete"]')" 5false "$list can't be read: incomplete"
		like "$(ask '"\n".join(d["missed"])')" 'Input/output error' '  and why'
		like "$(cat "$work/strace")" 'INJECTED' '  it was tried'
	done
	status=0
	# -D: the process keeps its number.
	sh -c 'exec strace -D -f --seccomp-bpf -o "$0" -P "/proc/$$/mountinfo" -e trace=read \
		-e inject=read:error=EIO "$@"' "$work/strace" \
		"$plain" verify --all --json >"$work/json" 2>"$work/err" || status=$?
	is "$status$(ask 'd["complete"]')" 5false "its own mounts can't be read: incomplete"
	like "$(ask '"\n".join(d["missed"])')" 'the mounts of process [1-9][0-9]*: Input/output error' '  and why'
	rm /dev/gmem/file
}

# The size costs nothing, and takes one call. So pages can come into sight at any moment: they
# are looked at, or said to be missed. Some of them are in the block that has the first end.
test_growing() {
	find_preload grower
	for at in $(seq 10); do
		head -c 5000 /dev/urandom >/dev/gmem/file
		fallocate -n -o 64K -l 64K /dev/gmem/file
		fallocate -n -o 8M -l 4M /dev/gmem/file
		GROW_AT=$at GROW_TO=33554432 LD_PRELOAD=$preload \
			ctl verify --json /dev/gmem/file
		cp "$work/out" "$work/json"
		echo "$status: $(ask 'd["files"][0]["checked"]') pages, missed $(ask 'd["files"][0]["missed"]')"
		rm /dev/gmem/file
	done >"$work/said"
	sed 's/^/# /' "$work/said"
	not_ok 'a file that grows meanwhile: all is looked at, or said to be missed' grep -v -E \
		'^(0: 1042 pages, missed null|5: 2 pages, missed the file holds 1040 more pages)' "$work/said"
	ok '  it is looked at' grep -q '^0: 1042 pages' "$work/said"
}

# Pages beyond the end are what is left of all pages, less those in sight. But a page in sight that was
# counted and is given back, or comes into sight meanwhile, doesn't make up for one beyond the end.
test_swapped() {
	find_preload grower
	for punch in 0 ''; do
		for at in 4 5 6; do
			truncate -s 64M /dev/gmem/file
			fallocate -l 2M /dev/gmem/file
			fallocate -o 8M -l 2M /dev/gmem/file
			fallocate -n -o 64M -l 2M /dev/gmem/file
			GROW_AT=$at GROW_PUNCH=$punch GROW_FILL=33554432 LD_PRELOAD=$preload \
				ctl verify --json /dev/gmem/file
			cp "$work/out" "$work/json"
			echo "$status: missed $(ask 'd["files"][0]["missed"]')"
			rm /dev/gmem/file
		done
	done >"$work/said"
	sed 's/^/# /' "$work/said"
	not_ok 'pages that move while they are counted: those beyond the end are missed' \
		grep -v '^5: missed the file holds 512 more pages' "$work/said"
}

# What a guest fills meanwhile is not part of the proof, and not missed either.
test_filled() {
	holder '
os.ftruncate(f, 1 << 30)
m = mmap.mmap(f, 1 << 30)
def fill():
	for at in range(2 << 20, 1 << 30, 2 << 20):
		m[at] = 1
		time.sleep(.01)
threading.Thread(target=fill, daemon=True).start()' /dev/gmem
	for _ in 1 2 3; do
		plainly json verify --all
		echo "$status$(ask 'd["complete"]')"
	done >"$work/said"
	is "$(sort -u "$work/said")" 0true 'a file that is filled all the while'
	stop_holder
}

# For who only sees its times, a file that is written to could have given back pages.
test_written() {
	holder '
os.ftruncate(f, 1 << 30)
def fill():
	while True:
		for at in range(2 << 20, 64 << 20, 2 << 20):
			os.pwrite(f, b"x" * 4096, at)
			time.sleep(.002)
threading.Thread(target=fill, daemon=True).start()' /dev/gmem
	for _ in 1 2; do
		json verify --all
		echo "$status$(ask 'd["complete"]') $(ask 'd["files"][0]["missed"]')"
	done >"$work/said"
	not_ok 'a file that is written to all the while: incomplete, if not for a moment' grep -v -E \
		'^(0true null|5false the file grew or changed faster than verify could count its pages)' "$work/said"
	stop_holder
	holder '
os.ftruncate(f, 1 << 30)
os.pwrite(f, b"x" * 4096, 1 << 29)' /dev/gmem
	json verify --all
	is "$status$(ask 'd["complete"]')" 0true '  and one that was written to just before'
	stop_holder
}

# What it does with a file that gets shorter and longer is its business, but
# not to say more than it knows.
test_changing() {
	holder '
def churn():
	while True:
		os.ftruncate(f, 0)
		os.ftruncate(f, 8 << 20)
		os.pwrite(f, b"x" * (4 << 20), 0)
		time.sleep(.01)
threading.Thread(target=churn, daemon=True).start()' /dev/gmem
	for _ in 1 2 3 4; do
		json verify --all
		case $status in
		0) ask 'd["complete"]' ;;
		5) ask 'not d["complete"] and bool(d["missed"] or d["files"][0]["missed"])' ;;
		*) echo "$status $err" ;;
		esac
	done >"$work/said"
	is "$(sort -u "$work/said")" true 'a file that shrinks and grows'
	stop_holder
}

test_build() {
	test_covered
	test_covered_by_itself
	test_detached
	test_moved
	test_namespaces
	test_root_elsewhere
	test_no_source
	test_holders
	test_made_up
	test_first_holder
	test_shared_view
	test_beyond_end
	test_cut_off
	test_growing
	test_swapped
	test_filled
	test_written
	test_changing
}

with_sanitizers test_build
done_testing
