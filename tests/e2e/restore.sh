#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A guest of stock QEMU, unmodified, answers before its memory is there: its snapshot is on a disk, and
# gmem-pager fills the file on which it runs. All of its memory is what it was, and hidden. And gmem-pager
# reads what QEMU writes with mapped-ram.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/vm.sh
. /share/lib/vm.sh
# shellcheck source=tests/lib/migration.sh
. /share/lib/migration.sh

work=/root/restore
pager=/opt/gmemfs/bin/gmem-pager
mkdir -p "$work"
mib=$((1024 * 1024))

# The guest is stopped then, and its memory stays in its file.
migrate_away() { # NAME FILE CAPABILITY
	vm_use "$1" "$3"
	vm_qmp "$1" "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"file:$2\"}}"
	ok "$1: migrates with $3" \
		vm_until "$1" '{"execute":"query-migrate"}' '"status": "completed"'
}

quit() { # NAME
	vm_qmp "$1" '{"execute":"quit"}'
	vm_gone "$1"
	rm "/dev/gmem/$1"
}

missing() { # NAME
	sed -n 's/^gmem-missing:[[:space:]]*\([0-9]*\) kB/\1/p' /proc/self/fdinfo/3 3<"/dev/gmem/$1"
}

start_pager() { # NAME OPTION...
	start_name=$1
	shift
	truncate --size="${vm_mib}M" "/dev/gmem/$start_name"
	rm -f "$work/ready"
	mkfifo "$work/ready"
	"$pager" --ready-fd=9 "$@" "/dev/gmem/$start_name" 9>"$work/ready" &
	pager_pid=$!
	read -r _ <"$work/ready" || :
}

arrives() { # NAME FILE
	vm_start "$1" -object "$(vm_memory "/dev/gmem/$1")" -incoming defer
	vm_arrive "$1" "file:$2" x-ignore-shared
}

check_guest() { # NAME
	vm_tell "$1" check
	is "$line" 'intact pages=16384' "$1: memory is intact"
	info "/dev/gmem/$1"
	is $((hidden + lent)) "$populated" "$1: all of $((populated / mib)) MiB is hidden but what is lent"
}

remember_host
vm_start first -object "$(vm_memory /dev/gmem/first)"
vm_up first
vm_tell first keep 64
migrate_away first "$work/state" x-ignore-shared
cp --sparse=always /dev/gmem/first "$work/memory"
quit first

# What it doesn't ask for isn't there.
start_pager second --from="$work/memory" --on-demand --ahead=0
arrives second "$work/state"
vm_tell second memory
pass 'second: the guest answers'
left=$(missing second)
ok "  while $((left / 1024)) of $vm_mib MiB are missing" test "$left" -gt $((32 * 1024))
check_guest second
vm_off second
kill "$pager_pid"
wait "$pager_pid" || :
rm /dev/gmem/second

# All comes, and the pager goes.
start_pager third --from="$work/memory"
arrives third "$work/state"
status=0
wait "$pager_pid" || status=$?
is "$status" 0 'third: all comes, and the pager ends'
is "$(missing third)" 0 '  nothing is missing'
check_guest third
vm_tell third keep 8

# The block of the guest's memory, among others that QEMU has.
vm_use third x-ignore-shared false
migrate_away third "$work/mapped" mapped-ram
cp --sparse=always /dev/gmem/third "$work/memory"
start_pager fourth --from="$work/mapped"
status=0
wait "$pager_pid" || status=$?
is "$status" 0 'gmem-pager reads a file that QEMU has written with mapped-ram'
ok '  it has the contents of the memory' cmp "$work/memory" /dev/gmem/fourth
rm /dev/gmem/fourth
quit third
host_is_back
done_testing
