#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What users can do to gmemctl, which root runs on their files, descriptors and
# processes: have it open something else, convert somebody else's page, write
# where they like, and print what they like.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/ctl/ctl.sh
. /share/ctl/ctl.sh

tests=/opt/gmemfs/tests/ctl
user=65534
target=/run/target/watchdog

as_user="setpriv --reuid=$user --regid=$user --clear-groups"

# by_user COMMAND...; for what stays in the background, $as_user: then $! is that
by_user() {
	$as_user "$@"
}

# A mount that users may make files in, and what they would like to be opened.
set_up() {
	umount /dev/gmem
	mount -t gmemfs -o mode=1777 none /dev/gmem
	mkdir -p /run/target
	echo secret >"$target"
	chmod 755 /run/target
}

# swap KIND WHAT OTHER: begins in the background; sets $swap
swap() {
	rm -f /tmp/swap.ready
	$as_user "$tests/swap" "$@" >"$work/opened" &
	swap=$!
	wait_for test -e /tmp/swap.ready
}

# Sets $opened: how often root has opened it.
stop_swap() {
	kill "$swap"
	wait "$swap" || :
	opened=$(cat "$work/opened")
}

# What gmemctl makes of it is its business, but for opening it, or an end by a signal.
try() { # TIMES ARGUMENT...
	times=$1
	shift
	for _ in $(seq "$times"); do
		ctl "$@"
		[ "$status" -lt 64 ] || fail "gmemctl $*: status $status" "$err"
	done
}

test_names() {
	by_user mkdir -p /dev/gmem/u/a
	by_user truncate -s 2M /dev/gmem/u/a/watchdog
	by_user ln -s /run/target /dev/gmem/u/l
	swap names /dev/gmem/u $target
	try 10 ls
	try 10 show /dev/gmem/u/a/watchdog
	try 5 map /dev/gmem/u/a/watchdog
	try 2 verify --all
	try 5 convert /dev/gmem/u/a/watchdog 0 4K private
	stop_swap
	is "$opened" 0 'names: what a link led to for a moment was not opened'
	rm -r /dev/gmem/u
}

test_descriptors() {
	by_user truncate -s 2M /dev/gmem/file
	swap descriptors /dev/gmem/file $target
	by_user rm /dev/gmem/file
	try 5 ls
	try 5 status
	try 10 show "/proc/$swap/fd/10"
	try 2 verify --all
	try 5 convert "/proc/$swap/fd/10" 0 4K private
	stop_swap
	is "$opened" 0 'descriptors: what dup2() had put there was not opened'
}

test_mappings() {
	by_user truncate -s 2M /dev/gmem/file
	swap mappings /dev/gmem/file $target
	by_user rm /dev/gmem/file
	try 5 ls
	try 1 top --count=1
	try 10 show "/proc/$swap/map_files/10000000-10001000"
	try 2 verify --all
	stop_swap
	is "$opened" 0 'mappings: what mmap() had put there was not opened'
}

# A FIFO waits, if it is opened; a device, a socket, a directory are no files.
test_kinds() {
	by_user mkfifo /dev/gmem/fifo
	by_user mkdir /dev/gmem/dir
	mknod /dev/gmem/device c 1 3
	by_user python3 -c 'import socket
socket.socket(socket.AF_UNIX).bind("/dev/gmem/socket")'
	for kind in fifo dir device socket; do
		ctl show "/dev/gmem/$kind"
		is "$status" 1 "$kind: is refused"
		like "$err" "$kind: not a regular file" '  and why'
		ctl map --svg="/dev/gmem/$kind" /dev/gmem/fifo
		is "$status" 1 '  as output, too'
	done
	json ls
	is "$(ask 'len(d["files"])')$(ask 'd["complete"]')" 0true '  none of them is listed'
	rm -r /dev/gmem/fifo /dev/gmem/dir /dev/gmem/device /dev/gmem/socket
}

# Is the first page of a file shared?
first_page() { # FILE
	json map --cell=4K "$1"
	ask 'd["cells"][0]["shared"]'
}

