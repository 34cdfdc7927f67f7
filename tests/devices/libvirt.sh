#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A domain of libvirt on gmemfs gets a disk of the host's by <hostdev managed='yes'>, with what is in docs/devices.md
# and docs/qemu.md and nothing else. libvirt takes the disk from its driver, and gives it back.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/vm.sh
. /share/lib/vm.sh
# shellcheck source=tests/lib/domain.sh
. /share/lib/domain.sh
# shellcheck source=tests/devices/devices.sh
. /share/devices/devices.sh

work=/run/lv
mount=/run/guests
vm_mib=192
vm_seconds=600
mib=$((1024 * 1024))
ctl=/opt/gmemfs/bin/gmemctl
mkdir -p "$work" "$mount"

domain_devices="<hostdev mode='subsystem' type='pci' managed='yes'>
      <source>
        <address domain='0x0000' bus='0x00' slot='0x10' function='0x0'/>
      </source>
    </hostdev>"

locked_kib() {
	awk '$1 == "VmLck:" { print $2 }' "/proc/$(vm_pid lv)/status"
}

memlock_limit() {
	awk '/^Max locked memory/ { print $4 }' "/proc/$(vm_pid lv)/limits"
}

test_start() {
	start_domain
	is "$(driver_of "$NVME")" vfio-pci "  it takes the disk from the host's driver"
	is "$(stat -c %U "/proc/$(vm_pid lv)")" libvirt-qemu '  QEMU is not root'
	like "$(memlock_limit)" '^[0-9]+$' "  RLIMIT_MEMLOCK is $(memlock_limit)"
	ok '  and what the disk has counts for it' test "$(locked_kib)" -ge $(((vm_mib - 1) * 1024))
}

test_disk() {
	vm_tell lv disk-write 64 5 nvme0n1
	is "$line" 'disk-wrote pages=16384' 'the guest writes 64 MiB to the disk'
	vm_tell lv disk-check 64 5 nvme0n1
	is "$line" 'intact pages=16384' '  and reads them back'
	vm_tell lv keep 32
	vm_tell lv check
	is "$line" 'intact pages=8192' '  the memory is intact'
}

test_memory() {
	file=$(domain_file)
	info "$file"
	is "$populated" $((vm_mib * mib)) "all of the guest's memory is populated"
	is $((hidden + lent)) "$populated" '  and hidden, but for what is lent'
	ok '  and the disk has all' devices_have_all "$vm_mib"
	size='19[12]M'
	like "$($ctl show "$file")" "^devices +$size  have devices by VFIO, $size of it private$" '  gmemctl show says so'
	ok '  gmemctl verify: it is hidden, by page tables' $ctl verify "$file"
	ok '  gmemctl audit: the guest has no other memory' $ctl audit "$(vm_pid lv)"
	like "$tap_output" ' are of a device that the guest has by VFIO' "  it knows the disk's registers from memory"
}

# What the host's own driver does with the disk afterwards is none of the domain's business.
test_destroy() {
	vm_tell lv disk-reads nvme0n1
	wait_until_busy "$NVME"
	ok "virsh destroy, while the disk writes to the guest's memory" virsh destroy lv
	domain_off destroyed
	is "$(settled device_bytes)" 0 '  no device has anything'
	is "$(settled pinned_bytes)" 0 '  nothing is pinned'
	is "$(driver_of "$NVME")" "$driver_before" "  libvirt has given the disk back to the host's driver"
}

unload() {
	umount "$mount"
	umount /dev/gmem
	rmmod gmemfs
}

# Without udev and systemd, /dev/vfio/vfio is there only when vfio is loaded; and libvirt wants to see it.
need_device "$NVME"
mount -t gmemfs -o statfs=hugetlbfs gmemfs "$mount"
remember_host
driver_before=$(driver_of "$NVME")
start_libvirt
domain >"$work/lv.xml"
ok 'libvirt takes the definition' virsh define "$work/lv.xml"
test_start
test_disk
test_memory
test_destroy
ok 'virsh undefine' virsh undefine lv
stop_libvirt
host_is_back
ok 'gmemfs unloads' unload
done_testing
