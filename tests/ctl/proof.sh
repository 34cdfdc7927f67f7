#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# gmemctl verify says that all is well only if it has looked at all of it: else it
# says "incomplete", exit status 5, and at what it could not look. And it comes to
# an end: neither a large file nor many of them are too much for it.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/ctl/ctl.sh
. /share/ctl/ctl.sh

kept=/run/kept
tests=/opt/gmemfs/tests/ctl

# A mount in which all that verify looks at is bad: so it shows what it has looked at.
mount_kept() {
	mkdir -p "$kept"
	mount -t gmemfs -o direct_map=kept none "$kept"
	head -c 2M /dev/urandom >"$kept/file"
}

incomplete() { # ERE NAME
	json verify --all
	is "$status" 5 "$2: incomplete"
	is "$(ask 'd["complete"]')$(ask 'd["bad"]')" false0 '  JSON says so'
	like "$(ask '"\n".join(d["missed"] + [f["missed"] or "" for f in d["files"]])')" \
		"$1" '  and what was missed'
	like "$err" '^gmemctl: incomplete' '  as does a message'
	ctl verify --all
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
	like "$out" 'not all files could be looked at' '  ls says so, too'
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
		incomplete "process $holder has .* nowhere in sight" "detached: $way"
		stop_holder
	done
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

# holder PYTHON: a process that has the file f, of 2 MiB, without a name
holder() {
	python3 -c '
import array, ctypes, fcntl, mmap, os, socket, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
f = os.open(sys.argv[1], os.O_TMPFILE | os.O_RDWR)
os.write(f, os.urandom(2 << 20))
exec(sys.argv[2])
open("/run/holder.ready", "w")
time.sleep(1000)' "${2-$kept}" "$1" &
	holder=$!
	wait_for test -e /run/holder.ready
	rm /run/holder.ready
}

stop_holder() {
	kill "$holder"
	wait "$holder" || :
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
		json verify --all
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
	for _ in 1 2 3 4 5; do
		json verify --all
		echo "$status$(ask 'd["bad"]')"
	done >"$work/statuses"
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
	incomplete '1024 pages more, beyond its end' 'an empty file with pages'
	rm "$kept/beyond"
	head -c 5000 /dev/urandom >/dev/gmem/file
	json verify --all
	is "$status$(ask 'd["files"][0]["checked"]')" 02 'its last page in part: all was looked at'
	fallocate -n -o 4M -l 64K /dev/gmem/file
	incomplete '16 pages more, beyond its end' 'pages after a hole beyond the end'
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

# What is filled meanwhile is not part of the proof, and not missed either.
test_filled() {
	holder '
os.ftruncate(f, 1 << 30)
def fill():
	for at in range(2 << 20, 1 << 30, 2 << 20):
		os.pwrite(f, b"x" * 4096, at)
		time.sleep(.01)
threading.Thread(target=fill, daemon=True).start()' /dev/gmem
	for _ in 1 2 3; do
		json verify --all
		echo "$status$(ask 'd["complete"]')"
	done >"$work/said"
	is "$(sort -u "$work/said")" 0true 'a file that is filled all the while'
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

# Holes cost nothing, in time or in memory.
test_sparse() {
	ctl=$plain
	large=/dev/gmem/large
	truncate -s 200T $large
	for at in 0 100 199; do
		printf x | dd of=$large bs=1 seek=$((at << 40)) conv=notrunc status=none
	done
	populated=$(stat -c %b $large)
	for command in verify show map 'map --json' 'map --svg=/run/large.svg'; do
		# shellcheck disable=SC2086 # words
		ok "200 TiB with three pages: $command, in 128 MiB and 20 s" timeout 20 \
			sh -c 'ulimit -v 131072; exec "$@"' sh "$ctl" $command $large
	done
	json verify $large
	ok '  verify: all pages were looked at' test \
		"$(ask 'd["files"][0]["checked"]')" = $((populated / 8))
	json show $large
	is "$(ask 'd["pages"]["hidden"]')" $((populated / 8)) '  show: hidden'
	is "$(ask 'd["pages"]["holes"]')" $(((200 << 28) - populated / 8)) '  show: holes'
	json map $large
	is "$(ask 'sum(c["hidden"] for c in d["cells"])')" $((populated / 8)) '  map: hidden'
	is "$(ask 'sum(c["pages"] for c in d["cells"])')" $((200 << 28)) '  map: all'
	ok '  map: not a cell too many' test "$(ask 'len(d["cells"])')" -le 65536
	ctl map --cell=4K $large
	is "$status" 2 '  map --cell=4K: too many'
	like "$err" 'so 256M at least' '  and what would do'
	truncate -s 9223372036852678656 $large	# 2^63 - 2 MiB
	ok 'the largest file there is: verify' timeout 20 "$ctl" verify $large
	ok '  map' timeout 20 "$ctl" map $large
	rm $large
}

# A file whose owner fills it ahead of verify and empties it behind has no end.
test_endless() {
	ctl=$plain
	holder '
os.ftruncate(f, 200 << 40)
def churn():
	step = 2 << 20
	pages = [1 << 40]
	for at in range(1 << 40, 200 << 40, step):
		os.pwrite(f, b"x", at)
		if at - pages[0] > 64 * step:
			libc.fallocate(f, 3, ctypes.c_long(pages[0]), ctypes.c_long(step))
			pages[0] += step
threading.Thread(target=churn, daemon=True).start()' /dev/gmem
	ok 'a file that is filled all the while: show comes to an end' \
		timeout 120 "$ctl" show "$(descriptor_of "$holder")"
	stop_holder
}

incomplete_in() { # SECONDS ERE NAME
	status=0
	timeout "$1" "$ctl" verify --all --json >"$work/json" 2>"$work/err" || status=$?
	is "$status" 5 "$3: incomplete, in $1 s"
	like "$(ask 'd["files"][0]["missed"]')" "$2" '  and what was missed'
}

# Four looks more at each of 4096 blocks, 20 ms apart, would take five minutes.
test_doubtful() {
	ctl=$plain
	mkdir -p /run/small
	mount -t gmemfs -o huge=never none /run/small
	holder '
os.ftruncate(f, 0)
os.ftruncate(f, 8 << 30)
for at in range(0, 8 << 30, 2 << 20): os.pwrite(f, b"x", at)
view = fcntl.ioctl(f, 0xb904, 0)
os.close(f)' /run/small
	incomplete_in 150 "4096 pages can't be mapped" 'many pages that are not to be seen'
	stop_holder
	truncate -s 8G /run/small/file
	python3 -c '
import os
f = os.open("/run/small/file", os.O_RDWR)
for at in range(0, 8 << 30, 2 << 20): os.pwrite(f, b"x", at)'
	export LIE=exposed LD_PRELOAD="$tests/liar.so"
	status=0
	timeout 150 "$ctl" verify --json /run/small/file >"$work/json" 2>"$work/err" || status=$?
	unset LIE LD_PRELOAD
	is "$status$(ask 'd["files"][0]["missing"]')" 132 'many pages that are wrong: some are, each time'
	is "$(ask 'd["files"][0]["doubtful"]')" 4064 '  the others are doubtful'
	like "$(ask 'd["files"][0]["missed"]')" '^4064 pages' '  and so it is said'
	rm /run/small/file
	umount /run/small
}

descriptor_of() { # PID
	for fd in "/proc/$1/fd"/*; do
		case $(readlink "$fd") in
		/dev/gmem*) echo "$fd" ;;
		esac
	done
}

# Seconds of CPU that a command takes.
cost() { # COMMAND...
	python3 -c '
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(int(1000 * (used.ru_utime + used.ru_stime)) + 1)' "$@"
}

# Eight times as many files take eight times as long, not 64.
test_many() {
	ctl=$plain
	python3 -c '
for i in range(1500): open("/dev/gmem/file%d" % i, "w")'
	few=$(cost "$ctl" top --count=2 --interval=0.1)
	python3 -c '
for i in range(1500, 12000): open("/dev/gmem/file%d" % i, "w")'
	many=$(cost "$ctl" top --count=2 --interval=0.1)
	diag "1500 files: $few ms; 12000 files: $many ms"
	ok 'time grows as files do' test "$many" -lt $((few * 20))
	find /dev/gmem -name 'file*' -delete
}

test_build() {
	test_covered
	test_detached
	test_namespaces
	test_root_elsewhere
	test_no_source
	test_holders
	test_made_up
	test_first_holder
	test_shared_view
	test_beyond_end
	test_filled
	test_changing
}

with_sanitizers test_build
test_sparse
test_endless
test_doubtful
test_many
done_testing
