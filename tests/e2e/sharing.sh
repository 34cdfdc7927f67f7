#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A file of gmemfs that others than its guest's QEMU map: another guest
# (ivshmem), and a process that is the guest's disk (vhost-user).
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/vm.sh
. /share/lib/vm.sh

work=/run/sharing
mkdir -p "$work"
mib=$((1024 * 1024))
shared=memory-backend-file,id=s,share=on,align=2M,size=16M,mem-path=/dev/gmem/shared

start() { # NAME [ARGUMENT...]
	start_name=$1
	shift
	vm_start "$start_name" -object "$(vm_memory "/dev/gmem/$start_name")" \
		-object "$shared" -device ivshmem-plain,memdev=s "$@"
}

start_disk() {
	truncate -s 16M "$work/disk"
	qemu-storage-daemon \
		--blockdev "driver=file,node-name=f,filename=$work/disk" \
		--export "type=vhost-user-blk,id=e,node-name=f,writable=on,addr.type=unix,addr.path=$work/disk.socket" \
		>"$work/disk.log" 2>&1 &
	echo $! >"$work/disk.pid"
	for _ in $(seq 300); do
		[ ! -S "$work/disk.socket" ] || return 0
		sleep 0.2
	done
	bail_out "qemu-storage-daemon does not come: $(cat "$work/disk.log")"
}

# Which of gmemfs's files a process maps.
mapped_by() { # PID
	grep -o '/dev/gmem/[a-z]*' "/proc/$1/maps" | sort -u | tr '\n' ' '
}

test_vhost_user() {
	is "$(mapped_by "$(cat "$work/disk.pid")")" '/dev/gmem/one /dev/gmem/shared ' \
		'vhost-user: the other process maps what the guest has'
	vm_tell one load virtio_blk
	vm_tell one disk-write 8 3
	is "$line" 'disk-wrote pages=2048' '  the guest writes the disk'
	vm_tell one disk-check 8 3
	is "$line" 'intact pages=2048' '  and reads it'
	ok '  8 MiB of which are in the image' \
		test "$(tr -d '\0' <"$work/disk" | wc -c)" -gt $((8 * mib * 99 / 100))
	info /dev/gmem/one
	is $((hidden + lent)) "$populated" '  memory of the guest is hidden'
}

test_ivshmem() {
	vm_tell one share-write 16 1
	info /dev/gmem/shared
	is "$populated" $((16 * mib)) 'ivshmem: one guest writes 16 MiB'
	is "$hidden" "$populated" '  which are hidden'
	vm_tell two share-check 16 1
	is "$line" 'intact pages=4096' '  the other reads what the first wrote'
	vm_tell two share-check 16 2
	is "$line" 'CORRUPT pages=4096 of=4096' '  (and can tell other data)'
	vm_tell two share-write 8 2
	vm_tell one share-check 8 2
	is "$line" 'intact pages=2048' '  and the other way round'
}

# The first to go leaves the shared file to the second.
test_end() {
	vm_tell one check
	is "$line" 'intact pages=12288' "the first guest's own memory is intact"
	vm_off one
	rm /dev/gmem/one
	kill "$(cat "$work/disk.pid")"
	wait "$(cat "$work/disk.pid")" || :
	vm_tell two share-check 8 2
	is "$line" 'intact pages=2048' 'the shared memory stays when one guest ends'
	info /dev/gmem/two
	two=$((hidden + lent))
	info /dev/gmem/shared
	is $(($(sysfs hidden_bytes) + $(sysfs lent_bytes))) $((two + hidden)) \
		'  and nothing of the first is left'
	vm_tell two check
	is "$line" 'intact pages=12288' "  the second's own memory is intact"
	vm_off two
	info /dev/gmem/shared
	is "$populated" $((16 * mib)) '  it stays in the file without any guest'
	rm /dev/gmem/two /dev/gmem/shared
}

remember_host
start_disk
start one -chardev "socket,id=c,path=$work/disk.socket" \
	-device vhost-user-blk-pci,chardev=c
start two
vm_up one
vm_up two
vm_ask one keep 48
vm_tell two keep 48
test_vhost_user
test_ivshmem
test_end
host_is_back
done_testing
