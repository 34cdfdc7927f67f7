#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A stock guest's disks without a copy, through the pool that it shares; what
# --control tells of it; memory that comes back by the balloon.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/vm.sh
. /share/lib/vm.sh
# shellcheck source=tests/vmm/vmm.sh
. /share/vmm/vmm.sh

work=/run/vmm
mkdir -p "$work"
disk=/var/tmp/disk	# on a file system that has O_DIRECT
mib=8
pages=$((mib * 256))
pool=$((8 << 20))

start() { # NAME [OPTION...]
	start_name=$1
	shift
	vm_start "$start_name" --no-reboot \
		--control="$(vmm_socket "$start_name")" \
		--disk="path=$disk.a,direct=on" --disk="path=$disk.b" "$@"
	vm_up "$start_name"
	vm_tell "$start_name" load virtio_mmio
	vm_tell "$start_name" load virtio_blk
}

use_disks() { # NAME
	"$pattern" write $disk.a $mib 7
	"$pattern" write $disk.b $mib 8
	vm_tell "$1" disk-check $mib 7
	is "$line" "intact pages=$pages" "$1: reads what is on the first disk"
	vm_tell "$1" disk-check $mib 8 vdb
	is "$line" "intact pages=$pages" "$1: and on the second"
	vm_tell "$1" disk-write $mib 9
	vm_tell "$1" disk-write $mib 10 vdb
	vmm_control "$1"
	is "$(reported bytes_written)" $((2 * mib << 20)) \
		"$1: --control says how much was written"
	# The kernel looks for partitions, too.
	ok "$1: and read" test "$(reported bytes_read)" -gt $((2 * mib << 20))
	is "$(reported failed)" 0 "$1: and that nothing failed"
}

check_disks() { # NAME
	ok "$1: the first disk has what was written" \
		"$pattern" check $disk.a $mib 9
	ok "$1: and the second" "$pattern" check $disk.b $mib 10
}

test_copied() {
	start copied
	use_disks copied
	is "$(reported zero_copy)" 0 'copied: without shared-io, all of it is copied'
	is "$(reported copied)" "$(($(reported reads) + $(reported writes)))" \
		'copied: each request'
	is "$(reported io_pool_bytes)" 0 'copied: and nothing is shared for it'
	vm_off copied
	check_disks copied
}

test_shared() {
	vmm_memory=,shared-io=8M
	start shared
	use_disks shared
	diag "$report"
	is "$(reported copied)" 0 'shared: nothing is copied'
	is "$(reported zero_copy)" "$(($(reported reads) + $(reported writes)))" \
		'shared: each request goes to and from shared memory'
	known=$(reported io_pool_bytes)
	ok 'shared: that is a pool of no more than was allowed' \
		test "$known" -gt 0 -a "$known" -le $pool
	is "$(reported to_shared_pages)" $((known / 4096)) \
		'shared: all that became shared is of the pool'
	is "$(reported hidden)" \
		"$(($(reported populated) - known - 4096))" \
		'shared: all but that and the clock is hidden'
	vm_off shared
	check_disks shared
	is "$(cat "$work/shared.stderr")" '' 'shared: gmemvm has no complaint'
	vmm_memory=
}

balloon_is() { # NAME PAGES
	balloon_left=$((vm_seconds * 2))
	until vmm_control "$1" && [ "$(reported actual_pages)" = "$2" ]; do
		balloon_left=$((balloon_left - 1))
		[ "$balloon_left" -gt 0 ] || vm_die "$1" "no balloon of $2 pages"
		sleep 0.5
	done
}

# What the guest has used once and doesn't need comes back to the host.
test_balloon() {
	start balloon
	vm_tell balloon load virtio_balloon
	vm_tell balloon keep 16
	vm_tell balloon keep 64
	vm_tell balloon drop
	vmm_control balloon
	before=$(reported populated)
	vmm_control balloon 'balloon 64M'
	is "$(reported wanted_bytes)" $((64 << 20)) 'balloon: --control sets it'
	balloon_is balloon $((64 * 256))
	diag "populated: $before before, $(reported populated) after"
	is "$(reported inflated_pages) $(reported refused_pages)" \
		"$((64 * 256)) 0" 'balloon: each page of it was punched'
	ok 'balloon: the host has memory back' \
		test "$(reported populated)" -lt $((before - (32 << 20)))
	vm_tell balloon check
	is "$line" 'intact pages=4096' 'balloon: what the guest keeps is intact'
	vmm_control balloon 'balloon 0'
	balloon_is balloon 0
	vm_tell balloon keep 64
	vm_tell balloon check
	is "$line" 'intact pages=20480' 'balloon: the guest uses it again'
	vmm_control balloon 'balloon 1T'
	like "$report" '"error":"balloon SIZE' 'balloon: one larger than the guest is refused'
	vmm_control balloon 'bolloon'
	like "$report" '"error":"the commands are' 'balloon: and what is no command'
	vm_off balloon
}

test_hostile() {
	ok 'hostile: memory that is made private while a disk uses it' \
		/opt/gmemfs/tests/vmm/hostile $disk.a
	[ "$tap_last" = 0 ] || return 0
	diag "$tap_output"
}

vmm_load off
truncate -s ${mib}M $disk.a
truncate -s ${mib}M $disk.b
test_hostile
test_copied
test_shared
test_balloon
is "$(settled hidden_bytes)" 0 'afterwards nothing is hidden'
is "$(settled quarantined_bytes)" 0 '  nor in quarantine'
is "$(settled pinned_bytes)" 0 '  nor pinned'
done_testing
