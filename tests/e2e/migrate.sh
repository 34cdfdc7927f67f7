#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A guest of stock QEMU goes back to a snapshot (savevm, loadvm), and from one
# file of gmemfs to another (migration by way of a file): its memory is what it
# was, and the old file's is given back.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/vm.sh
. /share/lib/vm.sh
# shellcheck source=tests/lib/migration.sh
. /share/lib/migration.sh

# On the disk: all of a guest's memory goes there more than once.
work=/root/migrate
mkdir -p "$work"
mib=$((1024 * 1024))

start() { # NAME [ARGUMENT...]
	start_name=$1
	shift
	vm_start "$start_name" -object "$(vm_memory "/dev/gmem/$start_name")" \
		-drive "if=none,id=d,format=qcow2,file=$work/disk.qcow2" \
		-device virtio-blk-pci,drive=d "$@"
}

# All of a guest is in a file then.
migrate_away() { # NAME URI [CAPABILITY]
	vm_leave "$@"
	rm "/dev/gmem/$1"
	is "$(settled hidden_bytes)" 0 "$1: none of its memory is left"
}

arrives() { # NAME URI [CAPABILITY]
	start "$1" -incoming defer
	vm_arrive "$@"
}

check_guest() { # NAME
	vm_tell "$1" check
	is "$line" "intact pages=$pages" "$1: memory is intact"
	vm_tell "$1" disk-check 4 7
	is "$line" 'intact pages=1024' "$1: and the disk"
	info "/dev/gmem/$1"
	is $((hidden + lent)) "$populated" \
		"$1: all of $((populated / mib)) MiB is hidden but what is lent"
	is "$huge" "$populated" "$1: in 2 MiB blocks"
}

qemu-img create -q -f qcow2 "$work/disk.qcow2" 16M
remember_host

start first
vm_up first
vm_tell first load virtio_blk
vm_tell first keep 64
pages=16384
vm_tell first disk-write 4 7
vm_monitor first 'savevm before'
vm_tell first keep 16
vm_tell first disk-write 4 8
vm_tell first check
is "$line" 'intact pages=20480' 'after savevm the guest goes on'
vm_monitor first 'loadvm before'
check_guest first

migrate_away first "file:$work/state"
arrives second "file:$work/state"
check_guest second
vm_tell second keep 8
pages=$((pages + 2048))
rm "$work/state"

migrate_away second "exec:cat >$work/state"
arrives third "exec:cat $work/state"
check_guest third
rm "$work/state"

# Zero pages are not in the file and not touched at the other side.
migrate_away third "file:$work/state" mapped-ram
arrives fourth "file:$work/state" mapped-ram
check_guest fourth
ok 'mapped-ram: what is not in the file is not populated' \
	test "$populated" -lt $((vm_mib * mib))
vm_off fourth
rm /dev/gmem/fourth
host_is_back
done_testing