refused() { # ERE NAME ARGUMENT...
	want=$1
	name=$2
	shift 2
	ctl convert "$@"
	is "$status" 1 "$name"
	like "$err" "$want" '  and why'
}

test_convert() {
	head -c 2M /dev/urandom >/dev/gmem/victim
	chmod 600 /dev/gmem/victim
	by_user mkdir /dev/gmem/u
	by_user ln -s ../victim /dev/gmem/u/vm
	by_user ln -s .. /dev/gmem/u/up
	refused 'symbolic link' "convert: a user's link" /dev/gmem/u/vm 0 4K shared
	refused 'symbolic link' '  to a directory' /dev/gmem/u/up/victim 0 4K shared
	ln -s /dev/gmem/victim /dev/gmem/link
	refused 'symbolic link' "  root's, where users may put theirs" /dev/gmem/link 0 4K shared
	is "$(first_page /dev/gmem/victim)" 0 '  the page is private still'
	mkdir -p /run/roots
	ln -sf /dev/gmem/victim /run/roots/link
	ctl convert /run/roots/link 0 4K shared
	is "$status$(first_page /dev/gmem/victim)" 01 "  root's own link is followed"
	ctl convert /proc/self/fd/5 0 4K private 5<>/dev/gmem/victim
	is "$status$(first_page /dev/gmem/victim)" 00 "  and the kernel's"
	rm -r /dev/gmem/u /dev/gmem/link
}

# Who has it open for reading can't convert it, nor have root do it.
test_convert_descriptor() {
	chmod 644 /dev/gmem/victim
	$as_user sleep 1000 5</dev/gmem/victim &
	reader=$!
	sleep 1000 5<>/dev/gmem/victim &
	writer=$!
	wait_for test -e "/proc/$reader/fd/5" -a -e "/proc/$writer/fd/5"
	refused "can't write to it" 'convert: the descriptor of a reader' \
		"/proc/$reader/fd/5" 0 4K shared
	is "$(first_page /dev/gmem/victim)" 0 '  the page is private still'
	ctl convert "/proc/$writer/fd/5" 0 4K shared
	is "$status$(first_page /dev/gmem/victim)" 01 '  that of a writer'
	ctl show "/proc/$reader/fd/5"
	is "$status" 0 '  to look is allowed'
	kill "$reader" "$writer"
	wait "$reader" "$writer" || :
	rm /dev/gmem/victim
}

# Below its root, a user's process mounts what it likes under names of its own.
test_convert_root() {
	head -c 2M /dev/urandom >/dev/gmem/victim
	chmod 600 /dev/gmem/victim
	by_user truncate -s 2M /dev/gmem/mine
	$as_user unshare -Urm sh -c 'cd /dev/gmem &&
		mount --bind victim mine && exec sleep 1000' &
	binder=$!
	wait_for grep /dev/gmem/mine "/proc/$binder/mountinfo"
	for way in root/dev/gmem/mine cwd/../gmem/mine "task/$binder/root/dev/gmem/mine"; do
		refused 'a process chooses' "convert: a user's $way" \
			--zero "/proc/$binder/$way" 0 4K shared
	done
	refused 'symbolic link' "convert: a link of a user's /proc" \
		--zero "/proc/$binder/root/proc/self/root/dev/gmem/mine" 0 4K shared
	is "$(first_page /dev/gmem/victim)" 0 '  the page is private still'
	ctl show "/proc/$binder/root/dev/gmem/mine"
	is "$status" 0 '  to look is allowed'
	ln -s /dev/gmem /run/way
	ctl show /run/way/victim
	is "$status" 0 '  to look by a link of root is allowed'
	ctl show "/proc/$binder/root/run/way/victim"
	is "$status" 1 "  but not below a process's root"
	like "$err" 'symbolic link' '  and why'
	ctl show "/proc/$binder/root/proc/self/root/dev/gmem/victim"
	is "$status" 1 "  nor by a link of a user's /proc"
	rm /run/way
	for way in root cwd root/run "task/$binder/cwd"; do
		ctl map --svg="/proc/$binder/$way/made.svg" /dev/gmem/victim
		is "$status" 1 "--svg: not to a user's $way"
		like "$err" 'a process chooses' '  and why'
	done
	ctl map --svg="/proc/$binder/root/proc/self/root/run/made.svg" /dev/gmem/victim
	is "$status" 1 "--svg: nor by a link of a user's /proc"
	is "$(find / -xdev -name made.svg)" '' '  nothing was made there'
	kill "$binder"
	wait "$binder" || :
	rm /dev/gmem/victim /dev/gmem/mine
}

