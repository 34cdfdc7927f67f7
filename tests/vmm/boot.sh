#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# gmemvm boots Debian's kernel on hidden memory, and no guard keeps the host
# alive: kvm-clock, disks in both directions, random numbers, power-off, reset.
# Nothing stays behind. "boot.sh eight": the most vCPUs that it has, and no more.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/vm.sh
. /share/lib/vm.sh
# shellcheck source=tests/vmm/vmm.sh
. /share/vmm/vmm.sh

work=/run/vmm
mkdir -p "$work"
image=/var/tmp/disk	# on a file system that has O_DIRECT
mib=8

load_drivers() { # NAME
	vm_tell "$1" load virtio_mmio
	vm_tell "$1" load virtio_blk
}

# What of the guest's memory is not hidden is its clocks, a page a vCPU at most.
check_memory() { # NAME
	vm_tell "$1" memory
	is "$(field clocksource)" kvm-clock "$1: has kvm-clock"
	info "$(vm_file "$1")"
	ok "$1: its memory is there" test "$populated" -gt $((32 << 20))
	ok "$1: all but the clocks is hidden" \
		test "$hidden" -lt "$populated" -a \
		$((populated - hidden)) -le $((vmm_cpus * 4096))
	is "$lent" 0 "$1: nothing is lent: the guard is off"
}

check_after() { # NAME
	is "$(settled hidden_bytes)" 0 "$1: afterwards nothing is hidden"
	is "$(settled quarantined_bytes)" 0 '  nor in quarantine'
}

# What it can't do there: see sandbox.c.
check_sandbox() { # NAME
	ok "$1: gmemvm is in its sandbox" \
		grep -qx 'Seccomp:	2' "/proc/$(vm_pid "$1")/status"
	is "$(ls -A "/proc/$(vm_pid "$1")/root/")" '' '  in which there are no files'
}

test_disk() { # NAME OPTIONS
	"$pattern" write $image $mib 7
	vm_start "$1" --disk="path=$image$2" --no-reboot
	vm_up "$1"
	check_sandbox "$1"
	check_memory "$1"
	load_drivers "$1"
	vm_tell "$1" disk-check $mib 7
	is "$line" "intact pages=$((mib * 256))" "$1: reads what is on the disk"
	vm_tell "$1" disk-write $mib 9
	vm_tell "$1" disk-check $mib 9
	is "$line" "intact pages=$((mib * 256))" "$1: reads what it wrote"
	vm_off "$1"
	is "$(cat "$work/$1.stderr")" '' "$1: gmemvm has no complaint"
	ok "$1: and that is on the disk" "$pattern" check $image $mib 9
	check_after "$1"
}

test_readonly() {
	"$pattern" write $image $mib 5
	vm_start readonly --disk="path=$image,readonly=on" --no-reboot
	vm_up readonly
	load_drivers readonly
	vm_tell readonly disk-check $mib 5
	is "$line" "intact pages=$((mib * 256))" 'readonly: can be read'
	vm_ask readonly disk-write $mib 6
	vm_gone readonly
	is "$status" 0 'readonly: the guest gives up, and powers off'
	like "$(cat "$work/readonly.console")" \
		'told-init: FAILED: transfer of /dev/vda: Operation not permitted' \
		'readonly: it could not write'
	ok 'readonly: and nothing was' "$pattern" check $image $mib 5
}

test_random() {
	vm_start random --no-reboot
	vm_up random
	vm_tell random load virtio_mmio
	vm_tell random load virtio-rng
	vm_tell random random
	first=$line
	vm_tell random random
	not_ok 'random: two numbers are two' test "$first" = "$line"
	like "$line" '^random [0-9a-f]{32}$' 'random: they look like that'
	vm_ask random reset
	vm_gone random
	is "$status" 3 'random: a reset ends gmemvm with status 3, with --no-reboot'
	check_after random
}

# Above 4 GiB, too; the host needn't have as much.
test_large() {
	vm_mib=4608
	vm_start large --no-reboot
	vm_up large
	vm_tell large memory
	ok 'large: the guest has its memory' \
		test "$(field total_kib)" -gt $((4200 << 10))
	vm_tell large keep 64
	vm_tell large check
	is "$line" 'intact pages=16384' 'large: which holds what is in it'
	vm_off large
	check_after large
	vm_mib=192
}

hellos() {
	grep -c 'told-init: hello' "$work/again.console" || :
}

test_reset() {
	vm_start again
	vm_up again
	vm_ask again reset
	tries=$((vm_seconds * 2))
	until [ "$(hellos)" = 2 ] || [ $tries = 0 ]; do
		tries=$((tries - 1))
		sleep 0.5
	done
	is "$(hellos)" 2 'again: after a reset the guest begins anew'
	vm_off again
	check_after again
}

vmm_load off
truncate -s ${mib}M $image
if [ "${1-}" = eight ]; then
	vmm_cpus=8
	test_disk eight ""
	done_testing
fi
test_disk one ""
vmm_cpus=2
test_disk two ,direct=on
vmm_cpus=1
vmm_memory=,backend=memfd
test_readonly
vmm_memory=
test_random
test_large
test_reset
done_testing
