#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A guest gives memory back by a balloon and by free page reporting. While it has a device, QEMU gives back none of
# it, as with any memory: all is pinned. Before and after that, it does.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/vm.sh
. /share/lib/vm.sh
# shellcheck source=tests/lib/balloon.sh
. /share/lib/balloon.sh
# shellcheck source=tests/devices/devices.sh
. /share/devices/devices.sh

work=/run/balloon
mkdir -p "$work"
vm_mib=192
mib=$((1024 * 1024))
all=$((vm_mib * mib))
file=/dev/gmem/one

# What the guest has just freed it reports, within seconds.
frees_much() {
	vm_tell one keep 64
	vm_tell one drop
}

# Nothing says when a guest has reported what it has freed. So this waits longer than that took without a device.
all_is_there() { # WHAT
	info "$file"
	ok "$1: nothing is given back ($((populated / mib)) MiB)" test "$populated" -ge $((all - mib))
}

test_without() {
	vm_tell one load virtio_balloon
	frees_much
	ok 'without a device: free page reporting gives memory back' populated_falls "$file" $((all - 48 * mib))
}

test_with() {
	plug_disk one
	info "$file"
	ok 'a disk is plugged in: the holes get memory' test "$populated" -ge $((all - mib))
	ok '  and the disk has all' devices_have_all "$vm_mib"
	before=$(complaints one)
	frees_much
	sleep 20
	all_is_there '  the guest frees and reports 64 MiB'
	balloon_to one $((vm_mib - 72))
	all_is_there "  its balloon has 72 MiB"
	ok '  the disk still has all' devices_have_all "$vm_mib"
	is "$(complaints one)" "$before" '  QEMU does not even try'
	balloon_to one "$vm_mib"
	vm_tell one check
	is "$line" 'intact pages=4096' '  what the guest kept is intact'
}

test_after() {
	disk_is_unplugged one || bail_out 'the guest does not let go of the disk'
	is "$(settled device_bytes)" 0 'unplugged: the disk has nothing'
	frees_much
	ok '  and memory is given back again' populated_falls "$file" $((all - 48 * mib))
	vm_tell one check
	is "$line" 'intact pages=4096' '  what the guest kept is intact'
	info "$file"
	is $((hidden + lent)) "$populated" '  the rest is hidden'
}

give_away "$NVME"
remember_host
vm_start one -object "$(vm_memory $file ,prealloc=on)" -device virtio-balloon-pci,free-page-reporting=on \
	-device pcie-root-port,id=rootport,slot=1
vm_up one
vm_tell one keep 16
test_without
test_with
test_after
vm_off one
rm "$file"
host_is_back
done_testing