# root's --svg where users may put something first.
test_output() {
	truncate -s 2M /dev/gmem/file
	mkdir -p /run/common
	chmod 777 /run/common
	by_user ln -sf "$target" /run/common/svg
	by_user ln -sfn /run/target /run/common/dir
	by_user touch /run/common/theirs
	for out in svg dir/new theirs; do
		ctl map --svg="/run/common/$out" /dev/gmem/file
		is "$status" 1 "--svg: not to a user's $out"
	done
	is "$(cat "$target")$(ls /run/target)" secretwatchdog '  which is as it was'
	is "$(stat -c %s /run/common/theirs)" 0 '  nor is theirs touched'
	for _ in 1 2; do
		ctl map --svg=/run/common/mine.svg /dev/gmem/file
		is "$status" 0 '  to a file of our own'
	done
	rm -r /run/common
	rm /dev/gmem/file
}

# A lease makes open() wait until its holder gives it up.
test_lease() {
	by_user truncate -s 2M /dev/gmem/file
	$as_user python3 -c '
import fcntl, signal, time
signal.signal(signal.SIGIO, signal.SIG_IGN)
f = open("/dev/gmem/file", "r+")
fcntl.fcntl(f, fcntl.F_SETLEASE, fcntl.F_WRLCK)
time.sleep(1000)' &
	holder=$!
	wait_for grep LEASE /proc/locks
	ctl show /dev/gmem/file
	is "$status" 1 'a lease: root does not wait'
	like "$err" 'lease' '  and says why'
	json verify --all
	is "$status" 5 '  verify says that it could not look'
	like "$(ask 'd["missed"][0]')" '^/dev/gmem/file: ' '  at what'
	kill "$holder"
	wait "$holder" || :
	rm /dev/gmem/file
}

