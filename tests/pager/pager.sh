#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# gmem-pager: what is touched comes first, then all else; sparse parts are zeros; records; a status
# socket; and what happens if it is killed, if the snapshot can't be read, if the mount is full, or if
# the file is punched meanwhile.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/pager/pagers.sh
. /share/pager/pagers.sh

same() {
	cmp "$snapshot" "$file"
}

zeros() { # OFFSET SIZE
	cmp -n "$2" -i "$1:0" "$file" /dev/zero
}

test_all() { # OPTION...
	make_file 64M
	pager_start --from="$snapshot" "$@"
	ok "${*:-plain}: the file has the snapshot's contents while it comes" same
	pager_end
	is "$status" 0 '  it ends when all is there'
	is "$err" '' '  without a message'
	is "$(missing)" 0 '  nothing is missing'
	ok '  nor changed by then' same
}

test_on_demand() {
	make_file 64M
	pager_start --from="$snapshot" --on-demand --ahead=2M
	is "$(ask there_bytes)" 0 'on demand: nothing comes unasked'
	ok '  what is touched comes' cmp -n 4096 -i 32M "$snapshot" "$file"
	is "$(ask faults)" 1 '  one block was waited for'
	until [ "$(missing)" = $((60 * 1024)) ]; do
		sleep 0.1
	done
	pass '  and the one behind it comes with it'
	like "$(/opt/gmemfs/bin/gmemctl show "$file")" 'missing  *60M ' '  gmemctl says how much is missing'
	pager_kill TERM
	is "$status" 0 '  a signal ends it'
	not_ok '  the rest is lost then' same
}

test_sparse() {
	truncate --size=40M "$work/sparse"
	dd if="$snapshot" of="$work/sparse" bs=2M seek=8 count=1 conv=notrunc status=none
	make_file 64M
	pager_start --from="$work/sparse"
	pager_end
	is "$status" 0 'a sparse snapshot that is shorter'
	is "$(stat -c %b "$file")" $((2048 * 2)) '  takes memory where it has something'
	ok '  which is right' cmp -n 2M -i 0:16M "$snapshot" "$file"
	ok '  what is before is zero' zeros 0 16M
	ok '  and what is behind its end' zeros 40M 24M
}

# Its end is in the middle of a page, and then elsewhere.
test_odd() {
	make_file 3000001
	head -c 3000001 "$snapshot" >"$work/odd"
	pager_start --from="$work/odd" --on-demand
	truncate --size=3000002 "$file"
	ok 'a file that gets longer meanwhile' cmp -n 3000001 "$work/odd" "$file"
	ok '  is zero there' zeros 3000001 1
	pager_end
	is "$status" 0 '  and the pager ends when all is there'
}

test_record() {
	make_file 64M
	pager_start --from="$snapshot" --record="$work/record"
	for block in 7 3 20 11; do
		cmp -n 1 -i "$((block * 2))M" "$snapshot" "$file"
	done
	pager_end
	is "$status" 0 'a record'
	is "$(sed 1d "$work/record" | head -n 4 | tr '\n' ' ')" '7 3 20 11 ' '  has the order'
	make_file 64M
	pager_start --from="$snapshot" --replay="$work/record" --on-demand --ahead=0
	until [ "$(missing)" = $((56 * 1024)) ]; do
		sleep 0.1
	done
	for block in 7 3 20 11; do
		cmp -n 1 -i "$((block * 2))M" "$snapshot" "$file"
	done
	is "$(ask faults)" 0 '  replayed: nobody waits for these'
	pager_kill TERM
}

test_killed() {
	make_file 64M
	pager_start --from="$snapshot" --on-demand --reattach
	cmp -n 1 "$snapshot" "$file"
	same >"$work/compared" 2>&1 &
	reader=$!
	pager_kill KILL
	pager_start --from="$snapshot" --reattach
	pager_end
	is "$status" 0 'a pager is killed, and another one goes on'
	code=0
	wait "$reader" || code=$?
	is "$code" 0 '  who waits notices nothing'
}

