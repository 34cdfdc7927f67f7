#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A guest is reset by QEMU, resets itself, powers off, and its QEMU is killed, each time while a disk of the host's
# writes to the guest's memory. The disk has all of that memory until QEMU is gone, and nothing afterwards.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/vm.sh
. /share/lib/vm.sh
# shellcheck source=tests/devices/devices.sh
. /share/devices/devices.sh

work=/run/reset
mkdir -p "$work"
vm_mib=192
file=/dev/gmem/one

start() {
	boots=1
	vm_start one -object "$(vm_memory $file)" -device "vfio-pci,host=$NVME,id=disk"
	vm_up one
}

# vm.sh starts QEMU with -no-reboot.
on_reboot() { # reset | shutdown
	vm_qmp one "{\"execute\":\"set-action\",\"arguments\":{\"reboot\":\"$1\"}}"
}

disk_works() {
	vm_tell one disk-reads nvme0n1
	wait_until_busy "$NVME"
}

count_boots() {
	grep -c 'told-init: hello' "$work/one.console" || :
}

# All of its boots are on one console.
boots_again() {
	boots=$((boots + 1))
	boots_left=$((vm_seconds * 2))
	until [ "$(count_boots)" -ge "$boots" ]; do
		vm_lives one || vm_ended one "boot $boots"
		boots_left=$((boots_left - 1))
		[ "$boots_left" -gt 0 ] || vm_die one "waited $vm_seconds s for boot $boots"
		sleep 0.5
	done
}

is_well() {
	vm_tell one disk-check 32 5 nvme0n1
	is "$line" 'intact pages=8192' '  it boots again, and reads from the disk what it wrote before'
	vm_tell one keep 32
	vm_tell one check
	is "$line" 'intact pages=8192' '  its memory is intact'
	info "$file"
	is $((hidden + lent)) "$populated" '  and hidden, but for what is lent'
	ok '  the disk has all' devices_have_all "$vm_mib"
}

is_gone() {
	rm "$file"
	is "$(settled device_bytes)" 0 '  no device has anything'
	is "$(settled pinned_bytes)" 0 '  nothing is pinned'
	is "$(settled hidden_bytes)" 0 '  nor hidden'
}

test_reset_by_qemu() {
	disk_works
	vm_qmp one '{"execute":"system_reset"}'
	pass 'QEMU resets the guest while the disk writes to its memory'
	boots_again
	is_well
}

test_reset_by_guest() {
	disk_works
	vm_tell one reset
	pass 'the guest resets itself meanwhile'
	boots_again
	is_well
}

test_power_off() {
	on_reboot shutdown
	disk_works
	vm_off one
	pass 'the guest powers itself off meanwhile: QEMU ends well'
	is_gone
}

test_killed() {
	disk_works
	kill -9 "$(vm_pid one)"
	vm_gone one
	is "$status" 137 'QEMU is killed meanwhile'
	is_gone
}

give_away "$NVME"
remember_host
victim_comes
start
on_reboot reset
vm_tell one disk-write 32 5 nvme0n1
is "$line" 'disk-wrote pages=8192' 'a guest with a disk'
test_reset_by_qemu
test_reset_by_guest
test_power_off
start
test_killed
victim_is_whole 'nobody wrote to memory of others'
host_is_back
done_testing