# silent FUNCTION: a user's process that has a file server of its own, and calls that. The server
# answers what it takes to mount it and have a file mapped; and no more questions for
# attributes once /tmp/server.quiet is there. When it is asked for a page, it makes
# /tmp/server.asked. Sets $silent, the process, and $mapping.
silent() {
	expect_hung 0
	by_user mkdir -p /tmp/server /tmp/server.none /tmp/server.over
	rm -f /tmp/server.ready /tmp/server.quiet /tmp/server.more /tmp/server.asked
	$as_user unshare -Urm python3 -c '
import ctypes, os, struct, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
at = "/tmp/server"
def mount(what, where, kind, options):
	flags = 0x1000 if kind == "bind" else 0
	assert not libc.mount(what.encode(), where.encode(), kind.encode(), flags,
		options.encode()), (kind, ctypes.get_errno())
server = os.open("/dev/fuse", os.O_RDWR)
mount("none", at, "fuse",
	"fd=%d,rootmode=40000,user_id=0,group_id=0,default_permissions" % server)
FILE, FOLDERS = 2, 3
def attributes(node):
	mode = 0o100666 if node == FILE else 0o40777
	return struct.pack("<6Q10I", node, 1 << 20, 8, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)
INIT, LOOKUP, GETATTR, OPEN, READ, STATFS = 26, 1, 3, 14, 15, 17
def answer(op, name):
	if op == INIT:
		return struct.pack("<IIIIHHIIHHI", 7, 31, 65536, 0, 16, 12, 65536, 1, 256, 0, 0) + bytes(28)
	if op == LOOKUP and (name == b"f" or name.isdigit()):
		node = FILE if name == b"f" else FOLDERS + int(name)
		return struct.pack("<2Q2Q2I", node, 0, 1000, 0, 0, 0) + attributes(node)
	if op == OPEN:
		return struct.pack("<QII", 1, 0, 0)
	if op == STATFS:
		return struct.pack("<5Q4I", 0, 0, 0, 0, 0, 4096, 255, 4096, 0) + bytes(24)
def serve():
	while True:
		asked = os.read(server, 1 << 18)
		size, op, unique, node = struct.unpack_from("<IIQQ", asked)
		said = answer(op, asked[40:size - 1])
		if op == READ:
			open("/tmp/server.asked", "w")
		if op == GETATTR and not os.path.exists("/tmp/server.quiet"):
			said = struct.pack("<QII", 0, 0, 0) + attributes(node)
		if said is not None:
			os.write(server, struct.pack("<IiQ", 16 + len(said), 0, unique) + said)
		elif op not in (READ, GETATTR):
			os.write(server, struct.pack("<IiQ", 16, -38, unique))
def ready():
	open("/tmp/server.ready", "w").write("%d map_files/%x-%x\n" % (os.getpid(), own, own + 4096))
def own_map():
	f = os.open(at + "/f", os.O_RDONLY)
	page = libc.mmap(None, 4096, 1, 1, f, 0)
	me = os.open("/proc/self/mem", os.O_RDONLY)
	threading.Thread(target=lambda: os.pread(me, 1, page), daemon=True).start()
	while not os.path.exists("/tmp/server.asked"):
		time.sleep(0.1)
	ready()
	libc.mmap(None, 4096, 1, 0x22, -1, 0)
def own_maps(others):
	pause = ctypes.cast(libc.pause, ctypes.c_void_p)
	with open("/tmp/server.more", "w") as more:
		for _ in range(others):
			stack = libc.mmap(None, 65536, 3, 0x22, -1, 0)
			more.write("%d " % libc.clone(pause, ctypes.c_void_p(stack + 65536), 0x111, None))
	own_map()
def way_to(what, ways):
	mount("none", "/tmp/server.over", "overlay", "lowerdir=/tmp/server:/tmp/server.none")
	for i in range(ways):
		mount(what, "/tmp/server.over/%d" % i, "bind", "")
	mount("none", what, "tmpfs", "")
	open("/tmp/server.quiet", "w")
	ready()
	time.sleep(1000)
if os.fork():
	serve()
os.close(server)
vm = os.open("/dev/gmem/mine", os.O_RDWR)
own = libc.mmap(None, 4096, 3, 1, vm, 0)
eval(sys.argv[1])' "$1" &
	server=$!
	wait_for test -s /tmp/server.ready
	read -r silent mapping </tmp/server.ready
	# In mmap(), which waits for the thread that waits for the page.
	case $1 in own_map*) wait_for grep -q '^State:.D' "/proc/$silent/status" ;; esac
}

has_ended() { # PID...
	for ended; do
		! grep -q '^State:.[^ZX]' "/proc/$ended/status" || return
	done
}

stop_silent() {
	more=$(cat /tmp/server.more 2>/dev/null || :)
	# shellcheck disable=SC2086 # numbers
	kill -9 $more "$silent" "$server" 2>/dev/null || :
	wait "$server" || :
	# shellcheck disable=SC2086 # numbers
	wait_for has_ended $more "$silent"
	expect_hung 120
}

# Who waits for such a process or its server, such as khugepaged, isn't to be reported.
expect_hung() { # SECONDS, 0 for never
	[ ! -e /proc/sys/kernel/hung_task_timeout_secs ] ||
		echo "$1" >/proc/sys/kernel/hung_task_timeout_secs
}