test_full() {
	mkdir -p "$work/small"
	mount -t gmemfs -o size=16m gmemfs "$work/small"
	file=$work/small/guest
	make_file 64M
	pager_start --from="$snapshot"
	until [ "$(ask no_memory)" = True ]; do
		sleep 0.1
	done
	pass 'a full mount: the pager waits'
	while socat -t 1 - "UNIX-CONNECT:$socket" </dev/null; do
		sleep 0.1
	done >"$work/asked" 2>&1 &
	sleep 1
	mount -o remount,size=128m "$work/small"
	pager_end
	is "$status" 0 '  until there is room, also if somebody asks all the time'
	is "$(grep -c 'no memory' "$work/err")" 1 '  and says so, once'
	ok '  all is there' same
	rm "$file"
	umount "$work/small"
	file=/dev/gmem/guest
}

# The end of a loop device's file is cut off: reads there fail.
test_unreadable() {
	cp "$snapshot" "$work/disk"
	modprobe loop
	loop=$(losetup --find --show "$work/disk")
	truncate --size=32M "$work/disk"
	make_file 64M
	pager_start --from="$loop" --ahead=0
	pager_end
	losetup --detach "$loop"
	is "$status" 1 'a snapshot that can not be read to its end'
	like "$err" 'lost' '  is a message'
	ok '  what could be read is there' cmp -n 32M "$snapshot" "$file"
	not_ok '  the rest is an error' cmp -n 4096 -i 48M "$snapshot" "$file"
}

# Who has started it goes: the guest stays.
test_alone() {
	make_file 64M
	trap '' HUP
	pager_start --from="$snapshot" --on-demand --ahead=0
	trap - HUP
	kill -s HUP "$pager_pid"
	ok 'nohup: a pager goes on' cmp -n 4096 -i 32M "$snapshot" "$file"
	pager_kill TERM
	make_file 64M
	cp "$snapshot" "$work/cut"
	mkfifo "$work/messages"
	"$pager" --status="$socket.2" --from="$work/cut" --on-demand --ahead=0 "$file" 2>"$work/messages" &
	pager_pid=$!
	head -c 0 "$work/messages"
	until [ "$(missing)" = 65536 ]; do
		sleep 0.1
	done
	truncate --size=32M "$work/cut"
	not_ok 'a message that nobody can read' cmp -n 4096 -i 48M "$snapshot" "$file"
	ok '  does not end it' cmp -n 4096 -i 16M "$snapshot" "$file"
	pager_kill TERM
	is "$status" 1 '  nor does it succeed'
	make_file 64M
	ok 'nor does it wait for a terminal that is stopped' \
		timeout 60 python3 /share/pager/stopped.py "$pager" --from="$snapshot" "$file"
	ok '  all is there' same
}

test_punched() {
	make_file 64M
	pager_start --from="$snapshot" --keep
	until [ "$(missing)" = 0 ]; do
		sleep 0.1
	done
	fallocate --punch-hole --offset 2M --length 2M "$file"
	ok 'a block that is punched is zero' zeros 2M 2M
	is "$(ask punched)" 1 '  by the pager that is there still'
	fallocate --punch-hole --offset 4M --length 2M "$file"
	pager_kill TERM
	ok '  and by itself when it is gone' zeros 4M 2M
}

test_sandbox() {
	make_file 64M
	pager_start --from="$snapshot" --on-demand
	is "$(sed -n 's/^Seccomp:[[:space:]]*//p' "/proc/$pager_pid/status")" 2 'the sandbox: a seccomp filter'
	is "$(sed -n 's/^CapEff:[[:space:]]*//p' "/proc/$pager_pid/status")" 0000000000000000 '  no capability'
	is "$(sed -n 's/^NoNewPrivs:[[:space:]]*//p' "/proc/$pager_pid/status")" 1 '  and no new one'
	pager_kill TERM
}

make_snapshot 64
test_all
test_all --ahead=0
pager=$sanitized
test_all --no-sandbox
pager=/opt/gmemfs/bin/gmem-pager
test_on_demand
test_sparse
test_odd
test_record
test_killed
test_full
test_unreadable
test_alone
test_punched
test_sandbox
done_testing