# count_kills NAME ARGUMENT...: leaves in $work/NAME.json what it prints, in $work/NAME.status its status, and
# in $work/NAME.strace a line for each question that got no answer, for gmemctl ends its helper then.
count_kills() {
	killed=$work/$1
	shift
	status=0
	timeout -s KILL 400 strace -o "$killed.strace" -e trace=kill "$plain" "$@" \
		>"$killed.json" 2>"$killed.err" || status=$?
	echo "$status" >"$killed.status"
}

# Sets $status and $unanswered, which is how many questions got no answer.
read_kills() { # NAME
	status=$(cat "$work/$1.status")
	unanswered=$(grep -c "^kill(.*SIGKILL" "$work/$1.strace" || :)
}

# What reads of a process's memory map waits for its server, which need not answer.
test_silent() {
	modprobe fuse || :
	chmod 666 /dev/fuse
	by_user truncate -s 2M /dev/gmem/mine
	silent 'own_map()'
	not_ok "a process's maps: a read doesn't come back" timeout 3 cat "/proc/$silent/maps"
	for command in ls 'top --count=1' 'verify --all'; do
		status=0
		# shellcheck disable=SC2086 # words
		timeout 300 "$ctl" $command >"$work/out" 2>"$work/err" || status=$?
		case $command in verify*) want=5 ;; *) want=0 ;; esac
		is "$status" "$want" "  $command comes to an end"
		like "$(cat "$work/out")" "process $silent doesn.t answer .*mappings" '  and says what it missed'
		like "$(cat "$work/out")" '^/dev/gmem/mine' '  and what it did not'
	done
	status=0
	timeout 300 "$ctl" show "/proc/$silent/$mapping" >"$work/out" 2>"$work/err" || status=$?
	is "$status" 1 '  show by its mapping comes to an end'
	like "$(cat "$work/err")" "process doesn.t answer" '  and says why'
	stop_silent
	rm /dev/gmem/mine
}

# Thousands of processes may have one memory map.
test_many_silent() {
	by_user truncate -s 2M /dev/gmem/mine
	silent 'own_maps(60)'
	# Both wait for half a minute, most of it for nothing: at once.
	count_kills ls ls --json &
	listing=$!
	count_kills verify verify --all --json
	wait "$listing"
	for command in ls 'verify --all'; do
		read_kills "${command%% *}"
		cp "$work/${command%% *}.json" "$work/json"
		# On a busy machine others may answer late, too.
		ok "61 silent processes: $command asks 50 of them, once" \
			test "$unanswered" -ge 50 -a "$unanswered" -le 55
		like "$(ask '"\n".join(d["missed"])')" '^50 questions .* no answer' '  and says so'
	done
	is "$status" 5 '  incomplete'
	stop_silent
	rm /dev/gmem/mine
}

# A file server refuses root, but not an overlay of its user's that is on top of it.
test_silent_way() {
	modprobe overlay || :
	if ! grep -q overlay /proc/filesystems; then
		skip 8 'this kernel has no overlayfs'
		return
	fi
	by_user truncate -s 2M /dev/gmem/mine
	mkdir -p /run/once
	mount -t gmemfs none /run/once
	silent 'way_to("/run/once", 5)'
	umount /run/once
	way=/proc/$silent/root/tmp/server.over/0
	status=0
	timeout -s KILL 3 stat "$way" >"$work/out" 2>&1 || status=$?
	is "$status" 137 'a file server on the way to a mount: it does not answer'
	count_kills ls ls
	read_kills ls
	# Once for each way would be 5; on a busy machine others may answer late, too.
	ok '  ls comes to an end, and asks once' \
		test "$status" = 0 -a "$unanswered" -ge 1 -a "$unanswered" -le 3
	for command in status 'verify --all'; do
		status=0
		# shellcheck disable=SC2086 # words
		timeout -s KILL 300 "$ctl" $command >"$work/out" 2>"$work/err" || status=$?
		case $command in verify*) want=5 ;; *) want=0 ;; esac
		is "$status" "$want" "  $command comes to an end"
		like "$(cat "$work/out")" "can.t be reached: a file server .*doesn.t answer" '  and says what it missed'
	done
	for command in "show $way/file" "map --svg=$way/made.svg /dev/gmem/mine"; do
		status=0
		# shellcheck disable=SC2086 # words
		timeout -s KILL 300 "$ctl" $command >"$work/out" 2>"$work/err" || status=$?
		is "$status" 1 "  ${command%% *} by a path there comes to an end"
	done
	stop_silent
	rm /dev/gmem/mine
}

# Text that has nothing but what is to be seen. Told to be UTF-8, or else ASCII.
is_plain() { # FILE [ascii]
	python3 - "$@" <<'END'
import sys, unicodedata
text = open(sys.argv[1], encoding=(sys.argv[2:] or ["utf-8"])[0]).read()
bad = {hex(ord(c)) for c in text if c != "\n" and
       unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp", "Cn")}
assert not bad, bad
END
}

test_printed() {
	LC_ALL=C.UTF-8 by_user python3 - <<'END'
import ctypes, os, subprocess
bad = [*range(1, 32), *range(127, 160), 0xad, 0x61c, 0x180e, *range(0x200b, 0x2010),
       *range(0x2028, 0x202f), *range(0x2060, 0x2070), 0xfeff, *range(0xfff9, 0xfffc),
       0xe0001, 0xe0041]
for code in bad:
	if code != 0x2f:
		open("/dev/gmem/bad%x" % code + chr(code) + "x", "w")
open("/dev/gmem/good \u00e9\u4e2d\U0001f600", "w")
open("/dev/gmem/broken \udc80\udcff", "w")
END
	$as_user python3 -c '
import ctypes, time
f = open("/dev/gmem/good \u00e9\u4e2d\U0001f600")
ctypes.CDLL(None).prctl(15, "a\u202eb\u0085c\x1b[2J".encode(), 0, 0, 0)
time.sleep(1000)' &
	named=$!
	wait_for grep '^a' "/proc/$named/comm"
	for command in ls status 'top --count=1' 'verify --all' check; do
		# shellcheck disable=SC2086 # words
		LC_ALL=C.UTF-8 ctl $command
		ok "printed: $command" is_plain "$work/out"
		# shellcheck disable=SC2086 # words
		LC_ALL=C.UTF-8 json $command
		ok '  JSON' is_plain "$work/json"
		# shellcheck disable=SC2086 # words
		LC_ALL=C ctl $command
		ok '  in ASCII' is_plain "$work/out" ascii
	done
	json ls
	is "$(ask '[f["path"] for f in d["files"]].count("/dev/gmem/bad202e\u202ex")')" 1 \
		'  JSON has the name all the same'
	is "$(ask '[f["path"] for f in d["files"]].count("/dev/gmem/bade0041\U000e0041x")')" 1 \
		'  also beyond 16 bits'
	LC_ALL=C.UTF-8 ctl ls
	like "$out" '^/dev/gmem/good é中😀 ' '  what can be seen is printed as it is'
	like "$out" '^/dev/gmem/bad202e\\u202ex ' '  and a code for what can not'
	like "$out" 'a\\u202eb\\u0085c\\x1b\[2J\([0-9]+\)' '  of a process, too'
	for name in /dev/gmem/bad202e* /dev/gmem/bad9b*; do
		LC_ALL=C.UTF-8 ctl show "$name"
		ok '  show' is_plain "$work/out"
		ctl map --svg="$work/name.svg" "$name"
		ok '  SVG' is_plain "$work/name.svg"
		LC_ALL=C.UTF-8 ctl show "$name-none"
		ok '  a message' is_plain "$work/err"
	done
	kill "$named"
	wait "$named" || :
	rm /dev/gmem/*
}

test_build() {
	test_kinds
	test_convert
	test_convert_descriptor
	test_convert_root
	test_output
	test_lease
	test_silent
	test_many_silent
	test_silent_way
	test_printed
}

# It has to be fast to be deceived: without sanitizers.
test_swaps() {
	ctl=$plain
	test_names
	test_descriptors
	test_mappings
}

set_up
test_swaps
with_sanitizers test_build
done_testing
